use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::fault::Fault;

/// One HTTP connection.
#[derive(Debug)]
pub(crate) struct Line(SendRequest<Full<Bytes>>);

/// An answer with its whole body.
pub(crate) struct Heard {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Line {
    /// Speaks HTTP on a stream.
    pub(crate) async fn on<S>(stream: S) -> Result<Self, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Fault::lost)?;
        tokio::spawn(async move {
            // Whoever waits for an answer learns of it there.
            drop(connection.await);
        });
        Ok(Self(sender))
    }

    pub(crate) async fn say(&mut self, request: Request<Full<Bytes>>) -> Result<Heard, Fault> {
        self.0.ready().await.map_err(Fault::lost)?;
        let answer = self.0.send_request(request).await.map_err(Fault::lost)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(Fault::lost)?.to_bytes();
        Ok(Heard { status: head.status, headers: head.headers, body })
    }
}

impl Heard {
    /// When to come back (RFC 9110 section 10.2.3), in seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
    }

    /// The body as a text for people, cut off.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(200).collect::<String>().trim().to_owned()
    }
}

/// A TCP connection for small messages.
pub(crate) async fn connect(address: &str) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(address).await.map_err(Fault::lost)?;
    stream.set_nodelay(true).map_err(Fault::lost)?;
    Ok(stream)
}

/// One GET over HTTP.
pub(crate) async fn get(url: &http::Uri) -> Result<Heard, Fault> {
    let authority = url.authority().ok_or_else(|| Fault::Setting(format!("{url} has no host")))?;
    let mut line = Line::on(connect(authority.as_str()).await?).await?;
    let request = Request::get(url.path()).header(http::header::HOST, authority.as_str());
    line.say(request.body(Full::default()).map_err(Fault::odd)?).await
}
