mod draft;
mod template;

use der::asn1::{Any, ObjectIdentifier, SetOfVec};
use der::{
    Decode as _, DecodeValue, Encode as _, EncodeValue, Header, Length, Reader, Sequence, Tag, Tagged, ValueOrd, Writer,
};

pub use draft::{CsrAttrsDraft, SubjectPart, WantedExtension};
pub use template::{ExtensionTemplate, KeyTemplate, NameAttribute, Template};

use crate::Fault;

/// The answer to `/csrattrs` (RFC 7030 section 4.5.2, RFC 9908 section 3.2). Empty means that nothing is asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CsrAttrs(pub Vec<AttrOrOid>);

/// One element of the list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AttrOrOid {
    /// Something the request should have, without saying which value; or the signature algorithm to sign it with.
    Oid(ObjectIdentifier),
    /// Something the request should have, with its values.
    Attribute(Attribute),
}

/// A type and its values. RFC 7030 wants one value at least; RFC 9908 section 3.2 allows none for the type of a key.
#[derive(Clone, Debug, Eq, PartialEq, Sequence, ValueOrd)]
pub struct Attribute {
    /// What it is.
    pub oid: ObjectIdentifier,
    /// Its values, each any DER.
    pub values: SetOfVec<Any>,
}

impl CsrAttrs {
    /// Reads the DER.
    ///
    /// # Errors
    /// When it is not the DER of a list of identifiers and attributes.
    pub fn from_der(der: &[u8]) -> Result<Self, Fault> {
        Vec::<AttrOrOid>::from_der(der).map(Self).map_err(|error| Fault::malformed(WHAT, error))
    }

    /// Writes the DER.
    ///
    /// # Errors
    /// When it is too large for DER.
    pub fn to_der(&self) -> Result<Vec<u8>, Fault> {
        self.0.to_der().map_err(|error| Fault::malformed(WHAT, error))
    }

    /// Whether the list has this identifier, bare or as the type of an attribute.
    #[must_use]
    pub fn asks_for(&self, oid: ObjectIdentifier) -> bool {
        self.0.iter().any(|element| match element {
            AttrOrOid::Oid(found) => *found == oid,
            AttrOrOid::Attribute(attribute) => attribute.oid == oid,
        })
    }

    /// The template of RFC 9908 section 3.4. A client that finds one must use nothing else of the list (section 4).
    ///
    /// # Errors
    /// When there are several, or it breaks a rule of that section.
    pub fn template(&self) -> Result<Option<Template>, Fault> {
        let Some(attribute) = self.only(TEMPLATE)? else {
            return Ok(None);
        };
        let template: Template = sole_value(attribute)?;
        template.check()?;
        Ok(Some(template))
    }

    /// The extensions that the list gives with their values (RFC 9908 section 3.2).
    ///
    /// # Errors
    /// When there is more than one such attribute, it does not hold exactly one `Extensions`, or an extension stands there twice.
    pub fn extensions(&self) -> Result<Vec<ExtensionTemplate>, Fault> {
        let Some(attribute) = self.only(EXTENSION_REQUEST)? else {
            return Ok(Vec::new());
        };
        let extensions: Vec<ExtensionTemplate> = sole_value(attribute)?;
        if extensions.is_empty() {
            return Err(Fault::malformed(WHAT, "Extensions must not be empty"));
        }
        if extensions.iter().any(|extension| extension.value.is_none()) {
            return Err(Fault::malformed(WHAT, "an extension without value stands outside of a template"));
        }
        template::check_extensions(&extensions)?;
        Ok(extensions)
    }

    fn only(&self, oid: ObjectIdentifier) -> Result<Option<&Attribute>, Fault> {
        let mut found = self.0.iter().filter_map(|element| match element {
            AttrOrOid::Attribute(attribute) if attribute.oid == oid => Some(attribute),
            _ => None,
        });
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Fault::malformed(WHAT, format!("attribute {oid} stands there more than once"))),
            (first, None) => Ok(first),
        }
    }
}

/// The only value of an attribute, of this type.
fn sole_value<T>(attribute: &Attribute) -> Result<T, Fault>
where
    T: for<'a> der::Decode<'a, Error = der::Error>,
{
    let [value] = attribute.values.as_slice() else {
        return Err(Fault::malformed(WHAT, format!("attribute {} must have exactly one value", attribute.oid)));
    };
    let der = value.to_der().map_err(|error| Fault::malformed(WHAT, error))?;
    T::from_der(&der).map_err(|error| Fault::malformed(WHAT, error))
}

