//! Answers to certificate requests: ip, cp, kup (RFC 9810 section 5.3.4).

use der::Tag;

use crate::asn1::{self, Element};
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
/// CertifiedKeyPair ::= SEQUENCE {
///     certOrEncCert       CertOrEncCert,
///     privateKey      [0] EncryptedKey      OPTIONAL,
///     publicationInfo [1] PKIPublicationInfo  OPTIONAL }
/// CertOrEncCert ::= CHOICE {
///     certificate     [0] CMPCertificate,
///     encryptedCert   [1] EncryptedKey }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertResponse {
    /// Which request is answered; -1 for a p10cr (RFC 9810 section 5.3.4).
    pub cert_req_id: i64,
    /// How it ended.
    pub status: StatusInfo,
    /// The certificate (DER).
    pub certificate: Option<Vec<u8>>,
    /// The encrypted certificate: `EncryptedKey` (DER).
    pub encrypted_certificate: Option<Vec<u8>>,
    /// The centrally generated private key: `EncryptedKey` (DER).
    pub private_key: Option<Vec<u8>>,
    /// `PKIPublicationInfo` (DER).
    pub publication_info: Option<Vec<u8>>,
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
        Self {
            cert_req_id,
            status,
            certificate: None,
            encrypted_certificate: None,
            private_key: None,
            publication_info: None,
            info: None,
        }
    }

    /// A certificate (DER), with `accepted` or `grantedWithMods`.
    #[must_use]
    pub fn issued(cert_req_id: i64, status: StatusInfo, certificate: Vec<u8>) -> Self {
        Self { certificate: Some(certificate), ..Self::plain(cert_req_id, status) }
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
        let mut response = Self::plain(cert_req_id, status);
        response.info = info.map(|info| info.octets("rspInfo")).transpose()?;
        if let Some(pair) = pair {
            response.read_pair(pair)?;
        }
        Ok(response)
    }

    fn read_pair(&mut self, pair: Element<'_>) -> Result<(), Fault> {
        let der = |element: Element<'_>| element.der.to_vec();
        let mut fields = pair.sequence("CertifiedKeyPair")?;
        self.certificate = fields.explicit(0)?.map(der);
        if self.certificate.is_none() {
            self.encrypted_certificate = fields.explicit(1)?.map(der);
            if self.encrypted_certificate.is_none() {
                return Err(Fault::format("CertOrEncCert: neither certificate nor encryptedCert"));
            }
        }
        self.private_key = fields.explicit(0)?.map(der);
        self.publication_info = fields.explicit(1)?.map(der);
        fields.end()
    }

    fn encode(&self) -> Vec<u8> {
        let info = self.info.as_deref().map(asn1::octet_string).unwrap_or_default();
        asn1::sequence(&[&asn1::integer(self.cert_req_id), &self.status.encode(), &self.encode_pair(), &info])
    }

    fn encode_pair(&self) -> Vec<u8> {
        let issued = match (&self.certificate, &self.encrypted_certificate) {
            (Some(certificate), _) => asn1::context(0, &[certificate]),
            (None, Some(encrypted)) => asn1::context(1, &[encrypted]),
            (None, None) => return Vec::new(),
        };
        let key = asn1::explicit(0, self.private_key.as_deref());
        let publication = asn1::explicit(1, self.publication_info.as_deref());
        asn1::sequence(&[&issued, &key, &publication])
    }
}
