//! BER to DER: RFC 5652 section 1 lets a message be in BER, and who streams it writes lengths that are not known before the end
//! (ITU-T X.690 section 8.1.3.6) and strings in parts (section 8.7.3). What is inside and signed is DER (RFC 5652 sections 5.4 and
//! 10.2.2) and stays as it is.

use std::borrow::Cow;

use crate::Fault;
use crate::asn1::{self, OCTET_STRING};

/// The same in DER, when it begins as a message that is streamed.
pub(crate) fn to_der(octets: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    if octets.get(1) != Some(&INDEFINITE) {
        return Ok(Cow::Borrowed(octets));
    }
    let mut rest = octets;
    let (tag, contents) = element(&mut rest, 0)?;
    if !rest.is_empty() {
        return Err(malformed("something follows it"));
    }
    Ok(Cow::Owned(asn1::element(tag, &[&contents])))
}

/// The identifier octet of the next element, and its contents in DER.
fn element(rest: &mut &[u8], depth: usize) -> Result<(u8, Vec<u8>), Fault> {
    let [tag, first, after @ ..] = *rest else { return Err(malformed("it is cut off")) };
    let (tag, constructed) = (*tag, tag & CONSTRUCTED != 0);
    if tag & LONG_TAG == LONG_TAG {
        return Err(malformed("a tag has more than one octet"));
    }
    if depth > DEEPEST {
        return Err(malformed("it is nested too deeply"));
    }
    let mut parts = Vec::new();
    if *first == INDEFINITE {
        if !constructed {
            return Err(malformed("the length of a primitive element is indefinite"));
        }
        *rest = after;
        loop {
            if let Some(after) = rest.strip_prefix(END_OF_CONTENTS) {
                *rest = after;
                return joined(tag, &parts);
            }
            parts.push(element(rest, depth + 1)?);
        }
    }
    let (length, after) = length(*first, after)?;
    let (mut value, after) = after.split_at_checked(length).ok_or_else(|| malformed("it is cut off"))?;
    *rest = after;
    if !constructed {
        return Ok((tag, value.to_vec()));
    }
    while !value.is_empty() {
        parts.push(element(&mut value, depth + 1)?);
    }
    joined(tag, &parts)
}

fn length(first: u8, after: &[u8]) -> Result<(usize, &[u8]), Fault> {
    if first < INDEFINITE {
        return Ok((usize::from(first), after));
    }
    let octets = after.split_at_checked(usize::from(first & !INDEFINITE));
    let (octets, after) =
        octets.filter(|(octets, _)| octets.len() <= 4).ok_or_else(|| malformed("a length is none"))?;
    Ok((octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), after))
}

fn joined(tag: u8, parts: &[(u8, Vec<u8>)]) -> Result<(u8, Vec<u8>), Fault> {
    if tag != OCTET_STRING | CONSTRUCTED {
        return Ok((tag, parts.iter().flat_map(|(tag, contents)| asn1::element(*tag, &[contents])).collect()));
    }
    if parts.iter().any(|(tag, _)| *tag != OCTET_STRING) {
        return Err(malformed("a part of an OCTET STRING is none"));
    }
    Ok((OCTET_STRING, parts.iter().flat_map(|(_, contents)| contents.iter().copied()).collect()))
}

fn malformed(text: &str) -> Fault {
    Fault::bad_request(format!("a message in BER: {text}"))
}

const CONSTRUCTED: u8 = 0x20;
const LONG_TAG: u8 = 0x1f;
const INDEFINITE: u8 = 0x80;
const END_OF_CONTENTS: &[u8] = &[0, 0];

/// ContentInfo, SignedData, certificates, and the names in their extensions: some 15 levels.
const DEEPEST: usize = 48;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn der(ber: &[u8]) -> Option<Vec<u8>> {
        to_der(ber).ok().map(Cow::into_owned)
    }

    #[test]
    fn what_is_streamed_becomes_der() {
        let streamed = [0x30, 0x80, 0x24, 0x80, 4, 2, 1, 2, 0x24, 3, 4, 1, 3, 0, 0, 0xa0, 0x81, 3, 2, 1, 7, 0, 0];
        assert_eq!(der(&streamed), Some(vec![0x30, 10, 4, 3, 1, 2, 3, 0xa0, 3, 2, 1, 7]));
        // DER is left alone, and so is what would be wrong in it.
        assert_eq!(der(&[0x30, 3, 2, 1]), Some(vec![0x30, 3, 2, 1]));
    }

    #[test]
    fn what_is_no_ber_is_refused() {
        for wrong in [
            &[0x30, 0x80][..],
            &[0x30, 0x80, 0],
            &[0x30, 0x80, 4, 2, 1, 0, 0],
            &[0x30, 0x80, 0, 0, 0],
            &[0x04, 0x80, 0, 0],
            &[0x30, 0x80, 0x3f, 0x81, 1, 0, 0, 0],
            &[0x30, 0x80, 0x24, 0x80, 2, 1, 1, 0, 0, 0, 0],
            &[0x30, 0x80, 0x04, 0x85, 0, 0, 0, 0, 1, 9, 0, 0],
        ] {
            assert_eq!(der(wrong), None, "{wrong:?}");
        }
        assert_eq!(der(&[0x30, 0x80].repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = to_der(&[&[0x30, INDEFINITE], &bytes[..]].concat());
        }
    }
}
