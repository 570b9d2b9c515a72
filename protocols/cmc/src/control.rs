//! Controls, and what each of them means (RFC 10002 section 6).

use certs::{AltName, Millis, Name};

use crate::asn1::{self, Element, GENERALIZED_TIME, OCTET_STRING, SEQUENCE, UTF8_STRING};
use crate::data::TaggedAttribute;
use crate::proof::IdentityProofV2;
use crate::status::{BodyReference, FailInfo, StatusInfo};
use crate::{Fault, oid};

/// A control that was understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Control {
    /// statusInfo or statusInfoV2 (6.1).
    StatusInfo(StatusInfo),
    /// identification (6.2.3).
    Identification(String),
    /// identityProofV2 (6.2.1).
    IdentityProofV2(IdentityProofV2),
    /// dataReturn (6.4).
    DataReturn(Vec<u8>),
    /// transactionId (6.6): the contents octets of an INTEGER.
    TransactionId(Vec<u8>),
    /// senderNonce (6.6).
    SenderNonce(Vec<u8>),
    /// recipientNonce (6.6).
    RecipientNonce(Vec<u8>),
    /// regInfo (6.12).
    RegInfo(Vec<u8>),
    /// responseInfo (6.12).
    ResponseInfo(Vec<u8>),
    /// queryPending (6.13).
    QueryPending(Vec<u8>),
    /// popLinkRandom (6.3.1.3).
    PopLinkRandom(Vec<u8>),
    /// lraPOPWitness (6.8).
    LraPopWitness(LraPopWitness),
    /// getCert (6.9).
    GetCert(GetCert),
    /// revokeRequest (6.11).
    RevokeRequest(Box<RevokeRequest>),
    /// confirmCertAcceptance (6.14).
    ConfirmCertAcceptance(IssuerAndSerial),
    /// batchRequests (6.17): elements of cmsSequence that are requests.
    BatchRequests(Vec<u32>),
    /// batchResponses (6.17).
    BatchResponses(Vec<u32>),
    /// controlProcessed (6.19): an RA has seen to these.
    ControlProcessed(Vec<BodyReference>),
    /// raIdentityWitness (6.20): an RA has proven the identity behind this.
    RaIdentityWitness(Vec<u32>),
    /// A control of the standard that is not done here, and why.
    NotDone(&'static str, FailInfo),
    /// A control that is not of the standard.
    Unknown,
}

/// `LraPopWitness ::= SEQUENCE { pkiDataBodyid BodyPartID, bodyIds SEQUENCE OF BodyPartID }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LraPopWitness {
    /// The element of cmsSequence that holds the requests; 0 is this message.
    pub message: u32,
    /// The requests whose proof of possession the RA vouches for.
    pub requests: Vec<u32>,
}

/// `IssuerAndSerialNumber ::= SEQUENCE { issuer Name, serialNumber INTEGER }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerAndSerial {
    /// Who issued it.
    pub issuer: Name,
    /// The contents octets of the INTEGER.
    pub serial: Vec<u8>,
}

/// `GetCert ::= SEQUENCE { issuerName GeneralName, serialNumber INTEGER }`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GetCert {
    /// `GeneralName`.
    pub issuer: AltName,
    /// The contents octets of the INTEGER.
    pub serial: Vec<u8>,
}

/// ```text
/// RevokeRequest ::= SEQUENCE {
///     issuerName Name, serialNumber INTEGER, reason CRLReason, invalidityDate GeneralizedTime OPTIONAL,
///     passphrase OCTET STRING OPTIONAL, comment UTF8String OPTIONAL }
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct RevokeRequest {
    /// Which certificate.
    pub certificate: IssuerAndSerial,
    /// CRLReason.
    pub reason: u8,
    /// invalidityDate.
    pub invalidity: Option<Millis>,
    /// The secret that speaks for the lost key.
    pub passphrase: Option<Vec<u8>>,
    /// For people.
    pub comment: Option<String>,
}

impl Control {
    /// Understands a control.
    ///
    /// # Errors
    /// badRequest about the control when its value is not what the standard says.
    pub fn parse(attribute: &TaggedAttribute) -> Result<Self, Fault> {
        Self::read(attribute).map_err(|fault| fault.about(&[], attribute.id))
    }

