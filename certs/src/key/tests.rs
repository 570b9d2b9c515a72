use super::*;
use crate::software_key::SoftwareKey;
use crate::walk::NULL_DER;
use crate::{ProvenKey, Signer, algorithm, write};

const KINDS: [KeyKind; 8] = [
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::P521,
    KeyKind::Ed25519,
    KeyKind::MlDsa44,
    KeyKind::MlDsa65,
    KeyKind::MlDsa87,
    KeyKind::Rsa { bits: 2048 },
];

fn rsa_spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = write::sequence(&[&write::unsigned(modulus), &write::unsigned(exponent)]);
    let algorithm = write::sequence(&[&write::oid(RSA), NULL_DER]);
    write::sequence(&[&algorithm, &write::whole_bits(&key)])
}

fn ec_spki(curve: &str, point: &[u8]) -> Vec<u8> {
    let algorithm = write::sequence(&[&write::oid(EC), &write::oid(oid(curve))]);
    write::sequence(&[&algorithm, &write::whole_bits(point)])
}

fn modulus(bits: usize) -> Vec<u8> {
    vec![0xff; bits / 8]
}

#[test]
fn a_signature_verifies_with_its_key_and_message_only() {
    for kind in KINDS {
        let (key, other) = (SoftwareKey::new(kind), SoftwareKey::new(kind));
        let signature = key.sign_now(b"message");
        assert_eq!(key.public_key().kind(), kind);
        assert_eq!(key.public_key().verify(key.algorithm(), b"message", &signature), Ok(()), "{kind}");
        assert!(matches!(
            key.public_key().verify(key.algorithm(), b"massage", &signature),
            Err(Fault::BadSignature { .. })
        ));
        assert!(other.public_key().verify(key.algorithm(), b"message", &signature).is_err());
        assert!(key.public_key().verify(key.algorithm(), b"message", &signature[1..]).is_err());
    }
}

#[test]
fn every_rsa_algorithm_verifies() {
    for digest in [Digest::Sha256, Digest::Sha384, Digest::Sha512] {
        for algorithm in [SignatureAlgorithm::RsaPkcs1(digest), SignatureAlgorithm::RsaPss(digest)] {
            let key = SoftwareKey::new(KeyKind::Rsa { bits: 2048 }).under(algorithm);
            let signature = key.sign_now(b"message");
            assert_eq!(key.public_key().verify(key.algorithm(), b"message", &signature), Ok(()), "{algorithm}");
        }
    }
}

#[test]
fn an_algorithm_of_another_kind_of_key_is_a_mismatch() {
    for kind in KINDS {
        let key = SoftwareKey::new(kind);
        let foreign = if kind == KeyKind::Ed25519 { algorithm::ecdsa_with_sha256() } else { algorithm::ed25519() };
        let verdict = key.public_key().verify(&foreign, b"message", b"signature");
        assert!(matches!(verdict, Err(Fault::AlgorithmMismatch { .. })), "{kind}");
    }
}

#[test]
fn a_pss_key_signs_in_no_other_way() {
    let key = SoftwareKey::new(KeyKind::Rsa { bits: 2048 });
    let signature = key.sign_now(b"message");
    let algorithm = write::sequence(&[&write::oid(RSASSA_PSS)]);
    let spki = write::sequence(&[&algorithm, &write::whole_bits(key.public_key().key_bits())]);
    let pss = PublicKey::parse(&spki).unwrap();
    let verdict = pss.verify(key.algorithm(), b"message", &signature);
    assert!(matches!(verdict, Err(Fault::AlgorithmMismatch { .. })));
}

#[test]
fn only_a_verified_signature_proves_a_key() {
    let key = SoftwareKey::new(KeyKind::P256);
    let signature = key.sign_now(b"message");
    let proven = ProvenKey::prove(key.public_key(), key.algorithm(), b"message", &signature).unwrap();
    assert_eq!(proven.print(), key.public_key().print());
    assert!(ProvenKey::prove(key.public_key(), key.algorithm(), b"other", &signature).is_err());
}

