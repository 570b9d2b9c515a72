use const_oid::ObjectIdentifier;
use der::asn1::{GeneralizedTime, UtcTime};
use der::{Decode, Reader, SliceReader};

use crate::{Fault, Millis};

/// Steps through DER and hands out slices of what was received, so that nothing is ever encoded again.
pub(crate) struct Walk<'a> {
    reader: SliceReader<'a>,
    what: &'static str,
}

/// One tag, length and value.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    /// The identifier octet; none of ours needs more than one.
    pub(crate) tag: u8,
    /// All of it.
    pub(crate) der: &'a [u8],
    /// The value only.
    pub(crate) content: &'a [u8],
    what: &'static str,
}

impl<'a> Walk<'a> {
    /// Walks over `bytes`; `what` names them in a fault.
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Result<Self, Fault> {
        let reader = SliceReader::new(bytes).map_err(|error| malformed(what, &error))?;
        Ok(Self { reader, what })
    }

    /// The one item that `bytes` must be, with nothing behind it.
    pub(crate) fn only(what: &'static str, bytes: &'a [u8], tag: u8) -> Result<Item<'a>, Fault> {
        let mut walk = Self::new(what, bytes)?;
        let item = walk.take(tag)?;
        walk.finish()?;
        Ok(item)
    }

    /// The next item, whatever it is.
    pub(crate) fn next(&mut self) -> Result<Item<'a>, Fault> {
        let der = self.reader.tlv_bytes().map_err(|error| malformed(self.what, &error))?;
        let mut inner = SliceReader::new(der).map_err(|error| malformed(self.what, &error))?;
        let header = der::Header::decode(&mut inner).map_err(|error| malformed(self.what, &error))?;
        let content = inner.read_slice(header.length()).map_err(|error| malformed(self.what, &error))?;
        let tag = der.first().copied().unwrap_or_default();
        Ok(Item { tag, der, content, what: self.what })
    }

    /// The next item, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<Item<'a>, Fault> {
        let item = self.next()?;
        if item.tag == tag {
            return Ok(item);
        }
        Err(Fault::Malformed { what: self.what, detail: format!("tag {:02x} stands where {tag:02x} is due", item.tag) })
    }

    /// The next item if it has this tag.
    pub(crate) fn take_if(&mut self, tag: u8) -> Result<Option<Item<'a>>, Fault> {
        if self.reader.peek_byte() == Some(tag) { self.next().map(Some) } else { Ok(None) }
    }

    /// Whether all was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.reader.is_finished()
    }

    /// Fails when anything is left.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        self.reader.finish().map_err(|error| malformed(self.what, &error))
    }
}

impl<'a> Item<'a> {
    /// Walks over what is inside.
    pub(crate) fn inside(&self) -> Result<Walk<'a>, Fault> {
        Walk::new(self.what, self.content)
    }

    /// The value as an object identifier.
    pub(crate) fn oid(&self) -> Result<ObjectIdentifier, Fault> {
        ObjectIdentifier::from_bytes(self.content)
            .map_err(|_| self.fault("an object identifier is not well formed or too long"))
    }

    /// The value as a truth; DER knows one way to say yes.
    pub(crate) fn boolean(&self) -> Result<bool, Fault> {
        match self.content {
            [0xff] => Ok(true),
            [0x00] => Ok(false),
            _ => Err(self.fault("a BOOLEAN is neither FF nor 00")),
        }
    }

    /// The bits of a BIT STRING that has whole octets.
    pub(crate) fn whole_bits(&self) -> Result<&'a [u8], Fault> {
        match self.content.split_first() {
            Some((0, bits)) => Ok(bits),
            _ => Err(self.fault("a BIT STRING does not end with a whole octet")),
        }
    }

    /// The content octets of an INTEGER.
    pub(crate) fn integer(&self) -> Result<&'a [u8], Fault> {
        if self.content.is_empty() {
            return Err(self.fault("an INTEGER has no octets"));
        }
        Ok(self.content)
    }

    /// The value as a small number that is not negative.
    pub(crate) fn small(&self) -> Result<u32, Fault> {
        let octets = self.integer()?;
        if octets.first().is_some_and(|first| first & 0x80 != 0) || octets.len() > 5 {
            return Err(self.fault("a number is negative or too large"));
        }
        let number = octets.iter().fold(0u64, |sum, octet| sum << 8 | u64::from(*octet));
        u32::try_from(number).map_err(|_| self.fault("a number is too large"))
    }

    /// The value as a moment: `UTCTime` or `GeneralizedTime` as RFC 5280 section 4.1.2.5 has them.
    pub(crate) fn moment(&self) -> Result<Millis, Fault> {
        let since_1970 = match self.tag {
            UTC_TIME => UtcTime::from_der(self.der).map(|time| time.to_unix_duration()),
            GENERALIZED_TIME => GeneralizedTime::from_der(self.der).map(|time| time.to_unix_duration()),
            _ => return Err(self.fault("a time is neither UTCTime nor GeneralizedTime")),
        };
        let seconds = since_1970.map_err(|error| malformed(self.what, &error))?.as_secs();
        i64::try_from(seconds).map(Millis::from_seconds).map_err(|_| self.fault("a time is out of range"))
    }

    /// A fault in this item.
    pub(crate) fn fault(&self, detail: &str) -> Fault {
        Fault::Malformed { what: self.what, detail: detail.into() }
    }
}

fn malformed(what: &'static str, error: &der::Error) -> Fault {
    Fault::Malformed { what, detail: error.to_string() }
}

/// Context-specific, primitive.
pub(crate) const fn implicit(number: u8) -> u8 {
    0x80 | number
}

/// Context-specific, constructed.
pub(crate) const fn explicit(number: u8) -> u8 {
    0xa0 | number
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const NUMERIC_STRING: u8 = 0x12;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const TELETEX_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const VISIBLE_STRING: u8 = 0x1a;
pub(crate) const BMP_STRING: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// The NULL of an `AlgorithmIdentifier`.
pub(crate) const NULL_DER: &[u8] = &[0x05, 0x00];
