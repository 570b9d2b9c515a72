//! The client's side for a registration authority: what it asks in a Full PKI Request, and whether a Full PKI Response is the answer
//! (RFC 10002 sections 3.2, 4.2, 6.1, 6.6, 6.8, 6.11, 6.13 and 6.14).
//!
//! Nothing is kept in between: what an answer is held against is read from the recorded request.

mod ask;
mod response;

pub use ask::{AskFault, Asked, Asking, Sent, Thread, ask};
pub use response::{Response, Told};

#[cfg(test)]
mod tests;
