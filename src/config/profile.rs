//! `[profile.NAME]`: a misspelt name would quietly forbid or allow something, so each is looked up.

use std::collections::BTreeSet;

use certs::{ObjectIdentifier, lint, oid};

use super::check::{Wrong, wrong};
use super::{AuthorityConfig, Config};
use crate::registrar::SHORT_NAMES;
use crate::rules::{EnrolNeeds, Forward, Naming, Profile, Proof};
use crate::upstream::{Takes, Templates};

/// Checks one profile against the rest of the file.
pub(super) fn check(config: &Config, name: &str, profile: &Profile) -> Result<(), Wrong> {
    let at = |key: &str, text: String| wrong(&["profile", name, key], text);
    if let Err(fault) = est::check_label(name) {
        return wrong(&["profile", name], fault.to_string());
    }
    if !config.authority.contains_key(&profile.authority) {
        return at("authority", format!("there is no [authority.{}]", profile.authority));
    }
    if let Some(authority) = config.authority.get(&profile.authority) {
        within(name, profile, authority.takes())?;
    }
    let takes_nested = config.authority.get(&profile.authority).is_some_and(AuthorityConfig::takes_nested);
    if profile.forward == Forward::Nested && !takes_nested {
        return at(
            "forward",
            format!("set `nested = true` in [authority.{}], if it takes nested messages", profile.authority),
        );
    }
    if profile.central_keys && !matches!(profile.forward, Forward::Nested | Forward::Untouched) {
        return at(
            "central_keys",
            "the CA makes keys for those whose own protection it sees: forward = \"nested\" or \"untouched\""
                .to_owned(),
        );
    }
    if profile.est.server_key.is_some() {
        // DESIGN rule 8.
        let signs = ["digitalSignature", "nonRepudiation", "keyCertSign", "cRLSign"];
        if let Some(usage) = profile.key_usage.iter().find(|usage| signs.contains(&usage.as_str())) {
            let text = format!("a key that others made signs nothing: key_usage holds {usage}");
            return wrong(&["profile", name, "est", "server_key"], text);
        }
        if profile.key_usage.is_empty() {
            let text = "key_usage must say what the key is for, such as keyEncipherment".to_owned();
            return wrong(&["profile", name, "est", "server_key"], text);
        }
    }
    if profile.original_message && profile.forward != Forward::Replace {
        return at(
            "original_message",
            "the original goes along where its protection is replaced: forward = \"replace\"".to_owned(),
        );
    }
    let codes_aside = profile.enrol_with.iter().filter(|way| *way != "code").map(|way| ("enrol_with", way));
    for (key, way) in codes_aside.chain(profile.renew_with.iter().map(|way| ("renew_with", way))) {
        if !config.trust.contains_key(way) {
            return at(key, format!("there is no [trust.{way}]"));
        }
    }
    known(name, &["alternative_names"], &profile.alternative_names, &ALTERNATIVE_NAMES)?;
    if let Some(kind) = profile.required_alternative_names.difference(&profile.alternative_names).next() {
        return at("required_alternative_names", format!("'{kind}' is not in alternative_names"));
    }
    known(name, &["key_usage"], &profile.key_usage, &KEY_USAGES)?;
    known(name, &["signatures"], &profile.signatures, &SIGNATURES)?;
    known(name, &["key", "kinds"], &profile.key.kinds, &KEY_KINDS)?;
    let lints: Vec<&str> = lint::names().collect();
    known(name, &["lint_allow"], &profile.lint_allow, &lints)?;
    identifiers(name, "extended_key_usage", &profile.extended_key_usage)?;
    identifiers(name, "other_extensions", &profile.other_extensions)?;
    purposes(name, profile)?;
    subject(name, profile)?;
    needs(name, profile)?;
    names(name, profile)?;
    messages(name, profile)?;
    carried_codes(name, profile)?;
    if profile.validity_days == 0 {
        return at("validity_days", "1 or more".to_owned());
    }
    // NIST SP 800-57 part 1, table 2: fewer bits have less than 112 bits of strength.
    if !(2048..=profile.key.rsa_max_bits).contains(&profile.key.rsa_min_bits) {
        return wrong(&["profile", name, "key", "rsa_min_bits"], "2048 or more, and no more than rsa_max_bits");
    }
    Ok(())
}

/// What a profile cannot offer whose CA cannot be asked for it.
fn within(name: &str, profile: &Profile, takes: Takes) -> Result<(), Wrong> {
    let authority = &profile.authority;
    if profile.forward != Forward::Behalf && !takes.messages {
        let text = format!("[authority.{authority}] takes no message of a requester: forward = \"behalf\"");
        return wrong(&["profile", name, "forward"], text);
    }
    if profile.est.server_key.is_some() && !takes.revocations {
        let text = format!(
            "[authority.{authority}] takes no revocation, and the certificate of a key that nobody took could not be revoked"
        );
        return wrong(&["profile", name, "est", "server_key"], text);
    }
    if profile.est.change_subject_name && !takes.template(profile.proof == Proof::RaVerified) {
        let text = match takes.templates {
            Templates::None => {
                format!(
                    "[authority.{authority}] takes PKCS#10 only, which cannot carry other names than it was signed with"
                )
            }
            Templates::Vouched | Templates::Any => {
                format!(
                    "[authority.{authority}] takes other names than were signed with our word only: proof = \"ra-verified\""
                )
            }
        };
        return wrong(&["profile", name, "est", "change_subject_name"], text);
    }
    Ok(())
}

