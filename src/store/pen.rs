//! Statements of a unit, one at a time. SQLite's run at once, on the writer's connection, each text prepared once;
//! PostgreSQL's are noted down, to be sent together.

use std::cell::{Cell, RefCell};

use rusqlite::{Connection, ErrorCode, params_from_iter};

use super::values::{Kept, Value};
use super::{Conflict, Error};

/// Writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pen<'p> {
    /// On a connection.
    Sqlite(&'p Connection),
    /// For later.
    Notes(&'p Notes),
}

/// Statements to be run later.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The row of the unit that is being written.
    row: Cell<usize>,
    notes: RefCell<Vec<Note>>,
}

/// A statement to be run later.
#[derive(Debug)]
pub(super) struct Note {
    /// The row of the unit that it belongs to.
    pub(super) row: usize,
    pub(super) sql: &'static str,
    pub(super) values: Vec<Kept>,
    /// Whether it must change a row.
    pub(super) must_change: bool,
}

/// Why a row was not written.
#[derive(Debug)]
pub(super) enum Broken {
    /// It broke a constraint, or found nothing to change; what stands against it is looked up.
    Row,
    /// It contradicts the records, and how is known.
    Known(Conflict),
    /// The database is at fault; nothing can be said about its transaction.
    Engine(Error),
}

impl Pen<'_> {
    /// Runs a statement that may change nothing.
    pub(super) fn run(self, sql: &'static str, values: &[Value<'_>]) -> Result<(), Broken> {
        match self {
            Self::Sqlite(connection) => changed(connection, sql, values).map(drop),
            Self::Notes(notes) => {
                notes.add(sql, values, false);
                Ok(())
            }
        }
    }

    /// Runs a statement that must change a row: what it names is where it has to be.
    pub(super) fn must_change(self, sql: &'static str, values: &[Value<'_>]) -> Result<(), Broken> {
        match self {
            Self::Sqlite(connection) => match changed(connection, sql, values)? {
                0 => Err(Broken::Row),
                _ => Ok(()),
            },
            Self::Notes(notes) => {
                notes.add(sql, values, true);
                Ok(())
            }
        }
    }
}

fn changed(connection: &Connection, sql: &'static str, values: &[Value<'_>]) -> Result<usize, Broken> {
    let statement = connection.prepare_cached(sql);
    let changed = statement.and_then(|mut statement| statement.execute(params_from_iter(values)));
    changed.map_err(|fault| if is_constraint(&fault) { Broken::Row } else { Broken::Engine(fault.into()) })
}

impl Notes {
    /// What comes now belongs to the next row of the unit.
    pub(super) fn next_row(&self) {
        self.row.set(self.row.get() + 1);
    }

    pub(super) fn into_inner(self) -> Vec<Note> {
        self.notes.into_inner()
    }

    fn add(&self, sql: &'static str, values: &[Value<'_>], must_change: bool) {
        let values = values.iter().map(Value::keep).collect();
        self.notes.borrow_mut().push(Note { row: self.row.get(), sql, values, must_change });
    }
}

/// Whether the statement broke a constraint: it alone was undone, and the transaction stands (sqlite.org/rescode.html).
fn is_constraint(fault: &rusqlite::Error) -> bool {
    fault.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
