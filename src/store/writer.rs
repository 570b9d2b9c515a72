//! The one writer: group commit.
//!
//! Each transaction takes all that queued while the one before was being committed, and never waits for company. A unit that
//! contradicts the records fails alone. Nobody is told anything before the COMMIT has returned; what a failed
//! transaction held is told that nothing is known of it, and the connection is made anew.

use std::path::PathBuf;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::leaves::Numbering;
use super::look::at_once;
use super::pen::Pen;
use super::submissions::{Claim, SubmissionRow};
use super::{CommitError, Conflict, Error, Stats, Unit, open};
use crate::failpoint::failpoint;

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
        let began = Instant::now();
        let closing = closing(group);
        if group.is_empty() {
            return closing;
        }
        match self.transaction(group) {
            Ok(outcomes) => {
                let units = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Written(Ok(())))).count();
                self.stats.committed(units, began.elapsed());
                for (task, outcome) in group.drain(..).zip(outcomes) {
                    self.answer(task, outcome);
                }
            }
            Err(fault) => {
                // Nothing of this connection can be trusted now: dropped, its transaction is rolled back.
                self.connection = None;
                self.stats.failed();
                tracing::error!(%fault, units = group.len(), "a transaction was not committed");
                group.clear();
            }
        }
        closing
    }

    /// All of a group on disk, and what came of each. A savepoint has every page kept that is changed in it, so there are none
    /// until a unit contradicts the records: then all is undone, and done again with one for each.
    fn transaction(&mut self, group: &[Task]) -> Result<Vec<Outcome>, Error> {
        let connection = self.connected()?;
        run(connection, "BEGIN IMMEDIATE")?;
        let mut outcomes = all(group, connection, direct)?;
        if outcomes.is_none() {
            run(connection, "ROLLBACK")?;
            run(connection, "BEGIN IMMEDIATE")?;
            outcomes = all(group, connection, in_savepoint)?;
        }
        failpoint("before-commit");
        run(connection, "COMMIT")?;
        failpoint("after-commit");
        outcomes.ok_or(Error::Damaged("savepoint"))
    }

    /// Tells who waits. Whoever does not wait any more needs no answer.
    fn answer(&self, task: Task, outcome: Outcome) {
        match (task, outcome) {
            (Task::Commit(_, waiting), Outcome::Written(outcome)) => {
                if outcome.is_err() {
                    self.stats.conflict();
                }
                let _ = waiting.send(outcome.map_err(CommitError::from));
            }
            (Task::Claim(_, waiting), Outcome::Claimed(rows)) => {
                let _ = waiting.send(Ok(rows));
            }
            (Task::Number(_, waiting), Outcome::Numbered(leaves)) => {
                let _ = waiting.send(Ok(leaves));
            }
            // Dropped: whoever waits is told that nothing is known.
            _ => {}
        }
    }

    fn connected(&mut self) -> Result<&Connection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => open::writer(&self.path)?,
        };
        Ok(self.connection.insert(connection))
    }
}

/// Takes out who asks for the end; what is behind it in the group is written all the same.
fn closing(group: &mut Vec<Task>) -> Option<Waiting<()>> {
    let place = group.iter().position(|task| matches!(task, Task::Close(_)))?;
    match group.remove(place) {
        Task::Close(waiting) => Some(waiting),
        _ => None,
    }
}

/// What came of a task, once it is on disk.
#[derive(Debug)]
enum Outcome {
    Written(Result<(), Conflict>),
    Claimed(Vec<SubmissionRow>),
    Numbered(usize),
}

/// How a unit is written. An outer error is the database's; an inner one is the unit's own; none: all must be undone.
type Write = fn(&Unit, &Connection) -> Result<Option<Result<(), Conflict>>, Error>;

/// Does all tasks of a group, or tells that all must be undone.
fn all(group: &[Task], connection: &Connection, write: Write) -> Result<Option<Vec<Outcome>>, Error> {
    let mut outcomes = Vec::with_capacity(group.len());
    for task in group {
        outcomes.push(match task {
            Task::Commit(unit, _) => match write(unit, connection)? {
                Some(outcome) => Outcome::Written(outcome),
                None => return Ok(None),
            },
            Task::Claim(claim, _) => Outcome::Claimed(at_once(claim.run(connection))?),
            Task::Number(numbering, _) => Outcome::Numbered(at_once(numbering.run(connection))?),
            // A second one: it is told nothing, and the first one ends the writer.
            Task::Close(_) => Outcome::Numbered(0),
        });
    }
    Ok(Some(outcomes))
}

fn direct(unit: &Unit, connection: &Connection) -> Result<Option<Result<(), Conflict>>, Error> {
    Ok(match unit.write(Pen::Sqlite(connection))? {
        Ok(()) => Some(Ok(())),
        Err(_) => None,
    })
}

fn in_savepoint(unit: &Unit, connection: &Connection) -> Result<Option<Result<(), Conflict>>, Error> {
    run(connection, "SAVEPOINT unit")?;
    let outcome = match unit.write(Pen::Sqlite(connection))? {
        Ok(()) => Ok(()),
        Err(against) => {
            run(connection, "ROLLBACK TO unit")?;
            Err(at_once(against.conflict(connection))?)
        }
    };
    run(connection, "RELEASE unit")?;
    Ok(Some(outcome))
}

fn run(connection: &Connection, sql: &'static str) -> Result<(), Error> {
    connection.prepare_cached(sql)?.execute(())?;
    Ok(())
}

/// The most tasks in one transaction: bounds how long the first waits for the last.
const GROUP: usize = 256;
