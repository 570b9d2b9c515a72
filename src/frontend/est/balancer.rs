//! Clients behind a balancer that ends their TLS connections: `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
//!
//! Both are what anybody can write, so they are believed only from a balancer that proved itself, on the door for balancers.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use certs::Certificate;
use http::{HeaderMap, HeaderName, StatusCode};
use sfv::{BareItem, Item, List, ListEntry, Parser};

use super::answer::{noted, text};
use crate::case::Door;
use crate::frontend::{Connection, RequestId, Tls, source};
use crate::registrar::Registrar;

/// The door for clients themselves: nobody tells of others here.
pub(super) async fn refuse(
    State(registrar): State<Registrar>,
    Extension(connection): Extension<Connection>,
    Extension(id): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    if !tells_of_another(request.headers()) {
        return next.run(request).await;
    }
    let words = "Client-Cert and Client-Cert-Chain are taken only from a balancer, at the address for balancers (RFC 9440 section 4)";
    let source = source(Door::Est, &connection, &id, None);
    noted(&registrar, &source, text(StatusCode::BAD_REQUEST, words), words).await
}

/// The door for balancers: what a listed one tells of its client stands in place of the connection.
pub(super) async fn believe(
    State(registrar): State<Registrar>,
    Extension(connection): Extension<Connection>,
    Extension(id): Extension<RequestId>,
    mut request: Request,
    next: Next,
) -> Response {
    let source = source(Door::Est, &connection, &id, None);
    let own = connection.tls.as_deref().map(|tls| tls.client_chain.as_slice()).unwrap_or_default();
    let own: Result<Vec<Certificate>, _> = own.iter().map(|der| Certificate::parse(der)).collect();
    let balancer = match own {
        Ok(chain) => registrar.check_balancer(&chain).await,
        Err(fault) => Err(fault.to_string()),
    };
    match balancer {
        Ok(name) => tracing::debug!(balancer = name, "tells of its client"),
        Err(fault) => {
            tracing::warn!(peer = %connection.peer, fault, "not a balancer");
            let status =
                if tells_of_another(request.headers()) { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN };
            let words = "this address is for balancers that are listed and prove it in the TLS handshake";
            return noted(&registrar, &source, text(status, words), words).await;
        }
    }
    let client_chain = match told(request.headers()) {
        Ok(client_chain) => client_chain,
        Err(words) => return noted(&registrar, &source, text(StatusCode::BAD_REQUEST, words), words).await,
    };
    let version_1_3 = connection.tls.as_deref().is_some_and(|tls| tls.version_1_3);
    let tls = Tls { client_chain, relayed: true, version_1_3, bindings: Vec::new() };
    request.extensions_mut().insert(Connection { tls: Some(Arc::new(tls)), ..connection });
    next.run(request).await
}

fn tells_of_another(headers: &HeaderMap) -> bool {
    headers.contains_key(CLIENT_CERT) || headers.contains_key(CLIENT_CERT_CHAIN)
}

/// The client's chain, its own certificate first; empty where it had none.
fn told(headers: &HeaderMap) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut values = headers.get_all(CLIENT_CERT).iter();
    let Some(value) = values.next() else {
        // RFC 9440 section 2.3.
        let alone = headers.contains_key(CLIENT_CERT_CHAIN);
        return if alone {
            Err("Client-Cert-Chain without Client-Cert (RFC 9440 section 2.3)")
        } else {
            Ok(Vec::new())
        };
    };
    if values.next().is_some() {
        return Err("Client-Cert stands more than once (RFC 9440 section 2.2)");
    }
    let item: Item = Parser::new(value.as_bytes()).parse().map_err(|_| NOT_A_CERTIFICATE)?;
    let mut chain = vec![certificate(item)?];
    // RFC 9440 section 2.3: it may be split over several fields, which are one list.
    let lists: Vec<&[u8]> = headers.get_all(CLIENT_CERT_CHAIN).iter().map(http::HeaderValue::as_bytes).collect();
    let list: List = Parser::new(&lists.join(&b", "[..])).parse().map_err(|_| NOT_A_CHAIN)?;
    for entry in list {
        match entry {
            ListEntry::Item(item) => chain.push(certificate(item)?),
            ListEntry::InnerList(_) => return Err(NOT_A_CHAIN),
        }
    }
    Ok(chain)
}

/// RFC 9440 section 2.1: the DER as a byte sequence.
fn certificate(item: Item) -> Result<Vec<u8>, &'static str> {
    match item.bare_item {
        BareItem::ByteSequence(der) if Certificate::parse(&der).is_ok() => Ok(der),
        _ => Err(NOT_A_CERTIFICATE),
    }
}

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

const NOT_A_CERTIFICATE: &str =
    "Client-Cert is not one certificate as a byte sequence, :BASE64: (RFC 9440 section 2.2)";
const NOT_A_CHAIN: &str = "Client-Cert-Chain is not a list of certificates as byte sequences (RFC 9440 section 2.3)";

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Octets that come near to structured fields, and any others.
    fn field() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof!["[ :,;=()A-Za-z0-9+/\"?*-]{0,60}".prop_map(String::into_bytes), vec(any::<u8>(), 0..60)]
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(own in vec(field(), 0..3), chain in vec(field(), 0..3)) {
            let mut headers = HeaderMap::new();
            for (name, values) in [(CLIENT_CERT, own), (CLIENT_CERT_CHAIN, chain)] {
                for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
                    headers.append(&name, value);
                }
            }
            let any = tells_of_another(&headers);
            match told(&headers) {
                Ok(chain) => prop_assert!(chain.is_empty() && !any, "no certificate is that short"),
                Err(_) => prop_assert!(any),
            }
        }
    }
}
