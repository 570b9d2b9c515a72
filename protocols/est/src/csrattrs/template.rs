use std::cmp::Ordering;
use std::collections::BTreeSet;

use der::asn1::{Any, BitString, Ia5StringRef, ObjectIdentifier, OctetString, SetOfVec};
use der::{Encode as _, Sequence, ValueOrd};
use spki::AlgorithmIdentifierOwned;

use super::{Attribute, EXTENSION_REQUEST, EXTENSION_REQUEST_TEMPLATE, WHAT, sole_value};
use crate::Fault;

/// `CertificationRequestInfoTemplate`: a PKCS#10 request that is partly filled in (RFC 9908 section 3.4 and appendix A).
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub struct Template {
    /// Always 0.
    pub version: u8,
    /// The relative distinguished names wanted; absent when there is no requirement.
    pub subject: Option<Vec<SetOfVec<NameAttribute>>>,
    /// The key wanted; absent when there is no requirement.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub key: Option<KeyTemplate>,
    /// The attributes wanted. Not optional, but may be empty.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT")]
    pub attributes: SetOfVec<Attribute>,
}

/// `SingleAttributeTemplate`: a part of a name, whose value the client finds when there is none.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub struct NameAttribute {
    /// Which part of the name.
    pub oid: ObjectIdentifier,
    /// Its value, when the client is to take this one.
    pub value: Option<Any>,
}

/// `SubjectPublicKeyInfoTemplate`.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub struct KeyTemplate {
    /// The kind of key.
    pub algorithm: AlgorithmIdentifierOwned,
    /// Only for RSA, where it tells the size and nothing else.
    pub public_key: Option<BitString>,
}

/// `ExtensionTemplate`, and `Extension` when the value is there.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub struct ExtensionTemplate {
    /// Which extension.
    pub oid: ObjectIdentifier,
    /// Whether it shall be critical.
    #[asn1(default = "Default::default")]
    pub critical: bool,
    /// Its value, when the client is to take this one.
    pub value: Option<OctetString>,
}

impl Template {
    /// The extensions wanted, from whichever of the two attributes has them.
    ///
    /// # Errors
    /// When the attribute is not well formed.
    pub fn extensions(&self) -> Result<Vec<ExtensionTemplate>, Fault> {
        let found = self.attributes.iter().find(|attribute| EXTENSIONS.contains(&attribute.oid));
        found.map_or(Ok(Vec::new()), sole_value)
    }

    /// The rules of RFC 9908 section 3.4.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.version != 0 {
            return Err(Fault::malformed(WHAT, "the version of the template must be v1(0)"));
        }
        if self.subject.iter().flatten().any(SetOfVec::is_empty) {
            return Err(Fault::malformed(WHAT, "a relative distinguished name of the template is empty"));
        }
        // "MUST NOT contain multiple id-aa-extensionReqTemplate attributes and MUST NOT contain both"
        let mut with_extensions = self.attributes.iter().filter(|attribute| EXTENSIONS.contains(&attribute.oid));
        let (first, second) = (with_extensions.next(), with_extensions.next());
        if second.is_some() {
            return Err(Fault::malformed(WHAT, "the template has more than one attribute with extensions"));
        }
        let extensions = self.extensions()?;
        if first.is_some() && extensions.is_empty() {
            return Err(Fault::malformed(WHAT, "the template's list of extensions must not be empty"));
        }
        let complete = first.is_some_and(|attribute| attribute.oid == EXTENSION_REQUEST);
        if complete && extensions.iter().any(|extension| extension.value.is_none()) {
            return Err(Fault::malformed(WHAT, "an extension without value needs id-aa-extensionReqTemplate"));
        }
        check_extensions(&extensions)?;
        self.check_key()
    }

    /// "In case the server requires use of an RSA key and needs to specify its size, the field MUST be present [..]; otherwise,
    /// the subjectPublicKey MUST be absent."
    fn check_key(&self) -> Result<(), Fault> {
        let misplaced = |key: &KeyTemplate| key.public_key.is_some() && key.algorithm.oid != RSA_ENCRYPTION;
        if self.key.as_ref().is_some_and(misplaced) {
            return Err(Fault::malformed(WHAT, "the template has a public key that is not RSA"));
        }
        Ok(())
    }
}

