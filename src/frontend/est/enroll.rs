//! `/simpleenroll` and `/simplereenroll` (RFC 7030 section 4.2).

use std::sync::Arc;

use axum::response::Response;
use certs::{Csr, CsrContent, Extension, Name, oid};
use cmp::crmf::{self, CertTemplateDraft, Popo};
use est::{Challenges, ChangeSubjectName};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::Asked;
use super::answer::{later, payload, spread, status_of, text};
use super::identify::identify;
use super::linking::{carried_code, check_link, check_passwords};
use crate::case::{Door, Outcome, Reason, ReasonCode, RequestForm};
use crate::registrar::{CertificateRequest, Finished, Identified, Incoming, Refusal, Registrar, Reply, Replying};
use crate::rules::Profile;

pub(super) async fn enroll(
    registrar: &Registrar,
    profile: &Profile,
    asked: &Asked,
    again: bool,
) -> Result<Response, Refusal> {
    let (who, request) = match requested(registrar, profile, asked, again).await? {
        Ok(requested) => requested,
        Err(response) => return Ok(response),
    };
    let replaces = if again { Some(to_renew(registrar, &who, &request.csr).await?) } else { None };
    let request = check(request, profile, asked, &who, replaces).map_err(|(code, text)| bad(code, text))?;
    let answered = registrar.enrol(&who, request, Arc::new(CertsOnly)).await?;
    Ok(match answered.outcome {
        Some(Outcome::Issued(_)) => payload(&answered.octets, est::CERTS_ONLY, asked),
        // RFC 7030 section 4.2.3: Retry-After MUST be there; the body is empty, as some clients stumble over one (est.md 0.6).
        Some(Outcome::Waiting { check_after }) => {
            later(StatusCode::ACCEPTED, spread(check_after, registrar.nonce()[0]))
        }
        Some(Outcome::Refused(reason)) => {
            tracing::info!(request = %asked.source.request_id, reason = reason.text, "refused");
            text(status_of(reason.code), &reason.text)
        }
        Some(Outcome::Confirmed | Outcome::Revoked | Outcome::Relayed(_) | Outcome::Informed(_)) | None => {
            text(StatusCode::INTERNAL_SERVER_ERROR, "the request has an outcome that enrolment does not know")
        }
    })
}

/// Who sends which PKCS#10; else the answer that it is of another content type.
pub(super) async fn requested(
    registrar: &Registrar,
    profile: &Profile,
    asked: &Asked,
    again: bool,
) -> Result<Result<(Identified, Request), Response>, Refusal> {
    // What cannot be read is told only to those who are known.
    let request = read(&asked.body);
    let carried = match &request {
        Ok(request) => {
            carried_code(&request.challenges, profile.est).map_err(|text| bad(ReasonCode::BadRequest, text))?
        }
        Err(_) => None,
    };
    let who = identify(registrar, asked, again, carried).await?;
    let content_type = asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !est::is_request(content_type) {
        let fault = "send Content-Type: application/pkcs10";
        registrar.note_bad_input(&asked.source, who.credential().as_str(), fault).await?;
        return Ok(Err(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, fault)));
    }
    Ok(Ok((who, request.map_err(|text| bad(ReasonCode::BadRequest, text))?)))
}

/// A request as it can be read by anybody.
pub(super) struct Request {
    pub(super) csr: CsrContent,
    pub(super) challenges: Challenges,
    pub(super) change: Option<ChangeSubjectName>,
}

fn read(body: &[u8]) -> Result<Request, String> {
    let der = est::decode_request(body).map_err(|fault| fault.to_string())?;
    let csr = CsrContent::parse(&der).map_err(|fault| fault.to_string())?;
    let challenges = Challenges::of(&csr).map_err(|fault| fault.to_string())?;
    let change = ChangeSubjectName::of(&csr).map_err(|fault| fault.to_string())?;
    Ok(Request { csr, challenges, change })
}

