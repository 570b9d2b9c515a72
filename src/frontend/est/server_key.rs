//! `/serverkeygen`: a key that is made here, with its certificate (RFC 7030 section 4.4).

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use est::KeyPart;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode, Version};
use zeroize::Zeroizing;

use super::Asked;
use super::answer::{later, spread, status_of, text};
use super::enroll::{CertsOnly, bad, requested};
use super::key_protection::KeyProtection;
use super::linking::{check_link, check_passwords};
use crate::case::{CaseId, Outcome, ReasonCode};
use crate::frontend::Receipt;
use crate::registrar::{CertificateRequest, Incoming, Refusal, Registrar};
use crate::rules::Profile;

pub(super) async fn server_key(
    registrar: &Registrar,
    profile: &Profile,
    asked: &Asked,
    version: Version,
    keys: &KeyProtection,
) -> Result<Response, Refusal> {
    let (who, request) = match requested(registrar, profile, asked, false).await? {
        Ok(requested) => requested,
        Err(response) => return Ok(response),
    };
    if version >= Version::HTTP_2 {
        let fault = "ask for a key over HTTP/1.1, where it is known whether the answer was taken";
        return Err(bad(ReasonCode::BadRequest, fault.to_owned()));
    }
    if request.change.is_some() {
        let fault = "ChangeSubjectName is for a renewal; put the names that are wanted into the request";
        return Err(bad(ReasonCode::BadRequest, fault.to_owned()));
    }
    check_passwords(&request.challenges, profile.est).map_err(|text| bad(ReasonCode::BadRequest, text))?;
    let Some(tls) = &asked.connection.tls else {
        return Err(bad(ReasonCode::BadRequest, "EST wants TLS".to_owned()));
    };
    if tls.relayed {
        let fault = "no key is sent through a balancer that would see it; use the address that leads here without it";
        return Err(bad(ReasonCode::BadRequest, fault.to_owned()));
    }
    check_link(&request.challenges, profile.est, tls, who.is_registration_authority())
        .map_err(|text| bad(ReasonCode::BadProof, text))?;
    let Some(kind) = profile.est.server_key else {
        return Err(Refusal::UnknownProfile("serverkeygen".to_owned()));
    };
    let hiding = keys.hiding(registrar, &who, who.profile_name(), profile.est, &request.csr).await?;
    let message = Incoming::new(&asked.body, &asked.body, None);
    let request = CertificateRequest::of_server_key(&request.csr, kind, message);
    let key = request.server_key.clone();
    let answered = registrar.enrol(&who, request, Arc::new(CertsOnly)).await;
    // Whatever comes now: from here on the key lives in this answer only.
    let made = key.and_then(|key| key.take());
    let answered = match (answered, &made) {
        (Ok(answered), _) => answered,
        (Err(fault), made) => {
            if let Some((case, _)) = made {
                lost(registrar, *case).await;
            }
            return Err(fault);
        }
    };
    match (answered.outcome, made) {
        (Some(Outcome::Issued(_)), Some((case, private))) => {
            let hidden = match &hiding {
                None => None,
                Some(hiding) => match hiding.hide(&private, &content_key(registrar)).await {
                    Ok(hidden) => Some(hidden),
                    Err(fault) => {
                        lost(registrar, case).await;
                        return Err(fault);
                    }
                },
            };
            let part = hidden.as_deref().map_or(KeyPart::Plain(&private), KeyPart::Enveloped);
            let boundary = hex::encode(registrar.nonce());
            let (content_type, body) = est::server_key_answer(&part, &answered.octets, &boundary);
            let mut response = Response::new(Bytes::from_owner(body).into());
            let content_type = HeaderValue::try_from(content_type).map_err(Refusal::away)?;
            response.headers_mut().insert(CONTENT_TYPE, content_type);
            response.extensions_mut().insert(watched(registrar, case));
            Ok(response)
        }
        (Some(Outcome::Refused(reason)), _) => {
            tracing::info!(request = %asked.source.request_id, reason = reason.text, "refused");
            Ok(text(status_of(reason.code), &reason.text))
        }
        (Some(Outcome::Waiting { check_after }), None) => {
            Ok(later(StatusCode::ACCEPTED, spread(check_after, registrar.nonce()[0])))
        }
        // The CA needs time. Nobody comes back for a key: it is forgotten, and the certificate will be revoked.
        (Some(Outcome::Waiting { check_after }), Some(_)) => {
            Ok(later(StatusCode::SERVICE_UNAVAILABLE, spread(check_after, registrar.nonce()[0])))
        }
        (_, made) => {
            if let Some((case, _)) = made {
                lost(registrar, case).await;
            }
            Ok(text(StatusCode::INTERNAL_SERVER_ERROR, "the request has an outcome that enrolment does not know"))
        }
    }
}

fn content_key(registrar: &Registrar) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    for half in key.chunks_exact_mut(16) {
        half.copy_from_slice(&registrar.nonce());
    }
    key
}

/// Has the certificate counted once the answer is written, and revoked if it cannot be.
fn watched(registrar: &Registrar, case: CaseId) -> Receipt {
    let (receipt, written) = Receipt::new();
    let registrar = registrar.clone();
    tokio::spawn(async move {
        if written.await.is_err() {
            tracing::warn!(%case, "the answer with the key was not taken; its certificate is revoked");
            return lost(&registrar, case).await;
        }
        for _ in 0..TRIES {
            match registrar.key_delivered(case).await {
                Ok(()) => return,
                Err(fault) => tracing::error!(%case, %fault, "a key was handed over, which could not be recorded yet"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    });
    receipt
}

/// What cannot be ended now the sweeper ends: the exchange has its deadline.
async fn lost(registrar: &Registrar, case: CaseId) {
    if let Err(fault) = registrar.key_lost(case).await {
        tracing::error!(%case, %fault, "the certificate of a key that nobody has could not be rejected yet");
    }
}

/// Well within the time that a requester has to confirm.
const TRIES: u32 = 5;
const AGAIN: std::time::Duration = std::time::Duration::from_secs(2);
