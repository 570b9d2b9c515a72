//! CertTemplate (RFC 4211 section 5).

use certs::{AltName, Extension, KeyUsage, Millis, Name, PublicKey};
use der::Tag;
use der::asn1::ObjectIdentifier;

use super::compose::encode_validity;
use crate::asn1::{self, Element, Fields};
use crate::fault::Fault;
use crate::status::FailureInfo;

/// ```text
/// CertTemplate ::= SEQUENCE {
///  version      [0] Version               OPTIONAL,
///  serialNumber [1] INTEGER               OPTIONAL,
///  signingAlg   [2] AlgorithmIdentifier   OPTIONAL,
///  issuer       [3] Name                  OPTIONAL,
///  validity     [4] OptionalValidity      OPTIONAL,
///  subject      [5] Name                  OPTIONAL,
///  publicKey    [6] SubjectPublicKeyInfo  OPTIONAL,
///  issuerUID    [7] UniqueIdentifier      OPTIONAL,
///  subjectUID   [8] UniqueIdentifier      OPTIONAL,
///  extensions   [9] Extensions            OPTIONAL }
/// ```
///
/// The module has IMPLICIT TAGS, but Name is a CHOICE and so tagged explicitly.
#[derive(Clone, Debug)]
pub struct CertTemplate {
    /// As received.
    pub der: Vec<u8>,
    /// The version as the INTEGER says: 2 means v3.
    pub version: Option<u8>,
    /// Content octets of the serial number.
    pub serial: Option<Vec<u8>>,
    /// signingAlg (DER, with its context tag), as received; "MUST be omitted" (RFC 4211 section 5).
    pub signing_alg: Option<Vec<u8>>,
    /// The issuer.
    pub issuer: Option<Name>,
    /// notBefore and notAfter.
    pub validity: Option<(Option<Millis>, Option<Millis>)>,
    /// The subject.
    pub subject: Option<Name>,
    /// `SubjectPublicKeyInfo` (DER, with the tag of a SEQUENCE), even of a key we do not know.
    pub public_key_der: Option<Vec<u8>>,
    /// The key, when it is there and of a kind we know.
    pub public_key: Option<PublicKey>,
    /// issuerUID (DER, with its context tag), as received.
    pub issuer_uid: Option<Vec<u8>>,
    /// subjectUID (DER, with its context tag), as received.
    pub subject_uid: Option<Vec<u8>>,
    /// All extensions.
    pub extensions: Vec<Extension>,
}