/// What is to be renewed: the certificate of the TLS handshake (RFC 7030 section 4.2.2), or, for a registration authority, the one that
/// the request names.
async fn to_renew(registrar: &Registrar, who: &Identified, csr: &CsrContent) -> Result<(Name, Vec<u8>), Refusal> {
    let Some(held) = who.certificate() else {
        let text = "present the certificate to be renewed in the TLS handshake";
        return Err(bad(ReasonCode::NotAuthorized, text.to_owned()));
    };
    if !who.is_registration_authority() || held.subject().matches(csr.subject()) {
        return Ok((held.issuer().clone(), held.serial().to_vec()));
    }
    let found = registrar.renewable_for(who, csr.subject(), csr.alt_names()).await?;
    found.ok_or_else(|| {
        let text = "this profile has no certificate in use with the subject and the alternative names of the request";
        bad(ReasonCode::NotAuthorized, text.to_owned())
    })
}

pub(super) fn bad(code: ReasonCode, text: String) -> Refusal {
    Refusal::Requester(Reason { code, text })
}

fn check(
    request: Request,
    profile: &Profile,
    asked: &Asked,
    who: &Identified,
    replaces: Option<(Name, Vec<u8>)>,
) -> Result<CertificateRequest, (ReasonCode, String)> {
    let Request { csr, challenges, change } = request;
    let csr = csr.with_key().map_err(|fault| (ReasonCode::BadRequest, fault.to_string()))?;
    if change.is_some() && replaces.is_none() {
        // RFC 7030 section 4.2.1 has it for who comes with a third party's certificate; which names a first certificate has says the
        // request itself here.
        let text = "ChangeSubjectName is for a renewal; put the names that are wanted into the request";
        return Err((ReasonCode::BadRequest, text.to_owned()));
    }
    check_passwords(&challenges, profile.est).map_err(|text| (ReasonCode::BadRequest, text))?;
    // RFC 7030 section 3.3: EST is spoken over TLS only.
    let Some(tls) = &asked.connection.tls else {
        return Err((ReasonCode::BadRequest, "EST wants TLS".to_owned()));
    };
    check_link(&challenges, profile.est, tls, who.is_registration_authority())
        .map_err(|text| (ReasonCode::BadProof, text))?;
    // RFC 7030 section 4.2.1: the signature proves possession of the key.
    let proven = csr.prove().map_err(|fault| (ReasonCode::BadProof, fault.to_string()))?;
    let message = Incoming::new(&asked.body, &asked.body, None);
    let request = CertificateRequest::of_pkcs10(&csr, proven, Door::Est, message, replaces);
    Ok(match change {
        Some(change) => renamed(&csr, request, change),
        None => request,
    })
}

/// RFC 6402 section 2.8: the new names in place of those of the request. A PKCS#10 cannot carry them, so the CA is asked with a template;
/// its proof of possession was checked here, and our word stands for it (RFC 9483 section 5.2.3.2).
fn renamed(csr: &Csr, request: CertificateRequest, change: ChangeSubjectName) -> CertificateRequest {
    let ChangeSubjectName { subject, alt_names } = change;
    let names = (!alt_names.is_empty()).then(|| Extension::subject_alt_name(&alt_names, subject.is_empty()));
    let others = csr.extensions().iter().filter(|extension| extension.oid != oid::SUBJECT_ALT_NAME).cloned();
    let mut template = CertTemplateDraft::new(subject.clone(), csr.public_key().clone());
    template.extensions = others.chain(names).collect();
    CertificateRequest {
        form: RequestForm::Crmf,
        request: crmf::message(&crmf::request(0, &template), Some(&Popo::RaVerified)),
        present_names: Some((request.subject, request.alt_names)),
        subject,
        alt_names,
        ..request
    }
}

/// The answer of EST: the certificate alone, certs-only (RFC 7030 section 4.2.3).
pub(super) struct CertsOnly;

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
