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
