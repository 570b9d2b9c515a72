use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What the doors count. Cloning shares the counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Outcome, Counter>,
    durations: Family<OfDoor, Histogram>,
    connections: Family<OfDoor, Gauge>,
    refused: Family<Refused, Counter>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Outcome {
    door: &'static str,
    status: u32,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OfDoor {
    door: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Refused {
    door: &'static str,
    reason: &'static str,
}

/// Counts a connection for as long as it is there.
#[derive(Debug)]
pub(super) struct Connected(Gauge);

impl Metrics {
    /// All at nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            requests: Family::default(),
            // 1 ms to 65 s: from a cached answer to a slow authority.
            durations: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 17))),
            connections: Family::default(),
            refused: Family::default(),
        }
    }

    /// Names them for the metrics page.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "ra_http_requests",
            "Requests answered; status 499 are those whose client went away",
            self.requests.clone(),
        );
        registry.register(
            "ra_http_request_duration_seconds",
            "Time from a request's head to its answer",
            self.durations.clone(),
        );
        registry.register("ra_connections", "Connections that are open", self.connections.clone());
        registry.register(
            "ra_connections_refused",
            "Connections closed for what they are or sent, not for a request, by reason",
            self.refused.clone(),
        );
    }

    pub(super) fn answered(&self, door: &'static str, status: u16, duration: Duration) {
        self.requests.get_or_create(&Outcome { door, status: status.into() }).inc();
        self.durations.get_or_create(&OfDoor { door }).observe(duration.as_secs_f64());
    }

    pub(super) fn refused(&self, door: &'static str, reason: &'static str) {
        self.refused.get_or_create(&Refused { door, reason }).inc();
    }

    pub(super) fn connected(&self, door: &'static str) -> Connected {
        let gauge = self.connections.get_or_create(&OfDoor { door }).clone();
        gauge.inc();
        Connected(gauge)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}
