//! What the listener turned down by itself is recorded like every other bad input.

use http::StatusCode;

use crate::case;
use crate::frontend::{Connection, RequestId};
use crate::listen::Witness;
use crate::registrar::{Registrar, Source};

/// Writes it into the audit log.
#[derive(Debug)]
pub(super) struct Books(pub(super) Registrar);

impl Witness for Books {
    fn turned_down(
        &self,
        door: &'static str,
        connection: &Connection,
        id: &RequestId,
        status: StatusCode,
        words: &str,
    ) {
        // EST is served on HTTPS only; what came there in a body too large to be read could be either.
        let door = match door {
            "https" => case::Door::Est,
            "console" => case::Door::Console,
            _ => case::Door::Cmp,
        };
        let source = Source { door, peer: connection.peer.ip(), request_id: id.0.clone(), profile: None };
        let (registrar, words) = (self.0.clone(), format!("{status}: {words}"));
        tokio::spawn(async move {
            if let Err(fault) = registrar.note_bad_input(&source, "requester", &words).await {
                tracing::error!(request = %source.request_id, %fault, "a refusal could not be recorded");
            }
        });
    }
}
