use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self as aws, UnparsedPublicKey, VerificationAlgorithm};
use const_oid::ObjectIdentifier;

use crate::algorithm::{Digest, RSASSA_PSS, SignatureAlgorithm, absent_or_null, pss, split};
use crate::walk::{BIT_STRING, INTEGER, Item, OID, SEQUENCE, Walk};
use crate::{Fault, pem};

/// SHA-256 of a subject public key info.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyPrint([u8; 32]);

impl KeyPrint {
    /// The hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Hexadecimal, for logs and people.
impl fmt::Display for KeyPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// What kind of key it is; rules name keys by this.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA with a modulus of so many bits.
    Rsa {
        /// Bits of the modulus.
        bits: u32,
    },
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// ML-DSA-44 (RFC 9881).
    MlDsa44,
    /// ML-DSA-65 (RFC 9881).
    MlDsa65,
    /// ML-DSA-87 (RFC 9881).
    MlDsa87,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::MlDsa44 => f.write_str("ML-DSA-44"),
            Self::MlDsa65 => f.write_str("ML-DSA-65"),
            Self::MlDsa87 => f.write_str("ML-DSA-87"),
        }
    }
}

/// A public key, kept as it was received.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct PublicKey {
    spki: Vec<u8>,
    kind: KeyKind,
    /// How many of the last octets of `spki` are the key itself.
    bits: usize,
    padding: Padding,
}

/// How an RSA key may sign: an id-RSASSA-PSS key does it in no other way, and its parameters, if any, fix the
/// hash (RFC 4055 section 3.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Padding {
    Any,
    Pss,
    PssWith(Digest),
}

impl PublicKey {
    /// Reads the first `PUBLIC KEY` of a PEM text (RFC 7468 section 13).
    ///
    /// # Errors
    /// [`Fault::Malformed`] where there is none, and those of [`PublicKey::parse`].
    pub fn parse_pem(text: &[u8]) -> Result<Self, Fault> {
        let found = pem::decode_all("public key", "PUBLIC KEY", text)?;
        let none = || Fault::Malformed { what: "public key", detail: "there is no PUBLIC KEY in the PEM".into() };
        Self::parse(found.first().ok_or_else(none)?)
    }

