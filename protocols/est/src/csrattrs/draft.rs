use certs::KeyKind;
use der::asn1::{Any, Ia5String, ObjectIdentifier, OctetString, PrintableString, SetOfVec};
use spki::AlgorithmIdentifierOwned;

use super::template::RSA_ENCRYPTION;
use super::{
    AttrOrOid, Attribute, CsrAttrs, EXTENSION_REQUEST, EXTENSION_REQUEST_TEMPLATE, ExtensionTemplate, KeyTemplate,
    NameAttribute, TEMPLATE, Template, WHAT,
};
use crate::{Challenge, Fault};

/// What a profile wants of a request, to be told to the client.
///
/// Both forms are written: the list of RFC 7030 for old clients, the template of RFC 9908 for those that know it and then must use
/// nothing else (RFC 9908 section 4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CsrAttrsDraft {
    /// The key wanted.
    pub key: Option<KeyKind>,
    /// The algorithm that shall sign the request. Only the list can say so.
    pub signature: Option<ObjectIdentifier>,
    /// The extensions wanted.
    pub extensions: Vec<WantedExtension>,
    /// The parts of the subject wanted, each a relative name of its own, in their order.
    pub subject: Vec<SubjectPart>,
    /// The challenges wanted: without their identifiers in the list clients leave them out (RFC 7030 section 4.5.2, RFC 7894
    /// section 4).
    pub challenges: Vec<Challenge>,
    /// Leave the template out, for a client that stumbles over it.
    pub list_only: bool,
}

/// An extension that the request shall have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WantedExtension {
    /// Which extension.
    pub oid: ObjectIdentifier,
    /// Whether it shall be critical.
    pub critical: bool,
    /// The DER to put there; `None` when the client shall find a value.
    pub value: Option<Vec<u8>>,
}

/// A part that the subject shall have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubjectPart {
    /// Which part, such as commonName.
    pub oid: ObjectIdentifier,
    /// The text to put there; `None` when the client shall find one.
    pub value: Option<String>,
}

impl CsrAttrsDraft {
    /// Writes the list.
    ///
    /// # Errors
    /// When a text does not fit its type (a country that is not printable), or sizes are beyond DER.
    pub fn build(&self) -> Result<CsrAttrs, Fault> {
        self.elements().map(CsrAttrs).map_err(|error| Fault::malformed(WHAT, error))
    }

    fn elements(&self) -> der::Result<Vec<AttrOrOid>> {
        let mut elements = Vec::new();
        elements.extend(self.challenges.iter().map(|challenge| AttrOrOid::Oid(challenge.oid())));
        elements.extend(self.key.map(key_attribute).transpose()?.flatten().map(AttrOrOid::Attribute));
        let (given, open): (Vec<_>, Vec<_>) = self.extensions.iter().partition(|extension| extension.value.is_some());
        if !given.is_empty() {
            let extensions = given.into_iter().map(WantedExtension::template).collect::<der::Result<Vec<_>>>()?;
            elements.push(AttrOrOid::Attribute(single(EXTENSION_REQUEST, &extensions)?));
        }
        // A value that the client must find is a bare identifier in the list (RFC 9908 section 5.2, item 3).
        elements.extend(open.into_iter().map(|extension| AttrOrOid::Oid(extension.oid)));
        let open_parts = self.subject.iter().filter(|part| part.value.is_none());
        elements.extend(open_parts.map(|part| AttrOrOid::Oid(part.oid)));
        elements.extend(self.signature.map(AttrOrOid::Oid));
        if self.has_template() {
            elements.push(AttrOrOid::Attribute(single(TEMPLATE, &self.template()?)?));
        }
        Ok(elements)
    }

    fn has_template(&self) -> bool {
        let wants_something = self.key.is_some()
            || !self.challenges.is_empty()
            || !self.extensions.is_empty()
            || !self.subject.is_empty();
        wants_something && !self.list_only
    }

    fn template(&self) -> der::Result<Template> {
        let mut attributes = SetOfVec::new();
        if !self.extensions.is_empty() {
            let extensions = self.extensions.iter().map(WantedExtension::template).collect::<der::Result<Vec<_>>>()?;
            // RFC 9908 section 3.4: the template form is only for extensions that the client fills in.
            let complete = extensions.iter().all(|extension| extension.value.is_some());
            attributes
                .insert(single(if complete { EXTENSION_REQUEST } else { EXTENSION_REQUEST_TEMPLATE }, &extensions)?)?;
        }
        for challenge in &self.challenges {
            // No RFC says how a template asks for an attribute without telling its value. Of an empty SET and an empty string we
            // take the set: section 3.2 has it for keys, and an empty string reads as the password to use.
            attributes.insert(Attribute { oid: challenge.oid(), values: SetOfVec::new() })?;
        }
        let parts = self.subject.iter().map(SubjectPart::template).collect::<der::Result<Vec<_>>>()?;
        Ok(Template {
            version: 0,
            // "It MUST be present if the server places any requirements on the RDNs [..]; otherwise, it MUST be absent."
            subject: (!parts.is_empty()).then_some(parts),
            key: self.key.map(key_template).transpose()?.flatten(),
            attributes,
        })
    }
}

