//! One unit, tried until its outcome is known.
//!
//! BEGIN, the unit's name and its statements are sent together, and COMMIT when all did what they must: two journeys. When the connection
//! is cut while COMMIT is on its way nobody knows what came of it: the unit is tried again under the same name, and where it was
//! written already, or is at this moment, the key of the name tells.

use std::future::poll_fn;
use std::hash::{DefaultHasher, Hasher as _};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use super::connections::Session;
use super::{Office, UNTAKEN, in_time};
use crate::failpoint::failpoint;
use crate::store::conflict::Subject;
use crate::store::pen::Note;
use crate::store::values::{Kept, Value, values};
use crate::store::{CommitError, Conflict, Error, Unit};

/// What came of one attempt.
enum Came {
    Written,
    /// A statement did not do what it must.
    Against {
        note: usize,
        by_key: bool,
    },
    /// All statements did what they must, and no table of moves names the unit's last move.
    Unnamed,
    /// It was undone, or nobody knows.
    Unknown {
        fault: Error,
        sent: bool,
    },
}

impl Office {
    pub(super) async fn write(&self, unit: &Unit) -> Result<(), CommitError> {
        let began = Instant::now();
        let (notes, unnamed) = unit.notes();
        let name = self.name();
        let (mut round, mut unclear) = (0, false);
        loop {
            let fault = match self.attempt(&name, &notes, unnamed.is_some()).await {
                Came::Written => {
                    self.stats.committed(1, began.elapsed());
                    return Ok(());
                }
                Came::Unnamed => return self.contradicted(unnamed.clone().unwrap_or(Conflict::State { what: "unit" })),
                Came::Against { note, by_key } => match self.conflict(unit, &notes, note).await {
                    // Who had the key gave it up meanwhile.
                    Ok(Conflict::State { .. }) if by_key && round < KEY_ROUNDS => Error::Away,
                    Ok(conflict) => return self.contradicted(conflict),
                    Err(fault) => fault,
                },
                Came::Unknown { fault, sent } => {
                    unclear |= sent;
                    fault
                }
            };
            let rounds = if unclear { UNCLEAR_ROUNDS } else { ROUNDS };
            if round == rounds || began.elapsed() > LONGEST || !worth_another(&fault) {
                self.stats.failed();
                tracing::error!(%fault, unclear, "a transaction was not committed");
                return Err(UNTAKEN);
            }
            tokio::time::sleep(pause(round, &name)).await;
            round += 1;
        }
    }

    async fn attempt(&self, name: &[u8], notes: &[Note], unnamed: bool) -> Came {
        let mut sent = false;
        match in_time(self.in_transaction(name, notes, unnamed, &mut sent)).await {
            Ok(came) => came,
            Err(fault) => Came::Unknown { fault, sent },
        }
    }

    async fn in_transaction(&self, name: &[u8], notes: &[Note], unnamed: bool, sent: &mut bool) -> Result<Came, Error> {
        let session = self.connections.session().await?;
        let came = match all(&session, name, notes).await? {
            None if unnamed => Came::Unnamed,
            None => {
                *sent = true;
                failpoint("before-commit");
                session.end().await?;
                failpoint("after-commit");
                return Ok(Came::Written);
            }
            Some(came) => came,
        };
        session.run("ROLLBACK").await?;
        session.give_back();
        Ok(came)
    }

    /// What stands against a unit that was undone.
    async fn conflict(&self, unit: &Unit, notes: &[Note], note: usize) -> Result<Conflict, Error> {
        let row = notes.get(note).and_then(|note| unit.rows.get(note.row)).ok_or(Error::Damaged("unit"))?;
        in_time(async {
            let session = self.connections.session().await?;
            let conflict = Subject::of(row).conflict(&session).await?;
            session.give_back();
            Ok(conflict)
        })
        .await
    }

    fn contradicted(&self, conflict: Conflict) -> Result<(), CommitError> {
        self.stats.conflict();
        Err(conflict.into())
    }

    /// No other unit has it, of any node.
    fn name(&self) -> Vec<u8> {
        let number = self.units.fetch_add(1, Ordering::Relaxed);
        [self.prefix.as_slice(), &number.to_be_bytes()].concat()
    }
}

