//! Who is told of requests that no handler sees.

use http::StatusCode;

use crate::frontend::connection::{Connection, RequestId};

/// Hears of a request that the listener itself turned down, so that it can be recorded.
pub trait Witness: Send + Sync + std::fmt::Debug {
    /// A request on a door was answered with this status and these words. Must not block.
    fn turned_down(&self, door: &'static str, connection: &Connection, id: &RequestId, status: StatusCode, words: &str);
}
