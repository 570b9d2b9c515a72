use aws_lc_rs::digest;
use const_oid::ObjectIdentifier;

use crate::walk::{INTEGER, NULL_DER, OID, SEQUENCE, Walk, explicit};
use crate::{Fault, KeyKind, write};

/// A hash function.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// The hash of a message.
    #[must_use]
    pub fn hash(self, message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, message).as_ref().to_vec()
    }

    /// Octets of a hash.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// `AlgorithmIdentifier` (DER) of the hash, parameters absent (RFC 5754 section 2).
    #[must_use]
    pub fn identifier(self) -> Vec<u8> {
        write::sequence(&[&write::oid(self.oid())])
    }

    /// Reads a hash's `AlgorithmIdentifier` (DER); parameters may be absent or NULL (RFC 5754 section 2).
    ///
    /// # Errors
    /// When it is no hash that is supported.
    pub fn parse(identifier: &[u8]) -> Result<Self, Fault> {
        let (oid, parameters) = split(identifier)?;
        let found = match oid {
            SHA256 => Self::Sha256,
            SHA384 => Self::Sha384,
            SHA512 => Self::Sha512,
            SHA1 => return Err(Fault::AlgorithmForbidden("SHA-1".into())),
            MD5 => return Err(Fault::AlgorithmForbidden("MD5".into())),
            other => return Err(Fault::AlgorithmUnsupported(format!("the hash {other}"))),
        };
        absent_or_null(parameters).map(|()| found)
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha256 => SHA256,
            Self::Sha384 => SHA384,
            Self::Sha512 => SHA512,
        }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// A signature algorithm with all its parameters.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 4055 section 5).
    RsaPkcs1(Digest),
    /// RSASSA-PSS, salt as long as the hash (RFC 4055 section 3.1).
    RsaPss(Digest),
    /// ECDSA (RFC 5758 section 3.2).
    Ecdsa(Digest),
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// ML-DSA-44 (RFC 9881).
    MlDsa44,
    /// ML-DSA-65 (RFC 9881).
    MlDsa65,
    /// ML-DSA-87 (RFC 9881).
    MlDsa87,
}

impl SignatureAlgorithm {
    /// Reads an `AlgorithmIdentifier` (DER).
    ///
    /// # Errors
    /// [`Fault::AlgorithmForbidden`] for MD5 and SHA-1, [`Fault::AlgorithmUnsupported`] for what we do not know.
    pub fn parse(identifier: &[u8]) -> Result<Self, Fault> {
        let (oid, parameters) = split(identifier)?;
        if let Some((_, name)) = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == oid) {
            return Err(Fault::AlgorithmForbidden((*name).into()));
        }
        if oid == RSASSA_PSS {
            return pss(parameters).map(Self::RsaPss);
        }
        let found = SIMPLE
            .iter()
            .find(|(known, _)| *known == oid)
            .map(|(_, algorithm)| *algorithm)
            .ok_or_else(|| Fault::AlgorithmUnsupported(oid.to_string()))?;
        match found {
            // RFC 4055 section 5 wants NULL and wants absence to be taken, too.
            Self::RsaPkcs1(_) => absent_or_null(parameters)?,
            _ => absent(parameters)?,
        }
        Ok(found)
    }

    /// `AlgorithmIdentifier` (DER).
    #[must_use]
    pub fn identifier(self) -> Vec<u8> {
        if let Self::RsaPss(digest) = self {
            return pss_identifier(digest);
        }
        let oid = SIMPLE.iter().find(|(_, algorithm)| *algorithm == self).map_or(RSASSA_PSS, |(oid, _)| *oid);
        match self {
            Self::RsaPkcs1(_) => write::sequence(&[&write::oid(oid), NULL_DER]),
            _ => write::sequence(&[&write::oid(oid)]),
        }
    }

    /// The hash that belongs to it: Ed25519's is SHA-512 (RFC 9481 section 3.3); ML-DSA has none.
    #[must_use]
    pub fn digest(self) -> Option<Digest> {
        match self {
            Self::RsaPkcs1(digest) | Self::RsaPss(digest) | Self::Ecdsa(digest) => Some(digest),
            Self::Ed25519 => Some(Digest::Sha512),
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => None,
        }
    }

    /// The family that rules name it by; which hash and size go with it is the key's affair.
    #[must_use]
    pub fn family(self) -> &'static str {
        match self {
            Self::RsaPkcs1(_) => "RSA",
            Self::RsaPss(_) => "RSASSA-PSS",
            Self::Ecdsa(_) => "ECDSA",
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => "ML-DSA",
        }
    }

    /// The algorithm to sign with when a key of this kind does not ask for another.
    #[must_use]
    pub fn usual(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Rsa { .. } => Self::RsaPkcs1(Digest::Sha256),
            KeyKind::P256 => Self::Ecdsa(Digest::Sha256),
            KeyKind::P384 => Self::Ecdsa(Digest::Sha384),
            KeyKind::P521 => Self::Ecdsa(Digest::Sha512),
            KeyKind::Ed25519 => Self::Ed25519,
            KeyKind::MlDsa44 => Self::MlDsa44,
            KeyKind::MlDsa65 => Self::MlDsa65,
            KeyKind::MlDsa87 => Self::MlDsa87,
        }
    }
}