impl NameAttribute {
    /// The text of the value, when there is one and it is text.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let value = self.value.as_ref()?;
        let text = match value.header().tag() {
            der::Tag::Utf8String | der::Tag::PrintableString => std::str::from_utf8(value.value()).ok()?,
            der::Tag::Ia5String => Ia5StringRef::new(value.value()).ok()?.as_str(),
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl KeyTemplate {
    /// An RSA key of this size: the public key is a placeholder, odd and with its highest bit set.
    pub(super) fn rsa(bits: u32) -> Result<Self, der::Error> {
        let length = usize::try_from(bits / 8).unwrap_or_default().max(2);
        let mut modulus = vec![0_u8; length];
        if let Some(first) = modulus.first_mut() {
            *first = 0x80;
        }
        if let Some(last) = modulus.last_mut() {
            *last |= 1;
        }
        let key = PlaceholderKey { modulus: der::asn1::Uint::new(&modulus)?, exponent: 65537 };
        Ok(Self {
            algorithm: AlgorithmIdentifierOwned { oid: RSA_ENCRYPTION, parameters: Some(Any::null()) },
            public_key: Some(BitString::from_bytes(&key.to_der()?)?),
        })
    }
}

/// `RSAPublicKey` (RFC 8017 appendix A.1.1).
#[derive(Sequence)]
struct PlaceholderKey {
    modulus: der::asn1::Uint,
    exponent: u32,
}

/// RFC 9908 section 3.2: "MUST NOT include more than one element with a particular extnID."
pub(super) fn check_extensions(extensions: &[ExtensionTemplate]) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    match extensions.iter().find(|extension| !seen.insert(extension.oid)) {
        Some(twice) => Err(Fault::malformed(WHAT, format!("extension {} stands there twice", twice.oid))),
        None => Ok(()),
    }
}

/// The order of a SET OF in DER is that of the encodings (X.690 section 11.6).
impl ValueOrd for NameAttribute {
    fn value_cmp(&self, other: &Self) -> der::Result<Ordering> {
        Ok(self.to_der()?.cmp(&other.to_der()?))
    }
}

pub(super) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EXTENSIONS: [ObjectIdentifier; 2] = [EXTENSION_REQUEST, EXTENSION_REQUEST_TEMPLATE];

#[cfg(test)]
mod tests {
    use super::super::{AttrOrOid, CsrAttrs, TEMPLATE};
    use super::*;
    use der::Decode as _;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
    }

