//! DER read as slices of what was received, and written from parts.

use std::time::Duration;

use certs::{Millis, ObjectIdentifier};
use der::asn1::GeneralizedTime;
use der::{Decode, Encode, Reader, SliceReader};

use crate::Fault;

/// The elements of a constructed element, one after the other.
pub(crate) struct Fields<'a> {
    reader: SliceReader<'a>,
    what: &'static str,
}

/// One element, as received.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    /// The identifier octet; none of ours needs more than one.
    pub(crate) tag: u8,
    /// Identifier, length and contents.
    pub(crate) der: &'a [u8],
    /// The contents octets.
    pub(crate) value: &'a [u8],
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// Walks over contents octets.
    pub(crate) fn inside(what: &'static str, value: &'a [u8]) -> Result<Self, Fault> {
        let reader = SliceReader::new(value).map_err(|error| malformed(what, error))?;
        Ok(Self { reader, what })
    }

    pub(crate) fn next(&mut self) -> Result<Element<'a>, Fault> {
        let der = self.reader.tlv_bytes().map_err(|error| malformed(self.what, error))?;
        let mut inner = SliceReader::new(der).map_err(|error| malformed(self.what, error))?;
        let header = der::Header::decode(&mut inner).map_err(|error| malformed(self.what, error))?;
        let value = inner.read_slice(header.length()).map_err(|error| malformed(self.what, error))?;
        Ok(Element { tag: der.first().copied().unwrap_or_default(), der, value, what: self.what })
    }

    /// The next element, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<Element<'a>, Fault> {
        let element = self.next()?;
        if element.tag == tag {
            return Ok(element);
        }
        Err(malformed(self.what, format!("tag {:02x} stands where {tag:02x} is due", element.tag)))
    }

    /// The next element if it has this tag.
    pub(crate) fn take_if(&mut self, tag: u8) -> Result<Option<Element<'a>>, Fault> {
        if self.reader.peek_byte() == Some(tag) { self.next().map(Some) } else { Ok(None) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reader.is_finished()
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), Fault> {
        self.reader.finish().map_err(|error| malformed(self.what, error))
    }

    /// Each remaining element through `read`, at most [`MOST`] of them.
    pub(crate) fn each<T>(mut self, mut read: impl FnMut(Element<'a>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
        let mut all = Vec::new();
        while !self.is_empty() {
            if all.len() >= MOST {
                return Err(malformed(self.what, format!("more than {MOST} elements")));
            }
            all.push(read(self.next()?)?);
        }
        Ok(all)
    }
}

impl<'a> Element<'a> {
    /// The one element that `der` holds.
    pub(crate) fn only(what: &'static str, der: &'a [u8]) -> Result<Self, Fault> {
        let mut fields = Fields::inside(what, der)?;
        let element = fields.next()?;
        fields.end()?;
        Ok(element)
    }

    pub(crate) fn expect(&self, tag: u8) -> Result<(), Fault> {
        if self.tag == tag {
            return Ok(());
        }
        Err(malformed(self.what, format!("tag {:02x} stands where {tag:02x} is due", self.tag)))
    }

