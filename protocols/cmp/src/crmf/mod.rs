//! Certificate request messages (RFC 4211), each kept as it came.

/// What becomes of the private key.
mod archive;

/// Building requests.
mod compose;

/// What is signed instead of a request without a name.
mod key_input;

/// Proofs of possession for keys that do not sign.
mod private_key;

/// Proof of possession.
mod proof;

/// What a certificate shall contain.
mod template;

use certs::Name;
use der::Tag;
use der::asn1::ObjectIdentifier;

pub use archive::ArchiveOptions;
pub use compose::{CertTemplateDraft, message, request, request_with, sign};
pub use key_input::{AuthInfo, SigningKeyInput};
pub use private_key::{MacValue, PrivateKeyProof, SubsequentMessage};
pub use proof::Popo;
pub use template::CertTemplate;

use crate::asn1::{self, Element};
use crate::cert_id::CertId;
use crate::fault::Fault;
use crate::message::Limits;
use crate::oid;

/// ```text
/// CertReqMessages ::= SEQUENCE SIZE (1..MAX) OF CertReqMsg
/// ```
#[derive(Clone, Debug)]
pub struct CertReqMessages(pub Vec<CertReqMsg>);

/// ```text
/// CertReqMsg ::= SEQUENCE {
///  certReq   CertRequest,
///  popo       ProofOfPossession  OPTIONAL,
///  regInfo   SEQUENCE SIZE(1..MAX) OF AttributeTypeAndValue OPTIONAL }
/// CertRequest ::= SEQUENCE {
///  certReqId     INTEGER,
///  certTemplate  CertTemplate,
///  controls      Controls OPTIONAL }
/// ```
#[derive(Clone, Debug)]
pub struct CertReqMsg {
    /// The whole `CertReqMsg` as received.
    pub der: Vec<u8>,
    /// The `CertRequest` as received: what the proof of possession signs.
    pub cert_req_der: Vec<u8>,
    /// Its number; 0 in the lightweight profile.
    pub cert_req_id: i64,
    /// What the certificate shall contain.
    pub template: CertTemplate,
    /// How it shall be issued.
    pub controls: Vec<Control>,
    /// Proof that the requester has the private key.
    pub popo: Option<Popo>,
    /// Further information about the request.
    pub reg_info: Vec<Control>,
}

/// ```text
/// AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY DEFINED BY type }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Control {
    /// What it is.
    pub oid: ObjectIdentifier,
    /// Its value (DER).
    pub value: Vec<u8>,
}

impl CertReqMessages {
    pub(crate) fn parse(element: Element<'_>, limits: &Limits) -> Result<Self, Fault> {
        element.sequence("CertReqMessages")?.each(limits.requests, CertReqMsg::read).map(Self)
    }
}

impl CertReqMsg {
    /// Reads one `CertReqMsg` (DER).
    ///
    /// # Errors
    /// badDataFormat when it is none.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> {
        Self::read(Element::only(der, "CertReqMsg")?)
    }

    fn read(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("CertReqMsg")?;
        let request = fields.required()?;
        // What follows is told apart by its tag: popo is a CHOICE of context tags.
        let proof = fields.optional_context()?;
        let reg_info = fields.optional(Tag::Sequence)?;
        fields.end()?;

        let mut parts = request.sequence("CertRequest")?;
        let cert_req_id = parts.required()?.integer("certReqId")?;
        let template = CertTemplate::parse(parts.required()?)?;
        let controls = parts.optional(Tag::Sequence)?;
        parts.end()?;
        Ok(Self {
            der: element.der.to_vec(),
            cert_req_der: request.der.to_vec(),
            cert_req_id,
            template,
            controls: Control::parse_all(controls, "controls")?,
            popo: proof.map(Popo::parse).transpose()?,
            reg_info: Control::parse_all(reg_info, "regInfo")?,
        })
    }

    /// DER from the values alone, without what was kept as received.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let all = |controls: &[Control]| {
            let der = (!controls.is_empty()).then(|| asn1::sequence_of(controls.iter().map(Control::encode)));
            der.unwrap_or_default()
        };
        let request =
            asn1::sequence(&[&asn1::integer(self.cert_req_id), &self.template.encode(), &all(&self.controls)]);
        let popo = self.popo.as_ref().map(Popo::encode).unwrap_or_default();
        asn1::sequence(&[&request, &popo, &all(&self.reg_info)])
    }

    /// Issuer and serial number of the certificate to be updated: the oldCertID control
    /// (RFC 4211 section 6.5).
    ///
    /// # Errors
    /// badDataFormat when the control is not a `CertId` with a directoryName.
    pub fn old_cert_id(&self) -> Result<Option<(Name, Vec<u8>)>, Fault> {
        let Some(control) = self.controls.iter().find(|found| found.oid == oid::OLD_CERT_ID) else {
            return Ok(None);
        };
        match CertId::parse(Element::only(&control.value, "oldCertID")?)? {
            CertId { issuer: Some(issuer), serial, .. } => Ok(Some((issuer, serial))),
            _ => Err(Fault::format("oldCertID: the issuer must be a directoryName")),
        }
    }
}

