//! The EST door (RFC 7030, RFC 8951, RFC 9908).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::any;
use base64::Engine;
use certs::path::Purpose;
use certs::{Certificate, Csr, KeyKind};
use est::csrattrs::{CsrAttrsDraft, SubjectPart, WantedExtension};
use est::{Layout, Operation, Path};
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use zeroize::Zeroizing;

use super::{Connection, RequestId, source};
use crate::case::{Door, Outcome, Reason, ReasonCode};
use crate::registrar::{
    CertificateRequest, Finished, Identified, Incoming, Refusal, Registrar, Reply, Replying, Source,
};
use crate::rules::Profile;

/// The routes of the EST door. They belong on HTTPS only (RFC 7030 section 3.3).
pub fn est(registrar: Registrar) -> Router {
    Router::new().route("/.well-known/est/{*rest}", any(serve)).with_state(registrar)
}

/// One request with everything that is known about it.
struct Asked {
    source: Source,
    connection: Connection,
    headers: HeaderMap,
    body: Bytes,
}

async fn serve(
    State(registrar): State<Registrar>,
    Extension(connection): Extension<Connection>,
    Extension(request): Extension<RequestId>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (operation, label, profile) = match address(&registrar, &method, &uri) {
        Ok(found) => found,
        Err(wrong) => {
            let source = source(Door::Est, &connection, &request, None);
            return noted(&registrar, &source, wrong.response(), &wrong.words).await;
        }
    };
    let source = source(Door::Est, &connection, &request, label);
    let asked = Asked { source, connection, headers, body };
    let answered = match operation {
        Operation::CaCerts => Ok(ca_certs(&registrar, &profile, &asked)),
        Operation::CsrAttrs => Ok(csr_attrs(&profile, &asked)),
        Operation::SimpleEnroll => enroll(&registrar, &asked, false).await,
        Operation::SimpleReenroll => enroll(&registrar, &asked, true).await,
        Operation::FullCmc | Operation::ServerKeyGen => Err(Refusal::UnknownProfile(operation.name().to_owned())),
    };
    match answered {
        Ok(response) => response,
        Err(refusal) => refused(&registrar, &asked.source, &refusal).await,
    }
}

/// Why nobody can ask at an address.
struct Wrong {
    status: StatusCode,
    words: String,
    /// The method that can be used there.
    allow: Option<&'static str>,
}

impl Wrong {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into(), allow: None }
    }

    fn response(&self) -> Response {
        let mut response = text(self.status, &self.words);
        if let Some(method) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
        }
        response
    }
}

/// What is asked for, and under which label and profile.
fn address(registrar: &Registrar, method: &Method, uri: &Uri) -> Result<(Operation, Option<String>, Profile), Wrong> {
    let path = Path::parse(uri.path()).map_err(|fault| Wrong::new(StatusCode::NOT_FOUND, fault.to_string()))?;
    let operation = path.operation;
    if !operation.is_implemented() {
        // RFC 7030 section 3.2.2 table 5: optional operations may be left out.
        return Err(Wrong::new(StatusCode::NOT_IMPLEMENTED, "this operation is not offered here"));
    }
    if method.as_str() != operation.method() {
        let wrong = Wrong::new(StatusCode::METHOD_NOT_ALLOWED, "use the method in Allow");
        return Err(Wrong { allow: Some(operation.method()), ..wrong });
    }
    match registrar.profile(path.label.as_deref()) {
        Some((_, profile)) => Ok((operation, path.label, profile)),
        None => Err(Wrong::new(StatusCode::NOT_FOUND, "there is no such label")),
    }
}

/// A refusal is recorded before it is answered.
async fn noted(registrar: &Registrar, source: &Source, response: Response, words: &str) -> Response {
    match registrar.note_bad_input(source, "requester", words).await {
        Ok(()) => response,
        Err(fault) => later(StatusCode::SERVICE_UNAVAILABLE, retry_after(&fault)),
    }
}

/// RFC 7030 section 4.1: the whole chain, without authentication.
fn ca_certs(registrar: &Registrar, profile: &Profile, asked: &Asked) -> Response {
    let chain = registrar.ca_certificates(profile);
    let der = est::certs_only(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>());
    payload(&der, est::CONTENT_TYPE_CA_CERTS, asked)
}

/// RFC 7030 section 4.5: what a request should look like, from the profile.
fn csr_attrs(profile: &Profile, asked: &Asked) -> Response {
    let draft = wanted(profile);
    match draft.build().and_then(|attributes| attributes.to_der()) {
        Ok(der) => payload(&der, est::CONTENT_TYPE_CSR_ATTRS, asked),
        Err(fault) => {
            tracing::error!(%fault, "the profile's CSR attributes cannot be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the attributes cannot be written")
        }
    }
}

