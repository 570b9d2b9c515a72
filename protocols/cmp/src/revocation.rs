//! Revocation: rr and rp (RFC 9810 sections 5.3.9 and 5.3.10).

use certs::{Certificate, Extension, Millis, Name};

use crate::asn1::{self, Element};
use crate::cert_id::CertId;
use crate::crmf::{CertTemplate, CertTemplateDraft};
use crate::fault::Fault;
use crate::message::Limits;
use crate::status::{FailureInfo, StatusInfo};

/// ```text
/// RevReqContent ::= SEQUENCE OF RevDetails
/// ```
#[derive(Clone, Debug)]
pub struct RevReqContent(pub Vec<RevDetails>);

/// ```text
/// RevDetails ::= SEQUENCE {
///     certDetails         CertTemplate,
///     crlEntryDetails     Extensions{{...}}    OPTIONAL }
/// ```
#[derive(Clone, Debug)]
pub struct RevDetails {
    /// As received.
    pub der: Vec<u8>,
    /// Which certificate.
    pub template: CertTemplate,
    /// `CRLReason` (RFC 5280 section 5.3.1), when given.
    pub reason: Option<u8>,
    /// Since when the key is bad, when given.
    pub invalidity_date: Option<Millis>,
    /// All of crlEntryDetails.
    pub crl_entry_extensions: Vec<Extension>,
}

/// ```text
/// RevRepContent ::= SEQUENCE {
///     status       SEQUENCE SIZE (1..MAX) OF PKIStatusInfo,
///     revCerts [0] SEQUENCE SIZE (1..MAX) OF CertId OPTIONAL,
///     crls     [1] SEQUENCE SIZE (1..MAX) OF CertificateList OPTIONAL }
/// ```
#[derive(Clone, Debug, Default)]
pub struct RevRepContent {
    /// One for each `RevDetails`.
    pub status: Vec<StatusInfo>,
    /// The certificates, if they are named.
    pub certificates: Vec<CertId>,
    /// Resulting CRLs, each as DER.
    pub crls: Vec<Vec<u8>>,
}

impl RevReqContent {
    pub(crate) fn parse(element: Element<'_>, limits: &Limits) -> Result<Self, Fault> {
        element.sequence("RevReqContent")?.each(limits.requests, RevDetails::parse).map(Self)
    }
}

impl RevDetails {
    fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("RevDetails")?;
        let template = CertTemplate::parse(fields.required()?)?;
        let extensions = match fields.optional(der::Tag::Sequence)? {
            Some(extensions) => Extension::parse_all(extensions.der)?,
            None => Vec::new(),
        };
        fields.end()?;
        let value = |oid| extensions.iter().find(|found| found.oid == oid).map(|found| &*found.value);
        Ok(Self {
            der: element.der.to_vec(),
            template,
            reason: value(certs::oid::CRL_REASON).map(reason).transpose()?,
            invalidity_date: value(certs::oid::INVALIDITY_DATE)
                .map(|der| Element::only(der, "invalidityDate")?.generalized_time("invalidityDate"))
                .transpose()?,
            crl_entry_extensions: extensions,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let details =
            (!self.crl_entry_extensions.is_empty()).then(|| Extension::encode_all(&self.crl_entry_extensions));
        asn1::sequence(&[&self.template.encode(), details.as_deref().unwrap_or_default()])
    }

    /// Issuer and serial number of the certificate to be revoked.
    ///
    /// # Errors
    /// badCertTemplate when either is missing (RFC 9483 section 4.2).
    pub fn certificate(&self) -> Result<(&Name, &[u8]), Fault> {
        match (&self.template.issuer, &self.template.serial) {
            (Some(issuer), Some(serial)) => Ok((issuer, serial)),
            _ => Err(Fault::new(
                FailureInfo::BAD_CERT_TEMPLATE,
                "a revocation request must name issuer and serialNumber of the certificate",
            )),
        }
    }

    /// A request to revoke the certificate with this issuer and serial number (content octets),
    /// for this `CRLReason` if any (RFC 9483 section 4.2).
    #[must_use]
    pub fn compose(issuer: &Name, serial: &[u8], reason: Option<u8>) -> Vec<u8> {
        let template = CertTemplateDraft {
            issuer: Some(issuer.clone()),
            serial: Some(serial.to_vec()),
            ..CertTemplateDraft::default()
        };
        let details = reason.map(|reason| {
            Extension::encode_all(&[Extension {
                oid: certs::oid::CRL_REASON,
                critical: false,
                value: asn1::element(0x0A, &[&[reason]]),
            }])
        });
        asn1::sequence(&[&template.encode(), details.as_deref().unwrap_or_default()])
    }

    /// [`RevDetails::compose`] for a certificate at hand.
    #[must_use]
    pub fn compose_for(certificate: &Certificate, reason: Option<u8>) -> Vec<u8> {
        Self::compose(certificate.issuer(), certificate.serial(), reason)
    }
}

impl RevRepContent {
    /// The answer to one `RevDetails`.
    #[must_use]
    pub fn one(status: StatusInfo) -> Self {
        Self { status: vec![status], ..Self::default() }
    }

    pub(crate) fn parse(element: Element<'_>, limits: &Limits) -> Result<Self, Fault> {
        let mut fields = element.sequence("RevRepContent")?;
        let status = fields.required()?.sequence("RevRepContent")?;
        let certificates = fields.explicit(0)?;
        let crls = fields.explicit(1)?;
        fields.end()?;
        Ok(Self {
            status: status.each(limits.requests, StatusInfo::parse)?,
            certificates: certificates
                .map_or(Ok(Vec::new()), |all| all.sequence("revCerts")?.each(limits.requests, CertId::parse))?,
            crls: crls.map_or(Ok(Vec::new()), |all| {
                all.sequence("crls")?.each(limits.requests, |crl| Ok(crl.der.to_vec()))
            })?,
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let certificates =
            (!self.certificates.is_empty()).then(|| asn1::sequence_of(self.certificates.iter().map(CertId::encode)));
        let crls = (!self.crls.is_empty()).then(|| asn1::sequence_of(&self.crls));
        asn1::sequence(&[
            &asn1::sequence_of(self.status.iter().map(StatusInfo::encode)),
            &asn1::explicit(0, certificates.as_deref()),
            &asn1::explicit(1, crls.as_deref()),
        ])
    }
}

/// `CRLReason ::= ENUMERATED` (RFC 5280 section 5.3.1)
fn reason(der: &[u8]) -> Result<u8, Fault> {
    let element = Element::only(der, "CRLReason")?;
    match (element.tag, element.value) {
        (der::Tag::Enumerated, [reason @ (0..=6 | 8..=10)]) => Ok(*reason),
        _ => Err(Fault::format("CRLReason: not a reason of RFC 5280 section 5.3.1")),
    }
}
