//! Speaks with the running server over its sockets, or with any HTTP server on loopback.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use super::Failed;
use super::as_officer::tls_as;
use crate::config::Config;

/// The running server of an office.
pub(super) struct Office<'a> {
    socket: PathBuf,
    /// Of the officer who asks; none at the control socket.
    tls: Option<TlsConnector>,
    config: &'a Config,
}

impl<'a> Office<'a> {
    pub(super) fn of(config: &'a Config) -> Self {
        Self { socket: config.control_socket(), tls: None, config }
    }

    /// The same, as the officer whose certificate and key are in this file.
    pub(super) fn seen_by(self, file: &Path) -> Result<Self, Failed> {
        let tls = TlsConnector::from(Arc::new(tls_as(self.config, file)?));
        Ok(Self { socket: self.config.officers_socket(), tls: Some(tls), config: self.config })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failed> {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Result<Value, Failed> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failed> {
        let (status, octets) = self.exchange(method, path, body).await.map_err(|fault| {
            Failed::new(format!(
                "{}: {fault}; is `daftar serve` running with this configuration (node '{}')?",
                self.socket.display(),
                self.config.node
            ))
        })?;
        let answer: Value = serde_json::from_slice(&octets)
            .map_err(|_| Failed::new(format!("status {status}: {}", String::from_utf8_lossy(&octets).trim())))?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(Failed::new(answer.get("detail").and_then(Value::as_str).unwrap_or("the server refused")))
    }

    async fn exchange(&self, method: Method, target: &str, body: Option<Value>) -> Result<(u16, Bytes), String> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|fault| fault.to_string())?;
        let Some(tls) = &self.tls else { return over(stream, method, target, body).await };
        // It is not looked at: see `tls_as`.
        let name = ServerName::try_from("localhost").map_err(|fault| fault.to_string())?;
        let stream = tls.connect(name, stream).await.map_err(|fault| fault.to_string())?;
        over(stream, method, target, body).await
    }
}

/// One GET over TCP.
pub(super) async fn over_tcp(address: std::net::SocketAddr, target: &str) -> Result<(u16, Bytes), String> {
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|fault| fault.to_string())?;
    over(stream, Method::GET, target, None).await
}

async fn over<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    method: Method,
    target: &str,
    body: Option<Value>,
) -> Result<(u16, Bytes), String> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|fault| fault.to_string())?;
    let driver = tokio::spawn(connection);
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|fault| fault.to_string())?;
    let response = sender.send_request(request).await.map_err(|fault| fault.to_string())?;
    let status = response.status().as_u16();
    let octets = response.into_body().collect().await.map_err(|fault| fault.to_string())?.to_bytes();
    driver.abort();
    Ok((status, octets))
}
