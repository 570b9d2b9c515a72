//! Statements of a unit, one at a time, on the writer's connection. Each text is prepared once.

use rusqlite::{Connection, ErrorCode, Params};

use super::{Conflict, Error};

/// Writes on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen<'c>(pub(super) &'c Connection);

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
    pub(super) fn run(self, sql: &'static str, values: impl Params) -> Result<usize, Broken> {
        let changed = self.0.prepare_cached(sql).and_then(|mut statement| statement.execute(values));
        changed.map_err(|fault| if is_constraint(&fault) { Broken::Row } else { Broken::Engine(fault.into()) })
    }

    /// Runs a statement that must change a row: what it names is where it has to be.
    pub(super) fn must_change(self, sql: &'static str, values: impl Params) -> Result<(), Broken> {
        match self.run(sql, values)? {
            0 => Err(Broken::Row),
            _ => Ok(()),
        }
    }
}

/// Whether the statement broke a constraint: it alone was undone, and the transaction stands (sqlite.org/rescode.html).
fn is_constraint(fault: &rusqlite::Error) -> bool {
    fault.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
