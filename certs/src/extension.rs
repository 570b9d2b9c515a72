use std::collections::HashSet;

use const_oid::ObjectIdentifier;

use crate::walk::{BOOLEAN, OCTET_STRING, OID, SEQUENCE, Walk, explicit, implicit};
use crate::{AltName, Fault, KeyUsage, alt_name, oid, write};

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
    pub fn basic_constraints(ca: bool, path_length: Option<u8>) -> Self {
        let authority = if ca { write::yes() } else { Vec::new() };
        let length = path_length.map_or_else(Vec::new, |length| write::unsigned(&[length]));
        critical(oid::BASIC_CONSTRAINTS, write::sequence(&[&authority, &length]))
    }

    /// Whether this is basicConstraints that asks for the rights of an authority. An odd encoding counts as asking.
    #[must_use]
    pub fn is_certification_authority(&self) -> bool {
        let none: [&[u8]; 2] = [&[0x30, 0x00], &[0x30, 0x03, 0x01, 0x01, 0x00]];
        self.oid == oid::BASIC_CONSTRAINTS && !none.contains(&self.value.as_slice())
    }

    /// keyUsage (RFC 5280 section 4.2.1.3), critical.
    #[must_use]
    pub fn key_usage(usage: KeyUsage) -> Self {
        critical(oid::KEY_USAGE, write::named_bits(usage.bits()))
    }

    /// extKeyUsage (RFC 5280 section 4.2.1.12), not critical.
    #[must_use]
    pub fn extended_key_usage(purposes: &[ObjectIdentifier]) -> Self {
        let purposes: Vec<Vec<u8>> = purposes.iter().copied().map(write::oid).collect();
        plain(oid::EXTENDED_KEY_USAGE, write::sequence_of(&purposes))
    }

    /// subjectKeyIdentifier (RFC 5280 section 4.2.1.2).
    #[must_use]
    pub fn subject_key_identifier(identifier: &[u8]) -> Self {
        plain(oid::SUBJECT_KEY_IDENTIFIER, write::octet_string(identifier))
    }

    /// authorityKeyIdentifier (RFC 5280 section 4.2.1.1).
    #[must_use]
    pub fn authority_key_identifier(identifier: &[u8]) -> Self {
        let identifier = write::wrap(implicit(0), &[identifier]);
        plain(oid::AUTHORITY_KEY_IDENTIFIER, write::sequence(&[&identifier]))
    }

    /// subjectAltName (RFC 5280 section 4.2.1.6); it must be critical when the subject is empty.
    #[must_use]
    pub fn subject_alt_name(names: &[AltName], critical: bool) -> Self {
        Self { oid: oid::SUBJECT_ALT_NAME, critical, value: AltName::encode_all(names) }
    }

    /// certificatePolicies without qualifiers (RFC 5280 section 4.2.1.4).
    #[must_use]
    pub fn certificate_policies(policies: &[ObjectIdentifier]) -> Self {
        let policies: Vec<Vec<u8>> = policies.iter().map(|policy| write::sequence(&[&write::oid(*policy)])).collect();
        plain(oid::CERTIFICATE_POLICIES, write::sequence_of(&policies))
    }

    /// cRLDistributionPoints with one full name a URI (RFC 5280 section 4.2.1.13).
    #[must_use]
    pub fn crl_distribution_points(uris: &[&str]) -> Self {
        let point = |uri: &&str| {
            let full_name = write::wrap(explicit(0), &[&AltName::Uri((*uri).into()).encode()]);
            write::sequence(&[&write::wrap(explicit(0), &[&full_name])])
        };
        let points: Vec<Vec<u8>> = uris.iter().map(point).collect();
        plain(oid::CRL_DISTRIBUTION_POINTS, write::sequence_of(&points))
    }

    /// nameConstraints (RFC 5280 section 4.2.1.10), critical. An IP address stands for itself alone.
    #[must_use]
    pub fn name_constraints(permitted: &[AltName], excluded: &[AltName]) -> Self {
        let permitted = subtrees(explicit(0), permitted);
        let excluded = subtrees(explicit(1), excluded);
        critical(oid::NAME_CONSTRAINTS, write::sequence(&[&permitted, &excluded]))
    }

    /// `Extensions` (DER): a SEQUENCE of these.
    #[must_use]
    pub fn encode_all(extensions: &[Self]) -> Vec<u8> {
        write::sequence_of(&extensions.iter().map(Self::encode).collect::<Vec<_>>())
    }

    /// Reads `Extensions` (DER).
    ///
    /// # Errors
    /// When the bytes are not a SEQUENCE of extensions, or one occurs twice (RFC 5280 section 4.2).
    pub fn parse_all(der: &[u8]) -> Result<Vec<Self>, Fault> {
        let sequence = Walk::only(WHAT, der, SEQUENCE)?;
        let mut items = sequence.inside()?;
        let mut seen = HashSet::new();
        let mut extensions = Vec::new();
        while !items.is_empty() {
            let mut fields = items.take(SEQUENCE)?.inside()?;
            let oid = fields.take(OID)?.oid()?;
            let critical = fields.take_if(BOOLEAN)?.map_or(Ok(false), |flag| flag.boolean())?;
            let value = fields.take(OCTET_STRING)?.content.to_vec();
            fields.finish()?;
            if !seen.insert(oid) {
                return Err(sequence.fault(&format!("{oid} occurs twice")));
            }
            extensions.push(Self { oid, critical, value });
        }
        Ok(extensions)
    }

    fn encode(&self) -> Vec<u8> {
        // DER leaves out what is the default.
        let critical = if self.critical { write::yes() } else { Vec::new() };
        write::sequence(&[&write::oid(self.oid), &critical, &write::octet_string(&self.value)])
    }
}

