//! The wish for other names in the new certificate: ChangeSubjectName (RFC 7030 section 4.2.2, RFC 6402 section 2.8).

use certs::{AltName, CsrContent, Name};
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Encode as _, Reader as _, Tag, TagNumber, Tagged as _};

use crate::Fault;

/// ```text
/// ChangeSubjectName ::= SEQUENCE {
///     subject             Name OPTIONAL,
///     subjectAlt          [1] GeneralNames OPTIONAL
/// }
/// (WITH COMPONENTS {..., subject PRESENT} |
///  WITH COMPONENTS {..., subjectAlt PRESENT} )
/// ```
///
/// The tag is of errata 3943 and 8385; RFC 6402 had none, so that it is missed by nobody. It replaces both names: what is absent here is absent in the new certificate (RFC 6402 section 2.8, items 1 and 2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChangeSubjectName {
    /// The subject of the new certificate; empty where there is none.
    pub subject: Name,
    /// Its alternative names.
    pub alt_names: Vec<AltName>,
}

impl ChangeSubjectName {
    /// The attribute in a request; none if there is none.
    ///
    /// # Errors
    /// When there is not exactly one value, or it is not of this form.
    pub fn of(csr: &CsrContent) -> Result<Option<Self>, Fault> {
        match csr.attribute(CHANGE_SUBJECT_NAME) {
            None => Ok(None),
            Some([value]) => Self::parse(value).map(Some),
            Some(_) => Err(Fault::malformed(WHAT, "it must have exactly one value")),
        }
    }

    fn parse(value: &[u8]) -> Result<Self, Fault> {
        let bad = |error: der::Error| Fault::malformed(WHAT, error);
        let parts: Vec<AnyRef<'_>> = AnyRef::from_der(value)
            .and_then(|value| {
                value.sequence(|reader| {
                    let mut parts = Vec::new();
                    while !reader.is_finished() {
                        parts.push(AnyRef::decode(reader)?);
                    }
                    Ok::<_, der::Error>(parts)
                })
            })
            .map_err(bad)?;
        let is_name = |part: &AnyRef<'_>| part.value().first().is_none_or(|tag| *tag == SET);
        let (subject, alt_names) = match parts.as_slice() {
            [subject, alt_names] => (Some(subject), Some(alt_names)),
            // Without the tag the elements tell: those of a Name are SETs.
            [one] if one.tag() == Tag::Sequence && is_name(one) => (Some(one), None),
            [one] => (None, Some(one)),
            _ => return Err(Fault::malformed(WHAT, "it must have a subject or alternative names")),
        };
        let encoded = |part: &AnyRef<'_>| part.to_der().map_err(bad);
        let fault = |fault: certs::Fault| Fault::malformed(WHAT, fault);
        Ok(Self {
            subject: match subject {
                Some(part) => Name::parse(&encoded(part)?).map_err(fault)?,
                None => Name::empty(),
            },
            alt_names: match alt_names {
                Some(part) => {
                    let names = AnyRef::new(Tag::Sequence, part.value()).map_err(bad)?;
                    let tagged = matches!(part.tag(), Tag::ContextSpecific { number: TagNumber(1), constructed: true });
                    if !tagged && part.tag() != Tag::Sequence {
                        return Err(Fault::malformed(WHAT, "its alternative names have another tag"));
                    }
                    AltName::parse_all(&encoded(&names)?).map_err(fault)?
                }
                None => Vec::new(),
            },
        })
    }
}

const WHAT: &str = "ChangeSubjectName";

/// The tag of what a Name is made of.
const SET: u8 = 0x31;

/// id-cmc-changeSubjectName.
const CHANGE_SUBJECT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.7.36");

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
    }

    fn name() -> Name {
        Name::from_text("CN=valve").unwrap()
    }

    /// Without its tag, as in RFC 6402.
    fn untagged() -> Vec<u8> {
        AltName::encode_all(&[AltName::Dns("valve.example".to_owned())])
    }

    fn alt_names() -> Vec<u8> {
        let mut names = untagged();
        names[0] = 0xa1;
        names
    }

    #[test]
    fn both_names_are_told_apart_by_what_is_in_them() {
        let names = vec![AltName::Dns("valve.example".to_owned())];
        for (parts, subject, alternatives) in [
            (vec![name().der().to_vec(), alt_names()], name(), names.clone()),
            (vec![name().der().to_vec()], name(), Vec::new()),
            (vec![alt_names()], Name::empty(), names.clone()),
            (vec![name().der().to_vec(), untagged()], name(), names.clone()),
            (vec![untagged()], Name::empty(), names.clone()),
            (vec![vec![0x30, 0], alt_names()], Name::empty(), names),
        ] {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let read = ChangeSubjectName::parse(&sequence(&parts)).unwrap();
            assert_eq!((read.subject, read.alt_names), (subject, alternatives));
        }
    }

    #[test]
    fn what_has_another_form_is_refused() {
        let name = name();
        let three = sequence(&[name.der(), &alt_names(), &alt_names()]);
        let twice = sequence(&[name.der(), name.der()]);
        for wrong in [&[0x30, 0][..], &[0x05, 0], &three, &twice, &[0x30, 2, 0x30]] {
            assert!(ChangeSubjectName::parse(wrong).is_err(), "{wrong:02x?}");
        }
    }
}
