//! What the registrar counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::case::{Door, State};

/// The registrar's numbers.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    cases: Family<StateLabel, Counter>,
    refused: Family<DoorLabel, Counter>,
    authentication_failures: Family<DoorLabel, Counter>,
    authority_faults: Counter,
    withheld: Counter,
    in_flight: Gauge,
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

    pub(super) fn in_flight(&self, count: usize) {
        self.in_flight.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
