//! Message protection (RFC 9810 section 5.1.3).

/// KEM-based MACs.
mod kem;

/// PasswordBasedMac and PBMAC1.
mod mac;

/// What makes a MAC key from a secret.
mod parameters;

/// Signatures, and whose they are.
mod signature;

pub use kem::KemBmParameter;
pub use mac::{MacKey, MacProof};
pub use signature::SignatureProof;
pub(crate) use signature::{check_signer, signer};

use crate::asn1;
use crate::fault::Fault;
use crate::header::Header;
use crate::message::{Limits, Message};
use crate::oid;
use crate::status::FailureInfo;
use parameters::Parameters;

/// How a message is protected; nothing is verified until its proof is asked to.
#[derive(Clone, Debug)]
pub enum Protection {
    /// Not at all.
    None,
    /// By a secret that both sides share.
    Mac(MacProof),
    /// By the sender's key.
    Signature(SignatureProof),
}

pub(crate) fn kind(message: &Message, limits: &Limits) -> Result<Protection, Fault> {
    let header = message.header();
    let (algorithm, tag) = match (&header.protection_alg, message.protection()) {
        (None, None) => return Ok(Protection::None),
        (Some(algorithm), Some(tag)) => (algorithm, tag),
        // RFC 9483 section 3.1: protectionAlg MUST be present if and only if protection is.
        (Some(_), None) => {
            return Err(Fault::integrity("protectionAlg is set, but protection is missing"));
        }
        (None, Some(_)) => {
            return Err(Fault::integrity("protection is there, but protectionAlg is missing"));
        }
    };
    let (oid, parameters) = asn1::parse_algorithm(algorithm, "protectionAlg")?;
    match oid {
        oid::PASSWORD_BASED_MAC | oid::PBMAC1 => Ok(Protection::Mac(MacProof::new(
            reference(message)?,
            Parameters::parse(oid, parameters, limits)?,
            algorithm.clone(),
            message.protected_part(),
            tag.to_vec(),
        ))),
        oid::KEM_BASED_MAC => Err(kem::refuse(parameters)),
        oid::DH_BASED_MAC => {
            Err(Fault::new(FailureInfo::BAD_ALG, "only PasswordBasedMac, PBMAC1 and signatures protect messages here"))
        }
        _ => SignatureProof::new(algorithm, message.protected_part(), tag).map(Protection::Signature),
    }
}

/// Whether a shared secret protects the message, of whatever kind.
pub(crate) fn is_mac(header: &Header) -> bool {
    let algorithm = header.protection_alg.as_deref().map(|der| asn1::parse_algorithm(der, "protectionAlg"));
    matches!(algorithm, Some(Ok((oid::PASSWORD_BASED_MAC | oid::PBMAC1 | oid::DH_BASED_MAC | oid::KEM_BASED_MAC, _))))
}

