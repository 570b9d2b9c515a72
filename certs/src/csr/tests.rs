use super::*;
use crate::software_key::{SoftwareKey, name, now};
use crate::walk::UTF8_STRING;
use crate::{KeyKind, Signer, write};

fn draft(key: &SoftwareKey) -> CsrDraft {
    CsrDraft::new(name("CN=device"), key.public_key().clone())
}

#[test]
fn a_request_says_what_its_draft_said() {
    let key = SoftwareKey::new(KeyKind::P256);
    let mut draft = draft(&key);
    draft.alt_names = vec![AltName::Dns("a.example".into())];
    draft.extensions =
        vec![Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE), Extension::extended_key_usage(&[oid::CLIENT_AUTH])];
    draft.challenge_password = Some("secret".into());
    draft.attributes = vec![(ObjectIdentifier::new_unwrap("1.2.3.4"), write::unsigned(&[7]))];
    let csr = now(draft.sign(&key)).unwrap();
    assert_eq!(csr.subject(), &name("CN=device"));
    assert_eq!(csr.public_key(), key.public_key());
    assert_eq!(csr.alt_names(), [AltName::Dns("a.example".into())]);
    assert_eq!(csr.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
    assert_eq!(csr.extended_key_usages(), Some(&[oid::CLIENT_AUTH][..]));
    assert_eq!(csr.challenge_password(), Some("secret"));
    assert_eq!(csr.extensions().len(), 3);
    assert_eq!(csr.attribute_oids().len(), 3);
    assert_eq!(csr.attribute(ObjectIdentifier::new_unwrap("1.2.3.4")), Some(&[vec![2, 1, 7]][..]));
    assert_eq!(csr.prove().unwrap().print(), key.public_key().print());
    assert_eq!(Csr::parse_pem(csr.to_pem().as_bytes()).unwrap().der(), csr.der());
}

#[test]
fn a_request_signed_with_another_key_proves_nothing() {
    let (key, other) = (SoftwareKey::new(KeyKind::P256), SoftwareKey::new(KeyKind::P256));
    let csr = now(draft(&key).sign(&other)).unwrap();
    assert_eq!(csr.prove().unwrap_err(), Fault::BadSignature { what: "the request" });
}

#[test]
fn a_request_that_was_changed_proves_nothing() {
    let key = SoftwareKey::new(KeyKind::P256);
    let csr = now(draft(&key).sign(&key)).unwrap();
    let mut der = csr.der().to_vec();
    let place = der.windows(6).position(|window| window == b"device").unwrap();
    der[place] = b'D';
    assert!(Csr::parse(&der).unwrap().prove().is_err());
}

#[test]
fn a_request_without_attributes_at_all_is_read() {
    let key = SoftwareKey::new(KeyKind::P256);
    let whole = draft(&key);
    let info = write::sequence(&[&write::unsigned(&[0]), whole.subject.der(), whole.public_key.der()]);
    let csr = CsrDraft::assemble(&info, key.algorithm(), &key.sign_now(&info)).unwrap();
    assert!(csr.prove().is_ok());
}

#[test]
fn another_version_is_refused() {
    let key = SoftwareKey::new(KeyKind::P256);
    let whole = draft(&key);
    let info = write::sequence(&[&write::unsigned(&[1]), whole.subject.der(), whole.public_key.der()]);
    let text = CsrDraft::assemble(&info, key.algorithm(), b"signature").unwrap_err().to_string();
    assert!(text.contains("version"), "{text}");
}

#[test]
fn an_attribute_that_occurs_twice_is_refused() {
    let key = SoftwareKey::new(KeyKind::P256);
    let mut draft = draft(&key);
    let password = (oid::CHALLENGE_PASSWORD, write::wrap(UTF8_STRING, &[b"a"]));
    draft.attributes = vec![password.clone(), password];
    assert!(now(draft.sign(&key)).unwrap_err().to_string().contains("twice"));
}

#[test]
fn a_challenge_password_that_is_no_string_is_refused() {
    let key = SoftwareKey::new(KeyKind::P256);
    let mut draft = draft(&key);
    draft.attributes = vec![(oid::CHALLENGE_PASSWORD, write::unsigned(&[1]))];
    assert!(now(draft.sign(&key)).is_err());
}

#[test]
fn too_many_attributes_are_refused() {
    let key = SoftwareKey::new(KeyKind::P256);
    let mut draft = draft(&key);
    let attribute = |n: u8| (ObjectIdentifier::new_unwrap(&format!("1.2.3.{n}")), write::unsigned(&[n]));
    draft.attributes = (0..65).map(attribute).collect();
    let text = now(draft.sign(&key)).unwrap_err().to_string();
    assert!(text.contains("attributes"), "{text}");
}

#[test]
fn more_than_64_kib_are_not_looked_at() {
    assert!(matches!(Csr::parse(&vec![0x30; SIZE_LIMIT + 1]), Err(Fault::TooLarge { .. })));
}
