//! Why the registrar does not do what is asked, sorted by who can mend it.

use crate::case::{Reason, ReasonCode};

/// No outcome. A door turns this into its protocol's words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The requester can mend it by asking differently.
    #[error("{}", .0.text)]
    Requester(Reason),
    /// No credentials, or wrong ones.
    #[error("credentials are needed")]
    NotIdentified,
    /// Identified, but this is not allowed. No detail leaves the house; the log has it.
    #[error("not allowed")]
    NotAllowed(String),
    /// There is no such profile.
    #[error("there is no profile '{0}'")]
    UnknownProfile(String),
    /// The transaction is known, and this is not a repetition of it (RFC 9483 section 5.1).
    #[error("the transactionID is in use; begin a new transaction")]
    TransactionInUse,
    /// Nothing is known that this message could continue.
    #[error("no transaction is known that this message continues")]
    NoTransaction,
    /// The transaction is known, but this message has no place in it now.
    #[error("{0}")]
    OutOfPlace(&'static str),
    /// Too many tries with this credential or from this address.
    #[error("too many requests; come back in {retry_after} seconds")]
    TooMany {
        /// Seconds.
        retry_after: u32,
    },
    /// We, or the authority behind us, are at fault. The log has the cause.
    #[error("not available now; come back in {retry_after} seconds")]
    Unavailable {
        /// Seconds.
        retry_after: u32,
        /// The cause, for the log.
        cause: String,
    },
}

impl Refusal {
    /// What an officer asked for cannot be, and he can ask differently.
    pub(super) const fn input(text: String) -> Self {
        Self::Requester(Reason { code: ReasonCode::BadTemplate, text })
    }

    /// The store did not take or give something.
    pub(super) fn store(fault: impl std::fmt::Display) -> Self {
        Self::Unavailable { retry_after: RETRY_AFTER, cause: format!("the database: {fault}") }
    }

    /// The key on the token, or the CA, is away.
    pub fn away(cause: impl std::fmt::Display) -> Self {
        Self::Unavailable { retry_after: RETRY_AFTER, cause: cause.to_string() }
    }
}

/// A device that comes back after half a minute finds a restarted server or token.
const RETRY_AFTER: u32 = 30;
