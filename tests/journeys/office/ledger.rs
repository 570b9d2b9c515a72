//! What the office wrote down, read from its database, and what it counted.

use std::path::PathBuf;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::types::FromSqlOwned;

use super::Office;

impl Office {
    /// How many leaves of the audit log are of this kind.
    pub(crate) fn leaves(&self, kind: &str) -> usize {
        let found = self.column::<Vec<u8>>("SELECT canonical FROM leaf ORDER BY seq");
        found.iter().filter(|leaf| leaf.windows(kind.len()).any(|part| part == kind.as_bytes())).count()
    }

    /// How many leaves there are.
    pub(crate) fn all_leaves(&self) -> i64 {
        self.number("SELECT count(*) FROM leaf")
    }

    /// The first value of a query.
    pub(crate) fn number(&self, query: &'static str) -> i64 {
        self.column::<i64>(query).first().copied().expect("a row")
    }

    /// How many cases there are in any state.
    pub(crate) fn case_count(&self) -> i64 {
        self.number("SELECT count(*) FROM case_record")
    }

    /// The sum of a counter over its labels; 0 while it is not there.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let page = self.get(self.ports.metrics(), "/metrics").text();
        page.lines()
            .filter(|line| line.starts_with(name) && line.contains(label))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    pub(crate) fn column<T: FromSql + FromSqlOwned>(&self, query: &str) -> Vec<T> {
        if let Some(records) = &self.records {
            return records.column(query);
        }
        let connection = Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut statement = connection.prepare(query).unwrap();
        statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// Keeps everybody else from writing until what is given back is dropped.
    pub(crate) fn locked(&self) -> Connection {
        let connection = Connection::open(self.database()).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    }

    fn database(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.configuration()).unwrap();
        let settings: toml::Table = text.parse().unwrap();
        self.path(settings["store"]["path"].as_str().expect("store.path"))
    }
}
