use cmp::{FailureInfo, body};
use demo_ca::Kind;

use crate::office::{Office, csr, key};

#[tokio::test]
async fn a_repeat_gets_the_stored_answer_byte_for_byte_also_after_a_restart() {
    let mut office = Office::open().await;
    let message = office.first(body::p10cr(&csr(&key()).await), true).await;
    let first = office.send(&message).await;
    office.later(3600);
    let again = office.send(&message).await;
    assert_eq!(first.answer.der(), again.answer.der());
    office.restart().await;
    let again = office.send(&message).await;
    assert_eq!(first.answer.der(), again.answer.der());
    assert_eq!(office.count(Kind::Issued).await, 1);
}

#[tokio::test]
async fn repeats_at_the_same_time_are_one_request() {
    let office = Office::open().await;
    office.mischief(r#"{"delay_ms": 300}"#).await;
    let message = office.first(body::p10cr(&csr(&key()).await), true).await;
    let (a, b, c) = tokio::join!(office.send(&message), office.send(&message), office.send(&message));
    assert_eq!(a.answer.der(), b.answer.der());
    assert_eq!(a.answer.der(), c.answer.der());
    assert_eq!(office.count(Kind::Issued).await, 1);
}

#[tokio::test]
async fn a_transaction_id_is_used_once() {
    let office = Office::open().await;
    let first = office.enrol(true).await;
    let mut draft = office.draft(office.ra(), body::p10cr(&csr(&key()).await), true);
    draft.transaction_id.clone_from(&first.sent.header().transaction_id);
    let second = office.next(draft).await;
    assert_eq!(second.failure(), FailureInfo::TRANSACTION_ID_IN_USE);
    assert_eq!(office.count(Kind::Issued).await, 1);
    // The first one is still repeated as it was.
    let again = office.send(first.sent.der()).await;
    assert_eq!(again.answer.der(), first.answer.der());
}

#[tokio::test]
async fn many_at_once_are_each_issued_once() {
    let office = Office::open().await;
    let mut all = Vec::new();
    for _ in 0..50 {
        all.push(office.first(body::p10cr(&csr(&key()).await), true).await);
    }
    let office = std::sync::Arc::new(office);
    let mut tasks = tokio::task::JoinSet::new();
    for message in all {
        let office = std::sync::Arc::clone(&office);
        tasks.spawn(async move { office.send(&message).await.issued().certificate.serial().to_vec() });
    }
    let mut serials = tasks.join_all().await;
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 50);
    assert_eq!(office.count(Kind::Issued).await, 50);
}