// `AttrOrOID` is a CHOICE of two universal types without tags of its own, which der's derive cannot express.

impl der::Choice<'_> for AttrOrOid {
    fn can_decode(tag: Tag) -> bool {
        matches!(tag, Tag::ObjectIdentifier | Tag::Sequence)
    }
}

impl Tagged for AttrOrOid {
    fn tag(&self) -> Tag {
        match self {
            Self::Oid(_) => Tag::ObjectIdentifier,
            Self::Attribute(_) => Tag::Sequence,
        }
    }
}

impl<'a> DecodeValue<'a> for AttrOrOid {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> Result<Self, der::Error> {
        match header.tag() {
            Tag::ObjectIdentifier => ObjectIdentifier::decode_value(reader, header).map(Self::Oid),
            Tag::Sequence => Attribute::decode_value(reader, header).map(Self::Attribute),
            other => Err(other.unexpected_error(None).into()),
        }
    }
}

impl<'a> der::Decode<'a> for AttrOrOid {
    type Error = der::Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> Result<Self, der::Error> {
        match Tag::peek(reader)? {
            Tag::ObjectIdentifier => reader.decode().map(Self::Oid),
            Tag::Sequence => reader.decode().map(Self::Attribute),
            other => Err(other.unexpected_error(None).into()),
        }
    }
}

impl EncodeValue for AttrOrOid {
    fn value_len(&self) -> der::Result<Length> {
        match self {
            Self::Oid(oid) => oid.value_len(),
            Self::Attribute(attribute) => attribute.value_len(),
        }
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        match self {
            Self::Oid(oid) => oid.encode_value(writer),
            Self::Attribute(attribute) => attribute.encode_value(writer),
        }
    }
}

const WHAT: &str = "the CSR attributes";
const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");

/// id-aa-certificationRequestInfoTemplate (RFC 9908 appendix A).
const TEMPLATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.61");

