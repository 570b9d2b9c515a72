//! Each kind of conflict fails its own unit, whole, and no other.

use daftar::case::{Event, ExchangeState, State, SubmissionState, SubmissionStep};
use daftar::store::{CommitError, Conflict, Leg, Row, Unit};

use super::office::{NOW, Office};

fn conflict(result: Result<(), CommitError>) -> Conflict {
    match result {
        Err(CommitError::Conflict(conflict)) => conflict,
        other => panic!("no conflict: {other:?}"),
    }
}

#[tokio::test]
async fn an_open_case_with_the_same_join_key_is_named() {
    let office = Office::open().await;
    let mut first = office.case();
    first.join_key = Some([1; 32]);
    let first_id = first.id;
    let mut second = office.case();
    second.join_key = Some([1; 32]);
    let second_id = second.id;
    office.store.commit(Unit::new().with(Row::OpenCase(Box::new(first)))).await.unwrap();
    let unit = Unit::new().with(Row::Leaf(office.leaf(NOW))).with(Row::OpenCase(Box::new(second)));
    assert_eq!(conflict(office.store.commit(unit).await), Conflict::OpenCase { case: first_id });
    assert!(office.store.case_by_id(second_id).await.unwrap().is_none());
    // The rows before the one in conflict were not written either.
    assert_eq!(office.store.oldest_unnumbered_leaf().await.unwrap(), None);
}

#[tokio::test]
async fn a_case_that_ended_is_not_joined() {
    let office = Office::open().await;
    let mut first = office.case();
    first.join_key = Some([1; 32]);
    let first_id = first.id;
    let end = Row::MoveCase { case: first.id, from: State::Received, event: Event::Refuse, at: NOW };
    office.store.commit(Unit::new().with(Row::OpenCase(Box::new(first))).with(end)).await.unwrap();
    assert_eq!(office.store.case_by_join_key(&[1; 32]).await.unwrap().unwrap().id, first_id);
    let mut second = office.case();
    second.join_key = Some([1; 32]);
    let second_id = second.id;
    office.store.commit(Unit::new().with(Row::OpenCase(Box::new(second)))).await.unwrap();
    assert_eq!(office.store.case_by_join_key(&[1; 32]).await.unwrap().unwrap().id, second_id);
}

#[tokio::test]
async fn the_exchange_that_has_the_key_is_named() {
    let office = Office::open().await;
    let first = office.exchange(None);
    let mut second = office.exchange(None);
    second.key = first.key;
    let first_id = first.id;
    office.store.commit(Unit::new().with(Row::OpenExchange(Box::new(first)))).await.unwrap();
    let unit = Unit::new().with(Row::OpenExchange(Box::new(second)));
    assert_eq!(conflict(office.store.commit(unit).await), Conflict::ExchangeKey { exchange: first_id });
}

#[tokio::test]
async fn a_repeated_request_is_named() {
    let office = Office::open().await;
    let exchange = office.exchange(None);
    let id = exchange.id;
    let request = office.at_the_door(Leg::Request, id, b"once");
    let message = request.id;
    let unit = Unit::new().with(Row::OpenExchange(Box::new(exchange))).with(Row::Record(Box::new(request)));
    office.store.commit(unit).await.unwrap();
    let unit = Unit::new().with(Row::Record(Box::new(office.at_the_door(Leg::Request, id, b"once"))));
    assert_eq!(conflict(office.store.commit(unit).await), Conflict::Repeat { message });
    let unit = Unit::new().with(Row::Record(Box::new(office.at_the_door(Leg::Request, id, b"twice"))));
    office.store.commit(unit).await.unwrap();
}

#[tokio::test]
async fn a_case_moves_only_from_where_it_stands() {
    let office = Office::open().await;
    let case = office.opened().await;
    let step = |from, event| Unit::new().with(Row::MoveCase { case, from, event, at: NOW.plus(5) });
    let fault = conflict(office.store.commit(step(State::Checked, Event::Approve)).await);
    assert_eq!(fault, Conflict::State { what: "case" });
    // The table does not name this move.
    let fault = conflict(office.store.commit(step(State::Received, Event::Issue)).await);
    assert_eq!(fault, Conflict::State { what: "case" });
    assert_eq!(office.store.case_by_id(case).await.unwrap().unwrap().state, State::Received);
    office.store.commit(step(State::Received, Event::Approve)).await.unwrap();
    let row = office.store.case_by_id(case).await.unwrap().unwrap();
    assert_eq!((row.state, row.changed_at), (State::Approved, NOW.plus(5)));
}

