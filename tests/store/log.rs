//! The audit log: numbering, and what a change behind its back looks like.

use std::collections::BTreeMap;

use daftar::store::{Checkpoint, LogFault, Row, Unit};
use tlog::{Frontier, leaf_hash};

use super::office::{NOTHING_SIGNED, NOW, Office};

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
    let summary = office.store.verify_log(&NOTHING_SIGNED).await.unwrap();
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
        assert_eq!(office.store.verify_log(&NOTHING_SIGNED).await.unwrap().root, frontier.root());
    }
    assert_eq!(office.store.verify_log(&NOTHING_SIGNED).await.unwrap().leaves, frontier.size());
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
    assert_eq!(office.store.verify_log(&NOTHING_SIGNED).await.unwrap().root, frontier.root());
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
    office.store.verify_log(&NOTHING_SIGNED).await.unwrap();
}

#[tokio::test]
async fn a_changed_leaf_is_found() {
    let office = Office::open().await;
    write(&office, 5).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office.place.meddle("UPDATE leaf SET canonical = hash WHERE number = 3").await;
    office.store.verify_log(&NOTHING_SIGNED).await.unwrap_err();
}

#[tokio::test]
async fn a_leaf_under_another_time_is_found() {
    let office = Office::open().await;
    write(&office, 5).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office.place.meddle("UPDATE leaf SET at = at + 1 WHERE number = 3").await;
    office.store.verify_log(&NOTHING_SIGNED).await.unwrap_err();
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
    office.store.verify_log(&NOTHING_SIGNED).await.unwrap_err();
}

#[tokio::test]
async fn a_missing_leaf_is_found() {
    let office = Office::open().await;
    write(&office, 5).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office.place.meddle("DELETE FROM leaf WHERE number = 2").await;
    office.store.verify_log(&NOTHING_SIGNED).await.unwrap_err();
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_found() {
    let office = Office::open().await;
    write(&office, 4).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    office.place.meddle("DELETE FROM leaf WHERE number = 3").await;
    let fault: LogFault = office.store.verify_log(&NOTHING_SIGNED).await.unwrap_err();
    assert!(!fault.to_string().is_empty());
}

#[tokio::test]
async fn destroyed_details_leave_the_log_whole() {
    let office = Office::open().await;
    let leaf = office.leaf(NOW).personal("address", "192.0.2.7", &office.random);
    office.store.commit(Unit::new().with(Row::Leaf(leaf))).await.unwrap();
    office.store.number_leaves("n1", NOW).await.unwrap();
    let before = office.store.verify_log(&NOTHING_SIGNED).await.unwrap();
    office.place.meddle("DELETE FROM leaf_detail").await;
    assert_eq!(office.store.verify_log(&NOTHING_SIGNED).await.unwrap().root, before.root);
}

/// The tree of so many leaves is signed; what is asked of it.
async fn signed(office: &Office, count: u16) -> (u64, [u8; 32]) {
    write(office, count).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    let log = office.store.verify_log(&NOTHING_SIGNED).await.unwrap();
    (log.leaves, log.root)
}

#[tokio::test]
async fn a_database_that_was_rolled_back_is_found_by_what_was_signed() {
    let office = Office::open().await;
    let (size, root) = signed(&office, 5).await;
    let known = BTreeMap::from([signed(&office, 3).await, (size, root)]);
    office.store.verify_log(&known).await.unwrap();
    assert_eq!(office.store.log_root(size).await.unwrap(), Some(root));
    // As it stood before the last leaf came: whole, and shorter.
    office.place.meddle("DELETE FROM leaf WHERE number = 7").await;
    office
        .place
        .meddle("DELETE FROM tree_node WHERE level > 0 AND (position + 1) * (1 << CAST(level AS INTEGER)) > 7")
        .await;
    office.store.verify_log(&NOTHING_SIGNED).await.unwrap();
    let fault = office.store.verify_log(&known).await.unwrap_err();
    assert!(matches!(fault, LogFault::Shorter { leaves: 7, signed: 8 }), "{fault}");
    assert_eq!((office.store.log_size().await.unwrap(), office.store.log_root(8).await.unwrap()), (7, None));
}

#[tokio::test]
async fn a_log_that_was_written_anew_is_found_by_what_was_signed() {
    let office = Office::open().await;
    let (size, root) = signed(&office, 5).await;
    let another = BTreeMap::from([(size, root), (3, [9; 32])]);
    let fault = office.store.verify_log(&another).await.unwrap_err();
    assert!(matches!(fault, LogFault::Checkpoint { size: 3 }), "{fault}");
    let of_nothing = BTreeMap::from([(0, [9; 32])]);
    assert!(matches!(office.store.verify_log(&of_nothing).await, Err(LogFault::Checkpoint { size: 0 })));
}

#[tokio::test]
async fn the_newest_checkpoint_is_kept_and_an_older_one_is_not() {
    let office = Office::open().await;
    assert_eq!(office.store.newest_checkpoint().await.unwrap(), None);
    let checkpoint =
        |size: u8| Checkpoint { size: size.into(), root: [size; 32], at: NOW, note: format!("note {size}") };
    for size in [3, 5, 4] {
        let unit = Unit::new().with(Row::KeepCheckpoint(checkpoint(size)));
        office.store.commit(unit).await.unwrap();
    }
    assert_eq!(office.store.newest_checkpoint().await.unwrap(), Some(checkpoint(5)));
}

#[tokio::test]
async fn the_leaves_of_a_case_are_found_with_what_stands_behind_them() {
    let office = Office::open().await;
    let case = daftar::case::CaseId::from_octets([0x5a; 16]);
    let leaf = office.leaf(NOW.plus(1)).case(case).personal("address", "192.0.2.7", &office.random);
    write(&office, 1).await;
    office.store.commit(Unit::new().with(Row::Leaf(leaf.clone()))).await.unwrap();
    assert!(office.store.leaves_naming(case).await.unwrap().is_empty(), "it has no place yet");
    office.store.number_leaves("n1", NOW).await.unwrap();
    let found = office.store.leaves_naming(case).await.unwrap();
    assert_eq!(found.iter().map(|leaf| (leaf.number, &leaf.canonical)).collect::<Vec<_>>(), [(1, &leaf.canonical())]);
    let details = office.store.details(found[0].id).await.unwrap();
    assert_eq!(details.iter().map(|detail| detail.value.as_str()).collect::<Vec<_>>(), ["192.0.2.7"]);
    assert_eq!(office.store.log_entries(1, 9).await.unwrap(), [leaf.canonical()]);
}

#[tokio::test]
async fn whether_another_node_numbers_leaves_is_known() {
    let office = Office::open().await;
    write(&office, 1).await;
    office.store.number_leaves("n1", NOW).await.unwrap();
    for (node, now, another) in [("n1", NOW, false), ("n2", NOW, true), ("n2", NOW.plus(10_000), false)] {
        assert_eq!(office.store.another_sequences(node, now).await.unwrap(), another, "{node}");
    }
}
