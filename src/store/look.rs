//! Looking things up inside a transaction, on either engine. What is asked is written once; SQLite's answers are there at once.

use futures_util::FutureExt as _;
use rusqlite::{Connection, params_from_iter};

use super::columns::Columns;
use super::values::Value;
use super::{Error, readers};

/// Where a transaction looks things up.
pub(super) trait Look {
    /// Which SQL is spoken.
    fn engine(&self) -> Engine;

    /// Looks at row after row, without keeping them.
    async fn each<E: From<Error>>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        look: impl FnMut(&Columns<'_>) -> Result<(), E>,
    ) -> Result<(), E>;

    /// Runs a statement that gives back no rows; says how many it changed.
    async fn change(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, Error>;

    /// All rows.
    async fn list<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        let keep = |row: &Columns<'_>| {
            found.push(read(row)?);
            Ok::<(), Error>(())
        };
        self.each(sql, values, keep).await?;
        Ok(found)
    }

    /// The first row.
    async fn find<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.list(sql, values, read).await?.into_iter().next())
    }
}

/// Where the two dialects differ, a statement is chosen by this.
#[derive(Clone, Copy, Debug)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Look for Connection {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    async fn each<E: From<Error>>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        look: impl FnMut(&Columns<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        readers::each(self, sql, values, look)
    }

    async fn change(&self, sql: &'static str, values: &[Value<'_>]) -> Result<usize, Error> {
        Ok(self.prepare_cached(sql)?.execute(params_from_iter(values))?)
    }
}

/// What SQLite answers, on a thread that waits for nothing.
pub(super) fn at_once<T, E: From<Error>>(looked: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    looked.now_or_never().unwrap_or(Err(Error::Closed.into()))
}