/// The attributes a profile asks for: its first kind of key, its required names, the extensions it gives.
fn wanted(profile: &Profile) -> CsrAttrsDraft {
    let kinds = &profile.key.kinds;
    let key = if kinds.contains("P-256") {
        Some(KeyKind::P256)
    } else if kinds.contains("P-384") {
        Some(KeyKind::P384)
    } else if kinds.contains("P-521") {
        Some(KeyKind::P521)
    } else if kinds.contains("RSA") {
        Some(KeyKind::Rsa { bits: profile.key.rsa_min_bits })
    } else {
        None
    };
    let extension = |oid| WantedExtension { oid, critical: false, value: None };
    let names = !profile.alternative_names.is_empty();
    let common_name = profile.subject.required.contains("CN");
    CsrAttrsDraft {
        key,
        signature: None,
        extensions: names.then(|| extension(certs::oid::SUBJECT_ALT_NAME)).into_iter().collect(),
        subject: common_name.then_some(SubjectPart { oid: certs::oid::COMMON_NAME, value: None }).into_iter().collect(),
        challenge_password: false,
        list_only: false,
    }
}

async fn enroll(registrar: &Registrar, asked: &Asked, again: bool) -> Result<Response, Refusal> {
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

/// RFC 7030 sections 3.2.3 and 3.3.2: HTTP Basic with an enrolment code, or the client certificate of the handshake. A renewal is
/// asked for with the certificate to be renewed.
async fn identify(registrar: &Registrar, asked: &Asked, again: bool) -> Result<Identified, Refusal> {
    let basic = asked.headers.get(AUTHORIZATION).and_then(basic_credentials);
    let chain = asked.connection.tls.as_ref().map(|tls| tls.client_chain.as_slice()).unwrap_or_default();
    match basic {
        Some((user, password)) if !again || chain.is_empty() => {
            registrar.identify_code(asked.source.clone(), &user, password.as_bytes()).await
        }
        _ if chain.is_empty() => Err(Refusal::NotIdentified),
        _ => {
            let chain: Result<Vec<Certificate>, certs::Fault> =
                chain.iter().map(|der| Certificate::parse(der)).collect();
            let chain = chain.map_err(|_| Refusal::NotIdentified)?;
            registrar.identify_certificate(asked.source.clone(), &chain, Purpose::ClientAuth).await
        }
    }
}

/// RFC 7617 section 2: the user name ends at the first colon; an empty one is allowed (RFC 7030 section 3.2.3).
fn basic_credentials(value: &HeaderValue) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?);
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), Zeroizing::new(password.to_owned())))
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
    let message = Incoming::new(&asked.body, &asked.body, None);
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

/// The one place where refusals become EST's statuses (RFC 7030 sections 3.2.3 and 4.2.3).
async fn refused(registrar: &Registrar, source: &Source, refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Requester(reason) => {
            noted(registrar, source, text(status_of(reason.code), &reason.text), &reason.text).await
        }
        Refusal::NotIdentified => challenge(),
        Refusal::NotAllowed(cause) => {
            tracing::info!(request = %source.request_id, cause, "not allowed");
            text(StatusCode::FORBIDDEN, "not allowed")
        }
        Refusal::UnknownProfile(_) => text(StatusCode::NOT_FOUND, "there is no such label"),
        Refusal::TransactionInUse | Refusal::NoTransaction | Refusal::OutOfPlace(_) => {
            text(StatusCode::CONFLICT, &refusal.to_string())
        }
        Refusal::TooMany { retry_after } => later(StatusCode::TOO_MANY_REQUESTS, *retry_after),
        Refusal::Unavailable { retry_after, cause } => {
            tracing::error!(request = %source.request_id, cause, "not available");
            later(StatusCode::SERVICE_UNAVAILABLE, *retry_after)
        }
    }
}

const fn status_of(code: ReasonCode) -> StatusCode {
    match code {
        ReasonCode::BadRequest | ReasonCode::BadTemplate | ReasonCode::BadProof => StatusCode::BAD_REQUEST,
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

/// RFC 7030 section 3.2.3. The body is empty (est.md 0.6), and one challenge only: some clients read no second.
fn challenge() -> Response {
    let mut response = status(StatusCode::UNAUTHORIZED);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"EST\", charset=\"UTF-8\""));
    response
}

fn later(code: StatusCode, seconds: u32) -> Response {
    let mut response = status(code);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn payload(der: &[u8], content_type: &'static str, asked: &Asked) -> Response {
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
fn text(code: StatusCode, words: &str) -> Response {
    let mut response = Response::new(format!("{words}\n").into());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn status(code: StatusCode) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = code;
    response
}

/// Attributes that a server must act on (RFC 7030 sections 3.5 and 4.2.2, RFC 7894 section 3).
const UNVERIFIED: [(certs::ObjectIdentifier, &str); 5] = [
    (certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.7"), "challengePassword"),
    (certs::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.7.36"), "changeSubjectName"),
    (certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.56"), "otpChallenge"),
    (certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.57"), "revocationChallenge"),
    (certs::ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.58"), "estIdentityLinking"),
];

const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");
