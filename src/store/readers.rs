//! Looking things up.
//!
//! Readers never wait for the writer, nor it for them (sqlite.org/wal.html), and see what was committed before they began.
//! What an index leads to is read on the thread that asks: it takes some microseconds, less than to ask another thread for it.
//! What may take longer has a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params_from_iter};
use tokio::sync::oneshot;

use super::columns::Columns;
use super::values::{Kept, Value};
use super::{Backend, Error, Store, open};

/// Connections that look things up. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// Connections that nobody uses now; None when all is closed.
    idle: Mutex<Option<Vec<Connection>>>,
    aside: Mutex<Sender<Errand>>,
}

/// What the thread aside does.
type Errand = Box<dyn FnOnce(&Readers) + Send>;

impl Readers {
    pub(super) fn new(path: &Path) -> Result<Self, Error> {
        let (aside, errands) = channel();
        let shared = Shared { path: path.to_owned(), idle: Mutex::new(Some(Vec::new())), aside: Mutex::new(aside) };
        let readers = Self(Arc::new(shared));
        let own = Arc::downgrade(&readers.0);
        open::thread("store-reader", move || run_errands(&own, &errands))?;
        Ok(readers)
    }

    /// Lets a connection be used, on this thread.
    pub(super) fn here<T, E: From<Error>>(&self, look: impl FnOnce(&mut Connection) -> Result<T, E>) -> Result<T, E> {
        let idle = self.idle(|idle| idle.map(Vec::pop)).ok_or(Error::Closed)?;
        let mut connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.0.path)?,
        };
        let found = look(&mut connection);
        // As many as there were threads that read at a time.
        self.idle(|idle| idle.map(|idle| idle.push(connection)));
        found
    }

    /// Lets a connection be used on the thread for what may take long.
    pub(super) async fn aside<T, E>(
        &self,
        look: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, found) = oneshot::channel();
        let errand: Errand = Box::new(move |readers| {
            // Whoever does not wait any more needs no answer.
            let _ = answer.send(readers.here(look));
        });
        let sent = self.0.aside.lock().unwrap_or_else(PoisonError::into_inner).send(errand);
        sent.map_err(|_| Error::Closed)?;
        found.await.map_err(|_| Error::Closed)?
    }

    /// Closes the connections that nobody uses; those in use are closed after it.
    pub(super) fn close(&self) {
        drop(self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn idle<T>(&self, with: impl FnOnce(Option<&mut Vec<Connection>>) -> T) -> T {
        with(self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut())
    }
}

/// Until the last reader is gone.
fn run_errands(readers: &std::sync::Weak<Shared>, errands: &Receiver<Errand>) {
    while let Ok(errand) = errands.recv() {
        match readers.upgrade() {
            Some(shared) => errand(&Readers(shared)),
            None => return,
        }
    }
}

impl Store {
    /// The row that an index leads to.
    pub(super) async fn find<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match &self.backend {
            Backend::Sqlite { readers, .. } => {
                turn().await;
                readers.here(|connection| find(connection, sql, values, read))
            }
            Backend::Postgres(postgres) => Box::pin(postgres.find(sql, values, read)).await,
        }
    }

    /// The few rows that an index leads to.
    pub(super) async fn list<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        match &self.backend {
            Backend::Sqlite { readers, .. } => {
                turn().await;
                readers.here(|connection| list(connection, sql, values, read))
            }
            Backend::Postgres(postgres) => Box::pin(postgres.list(sql, values, read)).await,
        }
    }

    /// How many rows there are.
    pub(super) async fn count(&self, sql: &'static str) -> Result<u64, Error> {
        let counted = self.search(sql, &[], |row| row.count("count")).await?;
        counted.into_iter().next().ok_or(Error::Damaged("count"))
    }

    /// Rows that may be many, or far.
    pub(super) async fn search<T: Send + 'static>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<Vec<T>, Error> {
        match &self.backend {
            Backend::Sqlite { readers, .. } => {
                let kept: Vec<Kept> = values.iter().map(Value::keep).collect();
                let look = move |connection: &mut Connection| {
                    let values: Vec<Value<'_>> = kept.iter().map(Kept::value).collect();
                    list(connection, sql, &values, read)
                };
                readers.aside(look).await
            }
            Backend::Postgres(postgres) => Box::pin(postgres.list(sql, values, read)).await,
        }
    }
}

/// A task that looks up much lets others have their turn.
async fn turn() {
    tokio::task::coop::consume_budget().await;
}

/// At most one row.
fn find<T>(
    connection: &Connection,
    sql: &'static str,
    values: &[Value<'_>],
    read: impl Fn(&Columns<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(params_from_iter(values), |row| Ok(read(&Columns::Sqlite(row)))).optional()?.transpose()
}

/// All rows.
fn list<T>(
    connection: &Connection,
    sql: &'static str,
    values: &[Value<'_>],
    read: impl Fn(&Columns<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    each(connection, sql, values, |row| {
        found.push(read(row)?);
        Ok::<(), Error>(())
    })?;
    Ok(found)
}

/// Looks at row after row, without keeping them.
pub(super) fn each<E: From<Error>>(
    connection: &Connection,
    sql: &'static str,
    values: &[Value<'_>],
    mut look: impl FnMut(&Columns<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = connection.prepare_cached(sql).map_err(Error::from)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(Error::from)?;
    while let Some(row) = rows.next().map_err(Error::from)? {
        look(&Columns::Sqlite(row))?;
    }
    Ok(())
}
