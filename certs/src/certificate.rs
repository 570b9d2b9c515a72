use const_oid::ObjectIdentifier;

use crate::{AltName, Extension, Fault, KeyUsage, Millis, Name, PublicKey};

/// A certificate, kept as it was received.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    issuer: Name,
    subject: Name,
    public_key: PublicKey,
    alt_names: Vec<AltName>,
}

impl Certificate {
    /// Reads a certificate (DER).
    ///
    /// # Errors
    /// When it is larger than 64 KiB or not a well-formed version 3 (or 1) certificate.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> { todo!("{der:?}") }
    /// Reads all certificates of a PEM text; other kinds of blocks and text around are passed over.
    ///
    /// # Errors
    /// When a block is not a certificate; a text without any gives an empty list.
    pub fn parse_pem(pem: &[u8]) -> Result<Vec<Self>, Fault> { todo!("{pem:?}") }
    /// The certificate as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String { todo!() }
    /// The certificate as received.
    #[must_use]
    pub fn der(&self) -> &[u8] { &self.der }
    /// The bytes that the issuer signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] { todo!() }
    /// The content octets of the serial number.
    #[must_use]
    pub fn serial(&self) -> &[u8] { todo!() }
    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &Name { &self.issuer }
    /// Whom it names.
    #[must_use]
    pub fn subject(&self) -> &Name { &self.subject }
    /// The key it binds.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey { &self.public_key }
    /// Start of validity.
    #[must_use]
    pub fn not_before(&self) -> Millis { todo!() }
    /// End of validity, that second included.
    #[must_use]
    pub fn not_after(&self) -> Millis { todo!() }
    /// The subject's alternative names; empty when there is no such extension.
    #[must_use]
    pub fn alt_names(&self) -> &[AltName] { &self.alt_names }
    /// Key usage, when the certificate says.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> { todo!() }
    /// Extended key usages, when the certificate says.
    #[must_use]
    pub fn extended_key_usages(&self) -> Option<&[ObjectIdentifier]> { todo!() }
    /// Whether basicConstraints says that it is an authority.
    #[must_use]
    pub fn is_ca(&self) -> bool { todo!() }
    /// The pathLenConstraint of an authority.
    #[must_use]
    pub fn path_length(&self) -> Option<u32> { todo!() }
    /// The subject key identifier.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<&[u8]> { todo!() }
    /// The keyIdentifier of the authority key identifier.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<&[u8]> { todo!() }
    /// SHA-256 of the certificate.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] { todo!() }
    /// `AlgorithmIdentifier` (DER) of the issuer's signature.
    #[must_use]
    pub fn signature_algorithm(&self) -> &[u8] { todo!() }
    /// The issuer's signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] { todo!() }
    /// Checks that this key signed the certificate.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), Fault> { todo!("{issuer:?}") }
    /// All extensions.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] { todo!() }
    /// One extension: whether critical, and its DER.
    #[must_use]
    pub fn extension(&self, oid: ObjectIdentifier) -> Option<(bool, &[u8])> { todo!("{oid}") }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}
