//! Who works on a submission.

use daftar::case::{SubmissionState, SubmissionStep};
use daftar::store::{Leg, NewSubmission, Row, Unit};

use super::office::{NOW, Office};

#[tokio::test]
async fn a_submission_is_claimed_when_its_lease_is_over() {
    let office = Office::open().await;
    let case = office.opened().await;
    let submission = office.submission(case);
    let id = submission.id;
    office.store.commit(Unit::new().with(Row::OpenSubmission(Box::new(submission)))).await.unwrap();
    let lease = NOW.plus(60_000);
    assert!(office.store.claim("n2", NOW.plus(500), lease, 9).await.unwrap().is_empty());
    let claimed = office.store.claim("n2", NOW.plus(1_001), lease, 9).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].id, claimed[0].case, claimed[0].attempts), (id, case, 1));
    // Nobody else gets it now, not even the same node.
    assert!(office.store.claim("n3", NOW.plus(1_002), lease, 9).await.unwrap().is_empty());
    assert!(office.store.claim("n2", NOW.plus(1_002), lease, 9).await.unwrap().is_empty());
    let again = office.store.claim("n3", lease.plus(1), lease.plus(60_000), 9).await.unwrap();
    assert_eq!(again[0].attempts, 2);
}

#[tokio::test]
async fn what_is_not_due_or_has_ended_is_not_claimed() {
    let office = Office::open().await;
    let case = office.opened().await;
    let (polling, ended) = (office.submission(case), office.submission(case));
    let step = |submission, to, next_attempt| Row::MoveSubmission {
        submission,
        from: SubmissionState::Due,
        from_step: SubmissionStep::Request,
        to,
        step: SubmissionStep::Poll,
        next_attempt,
        lease_until: None,
        deadline: None,
    };
    let (polling_id, ended_id) = (polling.id, ended.id);
    let unit = Unit::new()
        .with(Row::OpenSubmission(Box::new(polling)))
        .with(Row::OpenSubmission(Box::new(ended)))
        .with(step(polling_id, SubmissionState::Polling, Some(NOW.plus(100))))
        .with(step(ended_id, SubmissionState::Ended, None));
    office.store.commit(unit).await.unwrap();
    assert!(office.store.claim("n1", NOW.plus(99), NOW.plus(999), 9).await.unwrap().is_empty());
    let claimed = office.store.claim("n1", NOW.plus(100), NOW.plus(999), 9).await.unwrap();
    assert_eq!(claimed.iter().map(|row| row.id).collect::<Vec<_>>(), [polling_id]);
    assert_eq!((claimed[0].state, claimed[0].step), (SubmissionState::Polling, SubmissionStep::Poll));
}

#[tokio::test]
async fn a_claim_takes_no_more_than_its_limit_and_the_longest_due_first() {
    let office = Office::open().await;
    let case = office.opened().await;
    let mut ids = Vec::new();
    for late in [30, 10, 20] {
        let mut submission = office.submission(case);
        submission.next_attempt = NOW.plus(late);
        submission.lease_until = NOW;
        ids.push(submission.id);
        office.store.commit(Unit::new().with(Row::OpenSubmission(Box::new(submission)))).await.unwrap();
    }
    let claimed = office.store.claim("n1", NOW.plus(50), NOW.plus(999), 2).await.unwrap();
    let mut found: Vec<_> = claimed.iter().map(|row| row.id).collect();
    found.sort();
    let mut expected = vec![ids[1], ids[2]];
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_worker_that_starts_anew_gets_back_what_it_had() {
    let office = Office::open().await;
    let case = office.opened().await;
    let (own, other) = (office.submission(case), NewSubmission { owner: "n2".to_owned(), ..office.submission(case) });
    let own_id = own.id;
    let unit = Unit::new().with(Row::OpenSubmission(Box::new(own))).with(Row::OpenSubmission(Box::new(other)));
    office.store.commit(unit.with(Row::Release { owner: "n1".to_owned() })).await.unwrap();
    let claimed = office.store.claim("n1", NOW.plus(1), NOW.plus(999), 9).await.unwrap();
    assert_eq!(claimed.iter().map(|row| row.id).collect::<Vec<_>>(), [own_id]);
}

#[tokio::test]
async fn attempts_are_counted_from_the_newest_message() {
    let office = Office::open().await;
    let case = office.opened().await;
    let submission = office.submission(case);
    let id = submission.id;
    office.store.commit(Unit::new().with(Row::OpenSubmission(Box::new(submission)))).await.unwrap();
    let put_back = || Row::MoveSubmission {
        submission: id,
        from: SubmissionState::Due,
        from_step: SubmissionStep::Request,
        to: SubmissionState::Due,
        step: SubmissionStep::Request,
        next_attempt: Some(NOW),
        lease_until: None,
        deadline: None,
    };
    for attempts in 1..=2 {
        office.store.commit(Unit::new().with(put_back())).await.unwrap();
        let claimed = office.store.claim("n1", NOW, NOW.plus(9), 9).await.unwrap();
        assert_eq!(claimed[0].attempts, attempts);
    }
    let message = Row::Record(Box::new(office.upstream(Leg::Submission, id, b"certConf")));
    office.store.commit(Unit::new().with(message).with(put_back())).await.unwrap();
    assert_eq!(office.store.submission_by_id(id).await.unwrap().unwrap().attempts, 0);
}
