//! The rules themselves: each looks at the facts and says what it finds, with the clause it enforces.

use serde::{Deserialize, Serialize};

use super::naming::{alternative_names, code_names, holder, name_text, subject};
use super::{Approval, Facts, Profile, RenewalKey};
use crate::case::ReasonCode;

/// What a rule found against a request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// The rule's name, as in `[profile.NAME.clauses]`.
    pub rule: String,
    /// The clause of the CP/CPS, or of the RFC behind the rule.
    pub clause: String,
    /// What to mend.
    pub text: String,
    /// The kind of refusal ([`ReasonCode::name`]).
    pub code: String,
}

/// What follows from the findings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Approved in the name of the rule set.
    Pass,
    /// An officer must decide.
    Vet,
    /// Refused.
    Refuse,
}

/// Findings and verdict.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ruling {
    /// Everything found, in the order of the rules.
    pub findings: Vec<Finding>,
    /// What follows.
    pub verdict: Verdict,
}

impl Verdict {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Vet => "vet",
            Self::Refuse => "refuse",
        }
    }
}

impl Ruling {
    /// The refusal for the requester: the first finding's kind and all texts with their clauses.
    #[must_use]
    pub fn reason(&self) -> (ReasonCode, String) {
        let code = self
            .findings
            .first()
            .and_then(|finding| ReasonCode::named(&finding.code))
            .unwrap_or(ReasonCode::NotAuthorized);
        let texts: Vec<String> =
            self.findings.iter().map(|finding| format!("{} [{}]", finding.text, finding.clause)).collect();
        (code, texts.join("; "))
    }
}

/// Judges a request. The same profile and facts always give the same ruling.
#[must_use]
pub fn rule(profile: &Profile, facts: &Facts) -> Ruling {
    let mut findings = Vec::new();
    for rule in RULES {
        for text in (rule.look)(profile, facts) {
            findings.push(Finding {
                rule: rule.name.to_owned(),
                clause: profile.clauses.get(rule.name).cloned().unwrap_or_else(|| rule.source.to_owned()),
                text,
                code: rule.code.name().to_owned(),
            });
        }
    }
    let verdict = match (findings.is_empty(), profile.approval) {
        (false, _) => Verdict::Refuse,
        (true, Approval::Automatic) => Verdict::Pass,
        // A holder that ends its own certificate waits for nobody.
        (true, Approval::ByHand) if facts.operation == "revoke" => Verdict::Pass,
        (true, Approval::ByHand) => Verdict::Vet,
    };
    Ruling { findings, verdict }
}

struct Rule {
    name: &'static str,
    source: &'static str,
    code: ReasonCode,
    look: fn(&Profile, &Facts) -> Vec<String>,
}

const RULES: [Rule; 17] = [
    Rule { name: "requester", source: "RFC 7030 section 3.7", code: ReasonCode::NotAuthorized, look: requester },
    Rule { name: "code_names", source: "RFC 9483 section 5.1.1", code: ReasonCode::NotAuthorized, look: code_names },
    Rule { name: "holder", source: "RFC 9483 section 5.1.1", code: ReasonCode::NotAuthorized, look: holder },
    Rule { name: "possession", source: "RFC 4211 section 4", code: ReasonCode::BadProof, look: possession },
    Rule { name: "proof_algorithm", source: "RFC 9481 section 3", code: ReasonCode::BadProof, look: proof_algorithm },
    Rule { name: "key_kind", source: "RFC 3647 section 4.6.1", code: ReasonCode::BadTemplate, look: key_kind },
    Rule { name: "key_size", source: "RFC 3647 section 4.6.1", code: ReasonCode::BadTemplate, look: key_size },
    Rule { name: "key_reuse", source: "RFC 3647 section 4.4.7", code: ReasonCode::KeyInUse, look: key_reuse },
    Rule { name: "subject", source: "RFC 3647 section 4.3.1", code: ReasonCode::BadTemplate, look: subject },
    Rule { name: "name_text", source: "RFC 5280 section 4.1.2.4", code: ReasonCode::BadTemplate, look: name_text },
    Rule {
        name: "alternative_names",
        source: "RFC 5280 section 4.2.1.6",
        code: ReasonCode::BadTemplate,
        look: alternative_names,
    },
    Rule { name: "key_usage", source: "RFC 5280 section 4.2.1.3", code: ReasonCode::BadTemplate, look: key_usage },
    Rule {
        name: "extended_key_usage",
        source: "RFC 5280 section 4.2.1.12",
        code: ReasonCode::BadTemplate,
        look: extended_key_usage,
    },
    Rule { name: "lint", source: "RFC 5280 section 4", code: ReasonCode::BadTemplate, look: lint },
    Rule { name: "extensions", source: "RFC 3647 section 4.7.1", code: ReasonCode::BadExtension, look: extensions },
    Rule { name: "validity", source: "RFC 3647 section 4.6.3", code: ReasonCode::BadTemplate, look: validity },
    Rule { name: "replaced", source: "RFC 7030 section 4.2.2", code: ReasonCode::BadCertificateId, look: replaced },
];

