//! The nonces of HTTP Digest (RFC 7616 section 5.4): good for a while, at every node of the office, and each count once.

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use certs::Millis;

use crate::registrar::{Refusal, Registrar};

/// What was given out is known by its MAC; only what was proven with is written down, so nobody can fill the records from outside.
pub(super) struct Nonces {
    /// Of this process, for as long as the office's is not to be had.
    own: hmac::Key,
    office: OnceLock<hmac::Key>,
}

/// A nonce of ours that is young enough.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Live([u8; BODY]);

impl Nonces {
    pub(super) fn new(own: &[u8]) -> Self {
        Self { own: hmac::Key::new(hmac::HMAC_SHA256, own), office: OnceLock::new() }
    }

    /// A nonce to be given out.
    pub(super) fn fresh(&self, registrar: &Registrar) -> String {
        give(self.key(registrar), registrar.nonce(), registrar.now())
    }

    /// A nonce that came back, where it is one of ours and young enough.
    pub(super) fn live(&self, nonce: &str, registrar: &Registrar) -> Option<Live> {
        // Counts begin with 1 (RFC 7616 section 3.4).
        take(self.key(registrar), nonce, registrar.now())
    }

    fn key(&self, registrar: &Registrar) -> &hmac::Key {
        if self.office.get().is_none()
            && let Some(key) = registrar.nonce_key()
        {
            let _ = self.office.set(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()));
        }
        self.office.get().unwrap_or(&self.own)
    }
}

impl Live {
    /// Uses this count of the nonce, and all below it, up. Of two that do so at the same time, at whichever nodes, one succeeds.
    pub(super) async fn spend(self, count: u32, registrar: &Registrar) -> Result<bool, Refusal> {
        if count == 0 {
            return Ok(false);
        }
        registrar.spend_nonce(self.0, count, registrar.now().plus(-LIFE - SKEW)).await
    }
}

fn give(key: &hmac::Key, random: [u8; 16], now: Millis) -> String {
    let body = [now.0.to_be_bytes().as_slice(), &random].concat();
    let tag = hmac::sign(key, &body);
    hex::encode([body.as_slice(), tag.as_ref()].concat())
}

fn take(key: &hmac::Key, nonce: &str, now: Millis) -> Option<Live> {
    let octets = hex::decode(nonce).ok()?;
    let (body, tag) = octets.split_first_chunk::<BODY>()?;
    hmac::verify(key, body, tag).ok()?;
    let (time, _) = body.split_first_chunk::<TIME>()?;
    let given = Millis(i64::from_be_bytes(*time));
    (given <= now.plus(SKEW) && now < given.plus(LIFE)).then_some(Live(*body))
}

/// Longer than a person needs to type a secret.
const LIFE: i64 = 5 * 60 * 1000;

/// How far the clock of the node that gave it out may be ahead.
const SKEW: i64 = 60 * 1000;

const TIME: usize = 8;
const BODY: usize = TIME + 16;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    #[test]
    fn a_nonce_is_good_for_a_while_and_only_where_its_key_is_known() {
        let key = |octet: u8| hmac::Key::new(hmac::HMAC_SHA256, &[octet; 32]);
        let nonce = give(&key(7), [1; 16], NOW);
        let live = |nonce: &str, after: i64| take(&key(7), nonce, NOW.plus(after)).is_some();
        for (after, good) in [(0, true), (LIFE - 1, true), (LIFE, false), (-SKEW, true), (-SKEW - 1, false)] {
            assert_eq!(live(&nonce, after), good, "{after}");
        }
        assert_eq!(take(&key(8), &nonce, NOW), None);
        for wrong in ["", "00", &nonce[2..], &nonce.replacen('1', "2", 1)] {
            assert!(!live(wrong, 0), "{wrong}");
        }
    }
}
