//! The end of the certificates that the server lives by: the RA's own, its CAs', that of TLS, and that of recovery.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use certs::Certificate;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use super::assemble::read_certificates;
use crate::case::{Clock, Millis};
use crate::config::{Config, ExpiryConfig};

/// How near the end is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Alarm {
    /// Less than sixty days, where nothing else is configured.
    Notice,
    /// Less than thirty days.
    Warning,
    /// Less than seven days, or over.
    Critical,
}

impl Alarm {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Whole days until then; negative afterwards.
pub(super) const fn days_left(ends: Millis, now: Millis) -> i64 {
    ends.0.saturating_sub(now.0).div_euclid(DAY)
}

/// A certificate whose end somebody must see coming.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    /// The key of its file in the configuration.
    pub(super) key: String,
    pub(super) subject: String,
    begins: Millis,
    pub(super) ends: Millis,
}

impl Watched {
    fn new(key: &str, certificate: &Certificate) -> Self {
        Self {
            key: key.to_owned(),
            subject: certificate.subject().to_string(),
            begins: certificate.not_before(),
            ends: certificate.not_after(),
        }
    }

    /// The RA's own at this CA.
    pub(super) fn own(authority: &str, certificate: &Certificate) -> Self {
        Self::new(&format!("authority.{authority}.{OWN}"), certificate)
    }

    /// How near its end is: by the days that are configured, and by its whole life where that is short.
    pub(super) fn alarm(&self, now: Millis, days: ExpiryConfig) -> Option<Alarm> {
        let life = self.ends.0.saturating_sub(self.begins.0).max(0);
        let left = self.ends.0.saturating_sub(now.0);
        let near = |days: u16, part: i64| left < (i64::from(days) * DAY).min(life / part) || left < 0;
        match (near(days.critical_days, 12), near(days.warning_days, 6), near(days.notice_days, 3)) {
            (true, ..) => Some(Alarm::Critical),
            (_, true, _) => Some(Alarm::Warning),
            (_, _, true) => Some(Alarm::Notice),
            _ => None,
        }
    }

    pub(super) fn words(&self, alarm: Alarm, now: Millis) -> String {
        let (alarm, ends, days) = (alarm.name(), self.ends, days_left(self.ends, now));
        let (what, next, late) = match self.key.rsplit('.').next() {
            Some(OWN) => ("the RA certificate".to_owned(), "`daftar key renew`", "`daftar key csr` asks for a new one"),
            Some("certificate_file") => {
                (self.named(), "put a new one there, then SIGHUP", "nobody can connect over TLS")
            }
            Some("recovery_certificate") => (self.named(), "make a new one", "no new data key can be made"),
            _ => (self.named(), "ask the CA for its next", "nothing that it signed is taken"),
        };
        if ends < now {
            return format!("{alarm}: {what} ended at {ends}; {late}");
        }
        format!("{alarm}: {what} ends at {ends}, {days} days left; {next}")
    }

    fn named(&self) -> String {
        format!("the certificate of '{}' in {}", self.subject, self.key)
    }
}

/// What the files hold, but for the RA's own: the first of TLS and recovery, of a CA's those that end first. What does not read is told
/// where it is used.
pub(super) fn in_files(files: &[(String, PathBuf)]) -> Vec<Watched> {
    let watched = |(key, path): &(String, PathBuf)| {
        let found = read_certificates(path).ok()?;
        let whole_file = key.starts_with("authority.");
        let first = if whole_file { found.iter().min_by_key(|one| one.not_after()) } else { found.first() };
        first.map(|certificate| Watched::new(key, certificate))
    };
    files.iter().filter_map(watched).collect()
}

/// The files to look into. Trust anchors and what led to an earlier root may end unnoticed: others take their place.
pub(super) fn files(config: &Config) -> Vec<(String, PathBuf)> {
    let lived_by = ["recovery_certificate", "certificate_file", "certificates", "packages", "signer_certificate"];
    let all = config.certificate_files().into_iter();
    let wanted = all.filter(|(key, _)| key.rsplit('.').next().is_some_and(|last| lived_by.contains(&last)));
    wanted.map(|(key, path)| (key, path.to_owned())).collect()
}