fn critical(oid: ObjectIdentifier, value: Vec<u8>) -> Extension {
    Extension { oid, critical: true, value }
}

fn plain(oid: ObjectIdentifier, value: Vec<u8>) -> Extension {
    Extension { oid, critical: false, value }
}

/// `GeneralSubtrees` under a tag; nothing when there are none.
fn subtrees(tag: u8, names: &[AltName]) -> Vec<u8> {
    if names.is_empty() {
        return Vec::new();
    }
    let base = |name: &AltName| match name {
        AltName::Ip(std::net::IpAddr::V4(address)) => write::wrap(alt_name::IP, &[&address.octets(), &[0xff; 4]]),
        AltName::Ip(std::net::IpAddr::V6(address)) => write::wrap(alt_name::IP, &[&address.octets(), &[0xff; 16]]),
        other => other.encode(),
    };
    let trees: Vec<Vec<u8>> = names.iter().map(|name| write::sequence(&[&base(name)])).collect();
    let parts: Vec<&[u8]> = trees.iter().map(Vec::as_slice).collect();
    write::wrap(tag, &parts)
}

const WHAT: &str = "an extension";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_read_as_they_are_written() {
        let extensions = vec![
            Extension::basic_constraints(true, Some(0)),
            Extension::key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN),
            Extension::subject_key_identifier(b"key"),
        ];
        assert_eq!(Extension::parse_all(&Extension::encode_all(&extensions)).unwrap(), extensions);
    }

    #[test]
    fn an_extension_that_occurs_twice_is_refused() {
        let twice = [Extension::subject_key_identifier(b"1"), Extension::subject_key_identifier(b"2")];
        let text = Extension::parse_all(&Extension::encode_all(&twice)).unwrap_err().to_string();
        assert!(text.contains("2.5.29.14 occurs twice"), "{text}");
    }

    #[test]
    fn a_boolean_that_is_neither_yes_nor_no_is_refused() {
        let extension = write::sequence(&[&write::oid(oid::KEY_USAGE), &[1, 1, 1], &write::octet_string(&[])]);
        assert!(Extension::parse_all(&write::sequence(&[&extension])).is_err());
    }
}
