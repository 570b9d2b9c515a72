//! How EST answers: statuses, headers, words and payloads, as all clients can read them.

use axum::response::Response;
use est::Layout;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};

use super::identify::Sent;
use super::{Asked, digest};
use crate::case::ReasonCode;
use crate::registrar::{Refusal, Registrar, Source};

/// A refusal is recorded before it is answered.
pub(super) async fn noted(registrar: &Registrar, source: &Source, response: Response, words: &str) -> Response {
    match registrar.note_bad_input(source, "requester", words).await {
        Ok(()) => response,
        Err(fault) => later(StatusCode::SERVICE_UNAVAILABLE, retry_after(&fault)),
    }
}

/// The one place where refusals become EST's statuses (RFC 7030 sections 3.2.3 and 4.2.3).
pub(super) async fn refused(registrar: &Registrar, asked: &Asked, refusal: &Refusal) -> Response {
    let source = &asked.source;
    match refusal {
        Refusal::Requester(reason) => {
            noted(registrar, source, text(status_of(reason.code), &reason.text), &reason.text).await
        }
        Refusal::NotIdentified => challenge(registrar, asked),
        Refusal::NotAllowed(cause) => {
            tracing::info!(request = %source.request_id, cause, "not allowed");
            text(StatusCode::FORBIDDEN, "not allowed")
        }
        Refusal::UnknownProfile(_) => text(StatusCode::NOT_FOUND, "there is no such label"),
        Refusal::TransactionInUse | Refusal::NoTransaction | Refusal::OutOfPlace(_) => {
            text(StatusCode::CONFLICT, &refusal.to_string())
        }
        Refusal::TooMany { retry_after } => {
            later(StatusCode::TOO_MANY_REQUESTS, spread(*retry_after, registrar.nonce()[0]))
        }
        Refusal::Unavailable { retry_after, cause } => {
            tracing::error!(request = %source.request_id, cause, "not available");
            later(StatusCode::SERVICE_UNAVAILABLE, spread(*retry_after, registrar.nonce()[0]))
        }
    }
}

pub(super) const fn status_of(code: ReasonCode) -> StatusCode {
    match code {
        ReasonCode::BadRequest
        | ReasonCode::BadTemplate
        | ReasonCode::BadExtension
        | ReasonCode::KeyInUse
        | ReasonCode::BadProof => StatusCode::BAD_REQUEST,
        ReasonCode::BadCertificateId
        | ReasonCode::AlreadyRevoked
        | ReasonCode::NotAuthorized
        | ReasonCode::Authority => StatusCode::FORBIDDEN,
        ReasonCode::Withheld => StatusCode::INTERNAL_SERVER_ERROR,
        ReasonCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

const fn retry_after(refusal: &Refusal) -> u32 {
    match refusal {
        Refusal::Unavailable { retry_after, .. } | Refusal::TooMany { retry_after } => *retry_after,
        _ => 30,
    }
}

/// RFC 7030 section 3.2.3. The body is empty (est.md 0.6), and Basic comes first: some clients read no second challenge. Only who
/// sent something that cannot be taken at all is told so in words.
fn challenge(registrar: &Registrar, asked: &Asked) -> Response {
    let mut response = match Sent::read(asked) {
        Ok(_) => status(StatusCode::UNAUTHORIZED),
        Err(words) => text(StatusCode::UNAUTHORIZED, words),
    };
    let headers = response.headers_mut();
    if asked.schemes.basic() {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"EST\", charset=\"UTF-8\""));
    }
    if asked.schemes.digest() {
        let nonce = asked.nonces.fresh(registrar);
        if let Ok(digest) = HeaderValue::try_from(digest::challenge(&nonce, digest::is_stale(asked, registrar))) {
            headers.append(WWW_AUTHENTICATE, digest);
        }
    }
    response
}

/// Up to half as long again, so that those who were told at the same time do not come back at the same time.
pub(super) fn spread(seconds: u32, random: u8) -> u32 {
    let more = u64::from(seconds) * u64::from(random) / 512;
    seconds.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
}

pub(super) fn later(code: StatusCode, seconds: u32) -> Response {
    let mut response = status(code);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub(super) fn payload(der: &[u8], content_type: &'static str, asked: &Asked) -> Response {
    let user_agent = asked.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let posted = (!asked.body.is_empty()).then_some(asked.body.as_ref());
    let layout = Layout::choose(user_agent, posted, der.len());
    let mut response = Response::new(est::encode_payload(der, layout).into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // RFC 8951 section 3 has no use for it, but Bouncy Castle 1.72 decodes base64 only when it is there (est.md 0.5).
    headers.insert(CONTENT_TRANSFER_ENCODING, HeaderValue::from_static("base64"));
    response
}

/// RFC 7030 section 4.2.3 and RFC 8951 section 5: an error in words.
pub(super) fn text(code: StatusCode, words: &str) -> Response {
    let mut response = Response::new(format!("{words}\n").into());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub(super) fn status(code: StatusCode) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = code;
    response
}

const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_must_wait_comes_back_no_earlier_and_not_all_at_once() {
        assert_eq!((spread(10, 0), spread(10, 255), spread(1, 255), spread(0, 255)), (10, 14, 1, 0));
        assert!((0..=255).map(|random| spread(100, random)).collect::<std::collections::BTreeSet<u32>>().len() > 40);
        assert_eq!(spread(u32::MAX, 255), u32::MAX);
    }
}
