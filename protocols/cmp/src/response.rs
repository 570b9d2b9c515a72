//! Answers to certificate requests: ip, cp, kup (RFC 9810 section 5.3.4).

use der::Tag;

use crate::asn1::{self, Element};
use crate::certified::CertifiedKeyPair;
use crate::fault::Fault;
use crate::message::{Limits, certificates};
use crate::status::StatusInfo;

/// ```text
/// CertRepMessage ::= SEQUENCE {
///     caPubs       [1] SEQUENCE SIZE (1..MAX) OF CMPCertificate OPTIONAL,
///     response         SEQUENCE OF CertResponse }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CertRepMessage {
    /// Trust anchors, each as DER; only in ip (RFC 9483 section 4.1.2).
    pub ca_pubs: Vec<Vec<u8>>,
    /// One for each request.
    pub responses: Vec<CertResponse>,
}

/// ```text
/// CertResponse ::= SEQUENCE {
///     certReqId           INTEGER,
///     status              PKIStatusInfo,
///     certifiedKeyPair    CertifiedKeyPair    OPTIONAL,
///     rspInfo             OCTET STRING        OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertResponse {
    /// Which request is answered; -1 for a p10cr (RFC 9810 section 5.3.4).
    pub cert_req_id: i64,
    /// How it ended.
    pub status: StatusInfo,
    /// The certificate, when it is granted.
    pub pair: Option<CertifiedKeyPair>,
    /// rspInfo.
    pub info: Option<Vec<u8>>,
}

impl CertRepMessage {
    /// The answer to one request.
    #[must_use]
    pub fn one(response: CertResponse) -> Self {
        Self { ca_pubs: Vec::new(), responses: vec![response] }
    }

    pub(crate) fn parse(element: Element<'_>, limits: &Limits) -> Result<Self, Fault> {
        let mut fields = element.sequence("CertRepMessage")?;
        let ca_pubs = fields.explicit(1)?;
        let responses = fields.required()?;
        fields.end()?;
        Ok(Self {
            ca_pubs: ca_pubs.map_or(Ok(Vec::new()), |all| certificates(all, "caPubs", limits))?,
            responses: responses.sequence("CertRepMessage")?.each(limits.requests, CertResponse::parse)?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let ca_pubs = (!self.ca_pubs.is_empty()).then(|| asn1::sequence_of(&self.ca_pubs));
        let responses = asn1::sequence_of(self.responses.iter().map(CertResponse::encode));
        asn1::sequence(&[&asn1::explicit(1, ca_pubs.as_deref()), &responses])
    }
}

impl CertResponse {
    /// A response with a status and nothing else.
    #[must_use]
    pub fn plain(cert_req_id: i64, status: StatusInfo) -> Self {
        Self { cert_req_id, status, pair: None, info: None }
    }

    /// A certificate (DER), with `accepted` or `grantedWithMods`.
    #[must_use]
    pub fn issued(cert_req_id: i64, status: StatusInfo, certificate: Vec<u8>) -> Self {
        Self { pair: Some(CertifiedKeyPair::plain(certificate)), ..Self::plain(cert_req_id, status) }
    }

    /// waiting (RFC 9483 section 4.4).
    #[must_use]
    pub fn waiting(cert_req_id: i64) -> Self {
        Self::plain(cert_req_id, StatusInfo::waiting())
    }

    /// rejection, and why.
    #[must_use]
    pub fn rejected(cert_req_id: i64, fault: &Fault) -> Self {
        Self::plain(cert_req_id, StatusInfo::from(fault))
    }

    fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("CertResponse")?;
        let cert_req_id = fields.required()?.integer("certReqId")?;
        let status = StatusInfo::parse(fields.required()?)?;
        let pair = fields.optional(Tag::Sequence)?;
        let info = fields.optional(Tag::OctetString)?;
        fields.end()?;
        Ok(Self {
            cert_req_id,
            status,
            pair: pair.map(CertifiedKeyPair::parse).transpose()?,
            info: info.map(|info| info.octets("rspInfo")).transpose()?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let pair = self.pair.as_ref().map(CertifiedKeyPair::encode).unwrap_or_default();
        let info = self.info.as_deref().map(asn1::octet_string).unwrap_or_default();
        asn1::sequence(&[&asn1::integer(self.cert_req_id), &self.status.encode(), &pair, &info])
    }
}
