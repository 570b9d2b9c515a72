//! Writing DER.

use std::time::Duration;

use certs::Millis;
use der::DateTime;
use der::asn1::ObjectIdentifier;

use super::Element;

/// An element from its identifier octet and the parts of its contents.
pub(crate) fn element(identifier: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = Vec::with_capacity(length + 10);
    der.push(identifier);
    if let Ok(short @ 0..=127) = u8::try_from(length) {
        der.push(short);
    } else {
        let octets = length.to_be_bytes();
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        der.push(0x80 | u8::try_from(octets.len() - zeros).unwrap_or(8));
        der.extend(octets.iter().skip(zeros));
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, parts)
}

/// A SEQUENCE OF already encoded elements.
pub(crate) fn sequence_of<T: AsRef<[u8]>>(items: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut contents = Vec::new();
    for item in items {
        contents.extend_from_slice(item.as_ref());
    }
    element(0x30, &[&contents])
}

/// A constructed context tag: EXPLICIT, or an IMPLICIT SEQUENCE's contents.
pub(crate) fn context(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(0xA0 | number, parts)
}

/// A SEQUENCE (DER) under an IMPLICIT context tag.
pub(crate) fn implicit(number: u8, sequence: &[u8]) -> Vec<u8> {
    let contents = Element::only(sequence, "SEQUENCE").map_or(&[][..], |element| element.value);
    context(number, &[contents])
}

/// An optional element in an EXPLICIT tag; nothing if absent.
pub(crate) fn explicit(number: u8, inner: Option<&[u8]>) -> Vec<u8> {
    inner.map(|der| context(number, &[der])).unwrap_or_default()
}

pub(crate) fn integer(value: i64) -> Vec<u8> {
    let octets = value.to_be_bytes();
    let sign: u8 = if value < 0 { 0xFF } else { 0 };
    // Drop leading octets that only repeat the sign.
    let spare = octets
        .windows(2)
        .take_while(|pair| pair.first() == Some(&sign) && pair.last().map(|b| b & 0x80) == Some(sign & 0x80))
        .count();
    element(0x02, &[octets.get(spare..).unwrap_or(&octets)])
}

pub(crate) fn octet_string(octets: &[u8]) -> Vec<u8> {
    element(0x04, &[octets])
}

/// A BIT STRING of whole octets.
pub(crate) fn bit_string(octets: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], octets])
}

pub(crate) fn utf8_string(text: &str) -> Vec<u8> {
    element(0x0C, &[text.as_bytes()])
}

pub(crate) fn object_identifier(oid: ObjectIdentifier) -> Vec<u8> {
    element(0x06, &[oid.as_bytes()])
}

/// A `GeneralizedTime` in whole seconds. Times out of its range become its ends.
pub(crate) fn generalized_time(at: Millis) -> Vec<u8> {
    let since = Duration::from_millis(u64::try_from(at.0).unwrap_or(0));
    let date = DateTime::from_unix_duration(since).unwrap_or(DateTime::INFINITY);
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        date.year(),
        date.month(),
        date.day(),
        date.hour(),
        date.minutes(),
        date.seconds()
    );
    element(0x18, &[text.as_bytes()])
}

/// A `GeneralizedTime` of somebody else's, with its fraction of a second if it has one.
pub(crate) fn exact_time(at: Millis) -> Vec<u8> {
    let whole = generalized_time(at);
    let fraction = format!("{:03}", at.0.rem_euclid(1000));
    match (fraction.trim_end_matches('0'), whole.get(2..).and_then(|text| text.strip_suffix(b"Z"))) {
        ("", _) | (_, None) => whole,
        // X.690 section 11.7: no trailing zeros.
        (digits, Some(text)) => element(0x18, &[text, b".", digits.as_bytes(), b"Z"]),
    }
}

/// `Time`; RFC 5280 section 4.1.2.5: `UTCTime` through 2049.
pub(crate) fn time(at: Millis) -> Vec<u8> {
    let der = generalized_time(at);
    match der.get(2..) {
        Some([b'1', b'9', short @ ..]) if short >= b"50" => element(0x17, &[short]),
        Some([b'2', b'0', short @ ..]) if short < b"50" => element(0x17, &[short]),
        _ => der,
    }
}

/// `PKIFreeText ::= SEQUENCE SIZE (1..MAX) OF UTF8String`
pub(crate) fn free_text(texts: &[String]) -> Vec<u8> {
    sequence_of(texts.iter().map(|text| utf8_string(text)))
}

pub(crate) const NULL: [u8; 2] = [0x05, 0x00];
