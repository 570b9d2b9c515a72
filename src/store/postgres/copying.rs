//! All records of a SQLite file, copied into an empty database in one transaction.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::pin;

use rusqlite::{Connection, params_from_iter};
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use super::Postgres;
use super::connections::Session;
use crate::store::look::at_once;
use crate::store::values::Kept;
use crate::store::{Backend, Config, Error, LogFault, LogSummary, Store, log};

/// How many rows each table has.
type Counts = Vec<(&'static str, u64)>;

/// What was copied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Copied {
    /// How many rows of each table.
    pub rows: Counts,
    /// The audit log, the same on both sides.
    pub log: LogSummary,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyFault {
    /// It is copied to a server only.
    #[error("[store] names no PostgreSQL server to copy to")]
    NoServer,
    /// What is there already is not written over.
    #[error("the database there is not empty: its table {0} has rows")]
    NotEmpty(&'static str),
    /// What came is not what was sent.
    #[error("the table {0} has not the same number of rows on both sides")]
    Rows(&'static str),
    /// The audit log is not whole, on either side.
    #[error("the audit log: {0}")]
    Log(#[from] LogFault),
    /// The tree of the audit log has not the same root on both sides.
    #[error("the audit log has not the same root on both sides")]
    Root,
    /// Either database is at fault.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Rows of one table.
struct Part {
    table: &'static str,
    columns: Vec<(String, Type)>,
    rows: Vec<Vec<Kept>>,
}

impl Store {
    /// Copies the records of a SQLite file, all or nothing. Neither may be in use.
    pub async fn copy_from_sqlite(&self, path: &Path) -> Result<Copied, CopyFault> {
        let Backend::Postgres(postgres) = &self.backend else { return Err(CopyFault::NoServer) };
        let source = Self::open(&Config::sqlite(path.to_owned())).await?;
        let Backend::Sqlite { readers, .. } = &source.backend else { return Err(CopyFault::NoServer) };
        let (queue, coming) = mpsc::channel(4);
        let reading = readers.aside(move |connection| read(connection, &queue));
        let (read, taken) = tokio::join!(reading, postgres.take_in(coming));
        // Who takes in and fails ends the reading, too; what cannot be read just ends.
        let (session, taken) = taken?;
        let (log, sent) = read?;
        for ((table, sent), taken) in sent.iter().zip(&taken) {
            if sent != taken {
                return Err(CopyFault::Rows(table));
            }
        }
        if log::check(&BTreeMap::new(), &session).await? != log {
            return Err(CopyFault::Root);
        }
        session.end().await?;
        source.close().await;
        Ok(Copied { rows: sent, log })
    }
}

/// Reads everything as it stands at one moment, and proves its log.
fn read(connection: &mut Connection, queue: &mpsc::Sender<Part>) -> Result<(LogSummary, Counts), CopyFault> {
    let moment = connection.transaction().map_err(Error::from)?;
    let log = at_once(log::check(&BTreeMap::new(), &*moment))?;
    let mut sent = Vec::new();
    for table in TABLES {
        sent.push((table, read_table(table, &moment, queue)?));
    }
    Ok((log, sent))
}

fn read_table(table: &'static str, connection: &Connection, queue: &mpsc::Sender<Part>) -> Result<u64, Error> {
    let columns = columns(table, connection)?;
    let names = names(&columns);
    // The first column is `seq`, or the key.
    let mut statement = connection.prepare(&format!("SELECT {names} FROM {table} ORDER BY 1"))?;
    let mut rows = statement.query(params_from_iter([0; 0]))?;
    let (mut count, mut held) = (0, Vec::new());
    loop {
        let row = rows.next()?;
        if held.len() == PART || row.is_none() {
            let rows = std::mem::take(&mut held);
            // Whoever takes in has failed, and says why.
            queue.blocking_send(Part { table, columns: columns.clone(), rows }).map_err(|_| Error::Closed)?;
        }
        let Some(row) = row else { return Ok(count) };
        let value = |(place, (_, kind)): (usize, &(String, Type))| {
            Ok(match *kind {
                Type::INT8 => Kept::Number(row.get(place)?),
                Type::TEXT => Kept::Text(row.get(place)?),
                _ => Kept::Octets(row.get(place)?),
            })
        };
        held.push(columns.iter().enumerate().map(value).collect::<Result<_, Error>>()?);
        count += 1;
    }
}

/// The columns of a table, and PostgreSQL's types for them.
fn columns(table: &str, connection: &Connection) -> Result<Vec<(String, Type)>, Error> {
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_info(?)")?;
    let found = statement.query_map((table,), |row| {
        let kind = match row.get_ref(1)?.as_str()? {
            "INTEGER" => Type::INT8,
            "TEXT" => Type::TEXT,
            _ => Type::BYTEA,
        };
        Ok((row.get(0)?, kind))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn names(columns: &[(String, Type)]) -> String {
    columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

impl Postgres {
    /// Writes what comes, in a transaction that is still to be ended; says how many rows are in each table.
    async fn take_in(&self, mut coming: mpsc::Receiver<Part>) -> Result<(Session, Vec<u64>), CopyFault> {
        let session = self.0.connections.session().await?;
        session.run(BEGIN).await?;
        session.run(&format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", TABLES.join(", "))).await?;
        for table in TABLES {
            if count(table, &session).await? > 0 {
                return Err(CopyFault::NotEmpty(table));
            }
        }
        while let Some(part) = coming.recv().await {
            copy(&part, &session).await?;
        }
        let mut taken = Vec::new();
        for table in TABLES {
            taken.push(count(table, &session).await?);
        }
        for table in NUMBERED {
            let last = format!("SELECT setval(pg_get_serial_sequence('{table}', 'seq'), MAX(seq)) FROM {table}");
            session.run(&last).await?;
        }
        Ok((session, taken))
    }
}

async fn copy(part: &Part, session: &Session) -> Result<(), Error> {
    let copy = format!("COPY {} ({}) FROM STDIN BINARY", part.table, names(&part.columns));
    let sink = session.client()?.copy_in(&copy).await?;
    let kinds: Vec<Type> = part.columns.iter().map(|(_, kind)| kind.clone()).collect();
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &kinds));
    for row in &part.rows {
        let values: Vec<_> = row.iter().map(Kept::value).collect();
        writer.as_mut().write_raw(&values).await?;
    }
    writer.finish().await?;
    Ok(())
}

async fn count(table: &str, session: &Session) -> Result<u64, Error> {
    let row = session.client()?.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[]).await?;
    u64::try_from(row.try_get::<_, i64>(0)?).map_err(|_| Error::Damaged("count"))
}

const BEGIN: &str = "BEGIN; SET CONSTRAINTS ALL DEFERRED; SET LOCAL statement_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0";

/// What is referred to comes first. Leases and sessions are made anew.
const TABLES: [&str; 19] = [
    "case_record",
    "decision",
    "exchange",
    "submission",
    "message",
    "certificate",
    "code",
    "data_key",
    "rule_set",
    "leaf",
    "leaf_detail",
    "tree_node",
    "checkpoint",
    "officer",
    "qualification",
    "officer_review",
    "export",
    "export_file",
    "export_message",
];

/// Those with a `seq`.
const NUMBERED: [&str; 13] = [
    "case_record",
    "decision",
    "exchange",
    "submission",
    "message",
    "certificate",
    "code",
    "leaf",
    "officer",
    "qualification",
    "officer_review",
    "export",
    "export_file",
];

/// How many rows go at a time.
const PART: usize = 256;
