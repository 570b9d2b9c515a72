//! What the store counts.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The writer's numbers. Clones count together.
#[derive(Clone, Debug)]
pub struct Stats {
    commits: Counter,
    units: Counter,
    conflicts: Counter,
    failures: Counter,
    queue: Gauge,
    seconds: Histogram,
}

impl Stats {
    pub(super) fn new() -> Self {
        Self {
            commits: Counter::default(),
            units: Counter::default(),
            conflicts: Counter::default(),
            failures: Counter::default(),
            queue: Gauge::default(),
            seconds: Histogram::new(COMMIT_SECONDS),
        }
    }

    /// Registers the numbers under the prefix of the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("store_commits", "Transactions that were committed", self.commits.clone());
        registry.register("store_units", "Units of work that were committed", self.units.clone());
        registry.register("store_conflicts", "Units of work that contradicted the records", self.conflicts.clone());
        registry.register("store_failures", "Transactions that could not be committed", self.failures.clone());
        registry.register("store_queue", "Units of work that wait for the writer", self.queue.clone());
        registry.register_with_unit(
            "store_commit",
            "Time from the begin of a transaction to its end on disk",
            Unit::Seconds,
            self.seconds.clone(),
        );
    }

    /// Transactions that were committed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.get()
    }

    /// Units of work that were committed.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.units.get()
    }

    /// Units of work that contradicted the records.
    #[must_use]
    pub fn conflicts(&self) -> u64 {
        self.conflicts.get()
    }

    /// Transactions that could not be committed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// Units of work that wait for the writer, when it last looked.
    #[must_use]
    pub fn queue_depth(&self) -> i64 {
        self.queue.get()
    }

    pub(super) fn waiting(&self, units: usize) {
        self.queue.set(i64::try_from(units).unwrap_or(i64::MAX));
    }

    pub(super) fn conflict(&self) {
        self.conflicts.inc();
    }

    pub(super) fn committed(&self, units: usize, took: Duration) {
        self.commits.inc();
        self.units.inc_by(units as u64);
        self.seconds.observe(took.as_secs_f64());
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}

/// From an idle solid-state disk to one in trouble.
const COMMIT_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 1.0, 4.0];
