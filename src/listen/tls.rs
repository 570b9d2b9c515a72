use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ProducesTickets;
use rustls::version::{TLS12, TLS13};

use super::Error;
use super::binding;
use super::client_certificate::PossessionOnly;

/// The TLS side of a door: certificate and key from files, to be read again while the server runs.
#[derive(Debug)]
pub struct ServerTls {
    current: ArcSwap<rustls::ServerConfig>,
    /// Kept over reloads, so that clients can resume over them.
    tickets: Arc<dyn ProducesTickets>,
    rules: TlsRules,
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
    /// Reads the server's certificates and key, both PEM.
    ///
    /// # Errors
    /// When a file cannot be read, the key is open to others, or the two do not belong together.
    pub fn load(certificate_file: &Path, key_file: &Path, rules: TlsRules) -> Result<Self, Error> {
        Self::load_with(certificate_file, key_file, rules, aws_lc_rs::Ticketer::new()?)
    }

    /// The same, with tickets that others take, too.
    ///
    /// # Errors
    /// As with [`load`](Self::load).
    pub fn load_with(
        certificate_file: &Path,
        key_file: &Path,
        rules: TlsRules,
        tickets: Arc<dyn ProducesTickets>,
    ) -> Result<Self, Error> {
        let current = configure(certificate_file, key_file, Arc::clone(&tickets), rules)?;
        Ok(Self { current: ArcSwap::from(current), tickets, rules })
    }

    /// Reads the files again. New connections use what they hold now; when something is wrong with them, what was there stays.
    ///
    /// # Errors
    /// As with [`load`](Self::load).
    pub fn reload(&self, certificate_file: &Path, key_file: &Path) -> Result<(), Error> {
        let tickets = Arc::clone(&self.tickets);
        self.current.store(configure(certificate_file, key_file, tickets, self.rules)?);
        Ok(())
    }

    pub(super) fn current(&self) -> Arc<rustls::ServerConfig> {
        self.current.load_full()
    }
}

fn configure(
    certificate_file: &Path,
    key_file: &Path,
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
    check_exposure(key_file)?;
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| unreadable(key_file, error.to_string()))?;

    let provider = binding::provider();
    let verifier = PossessionOnly::new(provider.signature_verification_algorithms);
    // TLS 1.2 stays on (RFC 9325 section 3.1.1): strongSwan 5.9 and libest fail without it. What is older rustls does not have.
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(certificates, key)?;
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