impl WantedExtension {
    fn template(&self) -> der::Result<ExtensionTemplate> {
        let value = self.value.as_deref().map(OctetString::new).transpose()?;
        Ok(ExtensionTemplate { oid: self.oid, critical: self.critical, value })
    }
}

impl SubjectPart {
    fn template(&self) -> der::Result<SetOfVec<NameAttribute>> {
        let value = self.value.as_deref().map(|text| encode_text(self.oid, text)).transpose()?;
        SetOfVec::try_from(vec![NameAttribute { oid: self.oid, value }])
    }
}

/// The string type that RFC 5280 appendix A demands for this part of a name.
fn encode_text(oid: ObjectIdentifier, text: &str) -> der::Result<Any> {
    if PRINTABLE.contains(&oid) {
        Any::encode_from(&PrintableString::new(text)?)
    } else if IA5.contains(&oid) {
        Any::encode_from(&Ia5String::new(text)?)
    } else {
        Any::encode_from(&text.to_owned())
    }
}

fn single(oid: ObjectIdentifier, value: &impl der::Encode) -> der::Result<Attribute> {
    let value = <Any as der::Decode>::from_der(&value.to_der()?)?;
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![value])? })
}

/// RFC 9908 section 3.2: the type of the key, with the curve or the size.
fn key_attribute(kind: KeyKind) -> der::Result<Option<Attribute>> {
    Ok(match (kind, curve(kind)) {
        (_, Some(curve)) => Some(single(EC_PUBLIC_KEY, &curve)?),
        (KeyKind::Rsa { bits }, None) => Some(single(RSA_ENCRYPTION, &bits)?),
        (other, None) => plain(other).map(|oid| Attribute { oid, values: SetOfVec::new() }),
    })
}

fn key_template(kind: KeyKind) -> der::Result<Option<KeyTemplate>> {
    let algorithm =
        |oid, parameters| KeyTemplate { algorithm: AlgorithmIdentifierOwned { oid, parameters }, public_key: None };
    Ok(match (kind, curve(kind)) {
        (_, Some(curve)) => Some(algorithm(EC_PUBLIC_KEY, Some(Any::encode_from(&curve)?))),
        (KeyKind::Rsa { bits }, None) => Some(KeyTemplate::rsa(bits)?),
        (other, None) => plain(other).map(|oid| algorithm(oid, None)),
    })
}

fn curve(kind: KeyKind) -> Option<ObjectIdentifier> {
    match kind {
        KeyKind::P256 => Some(SECP256R1),
        KeyKind::P384 => Some(SECP384R1),
        KeyKind::P521 => Some(SECP521R1),
        _ => None,
    }
}

