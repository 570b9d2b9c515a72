use std::net::IpAddr;

use const_oid::ObjectIdentifier;

use crate::{Fault, Name};

/// One of a subject's alternative names (RFC 5280 section 4.2.1.6).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum AltName {
    /// dNSName.
    Dns(String),
    /// iPAddress.
    Ip(IpAddr),
    /// rfc822Name.
    Email(String),
    /// uniformResourceIdentifier.
    Uri(String),
    /// directoryName.
    DirectoryName(Name),
    /// registeredID.
    RegisteredId(ObjectIdentifier),
    /// Any other `GeneralName`, as DER.
    Other(Vec<u8>),
}

impl AltName {
    /// Reads `GeneralNames` (DER).
    ///
    /// # Errors
    /// When the bytes are not a SEQUENCE of general names.
    pub fn parse_all(general_names: &[u8]) -> Result<Vec<Self>, Fault> { todo!("{general_names:?}") }
    /// `GeneralNames` (DER).
    #[must_use]
    pub fn encode_all(names: &[Self]) -> Vec<u8> { todo!("{names:?}") }
    /// Reads one `GeneralName` (DER).
    ///
    /// # Errors
    /// When the bytes are not one general name.
    pub fn parse(general_name: &[u8]) -> Result<Self, Fault> { todo!("{general_name:?}") }
    /// One `GeneralName` (DER).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> { todo!() }
}