impl CertTemplate {
    /// Reads one `CertTemplate` (DER).
    ///
    /// # Errors
    /// badDataFormat when it is none.
    pub fn read(der: &[u8]) -> Result<Self, Fault> {
        Self::parse(Element::only(der, "CertTemplate")?)
    }

    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("CertTemplate")?;
        let version = fields.context(0)?;
        let serial = fields.context(1)?;
        let signing_alg = fields.context(2)?;
        let issuer = fields.explicit(3)?;
        let validity = fields.context(4)?;
        let subject = fields.explicit(5)?;
        let public_key = fields.context(6)?;
        let issuer_uid = fields.context(7)?;
        let subject_uid = fields.context(8)?;
        let extensions = fields.context(9)?;
        fields.end()?;
        let name = |element: Option<Element<'_>>| element.map(|name| Name::parse(name.der)).transpose();
        let der = |element: Option<Element<'_>>| element.map(|element| element.der.to_vec());
        let public_key_der = public_key.map(|key| asn1::sequence(&[key.value]));
        Ok(Self {
            der: element.der.to_vec(),
            version: version.map(|version| version.value.first().copied().unwrap_or(u8::MAX)),
            serial: serial.map(|serial| asn1::serial(serial.value, "serialNumber")).transpose()?,
            signing_alg: der(signing_alg),
            issuer: name(issuer)?,
            validity: validity.map(parse_validity).transpose()?,
            subject: name(subject)?,
            // A key that we do not know is no format fault: it is refused by name later.
            public_key: public_key_der.as_deref().and_then(|spki| PublicKey::parse(spki).ok()),
            public_key_der,
            issuer_uid: der(issuer_uid),
            subject_uid: der(subject_uid),
            extensions: match extensions {
                Some(extensions) => Extension::parse_all(&asn1::sequence(&[extensions.value]))?,
                None => Vec::new(),
            },
        })
    }

    /// DER from the values alone.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let raw = |der: &Option<Vec<u8>>| der.clone().unwrap_or_default();
        let name = |tag, name: &Option<Name>| asn1::explicit(tag, name.as_ref().map(Name::der));
        let version = self.version.map(|version| asn1::element(0x80, &[&[version]]));
        let serial = self.serial.as_deref().map(|serial| asn1::element(0x81, &[serial]));
        let key = self.public_key_der.as_deref().map(|key| asn1::implicit(6, key));
        let extensions =
            (!self.extensions.is_empty()).then(|| asn1::implicit(9, &Extension::encode_all(&self.extensions)));
        asn1::sequence(&[
            &version.unwrap_or_default(),
            &serial.unwrap_or_default(),
            &raw(&self.signing_alg),
            &name(3, &self.issuer),
            &self.validity.map(encode_validity).unwrap_or_default(),
            &name(5, &self.subject),
            &key.unwrap_or_default(),
            &raw(&self.issuer_uid),
            &raw(&self.subject_uid),
            &extensions.unwrap_or_default(),
        ])
    }

    /// Whether a centrally generated key is asked for: there is no publicKey, or one without bits
    /// that tells the kind (RFC 9483 section 4.1.6).
    #[must_use]
    pub fn asks_for_key(&self) -> bool {
        self.public_key_der.as_deref().is_none_or(is_empty_key)
    }

    /// The key to be certified.
    ///
    /// # Errors
    /// badCertTemplate when there is none (which asks for a centrally generated key,
    /// RFC 9483 section 4.1.6) or we do not know its kind.
    pub fn key(&self) -> Result<&PublicKey, Fault> {
        let bad = |text: String| Fault::new(FailureInfo::BAD_CERT_TEMPLATE, text);
        match (&self.public_key, &self.public_key_der) {
            (Some(key), _) => Ok(key),
            (None, Some(spki)) if !is_empty_key(spki) => Err(bad(match PublicKey::parse(spki) {
                Ok(_) => "the public key is not usable".to_owned(),
                Err(fault) => fault.to_string(),
            })),
            _ => Err(bad("the template has no public key; keys are not generated here".to_owned())),
        }
    }

    /// The alternative names asked for.
    ///
    /// # Errors
    /// badDataFormat when the extension is malformed.
    pub fn alt_names(&self) -> Result<Vec<AltName>, Fault> {
        match self.extension(certs::oid::SUBJECT_ALT_NAME) {
            Some(found) => Ok(AltName::parse_all(&found.value)?),
            None => Ok(Vec::new()),
        }
    }

    /// The key usage asked for.
    ///
    /// # Errors
    /// badDataFormat when the extension is malformed.
    pub fn key_usage(&self) -> Result<Option<KeyUsage>, Fault> {
        let Some(found) = self.extension(certs::oid::KEY_USAGE) else {
            return Ok(None);
        };
        let (octets, _) = Element::only(&found.value, "keyUsage")?.bits("keyUsage")?;
        let octet = |index: usize| u16::from(octets.get(index).copied().unwrap_or(0).reverse_bits());
        Ok(Some(KeyUsage::from_bits(octet(0) | octet(1) << 8)))
    }

    /// The extended key usages asked for.
    ///
    /// # Errors
    /// badDataFormat when the extension is malformed.
    pub fn extended_key_usages(&self) -> Result<Option<Vec<ObjectIdentifier>>, Fault> {
        let Some(found) = self.extension(certs::oid::EXTENDED_KEY_USAGE) else {
            return Ok(None);
        };
        Fields::sequence(&found.value, "extKeyUsage")?.each(PURPOSES, |purpose| purpose.oid("extKeyUsage")).map(Some)
    }

    /// One extension.
    #[must_use]
    pub fn extension(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        self.extensions.iter().find(|found| found.oid == oid)
    }
}

/// `OptionalValidity ::= SEQUENCE { notBefore [0] Time OPTIONAL, notAfter [1] Time OPTIONAL }`
fn parse_validity(element: Element<'_>) -> Result<(Option<Millis>, Option<Millis>), Fault> {
    let mut fields = element.implicit_sequence("validity")?;
    let from = fields.explicit(0)?;
    let to = fields.explicit(1)?;
    fields.end()?;
    let time = |element: Option<Element<'_>>| element.map(|time| time.time("validity")).transpose();
    Ok((time(from)?, time(to)?))
}

