//! The limits that doors meet.

use std::net::IpAddr;

use super::identify::Source;
use super::limit::Limit;
use super::{Refusal, Settings};
use crate::case::{CredentialId, Millis};

#[derive(Debug)]
pub(super) struct Limits {
    requests: Limit<CredentialId>,
    failures: Limit<IpAddr>,
    iterations: Limit<IpAddr>,
}

impl Limits {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            requests: Limit::new(settings.requests_per_minute),
            failures: Limit::new(settings.failures_per_minute),
            iterations: Limit::new(settings.iterations_per_minute),
        }
    }

    /// Counts a request of a known credential.
    pub(super) fn take(&self, source: &Source, credential: &CredentialId, now: Millis) -> Result<(), Refusal> {
        self.requests.take(credential.clone(), now).map_err(|retry_after| {
            tracing::warn!(request = %source.request_id, %credential, "too many requests");
            Refusal::TooMany { retry_after }
        })
    }

    /// Whether an address may still try credentials.
    pub(super) fn look_failures(&self, source: &Source, now: Millis) -> Result<(), Refusal> {
        self.failures.look(network(source.peer), now).map_err(|retry_after| Refusal::TooMany { retry_after })
    }

    /// Counts a failed try of an address.
    pub(super) fn count_failure(&self, source: &Source, now: Millis) {
        // Already empty: the look before told so.
        let _ = self.failures.take(network(source.peer), now);
    }

    /// Counts the iterations of a key derivation before they are done: an unauthenticated sender chooses their number.
    pub(super) fn derive(&self, source: &Source, iterations: u32, now: Millis) -> Result<(), Refusal> {
        self.iterations.take_some(network(source.peer), now, iterations).map_err(|retry_after| {
            tracing::warn!(request = %source.request_id, peer = %source.peer, iterations, "too many iterations of key derivation");
            Refusal::TooMany { retry_after }
        })
    }
}

/// What one sender has for itself: an IPv4 address, an IPv6 /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_with_many_ipv6_addresses_is_one_sender() {
        let address = |text: &str| network(text.parse().unwrap());
        assert_eq!(address("2001:db8:1:2::7"), address("2001:db8:1:2:ffff::1"));
        assert_ne!(address("2001:db8:1:2::7"), address("2001:db8:1:3::7"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }
}
