//! What the listener knows about the connection a request came in on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The connection of a request; the listener puts it into the extensions of every request.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The address the connection came from.
    pub peer: SocketAddr,
    /// What the TLS handshake told; `None` on a listener without TLS. Shared, as every request on the connection carries it.
    pub tls: Option<Arc<Tls>>,
}

/// What the TLS handshake told about the client.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificates the client sent, each as DER, the end certificate first; empty when it sent none. The client proved
    /// that it holds the key of the first; nothing else about them has been checked.
    pub client_chain: Vec<Vec<u8>>,
    /// TLS 1.3 was used; otherwise it was TLS 1.2.
    pub version_1_3: bool,
    /// A balancer tells this of a connection that ended at it: the client proved to the balancer that it holds the key.
    pub relayed: bool,
    /// The values that belong to this connection and no other; none where no such value can be relied on.
    pub bindings: Vec<ChannelBinding>,
}

/// A value that belongs to one TLS connection and no other, known on both of its sides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChannelBinding {
    /// tls-unique of TLS 1.2 (RFC 5929 section 3).
    TlsUnique([u8; 12]),
    /// tls-exporter (RFC 9266).
    TlsExporter([u8; 32]),
}

impl ChannelBinding {
    /// The value itself.
    #[must_use]
    pub const fn octets(&self) -> &[u8] {
        match self {
            Self::TlsUnique(octets) => octets,
            Self::TlsExporter(octets) => octets,
        }
    }
}

/// The name of one request in logs and records: 128 random bits as 32 hexadecimal digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestId(pub String);

/// Put into the extensions of an answer, tells whether the answer was written: all of it was handed to the system, or the connection
/// ended before. Only over HTTP/1.1; over HTTP/2 it tells that it was not.
#[derive(Clone, Debug)]
pub struct Receipt(Arc<Mutex<Option<oneshot::Sender<()>>>>);

impl Receipt {
    /// A receipt, and what hears of it: an error where the answer was not written.
    #[must_use]
    pub fn new() -> (Self, oneshot::Receiver<()>) {
        let (told, hears) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(told)))), hears)
    }

    /// The answer was written.
    pub fn written(&self) {
        if let Some(told) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = told.send(());
        }
    }
}
