//! The limits that doors meet.

use std::net::IpAddr;

use super::identify::Source;
use super::limit::Limit;
use super::{Refusal, Registrar, Settings};
use crate::case::CredentialId;
use crate::store::Draw;

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
}

/// Each limit is first this node's own, which costs nothing to ask, then that of all nodes together.
impl Registrar {
    /// Counts a request of a known credential.
    pub(super) async fn count_request(&self, source: &Source, credential: &CredentialId) -> Result<(), Refusal> {
        let here = self.limits.requests.take(credential.clone(), self.now());
        let name = format!("requests of {credential}");
        self.draw(here, &name, self.settings.requests_per_minute, 1).await?.map_err(|retry_after| {
            tracing::warn!(request = %source.request_id, %credential, "too many requests");
            Refusal::TooMany { retry_after }
        })
    }

    /// Whether an address may still try credentials.
    pub(super) async fn look_failures(&self, source: &Source) -> Result<(), Refusal> {
        let peer = network(source.peer);
        let here = self.limits.failures.look(peer, self.now());
        let looked = self.draw(here, &failures(peer), self.settings.failures_per_minute, 0).await?;
        looked.map_err(|retry_after| Refusal::TooMany { retry_after })
    }

    /// Counts a failed try of an address.
    pub(super) async fn count_failure(&self, source: &Source) -> Result<(), Refusal> {
        let peer = network(source.peer);
        let here = self.limits.failures.take(peer, self.now());
        // Already empty: the look before told so.
        let _ = self.draw(here, &failures(peer), self.settings.failures_per_minute, 1).await?;
        Ok(())
    }

    /// Counts the iterations of a key derivation before they are done: an unauthenticated sender chooses their number.
    pub(super) async fn count_iterations(&self, source: &Source, iterations: u32) -> Result<(), Refusal> {
        let peer = network(source.peer);
        let here = self.limits.iterations.take_some(peer, self.now(), iterations);
        let name = format!("iterations of {peer}");
        self.draw(here, &name, self.settings.iterations_per_minute, iterations).await?.map_err(|retry_after| {
            tracing::warn!(request = %source.request_id, peer = %source.peer, iterations, "too many iterations of key derivation");
            Refusal::TooMany { retry_after }
        })
    }

    async fn draw(
        &self,
        here: Result<(), u32>,
        name: &str,
        per_minute: u32,
        amount: u32,
    ) -> Result<Result<(), u32>, Refusal> {
        match here {
            Ok(()) => self.store.draw(Draw { name, per_minute, amount }).await.map_err(Refusal::store),
            Err(retry_after) => Ok(Err(retry_after)),
        }
    }
}

fn failures(peer: IpAddr) -> String {
    format!("failures of {peer}")
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
