//! Proofs of possession for keys that do not sign (RFC 4211 sections 4.2 and 4.3).

use der::Tag;

use crate::asn1::{self, Element};
use crate::encrypted::EnvelopedData;
use crate::fault::Fault;

/// ```text
/// POPOPrivKey ::= CHOICE {
///     thisMessage       [0] BIT STRING,   -- deprecated
///     subsequentMessage [1] SubsequentMessage,
///     dhMAC             [2] BIT STRING,   -- deprecated
///     agreeMAC          [3] PKMACValue,
///     encryptedKey      [4] EnvelopedData }
/// ```
///
/// The module has IMPLICIT TAGS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PrivateKeyProof {
    /// The encrypted private key.
    ThisMessage(Vec<u8>),
    /// Proof comes later.
    SubsequentMessage(SubsequentMessage),
    /// A MAC by the agreed key.
    DhMac(Vec<u8>),
    /// A MAC by the agreed key.
    AgreeMac(MacValue),
    /// The encrypted private key.
    EncryptedKey(EnvelopedData),
}

/// ```text
/// SubsequentMessage ::= INTEGER { encrCert (0), challengeResp (1) }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SubsequentMessage {
    /// The certificate is to be encrypted to its key.
    EncryptedCertificate,
    /// A challenge is to be sent.
    ChallengeResponse,
}

/// ```text
/// PKMACValue ::= SEQUENCE {
///     algId  AlgorithmIdentifier,
///     value  BIT STRING }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MacValue {
    /// `AlgorithmIdentifier` (DER).
    pub algorithm: Vec<u8>,
    /// The MAC.
    pub value: Vec<u8>,
}

impl PrivateKeyProof {
    pub(super) fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let bits = || element.retagged(Tag::BitString).bit_octets(WHAT);
        Ok(match element.number() {
            Some(0) => Self::ThisMessage(bits()?),
            Some(1) => Self::SubsequentMessage(match element.value {
                [0] => SubsequentMessage::EncryptedCertificate,
                [1] => SubsequentMessage::ChallengeResponse,
                _ => return Err(Fault::format("SubsequentMessage: neither encrCert nor challengeResp")),
            }),
            Some(2) => Self::DhMac(bits()?),
            Some(3) => Self::AgreeMac(MacValue::inside(element.implicit_sequence("PKMACValue")?)?),
            Some(4) => Self::EncryptedKey(EnvelopedData::inside(element.implicit_sequence("EnvelopedData")?)?),
            _ => return Err(Fault::format("POPOPrivKey: not one of its choices")),
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::ThisMessage(bits) => asn1::element(0x80, &[&[0], bits]),
            Self::SubsequentMessage(SubsequentMessage::EncryptedCertificate) => asn1::element(0x81, &[&[0]]),
            Self::SubsequentMessage(SubsequentMessage::ChallengeResponse) => asn1::element(0x81, &[&[1]]),
            Self::DhMac(bits) => asn1::element(0x82, &[&[0], bits]),
            Self::AgreeMac(mac) => asn1::implicit(3, &mac.encode()),
            Self::EncryptedKey(data) => data.encode_implicit(4),
        }
    }
}

impl MacValue {
    pub(super) fn inside(mut fields: asn1::Fields<'_>) -> Result<Self, Fault> {
        let algorithm = fields.required()?;
        let value = fields.required()?.bit_octets("PKMACValue")?;
        fields.end()?;
        asn1::parse_algorithm(algorithm.der, "PKMACValue")?;
        Ok(Self { algorithm: algorithm.der.to_vec(), value })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[&self.algorithm, &asn1::bit_string(&self.value)])
    }
}

const WHAT: &str = "POPOPrivKey";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(der: &[u8]) -> Result<PrivateKeyProof, Fault> {
        PrivateKeyProof::parse(Element::only(der, "test")?)
    }

    #[test]
    fn every_choice_has_its_implicit_tag_and_comes_back() {
        let algorithm = asn1::sequence(&[&[6, 3, 0x2A, 3, 4]]);
        let content = asn1::sequence(&[&[6, 3, 0x2A, 3, 4], &algorithm]);
        let recipients = asn1::element(0x31, &[&[0x30, 0]]);
        let envelope = asn1::context(4, &[&asn1::integer(2), &recipients, &content]);
        let mac = asn1::context(3, &[&algorithm, &asn1::bit_string(&[7])]);
        let all: [&[u8]; 6] = [&[0x80, 2, 0, 5], &[0x81, 1, 0], &[0x81, 1, 1], &[0x82, 2, 0, 6], &mac, &envelope];
        for der in all {
            assert_eq!(read(der).unwrap().encode(), der);
        }
        assert_eq!(read(all[0]).unwrap(), PrivateKeyProof::ThisMessage(vec![5]));
        let later = PrivateKeyProof::SubsequentMessage(SubsequentMessage::EncryptedCertificate);
        assert_eq!(read(all[1]).unwrap(), later);
        assert!(matches!(read(&mac).unwrap(), PrivateKeyProof::AgreeMac(mac) if mac.value == [7]));
    }

    #[test]
    fn other_choices_are_refused() {
        let all: [&[u8]; 5] = [&[0x81, 1, 2], &[0x81, 0], &[0x85, 0], &[0x30, 0], &[0xA3, 0]];
        for der in all {
            assert!(read(der).is_err(), "{der:02x?}");
        }
    }
}
