//! The nonces of HTTP Digest (RFC 7616 section 5.4): good for a while, on this node until it stops, and each count once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use certs::Millis;

/// What was given out is known by its MAC; only what was proven with is remembered, so nobody can fill this from outside.
pub(super) struct Nonces {
    key: hmac::Key,
    /// The highest count by nonce. Its first octets are the time, so the oldest stand first.
    used: Mutex<BTreeMap<[u8; BODY], u32>>,
}

impl Nonces {
    pub(super) fn new(key: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), used: Mutex::default() }
    }

    /// A nonce to be given out.
    pub(super) fn fresh(&self, random: [u8; 16], now: Millis) -> String {
        let body = [now.0.to_be_bytes().as_slice(), &random].concat();
        let tag = hmac::sign(&self.key, &body);
        hex::encode([body.as_slice(), tag.as_ref()].concat())
    }

    /// Whether a nonce is one of ours, young enough, and this count of it not yet used.
    pub(super) fn is_live(&self, nonce: &str, count: u32, now: Millis) -> bool {
        let Some(body) = self.body(nonce, now) else { return false };
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(&body).is_none_or(|highest| *highest < count)
    }

    /// Uses this count of a nonce, and all below it, up. Of two that do so at the same time one succeeds.
    pub(super) fn spend(&self, nonce: &str, count: u32, now: Millis) -> bool {
        let Some(body) = self.body(nonce, now) else { return false };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let mut oldest = [0; BODY];
        oldest[..TIME].copy_from_slice(&now.plus(-LIFE).0.to_be_bytes());
        *used = used.split_off(&oldest);
        let highest = used.entry(body).or_default();
        let unused = *highest < count;
        *highest = count.max(*highest);
        unused
    }

    fn body(&self, nonce: &str, now: Millis) -> Option<[u8; BODY]> {
        let octets = hex::decode(nonce).ok()?;
        let (body, tag) = octets.split_first_chunk::<BODY>()?;
        hmac::verify(&self.key, body, tag).ok()?;
        let (time, _) = body.split_first_chunk::<TIME>()?;
        let given = Millis(i64::from_be_bytes(*time));
        (given <= now && now < given.plus(LIFE)).then_some(*body)
    }
}

/// Longer than a person needs to type a secret.
const LIFE: i64 = 5 * 60 * 1000;

const TIME: usize = 8;
const BODY: usize = TIME + 16;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_800_000_000_000);

    #[test]
    fn a_nonce_is_good_for_a_while_and_only_where_it_was_made() {
        let nonces = Nonces::new(&[7; 32]);
        let nonce = nonces.fresh([1; 16], NOW);
        assert!(nonces.is_live(&nonce, 1, NOW));
        assert!(nonces.is_live(&nonce, 1, NOW.plus(LIFE - 1)));
        assert!(!nonces.is_live(&nonce, 1, NOW.plus(LIFE)));
        assert!(!nonces.is_live(&nonce, 1, NOW.plus(-1)));
        assert!(!Nonces::new(&[8; 32]).is_live(&nonce, 1, NOW));
        for wrong in ["", "00", &nonce[2..], &nonce.replacen('1', "2", 1)] {
            assert!(!nonces.is_live(wrong, 1, NOW), "{wrong}");
        }
    }

    #[test]
    fn each_count_is_good_once() {
        let nonces = Nonces::new(&[7; 32]);
        let nonce = nonces.fresh([1; 16], NOW);
        assert!(!nonces.is_live(&nonce, 0, NOW.plus(LIFE)));
        assert!(nonces.spend(&nonce, 1, NOW));
        assert!(!nonces.is_live(&nonce, 1, NOW) && !nonces.spend(&nonce, 1, NOW));
        assert!(nonces.spend(&nonce, 3, NOW));
        assert!(!nonces.spend(&nonce, 2, NOW), "what was overtaken is used up");
        assert!(nonces.spend(&nonces.fresh([2; 16], NOW), 1, NOW), "another nonce has its own counts");
    }

    #[test]
    fn nonces_that_ran_out_are_forgotten() {
        let nonces = Nonces::new(&[7; 32]);
        let late = NOW.plus(2 * LIFE);
        assert!(nonces.spend(&nonces.fresh([1; 16], NOW), 1, NOW));
        assert!(nonces.spend(&nonces.fresh([2; 16], late), 1, late));
        assert_eq!(nonces.used.lock().unwrap().len(), 1);
    }
}
