//! The checks that need more than one section, or that a section's type cannot make.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{AuthorityConfig, Config, DEMO_MARK};
use super::{officers, profile};
use crate::listen::Place;
use crate::registrar::{Balancer, KEY_MAKING_TIME, LEASE, TrustedRa};

/// What is wrong with the value of a key.
#[derive(Debug)]
pub(super) struct Wrong {
    key: Vec<String>,
    pub(super) text: String,
}

impl Wrong {
    /// The key as one writes it.
    pub(super) fn key(&self) -> String {
        self.key.join(".")
    }

    /// The line of the key; of the table that it is missing in, where it does not stand in the file.
    pub(super) fn line(&self, text: &str) -> usize {
        let Ok(file) = DeTable::parse(text) else { return 1 };
        let (mut place, mut table) = (0, Some(file.get_ref()));
        for name in &self.key {
            let found = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name));
            let Some((key, value)) = found else { break };
            place = key.span().start;
            table = match value.get_ref() {
                DeValue::Table(table) => Some(table),
                _ => None,
            };
        }
        1 + text.bytes().take(place).filter(|octet| *octet == b'\n').count()
    }
}

/// A fault of a key.
pub(super) fn wrong(key: &[&str], text: impl Into<String>) -> Result<(), Wrong> {
    Err(Wrong { key: key.iter().map(|name| (*name).to_owned()).collect(), text: text.into() })
}

/// All checks, in the order of the reference.
pub(super) fn check(config: &Config) -> Result<(), Wrong> {
    office(config)?;
    config.store.check().or_else(|(key, text)| wrong(&["store", key], text))?;
    addresses(config)?;
    token(config)?;
    registrar(config)?;
    further_paths(config)?;
    if config.authority.is_empty() {
        return wrong(&["authority"], "there is no [authority.NAME], so nothing can be forwarded");
    }
    for (name, authority) in &config.authority {
        let plain =
            !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet));
        if matches!(authority, AuthorityConfig::File(_)) && !plain {
            let text = "the name of this table stands in names of files: letters, digits, - and _ only";
            return wrong(&["authority", name, "kind"], text);
        }
        if let Some(fault) = authority.url_fault() {
            return wrong(&["authority", name, "url"], fault);
        }
        let longest = authority.longest_way();
        if longest > LEASE - LEASE_MARGIN {
            let text = format!(
                "with batch_milliseconds and ten seconds for each of further_urls an answer may take {longest} ms; {} ms are the most, or another worker would send the message \
                 again",
                LEASE - LEASE_MARGIN
            );
            return wrong(&["authority", name, "timeout_seconds"], text);
        }
    }
    if config.trust.contains_key("code") {
        return wrong(&["trust", "code"], "this name stands for enrolment codes; give the table another");
    }
    for (name, profile) in &config.profile {
        profile::check(config, name, profile)?;
    }
    trusted_ras(config)?;
    balancers(config)?;
    let keys = config.profile.values().any(|profile| profile.est.server_key.is_some());
    let request_seconds = config.listen.limits.request_seconds.get();
    let making = KEY_MAKING_TIME.as_secs();
    if keys && u64::from(config.registrar.server_key_seconds) + making >= u64::from(request_seconds) {
        let text = format!(
            "with {making} seconds to make the key it must be less than listen.limits.request_seconds, {request_seconds}, \
             or no key is ever delivered"
        );
        return wrong(&["registrar", "server_key_seconds"], text);
    }
    for entry in &config.key_encryption_key {
        if let Some(unknown) = entry.profiles.iter().find(|name| !config.profile.contains_key(*name)) {
            return wrong(&["key_encryption_key"], format!("'{}': there is no [profile.{unknown}]", entry.identifier));
        }
    }
    officers::check(config)?;
    config.expiry.check()?;
    if !config.profile.contains_key(&config.registrar.default_profile) {
        let text = format!("there is no [profile.{}]", config.registrar.default_profile);
        return wrong(&["registrar", "default_profile"], text);
    }
    Ok(())
}

/// DESIGN rule 10: who may speak for others is told exactly.
fn trusted_ras(config: &Config) -> Result<(), Wrong> {
    for entry in &config.trusted_ra {
        let at = |text: String| wrong(&["trusted_ra"], format!("'{}': {text}", entry.name));
        if entry.name.is_empty() || entry.name.chars().any(char::is_control) {
            return at("name it, as it stands in the log".to_owned());
        }
        if let Err(fault) = TrustedRa::read(entry) {
            return at(fault);
        }
        if !config.trust.contains_key(&entry.trust) {
            return at(format!("there is no [trust.{}]", entry.trust));
        }
        if entry.profiles.is_empty() {
            return at("profiles must name what it may serve".to_owned());
        }
        if let Some(unknown) = entry.profiles.iter().find(|name| !config.profile.contains_key(*name)) {
            return at(format!("there is no [profile.{unknown}]"));
        }
    }
    Ok(())
}

/// RFC 9440 section 4: who may tell of its clients is told exactly.
fn balancers(config: &Config) -> Result<(), Wrong> {
    if config.listen.balanced != Place::Off && config.balancer.is_empty() {
        return wrong(&["listen", "balanced"], "there is no [[balancer]], so nobody could use this door");
    }
    for entry in &config.balancer {
        let at = |text: String| wrong(&["balancer"], format!("'{}': {text}", entry.name));
        if entry.name.is_empty() || entry.name.chars().any(char::is_control) {
            return at("name it, as it stands in the log".to_owned());
        }
        if let Err(fault) = Balancer::read(entry) {
            return at(fault);
        }
        if !config.trust.contains_key(&entry.trust) {
            return at(format!("there is no [trust.{}]", entry.trust));
        }
    }
    Ok(())
}

