//! The audit log: numbering, and what a change behind its back looks like.

use daftar::audit::{Frontier, leaf_hash};
use daftar::store::{LogFault, Row, Unit};

use super::office::{NOW, Office};

/// Records so many leaves, each a millisecond after the one before.
async fn write(office: &Office, count: u16) {
    for number in 0..count {
        let leaf = office.leaf(NOW.plus(i64::from(number)));
        office.store.commit(Unit::new().with(Row::Leaf(leaf))).await.unwrap();
    }
}

#[tokio::test]
async fn an_empty_log_verifies() {
    let office = Office::open().await;
    let summary = office.store.verify_log().await.unwrap();
    assert_eq!((summary.leaves, summary.root), (0, Frontier::new().root()));
}

#[tokio::test]
async fn numbered_leaves_make_the_tree_of_their_bytes() {
    let office = Office::open().await;
    let mut frontier = Frontier::new();
    for round in 0..13_u16 {
        for number in 0..round {
            let leaf = office.leaf(NOW.plus(i64::from(round) * 100 + i64::from(number)));
            frontier.push(leaf_hash(&leaf.canonical()), |_, _| {});
            office.store.commit(Unit::new().with(Row::Leaf(leaf))).await.unwrap();
        }
        assert_eq!(office.store.number_leaves("n1", NOW).await.unwrap(), usize::from(round));
        assert_eq!(office.store.verify_log().await.unwrap().root, frontier.root());
    }
    assert_eq!(office.store.verify_log().await.unwrap().leaves, frontier.size());
}

#[tokio::test]
async fn leaves_are_numbered_in_the_order_of_their_times() {
    let office = Office::open().await;
    let (late, early) = (office.leaf(NOW.plus(9)), office.leaf(NOW));
    let mut frontier = Frontier::new();
    frontier.push(leaf_hash(&early.canonical()), |_, _| {});
    frontier.push(leaf_hash(&late.canonical()), |_, _| {});
    office.store.commit(Unit::new().with(Row::Leaf(late)).with(Row::Leaf(early))).await.unwrap();
    assert_eq!(office.store.oldest_unnumbered_leaf().await.unwrap(), Some(NOW));
    assert_eq!(office.store.number_leaves("n1", NOW).await.unwrap(), 2);
    assert_eq!(office.store.verify_log().await.unwrap().root, frontier.root());
    assert_eq!(office.store.oldest_unnumbered_leaf().await.unwrap(), None);
}

#[tokio::test]
async fn one_node_numbers_at_a_time() {
    let office = Office::open().await;
    write(&office, 1).await;
    assert_eq!(office.store.number_leaves("n1", NOW).await.unwrap(), 1);
    write(&office, 1).await;
    assert_eq!(office.store.number_leaves("n2", NOW.plus(5_000)).await.unwrap(), 0);
    assert_eq!(office.store.number_leaves("n2", NOW.plus(10_001)).await.unwrap(), 1);
    office.store.verify_log().await.unwrap();
}

#[tokio::test]
async fn a_changed_leaf_is_found() {
    let office = Office::open().await;
    write(&office, 5).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office.place.meddle("UPDATE leaf SET canonical = hash WHERE number = 3").await;
    office.store.verify_log().await.unwrap_err();
}

#[tokio::test]
async fn a_leaf_under_another_time_is_found() {
    let office = Office::open().await;
    write(&office, 5).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office.place.meddle("UPDATE leaf SET at = at + 1 WHERE number = 3").await;
    office.store.verify_log().await.unwrap_err();
}

#[tokio::test]
async fn a_leaf_changed_with_its_hash_is_found_by_the_tree() {
    let office = Office::open().await;
    write(&office, 5).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office
        .place
        .meddle(
            "UPDATE leaf SET canonical = (SELECT canonical FROM leaf WHERE number = 2), \
         hash = (SELECT hash FROM leaf WHERE number = 2) WHERE number = 1",
        )
        .await;
    office.store.verify_log().await.unwrap_err();
}

#[tokio::test]
async fn a_missing_leaf_is_found() {
    let office = Office::open().await;
    write(&office, 5).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office.place.meddle("DELETE FROM leaf WHERE number = 2").await;
    office.store.verify_log().await.unwrap_err();
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_found() {
    let office = Office::open().await;
    write(&office, 4).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office.place.meddle("DELETE FROM leaf WHERE number = 3").await;
    let fault: LogFault = office.store.verify_log().await.unwrap_err();
    assert!(!fault.to_string().is_empty());
}

#[tokio::test]
async fn destroyed_details_leave_the_log_whole() {
    let office = Office::open().await;
    let leaf = office.leaf(NOW).personal("address", "192.0.2.7", &office.random);
    office.store.commit(Unit::new().with(Row::Leaf(leaf))).await.unwrap();
    office.store.number_leaves("n1", NOW).await.unwrap();
    let before = office.store.verify_log().await.unwrap();
    office.place.meddle("DELETE FROM leaf_detail").await;
    assert_eq!(office.store.verify_log().await.unwrap().root, before.root);
}
