//! What all nodes know of the nonces of HTTP Digest (RFC 7616 section 3.4).

use zeroize::Zeroizing;

use super::{Refusal, Registrar};
use crate::case::Millis;
use crate::store::{CommitError, Row, Unit};

impl Registrar {
    /// The key under which every node knows a nonce of the office; none before the data key is open.
    #[must_use]
    pub fn nonce_key(&self) -> Option<Zeroizing<[u8; 32]>> {
        self.secrets.shared_key(&[b"digest nonces"])
    }

    /// Uses this count of a nonce, and all below it, up; says whether it was unused. Of two nodes that do so, one succeeds.
    pub async fn spend_nonce(&self, nonce: [u8; 24], count: u32, live_since: Millis) -> Result<bool, Refusal> {
        match self.store.commit(Unit::new().with(Row::SpendNonce { nonce, count, live_since })).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(fault) => Err(Refusal::store(fault)),
        }
    }
}