#[test]
fn a_short_rsa_key_is_read_but_verifies_nothing() {
    let key = PublicKey::parse(&rsa_spki(&modulus(1024), &[1, 0, 1])).unwrap();
    assert_eq!(key.kind(), KeyKind::Rsa { bits: 1024 });
    assert_eq!(key.kind().to_string(), "RSA-1024");
    let verdict = key.verify(&algorithm::sha256_with_rsa(), b"m", &[0; 128]);
    assert!(matches!(verdict, Err(Fault::KeyUnsupported(text)) if text.starts_with("RSA-1024")));
}

#[test]
fn rsa_sizes_are_counted_in_bits() {
    let mut short_by_one = modulus(2048);
    short_by_one[0] = 0x7f;
    let key = PublicKey::parse(&rsa_spki(&short_by_one, &[3])).unwrap();
    assert_eq!(key.kind(), KeyKind::Rsa { bits: 2047 });
}

#[test]
fn an_rsa_key_beyond_8192_bits_is_refused() {
    assert!(PublicKey::parse(&rsa_spki(&modulus(8192), &[1, 0, 1])).is_ok());
    assert!(matches!(PublicKey::parse(&rsa_spki(&modulus(8200), &[1, 0, 1])), Err(Fault::KeyUnsupported(_))));
}

#[test]
fn a_strange_rsa_exponent_is_refused() {
    for exponent in [&[1][..], &[4], &[1; 9], &[]] {
        assert!(PublicKey::parse(&rsa_spki(&modulus(2048), exponent)).is_err(), "{exponent:?}");
    }
    assert!(PublicKey::parse(&rsa_spki(&modulus(2048), &[1; 8])).is_ok());
}

#[test]
fn a_negative_rsa_modulus_is_refused() {
    let key = write::sequence(&[&write::wrap(INTEGER, &[&modulus(2048)]), &write::unsigned(&[3])]);
    let algorithm = write::sequence(&[&write::oid(RSA), NULL_DER]);
    let spki = write::sequence(&[&algorithm, &write::whole_bits(&key)]);
    assert!(matches!(PublicKey::parse(&spki), Err(Fault::Malformed { .. })));
}

#[test]
fn a_point_of_a_wrong_length_is_refused() {
    let p256 = "1.2.840.10045.3.1.7";
    assert!(PublicKey::parse(&ec_spki(p256, &[&[4][..], &[1; 64]].concat())).is_ok());
    assert!(PublicKey::parse(&ec_spki(p256, &[&[2][..], &[1; 32]].concat())).is_ok());
    assert!(PublicKey::parse(&ec_spki(p256, &[&[4][..], &[1; 63]].concat())).is_err());
    assert!(PublicKey::parse(&ec_spki(p256, &[0])).is_err());
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    let key = PublicKey::parse(&ec_spki("1.2.840.10045.3.1.7", &[&[4][..], &[1; 64]].concat())).unwrap();
    let signature = SoftwareKey::new(KeyKind::P256).sign_now(b"m");
    assert!(key.verify(&algorithm::ecdsa_with_sha256(), b"m", &signature).is_err());
}

#[test]
fn a_curve_that_is_not_supported_is_refused_by_its_name() {
    let text = PublicKey::parse(&ec_spki("1.3.132.0.10", &[4; 65])).unwrap_err().to_string();
    assert!(text.contains("secp256k1"), "{text}");
}

#[test]
fn more_than_8_kib_are_not_looked_at() {
    assert!(matches!(PublicKey::parse(&[0x30; SPKI_LIMIT + 1]), Err(Fault::TooLarge { limit: 8192, .. })));
}

#[test]
fn a_forbidden_algorithm_is_refused_before_the_key_is_used() {
    let sha1_with_rsa = write::sequence(&[&write::oid(oid("1.2.840.113549.1.1.5")), NULL_DER]);
    let key = SoftwareKey::new(KeyKind::Rsa { bits: 2048 });
    let verdict = key.public_key().verify(&sha1_with_rsa, b"m", &[0; 256]);
    assert_eq!(verdict, Err(Fault::AlgorithmForbidden("RSA with SHA-1".into())));
}
