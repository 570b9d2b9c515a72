//! `[expiry]`: how long before the end of a certificate that the server lives by somebody is told.

use serde::Deserialize;

use super::check::{Wrong, wrong};

/// Days before the end. Of a certificate that is short-lived it is less: a third, a sixth and a twelfth of its life at most.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct ExpiryConfig {
    /// For a notice.
    pub notice_days: u16,
    /// For a warning.
    pub warning_days: u16,
    /// For an alarm.
    pub critical_days: u16,
}

impl Default for ExpiryConfig {
    /// A CA that works by hand may need a month, and its RA must be told before that.
    fn default() -> Self {
        Self { notice_days: 60, warning_days: 30, critical_days: 7 }
    }
}

impl ExpiryConfig {
    /// It gets louder as the end comes near.
    pub(super) fn check(self) -> Result<(), Wrong> {
        if 0 < self.critical_days && self.critical_days < self.warning_days && self.warning_days < self.notice_days {
            return Ok(());
        }
        wrong(&["expiry"], "0 < critical_days < warning_days < notice_days")
    }
}
