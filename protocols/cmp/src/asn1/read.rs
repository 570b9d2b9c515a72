//! A cursor over DER instead of derived types: it hands out each element with the bytes it came in,
//! never recurses, and leaves to each type what it is lenient about.

use certs::Millis;
use der::asn1::ObjectIdentifier;
use der::{DateTime, Decode, Header, Reader, SliceReader, Tag, TagNumber};

use crate::fault::Fault;

/// One element, as received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    /// Identifier, length and contents.
    pub(crate) der: &'a [u8],
    /// The contents octets.
    pub(crate) value: &'a [u8],
}

/// The elements of a constructed element, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// Walks over contents octets.
    pub(crate) fn inside(value: &'a [u8], what: &'static str) -> Self {
        Self { rest: value, what }
    }

    /// Walks over the contents of the one SEQUENCE in `der`.
    pub(crate) fn sequence(der: &'a [u8], what: &'static str) -> Result<Self, Fault> {
        Element::only(der, what)?.sequence(what)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn peek(&self) -> Result<Option<(Element<'a>, &'a [u8])>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let bad = |error: der::Error| Fault::format(format!("{}: {error}", self.what));
        let mut reader = SliceReader::new(self.rest).map_err(bad)?;
        let header = Header::decode(&mut reader).map_err(bad)?;
        let value = reader.read_slice(header.length()).map_err(bad)?;
        let left = usize::try_from(reader.remaining_len()).unwrap_or(0);
        let (der, rest) = self.rest.split_at(self.rest.len().saturating_sub(left));
        Ok(Some((Element { tag: header.tag(), der, value }, rest)))
    }

    /// The next element, which must be there.
    pub(crate) fn required(&mut self) -> Result<Element<'a>, Fault> {
        let Some((element, rest)) = self.peek()? else {
            return Err(Fault::format(format!("{}: an element is missing", self.what)));
        };
        self.rest = rest;
        Ok(element)
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: Tag) -> Result<Option<Element<'a>>, Fault> {
        self.next_if(|found| found == tag)
    }

    /// The next element if it bears the context tag `number`, primitive or constructed.
    pub(crate) fn context(&mut self, number: u32) -> Result<Option<Element<'a>>, Fault> {
        self.next_if(|found| matches!(found, Tag::ContextSpecific { number: TagNumber(n), .. } if n == number))
    }

    /// The next element if it bears any context tag.
    pub(crate) fn optional_context(&mut self) -> Result<Option<Element<'a>>, Fault> {
        self.next_if(|found| matches!(found, Tag::ContextSpecific { .. }))
    }

    /// The element inside the next one, if that bears the EXPLICIT context tag `number`.
    pub(crate) fn explicit(&mut self, number: u32) -> Result<Option<Element<'a>>, Fault> {
        let what = self.what;
        self.context(number)?.map(|outer| outer.explicit(what)).transpose()
    }

    fn next_if(&mut self, fits: impl Fn(Tag) -> bool) -> Result<Option<Element<'a>>, Fault> {
        match self.peek()? {
            Some((element, rest)) if fits(element.tag) => {
                self.rest = rest;
                Ok(Some(element))
            }
            _ => Ok(None),
        }
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Fault::format(format!("{}: unexpected element at the end", self.what)))
    }

    /// Each remaining element through `read`, at most `limit` of them.
    pub(crate) fn each<T>(
        mut self,
        limit: usize,
        mut read: impl FnMut(Element<'a>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut all = Vec::new();
        while !self.is_empty() {
            if all.len() >= limit {
                return Err(Fault::format(format!("{}: more than {limit} elements", self.what)));
            }
            all.push(read(self.required()?)?);
        }
        Ok(all)
    }
}

impl<'a> Element<'a> {
    /// The one element that `der` holds.
    pub(crate) fn only(der: &'a [u8], what: &'static str) -> Result<Self, Fault> {
        let mut fields = Fields::inside(der, what);
        let element = fields.required()?;
        fields.end()?;
        Ok(element)
    }

    fn expect(&self, tag: Tag, what: &'static str) -> Result<(), Fault> {
        if self.tag == tag {
            return Ok(());
        }
        Err(Fault::format(format!("{what}: expected {tag}, found {}", self.tag)))
    }

