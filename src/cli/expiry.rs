//! The end of the RA's own certificates: without a valid one no CA listens to us.

use std::sync::Arc;
use std::time::Duration;

use certs::Certificate;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::case::{Clock, Millis};

/// How near the end is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Alarm {
    /// Less than sixty days.
    Notice,
    /// Less than thirty days.
    Warning,
    /// Less than seven days, or over.
    Critical,
}

impl Alarm {
    pub(super) fn of(ends: Millis, now: Millis) -> Option<Self> {
        match days_left(ends, now) {
            60.. => None,
            30..60 => Some(Self::Notice),
            7..30 => Some(Self::Warning),
            _ => Some(Self::Critical),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    pub(super) fn words(self, ends: Millis, now: Millis) -> String {
        let name = self.name();
        if ends < now {
            return format!("{name}: the RA certificate ended at {ends}; `daftar key csr` asks for a new one");
        }
        format!("{name}: the RA certificate ends at {ends}, {} days left; `daftar key renew`", days_left(ends, now))
    }
}

/// Whole days until then; negative afterwards.
pub(super) const fn days_left(ends: Millis, now: Millis) -> i64 {
    ends.0.saturating_sub(now.0).div_euclid(DAY)
}

/// When the certificates that are in use end, by the name of their CA.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends(Vec<(String, Millis)>);

impl Ends {
    pub(super) fn add(&mut self, authority: &str, own: &Certificate) {
        self.0.push((authority.to_owned(), own.not_after()));
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let ends = Family::<Label, Gauge>::default();
        for (authority, end) in &self.0 {
            ends.get_or_create(&Label { authority: authority.clone() }).set(end.seconds());
        }
        let help = "When the RA certificate in use ends, seconds since 1970";
        registry.register("certificate_expires_seconds", help, ends);
    }

    /// Warns now and once a day for as long as an end is near.
    pub(super) async fn watch(self, clock: Arc<dyn Clock>) {
        loop {
            let now = clock.now();
            for (authority, end) in &self.0 {
                match Alarm::of(*end, now) {
                    None => {}
                    Some(alarm @ Alarm::Critical) => tracing::error!(authority, "{}", alarm.words(*end, now)),
                    Some(alarm) => tracing::warn!(authority, "{}", alarm.words(*end, now)),
                }
            }
            tokio::time::sleep(A_DAY).await;
        }
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Label {
    authority: String,
}

const DAY: i64 = 24 * 60 * 60 * 1000;
const A_DAY: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_gets_louder_as_the_end_comes_near() {
        let at = |days: i64| Alarm::of(Millis(days * DAY), Millis(0));
        assert_eq!([at(365), at(60)], [None, None]);
        assert_eq!([at(59), at(30)], [Some(Alarm::Notice); 2]);
        assert_eq!([at(29), at(7)], [Some(Alarm::Warning); 2]);
        assert_eq!([at(6), at(0), at(-1)], [Some(Alarm::Critical); 3]);
        assert_eq!(Alarm::of(Millis(60 * DAY - 1), Millis(0)), Some(Alarm::Notice));
    }

    #[test]
    fn what_is_over_has_less_than_no_days_left() {
        assert_eq!(days_left(Millis(0), Millis(1)), -1);
        assert_eq!(days_left(Millis(DAY), Millis(1)), 0);
    }
}
