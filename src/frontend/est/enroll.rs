//! `/simpleenroll` and `/simplereenroll` (RFC 7030 section 4.2).

use std::sync::Arc;

use axum::response::Response;
use certs::Csr;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::Asked;
use super::answer::{later, payload, status_of, text};
use super::identify::identify;
use crate::case::{Door, Outcome, Reason, ReasonCode};
use crate::registrar::{CertificateRequest, Finished, Identified, Incoming, Refusal, Registrar, Reply, Replying};

pub(super) async fn enroll(registrar: &Registrar, asked: &Asked, again: bool) -> Result<Response, Refusal> {
    let who = identify(registrar, asked, again).await?;
    let content_type = asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !est::is_request(content_type) {
        let fault = "send Content-Type: application/pkcs10";
        registrar.note_bad_input(&asked.source, who.credential().as_str(), fault).await?;
        return Ok(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, fault));
    }
    let request = read(asked, &who, again).map_err(|(code, text)| Refusal::Requester(Reason { code, text }))?;
    let answered = registrar.enrol(&who, request, Arc::new(CertsOnly)).await?;
    Ok(match answered.outcome {
        Some(Outcome::Issued(_)) => payload(&answered.octets, est::CERTS_ONLY, asked),
        // RFC 7030 section 4.2.3: Retry-After MUST be there; the body is empty, as some clients stumble over one (est.md 0.6).
        Some(Outcome::Waiting { check_after }) => later(StatusCode::ACCEPTED, check_after),
        Some(Outcome::Refused(reason)) => {
            tracing::info!(request = %asked.source.request_id, reason = reason.text, "refused");
            text(status_of(reason.code), &reason.text)
        }
        Some(Outcome::Confirmed | Outcome::Revoked | Outcome::Relayed(_) | Outcome::Informed(_)) | None => {
            text(StatusCode::INTERNAL_SERVER_ERROR, "the request has an outcome that enrolment does not know")
        }
    })
}

fn read(asked: &Asked, who: &Identified, again: bool) -> Result<CertificateRequest, (ReasonCode, String)> {
    let bad = |text: String| (ReasonCode::BadRequest, text);
    let der = est::decode_request(&asked.body).map_err(|fault| bad(fault.to_string()))?;
    let csr = Csr::parse(&der).map_err(|fault| bad(fault.to_string()))?;
    if let Some(attribute) = UNVERIFIED.iter().find(|(oid, _)| csr.attribute_oids().contains(oid)) {
        // RFC 7030 section 3.5: what links the request to the connection or asks for another name is never just ignored.
        return Err(bad(format!("the attribute {} is not supported here; leave it out", attribute.1)));
    }
    // RFC 7030 section 4.2.1: the signature proves possession of the key.
    let proven = csr.prove().map_err(|fault| (ReasonCode::BadProof, fault.to_string()))?;
    let replaces =
        again.then(|| who.certificate().map(|held| (held.issuer().clone(), held.serial().to_vec()))).flatten();
    if again && replaces.is_none() {
        return Err((
            ReasonCode::NotAuthorized,
            "present the certificate to be renewed in the TLS handshake".to_owned(),
        ));
    }
    let message = Incoming { octets: asked.body.to_vec(), transaction: None };
    Ok(CertificateRequest::of_pkcs10(&csr, proven, Door::Est, message, replaces))
}

/// The answer of EST: the certificate alone, certs-only (RFC 7030 section 4.2.3).
struct CertsOnly;

impl Reply for CertsOnly {
    fn reply<'a>(&'a self, outcome: &'a Outcome) -> Replying<'a> {
        Box::pin(async move {
            let octets = match outcome {
                Outcome::Issued(issued) => est::certs_only(&[&issued.certificate]),
                Outcome::Refused(reason) => reason.text.clone().into_bytes(),
                Outcome::Waiting { .. }
                | Outcome::Confirmed
                | Outcome::Revoked
                | Outcome::Relayed(_)
                | Outcome::Informed(_) => Vec::new(),
            };
            Ok(Finished { octets, nonce: None })
        })
    }
}

/// Attributes that a server must act on (RFC 7030 sections 3.5 and 4.2.2, RFC 7894 section 3).
const UNVERIFIED: [(certs::ObjectIdentifier, &str); 5] = [
    (certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.7"), "challengePassword"),
    (certs::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.7.36"), "changeSubjectName"),
    (certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.56"), "otpChallenge"),
    (certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.57"), "revocationChallenge"),
    (certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.58"), "estIdentityLinking"),
];
