//! The one writer: group commit.
//!
//! Each transaction takes all that queued while the one before was being committed, and never waits for company. A unit that
//! contradicts the records fails alone, in a savepoint. Nobody is told anything before the COMMIT has returned; what a failed
//! transaction held is told that nothing is known of it, and the connection is made anew.

use std::path::PathBuf;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::leaves::Numbering;
use super::pen::Pen;
use super::submissions::{Claim, SubmissionRow};
use super::{CommitError, Conflict, Error, Stats, Unit, open};

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

/// The writer, on its own thread.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    /// None after a fault, until the next transaction.
    connection: Option<Connection>,
    queue: mpsc::Receiver<Task>,
    stats: Stats,
}

impl Writer {
    pub(super) const fn new(path: PathBuf, connection: Connection, queue: mpsc::Receiver<Task>, stats: Stats) -> Self {
        Self { path, connection: Some(connection), queue, stats }
    }

    /// Writes until the last [`super::Store`] is gone or it is closed.
    pub(super) fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP);
        while self.queue.blocking_recv_many(&mut group, GROUP) > 0 {
            self.stats.waiting(group.len() + self.queue.len());
            if let Some(closed) = self.write(&mut group) {
                // The last connection to close tidies the write-ahead log.
                if let Some(connection) = self.connection.take()
                    && let Err((_, fault)) = connection.close()
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
    fn write(&mut self, group: &mut Vec<Task>) -> Option<Waiting<()>> {
        let mut closing = None;
        let began = Instant::now();
        let mut answers = Vec::with_capacity(group.len());
        match self.transaction(group, &mut answers, &mut closing) {
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
    fn transaction(
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
        let connection = self.connected()?;
        run(connection, "BEGIN IMMEDIATE")?;
        let mut units = 0;
        for task in group.drain(..) {
            let answer: Answer = match task {
                Task::Commit(unit, waiting) => {
                    let outcome = commit(&unit, connection)?;
                    match outcome {
                        Ok(()) => units += 1,
                        Err(_) => stats.conflict(),
                    }
                    Box::new(move || answer(waiting, outcome.map_err(CommitError::from)))
                }
                Task::Claim(claim, waiting) => {
                    let claimed = claim.run(connection)?;
                    Box::new(move || answer(waiting, Ok(claimed)))
                }
                Task::Number(numbering, waiting) => {
                    let numbered = numbering.run(connection)?;
                    Box::new(move || answer(waiting, Ok(numbered)))
                }
                Task::Close(waiting) => {
                    *closing = Some(waiting);
                    continue;
                }
            };
            answers.push(answer);
        }
        run(connection, "COMMIT")?;
        Ok(units)
    }

    fn connected(&mut self) -> Result<&Connection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::writer(&self.path)?,
        };
        Ok(self.connection.insert(connection))
    }
}

/// Writes one unit in its savepoint. An outer error is the database's; an inner one is the unit's own.
fn commit(unit: &Unit, connection: &Connection) -> Result<Result<(), Conflict>, Error> {
    run(connection, "SAVEPOINT unit")?;
    let outcome = unit.write(Pen(connection), || run(connection, "ROLLBACK TO unit"))?;
    run(connection, "RELEASE unit")?;
    Ok(outcome)
}

fn run(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    connection.prepare_cached(sql)?.execute(())?;
    Ok(())
}

/// Whoever does not wait any more needs no answer.
fn answer<T>(waiting: Waiting<T>, outcome: Result<T, CommitError>) {
    let _ = waiting.send(outcome);
}

/// The most tasks in one transaction: bounds how long the first waits for the last.
const GROUP: usize = 256;
