use const_oid::ObjectIdentifier;

use super::attribute::{DN_QUALIFIER, DOMAIN_COMPONENT, oid_of};
use crate::walk::{IA5_STRING, PRINTABLE_STRING, SET, UTF8_STRING};
use crate::{Fault, oid, write};

/// The DER of the name that a text means (RFC 4514 section 3).
pub(super) fn encode(text: &str) -> Result<Vec<u8>, Fault> {
    if text.len() > super::SIZE_LIMIT {
        return Err(Fault::TooLarge { what: super::WHAT, limit: super::SIZE_LIMIT });
    }
    let mut relative_names = Vec::new();
    if !text.trim().is_empty() {
        for relative in split(text, ',') {
            let attributes = split(relative, '+').into_iter().map(attribute).collect::<Result<Vec<_>, _>>()?;
            relative_names.push(write::set_of(SET, attributes));
        }
    }
    relative_names.reverse();
    Ok(write::sequence_of(&relative_names))
}

/// Cuts at separators that are not escaped.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut escaped = false;
    text.split(move |character| {
        let here = character == separator && !escaped;
        escaped = character == '\\' && !escaped;
        here
    })
    .collect()
}

/// `AttributeTypeAndValue` (DER) from `CN=value`.
fn attribute(text: &str) -> Result<Vec<u8>, Fault> {
    let (key, value) = text.split_once('=').ok_or_else(|| bad(text, "there is no ="))?;
    let oid = oid_of(key.trim()).ok_or_else(|| bad(key, "the attribute is not known; its OID would do"))?;
    let value = value.trim_start();
    let encoded = match value.strip_prefix('#') {
        Some(digits) => {
            from_hexadecimal(digits).ok_or_else(|| bad(value, "# must be followed by hexadecimal digits"))?
        }
        None => string(oid, &unescape(value)?)?,
    };
    Ok(write::sequence(&[&write::oid(oid), &encoded]))
}

/// The string type that RFC 5280 appendix A wants for the attribute.
fn string(oid: ObjectIdentifier, text: &str) -> Result<Vec<u8>, Fault> {
    let tag = match oid {
        oid::COUNTRY | oid::SERIAL_NUMBER | DN_QUALIFIER => PRINTABLE_STRING,
        oid::EMAIL_ADDRESS | DOMAIN_COMPONENT => IA5_STRING,
        _ => UTF8_STRING,
    };
    if text.is_empty() {
        return Err(bad(text, "an attribute has no value"));
    }
    let fits = match tag {
        PRINTABLE_STRING => text.chars().all(|c| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c)),
        IA5_STRING => text.is_ascii(),
        _ => true,
    };
    if !fits || (oid == oid::COUNTRY && text.len() != 2) {
        return Err(bad(text, "the value has a character or length that the attribute does not allow"));
    }
    Ok(write::wrap(tag, &[text.as_bytes()]))
}

/// Undoes the escapes of RFC 4514 section 2.4, and cuts off trailing space that is not escaped.
fn unescape(value: &str) -> Result<String, Fault> {
    let mut octets = Vec::with_capacity(value.len());
    let mut keep = 0;
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            octets.push(*first);
            keep = if *first == b' ' { keep } else { octets.len() };
            continue;
        }
        let (octet, behind) = match rest {
            [high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (digit(*high) << 4 | digit(*low), behind)
            }
            [special, behind @ ..] if b" \"#+,;<=>\\".contains(special) => (*special, behind),
            _ => {
                return Err(bad(value, "a \\ is followed by neither a special character nor two hexadecimal digits"));
            }
        };
        octets.push(octet);
        keep = octets.len();
        rest = behind;
    }
    octets.truncate(keep);
    String::from_utf8(octets).map_err(|_| bad(value, "the value is not UTF-8"))
}

fn from_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.trim_end().as_bytes().as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() || !pairs.as_flattened().iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    Some(pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect())
}

fn digit(character: u8) -> u8 {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default()
}

fn bad(text: &str, detail: &str) -> Fault {
    let shown: String = text.chars().take(64).collect();
    Fault::Malformed { what: super::WHAT, detail: format!("{detail}: {shown:?}") }
}
