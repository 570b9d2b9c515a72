use const_oid::ObjectIdentifier;

use crate::{AltName, Fault, KeyUsage};

/// An extension as it stands in a certificate or a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Extension {
    /// Which extension.
    pub oid: ObjectIdentifier,
    /// Whether who does not know it must refuse.
    pub critical: bool,
    /// The DER inside the OCTET STRING.
    pub value: Vec<u8>,
}

impl Extension {
    /// basicConstraints (RFC 5280 section 4.2.1.9), critical.
    #[must_use]
    pub fn basic_constraints(ca: bool, path_length: Option<u8>) -> Self { todo!("{ca} {path_length:?}") }
    /// keyUsage (RFC 5280 section 4.2.1.3), critical.
    #[must_use]
    pub fn key_usage(usage: KeyUsage) -> Self { todo!("{usage:?}") }
    /// extKeyUsage (RFC 5280 section 4.2.1.12), not critical.
    #[must_use]
    pub fn extended_key_usage(purposes: &[ObjectIdentifier]) -> Self { todo!("{purposes:?}") }
    /// subjectKeyIdentifier (RFC 5280 section 4.2.1.2).
    #[must_use]
    pub fn subject_key_identifier(identifier: &[u8]) -> Self { todo!("{identifier:?}") }
    /// authorityKeyIdentifier (RFC 5280 section 4.2.1.1).
    #[must_use]
    pub fn authority_key_identifier(identifier: &[u8]) -> Self { todo!("{identifier:?}") }
    /// subjectAltName (RFC 5280 section 4.2.1.6); set `critical` when the subject is empty.
    #[must_use]
    pub fn subject_alt_name(names: &[AltName], critical: bool) -> Self { todo!("{names:?}{critical}") }
    /// certificatePolicies without qualifiers (RFC 5280 section 4.2.1.4).
    #[must_use]
    pub fn certificate_policies(policies: &[ObjectIdentifier]) -> Self { todo!("{policies:?}") }
    /// cRLDistributionPoints with one full name a URI (RFC 5280 section 4.2.1.13).
    #[must_use]
    pub fn crl_distribution_points(uris: &[&str]) -> Self { todo!("{uris:?}") }
    /// nameConstraints (RFC 5280 section 4.2.1.10), critical.
    #[must_use]
    pub fn name_constraints(permitted: &[AltName], excluded: &[AltName]) -> Self { todo!("{permitted:?}{excluded:?}") }

    /// `Extensions` (DER): a SEQUENCE of these.
    #[must_use]
    pub fn encode_all(extensions: &[Self]) -> Vec<u8> { todo!("{extensions:?}") }

    /// Reads `Extensions` (DER).
    ///
    /// # Errors
    /// When the bytes are not a SEQUENCE of extensions, or one occurs twice (RFC 5280 section 4.2).
    pub fn parse_all(der: &[u8]) -> Result<Vec<Self>, Fault> { todo!("{der:?}") }
}