#[tokio::test]
async fn an_exchange_moves_only_from_where_it_stands() {
    let office = Office::open().await;
    let exchange = office.exchange(None);
    let (id, key) = (exchange.id, exchange.key);
    office.store.commit(Unit::new().with(Row::OpenExchange(Box::new(exchange)))).await.unwrap();
    let step = |from, our_nonce| {
        let to = ExchangeState::Confirming;
        Unit::new().with(Row::MoveExchange { exchange: id, from, to, our_nonce, deadline: Some(NOW) })
    };
    let fault = conflict(office.store.commit(step(ExchangeState::Polling, None)).await);
    assert_eq!(fault, Conflict::State { what: "exchange" });
    office.store.commit(step(ExchangeState::Open, Some(vec![1]))).await.unwrap();
    office.store.commit(step(ExchangeState::Confirming, None)).await.unwrap();
    let row = office.store.exchange_by_key(&key).await.unwrap().unwrap();
    assert_eq!((row.state, row.our_nonce, row.deadline), (ExchangeState::Confirming, Some(vec![1]), Some(NOW)));
    assert!(office.store.overdue_exchanges(NOW, 9).await.unwrap().is_empty());
    assert_eq!(office.store.overdue_exchanges(NOW.plus(1), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_submission_moves_only_from_where_it_stands() {
    let office = Office::open().await;
    let case = office.opened().await;
    let submission = office.submission(case);
    let id = submission.id;
    office.store.commit(Unit::new().with(Row::OpenSubmission(Box::new(submission)))).await.unwrap();
    let step = |from, from_step| {
        Unit::new().with(Row::MoveSubmission {
            submission: id,
            from,
            from_step,
            to: SubmissionState::AwaitingConfirmation,
            step: SubmissionStep::Request,
            next_attempt: None,
            lease_until: None,
            deadline: Some(NOW.plus(9)),
        })
    };
    // Another state, or the same with another newest message: a worker that was overtaken changes nothing.
    for (state, at) in
        [(SubmissionState::Polling, SubmissionStep::Request), (SubmissionState::Due, SubmissionStep::Accept)]
    {
        let fault = conflict(office.store.commit(step(state, at)).await);
        assert_eq!(fault, Conflict::State { what: "submission" });
    }
    assert_eq!(office.store.backlog().await.unwrap().open, 1);
    office.store.commit(step(SubmissionState::Due, SubmissionStep::Request)).await.unwrap();
    assert_eq!(office.store.backlog().await.unwrap().open, 0);
    assert!(office.store.overdue_submissions(NOW.plus(9), 9).await.unwrap().is_empty());
    assert_eq!(office.store.overdue_submissions(NOW.plus(10), 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_certificate_comes_once() {
    let office = Office::open().await;
    let case = office.opened().await;
    let first = office.certificate(case);
    let mut same_hash = office.certificate(case);
    same_hash.hash = first.hash;
    let mut same_serial = office.certificate(case);
    same_serial.serial.clone_from(&first.serial);
    let other = office.certificate(case);
    let add = |certificate| Unit::new().with(Row::AddCertificate(Box::new(certificate)));
    office.store.commit(add(first)).await.unwrap();
    assert_eq!(conflict(office.store.commit(add(same_hash)).await), Conflict::Certificate);
    assert_eq!(conflict(office.store.commit(add(same_serial)).await), Conflict::Certificate);
    office.store.commit(add(other)).await.unwrap();
}

#[tokio::test]
async fn a_unit_in_conflict_fails_alone_among_others() {
    let office = Office::open().await;
    let mut taken = office.case();
    taken.join_key = Some([1; 32]);
    office.store.commit(Unit::new().with(Row::OpenCase(Box::new(taken)))).await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..64 {
        let mut case = office.case();
        let bad = number % 3 == 0;
        case.join_key = bad.then_some([1; 32]);
        let id = case.id;
        let leaf = office.leaf(NOW);
        let store = office.store.clone();
        waiting.spawn(async move {
            let unit = Unit::new().with(Row::Leaf(leaf)).with(Row::OpenCase(Box::new(case)));
            (bad, id, store.commit(unit).await)
        });
    }
    let mut good = 0;
    while let Some(done) = waiting.join_next().await {
        let (bad, id, result) = done.unwrap();
        assert_eq!(result.is_err(), bad, "{result:?}");
        assert_eq!(office.store.case_by_id(id).await.unwrap().is_none(), bad);
        good += usize::from(!bad);
    }
    assert_eq!(office.store.number_leaves("n1", NOW).await.unwrap(), good);
}
