use std::fmt;

use crate::Fault;

/// SHA-256 of a subject public key info.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyPrint([u8; 32]);

impl KeyPrint {
    /// The hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] { &self.0 }
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("todo") }
}

/// A public key, kept as it was received.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PublicKey {
    spki: Vec<u8>,
    kind: KeyKind,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (DER).
    ///
    /// # Errors
    /// When it is larger than 8 KiB, not well formed, or of a kind that is not supported.
    pub fn parse(spki: &[u8]) -> Result<Self, Fault> { todo!("{spki:?}") }
    /// The `SubjectPublicKeyInfo` as received.
    #[must_use]
    pub fn der(&self) -> &[u8] { &self.spki }
    /// What kind of key it is.
    #[must_use]
    pub fn kind(&self) -> KeyKind { self.kind }
    /// SHA-256 of the `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn print(&self) -> KeyPrint { todo!() }
    /// SHA-1 of the key's bits (RFC 5280 section 4.2.1.2, method 1).
    #[must_use]
    pub fn sha1_key_identifier(&self) -> [u8; 20] { todo!() }
    /// The bits of the subjectPublicKey.
    #[must_use]
    pub fn key_bits(&self) -> &[u8] { todo!() }
    /// Checks a signature; `algorithm` is the `AlgorithmIdentifier` (DER) that came with it.
    ///
    /// # Errors
    /// When the algorithm is forbidden, unsupported or of another kind of key, or the signature is wrong.
    pub fn verify(&self, algorithm: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Fault> {
        todo!("{algorithm:?}{message:?}{signature:?}")
    }
}
