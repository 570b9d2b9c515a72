//! The one writer: group commit.
//!
//! Each transaction takes all that queued while the one before was being committed, and never waits for company. A unit that
//! contradicts the records fails alone, in a savepoint. Nobody is told anything before the COMMIT has returned; what a failed
//! transaction held is told that nothing is known of it, and the connection is made anew.

use std::time::Instant;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::batch::Broken;
use super::leaves::Numbering;
use super::submissions::{Claim, SubmissionRow};
use super::{CommitError, Conflict, Error, Stats, Unit};

/// Something to be written, and who waits for it.
#[derive(Debug)]
pub(super) enum Task {
    Commit(Unit, Waiting<()>),
    Claim(Claim, Waiting<Vec<SubmissionRow>>),
    Number(Numbering, Waiting<usize>),
    Close(Waiting<()>),
}

/// Who waits. Dropped unanswered, it is told [`CommitError::Unavailable`].
pub(super) type Waiting<T> = oneshot::Sender<Result<T, CommitError>>;

/// An answer that is given when the transaction is on disk.
type Answer = Box<dyn FnOnce() + Send>;

/// The writer, on its own task.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    /// None after a fault, until the next transaction.
    connection: Option<SqliteConnection>,
    queue: mpsc::Receiver<Task>,
    stats: Stats,
}

impl Writer {
    pub(super) fn new(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        queue: mpsc::Receiver<Task>,
        stats: Stats,
    ) -> Self {
        Self { options, connection: Some(connection), queue, stats }
    }

    /// Writes until the last [`super::Store`] is gone or it is closed.
    pub(super) async fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP);
        while self.queue.recv_many(&mut group, GROUP).await > 0 {
            self.stats.waiting(group.len() + self.queue.len());
            if let Some(closed) = self.write(&mut group).await {
                // The last connection to close tidies the write-ahead log.
                if let Some(connection) = self.connection.take()
                    && let Err(fault) = connection.close().await
                {
                    tracing::error!(%fault, "the database was not closed in order");
                }
                let _ = closed.send(Ok(()));
                return;
            }
            self.stats.waiting(self.queue.len());
        }
    }

    /// Writes a group; gives back who asked for the end.
    async fn write(&mut self, group: &mut Vec<Task>) -> Option<Waiting<()>> {
        let mut closing = None;
        let began = Instant::now();
        let mut answers = Vec::with_capacity(group.len());
        match self.transaction(group, &mut answers, &mut closing).await {
            Ok(units) => {
                if !answers.is_empty() {
                    self.stats.committed(units, began.elapsed());
                }
                for answer in answers {
                    answer();
                }
            }
            Err(fault) => {
                // Nothing of this connection can be trusted now: dropped, its transaction is rolled back.
                self.connection = None;
                self.stats.failed();
                tracing::error!(%fault, units = answers.len() + group.len(), "a transaction was not committed");
                answers.clear();
                group.clear();
            }
        }
        closing
    }

    /// Says how many units were written.
    async fn transaction(
        &mut self,
        group: &mut Vec<Task>,
        answers: &mut Vec<Answer>,
        closing: &mut Option<Waiting<()>>,
    ) -> Result<usize, Error> {
        if let [Task::Close(_)] = group.as_slice()
            && let Some(Task::Close(waiting)) = group.pop()
        {
            *closing = Some(waiting);
            return Ok(0);
        }
        let stats = self.stats.clone();
        let connection = self.connected().await?;
        connection.execute("BEGIN IMMEDIATE; SAVEPOINT unit;").await?;
        let mut units = 0;
        for task in group.drain(..) {
            let answer: Answer = match task {
                Task::Commit(unit, waiting) => {
                    let outcome = commit(unit, connection).await?;
                    match outcome {
                        Ok(()) => units += 1,
                        Err(_) => stats.conflict(),
                    }
                    Box::new(move || answer(waiting, outcome.map_err(CommitError::from)))
                }
                Task::Claim(claim, waiting) => {
                    connection.execute(NEXT).await?;
                    let claimed = claim.run(connection).await?;
                    Box::new(move || answer(waiting, Ok(claimed)))
                }
                Task::Number(numbering, waiting) => {
                    connection.execute(NEXT).await?;
                    let numbered = numbering.run(connection).await?;
                    Box::new(move || answer(waiting, Ok(numbered)))
                }
                Task::Close(waiting) => {
                    *closing = Some(waiting);
                    continue;
                }
            };
            answers.push(answer);
        }
        connection.execute("COMMIT;").await?;
        Ok(units)
    }

    async fn connected(&mut self) -> Result<&mut SqliteConnection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }
}

/// Writes one unit in its savepoint. An outer error is the database's; an inner one is the unit's own.
async fn commit(unit: Unit, connection: &mut SqliteConnection) -> Result<Result<(), Conflict>, Error> {
    let prepared = match unit.prepare() {
        Ok(prepared) => prepared,
        Err(conflict) => return Ok(Err(conflict)),
    };
    match prepared.batch.run(connection).await {
        Ok(()) => Ok(Ok(())),
        Err(Broken::Row(row)) => {
            connection.execute("ROLLBACK TO unit;").await?;
            match prepared.subjects.get(row) {
                Some(subject) => Ok(Err(subject.conflict(connection).await?)),
                None => Ok(Err(Conflict::State { what: "unit" })),
            }
        }
        Err(Broken::Engine(fault)) => Err(fault.into()),
    }
}

/// Whoever does not wait any more needs no answer.
fn answer<T>(waiting: Waiting<T>, outcome: Result<T, CommitError>) {
    let _ = waiting.send(outcome);
}

const NEXT: &str = "RELEASE unit; SAVEPOINT unit;";

/// The most tasks in one transaction: bounds how long the first waits for the last.
const GROUP: usize = 256;
