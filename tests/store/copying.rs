//! From a SQLite file to a server.

use daftar::case::{Event, SubmissionId};
use daftar::store::{Config, CopyFault, Leg, NewCase, NewDataKey, Row, Store, Unit};

use super::office::{self, NOTHING_SIGNED, NOW, Office};

/// Every kind of record, in a file.
async fn filled(office: &Office, file: &Config) -> Store {
    let store = office::open(file).await;
    let case = NewCase { join_key: Some([1; 32]), subject_text: "CN=پمپ".to_owned(), ..office.case() };
    let certificate = office.certificate(case.id);
    let about = NewCase { about: Some(certificate.id), ..office.case() };
    let (id, exchange, submission, code) =
        (case.id, office.exchange(Some(case.id)), office.submission(case.id), office.code(Some(1)));
    let (at, upstream, code_id) = (exchange.id, submission.id, code.id);
    let unit = Unit::new()
        .with(Row::OpenCase(Box::new(case)))
        .with(Row::OpenExchange(Box::new(exchange)))
        .with(Row::Record(Box::new(office.at_the_door(Leg::Request, at, b"ask"))))
        .with(Row::Record(Box::new(office.at_the_door(Leg::Reply, at, b"answer"))))
        .with(Row::OpenSubmission(Box::new(submission)))
        .with(Row::Record(Box::new(office.upstream(Leg::Submission, upstream, b"ir"))))
        .with(Row::AddCertificate(Box::new(certificate)))
        .with(Row::OpenCase(Box::new(about)))
        .with(Row::AddCode(Box::new(code)))
        .with(Row::UseCode { code: code_id, case: id, at: NOW })
        .with(Row::AddDataKey(NewDataKey { id: 1, wrapped_by: "token:wrap".to_owned(), blob: vec![1], at: NOW }))
        .with(Row::ProposeRuleSet { hash: [6; 32], text: "rules".to_owned(), at: NOW })
        .with(Row::MoveCase { case: id, from: daftar::case::State::Received, event: Event::Approve, at: NOW });
    store.commit(unit).await.unwrap();
    for number in 0..600 {
        let leaf = office.leaf(NOW.plus(number)).personal("address", "192.0.2.7", &office.random);
        store.commit(Unit::new().with(Row::Leaf(leaf))).await.unwrap();
    }
    assert_eq!(store.number_leaves("n1", NOW).await.unwrap(), 600);
    store.commit(Unit::new().with(Row::Leaf(office.leaf(NOW)))).await.unwrap();
    store
}

/// What is remembered, but for the audit log, as text.
async fn told(store: &Store) -> Vec<String> {
    let cases = store.cases(None, 99).await.unwrap();
    let mut told = vec![format!("{cases:?}{:?}{:?}", store.codes(9).await.unwrap(), store.data_keys().await.unwrap())];
    for case in &cases {
        let submission = store.submission_of_case(case.id).await.unwrap();
        let exchanges = store.exchanges_of_case(case.id).await.unwrap();
        let certificate = store.certificate_of_case(case.id).await.unwrap();
        let id = submission.as_ref().map_or(SubmissionId::from_octets([0; 16]), |row| row.id);
        let sent = store.sent_messages(id).await.unwrap();
        told.push(format!("{submission:?}{exchanges:?}{certificate:?}{sent:?}"));
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_records_are_copied_with_the_same_log() {
    let office = Office::open().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daftar.db");
    let source = filled(&office, &Config::sqlite(path.clone())).await;
    let copied = office.store.copy_from_sqlite(&path).await.unwrap();
    assert_eq!(copied.log, source.verify_log(&NOTHING_SIGNED).await.unwrap());
    assert_eq!(copied.log, office.store.verify_log(&NOTHING_SIGNED).await.unwrap());
    assert_eq!((copied.log.leaves, copied.log.unnumbered), (600, 1));
    assert!(copied.rows.contains(&("message", 3)), "{:?}", copied.rows);
    assert_eq!(told(&office.store).await, told(&source).await);
    // It goes on there.
    let newest = office.opened().await;
    assert_eq!(office.store.cases(None, 1).await.unwrap()[0].id, newest);
    assert_eq!(office.store.number_leaves("n2", NOW).await.unwrap(), 1);
    office.store.verify_log(&NOTHING_SIGNED).await.unwrap();
    // And nothing is copied over it.
    let fault = office.store.copy_from_sqlite(&path).await.unwrap_err();
    assert!(matches!(fault, CopyFault::NotEmpty("case_record")), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_file_that_was_meddled_with_nothing_is_copied() {
    let office = Office::open().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daftar.db");
    filled(&office, &Config::sqlite(path.clone())).await.close().await;
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE leaf SET at = at + 1 WHERE number = 3", ()).unwrap();
    let fault = office.store.copy_from_sqlite(&path).await.unwrap_err();
    assert!(matches!(fault, CopyFault::Log(_)), "{fault}");
    assert!(office.store.cases(None, 1).await.unwrap().is_empty());
}