    /// As `PUBLIC KEY` in PEM (RFC 7468 section 13).
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", self.der())
    }

    /// Reads a `SubjectPublicKeyInfo` (DER).
    ///
    /// An RSA key that is too short to verify anything is read, too, so that rules can refuse it by its name.
    ///
    /// # Errors
    /// When it is larger than 8 KiB, not well formed, or of a kind that is not supported.
    pub fn parse(spki: &[u8]) -> Result<Self, Fault> {
        if spki.len() > SPKI_LIMIT {
            return Err(Fault::TooLarge { what: WHAT, limit: SPKI_LIMIT });
        }
        let mut fields = Walk::only(WHAT, spki, SEQUENCE)?.inside()?;
        let algorithm = fields.take(SEQUENCE)?;
        let bit_string = fields.take(BIT_STRING)?;
        fields.finish()?;
        let bits = bit_string.whole_bits()?;
        let (oid, parameters) = split(algorithm.der)?;
        let kind = match oid {
            RSA => {
                absent_or_null(parameters)?;
                rsa(bits)?
            }
            RSASSA_PSS => rsa(bits)?,
            EC => elliptic(parameters, bits, &bit_string)?,
            other => {
                let (_, kind, length) = FIXED
                    .iter()
                    .find(|(known, _, _)| *known == other)
                    .ok_or_else(|| Fault::KeyUnsupported(name_of(other)))?;
                if parameters.is_some() || bits.len() != *length {
                    return Err(bit_string.fault("the key has parameters or a wrong length"));
                }
                *kind
            }
        };
        let padding = match (oid, parameters) {
            (RSASSA_PSS, None) => Padding::Pss,
            (RSASSA_PSS, Some(_)) => Padding::PssWith(pss(parameters)?),
            _ => Padding::Any,
        };
        Ok(Self { spki: spki.to_vec(), kind, bits: bits.len(), padding })
    }

    /// The `SubjectPublicKeyInfo` as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.spki
    }

    /// What kind of key it is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// SHA-256 of the `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn print(&self) -> KeyPrint {
        KeyPrint(sha256(&self.spki))
    }

    /// SHA-1 of the key's bits (RFC 5280 section 4.2.1.2, method 1). A name for the key, not a proof of anything.
    #[must_use]
    pub fn sha1_key_identifier(&self) -> [u8; 20] {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, self.key_bits());
        let mut identifier = [0; 20];
        identifier.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        identifier
    }

    /// The bits of the subjectPublicKey.
    #[must_use]
    pub fn key_bits(&self) -> &[u8] {
        self.spki.get(self.spki.len().saturating_sub(self.bits)..).unwrap_or_default()
    }

    /// Checks a signature; `algorithm` is the `AlgorithmIdentifier` (DER) that came with it.
    ///
    /// # Errors
    /// When the algorithm is forbidden, unsupported or of another kind of key, or the signature is wrong.
    pub fn verify(&self, algorithm: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Fault> {
        self.verify_what("the message", algorithm, message, signature)
    }

    /// [`PublicKey::verify`], with a word for what was signed.
    pub(crate) fn verify_what(
        &self,
        what: &'static str,
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Fault> {
        let algorithm = SignatureAlgorithm::parse(algorithm)?;
        let verifier = self.verifier(algorithm)?;
        UnparsedPublicKey::new(verifier, self.key_bits())
            .verify(message, signature)
            .map_err(|_| Fault::BadSignature { what })
    }

    /// What checks this algorithm's signatures with this key.
    fn verifier(&self, algorithm: SignatureAlgorithm) -> Result<&'static dyn VerificationAlgorithm, Fault> {
        use SignatureAlgorithm as A;
        let mismatch = || Fault::AlgorithmMismatch { algorithm: algorithm.to_string(), key: self.kind.to_string() };
        if let KeyKind::Rsa { bits } = self.kind
            && !(RSA_BITS_LEAST..=RSA_BITS_MOST).contains(&bits)
        {
            return Err(Fault::KeyUnsupported(format!(
                "RSA-{bits}; signatures are checked with {RSA_BITS_LEAST} to {RSA_BITS_MOST} bits"
            )));
        }
        let pss_fits = |digest| match self.padding {
            Padding::Any | Padding::Pss => true,
            Padding::PssWith(only) => only == digest,
        };
        Ok(match (self.kind, algorithm) {
            (KeyKind::Rsa { .. }, A::RsaPkcs1(digest)) if self.padding == Padding::Any => match digest {
                Digest::Sha256 => &aws::RSA_PKCS1_2048_8192_SHA256,
                Digest::Sha384 => &aws::RSA_PKCS1_2048_8192_SHA384,
                Digest::Sha512 => &aws::RSA_PKCS1_2048_8192_SHA512,
            },
            (KeyKind::Rsa { .. }, A::RsaPss(digest)) if pss_fits(digest) => match digest {
                Digest::Sha256 => &aws::RSA_PSS_2048_8192_SHA256,
                Digest::Sha384 => &aws::RSA_PSS_2048_8192_SHA384,
                Digest::Sha512 => &aws::RSA_PSS_2048_8192_SHA512,
            },
            (KeyKind::P256, A::Ecdsa(Digest::Sha256)) => &aws::ECDSA_P256_SHA256_ASN1,
            (KeyKind::P256, A::Ecdsa(Digest::Sha384)) => &aws::ECDSA_P256_SHA384_ASN1,
            (KeyKind::P256, A::Ecdsa(Digest::Sha512)) => &aws::ECDSA_P256_SHA512_ASN1,
            (KeyKind::P384, A::Ecdsa(Digest::Sha256)) => &aws::ECDSA_P384_SHA256_ASN1,
            (KeyKind::P384, A::Ecdsa(Digest::Sha384)) => &aws::ECDSA_P384_SHA384_ASN1,
            (KeyKind::P384, A::Ecdsa(Digest::Sha512)) => &aws::ECDSA_P384_SHA512_ASN1,
            (KeyKind::P521, A::Ecdsa(Digest::Sha256)) => &aws::ECDSA_P521_SHA256_ASN1,
            (KeyKind::P521, A::Ecdsa(Digest::Sha384)) => &aws::ECDSA_P521_SHA384_ASN1,
            (KeyKind::P521, A::Ecdsa(Digest::Sha512)) => &aws::ECDSA_P521_SHA512_ASN1,
            (KeyKind::Ed25519, A::Ed25519) => &aws::ED25519,
            (KeyKind::MlDsa44, A::MlDsa44) => &aws::ML_DSA_44,
            (KeyKind::MlDsa65, A::MlDsa65) => &aws::ML_DSA_65,
            (KeyKind::MlDsa87, A::MlDsa87) => &aws::ML_DSA_87,
            _ => return Err(mismatch()),
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.kind, self.print())
    }
}

/// SHA-256 in an array.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, bytes);
    hash.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// Looks at the sizes in an `RSAPublicKey` before anybody computes with it.
fn rsa(bits: &[u8]) -> Result<KeyKind, Fault> {
    let mut fields = Walk::only(WHAT_RSA, bits, SEQUENCE)?.inside()?;
    let modulus = positive(&fields.take(INTEGER)?)?;
    let exponent_item = fields.take(INTEGER)?;
    let exponent = positive(&exponent_item)?;
    fields.finish()?;
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    if !odd(modulus) || !odd(exponent) || exponent == [1] || exponent.len() > RSA_EXPONENT_LIMIT {
        return Err(exponent_item.fault("the modulus is even, or the exponent is even, one or longer than 64 bits"));
    }
    let first = modulus.first().map_or(0, |first| first.leading_zeros());
    let size = u32::try_from(modulus.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(first);
    if size > RSA_BITS_MOST {
        return Err(Fault::KeyUnsupported(format!("RSA-{size}; {RSA_BITS_MOST} bits are the limit")));
    }
    Ok(KeyKind::Rsa { bits: size })
}

/// The magnitude of an INTEGER that must be above zero and without superfluous octets.
fn positive<'a>(item: &Item<'a>) -> Result<&'a [u8], Fault> {
    match item.integer()? {
        [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => Ok(rest),
        number @ [1..=0x7f, ..] => Ok(number),
        _ => Err(item.fault("a number is zero, negative or not as short as it can be")),
    }
}

/// A point on a named curve (RFC 5480 section 2).
fn elliptic(parameters: Option<&[u8]>, point: &[u8], item: &Item<'_>) -> Result<KeyKind, Fault> {
    let parameters = parameters.ok_or_else(|| item.fault("the curve is missing"))?;
    if parameters.first() != Some(&OID) {
        return Err(Fault::KeyUnsupported("an elliptic curve that is not given by its name".into()));
    }
    let curve = Walk::only(WHAT, parameters, OID)?.oid()?;
    let (_, kind, size) =
        CURVES.iter().find(|(known, _, _)| *known == curve).ok_or_else(|| Fault::KeyUnsupported(name_of(curve)))?;
    match point {
        [4, rest @ ..] if rest.len() == 2 * size => Ok(*kind),
        [2 | 3, rest @ ..] if rest.len() == *size => Ok(*kind),
        _ => Err(item.fault("the point has a wrong length or form")),
    }
}

/// A name for what we do not support, so that people know what is meant.
fn name_of(oid: ObjectIdentifier) -> String {
    UNSUPPORTED
        .iter()
        .find(|(known, _)| *known == oid)
        .map_or_else(|| oid.to_string(), |(_, name)| format!("{name} ({oid})"))
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const WHAT: &str = "the public key";
const WHAT_RSA: &str = "the RSA public key";

/// An RSA-8192 key has about 1 KiB, an ML-DSA-87 key 2.6 KiB.
const SPKI_LIMIT: usize = 8 * 1024;

/// Below this, RSA is within reach of attackers (RFC 9481 section 7); above, verifying is a way to keep us busy.
const RSA_BITS_LEAST: u32 = 2048;
const RSA_BITS_MOST: u32 = 8192;
const RSA_EXPONENT_LIMIT: usize = 8;

const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = oid("1.2.840.10045.2.1");

const CURVES: [(ObjectIdentifier, KeyKind, usize); 3] = [
    (oid("1.2.840.10045.3.1.7"), KeyKind::P256, 32),
    (oid("1.3.132.0.34"), KeyKind::P384, 48),
    (oid("1.3.132.0.35"), KeyKind::P521, 66),
];

const FIXED: [(ObjectIdentifier, KeyKind, usize); 4] = [
    (oid("1.3.101.112"), KeyKind::Ed25519, 32),
    (oid("2.16.840.1.101.3.4.3.17"), KeyKind::MlDsa44, 1312),
    (oid("2.16.840.1.101.3.4.3.18"), KeyKind::MlDsa65, 1952),
    (oid("2.16.840.1.101.3.4.3.19"), KeyKind::MlDsa87, 2592),
];

const UNSUPPORTED: [(ObjectIdentifier, &str); 8] = [
    (oid("1.3.101.110"), "X25519"),
    (oid("1.3.101.111"), "X448"),
    (oid("1.3.101.113"), "Ed448"),
    (oid("1.2.840.10040.4.1"), "DSA"),
    (oid("1.3.132.0.10"), "secp256k1"),
    (oid("1.2.840.10045.3.1.1"), "P-192"),
    (oid("1.3.132.0.33"), "P-224"),
    (oid("1.3.36.3.3.2.8.1.1.7"), "brainpoolP256r1"),
];

#[cfg(test)]
mod tests;
