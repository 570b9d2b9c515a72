//! The CMP door (RFC 9811): one PKIMessage in, one out.

mod answer;
mod desk;
mod keys;
mod manner;
mod path;
mod profile;
mod protector;
mod requests;
mod signer;
mod support;
mod template;
mod unwrap;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::{Connection, RequestId, source};
use crate::case::Door;
use crate::registrar::Registrar;
use path::Place;

pub use path::{CmpDoorConfig, FurtherPath};
pub use protector::{AnswersConfig, Protector, Protectors};

/// The CMP door with what protects its answers.
#[derive(Clone, Debug)]
pub struct CmpDoor {
    registrar: Registrar,
    protectors: Arc<Protectors>,
    keys: Arc<keys::Keys>,
    config: Arc<CmpDoorConfig>,
}

impl CmpDoor {
    /// The door of a registrar.
    #[must_use]
    pub fn new(registrar: Registrar, protectors: Protectors, config: &CmpDoorConfig) -> Self {
        Self { registrar, protectors: Arc::new(protectors), keys: Arc::default(), config: Arc::new(config.clone()) }
    }

    /// Its routes, for HTTP and HTTPS alike: messages protect themselves (RFC 9811 section 3.1).
    pub fn router(self) -> Router {
        let routes = Place::routes(&self.config);
        routes.iter().fold(Router::new(), |router, route| router.route(route, any(serve))).with_state(self)
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
    let place = match address(&method, &uri, &headers, &door.config) {
        Ok(place) => place,
        Err((status, words)) => {
            let source = source(Door::Cmp, &connection, &request, None);
            return match door.registrar.note_bad_input(&source, "requester", words).await {
                Ok(()) => plain(status, words),
                Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "not available now"),
            };
        }
    };
    let source = source(Door::Cmp, &connection, &request, place.profile);
    let (status, answer) = door.answer(source, place.operation, &body).await;
    let empty = answer.is_empty();
    let mut response = Response::new(answer.into());
    *response.status_mut() = status;
    // RFC 9811 section 3.2: with a PKIMessage; the answer to an announcement is empty (section 3.5).
    if !empty {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PKIXCMP));
    }
    response
}

/// Where the message was sent; or why nothing at that address can be a message.
fn address(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    config: &CmpDoorConfig,
) -> Result<Place, (StatusCode, &'static str)> {
    // RFC 9483 section 6.1: the status tells whether there is such a place.
    let place = Place::find(uri.path(), config)
        .ok_or((StatusCode::NOT_FOUND, "the path is /.well-known/cmp[/p/PROFILE][/OPERATION]"))?;
    // RFC 9811 section 3.1.
    if method != Method::POST {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "use POST"));
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // RFC 9110 section 8.3.1: types are case-insensitive; this one has no parameters, so what is there means nothing.
    let found = content_type.split(';').next().unwrap_or_default().trim();
    // RFC 9811 section 3.2: MUST be application/pkixcmp; section 4: the unregistered one MAY be handled like it.
    if ![PKIXCMP, PKIXCMP_POLL].iter().any(|known| found.eq_ignore_ascii_case(known)) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/pkixcmp"));
    }
    Ok(place)
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

const PKIXCMP_POLL: &str = "application/pkixcmp-poll";
