//! PostgreSQL: several nodes may share it.
//!
//! Each unit has a transaction of its own, in READ COMMITTED: what a unit demands stands in constraints and in the conditions of its own
//! statements, which PostgreSQL looks at again once it has a row's lock. Its commits are grouped by the server.

mod attempt;
mod connections;
mod copying;
mod schema;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::timeout;

use super::columns::Columns;
use super::leaves::Numbering;
use super::look::Look as _;
use super::submissions::{Claim, SubmissionRow};
use super::values::Value;
use super::{CommitError, Config, Error, Stats, Unit, rates};
use connections::{Connections, Session};

pub use copying::{Copied, CopyFault};

/// The records on a server. Clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Postgres(Arc<Office>);

#[derive(Debug)]
struct Office {
    connections: Connections,
    /// A place for each unit that is being written or waits for a connection.
    places: Arc<Semaphore>,
    /// Begins the names of our units; the server made it for this start.
    prefix: Vec<u8>,
    units: AtomicU64,
    steps: AtomicU64,
    stats: Stats,
}

impl Postgres {
    /// Connects, and brings the schema up to date.
    pub(super) async fn open(url: &str, config: &Config, stats: Stats) -> Result<Self, Error> {
        let connections = Connections::new(url, config)?;
        let session = connections.session().await?;
        schema::prepare(&session).await?;
        let made = session.client()?.query_one("SELECT uuid_send(gen_random_uuid())", &[]).await?;
        session.give_back();
        Ok(Self(Arc::new(Office {
            connections,
            places: Arc::new(Semaphore::new(PLACES)),
            prefix: made.try_get(0)?,
            units: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            stats,
        })))
    }

    /// Writes a unit, to its end even when nobody waits for it any more.
    pub(super) async fn commit(&self, unit: Unit) -> Result<(), CommitError> {
        let place = self.0.place()?;
        let office = Arc::clone(&self.0);
        let written = tokio::spawn(async move {
            let outcome = office.write(&unit).await;
            drop(place);
            office.count_waiting();
            outcome
        });
        written.await.unwrap_or(Err(UNTAKEN))
    }

    /// One statement, so it is a transaction. Where nobody can tell whether it was, the leases run out.
    pub(super) async fn claim(&self, claim: &Claim) -> Result<Vec<SubmissionRow>, CommitError> {
        let _place = self.0.place()?;
        let claimed = async {
            let session = self.0.connections.session().await?;
            let rows = claim.run(&session).await?;
            session.give_back();
            Ok(rows)
        };
        self.0.told(in_time(claimed).await, "a claim was not written")
    }

    /// A step that failed, or of which nobody knows, is followed by one that looks again.
    pub(super) async fn number(&self, numbering: &Numbering) -> Result<usize, CommitError> {
        let _place = self.0.place()?;
        let tidy = self.0.steps.fetch_add(1, Ordering::Relaxed).is_multiple_of(STEPS_TO_TIDY);
        let numbered = async {
            let session = self.0.connections.session().await?;
            session.run("BEGIN").await?;
            let leaves = numbering.run(&session).await?;
            if tidy {
                session.run("DELETE FROM unit_name WHERE at < now() - interval '10 minutes'").await?;
                session.run(rates::FORGET).await?;
            }
            session.end().await?;
            Ok(leaves)
        };
        self.0.told(in_time(numbered).await, "no audit leaf was numbered")
    }

    pub(super) async fn find<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.list(sql, values, read).await?.into_iter().next())
    }

    /// All rows. A connection that broke while nobody used it is not the last.
    pub(super) async fn list<T>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let look = async || {
            let session = self.0.connections.session().await?;
            let rows = session.list(sql, values, &read).await?;
            session.give_back();
            Ok(rows)
        };
        match in_time(look()).await {
            Err(Error::Server(fault)) if attempt::passes(&fault) => in_time(look()).await,
            looked => looked,
        }
    }

    /// What stands at one moment, whatever is written meanwhile.
    pub(super) async fn moment(&self) -> Result<Session, Error> {
        let session = self.0.connections.session().await?;
        session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0").await?;
        Ok(session)
    }

    /// Waits for what is being written, then closes the connections.
    pub(super) async fn close(&self) {
        if let Ok(_all) = self.0.places.acquire_many(PLACES_OF_ALL).await {
            self.0.places.close();
        }
        self.0.connections.close();
    }
}

impl Office {
    fn place(&self) -> Result<OwnedSemaphorePermit, CommitError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|fault| match fault {
            TryAcquireError::NoPermits => CommitError::Unavailable("too much waits to be written"),
            TryAcquireError::Closed => CommitError::Unavailable("the database is closed"),
        });
        self.count_waiting();
        place
    }

    fn count_waiting(&self) {
        self.stats.waiting(PLACES.saturating_sub(self.places.available_permits()));
    }

    /// Logged here, as the caller hears only that nothing can be written.
    fn told<T>(&self, outcome: Result<T, Error>, what: &'static str) -> Result<T, CommitError> {
        outcome.map_err(|fault| {
            self.stats.failed();
            tracing::error!(%fault, what);
            UNTAKEN
        })
    }
}

/// A server that says nothing is one that is away.
async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(PATIENCE, work).await.unwrap_or(Err(Error::Away))
}

const UNTAKEN: CommitError = CommitError::Unavailable("the database did not take it; the log has the cause");

/// More than the server's own limit for a statement.
const PATIENCE: Duration = Duration::from_secs(12);

/// Beyond this, whoever comes is told to come back.
const PLACES: usize = PLACES_OF_ALL as usize;
const PLACES_OF_ALL: u32 = 4096;

/// Names of units are deleted in every so many steps of the sequencer.
const STEPS_TO_TIDY: u64 = 256;