impl std::fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RsaPkcs1(digest) => write!(f, "RSA with {digest}"),
            Self::RsaPss(digest) => write!(f, "RSASSA-PSS with {digest}"),
            Self::Ecdsa(digest) => write!(f, "ECDSA with {digest}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::MlDsa44 => f.write_str("ML-DSA-44"),
            Self::MlDsa65 => f.write_str("ML-DSA-65"),
            Self::MlDsa87 => f.write_str("ML-DSA-87"),
        }
    }
}

/// The hash that belongs to a signature's `AlgorithmIdentifier` (DER), as CMP's certHash wants it (RFC 9810 section 5.3.18).
#[must_use]
pub fn digest_of(identifier: &[u8]) -> Option<Digest> {
    SignatureAlgorithm::parse(identifier).ok().and_then(SignatureAlgorithm::digest)
}

/// ecdsa-with-SHA256 (RFC 5758 section 3.2).
#[must_use]
pub fn ecdsa_with_sha256() -> Vec<u8> {
    SignatureAlgorithm::Ecdsa(Digest::Sha256).identifier()
}

/// ecdsa-with-SHA384 (RFC 5758 section 3.2).
#[must_use]
pub fn ecdsa_with_sha384() -> Vec<u8> {
    SignatureAlgorithm::Ecdsa(Digest::Sha384).identifier()
}

/// ecdsa-with-SHA512 (RFC 5758 section 3.2).
#[must_use]
pub fn ecdsa_with_sha512() -> Vec<u8> {
    SignatureAlgorithm::Ecdsa(Digest::Sha512).identifier()
}

/// sha256WithRSAEncryption (RFC 4055 section 5).
#[must_use]
pub fn sha256_with_rsa() -> Vec<u8> {
    SignatureAlgorithm::RsaPkcs1(Digest::Sha256).identifier()
}

/// sha384WithRSAEncryption (RFC 4055 section 5).
#[must_use]
pub fn sha384_with_rsa() -> Vec<u8> {
    SignatureAlgorithm::RsaPkcs1(Digest::Sha384).identifier()
}

/// sha512WithRSAEncryption (RFC 4055 section 5).
#[must_use]
pub fn sha512_with_rsa() -> Vec<u8> {
    SignatureAlgorithm::RsaPkcs1(Digest::Sha512).identifier()
}

/// id-Ed25519 (RFC 8410).
#[must_use]
pub fn ed25519() -> Vec<u8> {
    SignatureAlgorithm::Ed25519.identifier()
}

