//! What is remembered: the only room that speaks SQL, to SQLite or to PostgreSQL.
//!
//! Everything is written through [`Store::commit`]: one unit, one transaction, on disk before it returns. Everything is read
//! through the other methods of [`Store`], which see all that was committed before they were called. A file a table family.

mod cases;
mod certificates;
mod checkpoints;
mod codes;
mod columns;
mod config;
mod conflict;
mod exchanges;
mod exports;
mod fault;
mod leaves;
mod log;
mod look;
mod messages;
mod nonces;
mod officers;
mod open;
mod pen;
mod postgres;
mod rates;
mod readers;
mod rule_sets;
mod statements;
mod stats;
mod submissions;
mod unit;
mod values;
mod writer;

use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use crate::case::{CodeId, Millis};
use config::Place;
use leaves::Numbering;
use postgres::Postgres;
use readers::Readers;
use submissions::Claim;
use writer::{Task, Waiting, Writer};

pub use cases::{CaseRow, DecisionRow, QueueRow};
pub use certificates::CertificateRow;
pub use checkpoints::{CaseLeaf, Checkpoint, DetailRow};
pub use codes::CodeRow;
pub use config::Config;
pub use exports::{Export, ExportFile, NewExport};
pub use fault::{CodeFault, CommitError, Conflict, Error};
pub use log::{LogFault, LogSummary};
pub use messages::RequestRow;
pub use officers::{NewOfficer, OfficerChange, OfficerRow, QualificationRow, ReviewRow, SessionRow};
pub use postgres::{Copied, CopyFault};
pub use rates::Draw;
pub use rule_sets::{DataKeyRow, RuleSetRow};
pub use stats::Stats;
pub use submissions::{Backlog, SubmissionRow};
pub use unit::{
    CertificateStatus, Leg, NewCase, NewCertificate, NewCode, NewDataKey, NewDecision, NewMessage, NewSubmission, Row,
    Unit, exchange_key,
};

/// The records of the office. Cheap to clone: all clones are the same.
#[derive(Clone, Debug)]
pub struct Store {
    backend: Backend,
    stats: Stats,
}

/// Where they are. What is asked of both is written once; how they are reached is each one's own.
#[derive(Clone, Debug)]
enum Backend {
    Sqlite { writer: mpsc::Sender<Task>, readers: Readers },
    Postgres(Postgres),
}

impl Store {
    /// Opens the records, or makes them when there are none; brings the schema up to date.
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let stats = Stats::new();
        let backend = match config.place()? {
            Place::Sqlite(path) => sqlite(path.to_owned(), stats.clone()).await?,
            Place::Postgres(url) => Backend::Postgres(Postgres::open(url, config, stats.clone()).await?),
        };
        Ok(Self { backend, stats })
    }

    /// Writes a unit. When it returns `Ok`, all of it is on disk; on a conflict, nothing of it is.
    pub async fn commit(&self, unit: Unit) -> Result<(), CommitError> {
        match &self.backend {
            Backend::Sqlite { writer, .. } => write(writer, |waiting| Task::Commit(unit, waiting)).await,
            Backend::Postgres(postgres) => Box::pin(postgres.commit(unit)).await,
        }
    }

    /// Takes submissions that are due and in nobody's hands until `lease_until`, longest due first, and counts the attempt.
    pub async fn claim(
        &self,
        owner: &str,
        now: Millis,
        lease_until: Millis,
        limit: u32,
    ) -> Result<Vec<SubmissionRow>, CommitError> {
        if !self.anything_due(now).await.map_err(unreadable)? {
            return Ok(Vec::new());
        }
        let claim = Claim { owner: owner.to_owned(), now, lease_until, limit };
        match &self.backend {
            Backend::Sqlite { writer, .. } => write(writer, |waiting| Task::Claim(claim, waiting)).await,
            Backend::Postgres(postgres) => Box::pin(postgres.claim(&claim)).await,
        }
    }

    /// Counts a try of a code with a wrong secret.
    pub async fn count_try(&self, code: CodeId) -> Result<(), CommitError> {
        self.commit(Unit::new().with(Row::CountTry { code })).await
    }

    /// One step of the sequencer (DESIGN rule 7): numbers audit leaves and extends the tree, unless another node has the lease.
    /// Says how many it numbered; a bounded number, so that a full step should be followed by another.
    pub async fn number_leaves(&self, node: &str, now: Millis) -> Result<usize, CommitError> {
        if self.oldest_unnumbered_leaf().await.map_err(unreadable)?.is_none() {
            return Ok(0);
        }
        let numbering = Numbering { node: node.to_owned(), now };
        match &self.backend {
            Backend::Sqlite { writer, .. } => write(writer, |waiting| Task::Number(numbering, waiting)).await,
            Backend::Postgres(postgres) => Box::pin(postgres.number(&numbering)).await,
        }
    }

    /// What the writer counts.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Writes what is queued, then closes the database in order. Every later commit finds it unavailable.
    pub async fn close(self) {
        match self.backend {
            Backend::Sqlite { writer, readers } => {
                readers.close();
                let (waiting, closed) = oneshot::channel();
                if writer.send(Task::Close(waiting)).await.is_ok() {
                    // A writer that is gone has closed, too.
                    let _ = closed.await;
                }
            }
            Backend::Postgres(postgres) => postgres.close().await,
        }
    }
}

async fn sqlite(path: PathBuf, counted: Stats) -> Result<Backend, Error> {
    let readers = Readers::new(&path)?;
    let (writer, queue) = mpsc::channel(QUEUE);
    let (answer, opened) = oneshot::channel();
    open::thread("store-writer", move || match open::first(&path) {
        Ok(connection) => {
            // Nobody waits any more: then there is nothing to write either.
            let _ = answer.send(Ok(()));
            Writer::new(path, connection, queue, counted).run();
        }
        Err(fault) => {
            let _ = answer.send(Err(fault));
        }
    })?;
    opened.await.unwrap_or(Err(Error::Closed))?;
    Ok(Backend::Sqlite { writer, readers })
}

async fn write<T>(writer: &mpsc::Sender<Task>, task: impl FnOnce(Waiting<T>) -> Task) -> Result<T, CommitError> {
    let (waiting, outcome) = oneshot::channel();
    writer.try_send(task(waiting)).map_err(|fault| match fault {
        mpsc::error::TrySendError::Full(_) => CommitError::Unavailable("too much waits to be written"),
        mpsc::error::TrySendError::Closed(_) => CommitError::Unavailable("the database is closed"),
    })?;
    // Dropped unanswered: the transaction failed. The writer has logged why.
    outcome.await.unwrap_or(Err(CommitError::Unavailable("the database did not take it; the log has the cause")))
}

/// A look before a write failed; logged here, as the caller hears only that nothing can be written.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(fault: Error) -> CommitError {
    tracing::error!(%fault, "the database cannot be read");
    CommitError::Unavailable("the database cannot be read")
}

/// Beyond this, whoever comes is told to come back.
const QUEUE: usize = 4096;
