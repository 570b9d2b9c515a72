use super::*;
use crate::software_key::{NOW, Party, SoftwareKey, authority, draft, name, now, signing};
use crate::{KeyKind, oid, write};

#[test]
fn a_certificate_says_what_its_draft_said() {
    let root = Party::root("CN=Root,O=Example");
    let names = [AltName::Dns("a.example".into())];
    let mut extensions = signing();
    extensions.push(Extension::subject_alt_name(&names, false));
    extensions.push(Extension::extended_key_usage(&[oid::CLIENT_AUTH]));
    let end = root.issue(0x90, "CN=end", extensions).certificate;
    assert_eq!(end.issuer(), root.certificate.subject());
    assert_eq!(end.subject(), &name("CN=end"));
    assert_eq!(end.serial(), [0, 0x90]);
    assert_eq!(end.alt_names(), names);
    assert_eq!(end.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
    assert_eq!(end.extended_key_usages(), Some(&[oid::CLIENT_AUTH][..]));
    assert_eq!(end.authority_key_identifier(), root.certificate.subject_key_identifier());
    assert_eq!(end.not_before().seconds(), NOW.seconds() - 100 * 86400);
    assert!(!end.is_ca());
    assert!(root.certificate.is_ca());
    assert_eq!(end.extension(oid::KEY_USAGE).map(|(critical, _)| critical), Some(true));
    assert_eq!(end.verify_signature(crate::Signer::public_key(&root.key)), Ok(()));
    assert!(root.certificate.verify_signature(end.public_key()).is_err());
}

#[test]
fn a_certificate_survives_pem() {
    let root = Party::root("CN=Root");
    let other = Party::root("CN=Other");
    let text = format!("text before\n{}between\n{}", root.certificate.to_pem(), other.certificate.to_pem());
    assert_eq!(Certificate::parse_pem(text.as_bytes()).unwrap(), [root.certificate.clone(), other.certificate]);
    let one_line = root.certificate.to_pem().replace('\n', " ");
    assert_eq!(Certificate::parse_pem(one_line.as_bytes()).unwrap(), [root.certificate]);
    assert_eq!(Certificate::parse_pem(b"nothing").unwrap(), []);
    assert!(Certificate::parse_pem(b"-----BEGIN CERTIFICATE-----\nAAAA").is_err());
}

#[test]
fn the_end_of_time_can_be_written_and_read() {
    // RFC 5280 section 4.1.2.5: no well-defined expiry is 99991231235959Z.
    let key = SoftwareKey::new(KeyKind::P256);
    let mut draft = draft(1, name("CN=x"), name("CN=x"), &key, Vec::new());
    draft.not_after = Millis::from_seconds(253_402_300_799);
    let certificate = now(draft.sign(&key)).unwrap();
    assert_eq!(certificate.not_after().to_string(), "9999-12-31T23:59:59.000Z");
    assert!(certificate.der().windows(15).any(|window| window == b"99991231235959Z"));
}

#[test]
fn a_serial_number_is_positive_and_has_at_most_20_octets() {
    let key = SoftwareKey::new(KeyKind::P256);
    for (serial, good) in [(vec![0x7f; 20], true), (vec![0x80; 20], false), (vec![1; 21], false), (vec![0], false)] {
        let mut draft = draft(1, name("CN=x"), name("CN=x"), &key, Vec::new());
        draft.serial = serial.clone();
        assert_eq!(now(draft.sign(&key)).is_ok(), good, "{serial:?}");
    }
}

#[test]
fn signature_algorithms_that_differ_are_refused() {
    let key = SoftwareKey::new(KeyKind::P256);
    let tbs = draft(1, name("CN=x"), name("CN=x"), &key, Vec::new())
        .to_be_signed(&crate::algorithm::ecdsa_with_sha384())
        .unwrap();
    let signature = write::whole_bits(&key.sign_now(&tbs));
    let der = write::sequence(&[&tbs, &crate::algorithm::ecdsa_with_sha256(), &signature]);
    assert!(Certificate::parse(&der).unwrap_err().to_string().contains("differ"));
}

#[test]
fn an_extension_that_occurs_twice_is_refused() {
    let key = SoftwareKey::new(KeyKind::P256);
    let mut extensions = authority(None);
    extensions.extend(authority(None));
    assert!(now(draft(1, name("CN=x"), name("CN=x"), &key, extensions).sign(&key)).is_err());
}

#[test]
fn bytes_behind_a_certificate_are_refused() {
    let mut der = Party::root("CN=Root").certificate.der().to_vec();
    der.push(0);
    assert!(Certificate::parse(&der).is_err());
}

#[test]
fn more_than_64_kib_are_not_looked_at() {
    assert!(matches!(Certificate::parse(&vec![0x30; SIZE_LIMIT + 1]), Err(Fault::TooLarge { .. })));
}
