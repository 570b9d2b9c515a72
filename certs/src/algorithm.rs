use crate::{Fault, KeyKind};

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
    pub fn hash(self, message: &[u8]) -> Vec<u8> { todo!("{message:?}") }
    /// Octets of a hash.
    #[must_use]
    pub fn size(self) -> usize { todo!() }
    /// `AlgorithmIdentifier` (DER) of the hash, parameters absent (RFC 5754 section 2).
    #[must_use]
    pub fn identifier(self) -> Vec<u8> { todo!() }
    /// Reads a hash's `AlgorithmIdentifier` (DER); parameters may be absent or NULL.
    ///
    /// # Errors
    /// When it is no hash that is supported.
    pub fn parse(identifier: &[u8]) -> Result<Self, Fault> { todo!("{identifier:?}") }
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
    pub fn parse(identifier: &[u8]) -> Result<Self, Fault> { todo!("{identifier:?}") }
    /// `AlgorithmIdentifier` (DER).
    #[must_use]
    pub fn identifier(self) -> Vec<u8> { todo!() }
    /// The hash that belongs to it; Ed25519 and ML-DSA give SHA-512, as CMP wants it (RFC 9481 section 3.3).
    #[must_use]
    pub fn digest(self) -> Digest { todo!() }
    /// The algorithm to sign with when a key of this kind does not ask for another.
    #[must_use]
    pub fn usual(kind: KeyKind) -> Self { todo!("{kind:?}") }
}

/// The hash that belongs to a signature's `AlgorithmIdentifier` (DER), as CMP's certHash wants it.
#[must_use]
pub fn digest_of(identifier: &[u8]) -> Option<Digest> {
    SignatureAlgorithm::parse(identifier).ok().map(SignatureAlgorithm::digest)
}

/// ecdsa-with-SHA256 (RFC 5758 section 3.2).
#[must_use]
pub fn ecdsa_with_sha256() -> Vec<u8> { SignatureAlgorithm::Ecdsa(Digest::Sha256).identifier() }
/// ecdsa-with-SHA384 (RFC 5758 section 3.2).
#[must_use]
pub fn ecdsa_with_sha384() -> Vec<u8> { SignatureAlgorithm::Ecdsa(Digest::Sha384).identifier() }
/// ecdsa-with-SHA512 (RFC 5758 section 3.2).
#[must_use]
pub fn ecdsa_with_sha512() -> Vec<u8> { SignatureAlgorithm::Ecdsa(Digest::Sha512).identifier() }
/// sha256WithRSAEncryption (RFC 4055 section 5).
#[must_use]
pub fn sha256_with_rsa() -> Vec<u8> { SignatureAlgorithm::RsaPkcs1(Digest::Sha256).identifier() }
/// sha384WithRSAEncryption (RFC 4055 section 5).
#[must_use]
pub fn sha384_with_rsa() -> Vec<u8> { SignatureAlgorithm::RsaPkcs1(Digest::Sha384).identifier() }
/// sha512WithRSAEncryption (RFC 4055 section 5).
#[must_use]
pub fn sha512_with_rsa() -> Vec<u8> { SignatureAlgorithm::RsaPkcs1(Digest::Sha512).identifier() }
/// id-Ed25519 (RFC 8410).
#[must_use]
pub fn ed25519() -> Vec<u8> { SignatureAlgorithm::Ed25519.identifier() }