/// DESIGN rule 10: no profile may ask for the rights of an RA. Who had those of the CA's own server, or every one, could
/// sign the CA's answers to us (DESIGN rule 4).
fn purposes(name: &str, profile: &Profile) -> Result<(), Wrong> {
    let closed = [oid::CMC_RA, oid::CMC_CA, oid::ANY_EXTENDED_KEY_USAGE];
    match closed.iter().find(|purpose| profile.extended_key_usage.contains(&purpose.to_string())) {
        Some(purpose) => wrong(
            &["profile", name, "extended_key_usage"],
            format!("{purpose} is for RAs and CAs; no profile may allow it"),
        ),
        None => Ok(()),
    }
}

/// Facts name attributes as `registrar::SHORT_NAMES` does, in that writing only.
fn subject(name: &str, profile: &Profile) -> Result<(), Wrong> {
    let rules = &profile.subject;
    let lists = [("required", &rules.required), ("allowed", &rules.allowed)];
    let listed = lists.into_iter().flat_map(|(key, kinds)| kinds.iter().map(move |kind| (key, kind)));
    for (key, kind) in listed.chain(rules.fixed.keys().map(|kind| ("fixed", kind))) {
        let at = ["profile", name, "subject", key];
        if SHORT_NAMES.iter().any(|(_, short)| short == kind) {
            continue;
        }
        let same = SHORT_NAMES.iter().find(|(dotted, short)| dotted == kind || short.eq_ignore_ascii_case(kind));
        if let Some((_, short)) = same {
            return wrong(&at, format!("{kind:?} is written {short:?}"));
        }
        if ObjectIdentifier::new(kind).is_err() {
            let shorts: Vec<&str> = SHORT_NAMES.iter().map(|(_, short)| *short).collect();
            return wrong(&at, format!("{kind:?} is none of {}, nor a dotted identifier", shorts.join(", ")));
        }
    }
    Ok(())
}

/// Numbers that would let nothing through, or anything.
fn messages(name: &str, profile: &Profile) -> Result<(), Wrong> {
    let own = &profile.cmp;
    let within = [
        // RFC 4211 section 4.4: "The iterationCount MUST be a minimum of 100"; NIST SP 800-132 section 5.2: 1000.
        ("pbm_iterations", own.pbm_iterations, 100, 1_000_000),
        ("pbmac1_iterations", own.pbmac1_iterations, 1000, 1_000_000),
        ("message_time_seconds", own.message_time_seconds, 1, 86_400),
        ("confirm_seconds", own.confirm_seconds.unwrap_or(1), 1, 86_400),
    ];
    match within.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
        Some((key, _, least, most)) => wrong(&["profile", name, "cmp", key], format!("{least} to {most}")),
        None => Ok(()),
    }
}

/// An enrolment code that a request may carry must be a way to enrol.
fn carried_codes(name: &str, profile: &Profile) -> Result<(), Wrong> {
    if profile.est.takes_codes() && !profile.enrol_with.contains("code") {
        return wrong(&["profile", name, "est"], "\"enrolment-code\" needs \"code\" in enrol_with");
    }
    Ok(())
}

/// Who needs a certificate and a code needs a way to each.
fn needs(name: &str, profile: &Profile) -> Result<(), Wrong> {
    let codes = profile.enrol_with.contains("code");
    let certificates = profile.enrol_with.iter().any(|way| way != "code");
    if profile.enrol_needs == EnrolNeeds::CertificateAndCode && !(codes && certificates) {
        return wrong(
            &["profile", name, "enrol_needs"],
            "\"certificate-and-code\" needs \"code\" and a [trust.NAME] in enrol_with",
        );
    }
    Ok(())
}

/// RFC 9483 section 5.1.1: whom a requester may name. Who has a certificate that is renewed here asks for itself only.
fn names(name: &str, profile: &Profile) -> Result<(), Wrong> {
    for (way, naming) in &profile.subject.names {
        let at = ["profile", name, "subject", "names", way];
        if !profile.enrol_with.contains(way) && !profile.renew_with.contains(way) {
            return wrong(&at, format!("{way:?} stands neither in enrol_with nor in renew_with"));
        }
        if *naming == Naming::Profile && profile.renew_with.contains(way) {
            return wrong(&at, "who has a certificate that is renewed here may ask for its own names only");
        }
        if *naming == Naming::SerialNumber && way == "code" {
            return wrong(&at, "a code has no serialNumber; use \"credential\" or \"profile\"");
        }
    }
    Ok(())
}

fn known(name: &str, key: &[&str], values: &BTreeSet<String>, known: &[&str]) -> Result<(), Wrong> {
    match values.iter().find(|value| !known.contains(&value.as_str())) {
        Some(value) => {
            let key = [&["profile", name], key].concat();
            wrong(&key, format!("{value:?} is none of {}", known.join(", ")))
        }
        None => Ok(()),
    }
}

fn identifiers(name: &str, key: &str, values: &BTreeSet<String>) -> Result<(), Wrong> {
    match values.iter().find(|value| ObjectIdentifier::new(value).is_err()) {
        Some(value) => {
            wrong(&["profile", name, key], format!("{value:?} is no object identifier, such as 1.3.6.1.5.5.7.3.2"))
        }
        None => Ok(()),
    }
}

const ALTERNATIVE_NAMES: [&str; 4] = ["dns", "ip", "email", "uri"];

const KEY_KINDS: [&str; 8] = ["P-256", "P-384", "P-521", "Ed25519", "RSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];

/// `certs::algorithm::SignatureAlgorithm::family`.
const SIGNATURES: [&str; 5] = ["RSA", "RSASSA-PSS", "ECDSA", "Ed25519", "ML-DSA"];

/// RFC 5280 section 4.2.1.3.
const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];