fn requester(profile: &Profile, facts: &Facts) -> Vec<String> {
    let kind = facts.credential.kind.as_str();
    let allowed = match facts.operation.as_str() {
        // RFC 9483 section 5.3.1: a registration authority asks for others.
        "issue" => profile.enrol_with.contains(kind) || facts.credential.registration_authority,
        // RFC 9483 section 4.2: the certificate itself, or a registration authority (section 5.3.2).
        "revoke" => profile.renew_with.contains(kind) || facts.credential.registration_authority,
        _ => profile.renew_with.contains(kind) || (kind == "code" && profile.enrol_with.contains("code")),
    };
    only_if(!allowed, || format!("a requester known by '{kind}' may not ask for '{}' here", facts.operation))
}

fn possession(_: &Profile, facts: &Facts) -> Vec<String> {
    // RFC 9483 section 5.1.1: raVerified is the word of a registration authority only.
    let vouched = facts.possession_vouched && facts.credential.registration_authority;
    only_if(facts.key.is_some() && !facts.possession_proven && !vouched, || {
        "the holder of the key must sign with it".to_owned()
    })
}

fn proof_algorithm(profile: &Profile, facts: &Facts) -> Vec<String> {
    let Some(family) = &facts.proof_algorithm else { return Vec::new() };
    only_if(!profile.signatures.contains(family), || {
        format!("signatures with {family} are not taken here; use one of {}", listed(&profile.signatures))
    })
}

fn key_kind(profile: &Profile, facts: &Facts) -> Vec<String> {
    if facts.server_key {
        return only_if(profile.est.server_key.is_none(), || {
            "no keys are made under this profile; bring a key".to_owned()
        });
    }
    let Some(key) = &facts.key else {
        return only_if(facts.operation != "revoke" && !profile.central_keys, || {
            "the CA makes no keys under this profile; bring a key".to_owned()
        });
    };
    only_if(!profile.key.kinds.contains(&key.family), || {
        format!("keys of kind {} are not certified here; use one of {}", key.family, listed(&profile.key.kinds))
    })
}

fn key_size(profile: &Profile, facts: &Facts) -> Vec<String> {
    let Some(key) = facts.key.as_ref().filter(|key| key.family == "RSA") else { return Vec::new() };
    let (min, max) = (profile.key.rsa_min_bits, profile.key.rsa_max_bits);
    only_if(key.bits < min || key.bits > max, || {
        format!("an RSA key of {} bits is not certified here; use {min} to {max} bits", key.bits)
    })
}

fn key_reuse(profile: &Profile, facts: &Facts) -> Vec<String> {
    let renews = facts.replaced.is_some();
    only_if(facts.key_in_use && !profile.same_key && !renews, || {
        "this key stands in a valid certificate already; make a new key".to_owned()
    })
}

fn key_usage(profile: &Profile, facts: &Facts) -> Vec<String> {
    let asked = facts.key_usage.iter().flatten();
    asked
        .filter(|usage| !profile.key_usage.contains(*usage))
        .map(|usage| format!("the key usage {usage} is not given here; use {}", listed(&profile.key_usage)))
        .collect()
}

