//! The two limits that doors meet.

use std::net::IpAddr;

use super::identify::Source;
use super::limit::Limit;
use super::{Refusal, Settings};
use crate::case::{CredentialId, Millis};

#[derive(Debug)]
pub(super) struct Limits {
    requests: Limit<CredentialId>,
    failures: Limit<IpAddr>,
}

impl Limits {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { requests: Limit::new(settings.requests_per_minute), failures: Limit::new(settings.failures_per_minute) }
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
        self.failures.look(source.peer, now).map_err(|retry_after| Refusal::TooMany { retry_after })
    }

    /// Counts a failed try of an address.
    pub(super) fn count_failure(&self, source: &Source, now: Millis) {
        // Already empty: the look before told so.
        let _ = self.failures.take(source.peer, now);
    }
}
