//! No bytes, however bad, make a reader panic; and what is read is what came.

use std::sync::LazyLock;

use crate::software_key::{NOW, Party, SoftwareKey, authority, name, now};
use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::{AltName, Certificate, Crl, Csr, CsrDraft, Extension, KeyKind, Name, PublicKey, Signer, oid};
use proptest::prelude::*;

/// One good example of everything that is read.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let names = [
        AltName::Dns("a.example".into()),
        AltName::Ip("192.0.2.1".parse().unwrap()),
        AltName::DirectoryName(name("CN=x")),
    ];
    let mut extensions = authority(Some(1));
    extensions.push(Extension::subject_alt_name(&names, false));
    extensions.push(Extension::extended_key_usage(&[oid::CLIENT_AUTH]));
    extensions.push(Extension::crl_distribution_points(&["http://crl.example"]));
    let root = Party::root_with("CN=Root,O=Example,C=DE", extensions.clone());
    let key = SoftwareKey::new(KeyKind::Rsa { bits: 2048 });
    let mut draft = CsrDraft::new(name("CN=device"), key.public_key().clone());
    draft.extensions = extensions;
    draft.challenge_password = Some("secret".into());
    vec![
        root.certificate.der().to_vec(),
        now(draft.sign(&key)).unwrap().der().to_vec(),
        root.crl(1, NOW, &[&[1], &[2]]).der().to_vec(),
        key.public_key().der().to_vec(),
        name("CN=a+O=b,C=DE").der().to_vec(),
        AltName::encode_all(&names),
        SignatureAlgorithm::RsaPss(Digest::Sha256).identifier(),
    ]
});

/// Reads the bytes as everything, and uses what was read.
fn read_all(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::parse(bytes) {
        assert_eq!(certificate.der(), bytes);
        let _ = (certificate.subject().to_string(), certificate.verify_signature(certificate.public_key()));
    }
    if let Ok(csr) = Csr::parse(bytes) {
        assert_eq!(csr.der(), bytes);
        let _ = (csr.prove(), csr.subject().canonical());
    }
    if let Ok(crl) = Crl::parse(bytes) {
        assert_eq!(crl.entries().count(), crl.len());
    }
    if let Ok(key) = PublicKey::parse(bytes) {
        let _ = (key.kind().to_string(), key.sha1_key_identifier());
    }
    if let Ok(name) = Name::parse(bytes) {
        let _ = (name.to_string(), name.canonical(), name.unsafe_text());
    }
    if let Ok(names) = AltName::parse_all(bytes) {
        assert_eq!(AltName::parse_all(&AltName::encode_all(&names)).unwrap(), names);
    }
    if let Ok(algorithm) = SignatureAlgorithm::parse(bytes) {
        assert_eq!(SignatureAlgorithm::parse(&algorithm.identifier()).unwrap(), algorithm);
    }
    let _ = (Certificate::parse_pem(bytes), Csr::parse_pem(bytes), Extension::parse_all(bytes));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_never_makes_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    #[test]
    fn damage_never_makes_a_reader_panic(
        seed in 0usize..7,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut bytes = SEEDS[seed].clone();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(&bytes);
    }

    #[test]
    fn a_text_that_is_a_name_is_written_as_the_same_name(text in "(CN|O|OU|L|DC|C|1\\.2\\.3)=[ -~äß]{0,12}([,+](CN|OU)=[ -~]{1,8}){0,3}") {
        if let Ok(name) = Name::from_text(&text) {
            let again = Name::from_text(&name.to_string()).unwrap();
            prop_assert!(again.matches(&name), "{} / {}", name, again);
            prop_assert_eq!(again.to_string(), name.to_string());
        }
    }

    #[test]
    fn any_text_at_all_is_a_name_or_a_fault(text in "\\PC{0,40}") {
        let _ = Name::from_text(&text);
    }

    #[test]
    fn values_never_run_into_each_other(a in "[a-zA-Z ,+=\\\\]{1,8}", b in "[a-zA-Z ,+=\\\\]{1,8}") {
        let escape = |value: &str| value.bytes().fold(String::new(), |text, octet| format!("{text}\\{octet:02X}"));
        let one = Name::from_text(&format!("CN={},O={}", escape(&a), escape(&b))).unwrap();
        let other = Name::from_text(&format!("CN={},O={}", escape(&b), escape(&a))).unwrap();
        let fold = |text: &str| text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(one.matches(&other), fold(&a) == fold(&b));
    }
}
