use const_oid::ObjectIdentifier;
use der::Encode;
use der::asn1::{GeneralizedTime, UtcTime};
use std::time::Duration;

use crate::walk::{BIT_STRING, BOOLEAN, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, SEQUENCE, UTC_TIME};
use crate::{Fault, Millis};

/// One tag, length and value; the value is the parts in a row.
pub(crate) fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = Vec::with_capacity(length + 6);
    der.push(tag);
    let octets = length.to_be_bytes();
    let significant =
        octets.iter().position(|octet| *octet != 0).map_or(&[][..], |start| octets.get(start..).unwrap_or_default());
    match significant {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
            der.extend_from_slice(long);
        }
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    wrap(SEQUENCE, parts)
}

/// SEQUENCE OF.
pub(crate) fn sequence_of(items: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
    wrap(SEQUENCE, &parts)
}

/// SET OF; DER wants the encodings in ascending order.
pub(crate) fn set_of(tag: u8, mut items: Vec<Vec<u8>>) -> Vec<u8> {
    items.sort();
    let parts: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
    wrap(tag, &parts)
}

pub(crate) fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    wrap(OID, &[oid.as_bytes()])
}

pub(crate) fn octet_string(octets: &[u8]) -> Vec<u8> {
    wrap(OCTET_STRING, &[octets])
}

/// A BIT STRING of whole octets.
pub(crate) fn whole_bits(bits: &[u8]) -> Vec<u8> {
    wrap(BIT_STRING, &[&[0], bits])
}

/// A BIT STRING of named bits: trailing zeros are left out (X.690 section 11.2.2).
pub(crate) fn named_bits(bits: u16) -> Vec<u8> {
    // Bit 0 of the standard is the highest bit of the first octet.
    let [first, second] = bits.reverse_bits().to_be_bytes();
    let octets: &[u8] = if second != 0 {
        &[first, second]
    } else if first != 0 {
        &[first]
    } else {
        &[]
    };
    let unused = octets.last().map_or(0, |last| last.trailing_zeros());
    wrap(BIT_STRING, &[&[u8::try_from(unused).unwrap_or_default()], octets])
}

pub(crate) fn yes() -> Vec<u8> {
    wrap(BOOLEAN, &[&[0xff]])
}

/// An INTEGER from an unsigned big-endian number.
pub(crate) fn unsigned(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|octet| *octet != 0).unwrap_or(number.len());
    let octets = number.get(start..).unwrap_or_default();
    match octets.first() {
        Some(first) if first & 0x80 == 0 => wrap(INTEGER, &[octets]),
        _ => wrap(INTEGER, &[&[0], octets]),
    }
}

/// A time as RFC 5280 section 4.1.2.5 wants it: `UTCTime` through 2049, `GeneralizedTime` from 2050.
pub(crate) fn moment(what: &'static str, at: Millis) -> Result<Vec<u8>, Fault> {
    let out_of_range = || Fault::Malformed { what, detail: "a time is not between 1970 and 9999".into() };
    let since_1970 = Duration::from_secs(u64::try_from(at.seconds()).map_err(|_| out_of_range())?);
    let encoded = if at < YEAR_2050 {
        UtcTime::from_unix_duration(since_1970).and_then(|time| time.to_der())
    } else {
        GeneralizedTime::from_unix_duration(since_1970).and_then(|time| time.to_der())
    };
    let encoded = encoded.map_err(|_| out_of_range())?;
    debug_assert!(matches!(encoded.first(), Some(&UTC_TIME | &GENERALIZED_TIME)));
    Ok(encoded)
}

/// 2050-01-01T00:00:00Z.
pub(crate) const YEAR_2050: Millis = Millis::from_seconds(2_524_608_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_can_be() {
        assert_eq!(wrap(4, &[]), [4, 0]);
        assert_eq!(wrap(4, &[&[7; 127]])[..2], [4, 127]);
        assert_eq!(wrap(4, &[&[7; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(wrap(4, &[&[7; 256]])[..4], [4, 0x82, 1, 0]);
    }

    #[test]
    fn numbers_are_never_negative() {
        assert_eq!(unsigned(&[]), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0, 5]), [2, 1, 5]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
    }

    #[test]
    fn named_bits_end_with_a_one() {
        assert_eq!(named_bits(0), [3, 1, 0]);
        assert_eq!(named_bits(1), [3, 2, 7, 0x80]);
        assert_eq!(named_bits(1 << 5 | 1 << 6), [3, 2, 1, 0x06]);
        assert_eq!(named_bits(1 << 8), [3, 3, 7, 0, 0x80]);
    }

    #[test]
    fn the_year_decides_how_a_time_is_written() {
        let before = moment("a time", Millis(YEAR_2050.0 - 1)).unwrap();
        assert_eq!(before, b"\x17\x0d491231235959Z");
        let after = moment("a time", YEAR_2050).unwrap();
        assert_eq!(after, b"\x18\x0f20500101000000Z");
        assert!(moment("a time", Millis(-1)).is_err());
        assert!(moment("a time", Millis(i64::MAX)).is_err());
    }
}