/// The OID and the parameters (DER) of an `AlgorithmIdentifier`.
pub(crate) fn split(identifier: &[u8]) -> Result<(ObjectIdentifier, Option<&[u8]>), Fault> {
    let mut fields = Walk::only("an algorithm identifier", identifier, SEQUENCE)?.inside()?;
    let oid = fields.take(OID)?.oid()?;
    let parameters = if fields.is_empty() { None } else { Some(fields.next()?.der) };
    fields.finish()?;
    Ok((oid, parameters))
}

/// The hash that the parameters of a PSS key or signature name.
pub(crate) fn pss(parameters: Option<&[u8]>) -> Result<Digest, Fault> {
    // RFC 4055 section 3.1: every field defaults to SHA-1 and its sizes.
    let forbidden = || Fault::AlgorithmForbidden("RSASSA-PSS with SHA-1".into());
    let parameters = parameters.ok_or_else(|| unsupported("RSASSA-PSS without parameters"))?;
    let mut fields = Walk::only("the parameters of RSASSA-PSS", parameters, SEQUENCE)?.inside()?;
    let hash = fields.take_if(explicit(0))?.ok_or_else(forbidden)?;
    let digest = Digest::parse(hash.content)?;
    let mask = fields.take_if(explicit(1))?.ok_or_else(forbidden)?;
    let (mask_oid, mask_hash) = split(mask.content)?;
    if mask_oid != MGF1 || Digest::parse(mask_hash.unwrap_or_default())? != digest {
        return Err(unsupported("RSASSA-PSS with a mask generation other than MGF1 with the same hash"));
    }
    let salt = match fields.take_if(explicit(2))? {
        Some(field) => Walk::only("the salt length of RSASSA-PSS", field.content, INTEGER)?.small()?,
        None => 20,
    };
    if usize::try_from(salt) != Ok(digest.size()) {
        return Err(unsupported(&format!(
            "RSASSA-PSS with a salt of {salt} octets; with {digest} it must be {}",
            digest.size()
        )));
    }
    if let Some(trailer) = fields.take_if(explicit(3))?
        && Walk::only("the trailer of RSASSA-PSS", trailer.content, INTEGER)?.small()? != 1
    {
        return Err(unsupported("RSASSA-PSS with an unknown trailer"));
    }
    fields.finish()?;
    Ok(digest)
}

/// RSASSA-PSS-params: hash, MGF1 with the same hash, salt as long as the hash.
fn pss_identifier(digest: Digest) -> Vec<u8> {
    let hash = write::sequence(&[&write::oid(digest.oid()), NULL_DER]);
    let mask = write::sequence(&[&write::oid(MGF1), &hash]);
    let salt = write::unsigned(&digest.size().to_be_bytes());
    let parameters = write::sequence(&[
        &write::wrap(explicit(0), &[&hash]),
        &write::wrap(explicit(1), &[&mask]),
        &write::wrap(explicit(2), &[&salt]),
    ]);
    write::sequence(&[&write::oid(RSASSA_PSS), &parameters])
}

fn absent(parameters: Option<&[u8]>) -> Result<(), Fault> {
    match parameters {
        None => Ok(()),
        Some(_) => Err(Fault::Malformed {
            what: "an algorithm identifier",
            detail: "there are parameters where none may be".into(),
        }),
    }
}

pub(crate) fn absent_or_null(parameters: Option<&[u8]>) -> Result<(), Fault> {
    absent(parameters.filter(|der| *der != NULL_DER))
}