    fn read(attribute: &TaggedAttribute) -> Result<Self, Fault> {
        if let Some((_, name, failure)) = NOT_DONE.iter().find(|(oid, ..)| *oid == attribute.oid) {
            return Ok(Self::NotDone(name, *failure));
        }
        let value = || match attribute.values.as_slice() {
            [value] => Element::only("a control", value),
            values => Err(Fault::bad_request(format!("a control has {} values instead of one", values.len()))),
        };
        Ok(match attribute.oid {
            oid::STATUS_INFO | oid::STATUS_INFO_V2 => Self::StatusInfo(StatusInfo::parse(value()?.der)?),
            oid::IDENTIFICATION => Self::Identification(value()?.utf8()?),
            oid::IDENTITY_PROOF_V2 => Self::IdentityProofV2(IdentityProofV2::parse(value()?.der)?),
            oid::DATA_RETURN => Self::DataReturn(value()?.octets()?),
            oid::TRANSACTION_ID => Self::TransactionId(value()?.integer()?),
            oid::SENDER_NONCE => Self::SenderNonce(value()?.octets()?),
            oid::RECIPIENT_NONCE => Self::RecipientNonce(value()?.octets()?),
            oid::REG_INFO => Self::RegInfo(value()?.octets()?),
            oid::RESPONSE_INFO => Self::ResponseInfo(value()?.octets()?),
            oid::QUERY_PENDING => Self::QueryPending(value()?.octets()?),
            oid::POP_LINK_RANDOM => Self::PopLinkRandom(value()?.octets()?),
            oid::LRA_POP_WITNESS => Self::LraPopWitness(LraPopWitness::parse(&value()?)?),
            oid::GET_CERT => Self::GetCert(GetCert::parse(&value()?)?),
            oid::REVOKE_REQUEST => Self::RevokeRequest(Box::new(RevokeRequest::parse(&value()?)?)),
            oid::CONFIRM_CERT_ACCEPTANCE => Self::ConfirmCertAcceptance(IssuerAndSerial::parse(&value()?)?),
            oid::BATCH_REQUESTS => Self::BatchRequests(value()?.numbers()?),
            oid::BATCH_RESPONSES => Self::BatchResponses(value()?.numbers()?),
            oid::CONTROL_PROCESSED => Self::ControlProcessed(processed(&value()?)?),
            oid::RA_IDENTITY_WITNESS => Self::RaIdentityWitness(value()?.numbers()?),
            _ => Self::Unknown,
        })
    }
}

/// `ControlsProcessed ::= SEQUENCE { bodyList SEQUENCE SIZE (1..MAX) OF BodyPartReference }`
fn processed(element: &Element<'_>) -> Result<Vec<BodyReference>, Fault> {
    let mut fields = element.sequence()?;
    let bodies = fields.take(SEQUENCE)?.fields()?.each(|body| BodyReference::parse(&body))?;
    fields.end()?;
    Ok(bodies)
}

impl LraPopWitness {
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence()?;
        let message = fields.next()?.number()?;
        let requests = fields.next()?.numbers()?;
        fields.end()?;
        Ok(Self { message, requests })
    }

    /// DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let requests: Vec<Vec<u8>> = self.requests.iter().map(|id| asn1::number(*id)).collect();
        asn1::sequence(&[&asn1::number(self.message), &asn1::sequence_of(&requests)])
    }
}

impl IssuerAndSerial {
    pub(crate) fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence()?;
        let issuer = Name::parse(fields.take(SEQUENCE)?.der)?;
        let serial = fields.next()?.integer()?;
        fields.end()?;
        Ok(Self { issuer, serial })
    }

    /// DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[self.issuer.der(), &asn1::element(asn1::INTEGER, &[&self.serial])])
    }
}

impl GetCert {
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence()?;
        let issuer = AltName::parse(fields.next()?.der)?;
        let serial = fields.next()?.integer()?;
        fields.end()?;
        Ok(Self { issuer, serial })
    }
}

impl RevokeRequest {
    fn parse(element: &Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence()?;
        let issuer = Name::parse(fields.take(SEQUENCE)?.der)?;
        let serial = fields.next()?.integer()?;
        let reason = match fields.take(ENUMERATED)?.value {
            // RFC 5280 section 5.3.1; 7 is not used.
            [reason @ (0..=6 | 8..=10)] => *reason,
            _ => return Err(Fault::bad_request("a CRLReason is none of RFC 5280 section 5.3.1")),
        };
        let invalidity = fields.take_if(GENERALIZED_TIME)?.map(|time| time.time()).transpose()?;
        let passphrase = fields.take_if(OCTET_STRING)?.map(|octets| octets.octets()).transpose()?;
        let comment = fields.take_if(UTF8_STRING)?.map(|text| text.utf8()).transpose()?;
        fields.end()?;
        Ok(Self { certificate: IssuerAndSerial { issuer, serial }, reason, invalidity, passphrase, comment })
    }

    /// DER.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[
            self.certificate.issuer.der(),
            &asn1::element(asn1::INTEGER, &[&self.certificate.serial]),
            &[ENUMERATED, 1, self.reason],
            &self.invalidity.map(asn1::time).unwrap_or_default(),
            &self.passphrase.as_deref().map(asn1::octet_string).unwrap_or_default(),
            &self.comment.as_deref().map(asn1::utf8_string).unwrap_or_default(),
        ])
    }
}

impl std::fmt::Debug for RevokeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The passphrase is a secret until the certificate is revoked.
        let mut shown = f.debug_struct("RevokeRequest");
        shown.field("certificate", &self.certificate).field("reason", &self.reason).finish_non_exhaustive()
    }
}

