//! A server with handlers that show what the listener makes of requests and answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use daftar::frontend::connection::{ChannelBinding, Connection, RequestId};
use daftar::listen::{Door, Limits, Metrics, ServerTls, Stop};
use http_body_util::{BodyExt as _, Full};
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;

pub(crate) struct Office {
    pub(crate) address: SocketAddr,
    pub(crate) stop: Stop,
    pub(crate) served: JoinHandle<()>,
    pub(crate) limits: Arc<ArcSwap<Limits>>,
    metrics: Metrics,
}

impl Office {
    pub(crate) async fn http(limits: Limits) -> Self {
        Self::open(limits, None, &[]).await
    }

    /// Behind balancers at these addresses.
    pub(crate) async fn behind(limits: Limits, tls: Option<Arc<ServerTls>>, balancers: &[&str]) -> Self {
        Self::open(limits, tls, balancers).await
    }

    pub(crate) async fn https(tls: Arc<ServerTls>) -> Self {
        Self::open(Limits::default(), Some(tls), &[]).await
    }

    async fn open(limits: Limits, tls: Option<Arc<ServerTls>>, balancers: &[&str]) -> Self {
        let (stop, metrics) = (Stop::new(), Metrics::new());
        let limits = Arc::new(ArcSwap::from_pointee(limits));
        let door = Door::bind("test", ([127, 0, 0, 1], 0).into(), Arc::clone(&limits), metrics.clone()).await.unwrap();
        let door = door.behind(balancers.iter().map(|network| network.parse().unwrap()).collect());
        let address = door.local_address().unwrap();
        let served = match tls {
            Some(tls) => tokio::spawn(door.https(tls, router(), stop.signal())),
            None => tokio::spawn(door.http(router(), stop.signal())),
        };
        Self { address, stop, served, limits, metrics }
    }

    pub(crate) fn metrics(&self) -> String {
        let mut registry = Registry::default();
        self.metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    /// Waits until a line stands on the metrics page.
    pub(crate) async fn wait_for(&self, line: &str) {
        for _ in 0..100 {
            if self.metrics().lines().any(|found| found == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{line} is not in {}", self.metrics());
    }
}

fn router() -> Router {
    Router::new()
        .route("/echo", post(|body: Bytes| async { body }).get(|| async { "hello" }))
        .route(
            "/login",
            get(|| async {
                (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"www-authenticate: \"")])
            }),
        )
        .route("/waiting", get(|| async { (StatusCode::ACCEPTED, [(header::RETRY_AFTER, "5")]) }))
        .route("/nothing", get(|| async { StatusCode::NO_CONTENT }))
        .route("/streamed", get(streamed))
        .route("/large", get(|| async { vec![b'x'; 32 << 20] }))
        .route(
            "/encoded",
            get(|| async {
                (
                    [
                        (header::CONTENT_TYPE, "a/b"),
                        (header::HeaderName::from_static("content-transfer-encoding"), "base64"),
                    ],
                    "MAA=\n",
                )
            }),
        )
        .route("/slow", get(slow))
        .route("/never", get(std::future::pending::<()>))
        .route("/panic", get(broken))
        .route("/who", get(who))
        .route("/binding", get(binding))
}

/// A body that does not know its length.
async fn streamed() -> Response {
    let body = Full::new(Bytes::from_static(b"www-authenticate: in a body\r\n\r\n")).map_frame(|frame| frame);
    ([(header::TRANSFER_ENCODING, "chunked")], Body::new(body)).into_response()
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(700)).await;
    SLOW_DONE.store(true, Ordering::Relaxed);
    "done"
}

async fn broken() -> &'static str {
    panic!("as the test wants")
}

async fn who(Extension(connection): Extension<Connection>, Extension(id): Extension<RequestId>) -> String {
    let tls = connection.tls.map_or_else(
        || "none".to_owned(),
        |tls| {
            format!(
                "1.3={} chain={}",
                tls.version_1_3,
                tls.client_chain.iter().map(hex::encode).collect::<Vec<_>>().join(",")
            )
        },
    );
    format!("{} {} {tls}", connection.peer, id.0)
}

/// The bindings of the connection, as the tests write them; `-` for none.
async fn binding(Extension(connection): Extension<Connection>) -> String {
    let tls = connection.tls.expect("this is asked over TLS");
    let texts = tls.bindings.iter().map(|binding| match binding {
        ChannelBinding::TlsUnique(octets) => format!("unique:{}", hex::encode(octets)),
        ChannelBinding::TlsExporter(octets) => format!("exporter:{}", hex::encode(octets)),
    });
    let text = texts.collect::<Vec<_>>().join(",");
    if text.is_empty() { "-".to_owned() } else { text }
}

/// Whether a slow handler has come to its end; only one test lets its client hang up.
pub(crate) static SLOW_DONE: AtomicBool = AtomicBool::new(false);
