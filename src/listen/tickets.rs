//! TLS tickets that any node of the office takes, and this one after a restart (RFC 5077, RFC 8446 section 4.6.1).
//!
//! Their keys are made from the office's data key for half a day each, and written nowhere. Until the data key is open, tickets are
//! under a key that only this process knows.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

use crate::case::Clock;

/// Where the keys come from.
pub trait TicketKeys: Send + Sync + fmt::Debug {
    /// The key of a period, the same at every node; none while it cannot be had.
    fn key(&self, period: u64) -> Option<Zeroizing<[u8; 32]>>;
}

/// What makes and opens tickets.
#[derive(Debug)]
pub struct Tickets {
    keys: Arc<dyn TicketKeys>,
    clock: Arc<dyn Clock>,
    /// Of this process.
    own: Arc<dyn ProducesTickets>,
}

impl Tickets {
    /// Tickets under these keys, and under a key of their own while there are none.
    ///
    /// # Errors
    /// When the library has no randomness.
    pub fn new(keys: Arc<dyn TicketKeys>, clock: Arc<dyn Clock>) -> Result<Self, rustls::Error> {
        Ok(Self { keys, clock, own: rustls::crypto::aws_lc_rs::Ticketer::new()? })
    }

    fn period(&self) -> u64 {
        u64::try_from(self.clock.now().seconds()).unwrap_or(0) / PERIOD
    }

    fn key(&self, period: u64) -> Option<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, self.keys.key(period)?.as_slice()).ok()
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (period, rest) = ticket.split_first_chunk::<PERIOD_OCTETS>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let (of, now) = (u64::from_be_bytes(*period), self.period());
        // Its life reaches into the next period; the clock of the node that made it may be ahead of ours.
        if !(now.saturating_sub(1)..=now.saturating_add(1)).contains(&of) {
            return None;
        }
        let mut octets = sealed.to_vec();
        let plain = self.key(of)?.open_in_place(Nonce::from(nonce), Aad::from(period), &mut octets).ok()?.len();
        octets.truncate(plain);
        Some(octets)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFE.min(self.own.lifetime())
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let period = self.period();
        let Some(key) = self.key(period) else { return self.own.encrypt(plain) };
        let period = period.to_be_bytes();
        let mut sealed = plain.to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(&period), &mut sealed).ok()?;
        Some([period.as_slice(), nonce.as_ref(), &sealed].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket).or_else(|| self.own.decrypt(ticket))
    }
}

/// For how long a key makes tickets, in seconds.
const PERIOD: u64 = 12 * 60 * 60;

/// For how long a client may come back with one, in seconds.
const LIFE: u32 = 12 * 60 * 60;

const PERIOD_OCTETS: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::case::Millis;

    /// The key of the office, once it is known.
    #[derive(Debug)]
    struct Office(Mutex<Option<u8>>);

    impl TicketKeys for Office {
        fn key(&self, period: u64) -> Option<Zeroizing<[u8; 32]>> {
            let mut key = Zeroizing::new([(*self.0.lock().unwrap())?; 32]);
            key[0] = u8::try_from(period % 251).unwrap();
            Some(key)
        }
    }

    #[derive(Debug)]
    struct Hours(Mutex<i64>);

    impl Clock for Hours {
        fn now(&self) -> Millis {
            Millis(*self.0.lock().unwrap() * 3_600_000)
        }
    }

    struct Node {
        office: Arc<Office>,
        hours: Arc<Hours>,
        tickets: Tickets,
    }

    fn node(key: Option<u8>) -> Node {
        let (office, hours) = (Arc::new(Office(Mutex::new(key))), Arc::new(Hours(Mutex::new(480_000))));
        let tickets = Tickets::new(Arc::clone(&office) as Arc<dyn TicketKeys>, Arc::clone(&hours) as Arc<dyn Clock>);
        Node { office, hours, tickets: tickets.unwrap() }
    }

    #[test]
    fn a_ticket_is_opened_by_every_node_of_the_office_and_by_no_other() {
        let [here, there, stranger] = [Some(1), Some(1), Some(2)].map(node);
        let ticket = here.tickets.encrypt(b"a session").unwrap();
        assert_eq!(there.tickets.decrypt(&ticket).unwrap(), b"a session");
        assert_eq!(stranger.tickets.decrypt(&ticket), None);
        assert_ne!(here.tickets.encrypt(b"a session").unwrap(), ticket);
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(there.tickets.decrypt(&changed), None, "{place}");
        }
        for short in [0, 7, 19, 30] {
            assert_eq!(there.tickets.decrypt(&ticket[..short]), None);
        }
    }

    #[test]
    fn a_key_is_good_for_its_period_and_the_next() {
        let node = node(Some(1));
        let ticket = node.tickets.encrypt(b"a session").unwrap();
        for (hours, good) in [(0, true), (12, true), (24, false), (-12, true), (-24, false)] {
            *node.hours.0.lock().unwrap() = 480_000 + hours;
            assert_eq!(node.tickets.decrypt(&ticket).is_some(), good, "{hours}");
        }
        assert!(node.tickets.lifetime() <= 12 * 60 * 60);
    }

    #[test]
    fn until_the_office_has_a_key_a_node_has_its_own() {
        let [here, there] = [None, None].map(node);
        let ticket = here.tickets.encrypt(b"a session").unwrap();
        assert_eq!(here.tickets.decrypt(&ticket).unwrap(), b"a session");
        assert_eq!(there.tickets.decrypt(&ticket), None);
        *here.office.0.lock().unwrap() = Some(1);
        assert_eq!(here.tickets.decrypt(&ticket).unwrap(), b"a session", "what was given out is taken still");
        assert_eq!(there.tickets.decrypt(&here.tickets.encrypt(b"another").unwrap()), None);
    }
}
