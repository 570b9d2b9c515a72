use std::fmt;
use std::net::IpAddr;

use const_oid::ObjectIdentifier;

use crate::walk::{Item, SEQUENCE, Walk, explicit, implicit};
use crate::{Fault, Name, text, write};

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
    /// When the bytes are not a SEQUENCE of at least one general name.
    pub fn parse_all(general_names: &[u8]) -> Result<Vec<Self>, Fault> {
        let sequence = Walk::only(WHAT, general_names, SEQUENCE)?;
        let mut items = sequence.inside()?;
        let mut names = Vec::new();
        while !items.is_empty() {
            names.push(Self::read(&items.next()?)?);
        }
        if names.is_empty() {
            return Err(sequence.fault("there must be at least one name"));
        }
        Ok(names)
    }

    /// `GeneralNames` (DER).
    #[must_use]
    pub fn encode_all(names: &[Self]) -> Vec<u8> {
        write::sequence_of(&names.iter().map(Self::encode).collect::<Vec<_>>())
    }

    /// Reads one `GeneralName` (DER).
    ///
    /// # Errors
    /// When the bytes are not one general name.
    pub fn parse(general_name: &[u8]) -> Result<Self, Fault> {
        let mut walk = Walk::new(WHAT, general_name)?;
        let item = walk.next()?;
        walk.finish()?;
        Self::read(&item)
    }

    /// One `GeneralName` (DER).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Dns(name) => write::wrap(DNS, &[name.as_bytes()]),
            Self::Ip(IpAddr::V4(address)) => write::wrap(IP, &[&address.octets()]),
            Self::Ip(IpAddr::V6(address)) => write::wrap(IP, &[&address.octets()]),
            Self::Email(address) => write::wrap(EMAIL, &[address.as_bytes()]),
            Self::Uri(uri) => write::wrap(URI, &[uri.as_bytes()]),
            // A choice cannot be tagged implicitly, so the name keeps its own tag inside.
            Self::DirectoryName(name) => write::wrap(DIRECTORY_NAME, &[name.der()]),
            Self::RegisteredId(oid) => write::wrap(REGISTERED_ID, &[oid.as_bytes()]),
            Self::Other(der) => der.clone(),
        }
    }

    fn read(item: &Item<'_>) -> Result<Self, Fault> {
        Ok(match item.tag {
            DNS => Self::Dns(plain(item)?),
            EMAIL => Self::Email(plain(item)?),
            URI => Self::Uri(plain(item)?),
            IP => Self::Ip(address(item)?),
            DIRECTORY_NAME => Self::DirectoryName(Name::parse(item.content)?),
            REGISTERED_ID => Self::RegisteredId(item.oid()?),
            OTHER_NAME | X400_ADDRESS | EDI_PARTY_NAME => Self::Other(item.der.to_vec()),
            _ => return Err(item.fault("the kind of name is not known")),
        })
    }
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "DNS:{name}"),
            Self::Ip(address) => write!(f, "IP:{address}"),
            Self::Email(address) => write!(f, "email:{address}"),
            Self::Uri(uri) => write!(f, "URI:{uri}"),
            Self::DirectoryName(name) => write!(f, "dirName:{name}"),
            Self::RegisteredId(oid) => write!(f, "RID:{oid}"),
            Self::Other(_) => f.write_str("other"),
        }
    }
}

/// An `IA5String` without what cannot be in a host name, address or URI: a NUL there has fooled many a reader.
fn plain(item: &Item<'_>) -> Result<String, Fault> {
    text::ascii(item.content)
        .filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
        .ok_or_else(|| item.fault("a name is empty, not ASCII, or has control characters"))
}

fn address(item: &Item<'_>) -> Result<IpAddr, Fault> {
    let v4 = <[u8; 4]>::try_from(item.content).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(item.content).map(IpAddr::from))
        .map_err(|_| item.fault("an IP address has neither 4 nor 16 octets"))
}

const WHAT: &str = "an alternative name";

const OTHER_NAME: u8 = explicit(0);
const EMAIL: u8 = implicit(1);
const DNS: u8 = implicit(2);
const X400_ADDRESS: u8 = explicit(3);
const DIRECTORY_NAME: u8 = explicit(4);
const EDI_PARTY_NAME: u8 = explicit(5);
const URI: u8 = implicit(6);
pub(crate) const IP: u8 = implicit(7);
const REGISTERED_ID: u8 = implicit(8);

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<AltName> {
        vec![
            AltName::Dns("a.example".into()),
            AltName::Ip("192.0.2.1".parse().unwrap()),
            AltName::Ip("2001:db8::1".parse().unwrap()),
            AltName::Email("a@example.org".into()),
            AltName::Uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6".into()),
            AltName::DirectoryName(Name::from_text("CN=x,O=y").unwrap()),
            AltName::RegisteredId(ObjectIdentifier::new_unwrap("1.2.3.4")),
            AltName::Other(write::wrap(OTHER_NAME, &[&[6, 1, 42], &write::wrap(explicit(0), &[&[5, 0]])])),
        ]
    }

    #[test]
    fn every_kind_of_name_reads_as_it_is_written() {
        assert_eq!(AltName::parse_all(&AltName::encode_all(&samples())).unwrap(), samples());
        for name in samples() {
            assert_eq!(AltName::parse(&name.encode()).unwrap(), name);
        }
    }

    #[test]
    fn an_empty_list_is_refused() {
        assert!(AltName::parse_all(&write::sequence(&[])).is_err());
    }

    #[test]
    fn a_nul_in_a_host_name_is_refused() {
        assert!(AltName::parse(&write::wrap(DNS, &[b"a.example\0.evil"])).is_err());
        assert!(AltName::parse(&write::wrap(DNS, &["ä".as_bytes()])).is_err());
        assert!(AltName::parse(&write::wrap(DNS, &[])).is_err());
    }

    #[test]
    fn an_address_of_five_octets_is_refused() {
        assert!(AltName::parse(&write::wrap(IP, &[&[1, 2, 3, 4, 5]])).is_err());
    }

    #[test]
    fn an_unknown_kind_is_refused() {
        assert!(AltName::parse(&write::wrap(implicit(9), &[b"x"])).is_err());
    }
}
