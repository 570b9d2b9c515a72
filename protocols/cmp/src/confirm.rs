//! certConf, pollReq and pollRep (RFC 9810 sections 5.3.18 and 5.3.22).

use certs::Certificate;
use certs::algorithm::{Digest, SignatureAlgorithm, digest_of};
use der::Tag;

use crate::asn1::{self, Element};
use crate::fault::Fault;
use crate::message::Limits;
use crate::status::StatusInfo;

/// ```text
/// CertStatus ::= SEQUENCE {
///     certHash    OCTET STRING,
///     certReqId   INTEGER,
///     statusInfo  PKIStatusInfo OPTIONAL,
///     hashAlg [0] AlgorithmIdentifier{DIGEST-ALGORITHM, {...}} OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertStatus {
    /// Hash of the certificate.
    pub cert_hash: Vec<u8>,
    /// Which request.
    pub cert_req_id: i64,
    /// `accepted` when absent.
    pub status: Option<StatusInfo>,
    /// `AlgorithmIdentifier` (DER) of the hash, when the signature algorithm does not tell.
    pub hash_alg: Option<Vec<u8>>,
}

/// ```text
/// PollRepContent ::= SEQUENCE OF SEQUENCE {
///     certReqId              INTEGER,
///     checkAfter             INTEGER,  -- time in seconds
///     reason                 PKIFreeText OPTIONAL }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PollRep {
    /// Which request; -1 when it was not a certificate request by certReqId.
    pub cert_req_id: i64,
    /// Seconds to wait before the next pollReq.
    pub check_after: i64,
    /// For people.
    pub reason: Vec<String>,
}

impl CertStatus {
    /// Confirms a certificate, or rejects it with a status.
    ///
    /// certHash uses the hash of the certificate's signature. When the algorithm has none of its
    /// own (ML-DSA), hashAlg says which, and the message needs pvno 3
    /// (RFC 9810 section 5.3.18): see [`CertStatus::needs_pvno_3`].
    #[must_use]
    pub fn about(certificate: &Certificate, cert_req_id: i64, rejection: Option<StatusInfo>) -> Self {
        let algorithm = certificate.signature_algorithm();
        let digest = digest_of(algorithm).unwrap_or(Digest::Sha512);
        Self {
            cert_hash: digest.hash(certificate.der()),
            cert_req_id,
            status: rejection,
            hash_alg: (!names_its_hash(algorithm)).then(|| digest.identifier()),
        }
    }

    /// Whether pvno must be cmp2021(3) (RFC 9810 section 7).
    #[must_use]
    pub fn needs_pvno_3(&self) -> bool {
        self.hash_alg.is_some()
    }

    pub(crate) fn parse_all(element: Element<'_>, limits: &Limits) -> Result<Vec<Self>, Fault> {
        element.sequence("CertConfirmContent")?.each(limits.requests, Self::parse)
    }

    fn parse(element: Element<'_>) -> Result<Self, Fault> {
        let mut fields = element.sequence("CertStatus")?;
        let cert_hash = fields.required()?.octets("certHash")?;
        let cert_req_id = fields.required()?.integer("certReqId")?;
        let status = fields.optional(Tag::Sequence)?;
        let hash_alg = fields.explicit(0)?;
        fields.end()?;
        Ok(Self {
            cert_hash,
            cert_req_id,
            status: status.map(StatusInfo::parse).transpose()?,
            hash_alg: hash_alg.map(|algorithm| algorithm.der.to_vec()),
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let status = self.status.as_ref().map(StatusInfo::encode).unwrap_or_default();
        asn1::sequence(&[
            &asn1::octet_string(&self.cert_hash),
            &asn1::integer(self.cert_req_id),
            &status,
            &asn1::explicit(0, self.hash_alg.as_deref()),
        ])
    }
}

impl PollRep {
    pub(crate) fn parse_all(element: Element<'_>, limits: &Limits) -> Result<Vec<Self>, Fault> {
        element.sequence("PollRepContent")?.each(limits.requests, |entry| {
            let mut fields = entry.sequence("PollRepContent")?;
            let cert_req_id = fields.required()?.integer("certReqId")?;
            let check_after = fields.required()?.integer("checkAfter")?;
            let reason = fields.optional(Tag::Sequence)?;
            fields.end()?;
            let reason = reason.map_or(Ok(Vec::new()), |text| asn1::parse_free_text(text, "reason"))?;
            Ok(Self { cert_req_id, check_after, reason })
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let reason = if self.reason.is_empty() { Vec::new() } else { asn1::free_text(&self.reason) };
        asn1::sequence(&[&asn1::integer(self.cert_req_id), &asn1::integer(self.check_after), &reason])
    }
}

/// `PollReqContent ::= SEQUENCE OF SEQUENCE { certReqId INTEGER }`
pub(crate) fn parse_poll_req(element: Element<'_>, limits: &Limits) -> Result<Vec<i64>, Fault> {
    element.sequence("PollReqContent")?.each(limits.requests, |entry| {
        let mut fields = entry.sequence("PollReqContent")?;
        let id = fields.required()?.integer("certReqId")?;
        fields.end()?;
        Ok(id)
    })
}

/// Whether a hash belongs to the signature algorithm; SHA-512 to Ed25519 (RFC 9481 section 3.3).
fn names_its_hash(algorithm: &[u8]) -> bool {
    matches!(
        SignatureAlgorithm::parse(algorithm),
        Ok(SignatureAlgorithm::RsaPkcs1(_)
            | SignatureAlgorithm::RsaPss(_)
            | SignatureAlgorithm::Ecdsa(_)
            | SignatureAlgorithm::Ed25519)
    )
}
