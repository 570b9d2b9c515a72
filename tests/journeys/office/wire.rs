//! HTTP as bytes: what was sent and exactly what came back.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::Office;

/// An answer with its head as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The lines of the head after the first, names as they were written.
    pub(crate) lines: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads a whole answer; those with a 1xx status before it are left out.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let mut rest = octets;
        loop {
            let end = rest.windows(4).position(|four| four == b"\r\n\r\n")?;
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            let mut lines = head.split("\r\n").map(str::to_owned);
            let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
            rest = &rest[end + 4..];
            if status >= 200 {
                return Some(Self { status, lines: lines.collect(), body: rest.to_vec() });
            }
        }
    }

    /// A header by its name as it must be written.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Office {
    /// A GET without TLS, if somebody answers.
    pub(crate) fn try_get(port: u16, path: &str) -> Option<Answer> {
        talk_plainly(port, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
    }

    pub(crate) fn get(&self, port: u16, path: &str) -> Answer {
        Self::try_get(port, path).unwrap_or_else(|| panic!("nobody answers {path} at {port}: {}", self.said()))
    }

    pub(crate) fn post(&self, port: u16, path: &str, kind: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        talk_plainly(port, &[head.as_bytes(), body].concat())
            .unwrap_or_else(|| panic!("nobody answers {path} at {port}: {}", self.said()))
    }

    /// Sends a message of CMP and leaves its answer on the connection.
    pub(crate) fn cmp_post_unread(&self, path: &str, body: &[u8]) -> TcpStream {
        let head = format!(
            "POST /.well-known/cmp{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkixcmp\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports.http())).unwrap();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        stream
    }

    /// Sends these bytes through TLS and reads until the server closes: exactly what came back.
    pub(crate) fn talk_tls(&self, request: &[u8]) -> Vec<u8> {
        talk(self.tls(), request)
    }

    /// A TLS connection without client certificate.
    pub(crate) fn tls(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.pki("root.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(connection, connect(self.ports.https()).expect("HTTPS is served"))
    }
}

/// Sends these bytes without TLS and reads until the server closes.
fn talk_plainly(port: u16, request: &[u8]) -> Option<Answer> {
    Answer::parse(&talk(connect(port)?, request))
}

fn connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    Some(stream)
}

fn talk(mut stream: impl Read + Write, request: &[u8]) -> Vec<u8> {
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(request).and_then(|()| stream.flush());
    let mut answer = Vec::new();
    // How it ends does not matter to who asked for it to be closed.
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// Longer than any answer takes.
const SILENCE: Duration = Duration::from_secs(20);
