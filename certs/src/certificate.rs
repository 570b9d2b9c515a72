use std::ops::Range;

use const_oid::ObjectIdentifier;

use crate::key::sha256;
use crate::known::Known;
use crate::walk::{BIT_STRING, INTEGER, SEQUENCE, Walk, explicit, implicit};
use crate::{AltName, Extension, Fault, KeyUsage, Millis, Name, PublicKey, pem};

/// A certificate, kept as it was received.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Range<usize>,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    public_key: PublicKey,
    not_before: Millis,
    not_after: Millis,
    extensions: Vec<Extension>,
    known: Known,
    signature_algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate (DER).
    ///
    /// # Errors
    /// When it is larger than 64 KiB, not a well-formed certificate, or has a key that is not supported.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        if der.len() > SIZE_LIMIT {
            return Err(Fault::TooLarge { what: WHAT, limit: SIZE_LIMIT });
        }
        let whole = Walk::only(WHAT, der, SEQUENCE)?;
        let mut outer = whole.inside()?;
        let tbs = outer.take(SEQUENCE)?;
        let signature_algorithm = outer.take(SEQUENCE)?;
        let signature = outer.take(BIT_STRING)?.whole_bits()?;
        outer.finish()?;

        let mut fields = tbs.inside()?;
        let version = match fields.take_if(explicit(0))? {
            Some(version) => Walk::only(WHAT, version.content, INTEGER)?.small()?,
            None => 0,
        };
        let serial_item = fields.take(INTEGER)?;
        let serial = serial_item.integer()?;
        if serial.len() > SERIAL_LIMIT {
            return Err(serial_item.fault("the serial number is too long"));
        }
        // RFC 5280 section 4.1.1.2: both fields MUST contain the same algorithm identifier.
        if fields.take(SEQUENCE)?.der != signature_algorithm.der {
            return Err(tbs.fault("the two signature algorithms differ"));
        }
        let issuer = Name::parse(fields.take(SEQUENCE)?.der)?;
        let mut validity = fields.take(SEQUENCE)?.inside()?;
        let (not_before, not_after) = (validity.next()?.moment()?, validity.next()?.moment()?);
        validity.finish()?;
        let subject = Name::parse(fields.take(SEQUENCE)?.der)?;
        let public_key = PublicKey::parse(fields.take(SEQUENCE)?.der)?;
        fields.take_if(implicit(1))?;
        fields.take_if(implicit(2))?;
        let extensions = match fields.take_if(explicit(3))? {
            Some(extensions) => Extension::parse_all(extensions.content)?,
            None => Vec::new(),
        };
        fields.finish()?;
        // RFC 5280 section 4.1.2.1: extensions MUST only appear in version 3, which is written as 2.
        if version > 2 || (version < 2 && !extensions.is_empty()) {
            return Err(tbs.fault("the version is unknown, or too low for extensions"));
        }
        let known = Known::read(&extensions)?;
        let start = der.len() - whole.content.len();
        Ok(Self {
            der: der.to_vec(),
            tbs: start..start + tbs.der.len(),
            serial: serial.to_vec(),
            issuer,
            subject,
            public_key,
            not_before,
            not_after,
            extensions,
            known,
            signature_algorithm: signature_algorithm.der.to_vec(),
            signature: signature.to_vec(),
        })
    }

    /// Reads all certificates of a PEM text; other kinds of blocks and text around are passed over.
    ///
    /// # Errors
    /// When a block is not a certificate; a text without any gives an empty list.
    pub fn parse_pem(pem: &[u8]) -> Result<Vec<Self>, Fault> {
        pem::decode_all(WHAT, "CERTIFICATE", pem)?.iter().map(|der| Self::parse(der)).collect()
    }

    /// The certificate as PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }

    /// The certificate as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The bytes that the issuer signed.
    #[must_use]
    pub fn tbs(&self) -> &[u8] {
        self.der.get(self.tbs.clone()).unwrap_or_default()
    }

    /// The content octets of the serial number.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// Whom it names.
    #[must_use]
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The key it binds.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Start of validity.
    #[must_use]
    pub fn not_before(&self) -> Millis {
        self.not_before
    }

    /// End of validity, that second included.
    #[must_use]
    pub fn not_after(&self) -> Millis {
        self.not_after
    }

    /// The subject's alternative names; empty when there is no such extension.
    #[must_use]
    pub fn alt_names(&self) -> &[AltName] {
        &self.known.alt_names
    }

    /// Key usage, when the certificate says.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.known.key_usage
    }

    /// Extended key usages, when the certificate says.
    #[must_use]
    pub fn extended_key_usages(&self) -> Option<&[ObjectIdentifier]> {
        self.known.extended_key_usages.as_deref()
    }

    /// Whether basicConstraints says that it is an authority.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        self.known.is_ca
    }

    /// The pathLenConstraint of an authority.
    #[must_use]
    pub fn path_length(&self) -> Option<u32> {
        self.known.path_length
    }

    /// The subject key identifier.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.known.subject_key_identifier.as_deref()
    }

    /// The keyIdentifier of the authority key identifier.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<&[u8]> {
        self.known.authority_key_identifier.as_deref()
    }

    /// SHA-256 of the certificate.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.der)
    }

    /// `AlgorithmIdentifier` (DER) of the issuer's signature.
    #[must_use]
    pub fn signature_algorithm(&self) -> &[u8] {
        &self.signature_algorithm
    }

    /// The issuer's signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Checks that this key signed the certificate.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), Fault> {
        issuer.verify_what(WHAT, &self.signature_algorithm, self.tbs(), &self.signature)
    }

    /// All extensions.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// One extension: whether critical, and its DER.
    #[must_use]
    pub fn extension(&self, oid: ObjectIdentifier) -> Option<(bool, &[u8])> {
        let found = self.extensions.iter().find(|extension| extension.oid == oid)?;
        Some((found.critical, &found.value))
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({} by {}, serial {:02x?})", self.subject, self.issuer, self.serial)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

const WHAT: &str = "the certificate";

/// An ML-DSA certificate has about 8 KiB; hybrid ones with many names still fit.
const SIZE_LIMIT: usize = 64 * 1024;

/// RFC 5280 section 4.1.2.2 allows 20; some authorities use more, and nobody needs this many.
const SERIAL_LIMIT: usize = 64;

#[cfg(test)]
mod tests;