/// A CA that grants it would break a rule, and its certificate would be withheld.
fn lint(profile: &Profile, facts: &Facts) -> Vec<String> {
    let found = facts.lints.iter().filter(|found| !profile.lint_allow.contains(&found.name));
    found.map(|found| found.text.clone()).collect()
}

fn extended_key_usage(profile: &Profile, facts: &Facts) -> Vec<String> {
    let asked = facts.extended_key_usage.iter().flatten();
    asked
        // DESIGN rule 10: no profile gives the rights of a registration authority.
        .filter(|usage| !profile.extended_key_usage.contains(*usage) || *usage == CMC_RA)
        .map(|usage| format!("the extended key usage {usage} is not given here"))
        .collect()
}

fn extensions(profile: &Profile, facts: &Facts) -> Vec<String> {
    let mut found = only_if(facts.certification_authority, || "CA certificates are not given here".to_owned());
    found.extend(
        facts
            .other_extensions
            .iter()
            .filter(|oid| !profile.other_extensions.contains(*oid))
            .map(|oid| format!("the extension {oid} is not given here")),
    );
    found
}

fn validity(profile: &Profile, facts: &Facts) -> Vec<String> {
    let Some(days) = facts.validity_days else { return Vec::new() };
    only_if(days > i64::from(profile.validity_days) || days <= 0, || {
        format!("a validity of {days} days is not given here; ask for 1 to {}", profile.validity_days)
    })
}

fn replaced(profile: &Profile, facts: &Facts) -> Vec<String> {
    let Some(replaced) = &facts.replaced else { return Vec::new() };
    let revoke = facts.operation == "revoke";
    let mut found = Vec::new();
    if !replaced.held_by_requester {
        if !facts.credential.registration_authority {
            found.push("the certificate is not the one that the requester proved itself with".to_owned());
        } else if !(revoke || profile.est.renew_for_others && facts.door == "est") {
            // RFC 9483 section 4.1.3: over CMP it is always the certificate itself that protects the request.
            found.push("nobody renews for others here".to_owned());
        }
    }
    match replaced.status.as_str() {
        "revoked" if !revoke => found.push("the certificate is revoked".to_owned()),
        "rejected" => found.push("the certificate was rejected by its holder".to_owned()),
        "renewed" if !revoke => found.push("the certificate has a successor already".to_owned()),
        _ => {}
    }
    if revoke {
        return found;
    }
    // Records from before the days were a fact have none.
    let in_time = (1..=i64::from(profile.renew_expired_days)).contains(&replaced.expired_days);
    if replaced.expired && !(in_time && facts.door == "est") {
        found.push("the certificate has expired".to_owned());
    }
    match (profile.renewal_key, facts.operation.as_str()) {
        (RenewalKey::New, "renew") => found.push("a renewal needs a new key".to_owned()),
        (RenewalKey::Same, "rekey") => found.push("a renewal keeps its key".to_owned()),
        _ => {}
    }
    // RFC 7030 section 4.2.2: the server's policy decides about other names.
    if replaced.names_changed && !profile.est.change_subject_name {
        found.push("a renewal does not change names here; leave ChangeSubjectName out".to_owned());
    }
    if !replaced.subject_equal {
        found.push("the subject must be the one of the certificate to be replaced".to_owned());
    }
    if !replaced.alternative_names_equal {
        found.push("the alternative names must be those of the certificate to be replaced".to_owned());
    }
    found
}

pub(super) fn only_if(found: bool, text: impl FnOnce() -> String) -> Vec<String> {
    if found { vec![text()] } else { Vec::new() }
}

