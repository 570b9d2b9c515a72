use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Row as _, SqliteConnection};
use tempfile::TempDir;

use super::audit::{Line, Lines, Node};
use crate::fault::Fault;

/// The server's database, read beside it.
pub(super) struct Book {
    connection: SqliteConnection,
    _copy: Option<TempDir>,
}

impl Book {
    /// The database of a server that has ended: a copy of it with its log, so that the server finds at its next start what
    /// it left, not what SQLite made of it for us.
    pub(super) async fn of_ended(database: &Path) -> Result<Self, Fault> {
        let copy = tempfile::tempdir().map_err(Fault::machine)?;
        let place = copy.path().join("copy.sqlite");
        std::fs::copy(database, &place).map_err(|error| Fault::file(database, error))?;
        let log = with_suffix(database, "-wal");
        if log.exists() {
            std::fs::copy(&log, with_suffix(&place, "-wal")).map_err(|error| Fault::file(&log, error))?;
        }
        let connection = SqliteConnectOptions::new().filename(&place).connect().await?;
        Ok(Self { connection, _copy: Some(copy) })
    }

    /// The database of a server that runs.
    pub(super) async fn of_running(database: &Path) -> Result<Self, Fault> {
        let connection = SqliteConnectOptions::new().filename(database).read_only(true).connect().await?;
        Ok(Self { connection, _copy: None })
    }

    /// The keys of the cases whose request was sent, or may have been, and whose answer is not recorded.
    pub(super) async fn between_commits(&mut self) -> Result<HashSet<Vec<u8>>, Fault> {
        let query = sqlx::query(
            "SELECT key_print FROM case_record WHERE state IN ('submitted', 'waiting') AND key_print IS NOT NULL",
        );
        octets(&query.fetch_all(&mut self.connection).await?)
    }

    /// SHA-256 of all certificates.
    pub(super) async fn certificates(&mut self) -> Result<HashSet<Vec<u8>>, Fault> {
        let query = sqlx::query("SELECT hash FROM certificate");
        octets(&query.fetch_all(&mut self.connection).await?)
    }

    /// How many cases there are in each state.
    pub(super) async fn states(&mut self) -> Result<BTreeMap<String, i64>, Fault> {
        let query = sqlx::query("SELECT state, COUNT(*) FROM case_record GROUP BY state");
        counts(&query.fetch_all(&mut self.connection).await?)
    }

    /// How many cases have no end yet, by state.
    pub(super) async fn open_cases(&mut self) -> Result<BTreeMap<String, i64>, Fault> {
        let query = sqlx::query("SELECT state, COUNT(*) FROM case_record WHERE open = 1 GROUP BY state");
        counts(&query.fetch_all(&mut self.connection).await?)
    }

    pub(super) async fn keys_with_several_cases(&mut self) -> Result<i64, Fault> {
        let query = sqlx::query(
            "SELECT COUNT(*) FROM (SELECT 1 FROM case_record WHERE key_print IS NOT NULL GROUP BY key_print HAVING COUNT(*) > 1)",
        );
        Ok(query.fetch_one(&mut self.connection).await?.try_get(0)?)
    }

    /// The audit log, and the decisions that must stand in it.
    pub(super) async fn lines(&mut self) -> Result<Lines, Fault> {
        let query = sqlx::query("SELECT number, at, hash, canonical FROM leaf ORDER BY number");
        let leaves = query.fetch_all(&mut self.connection).await?;
        let query = sqlx::query("SELECT level, position, hash FROM tree_node");
        let nodes = query.fetch_all(&mut self.connection).await?;
        let query = sqlx::query("SELECT case_id FROM decision");
        let decisions = query.fetch_all(&mut self.connection).await?;
        let line = |row: &SqliteRow| -> Result<Line, sqlx::Error> {
            Ok(Line { number: row.try_get(0)?, at: row.try_get(1)?, hash: row.try_get(2)?, canonical: row.try_get(3)? })
        };
        let node = |row: &SqliteRow| -> Result<Node, sqlx::Error> {
            Ok(Node { level: row.try_get(0)?, position: row.try_get(1)?, hash: row.try_get(2)? })
        };
        Ok(Lines {
            leaves: leaves.iter().map(line).collect::<Result<_, _>>()?,
            nodes: nodes.iter().map(node).collect::<Result<_, _>>()?,
            decisions: decisions.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?,
        })
    }
}

fn octets(rows: &[SqliteRow]) -> Result<HashSet<Vec<u8>>, Fault> {
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

fn counts(rows: &[SqliteRow]) -> Result<BTreeMap<String, i64>, Fault> {
    Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
