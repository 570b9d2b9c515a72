//! Many statements in one journey to the database.
//!
//! sqlx runs SQLite on a thread of its own, and a unit has a dozen statements: one message between threads for all of them is
//! what keeps recording cheaper than the signatures around it. SQLite prepares statements that stand in one text one after
//! another and sqlx hands them the bound values in turn; the text of each kind of unit is prepared once.

use futures_util::{FutureExt as _, Stream, StreamExt as _};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Either, Encode, Executor, Sqlite, SqliteConnection, Type};

/// What a statement must have done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Duty {
    /// Anything, or nothing.
    Any,
    /// It changed a row: what it names was where it had to be.
    Change,
}

/// Statements with their values, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    sql: String,
    values: SqliteArguments,
    /// For each statement its duty and the row of the unit that it serves.
    statements: Vec<(Duty, usize)>,
    row: usize,
    unbound: bool,
}

/// Why a batch did not run.
#[derive(Debug)]
pub(super) enum Broken {
    /// The statement for this row of the unit broke a constraint or found nothing to change.
    Row(usize),
    /// The database is at fault; nothing can be said about its transaction.
    Engine(sqlx::Error),
}

impl Batch {
    /// A batch that stands in a savepoint of its own, after the one before is closed.
    pub(super) fn in_savepoint() -> Self {
        let mut batch = Self { sql: String::with_capacity(2048), ..Self::default() };
        batch.run_always("RELEASE unit; ").run_always("SAVEPOINT unit; ");
        batch
    }

    /// The following statements serve this row of the unit.
    pub(super) fn serve(&mut self, row: usize) {
        self.row = row;
    }

    /// Adds a statement that may change nothing.
    pub(super) fn run_always(&mut self, sql: &'static str) -> &mut Self {
        self.statement(sql, Duty::Any)
    }

    /// Adds a statement that must change a row.
    pub(super) fn must_change(&mut self, sql: &'static str) -> &mut Self {
        self.statement(sql, Duty::Change)
    }

    /// Binds the next value.
    pub(super) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> &mut Self {
        self.unbound |= self.values.add(value).is_err();
        self
    }

    fn statement(&mut self, sql: &'static str, duty: Duty) -> &mut Self {
        self.sql.push_str(sql);
        self.statements.push((duty, self.row));
        self
    }

    /// Runs all statements. The first that fails its duty is told of; the caller rolls the savepoint back.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> Result<(), Broken> {
        if self.unbound {
            return Err(Broken::Engine(sqlx::Error::Protocol("a value cannot be bound".to_owned())));
        }
        // Put together from constants of this room only.
        let query = sqlx::query_with(AssertSqlSafe(self.sql), self.values);
        let mut results = connection.fetch_many(query);
        let mut statements = self.statements.into_iter();
        let mut broken = None;
        while let Some(result) = next(&mut results).await {
            match result {
                Ok(Either::Left(done)) => {
                    let (duty, row) = statements.next().unwrap_or((Duty::Any, 0));
                    if duty == Duty::Change && done.rows_affected() == 0 {
                        broken.get_or_insert(row);
                    }
                }
                Ok(Either::Right(_)) => {}
                Err(fault) if is_constraint(&fault) => {
                    let row = statements.next().map_or(0, |(_, row)| row);
                    return Err(Broken::Row(broken.unwrap_or(row)));
                }
                Err(fault) => return Err(Broken::Engine(fault)),
            }
        }
        broken.map_or(Ok(()), |row| Err(Broken::Row(row)))
    }
}

/// The next result. SQLite's thread tells of each statement, and each time it would wake this task: after the first it is
/// given the processor, so that it gets through all of them.
async fn next<S: Stream + Unpin>(results: &mut S) -> Option<S::Item> {
    if let Some(ready) = results.next().now_or_never() {
        return ready;
    }
    let result = results.next().await;
    std::thread::yield_now();
    result
}

/// Whether the statement broke a constraint: it alone was undone, and the transaction stands (sqlite.org/rescode.html).
fn is_constraint(fault: &sqlx::Error) -> bool {
    let code = fault.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == SQLITE_CONSTRAINT)
}

const SQLITE_CONSTRAINT: u32 = 19;