/// Whether subjectPublicKey has no bits (RFC 9483 section 4.1.6).
fn is_empty_key(spki: &[u8]) -> bool {
    let bits = || -> Result<bool, Fault> {
        let mut fields = Fields::sequence(spki, "publicKey")?;
        fields.optional(Tag::Sequence)?;
        Ok(fields.required()?.bits("publicKey")?.0.is_empty())
    };
    bits().unwrap_or(false)
}

/// More purposes than a certificate has.
const PURPOSES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crmf::{self, CertReqMsg, CertTemplateDraft, Control};
    use crate::sample::{Key, name};
    use certs::Signer;

    fn read(draft: &CertTemplateDraft) -> CertTemplate {
        CertTemplate::parse(Element::only(&draft.encode(), "test").unwrap()).unwrap()
    }

    #[test]
    fn a_template_comes_back() {
        let key = Key::new();
        let names = vec![AltName::Dns("device.example".to_owned())];
        let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_AGREEMENT | KeyUsage::DECIPHER_ONLY;
        let draft = CertTemplateDraft {
            serial: Some(vec![0, 0x80]),
            issuer: Some(name("CN=authority")),
            // 1970 is before, and 2070 after, what UTCTime can say without doubt.
            validity: Some((Some(Millis(1000)), Some(Millis::from_seconds(3_155_760_000)))),
            subject: Some(name("CN=device")),
            public_key: Some(key.public_key().clone()),
            extensions: vec![
                Extension::subject_alt_name(&names, false),
                Extension::key_usage(usage),
                Extension::extended_key_usage(&[certs::oid::CLIENT_AUTH]),
            ],
        };
        let template = read(&draft);
        assert_eq!(template.serial, draft.serial);
        assert_eq!(template.issuer, draft.issuer);
        assert_eq!(template.validity, draft.validity);
        assert_eq!(template.subject, draft.subject);
        assert_eq!(template.key().unwrap(), key.public_key());
        assert_eq!(template.extensions, draft.extensions);
        assert_eq!(template.alt_names().unwrap(), names);
        assert_eq!(template.key_usage().unwrap(), Some(usage));
        let purposes = template.extended_key_usages().unwrap();
        assert_eq!(purposes, Some(vec![certs::oid::CLIENT_AUTH]));
    }

    #[test]
    fn an_empty_template_asks_for_nothing() {
        let template = read(&CertTemplateDraft::default());
        assert_eq!(template.der, [0x30, 0]);
        assert!(template.subject.is_none() && template.validity.is_none());
        assert_eq!(template.key().unwrap_err().failure, FailureInfo::BAD_CERT_TEMPLATE);
        assert_eq!(template.alt_names().unwrap(), []);
    }

    #[test]
    fn a_key_of_unknown_kind_is_a_fault_of_the_template() {
        // X25519, which cannot sign.
        let spki = asn1::context(6, &[&asn1::sequence(&[&[6, 3, 0x2B, 0x65, 0x6E]]), &asn1::bit_string(&[1; 32])]);
        let der = asn1::sequence(&[&spki]);
        let template = CertTemplate::parse(Element::only(&der, "test").unwrap()).unwrap();
        assert!(template.public_key.is_none() && template.public_key_der.is_some());
        assert_eq!(template.key().unwrap_err().failure, FailureInfo::BAD_CERT_TEMPLATE);
    }

    #[test]
    fn the_certificate_to_be_updated_comes_back() {
        let draft = CertTemplateDraft::default();
        let controls = [Control::old_cert_id(&name("CN=authority"), &[0x17])];
        let request = crmf::request_with(0, &draft, &controls);
        let message = CertReqMsg::parse(&crmf::message(&request, None)).unwrap();
        assert_eq!(message.controls, controls);
        assert_eq!(message.old_cert_id().unwrap(), Some((name("CN=authority"), vec![0x17])));
        let plain = CertReqMsg::parse(&crmf::message(&crmf::request(0, &draft), None)).unwrap();
        assert_eq!(plain.old_cert_id().unwrap(), None);
    }
}
