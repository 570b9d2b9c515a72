//! The public half of a key on the token, as `SubjectPublicKeyInfo`.

use certs::PublicKey;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::Fault;
use super::fault::Trouble;

/// Reads the public half: from the public object of the same id, else from what the private object tells.
pub(super) fn public_key(session: &Session, private: ObjectHandle) -> Result<PublicKey, Trouble> {
    let own = Parts::read(session, private)?;
    let mut parts = own;
    if !parts.id.is_empty() {
        let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(parts.id.clone())];
        if let [public] = session.find_objects(&template)?.as_slice() {
            parts = Parts::read(session, *public)?;
        }
    }
    Ok(parts.public_key()?)
}

/// The name of a curve that Daftar signs with.
pub(super) fn curve_name(params: &[u8]) -> Option<&'static str> {
    match ObjectIdentifier::from_der(params).ok()? {
        P256 => Some("P-256"),
        P384 => Some("P-384"),
        _ => None,
    }
}

/// The DER of a named curve, as `CKA_EC_PARAMS` wants it.
pub(super) fn curve_params(kind: certs::KeyKind) -> Option<Vec<u8>> {
    match kind {
        certs::KeyKind::P256 => P256.to_der().ok(),
        certs::KeyKind::P384 => P384.to_der().ok(),
        _ => None,
    }
}

#[derive(Default)]
struct Parts {
    id: Vec<u8>,
    kind: Option<KeyType>,
    curve: Vec<u8>,
    point: Vec<u8>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    info: Vec<u8>,
}

impl Parts {
    fn read(session: &Session, handle: ObjectHandle) -> Result<Self, Trouble> {
        let mut parts = Self::default();
        for attribute in session.get_attributes(handle, ASKED)? {
            match attribute {
                Attribute::Id(id) => parts.id = id,
                Attribute::KeyType(kind) => parts.kind = Some(kind),
                Attribute::EcParams(curve) => parts.curve = curve,
                Attribute::EcPoint(point) => parts.point = point,
                Attribute::Modulus(modulus) => parts.modulus = modulus,
                Attribute::PublicExponent(exponent) => parts.exponent = exponent,
                Attribute::PublicKeyInfo(info) => parts.info = info,
                _ => {}
            }
        }
        Ok(parts)
    }

    fn public_key(&self) -> Result<PublicKey, Fault> {
        let spki = match self.kind {
            Some(KeyType::EC) if !self.point.is_empty() => ec(&self.curve, &self.point),
            Some(KeyType::RSA) if !self.modulus.is_empty() && !self.exponent.is_empty() => {
                rsa(&self.modulus, &self.exponent)
            }
            _ if !self.info.is_empty() => Ok(self.info.clone()),
            _ => {
                return Err(
                    self.fault("its public half is not on the token: import it as a public key with the same id")
                );
            }
        };
        let spki = spki.map_err(|error| self.fault(&format!("its public half is malformed: {error}")))?;
        PublicKey::parse(&spki).map_err(|error| self.fault(&error.to_string()))
    }

    fn fault(&self, detail: &str) -> Fault {
        Fault::KeyUnsupported { key: format!("id {}", hex::encode(&self.id)), detail: detail.into() }
    }
}

/// RFC 5480 section 2: the point goes bare into the BIT STRING.
fn ec(curve: &[u8], point: &[u8]) -> der::Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some(AnyRef::from_der(curve)?) };
    let subject_public_key = BitStringRef::from_bytes(bare_point(curve, point))?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der()
}

/// PKCS#11 wants the point as DER OCTET STRING; some tokens give it bare. Both begin with 04, so the length decides.
fn bare_point<'a>(curve: &[u8], point: &'a [u8]) -> &'a [u8] {
    let coordinate = match ObjectIdentifier::from_der(curve) {
        Ok(P256) => 32,
        Ok(P384) => 48,
        _ => 0,
    };
    if point.len() == 1 + 2 * coordinate {
        return point;
    }
    <&OctetStringRef>::from_der(point).map_or(point, OctetStringRef::as_bytes)
}

/// RFC 3279 section 2.3.1.
fn rsa(modulus: &[u8], exponent: &[u8]) -> der::Result<Vec<u8>> {
    let key = RsaPublicKey { modulus: UintRef::new(modulus)?, exponent: UintRef::new(exponent)? }.to_der()?;
    let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) };
    let subject_public_key = BitStringRef::from_bytes(&key)?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der()
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

const ASKED: &[AttributeType] = &[
    AttributeType::Id,
    AttributeType::KeyType,
    AttributeType::EcParams,
    AttributeType::EcPoint,
    AttributeType::Modulus,
    AttributeType::PublicExponent,
    AttributeType::PublicKeyInfo,
];
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_point_is_taken_like_a_wrapped_one() {
        let curve = P256.to_der().unwrap();
        // The second octet is what a DER length would be: only the whole length tells them apart.
        let mut bare = vec![0x3f; 65];
        bare[0] = 4;
        let wrapped = [vec![4, 65], bare.clone()].concat();
        assert_eq!(bare_point(&curve, &bare), bare);
        assert_eq!(bare_point(&curve, &wrapped), bare);
        assert_eq!(ec(&curve, &bare).unwrap(), ec(&curve, &wrapped).unwrap());
    }

    #[test]
    fn a_curve_has_a_name_when_it_can_sign() {
        assert_eq!(curve_name(&P256.to_der().unwrap()), Some("P-256"));
        assert_eq!(curve_name(&P384.to_der().unwrap()), Some("P-384"));
        assert_eq!(curve_name(b"\x06\x05\x2b\x81\x04\x00\x23"), None);
        assert_eq!(curve_name(b""), None);
    }

    #[test]
    fn an_rsa_modulus_stays_positive() {
        let spki = rsa(&[0x80, 1], &[1, 0, 1]).unwrap();
        assert!(spki.windows(5).any(|octets| octets == [2, 3, 0, 0x80, 1]), "{spki:02x?}");
    }
}
