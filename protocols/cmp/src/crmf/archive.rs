//! What becomes of the private key: the pkiArchiveOptions control (RFC 4211 section 6.4).

use super::{CertReqMsg, Popo, PrivateKeyProof};
use crate::asn1::{self, Element};
use crate::encrypted::EncryptedKey;
use crate::fault::Fault;
use crate::oid;

/// ```text
/// PKIArchiveOptions ::= CHOICE {
///    encryptedPrivKey     [0] EncryptedKey,
///    keyGenParameters     [1] KeyGenParameters,
///    archiveRemGenPrivKey [2] BOOLEAN }
/// KeyGenParameters ::= OCTET STRING
/// ```
///
/// The module has IMPLICIT TAGS, but `EncryptedKey` is a CHOICE.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ArchiveOptions {
    /// The private key, to be archived.
    EncryptedPrivateKey(EncryptedKey),
    /// What the private key can be made of again.
    KeyGenParameters(Vec<u8>),
    /// Whether a key that is generated for the requester shall be archived.
    ArchiveGenerated(bool),
}

impl CertReqMsg {
    /// What shall become of the private key, if that is said.
    ///
    /// # Errors
    /// badDataFormat when the control is not what the ASN.1 says.
    pub fn archive_options(&self) -> Result<Option<ArchiveOptions>, Fault> {
        let control = self.controls.iter().find(|found| found.oid == oid::PKI_ARCHIVE_OPTIONS);
        control.map(|control| ArchiveOptions::read(&control.value)).transpose()
    }
}

impl CertReqMsg {
    /// Whether the message needs pvno 3: for `EnvelopedData` and agreeMAC (RFC 9810 section 7).
    pub(crate) fn needs_pvno_3(&self) -> Result<bool, Fault> {
        let archived =
            matches!(self.archive_options()?, Some(ArchiveOptions::EncryptedPrivateKey(EncryptedKey::Enveloped(_))));
        let Some(Popo::KeyEncipherment(proof) | Popo::KeyAgreement(proof)) = &self.popo else {
            return Ok(archived);
        };
        Ok(archived || matches!(proof, PrivateKeyProof::AgreeMac(_) | PrivateKeyProof::EncryptedKey(_)))
    }
}

impl ArchiveOptions {
    fn read(der: &[u8]) -> Result<Self, Fault> {
        let element = Element::only(der, WHAT)?;
        Ok(match (element.number(), element.value) {
            (Some(0), _) => Self::EncryptedPrivateKey(EncryptedKey::parse(element.explicit(WHAT)?)?),
            (Some(1), octets) => Self::KeyGenParameters(octets.to_vec()),
            (Some(2), [0]) => Self::ArchiveGenerated(false),
            (Some(2), [0xFF]) => Self::ArchiveGenerated(true),
            _ => return Err(Fault::format("PKIArchiveOptions: not one of its choices")),
        })
    }

    /// The value of the control (DER).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::EncryptedPrivateKey(key) => asn1::context(0, &[&key.encode()]),
            Self::KeyGenParameters(octets) => asn1::element(0x81, &[octets]),
            Self::ArchiveGenerated(archive) => asn1::element(0x82, &[if *archive { &[0xFF] } else { &[0] }]),
        }
    }
}

const WHAT: &str = "PKIArchiveOptions";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crmf::{self, CertTemplateDraft, Control};
    use crate::status::FailureInfo;

    fn with(value: Vec<u8>) -> CertReqMsg {
        let controls = [Control { oid: oid::PKI_ARCHIVE_OPTIONS, value }];
        let request = crmf::request_with(0, &CertTemplateDraft::default(), &controls);
        CertReqMsg::parse(&crmf::message(&request, None)).unwrap()
    }

    #[test]
    fn every_choice_comes_back() {
        let encrypted = asn1::sequence(&[&asn1::bit_string(&[1])]);
        let encrypted = EncryptedKey::parse(Element::only(&encrypted, "test").unwrap()).unwrap();
        let all = [
            ArchiveOptions::EncryptedPrivateKey(encrypted),
            ArchiveOptions::KeyGenParameters(vec![1, 2]),
            ArchiveOptions::ArchiveGenerated(true),
            ArchiveOptions::ArchiveGenerated(false),
        ];
        for options in all {
            assert_eq!(with(options.encode()).archive_options().unwrap(), Some(options));
        }
        let none = CertReqMsg::parse(&crmf::message(&crmf::request(0, &CertTemplateDraft::default()), None)).unwrap();
        assert_eq!(none.archive_options().unwrap(), None);
        for odd in [vec![0x82, 1, 7], vec![0x83, 0], asn1::NULL.to_vec()] {
            assert_eq!(with(odd).archive_options().unwrap_err().failure, FailureInfo::BAD_DATA_FORMAT);
        }
    }
}
