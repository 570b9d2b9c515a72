//! A certificate and its key, as they are handed out (RFC 9810 sections 5.2.4 and 5.3.4).

use der::Tag;

use crate::asn1::{self, Element};
use crate::encrypted::EncryptedKey;
use crate::fault::Fault;

/// ```text
/// CertifiedKeyPair ::= SEQUENCE {
///     certOrEncCert       CertOrEncCert,
///     privateKey      [0] EncryptedKey        OPTIONAL,
///     publicationInfo [1] PKIPublicationInfo  OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertifiedKeyPair {
    /// The certificate.
    pub certificate: CertOrEncCert,
    /// The key, when the authority has made it (RFC 9483 section 4.1.6).
    pub private_key: Option<EncryptedKey>,
    /// Where the certificate shall be published.
    pub publication_info: Option<PublicationInfo>,
}

/// ```text
/// CertOrEncCert ::= CHOICE {
///     certificate     [0] CMPCertificate,
///     encryptedCert   [1] EncryptedKey }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CertOrEncCert {
    /// The certificate (DER).
    Certificate(Vec<u8>),
    /// The certificate, encrypted to the key that is in it: a proof of possession (RFC 9810 section
    /// 5.2.8.3.2).
    Encrypted(EncryptedKey),
}

/// ```text
/// PKIPublicationInfo ::= SEQUENCE {
///    action     INTEGER { dontPublish (0), pleasePublish (1) },
///    pubInfos  SEQUENCE SIZE (1..MAX) OF SinglePubInfo OPTIONAL }
/// SinglePubInfo ::= SEQUENCE {
///    pubMethod    INTEGER { dontCare (0), x500 (1), web (2), ldap (3) },
///    pubLocation  GeneralName OPTIONAL }
/// ```
///
/// RFC 4211 section 6.3.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicationInfo {
    /// Whether to publish.
    pub action: i64,
    /// How, and where: a `GeneralName` (DER).
    pub places: Vec<(i64, Option<Vec<u8>>)>,
}

impl CertifiedKeyPair {
    /// A certificate (DER) and nothing else.
    #[must_use]
    pub fn plain(certificate: Vec<u8>) -> Self {
        Self { certificate: CertOrEncCert::Certificate(certificate), private_key: None, publication_info: None }
    }

    pub(crate) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("CertifiedKeyPair")?;
        let certificate = CertOrEncCert::parse(fields.required()?)?;
        let private_key = fields.explicit(0)?;
        let publication_info = fields.explicit(1)?;
        fields.end()?;
        Ok(Self {
            certificate,
            private_key: private_key.map(EncryptedKey::parse).transpose()?,
            publication_info: publication_info.map(PublicationInfo::parse).transpose()?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let certificate = match &self.certificate {
            CertOrEncCert::Certificate(der) => asn1::context(0, &[der]),
            CertOrEncCert::Encrypted(key) => asn1::context(1, &[&key.encode()]),
        };
        let key = self.private_key.as_ref().map(EncryptedKey::encode);
        let publication = self.publication_info.as_ref().map(PublicationInfo::encode);
        asn1::sequence(&[&certificate, &asn1::explicit(0, key.as_deref()), &asn1::explicit(1, publication.as_deref())])
    }
}

impl CertOrEncCert {
    fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let inner = element.explicit("CertOrEncCert")?;
        match element.number() {
            Some(0) => Ok(Self::Certificate(inner.der.to_vec())),
            Some(1) => Ok(Self::Encrypted(EncryptedKey::parse(inner)?)),
            _ => Err(Fault::format("CertOrEncCert: neither certificate nor encryptedCert")),
        }
    }
}

impl PublicationInfo {
    fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence(PUBLICATION)?;
        let action = fields.required()?.integer(PUBLICATION)?;
        let places = fields.optional(Tag::Sequence)?;
        fields.end()?;
        let place = |place: Element<'_>| {
            let mut fields = place.sequence(PUBLICATION)?;
            let method = fields.required()?.integer(PUBLICATION)?;
            let location = if fields.is_empty() { None } else { Some(fields.required()?.der.to_vec()) };
            fields.end()?;
            Ok((method, location))
        };
        let places = places.map_or(Ok(Vec::new()), |places| places.sequence(PUBLICATION)?.each(PLACES, place))?;
        Ok(Self { action, places })
    }

    fn encode(&self) -> Vec<u8> {
        let place = |(method, location): &(i64, Option<Vec<u8>>)| {
            asn1::sequence(&[&asn1::integer(*method), location.as_deref().unwrap_or_default()])
        };
        let places = (!self.places.is_empty()).then(|| asn1::sequence_of(self.places.iter().map(place)));
        asn1::sequence(&[&asn1::integer(self.action), places.as_deref().unwrap_or_default()])
    }
}

const PUBLICATION: &str = "PKIPublicationInfo";

/// More than there are ways.
const PLACES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::general_name;
    use crate::sample::name;

    /// An `EncryptedValue` of nothing.
    fn encrypted() -> EncryptedKey {
        EncryptedKey::parse(Element::only(&asn1::sequence(&[&asn1::bit_string(&[])]), "test").unwrap()).unwrap()
    }

    #[test]
    fn every_field_comes_back() {
        let info = PublicationInfo { action: 1, places: vec![(3, None), (2, Some(general_name(&name("CN=shop"))))] };
        let full = CertifiedKeyPair {
            certificate: CertOrEncCert::Encrypted(encrypted()),
            private_key: Some(encrypted()),
            publication_info: Some(info),
        };
        let silent = PublicationInfo { action: 0, places: Vec::new() };
        let plain = CertifiedKeyPair::plain(asn1::sequence(&[]));
        let hidden = CertifiedKeyPair { publication_info: Some(silent), ..plain.clone() };
        for pair in [full, plain, hidden] {
            let der = pair.encode();
            assert_eq!(CertifiedKeyPair::parse(Element::only(&der, "test").unwrap()).unwrap(), pair);
        }
    }

    #[test]
    fn there_is_a_certificate_in_a_pair() {
        let key = asn1::sequence(&[&asn1::context(2, &[&asn1::sequence(&[])])]);
        assert!(CertifiedKeyPair::parse(Element::only(&key, "test").unwrap()).is_err());
        assert!(CertifiedKeyPair::parse(Element::only(&asn1::sequence(&[]), "test").unwrap()).is_err());
    }
}