fn office(config: &Config) -> Result<(), Wrong> {
    if config.node.is_empty() || config.node.len() > 64 || config.node.chars().any(char::is_control) {
        return wrong(&["node"], "1 to 64 characters that can be seen");
    }
    if !config.demo && is_demo_folder(&config.data) {
        return wrong(&["data"], "this is the data folder of a demo; set `demo = true` or use another");
    }
    Ok(())
}

/// Whether `daftar demo` made a data folder.
#[must_use]
pub fn is_demo_folder(data: &Path) -> bool {
    data.join(DEMO_MARK).exists()
}

/// A demo listens on loopback only (DESIGN 3).
fn addresses(config: &Config) -> Result<(), Wrong> {
    let listen = &config.listen;
    let places = [
        ("https", listen.https),
        ("balanced", listen.balanced),
        ("http", listen.http),
        ("console", listen.console),
        ("metrics", listen.metrics),
    ];
    for (name, address) in places.iter().filter_map(|(name, place)| Some((name, place.address()?))) {
        if config.demo && !address.ip().is_loopback() {
            return wrong(&["listen", name], "a demo listens on loopback addresses only");
        }
    }
    Ok(())
}

fn token(config: &Config) -> Result<(), Wrong> {
    let hsm = &config.hsm;
    if let Err(fault) = hsm.check() {
        return wrong(&["hsm"], fault.to_string());
    }
    if hsm.wrapping_key.is_none() {
        return wrong(&["hsm", "wrapping_key"], "is needed: enrolment secrets are encrypted under it");
    }
    match (&config.audit, &hsm.checkpoint_key) {
        (Some(_), None) => {
            return wrong(&["hsm", "checkpoint_key"], "is needed: the audit log of [audit] is signed with it");
        }
        (None, Some(_)) => return wrong(&["hsm", "checkpoint_key"], "signs the audit log; say in [audit] how"),
        (Some(log), Some(_)) => {
            let unfit = |sign: char| sign.is_whitespace() || sign.is_control() || sign == '+';
            if log.origin.is_empty() || log.origin.contains(unfit) {
                return wrong(&["audit", "origin"], "a name without spaces and '+', such as ra.example/log");
            }
        }
        (None, None) => {}
    }
    let (answers, named) = (&config.answers, "is needed: hsm and answers go together");
    for (key, file) in [
        (("answer_key", &hsm.answer_key), ("certificates", &answers.certificates)),
        (("retiring_answer_key", &hsm.retiring_answer_key), ("retiring", &answers.retiring)),
        (("package_key", &hsm.package_key), ("packages", &answers.packages)),
    ] {
        match (key, file) {
            ((_, Some(_)), (name, None)) => return wrong(&["answers", name], format!("{named} (hsm.{})", key.0)),
            ((name, None), (_, Some(_))) => return wrong(&["hsm", name], format!("{named} (answers.{})", file.0)),
            _ => {}
        }
    }
    match (&config.listen.key_file, &hsm.tls_key) {
        (None, None) => {
            return wrong(&["listen", "key_file"], "is needed, or hsm.tls_key where the key is on the token");
        }
        (Some(_), Some(_)) => return wrong(&["hsm", "tls_key"], "TLS has one key: leave this or listen.key_file away"),
        _ => {}
    }
    for (name, key) in hsm.keys().chain(hsm.wrapping_key.as_ref().map(|key| ("wrapping_key", key))) {
        let label = key.label.as_deref().unwrap_or_default();
        if !config.demo && label.starts_with(DEMO_KEYS) {
            return wrong(&["hsm", name], "this is the key of a demo; set `demo = true` or use another");
        }
    }
    Ok(())
}

fn registrar(config: &Config) -> Result<(), Wrong> {
    let own = &config.registrar;
    // Beyond it the listener has answered 503 before the registrar could say "later".
    let longest = f64::from(config.listen.limits.request_seconds.get());
    if !(0.0..longest).contains(&own.answer_seconds) {
        let text = format!("0 or more, and less than listen.limits.request_seconds ({longest})");
        return wrong(&["registrar", "answer_seconds"], text);
    }
    let counts = [
        ("check_after_seconds", own.check_after_seconds.into()),
        ("queue_limit", own.queue_limit),
        ("confirm_seconds", own.confirm_seconds.into()),
        ("come_back_seconds", own.come_back_seconds.into()),
        ("answer_tries", own.answer_tries.into()),
        ("requests_per_minute", own.requests_per_minute.into()),
        ("failures_per_minute", own.failures_per_minute.into()),
        ("iterations_per_minute", own.iterations_per_minute.into()),
    ];
    match counts.iter().find(|(_, count)| *count == 0) {
        Some((name, _)) => wrong(&["registrar", name], "1 or more"),
        None => Ok(()),
    }
}

/// `[cmp.paths]`: none may be the house's own, and each leads to a profile that is there.
fn further_paths(config: &Config) -> Result<(), Wrong> {
    if let Some((path, text)) = config.cmp.fault() {
        return wrong(&["cmp", "paths", path], text);
    }
    for (path, further) in &config.cmp.paths {
        if let Some(name) = further.profile.as_ref().filter(|name| !config.profile.contains_key(*name)) {
            return wrong(&["cmp", "paths", path], format!("there is no [profile.{name}]"));
        }
    }
    Ok(())
}

/// How the labels of a demo's keys begin (DESIGN 3).
const DEMO_KEYS: &str = "demo-";

/// What the commits around a call to a CA may take, in milliseconds.
const LEASE_MARGIN: i64 = 10_000;
