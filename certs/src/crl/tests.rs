use super::*;
use crate::software_key::{DAY, NOW, Party, SoftwareKey, authority, draft, name, signing};
use crate::walk::implicit;
use crate::{AltName, KeyKind, Signer, write};

/// A list with these extensions and entries, signed by the root.
fn list(root: &Party, entry_extensions: &[Extension], extensions: &[Extension]) -> Result<Crl, Fault> {
    let at = write::moment("a time", NOW)?;
    let entry_extensions =
        if entry_extensions.is_empty() { Vec::new() } else { Extension::encode_all(entry_extensions) };
    let entry = write::sequence(&[&write::unsigned(&[5]), &at, &entry_extensions]);
    let tbs = write::sequence(&[
        &write::unsigned(&[1]),
        root.key.algorithm(),
        root.certificate.subject().der(),
        &at,
        &at,
        &write::sequence(&[&entry]),
        &write::wrap(explicit(0), &[&Extension::encode_all(extensions)]),
    ]);
    let signature = write::whole_bits(&root.key.sign_now(&tbs));
    Crl::parse(&write::sequence(&[&tbs, root.key.algorithm(), &signature]))
}

fn scoped(root: &Party, fields: &[&[u8]]) -> Result<Crl, Fault> {
    let value = write::sequence(fields);
    list(root, &[], &[Extension { oid: oid::ISSUING_DISTRIBUTION_POINT, critical: true, value }])
}

#[test]
fn a_list_says_what_its_draft_said() {
    let root = Party::root("CN=Root");
    let crl = root.crl(300, NOW, &[&[9], &[0, 0x80], &[1]]);
    assert_eq!(crl.issuer(), root.certificate.subject());
    assert_eq!(crl.number(), Some(&[1, 44][..]));
    assert_eq!(crl.this_update(), NOW);
    assert_eq!(crl.next_update(), Some(NOW.plus(2 * DAY)));
    assert_eq!(crl.authority_key_identifier(), root.certificate.subject_key_identifier());
    assert_eq!(crl.len(), 3);
    for serial in [&[9][..], &[0, 0x80], &[1]] {
        assert_eq!(crl.revoked(serial), Some(Revoked { at: NOW, reason: 4 }));
    }
    assert_eq!(crl.revoked(&[2]), None);
    assert_eq!(crl.verify(root.key.public_key()), Ok(()));
    assert!(crl.verify(Party::root("CN=Root").key.public_key()).is_err());
    assert_eq!(Crl::parse_pem(crl.to_pem().as_bytes()).unwrap().der(), crl.der());
}

#[test]
fn a_list_without_entries_is_empty() {
    let root = Party::root("CN=Root");
    assert!(root.crl(1, NOW, &[]).is_empty());
}

#[test]
fn a_delta_list_is_refused() {
    let root = Party::root("CN=Root");
    for critical in [true, false] {
        let delta = Extension { oid: oid::DELTA_CRL_INDICATOR, critical, value: write::unsigned(&[1]) };
        assert!(list(&root, &[], &[delta]).is_err());
    }
}

#[test]
fn a_list_with_an_unknown_critical_extension_is_refused() {
    let root = Party::root("CN=Root");
    let unknown = |critical| {
        vec![Extension { oid: ObjectIdentifier::new_unwrap("1.2.3"), critical, value: write::unsigned(&[1]) }]
    };
    assert!(list(&root, &[], &unknown(true)).is_err());
    assert!(list(&root, &unknown(true), &unknown(false)).is_err());
    assert!(list(&root, &unknown(false), &unknown(false)).is_ok());
}

#[test]
fn an_indirect_list_is_refused() {
    let root = Party::root("CN=Root");
    assert!(scoped(&root, &[&write::wrap(implicit(4), &[&[0xff]])]).is_err());
    assert!(scoped(&root, &[&write::wrap(implicit(4), &[&[0]])]).is_ok());
}

#[test]
fn a_list_covers_what_its_scope_says() {
    let root = Party::root("CN=Root");
    let end = root.issue(5, "CN=end", signing()).certificate;
    let ca = root.issue(6, "CN=ca", authority(None)).certificate;
    let covers = |fields: &[&[u8]]| {
        let crl = scoped(&root, fields).unwrap();
        (crl.covers(&end), crl.covers(&ca))
    };
    let yes = |number| write::wrap(implicit(number), &[&[0xff]]);
    assert_eq!(covers(&[]), (true, true));
    assert_eq!(covers(&[&yes(1)]), (true, false));
    assert_eq!(covers(&[&yes(2)]), (false, true));
    assert_eq!(covers(&[&write::wrap(implicit(3), &[&[0, 0x80]])]), (false, false));
    assert_eq!(covers(&[&yes(5)]), (false, false));
}

#[test]
fn a_part_of_a_list_covers_who_points_to_it() {
    let root = Party::root("CN=Root");
    let point = |uri: &str| {
        let full = write::wrap(explicit(0), &[&AltName::Uri(uri.into()).encode()]);
        write::wrap(explicit(0), &[&full])
    };
    let crl = scoped(&root, &[&point("http://crl.example/1")]).unwrap();
    let key = SoftwareKey::new(KeyKind::P256);
    let certificate = |uris: &[&str]| {
        let extensions = vec![Extension::crl_distribution_points(uris)];
        root.sign(draft(7, root.certificate.subject().clone(), name("CN=x"), &key, extensions))
    };
    assert!(crl.covers(&certificate(&["http://other.example", "http://crl.example/1"])));
    assert!(!crl.covers(&certificate(&["http://crl.example/2"])));
    assert!(!crl.covers(&root.issue(8, "CN=none", signing()).certificate));
}
