//! Encrypted values, such as private keys (RFC 9810 section 5.2.2). They are for others: read as far
//! as it can be told for whom they are, and handed on untouched.

/// What was used before CMS.
mod value;

use der::asn1::ObjectIdentifier;
use der::{Tag, TagNumber};

pub use value::EncryptedValue;

use crate::asn1::{self, Element, Fields};
use crate::fault::Fault;

/// ```text
/// EncryptedKey ::= CHOICE {
///    encryptedValue       EncryptedValue, -- deprecated
///    envelopedData    [0] EnvelopedData }
/// ```
///
/// It is of CRMF, whose module has IMPLICIT TAGS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EncryptedKey {
    /// Deprecated.
    Value(EncryptedValue),
    /// CMS; the message needs pvno 3 (RFC 9810 section 7).
    Enveloped(EnvelopedData),
}

/// ```text
/// EnvelopedData ::= SEQUENCE {
///   version CMSVersion,
///   originatorInfo [0] IMPLICIT OriginatorInfo OPTIONAL,
///   recipientInfos RecipientInfos,
///   encryptedContentInfo EncryptedContentInfo,
///   unprotectedAttrs [1] IMPLICIT UnprotectedAttributes OPTIONAL }
/// RecipientInfos ::= SET SIZE (1..MAX) OF RecipientInfo
/// EncryptedContentInfo ::= SEQUENCE {
///   contentType ContentType,
///   contentEncryptionAlgorithm ContentEncryptionAlgorithmIdentifier,
///   encryptedContent [0] IMPLICIT EncryptedContent OPTIONAL }
/// ```
///
/// RFC 5652 section 6.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EnvelopedData {
    /// The version of this syntax.
    pub version: i64,
    /// `OriginatorInfo` (DER, with its context tag).
    pub originator_info: Option<Vec<u8>>,
    /// For whom it is.
    pub recipients: Vec<RecipientInfo>,
    /// What is encrypted; id-signedData for a private key (RFC 9483 section 4.1.6).
    pub content_type: ObjectIdentifier,
    /// `AlgorithmIdentifier` (DER) of its encryption.
    pub content_algorithm: Vec<u8>,
    /// The encrypted content (DER, with its context tag).
    pub content: Option<Vec<u8>>,
    /// `UnprotectedAttributes` (DER, with its context tag).
    pub unprotected_attributes: Option<Vec<u8>>,
}

/// ```text
/// RecipientInfo ::= CHOICE {
///   ktri KeyTransRecipientInfo,
///   kari [1] KeyAgreeRecipientInfo,
///   kekri [2] KEKRecipientInfo,
///   pwri [3] PasswordRecipientInfo,
///   ori [4] OtherRecipientInfo }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecipientInfo {
    /// By what the recipient can decrypt it.
    pub kind: RecipientKind,
    /// As received.
    pub der: Vec<u8>,
}

/// By what a recipient can decrypt.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RecipientKind {
    /// A key that encrypts keys.
    KeyTransport,
    /// A key that agrees on keys.
    KeyAgreement,
    /// A secret key of old.
    KeyEncryptionKey,
    /// A password: after a request with a MAC, and only then (RFC 9483 section 4.1.6).
    Password,
    /// Another way, such as a KEM (RFC 9629).
    Other,
}

impl EncryptedKey {
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        match element.tag {
            Tag::Sequence => Ok(Self::Value(EncryptedValue::parse(element)?)),
            Tag::ContextSpecific { number: TagNumber(0), .. } => {
                Ok(Self::Enveloped(EnvelopedData::inside(element.implicit_sequence("EnvelopedData")?)?))
            }
            found => Err(Fault::format(format!("EncryptedKey: unexpected {found}"))),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Value(value) => value.encode(),
            Self::Enveloped(data) => data.encode_implicit(0),
        }
    }
}

