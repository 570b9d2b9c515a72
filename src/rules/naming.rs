//! The rules about names: what a requester may be called, and whom it may name.

use super::ruling::{listed, only_if};
use super::{Facts, Naming, Profile};

pub(super) fn code_names(_: &Profile, facts: &Facts) -> Vec<String> {
    let Some(names) = &facts.credential.names else { return Vec::new() };
    asked_names(facts)
        .filter(|asked| !names.iter().any(|name| name.eq_ignore_ascii_case(asked)))
        .map(|asked| format!("the enrolment code is not for the name '{asked}'"))
        .collect()
}

fn asked_names(facts: &Facts) -> impl Iterator<Item = &str> {
    let common_names = facts.subject.iter().filter(|part| part.kind == "CN").map(|part| part.value.as_str());
    common_names.chain(facts.alternative_names.iter().map(|name| name.value.as_str()))
}

/// "the subject name in the certTemplate identifies the same entity as the subject name in the CMP protection certificate or
/// matches the identifier used with MAC-based protection", else the sender must be an authorised RA (RFC 9483 section 5.1.1).
pub(super) fn holder(profile: &Profile, facts: &Facts) -> Vec<String> {
    let by_authority = facts.credential.registration_authority || facts.vouched;
    let Some(holder) = facts.holder.filter(|_| !by_authority) else { return Vec::new() };
    // What a code is bound to is looked at by `code_names`; a certificate beside it binds all the same.
    if facts.credential.names.is_some() && facts.credential.subject.is_none() {
        return Vec::new();
    }
    // No policy lets the holder of a certificate of the same CA ask for somebody else's.
    // A policy lets it ask for other names of its own; which ones, the rest of the profile says.
    if facts.replaced.as_ref().is_some_and(|replaced| replaced.names_changed) && profile.est.change_subject_name {
        return Vec::new();
    }
    let named = profile.subject.naming(&facts.credential.kind);
    let naming = if facts.credential.own_authority { Naming::Credential } else { named };
    match naming {
        Naming::Profile => Vec::new(),
        Naming::SerialNumber => only_if(!holder.serial_number, || {
            "the subject must have the serialNumber of the certificate that the requester proved itself with".to_owned()
        }),
        Naming::Credential => {
            let whose = match facts.credential.subject {
                Some(_) => "of the certificate that the requester proved itself with",
                None => "that the enrolment code is for",
            };
            let mut found = only_if(!holder.subject, || format!("the subject must be the one {whose}"));
            // A renewal is held to the very same names by `replaced`.
            found.extend(only_if(!holder.alternative_names && facts.replaced.is_none(), || {
                format!("the alternative names must be among those {whose}")
            }));
            found
        }
    }
}

pub(super) fn subject(profile: &Profile, facts: &Facts) -> Vec<String> {
    if facts.operation == "revoke" {
        return Vec::new();
    }
    let rules = &profile.subject;
    let mut found = Vec::new();
    let may_be_empty = rules.may_be_empty && !facts.alternative_names.is_empty();
    if facts.subject.is_empty() && !may_be_empty {
        found.push("the subject must not be empty".to_owned());
        return found;
    }
    for required in &rules.required {
        if !facts.subject.is_empty() && !facts.subject.iter().any(|part| part.kind == *required) {
            found.push(format!("the subject must have the attribute {required}"));
        }
    }
    for part in &facts.subject {
        if !rules.required.contains(&part.kind)
            && !rules.allowed.contains(&part.kind)
            && !rules.fixed.contains_key(&part.kind)
        {
            found.push(format!("the subject must not have the attribute {}", part.kind));
        }
        if rules.fixed.get(&part.kind).is_some_and(|value| *value != part.value) {
            found.push(format!("the subject's attribute {} must be '{}'", part.kind, rules.fixed[&part.kind]));
        }
    }
    found
}

pub(super) fn name_text(_: &Profile, facts: &Facts) -> Vec<String> {
    let values = facts.subject.iter().map(|part| &part.value);
    values
        .chain(facts.alternative_names.iter().map(|name| &name.value))
        .filter(|value| value.is_empty() || value.chars().any(unprintable))
        .map(|value| format!("the name {value:?} is empty or has characters that cannot be shown"))
        .collect()
}

/// Control characters, and those that turn the direction of writing: a name must look like what it is.
fn unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn alternative_names(profile: &Profile, facts: &Facts) -> Vec<String> {
    if facts.operation == "revoke" {
        return Vec::new();
    }
    let is_there = |kind: &&String| facts.alternative_names.iter().any(|name| name.kind == **kind);
    let missing = profile.required_alternative_names.iter().filter(|kind| !is_there(kind));
    let mut found: Vec<String> =
        missing.map(|kind| format!("there must be an alternative name of kind '{kind}'")).collect();
    for name in &facts.alternative_names {
        if !profile.alternative_names.contains(&name.kind) {
            found.push(format!("alternative names of kind '{}' are not given here", name.kind));
        } else if name.kind == "dns" {
            found.extend(dns_name(profile, &name.value));
        }
    }
    found
}

fn dns_name(profile: &Profile, name: &str) -> Option<String> {
    let plain = name.strip_prefix("*.");
    if plain.is_some() && !profile.dns_wildcards {
        return Some(format!("the wildcard name '{name}' is not given here"));
    }
    if !is_host_name(plain.unwrap_or(name)) {
        return Some(format!("'{name}' is not a host name (RFC 1034 section 3.5)"));
    }
    let lower = name.to_ascii_lowercase();
    let suffixed = |suffix: &String| {
        let suffix = suffix.trim_start_matches('.').to_ascii_lowercase();
        lower == suffix || lower.ends_with(&format!(".{suffix}"))
    };
    if profile.dns_suffixes.is_empty() || profile.dns_suffixes.iter().any(suffixed) {
        return None;
    }
    Some(format!("the name '{name}' is not below {}", listed(&profile.dns_suffixes)))
}

/// The preferred name syntax (RFC 1034 section 3.5 with RFC 1123 section 2.1: a label may begin with a digit).
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}