fn unsupported(text: &str) -> Fault {
    Fault::AlgorithmUnsupported(text.into())
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
const MD5: ObjectIdentifier = oid("1.2.840.113549.2.5");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");
pub(crate) const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");

const SIMPLE: [(ObjectIdentifier, SignatureAlgorithm); 10] = [
    (oid("1.2.840.113549.1.1.11"), SignatureAlgorithm::RsaPkcs1(Digest::Sha256)),
    (oid("1.2.840.113549.1.1.12"), SignatureAlgorithm::RsaPkcs1(Digest::Sha384)),
    (oid("1.2.840.113549.1.1.13"), SignatureAlgorithm::RsaPkcs1(Digest::Sha512)),
    (oid("1.2.840.10045.4.3.2"), SignatureAlgorithm::Ecdsa(Digest::Sha256)),
    (oid("1.2.840.10045.4.3.3"), SignatureAlgorithm::Ecdsa(Digest::Sha384)),
    (oid("1.2.840.10045.4.3.4"), SignatureAlgorithm::Ecdsa(Digest::Sha512)),
    (oid("1.3.101.112"), SignatureAlgorithm::Ed25519),
    (oid("2.16.840.1.101.3.4.3.17"), SignatureAlgorithm::MlDsa44),
    (oid("2.16.840.1.101.3.4.3.18"), SignatureAlgorithm::MlDsa65),
    (oid("2.16.840.1.101.3.4.3.19"), SignatureAlgorithm::MlDsa87),
];

const FORBIDDEN: [(ObjectIdentifier, &str); 7] = [
    (oid("1.2.840.113549.1.1.2"), "RSA with MD2"),
    (oid("1.2.840.113549.1.1.4"), "RSA with MD5"),
    (oid("1.2.840.113549.1.1.5"), "RSA with SHA-1"),
    (oid("1.3.14.3.2.29"), "RSA with SHA-1"),
    (oid("1.2.840.10045.4.1"), "ECDSA with SHA-1"),
    (oid("1.2.840.10040.4.3"), "DSA with SHA-1"),
    (oid("1.2.840.113549.1.1.14"), "RSA with SHA-224"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_reads_as_it_is_written() {
        let simple = SIMPLE.iter().map(|(_, algorithm)| *algorithm);
        let pss = [Digest::Sha256, Digest::Sha384, Digest::Sha512].map(SignatureAlgorithm::RsaPss);
        for algorithm in simple.chain(pss) {
            assert_eq!(SignatureAlgorithm::parse(&algorithm.identifier()), Ok(algorithm));
        }
    }

    #[test]
    fn broken_hashes_are_forbidden_by_name() {
        for (oid, name) in FORBIDDEN {
            let identifier = write::sequence(&[&write::oid(oid), NULL_DER]);
            assert_eq!(SignatureAlgorithm::parse(&identifier), Err(Fault::AlgorithmForbidden(name.into())));
        }
        let defaults = write::sequence(&[&write::oid(RSASSA_PSS), &write::sequence(&[])]);
        assert!(matches!(SignatureAlgorithm::parse(&defaults), Err(Fault::AlgorithmForbidden(_))));
    }

    #[test]
    fn ecdsa_with_parameters_is_refused() {
        let identifier = write::sequence(&[&write::oid(oid("1.2.840.10045.4.3.2")), NULL_DER]);
        assert!(matches!(SignatureAlgorithm::parse(&identifier), Err(Fault::Malformed { .. })));
    }

    #[test]
    fn a_salt_of_another_length_is_refused() {
        let good = pss_identifier(Digest::Sha256);
        let bad: Vec<u8> = good.iter().enumerate().map(|(i, o)| if i + 1 == good.len() { 20 } else { *o }).collect();
        let text = SignatureAlgorithm::parse(&bad).unwrap_err().to_string();
        assert!(text.contains("salt of 20 octets"), "{text}");
    }

    #[test]
    fn the_hash_for_a_certificate_hash_follows_the_signature() {
        assert_eq!(digest_of(&ecdsa_with_sha384()), Some(Digest::Sha384));
        assert_eq!(digest_of(&ed25519()), Some(Digest::Sha512));
        assert_eq!(digest_of(&SignatureAlgorithm::MlDsa65.identifier()), None);
        assert_eq!(digest_of(b"nothing"), None);
    }
}
