use std::fmt;

use const_oid::ObjectIdentifier;

use crate::Fault;

/// A distinguished name, kept as it was received.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name {
    der: Vec<u8>,
}

/// One attribute of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribute {
    /// Which attribute.
    pub oid: ObjectIdentifier,
    /// Its value as text; what is no string is `#` and the DER in hexadecimal (RFC 4514 section 2.4).
    pub value: String,
}

impl Name {
    /// Reads a `Name` (DER).
    ///
    /// # Errors
    /// When it is larger than 8 KiB, has more than 64 attributes, or is not a name.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> { todo!("{der:?}") }
    /// The name without attributes.
    #[must_use]
    pub fn empty() -> Self { todo!() }
    /// Builds a name from RFC 4514 text; the first attribute written is the last one encoded.
    ///
    /// # Errors
    /// When the text is not a name, or an attribute is unknown.
    pub fn from_text(text: &str) -> Result<Self, Fault> { todo!("{text:?}") }
    /// The name as received.
    #[must_use]
    pub fn der(&self) -> &[u8] { &self.der }
    /// Whether there is no attribute.
    #[must_use]
    pub fn is_empty(&self) -> bool { todo!() }
    /// Whether both name the same (RFC 5280 section 7.1): case and runs of spaces do not count.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool { todo!("{other}") }
    /// A form that is equal if and only if the names match; for hashing and look-up, not DER.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> { todo!() }
    /// All attributes, in the order of the encoding.
    #[must_use]
    pub fn attributes(&self) -> Vec<Attribute> { todo!() }
    /// The values of one kind of attribute.
    #[must_use]
    pub fn values(&self, oid: ObjectIdentifier) -> Vec<String> { todo!("{oid}") }
    /// The most specific common name.
    #[must_use]
    pub fn common_name(&self) -> Option<String> { todo!() }
    /// The first value with a NUL, control or bidirectional-override character, for rules that refuse these.
    #[must_use]
    pub fn unsafe_text(&self) -> Option<String> { todo!() }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("todo") }
}
