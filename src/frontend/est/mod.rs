//! The EST door (RFC 7030, RFC 8951, RFC 9908).

mod address;
mod answer;
mod balancer;
mod csr_attrs;
mod digest;
mod enroll;
mod full_cmc;
mod full_response;
mod identify;
mod key_protection;
mod linking;
mod nonces;
mod server_key;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use address::address;
use answer::{noted, payload, refused};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::any;
use csr_attrs::csr_attrs;
use enroll::enroll;
use est::Operation;
use full_cmc::full_cmc;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
pub use key_protection::{KeyEncryptionKey, KeyEncryptionKeyConfig, KeyProtection};
use nonces::Nonces;
use server_key::server_key;

use super::{Connection, RequestId, source};
use crate::case::Door;
use crate::registrar::{Registrar, Source};
use crate::rules::{EnrolNeeds, HttpSchemes, Profile};

/// The EST door for clients themselves. It belongs on HTTPS (RFC 7030 section 3.3).
pub fn est_direct(registrar: Registrar, keys: Arc<KeyProtection>) -> Router {
    let told = from_fn_with_state(registrar.clone(), balancer::refuse);
    est(registrar, keys).layer(told)
}

/// The EST door for balancers, which end their clients' TLS and tell of them (RFC 9440). It belongs on HTTPS, too.
pub fn est_balanced(registrar: Registrar, keys: Arc<KeyProtection>) -> Router {
    let told = from_fn_with_state(registrar.clone(), balancer::believe);
    est(registrar, keys).layer(told)
}

fn est(registrar: Registrar, keys: Arc<KeyProtection>) -> Router {
    let nonces = Arc::new(Nonces::new(&[registrar.nonce(), registrar.nonce()].concat()));
    Router::new().route("/.well-known/est/{*rest}", any(serve)).with_state(Shared { registrar, nonces, keys })
}

/// What all requests share.
#[derive(Clone)]
struct Shared {
    registrar: Registrar,
    nonces: Arc<Nonces>,
    keys: Arc<KeyProtection>,
}

/// One request with everything that is known about it.
struct Asked {
    source: Source,
    connection: Connection,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    nonces: Arc<Nonces>,
    /// Its nonce of HTTP Digest was counted as far before.
    overtaken: AtomicBool,
    /// What its profile wants to identify it by.
    schemes: HttpSchemes,
    needs: EnrolNeeds,
}

async fn serve(
    State(Shared { registrar, nonces, keys }): State<Shared>,
    Extension(connection): Extension<Connection>,
    Extension(request): Extension<RequestId>,
    head: Parts,
    body: Bytes,
) -> Response {
    let Parts { method, uri, version, headers, .. } = head;
    let (operation, label, profile) = match address(&registrar, &method, &uri) {
        Ok(found) => found,
        Err(wrong) => {
            let source = source(Door::Est, &connection, &request, None);
            return noted(&registrar, &source, wrong.response(), &wrong.words).await;
        }
    };
    let source = source(Door::Est, &connection, &request, label);
    let (schemes, needs) = (profile.est.http_schemes, profile.enrol_needs);
    let asked = Asked {
        source,
        connection,
        method,
        uri,
        headers,
        body,
        nonces,
        overtaken: AtomicBool::new(false),
        schemes,
        needs,
    };
    let answered = match operation {
        Operation::CaCerts => Ok(ca_certs(&registrar, &profile, &asked)),
        Operation::CsrAttrs => Ok(csr_attrs(&profile, &asked)),
        Operation::SimpleEnroll => enroll(&registrar, &profile, &asked, false).await,
        Operation::SimpleReenroll => enroll(&registrar, &profile, &asked, true).await,
        Operation::ServerKeyGen => server_key(&registrar, &profile, &asked, version, &keys).await,
        Operation::FullCmc => full_cmc(&registrar, &profile, &asked, &keys.protector).await,
    };
    match answered {
        Ok(response) => response,
        Err(refusal) => refused(&registrar, &asked, &refusal).await,
    }
}

/// RFC 7030 section 4.1: the whole chain, without authentication; while a root changes, the way to the other one, too (section 4.1.3).
fn ca_certs(registrar: &Registrar, profile: &Profile, asked: &Asked) -> Response {
    let chain = registrar.ca_certificates_with_rollover(profile);
    let der = est::certs_only(&chain.iter().map(Vec::as_slice).collect::<Vec<_>>());
    payload(&der, est::CONTENT_TYPE_CA_CERTS, asked)
}
