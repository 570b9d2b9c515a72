//! A SQLite file in a directory that goes with it.

use std::path::PathBuf;

use daftar::store::Config;

#[derive(Debug)]
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn config(&self) -> Config {
        Config::sqlite(self.path())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("daftar.db")
    }

    /// Changes records behind the store's back.
    #[expect(clippy::unused_async, reason = "PostgreSQL is asked over a socket")]
    pub(crate) async fn meddle(&self, statement: &str) {
        rusqlite::Connection::open(self.path()).unwrap().execute(statement, ()).unwrap();
    }
}
