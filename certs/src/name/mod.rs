use std::fmt;

use const_oid::ObjectIdentifier;

use crate::walk::{OID, SEQUENCE, SET, Walk};
use crate::{Fault, oid, text, write};

mod attribute;
mod from_text;

pub use attribute::Attribute;
use attribute::Value;

/// A distinguished name, kept as it was received.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name {
    der: Vec<u8>,
}

impl Name {
    /// Reads a `Name` (DER).
    ///
    /// # Errors
    /// When it is larger than 8 KiB, has more than 64 attributes, or is not a name.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        if der.len() > SIZE_LIMIT {
            return Err(Fault::TooLarge { what: WHAT, limit: SIZE_LIMIT });
        }
        let count = relative_names(der)?.iter().map(Vec::len).sum::<usize>();
        if count > ATTRIBUTE_LIMIT {
            return Err(Fault::TooLarge { what: "the number of attributes of a name", limit: ATTRIBUTE_LIMIT });
        }
        Ok(Self { der: der.to_vec() })
    }

    /// The name without attributes.
    #[must_use]
    pub fn empty() -> Self {
        Self { der: write::sequence(&[]) }
    }

    /// Builds a name from RFC 4514 text; the first attribute written is the last one encoded.
    ///
    /// # Errors
    /// When the text is not a name, or an attribute is unknown.
    pub fn from_text(text: &str) -> Result<Self, Fault> {
        Self::parse(&from_text::encode(text)?)
    }

    /// The name as received.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether there is no attribute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.relative_names().is_empty()
    }

    /// Whether both name the same (RFC 5280 section 7.1): case and runs of spaces do not count.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.der == other.der || self.canonical() == other.canonical()
    }

    /// A form that is equal if and only if the names match; for hashing and look-up, not DER.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut canonical = Vec::with_capacity(self.der.len());
        for relative in self.relative_names() {
            let mut parts: Vec<Vec<u8>> = relative.iter().map(Value::canonical).collect();
            parts.sort();
            let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
            canonical.extend_from_slice(&count.to_be_bytes());
            for part in parts {
                canonical.extend_from_slice(&part);
            }
        }
        canonical
    }

    /// All attributes, in the order of the encoding.
    #[must_use]
    pub fn attributes(&self) -> Vec<Attribute> {
        self.relative_names().iter().flatten().map(Value::attribute).collect()
    }

    /// The values of one kind of attribute, in the order of the encoding.
    #[must_use]
    pub fn values(&self, oid: ObjectIdentifier) -> Vec<String> {
        self.attributes().into_iter().filter(|attribute| attribute.oid == oid).map(|found| found.value).collect()
    }

    /// The most specific common name: the last one encoded.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        self.values(oid::COMMON_NAME).pop()
    }

    /// The first value with a control, invisible or direction-changing character, for rules that refuse these.
    #[must_use]
    pub fn unsafe_text(&self) -> Option<String> {
        self.attributes().into_iter().map(|attribute| attribute.value).find(|value| value.chars().any(text::is_unsafe))
    }

    fn relative_names(&self) -> Vec<Vec<Value>> {
        // The bytes were read once when the name was made.
        relative_names(&self.der).unwrap_or_default()
    }
}

/// RFC 4514 section 2: the last relative name comes first.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, relative) in self.relative_names().iter().rev().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            for (place, value) in relative.iter().enumerate() {
                if place > 0 {
                    f.write_str("+")?;
                }
                value.fmt(f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

fn relative_names(der: &[u8]) -> Result<Vec<Vec<Value>>, Fault> {
    let mut names = Walk::only(WHAT, der, SEQUENCE)?.inside()?;
    let mut relative_names = Vec::new();
    while !names.is_empty() {
        let set = names.take(SET)?;
        let mut attributes = set.inside()?;
        let mut values = Vec::new();
        while !attributes.is_empty() {
            let mut fields = attributes.take(SEQUENCE)?.inside()?;
            let oid = fields.take(OID)?.oid()?;
            values.push(Value::read(oid, &fields.next()?)?);
            fields.finish()?;
        }
        if values.is_empty() {
            return Err(set.fault("a relative name has no attribute"));
        }
        relative_names.push(values);
    }
    Ok(relative_names)
}

const WHAT: &str = "a distinguished name";
const SIZE_LIMIT: usize = 8 * 1024;
const ATTRIBUTE_LIMIT: usize = 64;

#[cfg(test)]
mod tests;
