use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{Acceptor, ProducesTickets};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Error;
use super::binding;
use super::client_certificate::PossessionOnly;
use crate::hsm::HandshakeKey;

/// The TLS side of a door: the certificate from a file, to be read again while the server runs, and its key.
#[derive(Debug)]
pub struct ServerTls {
    current: ArcSwap<Handshakes>,
    /// Kept over reloads, so that clients can resume over them.
    tickets: Arc<dyn ProducesTickets>,
    rules: TlsRules,
    turns: Arc<Semaphore>,
}

/// Where the server's private key is.
#[derive(Clone, Debug)]
pub enum ServerKey {
    /// In a file, PEM.
    File(PathBuf),
    /// On the token.
    Token(HandshakeKey),
}

/// What the handshakes of new connections go by.
#[derive(Debug)]
pub(super) struct Handshakes {
    pub(super) settings: Arc<rustls::ServerConfig>,
    /// There where each of them waits for the token, on a thread of its own.
    turns: Option<Arc<Semaphore>>,
}

/// What handshakes may agree on, as far as it is a choice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TlsRules {
    /// Whether TLS 1.2 clients must have the extended master secret (RFC 7627): strongSwan 5.9 has it not.
    pub require_extended_master_secret: bool,
    /// Whether HTTP/2 may be spoken.
    pub http2: bool,
}

impl ServerTls {
    /// Reads the server's certificates, PEM, and its key where that is in a file.
    ///
    /// # Errors
    /// When a file cannot be read, the key is open to others, or the two do not belong together.
    pub fn load(certificate_file: &Path, key: &ServerKey, rules: TlsRules) -> Result<Self, Error> {
        Self::load_with(certificate_file, key, rules, aws_lc_rs::Ticketer::new()?)
    }

    /// The same, with tickets that others take, too.
    ///
    /// # Errors
    /// As with [`load`](Self::load).
    pub fn load_with(
        certificate_file: &Path,
        key: &ServerKey,
        rules: TlsRules,
        tickets: Arc<dyn ProducesTickets>,
    ) -> Result<Self, Error> {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let settings = configure(certificate_file, key, Arc::clone(&tickets), rules)?;
        let current = ArcSwap::from_pointee(Handshakes::new(settings, key, &turns));
        Ok(Self { current, tickets, rules, turns })
    }

    /// Reads the files again. New connections use what they hold now; when something is wrong with them, what was there stays.
    ///
    /// # Errors
    /// As with [`load`](Self::load).
    pub fn reload(&self, certificate_file: &Path, key: &ServerKey) -> Result<(), Error> {
        let settings = configure(certificate_file, key, Arc::clone(&self.tickets), self.rules)?;
        self.current.store(Arc::new(Handshakes::new(settings, key, &self.turns)));
        Ok(())
    }

    /// Shakes hands with who has connected to a socket of this machine; with the certificates that he showed, each as DER, the one whose
    /// key he has first.
    ///
    /// # Errors
    /// When they cannot agree, or the connection ends.
    pub async fn shake<S>(&self, stream: S) -> io::Result<(TlsStream<S>, Vec<Vec<u8>>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.current().shake(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let shown = shown.iter().map(|certificate| certificate.to_vec()).collect();
        Ok((stream, shown))
    }

    pub(super) fn current(&self) -> Arc<Handshakes> {
        self.current.load_full()
    }
}

impl Handshakes {
    fn new(settings: Arc<rustls::ServerConfig>, key: &ServerKey, turns: &Arc<Semaphore>) -> Self {
        let turns = match key {
            ServerKey::File(_) => None,
            ServerKey::Token(_) => Some(Arc::clone(turns)),
        };
        Self { settings, turns }
    }

    /// Shakes hands with who has connected.
    pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let turn = match &self.turns {
            Some(turns) => Some(turns.acquire().await.map_err(io::Error::other)?),
            None => None,
        };
        // The client's first message is answered here, and with a new session that is what is signed. One that must say it again, for its
        // key share fits none of ours (RFC 8446 section 4.1.4), has its signature without a turn.
        let answered = begun.into_stream(Arc::clone(&self.settings));
        drop(turn);
        answered.await
    }
}

fn configure(
    certificate_file: &Path,
    key: &ServerKey,
    tickets: Arc<dyn ProducesTickets>,
    rules: TlsRules,
) -> Result<Arc<rustls::ServerConfig>, Error> {
    let unreadable = |path: &Path, detail: String| Error::File { path: path.to_owned(), detail };
    let certificates = CertificateDer::pem_file_iter(certificate_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(certificate_file, error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable(certificate_file, "there is no certificate in it".to_owned()));
    }
    let provider = binding::provider();
    let certified = match key {
        ServerKey::File(path) => {
            check_exposure(path)?;
            let key = PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable(path, error.to_string()))?;
            CertifiedKey::from_der(certificates, key, &provider)?
        }
        ServerKey::Token(key) if key.versions().contains(&&TLS13) => {
            let certified = CertifiedKey::new(certificates, Arc::new(key.clone()));
            certified.keys_match()?;
            certified
        }
        ServerKey::Token(_) => return Err(Error::OldKey),
    };
    let verifier = PossessionOnly::new(provider.signature_verification_algorithms);
    // TLS 1.2 stays on (RFC 9325 section 3.1.1): strongSwan 5.9 and libest fail without it. What is older rustls does not have.
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    let protocols = [HTTP_2, b"http/1.1"];
    config.alpn_protocols = protocols.iter().skip(usize::from(!rules.http2)).map(|name| name.to_vec()).collect();
    // Without it a TLS 1.2 session has no unique binding (RFC 7627 section 1), which proof of possession relies on (RFC 7030 section 3.5).
    config.require_ems = rules.require_extended_master_secret;
    config.ticketer = tickets; // RFC 7030 section 3.3: resumption SHOULD be supported
    Ok(Arc::new(config))
}

/// Owner only; a group may read, as Debian's `ssl-cert` does.
fn check_exposure(key_file: &Path) -> Result<(), Error> {
    let unreadable = |error: std::io::Error| Error::File { path: key_file.to_owned(), detail: error.to_string() };
    let mode = std::fs::metadata(key_file).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & EXPOSED != 0 {
        return Err(Error::Exposed { path: key_file.to_owned(), mode });
    }
    Ok(())
}

/// The name of HTTP/2 in ALPN (RFC 9113 section 3.2).
pub(super) const HTTP_2: &[u8] = b"h2";

/// Anything for others, writing for the group.
const EXPOSED: u32 = 0o027;

/// How many handshakes wait for the token at once, each on a thread: as many as it signs for without letting the last one wait long.
const AT_ONCE: usize = 16;
