//! A connection that breaks while COMMIT is on its way: the unit is written once, and told to be.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use daftar::case::CodeId;
use daftar::store::{CommitError, Config, Row, Store, Unit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use super::office::Office;
use super::server;

/// Where a line is cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// COMMIT does not reach the server.
    Before,
    /// COMMIT reaches the server, its answer does not come back.
    After,
}

/// A line to the server that is cut at so many commits.
struct Line {
    folder: tempfile::TempDir,
    left: Arc<AtomicUsize>,
}

impl Line {
    fn to(server: &Path, cut: Cut) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let left = Arc::new(AtomicUsize::new(0));
        let listener = UnixListener::bind(folder.path().join(server::SOCKET)).unwrap();
        let (server, counted) = (server.to_owned(), Arc::clone(&left));
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = UnixStream::connect(&server).await.unwrap();
                tokio::spawn(join(near, far, cut, Arc::clone(&counted)));
            }
        });
        Self { folder, left }
    }
}

/// Carries octets both ways until one side ends or the line is cut.
async fn join(near: UnixStream, far: UnixStream, cut: Cut, left: Arc<AtomicUsize>) {
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    let there = |octets: &[u8]| matches!(cut, Cut::Before) && has(octets, b"COMMIT\0") && take(&left);
    // CommandComplete: its letter, four octets of length, the tag.
    let back = |octets: &[u8]| matches!(cut, Cut::After) && has(octets, b"C\0\0\0\x0bCOMMIT\0") && take(&left);
    // Whichever ends first ends the other.
    tokio::select! {
        () = carry(from_near, to_far, there) => {}
        () = carry(from_far, to_near, back) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, ends: impl Fn(&[u8]) -> bool) {
    let mut octets = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut octets).await {
        if ends(&octets[..length]) || to.write_all(&octets[..length]).await.is_err() {
            return;
        }
    }
}

fn has(octets: &[u8], mark: &[u8]) -> bool {
    octets.windows(mark.len()).any(|window| window == mark)
}

fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// Counting is what doing it twice shows in.
async fn counted_once(cut: Cut, cuts: usize) {
    let office = Office::open().await;
    let line = Line::to(&office.place.0.socket(), cut);
    let store = Store::open(&Config::postgres(server::url(line.folder.path()))).await.unwrap();
    let code = office.code(None);
    let id = code.id;
    office.store.commit(Unit::new().with(Row::AddCode(Box::new(code)))).await.unwrap();
    for tries in 1..=3 {
        line.left.store(cuts, Ordering::SeqCst);
        store.count_try(id).await.unwrap();
        assert_eq!(line.left.load(Ordering::SeqCst), 0, "the line was not cut");
        assert_eq!(tries_of(&office, id).await, tries);
    }
}

async fn tries_of(office: &Office, code: CodeId) -> u32 {
    office.store.code_by_id(code).await.unwrap().unwrap().tries
}

#[tokio::test]
async fn a_commit_that_did_not_arrive_is_made_again() {
    counted_once(Cut::Before, 1).await;
    counted_once(Cut::Before, 3).await;
}

#[tokio::test]
async fn a_commit_whose_answer_did_not_come_is_not_made_twice() {
    counted_once(Cut::After, 1).await;
}

#[tokio::test]
async fn a_conflict_behind_a_cut_line_is_still_one() {
    let office = Office::open().await;
    let line = Line::to(&office.place.0.socket(), Cut::After);
    let store = Store::open(&Config::postgres(server::url(line.folder.path()))).await.unwrap();
    let mut case = office.case();
    case.join_key = Some([1; 32]);
    let first = case.id;
    line.left.store(1, Ordering::SeqCst);
    store.commit(Unit::new().with(Row::OpenCase(Box::new(case)))).await.unwrap();
    let mut case = office.case();
    case.join_key = Some([1; 32]);
    let fault = store.commit(Unit::new().with(Row::OpenCase(Box::new(case)))).await.unwrap_err();
    assert!(matches!(fault, CommitError::Conflict(daftar::store::Conflict::OpenCase { case }) if case == first));
}