/// Sends the whole unit, and waits for all of its answers. None: every statement did what it must.
async fn all(session: &Session, name: &[u8], notes: &[Note]) -> Result<Option<Came>, Error> {
    let name: &[Value<'_>] = values![name];
    let values: Vec<Vec<Value<'_>>> = notes.iter().map(|note| note.values.iter().map(Kept::value).collect()).collect();
    let naming = session.prepared("INSERT INTO unit_name (name) VALUES (?)", name).await?;
    let mut statements = Vec::with_capacity(notes.len());
    for (note, values) in notes.iter().zip(&values) {
        statements.push(session.prepared(note.sql, values).await?);
    }
    let client = session.client()?;
    let mut waiting: Vec<Answer<'_>> = Vec::with_capacity(notes.len() + 2);
    waiting.push(Box::pin(async { client.batch_execute("BEGIN").await.map(|()| 0) }));
    waiting.push(Box::pin(client.execute_raw(&naming, name)));
    for (statement, values) in statements.iter().zip(&values) {
        waiting.push(Box::pin(client.execute_raw(statement, values)));
    }
    let mut answers = in_order(waiting).await.into_iter();
    if let Some(Err(fault)) = answers.next() {
        return Err(fault.into());
    }
    match answers.next() {
        Some(Err(fault)) if fault.code() == Some(&SqlState::UNIQUE_VIOLATION) => return Ok(Some(Came::Written)),
        Some(Err(fault)) => return Err(fault.into()),
        _ => {}
    }
    for (note, (place, answer)) in notes.iter().zip(answers.enumerate()) {
        match answer {
            Ok(0) if note.must_change => return Ok(Some(Came::Against { note: place, by_key: false })),
            Ok(_) => {}
            Err(fault) if is_constraint(&fault) => {
                let by_key = fault.code() == Some(&SqlState::UNIQUE_VIOLATION);
                return Ok(Some(Came::Against { note: place, by_key }));
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(None)
}

/// How many rows a statement changed, once the server has told.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'a>>;

/// Polled in their order, they are sent in it, before any is waited for.
async fn in_order(mut waiting: Vec<Answer<'_>>) -> Vec<Result<u64, tokio_postgres::Error>> {
    let mut answers: Vec<_> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut all = Poll::Ready(());
        for (waiting, answer) in waiting.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            match waiting.as_mut().poll(context) {
                Poll::Ready(told) => *answer = Some(told),
                Poll::Pending => all = Poll::Pending,
            }
        }
        all
    })
    .await;
    answers.into_iter().flatten().collect()
}

/// Class 23: the statement broke a constraint.
fn is_constraint(fault: &tokio_postgres::Error) -> bool {
    fault.code().is_some_and(|state| state.code().starts_with("23"))
}

fn worth_another(fault: &Error) -> bool {
    match fault {
        Error::Away => true,
        Error::Server(fault) => passes(fault),
        _ => false,
    }
}

/// Whether the same may succeed a moment later: another transaction was in the way, or the connection or its server went.
pub(super) fn passes(fault: &tokio_postgres::Error) -> bool {
    match fault.code() {
        Some(state) => {
            let named = [
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::READ_ONLY_SQL_TRANSACTION,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            ];
            // Classes: the connection; the server's resources; its operator.
            named.contains(state) || ["08", "53", "57"].iter().any(|class| state.code().starts_with(class))
        }
        None => true,
    }
}

/// Twice as long each time, and not the same for two units that met.
fn pause(round: u32, name: &[u8]) -> Duration {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.write_u32(round);
    let longest = FIRST_PAUSE << round.min(7);
    Duration::from_millis(longest / 2 + hasher.finish() % longest)
}

/// About a second in all.
const ROUNDS: u32 = 7;

/// About ten seconds in all.
const UNCLEAR_ROUNDS: u32 = 15;

/// No round begins after it, also where each waited long for an answer.
const LONGEST: Duration = Duration::from_secs(20);

/// Whoever has a key that nobody is found to have is looked for so often.
const KEY_ROUNDS: u32 = 2;

/// Milliseconds.
const FIRST_PAUSE: u64 = 8;