impl EnvelopedData {
    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        Self::inside(element.sequence("EnvelopedData")?)
    }

    /// From the fields of the SEQUENCE, whatever its tag.
    pub(crate) fn inside(mut fields: Fields<'_>) -> Result<Self, Fault> {
        let der = |element: Element<'_>| element.der.to_vec();
        let version = fields.required()?.integer("CMSVersion")?;
        let originator_info = fields.context(0)?.map(der);
        let recipients = fields.required()?.set("RecipientInfos")?.each(RECIPIENTS, RecipientInfo::parse)?;
        let mut content = fields.required()?.sequence("EncryptedContentInfo")?;
        let unprotected_attributes = fields.context(1)?.map(der);
        fields.end()?;
        let content_type = content.required()?.oid("contentType")?;
        let algorithm = content.required()?;
        asn1::parse_algorithm(algorithm.der, "contentEncryptionAlgorithm")?;
        let encrypted = content.context(0)?.map(der);
        content.end()?;
        Ok(Self {
            version,
            originator_info,
            recipients,
            content_type,
            content_algorithm: algorithm.der.to_vec(),
            content: encrypted,
            unprotected_attributes,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[&self.contents()])
    }

    pub(crate) fn encode_implicit(&self, tag: u8) -> Vec<u8> {
        asn1::context(tag, &[&self.contents()])
    }

    fn contents(&self) -> Vec<u8> {
        let recipients: Vec<u8> = self.recipients.iter().flat_map(|one| one.der.iter().copied()).collect();
        let content = asn1::sequence(&[
            &asn1::object_identifier(self.content_type),
            &self.content_algorithm,
            self.content.as_deref().unwrap_or_default(),
        ]);
        [
            &asn1::integer(self.version),
            self.originator_info.as_deref().unwrap_or_default(),
            &asn1::element(0x31, &[&recipients]),
            &content,
            self.unprotected_attributes.as_deref().unwrap_or_default(),
        ]
        .concat()
    }
}

impl RecipientInfo {
    fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let kind = match element.tag {
            Tag::Sequence => RecipientKind::KeyTransport,
            Tag::ContextSpecific { number: TagNumber(1), .. } => RecipientKind::KeyAgreement,
            Tag::ContextSpecific { number: TagNumber(2), .. } => RecipientKind::KeyEncryptionKey,
            Tag::ContextSpecific { number: TagNumber(3), .. } => RecipientKind::Password,
            Tag::ContextSpecific { number: TagNumber(4), .. } => RecipientKind::Other,
            found => return Err(Fault::format(format!("RecipientInfo: unexpected {found}"))),
        };
        Ok(Self { kind, der: element.der.to_vec() })
    }
}

/// RFC 9810 section 5.2.2 wants one.
const RECIPIENTS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// An `EnvelopedData` for a password, with everything in it.
    fn enveloped(contents: &[&[u8]]) -> Vec<u8> {
        let content = asn1::sequence(&[
            &[6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 2],
            &asn1::sequence(&[&[6, 3, 0x2A, 3, 4]]),
            &asn1::element(0x80, &[b"secret"]),
        ]);
        let recipients = asn1::element(0x31, contents);
        let parts = [asn1::integer(3), asn1::context(0, &[]), recipients, content, asn1::context(1, &[&asn1::NULL])];
        parts.concat()
    }

    fn read(der: &[u8]) -> Result<EncryptedKey, Fault> {
        EncryptedKey::parse(Element::only(der, "test")?)
    }

    #[test]
    fn an_envelope_tells_for_whom_it_is_and_comes_back() {
        let recipients: [&[u8]; 5] = [&[0x30, 0], &[0xA1, 0], &[0xA2, 0], &[0xA3, 0], &[0xA4, 0]];
        let der = asn1::context(0, &[&enveloped(&recipients)]);
        let key = read(&der).unwrap();
        assert_eq!(key.encode(), der);
        let EncryptedKey::Enveloped(data) = key else { panic!("no envelope") };
        let kinds: Vec<_> = data.recipients.iter().map(|one| one.kind).collect();
        let expected = [
            RecipientKind::KeyTransport,
            RecipientKind::KeyAgreement,
            RecipientKind::KeyEncryptionKey,
            RecipientKind::Password,
            RecipientKind::Other,
        ];
        assert_eq!(kinds, expected);
        assert_eq!(data.version, 3);
        let whole = data.encode();
        assert_eq!(EnvelopedData::parse(Element::only(&whole, "test").unwrap()).unwrap(), data);
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let odd = asn1::context(0, &[&enveloped(&[&[0xA5, 0]])]);
        assert!(read(&odd).is_err());
        assert!(read(&asn1::context(1, &[&enveloped(&[&[0x30, 0]])])).is_err());
        assert!(read(&asn1::context(0, &[])).is_err());
    }
}
