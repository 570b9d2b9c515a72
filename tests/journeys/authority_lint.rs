//! The CA issues what was approved, in a form that RFC 5280 forbids (DESIGN rule 4).

use certs::{Extension, ObjectIdentifier, oid};
use demo_ca::Kind;

use super::office::{Office, Settings, Who, csr_for};

/// An office, and what came of a certificate that its CA twisted.
fn enrolled(twist: &str, change: impl FnOnce(&mut Settings)) -> (Office, u16) {
    let office = Office::open_with(change);
    let code = office.code();
    office.mischief(&format!(r#"{{"certificate": {twist}}}"#));
    let (_, csr) = office.csr("pump", "/CN=pump.plant.example");
    let answer = office.est("simpleenroll", &Who::Code(&code), &csr);
    (office, answer.status)
}

fn withheld(twist: &str, rule: &str) {
    let (office, status) = enrolled(twist, |_| ());
    assert_eq!((status, office.state().as_str()), (500, "withheld"), "{rule}: {}", office.said());
    assert!(office.said().contains(rule), "the log names the rule {rule}: {}", office.said());
    assert_eq!(office.leaves("withheld"), 1);
    assert!((office.metric("ra_certificates_withheld", "") - 1.0).abs() < 0.1);
    office.until("the CA revokes it", || office.records().all_revoked());
    assert_eq!(office.records().count(Kind::Issued), 1);
}

fn extension(oid: ObjectIdentifier, critical: bool, value: &[u8]) -> String {
    format!(r#"{{"extensions": [{{"oid": "{oid}", "critical": {critical}, "value": "{}"}}]}}"#, hex::encode(value))
}

#[test]
fn a_critical_extension_that_nobody_knows_is_withheld_and_revoked() {
    withheld(&extension(STRANGE, true, &[5, 0]), "unknown_critical, RFC 5280 section 4.2");
}

#[test]
fn another_authority_key_identifier_is_withheld_and_revoked() {
    let value = Extension::authority_key_identifier(b"another").value;
    withheld(
        &extension(oid::AUTHORITY_KEY_IDENTIFIER, false, &value),
        "authority_key_identifier, RFC 5280 section 4.2.1.1",
    );
}

#[test]
fn a_policy_that_occurs_twice_is_withheld_and_revoked() {
    let value = Extension::certificate_policies(&[STRANGE, STRANGE]).value;
    withheld(&extension(oid::CERTIFICATE_POLICIES, false, &value), "certificate_policies, RFC 5280 section 4.2.1.4");
}

#[test]
fn a_crl_at_no_address_is_withheld_and_revoked() {
    let value = Extension::crl_distribution_points(&["ca.crl"]).value;
    withheld(
        &extension(oid::CRL_DISTRIBUTION_POINTS, false, &value),
        "crl_distribution_points, RFC 5280 section 4.2.1.13",
    );
}

#[test]
fn a_purpose_that_the_profile_does_not_give_is_withheld_and_revoked() {
    for purpose in [oid::ANY_EXTENDED_KEY_USAGE, oid::CMC_RA, STRANGE] {
        let value = Extension::extended_key_usage(&[oid::CLIENT_AUTH, purpose]).value;
        withheld(
            &extension(oid::EXTENDED_KEY_USAGE, false, &value),
            &format!("its extended key usages {purpose} are not"),
        );
    }
}

#[test]
fn a_rule_that_the_profile_lets_its_ca_break_keeps_nothing_back() {
    let value = Extension::certificate_policies(&[STRANGE, STRANGE]).value;
    let twist = extension(oid::CERTIFICATE_POLICIES, false, &value);
    let allow = |rule: &'static str| {
        move |settings: &mut Settings| {
            settings.default_profile().insert("lint_allow".into(), vec![rule].into());
        }
    };
    let (office, status) = enrolled(&twist, allow("certificate_policies"));
    assert_eq!((status, office.state().as_str()), (200, "confirmed"), "{}", office.said());
    let (office, status) = enrolled(&twist, allow("crl_distribution_points"));
    assert_eq!((status, office.state().as_str()), (500, "withheld"), "{}", office.said());
}

#[test]
fn what_no_ca_could_grant_is_refused_before_it_is_asked() {
    let asked = |allow: &[&str]| {
        let allow = allow.to_vec();
        let office = Office::open_with(|settings| {
            settings.default_profile().insert("lint_allow".into(), allow.into());
        });
        let usage = "keyUsage=critical,digitalSignature,keyEncipherment";
        let csr = csr_for(&office.key("pump"), "/CN=pump.plant.example", &["-addext", usage]);
        let answer = office.est("simpleenroll", &Who::Code(&office.code()), &csr);
        (answer.status, answer.text(), office.records().count(Kind::Issued))
    };
    let (status, text, issued) = asked(&[]);
    assert!(text.contains("the key usage has what a key of kind P-256 is not used for"), "{text}");
    assert_eq!((status, issued), (400, 0));
    let (status, text, issued) = asked(&["key_usage_of_key"]);
    assert_eq!((status, issued), (200, 1), "{text}");
}

#[test]
fn a_rule_that_nobody_knows_is_a_fault_of_the_file() {
    let mut office = Office::prepared();
    office.configure(|settings| {
        settings.default_profile().insert("lint_allow".into(), vec!["certificate_policy"].into());
    });
    office.launch();
    assert!(!office.ended().success());
    assert!(office.said().contains("\"certificate_policy\" is none of encoding, version"), "{}", office.said());
}

const STRANGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.7");
