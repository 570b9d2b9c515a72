//! `[registrar]`: how requests are worked on.

use serde::Deserialize;

use super::OfficersConfig;
use crate::registrar::Settings;

/// `[registrar]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrarConfig {
    /// The profile of a request that names none.
    pub default_profile: String,
    /// How a changed rule set comes into force.
    pub activation: Activation,
    /// How long a requester waits for the CA before it is told to come back.
    pub answer_seconds: f64,
    /// How long a requester of `/serverkeygen` is kept waiting for the CA; there is no coming back for a key.
    pub server_key_seconds: u32,
    /// When a waiting requester is told to come back.
    pub check_after_seconds: u32,
    /// How long after delivery a repeated EST request gets the same certificate.
    pub repeat_window_seconds: u32,
    /// How many cases may be on their way to CAs.
    pub queue_limit: u64,
    /// How long a CMP requester may take to confirm; never longer than the CA waits.
    pub confirm_seconds: u32,
    /// How long a requester that was told to come back may stay away before its case lapses.
    pub come_back_seconds: u32,
    /// How long a CRL or root update that a CA told is given to others, too.
    pub information_seconds: u32,
    /// How often a CA's wrong answer is taken for a fault that passes.
    pub answer_tries: u32,
    /// How many requests a credential may make in a minute.
    pub requests_per_minute: u32,
    /// How many failed log-ins an address may have in a minute.
    pub failures_per_minute: u32,
    /// How many iterations of key derivation an address may cost in a minute.
    pub iterations_per_minute: u32,
}

/// How a changed rule set comes into force (DESIGN rule 5).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// When it is loaded: for offices without officers.
    OnLoad,
}

impl Default for RegistrarConfig {
    fn default() -> Self {
        Self {
            default_profile: "default".to_owned(),
            activation: Activation::OnLoad,
            // Clients give up after ten seconds (est.md 1.7).
            answer_seconds: 5.0,
            server_key_seconds: 45,
            check_after_seconds: 10,
            repeat_window_seconds: 900,
            queue_limit: 10_000,
            confirm_seconds: 120,
            // A device that is switched off over a holiday.
            come_back_seconds: 14 * 24 * 60 * 60,
            information_seconds: 60,
            answer_tries: 5,
            // A device enrols once and renews now and then; a site that shares a code sets more.
            requests_per_minute: 120,
            failures_per_minute: 30,
            // Five seconds of PBKDF2, and a thousand enrolments a minute by what clients send.
            iterations_per_minute: 10_000_000,
        }
    }
}

impl RegistrarConfig {
    /// The registrar's settings on this node.
    #[must_use]
    pub fn settings(&self, node: &str, officers: Option<&OfficersConfig>) -> Settings {
        Settings {
            node: node.to_owned(),
            default_profile: self.default_profile.clone(),
            answer_time: std::time::Duration::try_from_secs_f64(self.answer_seconds).unwrap_or_default(),
            server_key_time: std::time::Duration::from_secs(self.server_key_seconds.into()),
            check_after: self.check_after_seconds,
            repeat_window: i64::from(self.repeat_window_seconds) * 1000,
            queue_limit: self.queue_limit,
            confirm_time: i64::from(self.confirm_seconds) * 1000,
            come_back_time: i64::from(self.come_back_seconds) * 1000,
            information_time: i64::from(self.information_seconds) * 1000,
            answer_tries: self.answer_tries,
            requests_per_minute: self.requests_per_minute,
            failures_per_minute: self.failures_per_minute,
            iterations_per_minute: self.iterations_per_minute,
            officers: officers.map(OfficersConfig::settings).unwrap_or_default(),
        }
    }
}
