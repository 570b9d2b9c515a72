use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, Row};
use tempfile::TempDir;

use super::audit::{Line, Lines, Node};
use crate::fault::Fault;

/// The server's database, read beside it.
pub(super) struct Book {
    connection: Connection,
    _copy: Option<TempDir>,
}

impl Book {
    /// The database of a server that has ended: a copy of it with its log, so that the server finds at its next start what
    /// it left, not what SQLite made of it for us.
    pub(super) fn of_ended(database: &Path) -> Result<Self, Fault> {
        let copy = tempfile::tempdir().map_err(Fault::machine)?;
        let place = copy.path().join("copy.sqlite");
        std::fs::copy(database, &place).map_err(|error| Fault::file(database, error))?;
        let log = with_suffix(database, "-wal");
        if log.exists() {
            std::fs::copy(&log, with_suffix(&place, "-wal")).map_err(|error| Fault::file(&log, error))?;
        }
        let connection = Connection::open(&place)?;
        Ok(Self { connection, _copy: Some(copy) })
    }

    /// The database of a server that runs.
    pub(super) fn of_running(database: &Path) -> Result<Self, Fault> {
        let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self { connection, _copy: None })
    }

    /// The keys of the cases whose request was sent, or may have been, and whose answer is not recorded.
    pub(super) fn between_commits(&self) -> Result<HashSet<Vec<u8>>, Fault> {
        self.first(
            "SELECT key_print FROM case_record WHERE state IN ('submitted', 'waiting') AND key_print IS NOT NULL",
        )
    }

    /// SHA-256 of all certificates.
    pub(super) fn certificates(&self) -> Result<HashSet<Vec<u8>>, Fault> {
        self.first("SELECT hash FROM certificate")
    }

    /// How many cases there are in each state.
    pub(super) fn states(&self) -> Result<BTreeMap<String, i64>, Fault> {
        self.rows("SELECT state, COUNT(*) FROM case_record GROUP BY state", |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// How many cases have no end yet, by state.
    pub(super) fn open_cases(&self) -> Result<BTreeMap<String, i64>, Fault> {
        let query = "SELECT state, COUNT(*) FROM case_record WHERE open = 1 GROUP BY state";
        self.rows(query, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    pub(super) fn keys_with_several_cases(&self) -> Result<i64, Fault> {
        let query = "SELECT COUNT(*) FROM (SELECT 1 FROM case_record WHERE key_print IS NOT NULL GROUP BY key_print HAVING COUNT(*) > 1)";
        Ok(self.connection.query_row(query, (), |row| row.get(0))?)
    }

    /// The audit log, and the decisions that must stand in it.
    pub(super) fn lines(&self) -> Result<Lines, Fault> {
        Ok(Lines {
            leaves: self.rows("SELECT number, at, hash, canonical FROM leaf ORDER BY number", |row| {
                Ok(Line { number: row.get(0)?, at: row.get(1)?, hash: row.get(2)?, canonical: row.get(3)? })
            })?,
            nodes: self.rows("SELECT level, position, hash FROM tree_node", |row| {
                Ok(Node { level: row.get(0)?, position: row.get(1)?, hash: row.get(2)? })
            })?,
            decisions: self.first("SELECT case_id FROM decision")?,
        })
    }

    fn first<T: FromSql, All: FromIterator<T>>(&self, query: &str) -> Result<All, Fault> {
        self.rows(query, |row| row.get(0))
    }

    fn rows<T, All: FromIterator<T>>(
        &self,
        query: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<All, Fault> {
        let mut statement = self.connection.prepare(query)?;
        Ok(statement.query_map((), read)?.collect::<rusqlite::Result<All>>()?)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