/// When the certificates that are in use end.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    days: ExpiryConfig,
    /// The RA's own, as they were when the server started.
    own: Vec<Watched>,
    files: Vec<(String, PathBuf)>,
    found: Arc<Mutex<Vec<Watched>>>,
}

impl Ends {
    pub(super) fn new(config: &Config) -> Self {
        let files = files(config);
        let found = Arc::new(Mutex::new(in_files(&files)));
        Self { days: config.expiry, own: Vec::new(), files, found }
    }

    pub(super) fn add(&mut self, authority: &str, own: &Certificate) {
        self.own.push(Watched::own(authority, own));
    }

    /// The numbers for Prometheus.
    pub(super) fn collector(&self, clock: Arc<dyn Clock>) -> Box<dyn Collector> {
        Box::new(SecondsLeft { ends: self.clone(), clock })
    }

    /// Warns now and once a day for as long as an end is near. The files are read anew each time: who put a new certificate there is
    /// told no more.
    pub(super) async fn watch(self, clock: Arc<dyn Clock>) {
        loop {
            let now = clock.now();
            for watched in self.all() {
                match watched.alarm(now, self.days) {
                    None => {}
                    Some(alarm @ Alarm::Critical) => {
                        tracing::error!(certificate = watched.key, "{}", watched.words(alarm, now));
                    }
                    Some(alarm) => tracing::warn!(certificate = watched.key, "{}", watched.words(alarm, now)),
                }
            }
            tokio::time::sleep(A_DAY).await;
            *self.found() = in_files(&self.files);
        }
    }

    fn all(&self) -> Vec<Watched> {
        [self.own.as_slice(), self.found().as_slice()].concat()
    }

    fn found(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct SecondsLeft {
    ends: Ends,
    clock: Arc<dyn Clock>,
}

impl Collector for SecondsLeft {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let help = "How long a certificate that the server lives by lasts; negative when it is over";
        let mut family = encoder.encode_descriptor("certificate_seconds_left", help, None, MetricType::Gauge)?;
        let now = self.clock.now();
        for watched in self.ends.all() {
            let left = ConstGauge::new(watched.ends.seconds().saturating_sub(now.seconds()));
            left.encode(family.encode_family(&[("certificate", watched.key.as_str())])?)?;
        }
        Ok(())
    }
}

/// The key of the RA's own certificate.
const OWN: &str = "ra_certificate";

const DAY: i64 = 24 * 60 * 60 * 1000;
const A_DAY: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(life: i64) -> Watched {
        Watched { key: "k".to_owned(), subject: String::new(), begins: Millis(-life * DAY), ends: Millis(0) }
    }

    fn alarms(life: i64, days_before: &[i64]) -> Vec<Option<Alarm>> {
        let at = |days: &i64| watched(life).alarm(Millis(-days * DAY + 1), ExpiryConfig::default());
        days_before.iter().map(at).collect()
    }

    #[test]
    fn the_alarm_gets_louder_as_the_end_comes_near() {
        assert_eq!(alarms(730, &[365, 61]), [None, None]);
        assert_eq!(alarms(730, &[60, 31]), [Some(Alarm::Notice); 2]);
        assert_eq!(alarms(730, &[30, 8]), [Some(Alarm::Warning); 2]);
        assert_eq!(alarms(730, &[7, 1, 0, -9]), [Some(Alarm::Critical); 4]);
    }

    #[test]
    fn of_a_short_life_nobody_is_told_as_long_before() {
        assert_eq!(alarms(90, &[60, 31]), [None, None]);
        assert_eq!(alarms(90, &[30, 16]), [Some(Alarm::Notice); 2]);
        assert_eq!(alarms(90, &[15, 8]), [Some(Alarm::Warning); 2]);
        assert_eq!(
            alarms(12, &[5, 4, 2, 1, 0]),
            [None, Some(Alarm::Notice), Some(Alarm::Warning), Some(Alarm::Critical), Some(Alarm::Critical)]
        );
    }

    #[test]
    fn what_is_over_has_less_than_no_days_left() {
        assert_eq!(days_left(Millis(0), Millis(1)), -1);
        assert_eq!(days_left(Millis(DAY), Millis(1)), 0);
    }
}
