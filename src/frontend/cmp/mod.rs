//! The CMP door (RFC 9811): one PKIMessage in, one out.

mod answer;
mod desk;
mod keys;
mod manner;
mod protector;
mod requests;
mod signer;
mod unwrap;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::any;
use cmp::BodyKind;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::{Connection, RequestId, source};
use crate::case::Door;
use crate::registrar::Registrar;

pub use protector::Protector;

/// The CMP door with what protects its answers.
#[derive(Clone, Debug)]
pub struct CmpDoor {
    registrar: Registrar,
    protector: Protector,
    keys: Arc<keys::Keys>,
}

impl CmpDoor {
    /// The door of a registrar.
    #[must_use]
    pub fn new(registrar: Registrar, protector: Protector) -> Self {
        Self { registrar, protector, keys: Arc::default() }
    }

    /// Its routes, for HTTP and HTTPS alike: messages protect themselves (RFC 9811 section 3.1).
    pub fn router(self) -> Router {
        Router::new()
            .route("/.well-known/cmp", any(serve))
            .route("/.well-known/cmp/{*rest}", any(serve))
            .with_state(self)
    }
}

async fn serve(
    State(door): State<CmpDoor>,
    Extension(connection): Extension<Connection>,
    Extension(request): Extension<RequestId>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = match address(&method, &uri, &headers) {
        Ok(path) => path,
        Err((status, words)) => {
            let source = source(Door::Cmp, &connection, &request, None);
            return match door.registrar.note_bad_input(&source, "requester", words).await {
                Ok(()) => plain(status, words),
                Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "not available now"),
            };
        }
    };
    let source = source(Door::Cmp, &connection, &request, path.profile);
    let (status, answer) = door.answer(source, path.operation, &body).await;
    let mut response = Response::new(answer.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PKIXCMP));
    response
}

/// Where the message was sent; or why nothing at that address can be a message.
fn address(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Path, (StatusCode, &'static str)> {
    let path = Path::parse(uri.path())
        .ok_or((StatusCode::NOT_FOUND, "the path is /.well-known/cmp[/p/PROFILE][/OPERATION]"))?;
    // RFC 9811 section 3.2.
    if method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "use POST"));
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // RFC 9811 section 3.4: MUST be application/pkixcmp; parameters are ignored.
    if !content_type.split(';').next().is_some_and(|found| found.trim().eq_ignore_ascii_case(PKIXCMP)) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/pkixcmp"));
    }
    Ok(path)
}

/// Where a message was sent (RFC 9811 section 3.6, RFC 9483 section 6.1).
#[derive(Debug, Eq, PartialEq)]
struct Path {
    profile: Option<String>,
    operation: Option<&'static Operation>,
}

/// An operation label and the kinds of body that begin it.
#[derive(Debug, Eq, PartialEq)]
struct Operation {
    label: &'static str,
    begins: &'static [BodyKind],
}

impl Operation {
    /// Whether a message of this kind may be sent there; what follows a request comes the same way.
    fn takes(&self, kind: BodyKind) -> bool {
        self.begins.contains(&kind) || matches!(kind, BodyKind::CertConf | BodyKind::PollReq | BodyKind::Nested)
    }
}

impl Path {
    fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/.well-known/cmp")?.trim_matches('/');
        let mut segments = rest.split('/').filter(|segment| !segment.is_empty());
        let (profile, operation) = match segments.next() {
            Some("p") => (Some(segments.next()?.to_owned()), segments.next()),
            other => (None, other),
        };
        let operation = match operation {
            None => None,
            Some(label) => Some(OPERATIONS.iter().find(|operation| operation.label == label)?),
        };
        segments.next().is_none().then_some(Self { profile, operation })
    }
}

fn plain(status: StatusCode, words: &str) -> Response {
    let mut response = Response::new(format!("{words}\n").into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

const PKIXCMP: &str = "application/pkixcmp";

/// RFC 9483 section 6.1, table 1. Earlier drafts had `p10` for `pkcs10`.
const OPERATIONS: [Operation; 11] = [
    Operation { label: "initialization", begins: &[BodyKind::Ir] },
    Operation { label: "certification", begins: &[BodyKind::Cr, BodyKind::Ir] },
    Operation { label: "keyupdate", begins: &[BodyKind::Kur] },
    Operation { label: "pkcs10", begins: &[BodyKind::P10cr] },
    Operation { label: "p10", begins: &[BodyKind::P10cr] },
    Operation { label: "revocation", begins: &[BodyKind::Rr] },
    Operation { label: "getcacerts", begins: &[BodyKind::Genm] },
    Operation { label: "getrootupdate", begins: &[BodyKind::Genm] },
    Operation { label: "getcertreqtemplate", begins: &[BodyKind::Genm] },
    Operation { label: "getcrls", begins: &[BodyKind::Genm] },
    Operation { label: "nested", begins: &[BodyKind::Nested] },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_profile_and_operation() {
        let path = |text: &str| Path::parse(text).map(|path| (path.profile, path.operation.map(|found| found.label)));
        assert_eq!(path("/.well-known/cmp"), Some((None, None)));
        assert_eq!(path("/.well-known/cmp/pkcs10"), Some((None, Some("pkcs10"))));
        assert_eq!(path("/.well-known/cmp/p/strict"), Some((Some("strict".into()), None)));
        assert_eq!(path("/.well-known/cmp/p/strict/revocation"), Some((Some("strict".into()), Some("revocation"))));
        assert_eq!(path("/.well-known/cmp/unheard"), None);
        assert_eq!(path("/.well-known/cmp/p/strict/pkcs10/more"), None);
    }

    #[test]
    fn an_operation_takes_its_own_messages_only() {
        let path = Path::parse("/.well-known/cmp/revocation").unwrap();
        let operation = path.operation.unwrap();
        assert!(operation.takes(BodyKind::Rr));
        assert!(operation.takes(BodyKind::PollReq));
        assert!(!operation.takes(BodyKind::Ir));
    }
}
