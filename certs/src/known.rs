use const_oid::ObjectIdentifier;

use crate::walk::{BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, OID, SEQUENCE, Walk, implicit};
use crate::{AltName, Extension, Fault, KeyUsage, oid};

/// What the extensions that we know say, in a certificate or in a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) alt_names: Vec<AltName>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usages: Option<Vec<ObjectIdentifier>>,
    pub(crate) is_ca: bool,
    pub(crate) path_length: Option<u32>,
    pub(crate) subject_key_identifier: Option<Vec<u8>>,
    pub(crate) authority_key_identifier: Option<Vec<u8>>,
}

impl Known {
    /// Reads the extensions that we know and passes over the others.
    pub(crate) fn read(extensions: &[Extension]) -> Result<Self, Fault> {
        let mut known = Self::default();
        for Extension { oid, value, .. } in extensions {
            match *oid {
                oid::SUBJECT_ALT_NAME => known.alt_names = AltName::parse_all(value)?,
                oid::KEY_USAGE => known.key_usage = Some(key_usage(value)?),
                oid::EXTENDED_KEY_USAGE => known.extended_key_usages = Some(purposes(value)?),
                oid::BASIC_CONSTRAINTS => {
                    (known.is_ca, known.path_length) = basic_constraints(value)?;
                }
                oid::SUBJECT_KEY_IDENTIFIER => {
                    let item = Walk::only("the subject key identifier", value, OCTET_STRING)?;
                    known.subject_key_identifier = Some(item.content.to_vec());
                }
                oid::AUTHORITY_KEY_IDENTIFIER => {
                    known.authority_key_identifier = authority_key_identifier(value)?;
                }
                _ => {}
            }
        }
        Ok(known)
    }
}

/// The keyIdentifier of an authority key identifier (RFC 5280 section 4.2.1.1).
pub(crate) fn authority_key_identifier(value: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let mut fields = Walk::only("the authority key identifier", value, SEQUENCE)?.inside()?;
    let identifier = fields.take_if(implicit(0))?.map(|item| item.content.to_vec());
    // The issuer's name and serial number may follow; names are matched elsewhere.
    while !fields.is_empty() {
        fields.next()?;
    }
    Ok(identifier)
}

fn key_usage(value: &[u8]) -> Result<KeyUsage, Fault> {
    let item = Walk::only("the key usage", value, BIT_STRING)?;
    let (unused, octets) = item.content.split_first().ok_or_else(|| item.fault("a BIT STRING has no octets"))?;
    if *unused > 7 || (octets.is_empty() && *unused != 0) {
        return Err(item.fault("a BIT STRING has a wrong number of unused bits"));
    }
    let mut octets = octets.iter().copied();
    let first_two = [octets.next().unwrap_or_default(), octets.next().unwrap_or_default()];
    Ok(KeyUsage::from_bits(u16::from_be_bytes(first_two).reverse_bits()))
}

fn purposes(value: &[u8]) -> Result<Vec<ObjectIdentifier>, Fault> {
    let sequence = Walk::only("the extended key usage", value, SEQUENCE)?;
    let mut items = sequence.inside()?;
    let mut purposes = Vec::new();
    while !items.is_empty() {
        purposes.push(items.take(OID)?.oid()?);
    }
    if purposes.is_empty() {
        return Err(sequence.fault("there must be at least one purpose"));
    }
    Ok(purposes)
}

fn basic_constraints(value: &[u8]) -> Result<(bool, Option<u32>), Fault> {
    let mut fields = Walk::only("the basic constraints", value, SEQUENCE)?.inside()?;
    let is_ca = fields.take_if(BOOLEAN)?.map_or(Ok(false), |flag| flag.boolean())?;
    let path_length = fields.take_if(INTEGER)?.map(|number| number.small()).transpose()?;
    fields.finish()?;
    Ok((is_ca, path_length))
}