pub(super) fn listed(names: &std::collections::BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// id-kp-cmcRA (RFC 6402 section 2.10).
const CMC_RA: &str = "1.3.6.1.5.5.7.3.28";

#[cfg(test)]
mod tests {
    use super::super::{
        AttributeFact, CredentialFact, EstRules, HolderFact, KeyFact, LintFact, NameFact, ReplacedFact,
    };
    use super::*;

    fn profile() -> Profile {
        toml::from_str(
            r#"
            authority = "oil"
            approval = "automatic"
            enrol_with = ["code"]
            renew_with = ["own"]
            alternative_names = ["dns"]
            dns_suffixes = ["plant.example"]
            extended_key_usage = ["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.28"]
            subject = { required = ["CN"], allowed = ["O"], fixed = { O = "Oil" } }
            clauses = { key_size = "CPS 6.1.5" }
            "#,
        )
        .unwrap()
    }

    fn facts() -> Facts {
        Facts {
            version: 1,
            operation: "issue".into(),
            door: "est".into(),
            credential: CredentialFact {
                kind: "code".into(),
                names: None,
                subject: None,
                own_authority: false,
                registration_authority: false,
            },
            key: Some(KeyFact { kind: "P-256".into(), family: "P-256".into(), bits: 256 }),
            server_key: false,
            possession_proven: true,
            possession_vouched: false,
            proof_algorithm: Some("ECDSA".into()),
            subject: vec![AttributeFact { kind: "CN".into(), value: "pump-7".into() }],
            alternative_names: vec![NameFact { kind: "dns".into(), value: "pump-7.plant.example".into() }],
            lints: Vec::new(),
            key_usage: None,
            extended_key_usage: None,
            certification_authority: false,
            other_extensions: Vec::new(),
            validity_days: None,
            not_after: None,
            replaced: None,
            key_in_use: false,
            vouched: false,
            holder: None,
        }
    }

    fn against(change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = facts();
        change(&mut facts);
        let ruling = rule(&profile(), &facts);
        assert_eq!(ruling.verdict == Verdict::Pass, ruling.findings.is_empty());
        ruling.findings.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_request_within_the_rules_passes() {
        assert_eq!(against(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn a_weak_key_is_refused_with_the_clause_of_the_office() {
        let mut facts = facts();
        facts.key = Some(KeyFact { kind: "RSA-1024".into(), family: "RSA".into(), bits: 1024 });
        let ruling = rule(&profile(), &facts);
        assert_eq!(ruling.verdict, Verdict::Refuse);
        assert!(ruling.reason().1.contains("[CPS 6.1.5]"));
    }

    #[test]
    fn each_rule_finds_its_own_breach() {
        assert_eq!(against(|facts| facts.credential.kind = "manufacturer".into()), ["requester"]);
        assert_eq!(against(|facts| facts.credential.names = Some(vec!["pump-7".into()])), ["code_names"]);
        assert_eq!(against(|facts| facts.possession_proven = false), ["possession"]);
        let vouched = |by_authority: bool| {
            against(|facts| {
                (facts.possession_proven, facts.possession_vouched) = (false, true);
                facts.credential.registration_authority = by_authority;
            })
        };
        assert_eq!(vouched(false), ["possession"]);
        assert!(vouched(true).is_empty());
        assert_eq!(against(|facts| facts.proof_algorithm = Some("DSA".into())), ["proof_algorithm"]);
        assert_eq!(against(|facts| facts.key.as_mut().unwrap().family = "Ed25519".into()), ["key_kind"]);
        assert_eq!(against(|facts| facts.key_in_use = true), ["key_reuse"]);
        assert_eq!(against(|facts| facts.subject.clear()), ["subject"]);
        assert_eq!(against(|facts| facts.subject[0].value = "a\u{202e}b".into()), ["name_text"]);
        assert_eq!(
            against(|facts| facts.alternative_names[0].value = "pump.other.example".into()),
            ["alternative_names"]
        );
        assert_eq!(against(|facts| facts.alternative_names[0].value = "*.plant.example".into()), ["alternative_names"]);
        assert_eq!(against(|facts| facts.alternative_names[0].kind = "uri".into()), ["alternative_names"]);
        assert_eq!(against(|facts| facts.key_usage = Some(vec!["keyCertSign".into()])), ["key_usage"]);
        let lint = LintFact { name: "subject".into(), text: "too long".into() };
        assert_eq!(against(|facts| facts.lints = vec![lint]), ["lint"]);
        assert_eq!(against(|facts| facts.certification_authority = true), ["extensions"]);
        assert_eq!(against(|facts| facts.other_extensions = vec!["1.2.3".into()]), ["extensions"]);
        assert_eq!(against(|facts| facts.validity_days = Some(5000)), ["validity"]);
    }

    /// What is found against a request whose names fit the credential only so far.
    fn named(naming: &str, fits: HolderFact, change: fn(&mut Facts)) -> Vec<String> {
        let mut facts = facts();
        facts.credential.kind = "maker".into();
        facts.credential.subject = Some(Vec::new());
        facts.holder = Some(fits);
        change(&mut facts);
        let mut profile = profile();
        profile.enrol_with.insert("maker".into());
        profile.renew_with.insert("maker".into());
        profile.subject.names = toml::from_str(naming).unwrap();
        rule(&profile, &facts).findings.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_requester_names_itself_unless_the_policy_says_otherwise() {
        let none = HolderFact { subject: false, serial_number: false, alternative_names: false };
        let nothing = Vec::<String>::new();
        let itself = HolderFact { subject: true, alternative_names: true, ..none };
        // The default, for certificates and for codes.
        assert_eq!(named("", itself, |_| ()), nothing);
        assert_eq!(named("", none, |_| ()), ["holder", "holder"]);
        assert_eq!(named("", HolderFact { alternative_names: false, ..itself }, |_| ()), ["holder"]);
        let by_code = |facts: &mut Facts| facts.credential.kind = "code".into();
        assert_eq!(named("", none, by_code), ["holder", "holder"]);
        assert_eq!(named("code = 'profile'", none, by_code), nothing);
        assert_eq!(named("maker = 'profile'", none, |_| ()), nothing);
        let device = HolderFact { serial_number: true, ..none };
        assert_eq!(named("maker = 'serial-number'", device, |_| ()), nothing);
        assert_eq!(named("maker = 'serial-number'", none, |_| ()), ["holder"]);
    }

    #[test]
    fn no_policy_lets_a_holder_of_our_own_certificate_ask_for_another() {
        let other = HolderFact { subject: false, serial_number: true, alternative_names: true };
        let own = |facts: &mut Facts| facts.credential.own_authority = true;
        assert_eq!(named("maker = 'profile'", other, own), ["holder"]);
        assert_eq!(named("maker = 'serial-number'", other, own), ["holder"]);
        let for_others = |facts: &mut Facts| {
            facts.credential.own_authority = true;
            facts.credential.registration_authority = true;
        };
        assert_eq!(named("", other, for_others), Vec::<String>::new());
        let vouched = |facts: &mut Facts| {
            facts.credential.own_authority = true;
            facts.vouched = true;
        };
        assert_eq!(named("", other, vouched), Vec::<String>::new());
    }

    #[test]
    fn a_certificate_beside_a_code_binds_the_names_too() {
        let none = HolderFact { subject: false, serial_number: false, alternative_names: false };
        let both = |facts: &mut Facts| {
            facts.credential.names = Some(vec!["pump-7".into(), "pump-7.plant.example".into()]);
        };
        assert_eq!(named("", none, both), ["holder", "holder"]);
        let itself = HolderFact { subject: true, alternative_names: true, ..none };
        assert!(named("", itself, both).is_empty());
        assert_eq!(named("", itself, |facts| facts.credential.names = Some(Vec::new())), ["code_names", "code_names"]);
    }

    #[test]
    fn subject_attributes_are_fixed_required_or_allowed() {
        let part = |kind: &str, value: &str| AttributeFact { kind: kind.into(), value: value.into() };
        assert_eq!(against(|facts| facts.subject.push(part("OU", "x"))), ["subject"]);
        assert_eq!(against(|facts| facts.subject.push(part("O", "Gas"))), ["subject"]);
        assert_eq!(against(|facts| facts.subject.push(part("O", "Oil"))), Vec::<String>::new());
        assert_eq!(against(|facts| facts.subject = vec![part("O", "Oil")]), ["subject"]);
    }

    #[test]
    fn no_profile_gives_the_rights_of_a_registration_authority() {
        assert_eq!(against(|facts| facts.extended_key_usage = Some(vec![CMC_RA.into()])), ["extended_key_usage"]);
        assert_eq!(
            against(|facts| facts.extended_key_usage = Some(vec!["1.3.6.1.5.5.7.3.2".into()])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_certificate_is_replaced_only_by_its_holder_and_only_once() {
        let held = ReplacedFact {
            status: "valid".into(),
            held_by_requester: true,
            subject_equal: true,
            alternative_names_equal: true,
            expired: false,
            expired_days: 0,
            names_changed: false,
        };
        let renewal = |change: fn(&mut ReplacedFact)| {
            let mut replaced = held.clone();
            change(&mut replaced);
            against(|facts| {
                facts.operation = "rekey".into();
                facts.credential.kind = "own".into();
                facts.replaced = Some(replaced);
            })
        };
        assert_eq!(renewal(|_| {}), Vec::<String>::new());
        assert_eq!(renewal(|replaced| replaced.held_by_requester = false), ["replaced"]);
        assert_eq!(renewal(|replaced| replaced.subject_equal = false), ["replaced"]);
        assert_eq!(renewal(|replaced| replaced.alternative_names_equal = false), ["replaced"]);
        assert_eq!(renewal(|replaced| replaced.expired = true), ["replaced"]);
        assert_eq!(renewal(|replaced| replaced.names_changed = true), ["replaced"]);
        for status in ["revoked", "rejected", "renewed"] {
            let replaced = ReplacedFact { status: status.into(), ..held.clone() };
            let found = against(|facts| {
                facts.operation = "rekey".into();
                facts.credential.kind = "own".into();
                facts.replaced = Some(replaced);
            });
            assert_eq!(found, ["replaced"], "{status}");
        }
    }

    #[test]
    fn the_profile_says_what_a_renewal_may_change_and_until_when() {
        let renewal = |operation: &str, door: &str, expired_days: i64, names_changed: bool| Facts {
            operation: operation.to_owned(),
            door: door.to_owned(),
            credential: CredentialFact { kind: "own".into(), own_authority: true, ..facts().credential },
            holder: Some(HolderFact { subject: false, serial_number: false, alternative_names: false }),
            replaced: Some(ReplacedFact {
                status: "valid".into(),
                held_by_requester: true,
                subject_equal: true,
                alternative_names_equal: true,
                expired: expired_days > 0,
                expired_days,
                names_changed,
            }),
            ..facts()
        };
        let found = |profile: &Profile, facts: &Facts| -> Vec<String> {
            rule(profile, facts).findings.into_iter().map(|finding| finding.rule).collect()
        };
        let none = Vec::<String>::new();
        for (renewal_key, renew, rekey) in
            [(RenewalKey::Any, true, true), (RenewalKey::New, false, true), (RenewalKey::Same, true, false)]
        {
            // A changed name is what keeps `holder` silent here.
            let est = EstRules { change_subject_name: true, ..EstRules::default() };
            let profile = Profile { renewal_key, est, ..profile() };
            for (operation, allowed) in [("renew", renew), ("rekey", rekey)] {
                let refused = found(&profile, &renewal(operation, "est", 0, true)).contains(&"replaced".to_owned());
                assert_eq!(refused, !allowed, "{renewal_key:?} {operation}");
            }
        }
        let est = EstRules { change_subject_name: true, ..EstRules::default() };
        let lenient = Profile { renew_expired_days: 30, est, ..profile() };
        assert_eq!(found(&lenient, &renewal("rekey", "est", 30, true)), none);
        assert_eq!(found(&lenient, &renewal("rekey", "est", 31, true)), ["replaced"]);
        assert_eq!(found(&lenient, &renewal("rekey", "cmp", 1, true)), ["replaced"]);
        assert_eq!(found(&profile(), &renewal("rekey", "est", 1, true)), ["holder", "replaced", "replaced"]);
    }

    #[test]
    fn an_officer_decides_where_the_profile_says_so() {
        let by_hand = Profile { approval: Approval::ByHand, ..profile() };
        assert_eq!(rule(&by_hand, &facts()).verdict, Verdict::Vet);
    }

    #[test]
    fn a_ruling_can_be_replayed_from_its_record() {
        let mut facts = facts();
        facts.key_in_use = true;
        let recorded = serde_json::to_string(&facts).unwrap();
        let replayed: Facts = serde_json::from_str(&recorded).unwrap();
        assert_eq!(rule(&profile(), &replayed), rule(&profile(), &facts));
    }
}
