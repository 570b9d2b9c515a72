//! Commands by an officer: TLS over the officers' socket, with his certificate and key from a file, to the server that has the certificate of
//! this configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::Failed;
use super::client::Office;
use crate::config::Config;

/// Who does what a command tells.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct By {
    /// Who does it; written down as it is said. Only while the office has no officers.
    #[arg(long)]
    pub(super) officer: Option<String>,
    /// Does it as an officer: a PEM file with his certificate, what it chains to, and its key.
    #[arg(long = "as", value_name = "FILE")]
    identity: Option<PathBuf>,
}

impl By {
    /// The way to the office, as whoever it is.
    pub(super) fn office<'a>(&self, config: &'a Config) -> Result<Office<'a>, Failed> {
        match &self.identity {
            Some(file) => Office::of(config).seen_by(file),
            None => Ok(Office::of(config)),
        }
    }
}

/// The TLS settings of an officer's commands.
pub(super) fn tls_as(config: &Config, file: &Path) -> Result<ClientConfig, Failed> {
    let chain = certificates(file)?;
    let key = PrivateKeyDer::from_pem_file(file).map_err(|fault| about(file, &fault))?;
    let own = certificates(&config.listen.certificate_file)?.swap_remove(0);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Failed::new)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OwnServer { own, algorithms }))
        .with_client_auth_cert(chain, key)
        .map_err(|fault| about(file, &fault))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failed> {
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|fault| about(file, &fault))?;
    if found.is_empty() { Err(about(file, &"there is no certificate in it")) } else { Ok(found) }
}

fn about(file: &Path, fault: &dyn std::fmt::Display) -> Failed {
    Failed::new(format!("{}: {fault}", file.display()))
}

/// Believes the server that has exactly the certificate of this configuration. On the office's own machine there is no name to compare.
#[derive(Debug)]
struct OwnServer {
    own: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for OwnServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.own {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