    /// Walks over what is inside, whatever the tag.
    pub(crate) fn fields(&self) -> Result<Fields<'a>, Fault> {
        Fields::inside(self.what, self.value)
    }

    pub(crate) fn sequence(&self) -> Result<Fields<'a>, Fault> {
        self.expect(SEQUENCE)?;
        self.fields()
    }

    /// The same contents under another identifier octet: what an IMPLICIT tag hides.
    pub(crate) fn retagged(&self, tag: u8) -> Vec<u8> {
        let mut der = self.der.to_vec();
        if let Some(first) = der.first_mut() {
            *first = tag;
        }
        der
    }

    fn decode<T: Decode<'a, Error = der::Error>>(&self) -> Result<T, Fault> {
        T::from_der(self.der).map_err(|error| malformed(self.what, error))
    }

    pub(crate) fn oid(&self) -> Result<ObjectIdentifier, Fault> {
        self.decode()
    }

    /// A number such as a `BodyPartID`: INTEGER(0..4294967295).
    pub(crate) fn number(&self) -> Result<u32, Fault> {
        self.decode()
    }

    /// The contents octets of an INTEGER of any size that we take.
    pub(crate) fn integer(&self) -> Result<Vec<u8>, Fault> {
        self.expect(INTEGER)?;
        match self.value {
            [] => Err(malformed(self.what, "an INTEGER has no octets")),
            long if long.len() > LONGEST_INTEGER => Err(malformed(self.what, "an INTEGER is too large")),
            [0, next, ..] if next & 0x80 == 0 => Err(malformed(self.what, "an INTEGER has a needless octet")),
            [0xff, next, ..] if next & 0x80 != 0 => Err(malformed(self.what, "an INTEGER has a needless octet")),
            octets => Ok(octets.to_vec()),
        }
    }

    pub(crate) fn octets(&self) -> Result<Vec<u8>, Fault> {
        self.expect(OCTET_STRING)?;
        Ok(self.value.to_vec())
    }

    /// A BIT STRING of whole octets, such as a signature.
    pub(crate) fn bit_octets(&self) -> Result<Vec<u8>, Fault> {
        self.expect(BIT_STRING)?;
        match self.value.split_first() {
            Some((0, octets)) => Ok(octets.to_vec()),
            _ => Err(malformed(self.what, "a BIT STRING does not end with a whole octet")),
        }
    }

    pub(crate) fn utf8(&self) -> Result<String, Fault> {
        self.expect(UTF8_STRING)?;
        String::from_utf8(self.value.to_vec()).map_err(|_| malformed(self.what, "a UTF8String is not UTF-8"))
    }

    pub(crate) fn time(&self) -> Result<Millis, Fault> {
        let seconds = self.decode::<GeneralizedTime>()?.to_unix_duration().as_secs();
        i64::try_from(seconds).map(Millis::from_seconds).map_err(|_| malformed(self.what, "a time is out of range"))
    }

    /// A SEQUENCE OF `BodyPartID`.
    pub(crate) fn numbers(&self) -> Result<Vec<u32>, Fault> {
        self.sequence()?.each(|element| element.number())
    }
}

/// `AlgorithmIdentifier`: its identifier, and its parameters (DER) if there are any.
pub(crate) fn algorithm<'a>(
    what: &'static str,
    der: &'a [u8],
) -> Result<(ObjectIdentifier, Option<Element<'a>>), Fault> {
    let mut fields = Element::only(what, der)?.sequence()?;
    let oid = fields.next()?.oid()?;
    let parameters = if fields.is_empty() { None } else { Some(fields.next()?) };
    fields.end()?;
    Ok((oid, parameters))
}

fn malformed(what: &'static str, detail: impl std::fmt::Display) -> Fault {
    Fault::bad_request(format!("{what} is not well formed: {detail}"))
}

/// An element from its identifier octet and the parts of its contents.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = Vec::with_capacity(length + 10);
    der.push(tag);
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
    element(SEQUENCE, parts)
}

/// SEQUENCE OF already encoded elements.
pub(crate) fn sequence_of(items: &[Vec<u8>]) -> Vec<u8> {
    element(SEQUENCE, &[&items.concat()])
}

/// SET OF; DER wants the encodings in ascending order (X.690 section 11.6).
pub(crate) fn set_of(tag: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let mut sorted: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
    sorted.sort_unstable();
    element(tag, &sorted)
}

pub(crate) fn oid(oid: ObjectIdentifier) -> Vec<u8> {
    element(OID, &[oid.as_bytes()])
}

pub(crate) fn octet_string(octets: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, &[octets])
}

pub(crate) fn utf8_string(text: &str) -> Vec<u8> {
    element(UTF8_STRING, &[text.as_bytes()])
}

pub(crate) fn number(number: u32) -> Vec<u8> {
    number.to_der().unwrap_or_default()
}

/// A `GeneralizedTime` in whole seconds; a time before 1970 becomes 1970, one after 9999 its last second.
pub(crate) fn time(at: Millis) -> Vec<u8> {
    let since_1970 = Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0).min(END_OF_9999));
    GeneralizedTime::from_unix_duration(since_1970).and_then(|time| time.to_der()).unwrap_or_default()
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Context-specific, primitive.
pub(crate) const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// Context-specific, constructed.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// Elements that one SEQUENCE may have.
const MOST: usize = 256;
/// Octets of a serial number or a transaction identifier.
const LONGEST_INTEGER: usize = 64;
/// 9999-12-31T23:59:59Z.
const END_OF_9999: u64 = 253_402_300_799;