    pub(crate) fn sequence(&self, what: &'static str) -> Result<Fields<'a>, Fault> {
        self.expect(Tag::Sequence, what)?;
        Ok(Fields::inside(self.value, what))
    }

    /// A whole SEQUENCE, kept as DER.
    pub(crate) fn sequence_der(&self, what: &'static str) -> Result<Vec<u8>, Fault> {
        self.sequence(what).map(|_| self.der.to_vec())
    }

    pub(crate) fn set(&self, what: &'static str) -> Result<Fields<'a>, Fault> {
        self.expect(Tag::Set, what)?;
        Ok(Fields::inside(self.value, what))
    }

    /// The number of its context tag, if it has one.
    pub(crate) fn number(&self) -> Option<u32> {
        match self.tag {
            Tag::ContextSpecific { number: TagNumber(number), .. } => Some(number),
            _ => None,
        }
    }

    /// As if it bore this tag: what is under a primitive IMPLICIT one. [`Element::der`] stays.
    pub(crate) fn retagged(self, tag: Tag) -> Self {
        Self { tag, ..self }
    }

    /// The contents of an IMPLICIT SEQUENCE whose context tag was looked at already.
    pub(crate) fn implicit_sequence(&self, what: &'static str) -> Result<Fields<'a>, Fault> {
        match self.tag {
            Tag::ContextSpecific { constructed: true, .. } => Ok(Fields::inside(self.value, what)),
            found => Err(Fault::format(format!("{what}: expected a SEQUENCE, found {found}"))),
        }
    }

    /// The one element within an EXPLICIT tag.
    pub(crate) fn explicit(&self, what: &'static str) -> Result<Element<'a>, Fault> {
        match self.tag {
            Tag::ContextSpecific { constructed: true, .. } => Element::only(self.value, what),
            found => Err(Fault::format(format!("{what}: expected an explicit tag, found {found}"))),
        }
    }

    pub(crate) fn oid(&self, what: &'static str) -> Result<ObjectIdentifier, Fault> {
        self.expect(Tag::ObjectIdentifier, what)?;
        ObjectIdentifier::from_bytes(self.value).map_err(|error| Fault::format(format!("{what}: {error}")))
    }

    pub(crate) fn integer(&self, what: &'static str) -> Result<i64, Fault> {
        i64::from_der(self.der).map_err(|error| Fault::format(format!("{what}: {error}")))
    }

    /// The contents octets of an INTEGER, for serial numbers.
    pub(crate) fn integer_octets(&self, what: &'static str) -> Result<Vec<u8>, Fault> {
        self.expect(Tag::Integer, what)?;
        serial(self.value, what)
    }

    pub(crate) fn octets(&self, what: &'static str) -> Result<Vec<u8>, Fault> {
        self.expect(Tag::OctetString, what)?;
        Ok(self.value.to_vec())
    }

    /// A BIT STRING: the octets and how many bits of the last one are unused.
    /// Unused bits need not be zero: some peers forget.
    pub(crate) fn bits(&self, what: &'static str) -> Result<(&'a [u8], u8), Fault> {
        self.expect(Tag::BitString, what)?;
        match self.value.split_first() {
            Some((unused @ 0..=7, octets)) if *unused == 0 || !octets.is_empty() => Ok((octets, *unused)),
            _ => Err(Fault::format(format!("{what}: not a BIT STRING"))),
        }
    }

    /// A BIT STRING that holds whole octets, such as a signature.
    pub(crate) fn bit_octets(&self, what: &'static str) -> Result<Vec<u8>, Fault> {
        match self.bits(what)? {
            (octets, 0) => Ok(octets.to_vec()),
            _ => Err(Fault::format(format!("{what}: the BIT STRING ends within an octet"))),
        }
    }

    pub(crate) fn utf8(&self, what: &'static str) -> Result<String, Fault> {
        self.expect(Tag::Utf8String, what)?;
        String::from_utf8(self.value.to_vec()).map_err(|_| Fault::format(format!("{what}: not UTF-8")))
    }

    /// A `GeneralizedTime` (RFC 9810 section 5.1.1).
    pub(crate) fn generalized_time(&self, what: &'static str) -> Result<Millis, Fault> {
        self.expect(Tag::GeneralizedTime, what)?;
        parse_time(self.value).ok_or_else(|| Fault::format(format!("{what}: not a GeneralizedTime")))
    }

    /// `Time ::= CHOICE { utcTime UTCTime, generalTime GeneralizedTime }`
    pub(crate) fn time(&self, what: &'static str) -> Result<Millis, Fault> {
        if self.tag != Tag::UtcTime {
            return self.generalized_time(what);
        }
        // RFC 5280 section 4.1.2.5.1: two digits of 50 and above are of the 20th century.
        let century: &[u8] = if self.value.first() >= Some(&b'5') { b"19" } else { b"20" };
        parse_time(&[century, self.value].concat()).ok_or_else(|| Fault::format(format!("{what}: not a UTCTime")))
    }
}

/// Contents octets of an INTEGER that names a certificate; not empty, not endless.
pub(crate) fn serial(value: &[u8], what: &'static str) -> Result<Vec<u8>, Fault> {
    // RFC 5280 section 4.1.2.2 allows 20 octets; some authorities use more.
    if value.is_empty() || value.len() > 64 {
        return Err(Fault::format(format!("{what}: an INTEGER of {} octets", value.len())));
    }
    Ok(value.to_vec())
}

/// `YYYYMMDDHHMMSS[.f]Z` to milliseconds.
pub(super) fn parse_time(text: &[u8]) -> Option<Millis> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() != 14 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to)?.parse::<u8>().ok();
    let year = whole.get(0..4)?.parse::<u16>().ok()?;
    let date = DateTime::new(year, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let seconds = i64::try_from(date.ok()?.unix_duration().as_secs()).ok()?;
    let thousandths: i64 = format!("{fraction:0<3}").get(0..3)?.parse().ok()?;
    Some(Millis(seconds.checked_mul(1000)?.checked_add(thousandths)?))
}

pub(crate) fn parse_free_text(element: Element<'_>, what: &'static str) -> Result<Vec<String>, Fault> {
    element.sequence(what)?.each(TEXTS, |text| text.utf8(what))
}

/// `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }`
pub(crate) fn parse_algorithm<'a>(
    der: &'a [u8],
    what: &'static str,
) -> Result<(ObjectIdentifier, Option<Element<'a>>), Fault> {
    let mut fields = Fields::sequence(der, what)?;
    let oid = fields.required()?.oid(what)?;
    let parameters = if fields.is_empty() { None } else { Some(fields.required()?) };
    fields.end()?;
    Ok((oid, parameters))
}

/// More lines of text than anybody needs.
const TEXTS: usize = 64;
