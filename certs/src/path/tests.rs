use super::*;
use crate::software_key::{DAY, NOW, Party, SoftwareKey, authority, draft, name, now, signing};
use crate::walk::SEQUENCE;
use crate::{AltName, Extension, KeyKind, KeyUsage, Name, Signer, oid};

const POLICIES: [ObjectIdentifier; 1] = [ObjectIdentifier::new_unwrap("1.2.3.4")];

struct Office {
    root: Party,
    ca: Party,
    end: Certificate,
}

/// Root, intermediate, end certificate; `ca` and `end` are added to what they have anyway.
fn office(ca: Vec<Extension>, end: Vec<Extension>) -> Office {
    let root = Party::root("CN=Root");
    let ca = root.issue(2, "CN=CA", [authority(Some(0)), ca].concat());
    let end = ca.issue(3, "CN=end", [signing(), end].concat()).certificate;
    Office { root, ca, end }
}

fn judged(
    root: &Certificate,
    between: &[&Certificate],
    end: &Certificate,
    change: fn(&mut PathQuery<'_>),
) -> Result<ValidPath, PathFault> {
    let anchors = Anchors::new(vec![root.clone()]);
    let intermediates: Vec<Certificate> = between.iter().map(|certificate| (*certificate).clone()).collect();
    let mut query = PathQuery {
        end,
        intermediates: &intermediates,
        anchors: &anchors,
        at: NOW,
        purpose: Purpose::Any,
        crls: &[],
        crl_required: false,
        policies: None,
    };
    change(&mut query);
    validate(&query)
}

impl Office {
    fn judge(&self, change: fn(&mut PathQuery<'_>)) -> Result<ValidPath, PathFault> {
        judged(&self.root.certificate, &[&self.ca.certificate], &self.end, change)
    }
}

fn same(_: &mut PathQuery<'_>) {}

fn subject(text: &str) -> String {
    text.into()
}

#[test]
fn a_good_path_is_valid_and_tells_its_members() {
    let office = office(Vec::new(), Vec::new());
    let path = office.judge(same).unwrap();
    let chain: Vec<&Certificate> = path.chain().iter().collect();
    assert_eq!(chain, [&office.end, &office.ca.certificate, &office.root.certificate]);
    assert_eq!(path.issuer(), &office.ca.certificate);
    assert_eq!(path.anchor(), &office.root.certificate);
}

#[test]
fn an_anchor_below_the_root_is_enough() {
    let office = office(Vec::new(), Vec::new());
    let path = judged(&office.ca.certificate, &[], &office.end, same).unwrap();
    assert_eq!(path.anchor(), &office.ca.certificate);
}

#[test]
fn an_anchor_itself_is_a_path() {
    let root = Party::root("CN=Root").certificate;
    let path = judged(&root, &[], &root, same).unwrap();
    assert_eq!((path.chain().len(), path.issuer()), (1, &root));
    let late = judged(&root, &[], &root, |query| query.at = NOW.plus(101 * DAY));
    assert_eq!(late.unwrap_err(), PathFault::Expired { subject: subject("CN=Root") });
}

#[test]
fn an_unknown_issuer_is_refused() {
    let office = office(Vec::new(), Vec::new());
    let fault = judged(&office.root.certificate, &[], &office.end, same).unwrap_err();
    assert_eq!(fault, PathFault::NoPath { subject: subject("CN=end") });
    let stranger = Party::root("CN=Stranger").certificate;
    let fault = judged(&stranger, &[&office.ca.certificate], &office.end, same).unwrap_err();
    assert_eq!(fault, PathFault::NoPath { subject: subject("CN=end") });
}

#[test]
fn an_issuer_of_the_same_name_with_another_key_is_refused() {
    let office = office(Vec::new(), Vec::new());
    let double = Party::root("CN=Root").certificate;
    let fault = judged(&double, &[&office.ca.certificate], &office.end, same).unwrap_err();
    assert_eq!(fault, PathFault::SignatureInvalid { subject: subject("CN=CA") });
}

#[test]
fn time_must_lie_within_every_validity() {
    let office = office(Vec::new(), Vec::new());
    let late = office.judge(|query| query.at = NOW.plus(100 * DAY + 1000));
    assert!(matches!(late, Err(PathFault::Expired { .. })));
    let early = office.judge(|query| query.at = NOW.plus(-100 * DAY - 1000));
    assert!(matches!(early, Err(PathFault::NotYetValid { .. })));
    assert!(office.judge(|query| query.at = NOW.plus(100 * DAY + 999)).is_ok());
}

#[test]
fn an_expired_intermediate_is_named() {
    let office = office(Vec::new(), Vec::new());
    let mut draft = office.root.draft(4, "CN=CA", &office.ca.key, authority(None));
    draft.not_after = NOW.plus(-DAY);
    let expired = office.root.sign(draft);
    let fault = judged(&office.root.certificate, &[&expired], &office.end, same).unwrap_err();
    assert_eq!(fault, PathFault::Expired { subject: subject("CN=CA") });
    // With a good certificate for the same key at hand, that one is taken.
    assert!(judged(&office.root.certificate, &[&expired, &office.ca.certificate], &office.end, same).is_ok());
}

#[test]
fn who_is_no_authority_may_not_issue() {
    let root = Party::root("CN=Root");
    let basic = |ca| vec![Extension::basic_constraints(ca, None), Extension::key_usage(KeyUsage::KEY_CERT_SIGN)];
    for extensions in [basic(false), vec![Extension::key_usage(KeyUsage::KEY_CERT_SIGN)]] {
        let device = root.issue(2, "CN=device", extensions);
        let end = device.issue(3, "CN=end", signing()).certificate;
        let fault = judged(&root.certificate, &[&device.certificate], &end, same).unwrap_err();
        assert_eq!(fault, PathFault::NotAuthority { subject: subject("CN=device") });
    }
    let device = root.issue(2, "CN=device", basic(true));
    let end = device.issue(3, "CN=end", signing()).certificate;
    assert!(judged(&root.certificate, &[&device.certificate], &end, same).is_ok());
}

#[test]
fn an_anchor_that_is_no_authority_may_not_issue() {
    let device = Party::root_with("CN=device", signing());
    let end = device.issue(3, "CN=end", signing()).certificate;
    let fault = judged(&device.certificate, &[], &end, same).unwrap_err();
    assert_eq!(fault, PathFault::NotAuthority { subject: subject("CN=device") });
}

#[test]
fn an_authority_without_key_cert_sign_may_not_issue() {
    let root = Party::root("CN=Root");
    let extensions = vec![Extension::basic_constraints(true, None), Extension::key_usage(KeyUsage::CRL_SIGN)];
    let ca = root.issue(2, "CN=CA", extensions);
    let end = ca.issue(3, "CN=end", signing()).certificate;
    let fault = judged(&root.certificate, &[&ca.certificate], &end, same).unwrap_err();
    assert_eq!(fault, PathFault::KeyUsage { subject: subject("CN=CA") });
}

#[test]
fn a_path_longer_than_allowed_is_refused() {
    let office = office(Vec::new(), Vec::new());
    let below = office.ca.issue(4, "CN=below", authority(None));
    let end = below.issue(5, "CN=far", signing()).certificate;
    let between = [&office.ca.certificate, &below.certificate];
    let fault = judged(&office.root.certificate, &between, &end, same).unwrap_err();
    assert_eq!(fault, PathFault::NotAuthority { subject: subject("CN=CA") });
}

#[test]
fn the_path_length_of_an_anchor_counts() {
    let root = Party::root_with("CN=Root", authority(Some(0)));
    let ca = root.issue(2, "CN=CA", authority(None));
    let end = ca.issue(3, "CN=end", signing()).certificate;
    let fault = judged(&root.certificate, &[&ca.certificate], &end, same).unwrap_err();
    assert_eq!(fault, PathFault::NotAuthority { subject: subject("CN=Root") });
}

#[test]
fn a_path_has_at_most_ten_certificates() {
    let mut chain = vec![Party::root("CN=0")];
    for step in 1..10u8 {
        let below = chain[usize::from(step) - 1].issue(step, &format!("CN={step}"), authority(None));
        chain.push(below);
    }
    let certificates: Vec<&Certificate> = chain.iter().map(|party| &party.certificate).collect();
    assert!(judged(certificates[0], &certificates[1..9], certificates[9], same).is_ok());
    let end = chain[9].issue(10, "CN=end", signing()).certificate;
    assert!(matches!(judged(certificates[0], &certificates[1..], &end, same), Err(PathFault::NoPath { .. })));
}

#[test]
fn a_maze_of_authorities_costs_bounded_work() {
    // Eight authorities of one name, each certified by each: paths without number, none to an anchor.
    let keys: Vec<SoftwareKey> = (0..8).map(|_| SoftwareKey::new(KeyKind::P256)).collect();
    let maze = |subject: &str, issuer: &str, key: &SoftwareKey, by: &SoftwareKey| {
        let draft = draft(1, name(issuer), name(subject), key, authority(None));
        now(draft.sign(by)).unwrap()
    };
    let between: Vec<Certificate> =
        keys.iter().flat_map(|key| keys.iter().map(|by| maze("CN=maze", "CN=maze", key, by))).collect();
    let end = maze("CN=end", "CN=maze", &SoftwareKey::new(KeyKind::P256), &keys[0]);
    let between: Vec<&Certificate> = between.iter().collect();
    let fault = judged(&Party::root("CN=Root").certificate, &between, &end, same).unwrap_err();
    assert_eq!(fault, PathFault::TooMuchWork { subject: subject("CN=end") });
}

#[test]
fn a_name_outside_the_constraints_is_refused() {
    let dns = |name: &str| AltName::Dns(name.into());
    let constraint =
        |permitted: &[AltName], excluded: &[AltName]| vec![Extension::name_constraints(permitted, excluded)];
    let san = |name: AltName| vec![Extension::subject_alt_name(&[name], false)];
    let verdict = |ca: Vec<Extension>, end: Vec<Extension>| office(ca, end).judge(same).map(|_| ());
    let outside = Err(PathFault::NameConstraints { subject: subject("CN=end") });
    let ok = constraint(&[dns("ok.example")], &[dns("bad.ok.example")]);
    assert_eq!(verdict(ok.clone(), san(dns("a.ok.example"))), Ok(()));
    assert_eq!(verdict(ok.clone(), san(dns("a.other.example"))), outside);
    assert_eq!(verdict(ok, san(dns("a.bad.ok.example"))), outside);
    let address = |text: &str| AltName::Ip(text.parse().unwrap());
    let ok = constraint(&[address("192.0.2.1")], &[]);
    assert_eq!(verdict(ok.clone(), san(address("192.0.2.1"))), Ok(()));
    assert_eq!(verdict(ok, san(address("192.0.2.2"))), outside);
    let directory = |text: &str| AltName::DirectoryName(Name::from_text(text).unwrap());
    assert_eq!(verdict(constraint(&[directory("CN=end")], &[]), Vec::new()), Ok(()));
    assert_eq!(verdict(constraint(&[directory("O=Other")], &[]), Vec::new()), outside);
}

#[test]
fn the_name_constraints_of_an_anchor_count() {
    let permitted = [AltName::Dns("ok.example".into())];
    let extensions = [authority(None), vec![Extension::name_constraints(&permitted, &[])]].concat();
    let root = Party::root_with("CN=Root", extensions);
    let san = [AltName::Dns("a.other.example".into())];
    let end = root.issue(3, "CN=end", vec![Extension::subject_alt_name(&san, false)]).certificate;
    let fault = judged(&root.certificate, &[], &end, same).unwrap_err();
    assert!(matches!(fault, PathFault::NameConstraints { .. }));
}

#[test]
fn a_policy_that_is_asked_for_must_be_on_the_whole_path() {
    let policy = |text: &str| vec![Extension::certificate_policies(&[ObjectIdentifier::new_unwrap(text)])];
    let ask: fn(&mut PathQuery<'_>) = |query| query.policies = Some(&POLICIES);
    assert!(office(policy("1.2.3.4"), policy("1.2.3.4")).judge(ask).is_ok());
    for (ca, end) in
        [(policy("1.2.3.4"), policy("1.2.3.5")), (policy("1.2.3.5"), policy("1.2.3.4")), (Vec::new(), Vec::new())]
    {
        let office = office(ca, end);
        assert!(matches!(office.judge(ask), Err(PathFault::Policy { .. })));
        assert!(office.judge(same).is_ok());
    }
}

#[test]
fn a_critical_extension_that_nobody_understands_is_refused() {
    let unknown =
        |critical| vec![Extension { oid: ObjectIdentifier::new_unwrap("1.2.3.9"), critical, value: vec![5, 0] }];
    let fault = office(Vec::new(), unknown(true)).judge(same).unwrap_err();
    assert_eq!(fault, PathFault::UnknownCriticalExtension { subject: subject("CN=end"), oid: "1.2.3.9".into() });
    assert!(office(Vec::new(), unknown(false)).judge(same).is_ok());
}

#[test]
fn client_authentication_needs_its_purpose_or_none() {
    let ask: fn(&mut PathQuery<'_>) = |query| query.purpose = Purpose::ClientAuth;
    let eku = |purposes: &[ObjectIdentifier]| vec![Extension::extended_key_usage(purposes)];
    for good in [Vec::new(), eku(&[oid::CLIENT_AUTH]), eku(&[oid::ANY_EXTENDED_KEY_USAGE])] {
        assert!(office(Vec::new(), good).judge(ask).is_ok());
    }
    let fault = office(Vec::new(), eku(&[oid::SERVER_AUTH])).judge(ask).unwrap_err();
    assert_eq!(fault, PathFault::ExtendedKeyUsage { subject: subject("CN=end") });
    let fault = office(eku(&[oid::SERVER_AUTH]), Vec::new()).judge(ask).unwrap_err();
    assert_eq!(fault, PathFault::ExtendedKeyUsage { subject: subject("CN=CA") });
    assert!(office(eku(&[oid::CMC_CA]), Vec::new()).judge(ask).is_ok());
}

#[test]
fn an_authority_to_register_must_be_named() {
    let ask: fn(&mut PathQuery<'_>) = |query| query.purpose = Purpose::RegistrationAuthority;
    let eku = |purpose| vec![Extension::extended_key_usage(&[purpose])];
    assert!(office(Vec::new(), eku(oid::CMC_RA)).judge(ask).is_ok());
    for bad in [Vec::new(), eku(oid::ANY_EXTENDED_KEY_USAGE), eku(oid::CLIENT_AUTH)] {
        assert!(matches!(office(Vec::new(), bad).judge(ask), Err(PathFault::ExtendedKeyUsage { .. })));
    }
}

#[test]
fn who_protects_messages_needs_digital_signature() {
    let root = Party::root("CN=Root");
    let end = root.issue(3, "CN=end", vec![Extension::key_usage(KeyUsage::KEY_ENCIPHERMENT)]).certificate;
    for ask in [Purpose::CmpProtection, Purpose::ClientAuth] {
        let anchors = Anchors::new(vec![root.certificate.clone()]);
        let query = PathQuery {
            end: &end,
            intermediates: &[],
            anchors: &anchors,
            at: NOW,
            purpose: ask,
            crls: &[],
            crl_required: false,
            policies: None,
        };
        assert_eq!(validate(&query).unwrap_err(), PathFault::KeyUsage { subject: subject("CN=end") });
    }
}

#[test]
fn an_authority_is_asked_to_be_one() {
    let office = office(Vec::new(), Vec::new());
    let ask: fn(&mut PathQuery<'_>) = |query| query.purpose = Purpose::CertificationAuthority;
    assert!(judged(&office.root.certificate, &[], &office.ca.certificate, ask).is_ok());
    assert!(office.judge(ask).is_err());
}

#[test]
fn names_that_differ_in_case_still_chain() {
    let root = Party::root("CN=Root");
    let key = SoftwareKey::new(KeyKind::P256);
    let end = now(draft(3, name("CN=ROOT"), name("CN=end"), &key, signing()).sign(&root.key)).unwrap();
    assert!(judged(&root.certificate, &[], &end, same).is_ok());
}

#[test]
fn constraints_that_certval_cannot_read_are_refused() {
    let broken = Extension { oid: oid::NAME_CONSTRAINTS, critical: true, value: vec![SEQUENCE, 1, 0] };
    let root = Party::root("CN=Root");
    let ca = root.issue(2, "CN=CA", [authority(None), vec![broken]].concat());
    let end = ca.issue(3, "CN=end", signing()).certificate;
    assert!(judged(&root.certificate, &[&ca.certificate], &end, same).is_err());
}

#[test]
fn every_kind_of_key_can_be_on_a_path() {
    let kinds = [KeyKind::P384, KeyKind::P521, KeyKind::Ed25519, KeyKind::MlDsa65, KeyKind::Rsa { bits: 2048 }];
    for kind in kinds {
        let key = SoftwareKey::new(kind);
        let root = now(draft(1, name("CN=Root"), name("CN=Root"), &key, authority(None)).sign(&key)).unwrap();
        let root = Party { key, certificate: root };
        let end = root.issue(3, "CN=end", signing()).certificate;
        assert!(judged(&root.certificate, &[], &end, same).is_ok(), "{kind}");
        assert_eq!(root.key.public_key().kind(), kind);
    }
}

/// certval's choice, which OpenSSL does not share: RFC 5280 section 4.2.1.10 knows no such form.
#[test]
fn a_dns_constraint_that_begins_with_a_dot_is_refused() {
    let permitted = Extension::name_constraints(&[AltName::Dns(".ok.example".into())], &[]);
    let san = Extension::subject_alt_name(&[AltName::Dns("a.ok.example".into())], false);
    assert!(matches!(office(vec![permitted], vec![san]).judge(same), Err(PathFault::NameConstraints { .. })));
}

/// certval's choice; RFC 5280 section 6.1.4 (n) would let it pass.
#[test]
fn an_intermediate_authority_without_key_usage_is_refused() {
    let root = Party::root("CN=Root");
    let ca = root.issue(2, "CN=CA", vec![Extension::basic_constraints(true, None)]);
    let end = ca.issue(3, "CN=end", signing()).certificate;
    let fault = judged(&root.certificate, &[&ca.certificate], &end, same).unwrap_err();
    assert_eq!(fault, PathFault::KeyUsage { subject: subject("CN=CA") });
}

mod revoked;