impl Control {
    /// oldCertID (RFC 4211 section 6.5); the serial number as content octets.
    #[must_use]
    pub fn old_cert_id(issuer: &Name, serial: &[u8]) -> Self {
        Self { oid: oid::OLD_CERT_ID, value: CertId::new(issuer, serial).encode() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        asn1::sequence(&[&asn1::object_identifier(self.oid), &self.value])
    }

    pub(crate) fn parse_all(element: Option<Element<'_>>, what: &'static str) -> Result<Vec<Self>, Fault> {
        let Some(element) = element else {
            return Ok(Vec::new());
        };
        element.sequence(what)?.each(CONTROLS, |control| {
            let mut fields = control.sequence(what)?;
            let oid = fields.required()?.oid(what)?;
            let value = fields.required()?.der.to_vec();
            fields.end()?;
            Ok(Self { oid, value })
        })
    }
}

/// Six controls are defined.
const CONTROLS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::general_name;
    use crate::sample::{Key, name};
    use certs::{Extension, KeyUsage, Millis, Signer};

    /// A template with everything in it.
    fn full_template() -> Vec<u8> {
        let draft = CertTemplateDraft {
            serial: Some(vec![5]),
            issuer: Some(name("CN=authority")),
            validity: Some((Some(Millis(1000)), None)),
            subject: Some(name("CN=device")),
            public_key: Some(Key::new().public_key().clone()),
            extensions: vec![Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE)],
        };
        let der = draft.encode();
        let fields = Element::only(&der, "test").unwrap().sequence("test").unwrap();
        let fields = fields.each(9, |field| Ok(field.der)).unwrap();
        let [serial, issuer, validity, subject, key, extensions] = fields.as_slice() else { panic!("{fields:?}") };
        let (version, algorithm) = (asn1::element(0x80, &[&[2]]), asn1::context(2, &[&[6, 3, 0x2A, 3, 4]]));
        let (issuer_uid, subject_uid) = (asn1::element(0x87, &[&[0, 1]]), asn1::element(0x88, &[&[0, 2]]));
        asn1::sequence(&[
            &version,
            serial,
            &algorithm,
            issuer,
            validity,
            subject,
            key,
            &issuer_uid,
            &subject_uid,
            extensions,
        ])
    }

    #[test]
    fn a_request_comes_back_from_its_values_alone() {
        let algorithm = asn1::sequence(&[&[6, 3, 0x2A, 3, 4]]);
        let auth = AuthInfo::Sender(general_name(&name("CN=device")));
        let input = SigningKeyInput { auth, public_key_der: asn1::sequence(&[]) };
        let mac = PrivateKeyProof::AgreeMac(MacValue { algorithm: algorithm.clone(), value: vec![1] });
        let later = PrivateKeyProof::SubsequentMessage(SubsequentMessage::ChallengeResponse);
        let proofs = [
            Popo::RaVerified,
            Popo::Signature { poposk_input: None, algorithm: algorithm.clone(), signature: vec![1, 2] },
            Popo::Signature { poposk_input: Some(input), algorithm, signature: vec![3] },
            Popo::KeyEncipherment(later),
            Popo::KeyAgreement(mac),
        ];
        let controls = asn1::sequence(&[&Control::old_cert_id(&name("CN=authority"), &[9]).encode()]);
        let request = asn1::sequence(&[&asn1::integer(0), &full_template(), &controls]);
        for proof in proofs {
            let der = asn1::sequence(&[&request, &proof.encode(), &controls]);
            let message = CertReqMsg::parse(&der).unwrap();
            assert_eq!(message.popo, Some(proof));
            assert_eq!((message.controls.len(), message.reg_info.len()), (1, 1));
            assert_eq!(message.encode(), der);
        }
    }
}
