//! The token's numbers for Prometheus: the hsm room keeps plain counters.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::hsm::{Hsm, State};

/// A token as a collector.
#[derive(Debug)]
pub(super) struct Token(pub(super) Hsm);

impl Collector for Token {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let stats = self.0.stats();
        let ready = ConstGauge::new(i64::from(self.0.state() == State::Ready));
        ready.encode(encoder.encode_descriptor(
            "hsm_ready",
            "Whether the RA key can sign",
            None,
            ready.metric_type(),
        )?)?;
        let help = "Signatures that wait, by what they are for";
        let mut waiting = encoder.encode_descriptor("hsm_queued_signatures", help, None, MetricType::Gauge)?;
        for used in self.0.uses() {
            let depth = ConstGauge::new(i64::try_from(stats.queue_depth(used)).unwrap_or(i64::MAX));
            depth.encode(waiting.encode_family(&[("purpose", used.word())])?)?;
        }
        let lost = ConstGauge::new(i64::try_from(stats.threads_left_behind()).unwrap_or(i64::MAX));
        let kind = lost.metric_type();
        let help = "Threads left to calls that the token does not answer";
        lost.encode(encoder.encode_descriptor("hsm_threads_left_behind", help, None, kind)?)?;
        for (name, help, count) in [
            ("hsm_signatures", "Signatures made by the token", stats.signatures()),
            ("hsm_failures", "Signatures that failed", stats.failures()),
            ("hsm_reopened_sessions", "Sessions that were opened again", stats.reopened()),
            ("hsm_restarts", "Times the module was initialised again", stats.restarts()),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}
