//! `[officers]`: the people of the office, and their console.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use time::UtcOffset;
use time::macros::format_description;

use super::Config;
use super::check::{Wrong, wrong};
use crate::duty::{Job, LonePath, lone_paths};
use crate::registrar::OfficerSettings;

/// `[officers]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficersConfig {
    /// The name of `[trust.NAME]` that their certificates chain to.
    pub trust: String,
    /// The console's own names with their ports, as browsers write them. Needed where it is not on a loopback address.
    #[serde(default)]
    pub hosts: BTreeSet<String>,
    /// The office's time, ahead of UTC: `+03:30`. Records have UTC.
    #[serde(default = "default_offset")]
    pub utc_offset: String,
    /// After so many minutes without a request a session ends.
    #[serde(default = "default_idle")]
    pub idle_minutes: u16,
    /// After so many hours a session ends in any case.
    #[serde(default = "default_session")]
    pub session_hours: u16,
    /// After so many days the officers must be gone through again.
    #[serde(default = "default_review")]
    pub review_days: u16,
    /// The course that a job demands, by the job's name.
    #[serde(default)]
    pub qualifications: BTreeMap<String, String>,
    /// The ways on which one person alone may get a certificate issued, each with the reason for it (DESIGN rule 6).
    #[serde(default)]
    pub alone: BTreeMap<String, String>,
}

fn default_offset() -> String {
    "+00:00".to_owned()
}

const fn default_idle() -> u16 {
    15
}

const fn default_session() -> u16 {
    10
}

const fn default_review() -> u16 {
    92
}

impl OfficersConfig {
    /// Seconds that the office's time is ahead of UTC.
    #[must_use]
    pub fn offset_seconds(&self) -> i32 {
        self.offset().map_or(0, UtcOffset::whole_seconds)
    }

    fn offset(&self) -> Option<UtcOffset> {
        let form = format_description!("[offset_hour sign:mandatory]:[offset_minute]");
        UtcOffset::parse(&self.utc_offset, form).ok()
    }

    /// The registrar's settings for officers.
    #[must_use]
    pub fn settings(&self) -> OfficerSettings {
        let named = |(job, course): (&String, &String)| Some((Job::named(job)?, course.clone()));
        OfficerSettings {
            trust: Some(self.trust.clone()),
            idle: i64::from(self.idle_minutes) * 60_000,
            longest: i64::from(self.session_hours) * 3_600_000,
            review: i64::from(self.review_days) * 86_400_000,
            qualifications: self.qualifications.iter().filter_map(named).collect(),
        }
    }
}

impl Config {
    /// The ways on which one person alone could get a certificate issued.
    #[must_use]
    pub fn lone_paths(&self) -> Vec<LonePath> {
        let served = self.trusted_ra.iter();
        let served = served.map(|ra| (ra.name.as_str(), ra.profiles.iter().map(String::as_str).collect()));
        lone_paths(&self.profile, served)
    }
}

pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    let Some(officers) = &config.officers else { return Ok(()) };
    let at = |key: &str, text: String| wrong(&["officers", key], text);
    if !config.trust.contains_key(&officers.trust) {
        return at("trust", format!("there is no [trust.{}]", officers.trust));
    }
    let outside = config.listen.console.address().is_some_and(|address| !address.ip().is_loopback());
    if outside && officers.hosts.is_empty() {
        return at("hosts", "the console is not on a loopback address: name it as browsers write it".to_owned());
    }
    if officers.hosts.iter().any(|host| host.is_empty() || host.contains(['/', ' ', '@'])) {
        return at("hosts", "a host is a name, and a port where that is not 443: \"ra.example:9443\"".to_owned());
    }
    if officers.offset().is_none() {
        return at("utc_offset", "it is written as +03:30 or -05:00".to_owned());
    }
    for (key, value) in [
        ("idle_minutes", officers.idle_minutes),
        ("session_hours", officers.session_hours),
        ("review_days", officers.review_days),
    ] {
        if value == 0 {
            return at(key, "it must be 1 at least".to_owned());
        }
    }
    if let Some(unknown) = officers.qualifications.keys().find(|job| Job::named(job).is_none()) {
        let jobs = Job::ALL.map(Job::name).join(", ");
        return at("qualifications", format!("there is no job '{unknown}'; the jobs are {jobs}"));
    }
    for (path, reason) in &officers.alone {
        if reason.trim().len() < SHORTEST_REASON {
            return at("alone", format!("'{path}': write the reason for it, with the clause that allows it"));
        }
    }
    Ok(())
}

/// "it is fine" is none.
const SHORTEST_REASON: usize = 12;
