//! What the world does to a database: kill -9, a full disk, a lock that somebody holds.
//!
//! The process that is killed is this test program itself, started anew for one ignored test.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use daftar::case::CaseId;
use daftar::store::{CommitError, Config, NewCase, Row, Store, Unit};

use super::office::{self, NOTHING_SIGNED, NOW, Office};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("daftar.db");
    let mut acknowledged = Vec::new();
    for round in 1..=5 {
        let mut child = start(&path, "").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        acknowledged.extend(lines.by_ref().filter_map(|line| told(&line)).take(round * 40));
        child.kill().unwrap();
        acknowledged.extend(lines.filter_map(|line| told(&line)));
        child.wait().unwrap();
        let store = office::open(&Config::sqlite(path.clone())).await;
        all_there(&store, &acknowledged).await;
        store.number_leaves("n1", NOW).await.unwrap();
        let log = store.verify_log(&NOTHING_SIGNED).await.unwrap();
        assert_eq!(log.unnumbered, 0);
        assert!(log.leaves >= acknowledged.len() as u64);
        store.close().await;
    }
    assert!(acknowledged.len() >= 600);
}

#[tokio::test]
async fn a_full_disk_is_never_read_as_success() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("daftar.db");
    // `ulimit -f` counts 512 or 1024 octets: no file may grow above half a mebibyte or one.
    let output = start(&path, "trap '' XFSZ; ulimit -f 1024;").stderr(Stdio::null()).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("unavailable"), "{output}");
    let acknowledged: Vec<_> = output.lines().filter_map(told).collect();
    assert!(!acknowledged.is_empty());
    let office = Office::open().await;
    let store = office::open(&Config::sqlite(path)).await;
    all_there(&store, &acknowledged).await;
    store.commit(Unit::new().with(Row::OpenCase(Box::new(office.case())))).await.unwrap();
}

#[tokio::test]
async fn a_schema_that_a_newer_program_made_is_left_alone() {
    let office = Office::open().await;
    let path = office.place.path();
    office.store.clone().close().await;
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    let fault = Store::open(&Config::sqlite(path)).await.unwrap_err();
    assert!(matches!(fault, daftar::store::Error::Schema { has: 1000, .. }), "{fault}");
}

#[tokio::test]
async fn a_locked_database_is_unavailable_until_it_is_free() {
    let office = Office::open().await;
    let other = rusqlite::Connection::open(office.place.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let open = |case: NewCase| office.store.commit(Unit::new().with(Row::OpenCase(Box::new(case))));
    let refused = office.case();
    let id = refused.id;
    assert!(matches!(open(refused).await, Err(CommitError::Unavailable(_))));
    other.execute_batch("ROLLBACK").unwrap();
    assert!(office.store.case_by_id(id).await.unwrap().is_none());
    open(office.case()).await.unwrap();
    assert_eq!(office.store.stats().failures(), 1);
}

#[tokio::test]
async fn a_closed_store_takes_nothing_and_has_all_in_one_file() {
    let office = Office::open().await;
    let case = office.opened().await;
    let (path, store) = (office.place.path(), office.store.clone());
    store.clone().close().await;
    assert!(matches!(store.commit(Unit::new()).await, Err(CommitError::Unavailable(_))));
    assert!(!path.with_file_name("daftar.db-wal").exists());
    let store = office::open(&Config::sqlite(path)).await;
    assert!(store.case_by_id(case).await.unwrap().is_some());
}

/// Writes cases with sixteen hands until it is killed or the disk is full, and tells what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that other tests start and kill"]
async fn child() {
    let Ok(path) = std::env::var("STORE_TEST_FILE") else { return };
    let store = office::open(&Config::sqlite(path.into())).await;
    let mut hands = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let store = store.clone();
        hands.spawn(async move {
            loop {
                let id = write_one(&store).await;
                match id {
                    Ok(id) => println!("acknowledged {id}"),
                    Err(CommitError::Unavailable(_)) => break,
                    Err(conflict) => panic!("{conflict}"),
                }
            }
        });
    }
    // A sequencer works meanwhile; it may be killed in the middle, too.
    while !hands.is_empty() {
        let _ = store.number_leaves("n1", NOW).await;
        let _ = tokio::time::timeout(Duration::from_millis(3), hands.join_next()).await;
    }
    println!("unavailable");
    // It is not taken back later either.
    assert!(write_one(&store).await.is_err());
}

async fn write_one(store: &Store) -> Result<CaseId, CommitError> {
    let mut octets = [0; 16];
    aws_lc_rs::rand::fill(&mut octets).unwrap();
    let id = CaseId::from_octets(octets);
    let unit = Unit::new()
        .with(Row::OpenCase(Box::new(NewCase { id, request: vec![7; 2_000], ..office::any_case() })))
        .with(Row::Leaf(office::any_leaf(octets)));
    store.commit(unit).await.map(|()| id)
}

fn start(path: &Path, before: &str) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{before} exec \"$0\" --exact crash::child --ignored --nocapture"))
        .arg(program)
        .env("STORE_TEST_FILE", path);
    command
}

/// The identifier in a line that was written whole.
fn told(line: &str) -> Option<CaseId> {
    // The test program may write words of its own before it.
    CaseId::parse(line.split_once("acknowledged ")?.1)
}

async fn all_there(store: &Store, acknowledged: &[CaseId]) {
    for case in acknowledged {
        assert!(store.case_by_id(*case).await.unwrap().is_some(), "{case} was acknowledged and is lost");
    }
}