/// By what the secret is found: senderKID, or the sender's common name if that is absent.
/// RFC 9483 section 4.1.5 wants both to be the same; `openssl cmp` sends another name.
fn reference(message: &Message) -> Result<Vec<u8>, Fault> {
    let header = message.header();
    let by_name = || header.sender.as_ref()?.common_name().map(String::into_bytes);
    header
        .sender_kid
        .clone()
        .or_else(by_name)
        .filter(|reference| !reference.is_empty())
        .ok_or_else(|| Fault::integrity("senderKID is missing; put the reference of the shared secret there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;
    use crate::sample::{self, Key};
    use certs::Signer;

    const REFERENCE: &[u8] = b"ref1";

    fn key(iterations: u32) -> MacKey {
        MacKey::from_secret(b"secret", [3; 16], iterations, REFERENCE)
    }

    fn proof(message: &Message) -> MacProof {
        match message.protection_kind() {
            Ok(Protection::Mac(proof)) => proof,
            other => panic!("no MAC: {other:?}"),
        }
    }

    /// A pkiconf whose protectionAlg is this.
    fn with_algorithm(algorithm: &[u8]) -> Message {
        let signer = sample::Other(Key::new(), algorithm.to_vec());
        sample::read(&sample::wait(sample::draft(body::pki_conf()).sign(&signer, &[])).unwrap())
    }

    fn failure(algorithm: &[u8]) -> Option<FailureInfo> {
        with_algorithm(algorithm).protection_kind().err().map(|fault| fault.failure)
    }

    fn algorithm(oid: der::asn1::ObjectIdentifier, parameters: &[u8]) -> Vec<u8> {
        asn1::sequence(&[&asn1::object_identifier(oid), parameters])
    }

    fn pbm(owf: &[u8], iterations: i64, mac: &[u8]) -> Vec<u8> {
        let salt = asn1::octet_string(&[7; 16]);
        let parameters = asn1::sequence(&[&salt, owf, &asn1::integer(iterations), mac]);
        algorithm(oid::PASSWORD_BASED_MAC, &parameters)
    }

    fn pbmac1(iterations: i64, more: &[u8]) -> Vec<u8> {
        let salt = asn1::octet_string(&[7; 16]);
        let kdf = asn1::sequence(&[&salt, &asn1::integer(iterations), more]);
        let parameters = asn1::sequence(&[&algorithm(oid::PBKDF2, &kdf), &algorithm(oid::HMAC_SHA256, &[])]);
        algorithm(oid::PBMAC1, &parameters)
    }

    #[test]
    fn a_mac_verifies_with_the_secret_only() {
        let message = sample::read(&sample::draft(body::pki_conf()).mac(&key(500), &[]));
        let proof = proof(&message);
        assert_eq!(proof.reference(), REFERENCE);
        assert_eq!(proof.iterations(), 500);
        let answering = proof.verify(b"secret").unwrap();
        assert_eq!(answering.algorithm(), key(500).algorithm());
        let fault = proof.verify(b"Secret").unwrap_err();
        assert_eq!(fault.failure, FailureInfo::BAD_MESSAGE_CHECK);
    }

    #[test]
    fn a_secret_is_found_by_sender_kid_and_by_the_common_name_only_without_it() {
        // openssl cmp sends a senderKID and another name.
        let message = sample::read(&sample::draft(body::pki_conf()).mac(&key(500), &[]));
        assert_eq!(message.header().sender, Some(sample::name("CN=device")));
        assert_eq!(proof(&message).reference(), REFERENCE);
        assert_eq!(proof(&with_algorithm(key(500).algorithm())).reference(), b"device");
        let mut nameless = sample::draft(body::pki_conf());
        nameless.sender = certs::Name::empty();
        let signer = sample::Other(Key::new(), key(500).algorithm().to_vec());
        let nameless = sample::read(&sample::wait(nameless.sign(&signer, &[])).unwrap());
        assert_eq!(nameless.protection_kind().unwrap_err().failure, FailureInfo::BAD_MESSAGE_CHECK);
    }

    #[test]
    fn a_mac_covers_header_and_body() {
        let der = sample::draft(body::poll_req(&[0])).mac(&key(500), &[]);
        let message = sample::read(&der);
        // The last octet of the nonce, and the certReqId.
        for octet in [&[2_u8; 16][..], message.body_der()] {
            let end = der.windows(octet.len()).position(|part| part == octet).unwrap() + octet.len();
            let mut changed = der.clone();
            changed[end - 1] ^= 1;
            assert!(proof(&sample::read(&changed)).verify(b"secret").is_err());
        }
    }

    #[test]
    fn the_answer_to_a_mac_uses_the_same_key() {
        let request = sample::read(&sample::draft(body::pki_conf()).mac(&key(500), &[]));
        let derived = proof(&request).verify(b"secret").unwrap();
        let answer = crate::Draft::answering(request.header(), &sample::name("CN=ra"), [5; 16], body::pki_conf());
        let answer = sample::read(&answer.mac(&derived, &[]));
        assert_eq!(answer.header().sender_kid.as_deref(), Some(REFERENCE));
        proof(&answer).verify_with(&key(500)).unwrap();
        let other = MacKey::from_secret(b"secret", [4; 16], 500, REFERENCE);
        assert!(proof(&answer).verify_with(&other).is_err());
        let again = MacKey::from_algorithm(key(500).algorithm(), REFERENCE, b"secret", &Limits::default());
        proof(&answer).verify_with(&again.unwrap()).unwrap();
    }

    #[test]
    fn a_secret_never_shows() {
        let message = sample::read(&sample::draft(body::pki_conf()).mac(&key(500), &[]));
        assert_eq!(format!("{:?}", key(500)), "MacKey { reference: \"ref1\", .. }");
        assert_eq!(format!("{:?}", proof(&message)), "MacProof { reference: \"ref1\", .. }");
    }

    #[test]
    fn iterations_have_a_floor_and_a_ceiling() {
        let hash = algorithm(oid::SHA256, &[]);
        let mac = algorithm(oid::HMAC_SHA256, &[]);
        let bad = Some(FailureInfo::BAD_ALG);
        assert_eq!(failure(&pbm(&hash, 100, &mac)), None);
        assert_eq!(failure(&pbm(&hash, 10_000, &mac)), None);
        for count in [-1, 0, 99, 10_001, i64::MAX] {
            assert_eq!(failure(&pbm(&hash, count, &mac)), bad, "{count}");
        }
        assert_eq!(failure(&pbmac1(100_000, &[])), None);
        for count in [0, 100_001] {
            assert_eq!(failure(&pbmac1(count, &[])), bad, "{count}");
        }
    }

    #[test]
    fn algorithms_that_are_unknown_or_broken_are_bad() {
        let bad = Some(FailureInfo::BAD_ALG);
        let hash = algorithm(oid::SHA256, &[]);
        let mac = algorithm(oid::HMAC_SHA256, &[]);
        assert_eq!(failure(&pbm(&mac, 500, &mac)), bad);
        assert_eq!(failure(&pbm(&hash, 500, &hash)), bad);
        assert_eq!(failure(&pbmac1(500, &asn1::integer(8))), bad);
        assert_eq!(failure(&pbmac1(500, &hash)), bad);
        assert_eq!(failure(&algorithm(oid::DH_BASED_MAC, &asn1::NULL)), bad);
        let kem = asn1::sequence(&[&hash, &asn1::integer(32), &mac]);
        assert_eq!(failure(&algorithm(oid::KEM_BASED_MAC, &kem)), bad);
        assert_eq!(failure(&algorithm(oid::KEM_BASED_MAC, &asn1::NULL)), Some(FailureInfo::BAD_DATA_FORMAT));
        let sha1_with_rsa = der::asn1::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
        assert_eq!(failure(&algorithm(sha1_with_rsa, &asn1::NULL)), bad);
        let unknown = der::asn1::ObjectIdentifier::new_unwrap("1.2.3.4");
        assert_eq!(failure(&algorithm(unknown, &[])), bad);
    }

    #[test]
    fn sha1_inside_a_mac_is_taken_only_where_the_server_says_so() {
        let (sha1, sha256) = (algorithm(oid::SHA1, &[]), algorithm(oid::SHA256, &[]));
        let (hmac1, hmac256) = (algorithm(oid::HMAC_SHA1, &[]), algorithm(oid::HMAC_SHA256, &[]));
        let strict = Limits { mac_sha1: false, ..Limits::default() };
        let read = |algorithm: &[u8], limits: &Limits| {
            MacKey::from_algorithm(algorithm, REFERENCE, b"secret", limits).err().map(|fault| fault.failure)
        };
        // Without prf PBKDF2 takes HMAC-SHA1.
        for with in [pbm(&sha1, 500, &hmac256), pbm(&sha256, 500, &hmac1), pbmac1(500, &[]), pbmac1(500, &hmac1)] {
            assert_eq!(read(&with, &Limits::default()), None);
            assert_eq!(read(&with, &strict), Some(FailureInfo::BAD_ALG));
        }
        for without in [pbm(&sha256, 500, &hmac256), pbmac1(500, &hmac256)] {
            assert_eq!(read(&without, &strict), None);
        }
    }

    #[test]
    fn pbmac1_verifies() {
        let prf = algorithm(oid::HMAC_SHA256, &asn1::NULL);
        let more = [asn1::integer(32), prf].concat();
        let algorithm = pbmac1(1000, &more);
        let key = MacKey::from_algorithm(&algorithm, REFERENCE, b"secret", &Limits::default()).unwrap();
        let message = sample::read(&sample::draft(body::pki_conf()).mac(&key, &[]));
        proof(&message).verify(b"secret").unwrap();
        assert!(proof(&message).verify(b"other").is_err());
    }

    #[test]
    fn protection_and_its_algorithm_go_together() {
        let der = sample::draft(body::pki_conf()).mac(&key(500), &[]);
        let whole = sample::read(&der);
        let headless = sample::message(body::pki_conf());
        let bits = asn1::context(0, &[&asn1::bit_string(whole.protection().unwrap())]);
        for parts in
            [vec![whole.header_der(), whole.body_der()], vec![headless.header_der(), headless.body_der(), &bits]]
        {
            let fault = sample::read(&asn1::sequence(&parts)).protection_kind().unwrap_err();
            assert_eq!(fault.failure, FailureInfo::BAD_MESSAGE_CHECK);
        }
        assert!(matches!(headless.protection_kind(), Ok(Protection::None)));
    }

    #[test]
    fn a_signature_verifies_with_its_key_only() {
        let (key, other) = (Key::new(), Key::new());
        let der = sample::wait(sample::draft(body::pki_conf()).sign(&key, &[])).unwrap();
        let Ok(Protection::Signature(proof)) = sample::read(&der).protection_kind() else { panic!("no signature") };
        proof.verify(key.public_key()).unwrap();
        let fault = proof.verify(other.public_key()).unwrap_err();
        assert_eq!(fault.failure, FailureInfo::BAD_MESSAGE_CHECK);
    }
}
