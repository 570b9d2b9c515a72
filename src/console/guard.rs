//! What stands before every page: the request is for this console by its own name, a form is from one of its own pages, and whoever asks is
//! logged in where that is needed.

use axum::body::{Body, to_bytes};
use axum::extract::{Form, FromRequest as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use certs::Certificate;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::answer::{Fault, explained};
use super::language::Language;
use super::routes::Right;
use super::{Console, ConsoleSettings};
use crate::case::Door;
use crate::frontend::connection::{Connection, RequestId};
use crate::registrar::{OnDuty, Refusal, SessionToken, Source};

/// A route's right, and what is needed to check it.
#[derive(Clone)]
pub(super) struct Guarded {
    pub(super) console: Console,
    pub(super) right: Right,
}

/// Whoever is logged in, with what his forms must carry.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) officer: OnDuty,
    pub(super) token: SessionToken,
}

/// For all routes.
pub(super) async fn guard(State(console): State<Console>, request: Request, next: Next) -> Response {
    let mut response = match own_name(&console.settings, &request) {
        Ok(()) => next.run(request).await,
        Err((status, key)) => {
            explained(Language::of(request.headers()), status, key, request.extensions().get::<RequestId>())
        }
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // On a loopback address a browser would keep it for every other server of this machine, too.
    if !console.settings.loopback {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Whether a request names this console, and a form was sent by a page of it.
fn own_name<B>(settings: &ConsoleSettings, request: &http::Request<B>) -> Result<(), (StatusCode, &'static str)> {
    let text = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    // HTTP/2 has `:authority` in its place (RFC 9113 section 8.3.1).
    let host = text(&HOST).or(request.uri().authority().map(http::uri::Authority::as_str));
    // A name of another site that leads here (DNS rebinding) is none of ours.
    let Some(host) = host.filter(|host| settings.hosts.contains(*host)) else {
        return Err((StatusCode::MISDIRECTED_REQUEST, "fault-host"));
    };
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(());
    }
    // Browsers tell where a form comes from (RFC 6454 section 7.3, Fetch); who does not tell is no browser of an officer.
    let from_here = text(&ORIGIN).and_then(|origin| origin.strip_prefix("https://")) == Some(host);
    let site = text(&SEC_FETCH_SITE);
    if from_here && site.is_none_or(|site| site == "same-origin") {
        return Ok(());
    }
    Err((StatusCode::FORBIDDEN, "fault-origin"))
}

/// For each route: whose it is.
pub(super) async fn right(
    State(Guarded { console, right }): State<Guarded>,
    mut request: Request,
    next: Next,
) -> Response {
    let language = Language::of(request.headers());
    let id = request.extensions().get::<RequestId>().cloned();
    let shown = (shown_token(request.headers()), client_chain(request.extensions()));
    let session = match session(&console, shown).await {
        Ok(session) => session,
        Err(refusal) => return Fault::of(refusal).page(language, id.as_ref()),
    };
    let act = match right {
        Right::Anyone => {
            if let Some(session) = session {
                request.extensions_mut().insert(session);
            }
            return next.run(request).await;
        }
        Right::Officer => None,
        Right::Job(act) => Some(act),
    };
    let Some(session) = session else {
        return match *request.method() {
            Method::GET | Method::HEAD => Redirect::to(&log_in_first(&request)).into_response(),
            _ => explained(language, StatusCode::UNAUTHORIZED, "fault-session", id.as_ref()),
        };
    };
    let mut request = match own_form(&session, request).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    if let Some(act) = act
        && let Err(refusal) = console.registrar.permit_officer(&session.officer, act).await
    {
        return Fault::of(refusal).page(language, id.as_ref());
    }
    request.extensions_mut().insert(session);
    next.run(request).await
}

/// Where to go, and to come back from.
fn log_in_first(request: &Request) -> String {
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if path == "/" { "/log-in".to_owned() } else { format!("/log-in?back={}", hex::encode(path)) }
}

/// The token that a browser shows.
fn shown_token(headers: &HeaderMap) -> Option<SessionToken> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let named = |pair: &str| pair.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('=').and_then(SessionToken::parse);
    cookies.flat_map(|value| value.split(';')).find_map(named)
}

async fn session(
    console: &Console,
    (token, chain): (Option<SessionToken>, Vec<Certificate>),
) -> Result<Option<Session>, Refusal> {
    let Some(token) = token else { return Ok(None) };
    match console.registrar.on_duty(&token, &chain).await {
        Ok(officer) => Ok(Some(Session { officer, token })),
        Err(Refusal::NotIdentified) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A form must carry what only the pages of its session have.
async fn own_form(session: &Session, request: Request) -> Result<Request, Response> {
    #[derive(Deserialize)]
    struct Token {
        form_token: String,
    }
    if *request.method() != Method::POST {
        return Ok(request);
    }
    let (head, body) = request.into_parts();
    let refused = || {
        let id = head.extensions.get::<RequestId>();
        explained(Language::of(&head.headers), StatusCode::FORBIDDEN, "fault-form", id)
    };
    let again = |body: Body| Request::from_parts(head.clone(), body);
    let Ok(octets) = to_bytes(body, LARGEST_FORM).await else { return Err(refused()) };
    let sent = Form::<Token>::from_request(again(Body::from(octets.clone())), &()).await;
    let expected = session.token.form_token();
    let same = |sent: &Token| {
        aws_lc_rs::constant_time::verify_slices_are_equal(sent.form_token.as_bytes(), expected.as_bytes()).is_ok()
    };
    match sent {
        Ok(Form(sent)) if same(&sent) => Ok(again(Body::from(octets))),
        _ => Err(refused()),
    }
}

/// The certificates that the client showed in the TLS handshake, those that can be read.
pub(super) fn client_chain(about: &Extensions) -> Vec<Certificate> {
    let connection = about.get::<Connection>();
    let sent = connection.and_then(|connection| connection.tls.as_ref()).map(|tls| tls.client_chain.as_slice());
    sent.unwrap_or_default().iter().map_while(|der| Certificate::parse(der).ok()).collect()
}

/// Where a request comes from, for the log.
pub(super) fn source(about: &Extensions) -> Option<Source> {
    let connection = about.get::<Connection>()?;
    let id = about.get::<RequestId>()?;
    Some(Source { door: Door::Console, peer: connection.peer.ip(), request_id: id.0.clone(), profile: None })
}

/// A cookie of this host alone, over TLS alone (RFC 6265bis section 4.1.3.2).
pub(super) const SESSION_COOKIE: &str = "__Host-session";

/// RFC 6265bis has no name constant for it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Nothing is loaded from elsewhere, nothing runs, nothing frames a page, and no form leaves it.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// More than any form of text has.
const LARGEST_FORM: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(method: &Method, fields: &[(&'static str, &str)]) -> Result<(), (StatusCode, &'static str)> {
        let hosts = ["localhost:9443".to_owned()].into();
        let settings = ConsoleSettings { hosts, offset_seconds: 0, loopback: true };
        let mut request = http::Request::builder().method(method).uri("/");
        for (name, value) in fields {
            request = if *name == ":authority" {
                request.uri(format!("https://{value}/"))
            } else {
                request.header(*name, *value)
            };
        }
        own_name(&settings, &request.body(()).unwrap())
    }

    #[test]
    fn http_2_tells_the_name_in_another_place() {
        assert!(judged(&Method::GET, &[(":authority", "localhost:9443")]).is_ok());
        assert!(judged(&Method::GET, &[(":authority", "evil.example")]).is_err());
        assert!(judged(&Method::GET, &[(":authority", "localhost:9443"), ("host", "evil.example")]).is_err());
    }

    #[test]
    fn a_request_for_another_name_is_none_of_ours() {
        for host in ["evil.example", "localhost", "localhost:9444", ""] {
            assert_eq!(
                judged(&Method::GET, &[("host", host)]).unwrap_err().0,
                StatusCode::MISDIRECTED_REQUEST,
                "{host}"
            );
        }
        assert!(judged(&Method::GET, &[]).is_err());
        assert!(judged(&Method::GET, &[("host", "localhost:9443")]).is_ok());
    }

    #[test]
    fn a_form_comes_from_a_page_of_this_console() {
        let own = ("host", "localhost:9443");
        let good = ("origin", "https://localhost:9443");
        assert!(judged(&Method::POST, &[own, good]).is_ok());
        assert!(judged(&Method::POST, &[own, good, ("sec-fetch-site", "same-origin")]).is_ok());
        for wrong in ["https://evil.example", "http://localhost:9443", "null", "https://localhost:9443.evil.example"] {
            assert_eq!(judged(&Method::POST, &[own, ("origin", wrong)]).unwrap_err().0, StatusCode::FORBIDDEN);
        }
        assert!(judged(&Method::POST, &[own]).is_err(), "a browser tells");
        assert!(judged(&Method::POST, &[own, good, ("sec-fetch-site", "cross-site")]).is_err());
    }
}
