//! The protocol doors: bytes to a protocol crate, to the registrar, and back. They know no database and no CA.

mod cmp;
/// What the listener tells of a connection.
pub mod connection;
mod control;
mod est;
mod health;

pub use cmp::{AnswersConfig, CmpDoor, CmpDoorConfig, FurtherPath, Protector, Protectors};
pub use connection::{ChannelBinding, Connection, Receipt, RequestId, Tls};
pub use control::{Shown, control};
pub use est::{KeyEncryptionKey, KeyEncryptionKeyConfig, KeyProtection, est_balanced, est_direct};
pub use health::health;

use crate::case::Door;
use crate::registrar::Source;

/// Where a request came from, for the registrar.
fn source(door: Door, connection: &Connection, request: &RequestId, profile: Option<String>) -> Source {
    Source { door, peer: connection.peer.ip(), request_id: request.0.clone(), profile }
}
