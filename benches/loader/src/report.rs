use serde::{Deserialize, Serialize};

use crate::enrolment::Mode;

/// What one run found. Times are in microseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) mode: Mode,
    /// Where the RA's key is: on the token or in memory.
    pub(crate) key: String,
    pub(crate) requesters: usize,
    /// Certificates received.
    pub(crate) enrolments: u32,
    pub(crate) errors: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_error: Option<String>,
    pub(crate) seconds: f64,
    pub(crate) enrolments_per_second: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Enrolments a second that were asked for, in an open loop; there `p50` and `p99` are from when each should have been sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<f64>,
    /// How late the loader itself was, in an open loop: with more than a millisecond the run says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lateness_p99: Option<f64>,
    /// TLS handshakes: full ones, and those that resumed a session.
    pub(crate) handshakes: (usize, usize),
    /// CPU of the server for one enrolment; what it does within a second after the last one is its work, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_cpu: Option<f64>,
    /// CPU of the idle server in a second, before the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_idle_cpu: Option<f64>,
    /// Part of the run's time in which the server was at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_busy: Option<f64>,
    /// CPU of the CA for one enrolment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authority_cpu: Option<f64>,
    /// CPU of the loader for one enrolment.
    pub(crate) loader_cpu: f64,
    /// One operation each, medians.
    pub(crate) exchange: f64,
    pub(crate) sign: f64,
    pub(crate) verify: f64,
    pub(crate) derive: f64,
    /// The sum of an enrolment's own operations, by their medians.
    pub(crate) sum: f64,
    /// The same by the quickest slice of each.
    pub(crate) sum_floor: f64,
    /// CPU of the server for one enrolment, over `sum`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
}

impl Report {
    /// For people.
    pub(crate) fn print(&self) {
        let name = serde_json::to_value(self.mode).unwrap_or_default();
        println!(
            "{}, {}: {} enrolments by {} requesters in {:.2} s, {:.0}/s; p50 {:.1} ms, p99 {:.1} ms; {} errors",
            name.as_str().unwrap_or_default(),
            self.key,
            self.enrolments,
            self.requesters,
            self.seconds,
            self.enrolments_per_second,
            self.p50 / 1e3,
            self.p99 / 1e3,
            self.errors,
        );
        if let (Some(rate), Some(late)) = (self.rate, self.lateness_p99) {
            println!(
                "  open loop: {rate:.0} a second were asked for; the loader itself was late by {:.1} ms (p99)",
                late / 1e3
            );
        }
        if self.handshakes.1 > 0 {
            println!("  handshakes: {} full, {} resumed", self.handshakes.0, self.handshakes.1);
        }
        if let Some(error) = &self.first_error {
            println!("  first error: {error}");
        }
        println!(
            "  operations (us): exchange {:.1}, sign {:.1}, verify {:.1}, derive {:.1}; sum {:.0} (floor {:.0})",
            self.exchange, self.sign, self.verify, self.derive, self.sum, self.sum_floor
        );
        if let (Some(cpu), Some(ratio), Some(busy), Some(idle)) =
            (self.server_cpu, self.ratio, self.server_busy, self.server_idle_cpu)
        {
            println!(
                "  server: {cpu:.0} us of CPU an enrolment, {ratio:.2} x the sum; {:.0} % busy; {:.1} ms a second when idle",
                busy * 100.0,
                idle / 1e3
            );
        }
        let authority = self.authority_cpu.map(|cpu| format!(", CA {cpu:.0} us")).unwrap_or_default();
        println!("  others: loader {:.0} us an enrolment{authority}", self.loader_cpu);
    }
}
