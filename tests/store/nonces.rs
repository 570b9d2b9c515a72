//! Nonces of HTTP Digest: counted at all nodes together.

use daftar::store::{CommitError, Conflict, Row, Unit};

use super::office::{NOW, Office};

/// Whether a count of the nonce that was given at this moment could be used.
async fn spent(office: &Office, given: i64, count: u32) -> bool {
    let mut nonce = [7; 24];
    nonce[..8].copy_from_slice(&NOW.plus(given).0.to_be_bytes());
    let unit = Unit::new().with(Row::SpendNonce { nonce, count, live_since: NOW.plus(given - 300_000) });
    match office.store.commit(unit).await {
        Ok(()) => true,
        Err(CommitError::Conflict(Conflict::State { what: "nonce" })) => false,
        Err(fault) => panic!("{fault}"),
    }
}

#[tokio::test]
async fn each_count_of_a_nonce_is_good_once() {
    let office = Office::open().await;
    assert!(spent(&office, 0, 1).await);
    assert!(!spent(&office, 0, 1).await);
    assert!(spent(&office, 0, 3).await);
    assert!(!spent(&office, 0, 2).await, "what was overtaken is used up");
    assert!(spent(&office, 1, 1).await, "another nonce has its own counts");
}

#[tokio::test]
async fn a_nonce_that_is_good_no_more_is_forgotten() {
    let office = Office::open().await;
    assert!(spent(&office, 0, 9).await);
    assert!(spent(&office, 300_000, 1).await);
    assert!(!spent(&office, 0, 9).await, "it was good until then");
    assert!(spent(&office, 300_001, 1).await);
    assert!(spent(&office, 0, 1).await, "nobody takes it any more, so that nothing need be known of it");
}
