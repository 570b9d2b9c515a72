//! What a client checks in an answer, and how it asks. The protection of an answer, and whose it
//! may be, is checked by the caller: [`crate::Message::protection_kind`].

/// Reading answers.
mod answer;

/// Asking.
mod ask;

/// Whether an answer belongs to a request.
mod check;

/// Taking the answer to a batch apart.
mod unbundle;

pub use answer::{Answer, Issued, read, read_reply};
pub use ask::{confirm, first, next, poll};
pub use check::{check_answer, check_polled};
pub use unbundle::{Unbundled, unbundle};
