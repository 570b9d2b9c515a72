//! What the registrar counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::case::{Door, Millis, State};
use crate::store::Backlog;

/// The registrar's numbers.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    cases: Family<StateLabel, Counter>,
    refused: Family<DoorLabel, Counter>,
    authentication_failures: Family<DoorLabel, Counter>,
    authority_faults: Counter,
    withheld: Counter,
    in_flight: Gauge,
    waiting: Gauge,
    oldest: Gauge,
    authorities_left_alone: Gauge,
    checkpoint: Gauge,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct DoorLabel {
    door: &'static str,
}

impl Metrics {
    /// Registers the numbers under the prefix of the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("cases", "Cases that reached a state", self.cases.clone());
        registry.register("requests_refused", "Requests refused for their form", self.refused.clone());
        registry.register(
            "authentication_failures",
            "Requests whose credentials were wrong",
            self.authentication_failures.clone(),
        );
        registry.register(
            "authority_faults",
            "Messages to a CA without a believable answer",
            self.authority_faults.clone(),
        );
        registry.register(
            "certificates_withheld",
            "Certificates that were not what was approved",
            self.withheld.clone(),
        );
        registry.register("queue_depth", "Submissions that wait to be sent or polled for", self.waiting.clone());
        let help = "Seconds since the oldest submission was opened that its CA has not answered";
        registry.register("queue_age_seconds", help, self.oldest.clone());
        let help = "CAs that are not called for a while, as they give no answers";
        registry.register("authorities_left_alone", help, self.authorities_left_alone.clone());
        let help = "When this node signed a checkpoint of the audit log last, UTC seconds; 0 before the first";
        registry.register("audit_last_checkpoint_timestamp_seconds", help, self.checkpoint.clone());
        registry.register("submissions_in_flight", "Submissions on their way to a CA", self.in_flight.clone());
    }

    pub(super) fn reached(&self, state: State) {
        self.cases.get_or_create(&StateLabel { state: state.name() }).inc();
    }

    pub(super) fn refused(&self, door: Door) {
        self.refused.get_or_create(&DoorLabel { door: door.name() }).inc();
    }

    pub(super) fn authentication_failed(&self, door: Door) {
        self.authentication_failures.get_or_create(&DoorLabel { door: door.name() }).inc();
    }

    pub(super) fn authority_fault(&self) {
        self.authority_faults.inc();
    }

    pub(super) fn certificate_withheld(&self) {
        self.withheld.inc();
    }

    pub(super) fn backlog(&self, backlog: &Backlog, now: Millis, left_alone: usize) {
        self.waiting.set(i64::try_from(backlog.open).unwrap_or(i64::MAX));
        self.oldest.set(backlog.oldest.map_or(0, |oldest| now.seconds() - oldest.seconds()).max(0));
        self.authorities_left_alone.set(i64::try_from(left_alone).unwrap_or(i64::MAX));
    }

    pub(super) fn checkpoint_signed(&self, at: Millis) {
        self.checkpoint.set(at.seconds());
    }

    pub(super) fn in_flight(&self, count: usize) {
        self.in_flight.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
