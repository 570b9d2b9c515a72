//! What can go wrong with what is remembered.

use crate::case::{CaseId, ExchangeId, MessageId};

/// Reading failed, or the database could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be made or is not ours to read.
    #[error("the database file {path}: {cause}")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The schema is not one that this program knows.
    #[error("the schema is number {has}, and this program knows up to {known}: a newer one was here")]
    Schema {
        /// The number of the schema.
        has: u32,
        /// The number of the newest that is known.
        known: u32,
    },
    /// No thread can be started for it.
    #[error("no thread can be started for the database: {0}")]
    Thread(#[source] std::io::Error),
    /// It was closed.
    #[error("the database is closed")]
    Closed,
    /// The database engine reports a fault.
    #[error("{0}")]
    Engine(#[from] rusqlite::Error),
    /// The database server reports a fault, or the connection to it broke.
    #[error("the database server: {}", told(.0))]
    Server(#[from] tokio_postgres::Error),
    /// The database server gives no answer in time.
    #[error("the database server gives no answer in time")]
    Away,
    /// The section `[store]`, or a setting of the database server, cannot be worked with.
    #[error("the database: {0}")]
    Setting(String),
    /// A row holds what this program never wrote.
    #[error("the column '{0}' holds what was never written there")]
    Damaged(&'static str),
}

/// tokio-postgres names the kind of a fault only; what the server said is its source.
fn told(fault: &tokio_postgres::Error) -> String {
    match (fault.as_db_error(), std::error::Error::source(fault)) {
        (Some(said), _) => format!("{} ({})", said.message(), said.code().code()),
        (None, Some(source)) => format!("{fault}: {source}"),
        (None, None) => fault.to_string(),
    }
}

/// A unit was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The unit contradicts what is recorded; nothing of it was written.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The database did not take it, or nobody can tell whether it did. Nothing may be told to anybody, and nothing sent,
    /// on the strength of this unit.
    #[error("nothing can be recorded now: {0}")]
    Unavailable(&'static str),
}

/// What a unit contradicts.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// A case with the same join key is open.
    #[error("case {case} is open for the same request")]
    OpenCase {
        /// Which.
        case: CaseId,
    },
    /// The key of the exchange is in use.
    #[error("exchange {exchange} has the same key")]
    ExchangeKey {
        /// By which exchange.
        exchange: ExchangeId,
    },
    /// The same octets were recorded for the same exchange.
    #[error("the same octets are recorded as message {message}")]
    Repeat {
        /// As which message.
        message: MessageId,
    },
    /// Something does not stand where it must, or is not there.
    #[error("the {what} is not in the state that this needs")]
    State {
        /// What.
        what: &'static str,
    },
    /// The code opens no case.
    #[error("the enrolment code is {0}")]
    Code(CodeFault),
    /// The same certificate is there already.
    #[error("the certificate is recorded already")]
    Certificate,
}

/// Why a code opens no case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CodeFault {
    /// It opened as many cases as it may.
    Spent,
    /// Its time is over.
    Expired,
    /// It was withdrawn.
    Withdrawn,
}

impl std::fmt::Display for CodeFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Spent => "spent",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        })
    }
}