/// Kinds of keys that are told by their algorithm alone (RFC 8410, RFC 9881).
fn plain(kind: KeyKind) -> Option<ObjectIdentifier> {
    match kind {
        KeyKind::Ed25519 => Some(ED25519),
        KeyKind::MlDsa44 => Some(ML_DSA_44),
        KeyKind::MlDsa65 => Some(ML_DSA_65),
        KeyKind::MlDsa87 => Some(ML_DSA_87),
        _ => None,
    }
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const EC_PUBLIC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = oid("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = oid("1.3.132.0.35");
const ED25519: ObjectIdentifier = oid("1.3.101.112");
const ML_DSA_44: ObjectIdentifier = oid("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = oid("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = oid("2.16.840.1.101.3.4.3.19");

/// countryName, serialNumber, dnQualifier.
const PRINTABLE: [ObjectIdentifier; 3] = [oid("2.5.4.6"), oid("2.5.4.5"), oid("2.5.4.46")];

/// emailAddress, domainComponent.
const IA5: [ObjectIdentifier; 2] = [oid("1.2.840.113549.1.9.1"), oid("0.9.2342.19200300.100.1.25")];

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
    const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");
    const SUBJECT_ALT_NAME: ObjectIdentifier = oid("2.5.29.17");
    const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");

    fn written(draft: &CsrAttrsDraft) -> CsrAttrs {
        CsrAttrs::from_der(&draft.build().unwrap().to_der().unwrap()).unwrap()
    }

    fn full(key: Option<KeyKind>) -> CsrAttrsDraft {
        CsrAttrsDraft {
            key,
            signature: Some(oid("1.2.840.10045.4.3.2")),
            extensions: vec![
                WantedExtension { oid: SUBJECT_ALT_NAME, critical: false, value: None },
                WantedExtension { oid: KEY_USAGE, critical: true, value: Some(vec![3, 2, 7, 0x80]) },
            ],
            subject: vec![
                SubjectPart { oid: COMMON_NAME, value: None },
                SubjectPart { oid: ORGANIZATION, value: Some("B\u{fc}ro".into()) },
            ],
            challenges: vec![Challenge::Password],
            list_only: false,
        }
    }

    #[test]
    fn a_draft_of_nothing_is_the_empty_sequence() {
        assert_eq!(CsrAttrsDraft::default().build().unwrap().to_der(), Ok(vec![0x30, 0]));
    }

    #[test]
    fn a_list_of_key_and_hash_is_the_example_of_rfc_9908_section_5_4() {
        let draft = CsrAttrsDraft {
            key: Some(KeyKind::Rsa { bits: 4096 }),
            signature: Some(oid("1.2.840.113549.1.1.11")),
            challenges: vec![Challenge::Password],
            list_only: true,
            ..CsrAttrsDraft::default()
        };
        let wanted = STANDARD.decode("MCkGCSqGSIb3DQEJBzARBgkqhkiG9w0BAQExBAICEAAGCSqGSIb3DQEBCw==").unwrap();
        assert_eq!(draft.build().unwrap().to_der(), Ok(wanted));
    }

    #[test]
    fn old_clients_find_everything_in_the_list() {
        let attrs = written(&full(Some(KeyKind::P384)));
        for wanted in [
            Challenge::Password.oid(),
            EC_PUBLIC_KEY,
            SUBJECT_ALT_NAME,
            COMMON_NAME,
            oid("1.2.840.10045.4.3.2"),
            TEMPLATE,
        ] {
            assert!(attrs.asks_for(wanted), "{wanted}");
        }
        // RFC 9908 section 3.2: with the curve.
        let curve = attrs.0.iter().find_map(|element| match element {
            AttrOrOid::Attribute(attribute) if attribute.oid == EC_PUBLIC_KEY => Some(attribute.values.as_slice()),
            _ => None,
        });
        assert_eq!(curve.unwrap(), [der::Any::encode_from(&oid("1.3.132.0.34")).unwrap()]);
        let extensions = attrs.extensions().unwrap();
        assert_eq!(extensions.len(), 1);
        assert!(extensions[0].critical && extensions[0].oid == KEY_USAGE);
    }

    #[test]
    fn new_clients_find_everything_in_the_template() {
        let template = written(&full(Some(KeyKind::P384))).template().unwrap().unwrap();
        let subject = template.subject.as_deref().unwrap();
        assert_eq!(subject.len(), 2);
        assert_eq!(subject[0].as_slice()[0].value, None);
        assert_eq!(subject[1].as_slice()[0].text().as_deref(), Some("B\u{fc}ro"));
        let extensions = template.extensions().unwrap();
        assert_eq!(extensions.iter().map(|e| e.value.is_some()).collect::<Vec<_>>(), [false, true]);
        // Not all are given, so they stand in a template of their own.
        assert!(!template.attributes.iter().any(|attribute| attribute.oid == EXTENSION_REQUEST));
        assert!(template.attributes.iter().any(|attribute| attribute.oid == Challenge::Password.oid()));
        assert_eq!(template.key.unwrap().algorithm.oid, EC_PUBLIC_KEY);
    }

    #[test]
    fn extensions_that_are_all_given_need_no_template_of_their_own() {
        let mut draft = full(None);
        draft.extensions.remove(0);
        let template = written(&draft).template().unwrap().unwrap();
        assert!(template.attributes.iter().any(|attribute| attribute.oid == EXTENSION_REQUEST));
        assert_eq!(template.key, None);
    }

    #[test]
    fn an_rsa_size_is_told_by_a_placeholder_key() {
        for bits in [2048, 3072, 4096] {
            let template = written(&full(Some(KeyKind::Rsa { bits }))).template().unwrap().unwrap();
            let placeholder = template.key.unwrap().public_key.unwrap();
            let modulus = <Placeholder as der::Decode>::from_der(placeholder.raw_bytes()).unwrap().modulus;
            assert_eq!(modulus.as_bytes().len() * 8, usize::try_from(bits).unwrap());
            assert!(modulus.as_bytes()[0] & 0x80 != 0);
        }
    }

    #[test]
    fn keys_without_parameters_are_told_by_their_algorithm() {
        for (kind, algorithm) in [(KeyKind::Ed25519, ED25519), (KeyKind::MlDsa65, ML_DSA_65)] {
            let attrs = written(&full(Some(kind)));
            assert!(attrs.asks_for(algorithm));
            assert_eq!(attrs.template().unwrap().unwrap().key.unwrap().algorithm.oid, algorithm);
        }
    }

    #[test]
    fn a_text_that_its_type_cannot_hold_is_refused() {
        let subject = vec![SubjectPart { oid: oid("2.5.4.6"), value: Some("\u{d6}".into()) }];
        assert!(CsrAttrsDraft { subject, ..CsrAttrsDraft::default() }.build().is_err());
    }

    #[derive(der::Sequence)]
    struct Placeholder {
        modulus: der::asn1::Uint,
        exponent: u32,
    }
}