const ENUMERATED: u8 = 0x0a;

/// Controls of the standard that are recognised and refused.
const NOT_DONE: [(certs::ObjectIdentifier, &str, FailInfo); 12] = [
    // By SHA-1 (section 6.2.2).
    (oid::IDENTITY_PROOF, "identityProof is of SHA-1; use identityProofV2", FailInfo::BAD_ALG),
    (oid::POP_LINK_WITNESS, "popLinkWitness belongs into a certification request", FailInfo::BAD_REQUEST),
    (oid::POP_LINK_WITNESS_V2, "popLinkWitnessV2 belongs into a certification request", FailInfo::BAD_REQUEST),
    // Section 6.5.2: what cannot add the extensions says unsupportedExt.
    (oid::ADD_EXTENSIONS, "addExtensions is not supported: ask in the request", FailInfo::UNSUPPORTED_EXT),
    (oid::MOD_CERT_TEMPLATE, "modCertTemplate is not supported: ask in the request", FailInfo::BAD_REQUEST),
    (oid::ENCRYPTED_POP, "encryptedPOP comes from the server only", FailInfo::BAD_REQUEST),
    // Section 6.7: the answer to a challenge that was never given.
    (oid::DECRYPTED_POP, "decryptedPOP answers no challenge of ours", FailInfo::POP_FAILED),
    (oid::GET_CRL, "getCRL is not supported: see the CRL distribution points", FailInfo::BAD_REQUEST),
    (oid::TRUSTED_ANCHORS, "trustedAnchors comes from the server only", FailInfo::BAD_REQUEST),
    (oid::AUTH_DATA, "authData is not supported", FailInfo::AUTH_DATA_FAIL),
    (oid::PUBLISH_CERT, "publishCert is not supported", FailInfo::BAD_REQUEST),
    (oid::RESPONSE_BODY, "responseBody is not supported", FailInfo::BAD_REQUEST),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(oid: certs::ObjectIdentifier, value: Vec<u8>) -> Result<Control, Fault> {
        Control::parse(&TaggedAttribute::new(7, oid, value))
    }

    #[test]
    fn what_is_not_done_says_so_by_its_own_code() {
        for (oid, code) in [
            (oid::ADD_EXTENSIONS, FailInfo::UNSUPPORTED_EXT),
            (oid::IDENTITY_PROOF, FailInfo::BAD_ALG),
            (oid::AUTH_DATA, FailInfo::AUTH_DATA_FAIL),
            (oid::DECRYPTED_POP, FailInfo::POP_FAILED),
            (oid::GET_CRL, FailInfo::BAD_REQUEST),
        ] {
            let Ok(Control::NotDone(_, failure)) = read(oid, vec![5, 0]) else { panic!("{oid} is done") };
            assert_eq!(failure, code, "{oid}");
        }
        assert_eq!(read(oid::DATA, vec![5, 0]), Ok(Control::Unknown));
    }

    #[test]
    fn a_revocation_comes_back() {
        let mut revoke = RevokeRequest {
            certificate: IssuerAndSerial { issuer: Name::from_text("CN=ca").unwrap(), serial: vec![0, 0x80] },
            reason: 4,
            invalidity: Some(Millis(1_795_000_000_000)),
            passphrase: Some(b"secret".to_vec()),
            comment: Some("lost".into()),
        };
        assert!(!format!("{revoke:?}").contains("secret"));
        for _ in 0..2 {
            let found = read(oid::REVOKE_REQUEST, revoke.encode()).unwrap();
            assert_eq!(found, Control::RevokeRequest(Box::new(revoke.clone())));
            (revoke.invalidity, revoke.passphrase, revoke.comment) = (None, None, None);
        }
        revoke.reason = 7;
        assert!(read(oid::REVOKE_REQUEST, revoke.encode()).is_err());
    }

    #[test]
    fn a_control_has_one_value_of_its_type() {
        for (oid, value) in [
            (oid::TRANSACTION_ID, vec![2, 0]),
            (oid::TRANSACTION_ID, vec![4, 1, 1]),
            (oid::TRANSACTION_ID, vec![2, 2, 0, 1]),
            (oid::SENDER_NONCE, vec![2, 1, 1]),
            (oid::IDENTIFICATION, vec![0x0c, 1, 0xff]),
            (oid::LRA_POP_WITNESS, vec![0x30, 0]),
        ] {
            let fault = read(oid, value).unwrap_err();
            assert_eq!((fault.failure, fault.bodies), (Some(FailInfo::BAD_REQUEST), vec![BodyReference::Part(7)]));
        }
        let mut twice = TaggedAttribute::new(7, oid::SENDER_NONCE, asn1::octet_string(b"n"));
        twice.values.push(asn1::octet_string(b"m"));
        assert!(Control::parse(&twice).is_err());
    }
}
