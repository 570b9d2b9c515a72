//! Keys derived from shared secrets, for as long as an exchange goes on: its later messages need no derivation while their
//! parameters stay the same (RFC 9483 section 4.1.5). A node that has none derives it anew from the secret.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use certs::Millis;
use cmp::MacKey;

/// The reference of a secret and a transactionID.
type Place = (Vec<u8>, Vec<u8>);

/// The keys of exchanges under a secret.
#[derive(Debug, Default)]
pub(super) struct Keys(Mutex<HashMap<Place, Kept>>);

#[derive(Debug)]
struct Kept {
    key: MacKey,
    until: Millis,
}

impl Keys {
    /// The key of an exchange, if a message has these parameters.
    pub(super) fn find(&self, transaction: &[u8], proof: &cmp::MacProof, now: Millis) -> Option<MacKey> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = keys.get(&(proof.reference().to_vec(), transaction.to_vec()))?;
        (now < kept.until && kept.key.algorithm() == proof.algorithm()).then(|| kept.key.clone())
    }

    /// Keeps the key of an exchange that goes on.
    pub(super) fn keep(&self, transaction: &[u8], key: &MacKey, now: Millis) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, kept| now < kept.until);
        if keys.len() < MOST {
            let kept = Kept { key: key.clone(), until: now.plus(TIME) };
            keys.insert((key.reference().to_vec(), transaction.to_vec()), kept);
        }
    }

    /// Forgets the key of an exchange that has ended.
    pub(super) fn forget(&self, transaction: &[u8], key: &MacKey) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&(key.reference().to_vec(), transaction.to_vec()));
    }
}

/// Beyond it keys are derived anew: a bound, not a need.
const MOST: usize = 4096;

/// A requester that comes back later than this costs one derivation; its key does not stand in memory for days.
const TIME: i64 = 10 * 60 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_000_000_000);

    fn key(salt: u8) -> MacKey {
        MacKey::from_secret(b"secret", [salt; 16], 500, b"reference")
    }

    fn proof(key: &MacKey) -> cmp::MacProof {
        let name = certs::Name::from_text("CN=reference").unwrap();
        let draft = cmp::client::first(&name, &name, [1; 16], [2; 16], cmp::body::pki_conf());
        let message = cmp::Message::parse(&draft.mac(key, &[]), &cmp::Limits::default()).unwrap();
        match message.protection_kind().unwrap() {
            cmp::Protection::Mac(proof) => proof,
            other => panic!("no MAC: {other:?}"),
        }
    }

    #[test]
    fn a_key_is_kept_for_its_exchange_and_its_parameters_only() {
        let keys = Keys::default();
        keys.keep(b"one", &key(1), NOW);
        assert!(keys.find(b"one", &proof(&key(1)), NOW).is_some());
        assert!(keys.find(b"two", &proof(&key(1)), NOW).is_none());
        assert!(keys.find(b"one", &proof(&key(2)), NOW).is_none(), "another salt is another key");
        assert!(keys.find(b"one", &proof(&key(1)), NOW.plus(TIME)).is_none());
        keys.forget(b"one", &key(1));
        assert!(keys.find(b"one", &proof(&key(1)), NOW).is_none());
    }
}
