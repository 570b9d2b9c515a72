//! Group commit, and what is there after a restart.

use daftar::store::{Config, Row, Unit};

use super::office::{NOW, Office};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_share_transactions() {
    let office = Office::open().await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let units: Vec<_> = (0..8).map(|_| Unit::new().with(Row::Leaf(office.leaf(NOW)))).collect();
        let store = office.store.clone();
        writers.spawn(async move {
            for unit in units {
                store.commit(unit).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let (units, transactions) = (office.store.stats().units(), office.store.stats().commits());
    assert_eq!(units, 512);
    assert!(transactions * 2 < units, "{transactions} transactions for {units} units");
}

#[tokio::test]
async fn a_unit_in_conflict_is_not_counted_as_written() {
    let office = Office::open().await;
    let exchange = office.exchange(None);
    for _ in 0..2 {
        let _ = office.store.commit(Unit::new().with(Row::OpenExchange(Box::new(exchange.clone())))).await;
    }
    let stats = office.store.stats();
    assert_eq!((stats.units(), stats.conflicts(), stats.commits(), stats.failures()), (1, 1, 2, 0));
}

#[tokio::test]
async fn what_was_acknowledged_is_there_for_another_reader_of_the_file() {
    let office = Office::open().await;
    let case = office.opened().await;
    let again = office.again().await;
    assert!(again.case_by_id(case).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_opened_again_has_everything() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("daftar.db");
    let builder = Office::open().await;
    let mut cases = Vec::new();
    let store = super::office::open(&Config::sqlite(path.clone())).await;
    for _ in 0..20 {
        let case = builder.case();
        cases.push(case.id);
        store.commit(Unit::new().with(Row::OpenCase(Box::new(case)))).await.unwrap();
    }
    drop(store);
    let store = super::office::open(&Config::sqlite(path)).await;
    for case in cases {
        assert!(store.case_by_id(case).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_database_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let office = Office::open().await;
    office.opened().await;
    for name in ["daftar.db", "daftar.db-wal", "daftar.db-shm"] {
        let mode = std::fs::metadata(office.place.path().with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