/// id-aa-extensionReqTemplate (RFC 9908 appendix A; the 1.2.840.113549.1.9.62 in section 3.4 is a misprint).
const EXTENSION_REQUEST_TEMPLATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.62");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Challenge;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    const RFC_7030: &str =
        "MEEGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiMBYGCSqGSIb3DQEJDjEJBgcrBgEBAQEWBggqhkjOPQQDAw==";
    const RFC_9908_5_1: &str = "MGgwZgYJKoZIhvcNAQkOMVkwVzBVBgNVHREBAf8ESzBJoEcGCCsGAQUFBwgKoDsWOXJmYzg5OTQrZmQ3MzlmYzIzYzM0NDAxMTIyMzM0NDU1MDAwMDAwMDArQGFjcC5leGFtcGxlLmNvbQ==";
    const RFC_9908_5_2: &str = "MDIGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgcrBgEBAQEWBggqhkjOPQQDAw==";
    const RFC_9908_5_3: &str =
        "MEUGCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAjBgkqhkiG9w0BCRQGCgmSJomT8ixkAQUGA1UEBQYIKoZIzj0EAwQ=";
    const RFC_9908_5_4: &str = "MCkGCSqGSIb3DQEJBzARBgkqhkiG9w0BAQExBAICEAAGCSqGSIb3DQEBCw==";
    const RFC_9908_5_5: &str = "MC4GCSqGSIb3DQEJBzASBgcqhkjOPQIBMQcGBSuBBAAiBgNVBAUGCCqGSM49BAMD";

    fn example(text: &str) -> (Vec<u8>, CsrAttrs) {
        let der = STANDARD.decode(text).unwrap();
        let attrs = CsrAttrs::from_der(&der).unwrap();
        (der, attrs)
    }

    fn attribute(oid: ObjectIdentifier, values: &[&[u8]]) -> AttrOrOid {
        let values: Vec<Any> = values.iter().map(|value| Any::from_der(value).unwrap()).collect();
        AttrOrOid::Attribute(Attribute { oid, values: values.try_into().unwrap() })
    }

    #[test]
    fn the_examples_of_the_rfcs_are_read_and_written_byte_for_byte() {
        for text in [RFC_7030, RFC_9908_5_1, RFC_9908_5_2, RFC_9908_5_3, RFC_9908_5_4, RFC_9908_5_5, "MAA="] {
            let (der, attrs) = example(text);
            assert_eq!(attrs.to_der().as_deref(), Ok(der.as_slice()), "{text}");
        }
    }

    #[test]
    fn the_example_of_rfc_9908_5_2_asks_for_what_it_says() {
        let (_, attrs) = example(RFC_9908_5_2);
        assert_eq!(
            attrs.0,
            [
                AttrOrOid::Oid(Challenge::Password.oid()),
                attribute(ObjectIdentifier::new_unwrap("1.2.840.10045.2.1"), &[&[6, 5, 0x2b, 0x81, 4, 0, 0x22]]),
                AttrOrOid::Oid(ObjectIdentifier::new_unwrap("1.3.6.1.1.1.1.22")),
                AttrOrOid::Oid(ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3")),
            ]
        );
        assert!(attrs.asks_for(Challenge::Password.oid()) && !attrs.asks_for(TEMPLATE));
    }

    #[test]
    fn the_example_of_rfc_9908_5_1_gives_an_alternative_name() {
        let (_, attrs) = example(RFC_9908_5_1);
        let extensions = attrs.extensions().unwrap();
        assert_eq!(extensions.len(), 1);
        assert!(extensions[0].critical);
        assert_eq!(extensions[0].oid.to_string(), "2.5.29.17");
        assert_eq!(extensions[0].value.as_ref().map(|value| value.as_bytes().len()), Some(75));
    }

    #[test]
    fn the_faulty_extension_request_of_rfc_7030_is_refused_only_when_its_extensions_are_wanted() {
        let (_, attrs) = example(RFC_7030);
        assert!(attrs.extensions().is_err());
        assert_eq!(attrs.template(), Ok(None));
    }

    #[test]
    fn an_extension_request_stands_there_once_with_one_value() {
        let extensions: &[u8] = &[0x30, 9, 0x30, 7, 6, 3, 0x55, 0x1d, 0x0f, 4, 0];
        let once = attribute(EXTENSION_REQUEST, &[extensions]);
        assert_eq!(CsrAttrs(vec![once.clone()]).extensions().map(|found| found.len()), Ok(1));
        assert!(CsrAttrs(vec![once.clone(), once]).extensions().is_err());
        assert!(CsrAttrs(vec![attribute(EXTENSION_REQUEST, &[])]).extensions().is_err());
        let others: &[u8] = &[0x30, 9, 0x30, 7, 6, 3, 0x55, 0x1d, 0x11, 4, 0];
        assert!(CsrAttrs(vec![attribute(EXTENSION_REQUEST, &[extensions, others])]).extensions().is_err());
        assert!(CsrAttrs(vec![attribute(EXTENSION_REQUEST, &[&[0x30, 0]])]).extensions().is_err());
    }

    #[test]
    fn an_extension_must_not_be_asked_for_twice() {
        let one: &[u8] = &[0x30, 7, 6, 3, 0x55, 0x1d, 0x0f, 4, 0];
        let twice = [&[0x30, 18], one, one].concat();
        assert!(CsrAttrs(vec![attribute(EXTENSION_REQUEST, &[&twice])]).extensions().is_err());
    }

    #[test]
    fn an_extension_without_value_needs_a_template() {
        let bare: &[u8] = &[0x30, 7, 0x30, 5, 6, 3, 0x55, 0x1d, 0x0f];
        assert!(CsrAttrs(vec![attribute(EXTENSION_REQUEST, &[bare])]).extensions().is_err());
    }

    #[test]
    fn other_types_in_the_list_are_refused() {
        for der in [&[0x30, 2, 5, 0][..], &[0x30, 3, 2, 1, 0], &[0x31, 0], &[0x30, 0, 0], &[]] {
            assert!(CsrAttrs::from_der(der).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..110, byte: u8) {
            let (mut der, _) = example(RFC_9908_5_1);
            if let Some(place) = der.get_mut(at) { *place = byte; }
            for input in [&bytes, &der] {
                if let Ok(attrs) = CsrAttrs::from_der(input) {
                    let _ = (attrs.template(), attrs.extensions());
                    let written = attrs.to_der().unwrap();
                    prop_assert_eq!(CsrAttrs::from_der(&written), Ok(attrs));
                }
            }
        }
    }
}
