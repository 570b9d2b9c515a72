use std::fmt::{self, Write};

use const_oid::ObjectIdentifier;

use crate::walk::Item;
use crate::{Fault, oid, text};

/// One attribute of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribute {
    /// Which attribute.
    pub oid: ObjectIdentifier,
    /// Its value as text; what is no string is `#` and the DER in hexadecimal (RFC 4514 section 2.4).
    pub value: String,
}

/// An attribute as it was read.
pub(super) struct Value {
    oid: ObjectIdentifier,
    /// `None` when the value is no string.
    text: Option<String>,
    der: Vec<u8>,
}

impl Value {
    pub(super) fn read(oid: ObjectIdentifier, item: &Item<'_>) -> Result<Self, Fault> {
        Ok(Self { oid, text: text::read(item)?, der: item.der.to_vec() })
    }

    pub(super) fn attribute(&self) -> Attribute {
        let value = self.text.clone().unwrap_or_else(|| self.hexadecimal());
        Attribute { oid: self.oid, value }
    }

    /// Attribute, kind and value, each with its length, so that no two values run into one another.
    pub(super) fn canonical(&self) -> Vec<u8> {
        let (kind, value) = match &self.text {
            Some(text) => (b't', folded(text).into_bytes()),
            None => (b'd', self.der.clone()),
        };
        let oid = self.oid.as_bytes();
        let length = |octets: &[u8]| u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes();
        [length(oid).as_slice(), oid, &[kind], &length(&value), &value].concat()
    }

    fn hexadecimal(&self) -> String {
        let mut hexadecimal = String::from("#");
        for octet in &self.der {
            // Writing to a String cannot fail.
            let _ = write!(hexadecimal, "{octet:02x}");
        }
        hexadecimal
    }
}

/// RFC 4514 section 2.3 and 2.4.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (short_name(self.oid), &self.text) {
            (Some(short), Some(text)) => {
                write!(f, "{short}=")?;
                escaped(text, f)
            }
            (Some(short), None) => write!(f, "{short}={}", self.hexadecimal()),
            (None, _) => write!(f, "{}={}", self.oid, self.hexadecimal()),
        }
    }
}

/// RFC 5280 section 7.1: case is folded, space at the ends is cut, inner space is one space.
fn folded(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Escapes what RFC 4514 section 2.4 demands and what would harm a log or a terminal.
fn escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (place, character) in text.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{character}")?,
            '#' if place == 0 => f.write_str("\\#")?,
            ' ' if place == 0 || place == last => f.write_str("\\ ")?,
            harmful if text::is_unsafe(harmful) => {
                for octet in harmful.encode_utf8(&mut [0; 4]).bytes() {
                    write!(f, "\\{octet:02X}")?;
                }
            }
            plain => f.write_char(plain)?,
        }
    }
    Ok(())
}

/// The name to write for an attribute.
fn short_name(oid: ObjectIdentifier) -> Option<&'static str> {
    SHORT_NAMES.iter().find(|(_, known)| *known == oid).map(|(short, _)| *short)
}

/// The attribute that a name means; the case of letters does not count.
pub(super) fn oid_of(short: &str) -> Option<ObjectIdentifier> {
    let found = SHORT_NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(short)).map(|(_, oid)| *oid);
    found.or_else(|| ObjectIdentifier::new(short).ok())
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// The first name of an attribute is the one that is written (RFC 4514 section 3, RFC 4519).
const SHORT_NAMES: [(&str, ObjectIdentifier); 24] = [
    ("CN", oid::COMMON_NAME),
    ("O", oid::ORGANIZATION),
    ("OU", oid::ORGANIZATIONAL_UNIT),
    ("C", oid::COUNTRY),
    ("L", oid("2.5.4.7")),
    ("ST", oid("2.5.4.8")),
    ("S", oid("2.5.4.8")),
    ("STREET", oid("2.5.4.9")),
    ("DC", DOMAIN_COMPONENT),
    ("UID", oid("0.9.2342.19200300.100.1.1")),
    ("serialNumber", oid::SERIAL_NUMBER),
    ("emailAddress", oid::EMAIL_ADDRESS),
    ("E", oid::EMAIL_ADDRESS),
    ("title", oid("2.5.4.12")),
    ("SN", oid("2.5.4.4")),
    ("GN", oid("2.5.4.42")),
    ("givenName", oid("2.5.4.42")),
    ("initials", oid("2.5.4.43")),
    ("generationQualifier", oid("2.5.4.44")),
    ("dnQualifier", DN_QUALIFIER),
    ("pseudonym", oid("2.5.4.65")),
    ("postalCode", oid("2.5.4.17")),
    ("organizationIdentifier", oid("2.5.4.97")),
    ("name", oid("2.5.4.41")),
];

pub(super) const DOMAIN_COMPONENT: ObjectIdentifier = oid("0.9.2342.19200300.100.1.25");
pub(super) const DN_QUALIFIER: ObjectIdentifier = oid("2.5.4.46");