    /// The example at the end of RFC 9908 section 3.4, encoded by hand from its dump; with the OID of appendix A.
    fn example() -> Vec<u8> {
        hex("3081 93 020100
             302C 3107 3005 0603550403
                  310F 300D 060355040B 0C066D7944657074
                  3110 300E 060355040B 0C076D7947726F7570
             A015 3013 06072A8648CE3D0201 06082A8648CE3D030107
             A149 3047 060B2A864886F70D010910023E
                  3138 3036
                       301D 0603551D11 0416 3014 82107777772E6D795365727665722E636F6D 8700
                       300E 0603551D0F 0101FF 0404 03020388
                       3005 0603551D25")
    }

    fn list(template: &[u8]) -> CsrAttrs {
        let values = vec![Any::from_der(template).unwrap()].try_into().unwrap();
        CsrAttrs(vec![AttrOrOid::Attribute(Attribute { oid: TEMPLATE, values })])
    }

    fn changed(change: impl FnOnce(&mut Template)) -> Result<Option<Template>, Fault> {
        let mut template = Template::from_der(&example()).unwrap();
        change(&mut template);
        list(&template.to_der().unwrap()).template()
    }

    fn with_extensions(oid: ObjectIdentifier, extensions: &[u8]) -> Attribute {
        Attribute { oid, values: vec![Any::from_der(extensions).unwrap()].try_into().unwrap() }
    }

    #[test]
    fn the_example_of_the_rfc_is_read_and_written_byte_for_byte() {
        let template = list(&example()).template().unwrap().unwrap();
        assert_eq!(template.to_der().unwrap(), example());
        let subject: Vec<(String, Option<String>)> = template
            .subject
            .iter()
            .flatten()
            .flat_map(SetOfVec::iter)
            .map(|attribute| (attribute.oid.to_string(), attribute.text()))
            .collect();
        let part = |oid: &str, text: Option<&str>| (oid.to_owned(), text.map(ToOwned::to_owned));
        assert_eq!(
            subject,
            [part("2.5.4.3", None), part("2.5.4.11", Some("myDept")), part("2.5.4.11", Some("myGroup"))]
        );
        assert_eq!(
            template.key.as_ref().map(|key| key.algorithm.oid.to_string()).as_deref(),
            Some("1.2.840.10045.2.1")
        );
        let extensions = template.extensions().unwrap();
        let found: Vec<_> = extensions.iter().map(|e| (e.oid.to_string(), e.critical, e.value.is_some())).collect();
        let wanted = [("2.5.29.17", false, true), ("2.5.29.15", true, true), ("2.5.29.37", false, false)];
        assert_eq!(found, wanted.map(|(oid, critical, value)| (oid.to_owned(), critical, value)));
    }

    #[test]
    fn the_attributes_of_a_template_are_not_optional() {
        assert!(Template::from_der(&hex("3003020100")).is_err());
        assert!(Template::from_der(&hex("3005020100A100")).is_ok());
    }

    #[test]
    fn another_version_is_refused() {
        assert!(changed(|template| template.version = 1).is_err());
    }

    #[test]
    fn two_attributes_with_extensions_are_refused() {
        let one = hex("3007 3005 0603551D25");
        let whole = hex("3009 3007 0603551D25 0400");
        assert!(changed(|t| t.attributes.insert(with_extensions(EXTENSION_REQUEST_TEMPLATE, &one)).unwrap()).is_err());
        assert!(changed(|t| t.attributes.insert(with_extensions(EXTENSION_REQUEST, &whole)).unwrap()).is_err());
        let complete = changed(|t| t.attributes = vec![with_extensions(EXTENSION_REQUEST, &whole)].try_into().unwrap());
        assert!(complete.is_ok());
        let partial = changed(|t| t.attributes = vec![with_extensions(EXTENSION_REQUEST, &one)].try_into().unwrap());
        assert!(partial.is_err());
        let empty =
            changed(|t| t.attributes = vec![with_extensions(EXTENSION_REQUEST, &[0x30, 0])].try_into().unwrap());
        assert!(empty.is_err());
    }

    #[test]
    fn an_extension_must_not_stand_twice_in_a_template() {
        let twice = hex("300E 3005 0603551D25 3005 0603551D25");
        let attributes = vec![with_extensions(EXTENSION_REQUEST_TEMPLATE, &twice)];
        assert!(changed(|t| t.attributes = attributes.try_into().unwrap()).is_err());
    }

    #[test]
    fn an_empty_relative_name_is_refused() {
        assert!(changed(|t| t.subject = Some(vec![SetOfVec::new()])).is_err());
    }

    #[test]
    fn only_an_rsa_key_has_a_placeholder() {
        let key = BitString::from_bytes(&[4, 1]).unwrap();
        assert!(changed(|t| t.key.iter_mut().for_each(|k| k.public_key = Some(key.clone()))).is_err());
        assert!(changed(|t| t.key = Some(KeyTemplate::rsa(3072).unwrap())).is_ok());
    }

    #[test]
    fn two_templates_are_refused() {
        let mut attrs = list(&example());
        attrs.0.extend(attrs.0.clone());
        assert!(attrs.template().is_err());
    }

    proptest! {
        #[test]
        fn no_change_panics(at in 0_usize..200, byte: u8) {
            let mut der = example();
            if let Some(place) = der.get_mut(at) { *place = byte; }
            if let Ok(value) = Any::from_der(&der) {
                let values = vec![value].try_into().unwrap();
                let _ = CsrAttrs(vec![AttrOrOid::Attribute(Attribute { oid: TEMPLATE, values })]).template();
            }
        }
    }
}
