//! New connections, made where their handshake may wait.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::http::CheckedResolver;

/// TCP, and TLS where the address says so.
pub(super) type Https = HttpsConnector<HttpConnector<CheckedResolver>>;

/// Makes connections here, or aside.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    https: Https,
    /// None where no handshake blocks.
    aside: Option<Aside>,
}

/// How many blocking handshakes there are at once, and how long each may take.
#[derive(Clone, Debug)]
struct Aside {
    turns: Arc<Semaphore>,
    longest: Duration,
}

impl Connector {
    /// Handshakes as any other task.
    pub(super) const fn here(https: Https) -> Self {
        Self { https, aside: None }
    }

    /// Handshakes on a thread of their own: a key on a token signs in the middle of them, and rustls waits for it.
    pub(super) fn aside(https: Https, longest: Duration) -> Self {
        Self { https, aside: Some(Aside { turns: Arc::new(Semaphore::new(AT_ONCE)), longest }) }
    }
}

impl tower::Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = super::Pending<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.https.poll_ready(context)
    }

    #[expect(clippy::disallowed_methods, reason = "there are few at once, and each ends in its time")]
    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = self.https.call(address);
        let Some(Aside { turns, longest }) = self.aside.clone() else { return Box::pin(connecting) };
        Box::pin(async move {
            let turn = turns.acquire_owned().await?;
            let runtime = Handle::current();
            let made = tokio::task::spawn_blocking(move || {
                let made = runtime.block_on(tokio::time::timeout(longest, connecting));
                // Also where nobody waits for it any more.
                drop(turn);
                made
            });
            made.await??
        })
    }
}

/// As many as a token signs for without letting others wait.
const AT_ONCE: usize = 4;
