//! TLS for calls: whom we believe, and the RA key as our own key there.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use certs::{Certificate, KeyKind};
use rustls::client::WantsClientCert;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion};
use tokio::runtime::Handle;

/// The TLS settings for calls: TLS 1.2 and 1.3, servers checked against these roots only.
///
/// # Errors
/// A text when a certificate cannot be an anchor.
pub(super) fn tls_client(roots: &[Certificate]) -> Result<ClientConfig, String> {
    Ok(believing(roots, &[&TLS13, &TLS12])?.with_no_client_auth())
}

/// The same, and we show the RA's certificates and prove that the key is ours (RFC 7030 section 3.3.2). A handshake with it blocks
/// its thread.
///
/// # Errors
/// A text when a certificate cannot be an anchor, or the key signs in no way that TLS knows.
pub(super) fn tls_client_as(
    roots: &[Certificate],
    ra: &[Certificate],
    signer: Arc<dyn certs::Signer>,
) -> Result<ClientConfig, String> {
    let scheme = match signer.public_key().kind() {
        KeyKind::P256 => SignatureScheme::ECDSA_NISTP256_SHA256,
        KeyKind::P384 => SignatureScheme::ECDSA_NISTP384_SHA384,
        KeyKind::Rsa { .. } => SignatureScheme::RSA_PKCS1_SHA256,
        other => return Err(format!("a key of kind {other} cannot be the RA's in TLS: P-256, P-384 and RSA can")),
    };
    // RFC 8446 section 4.2.3: the padding of PKCS #1 v1.5, which the RA signs with, is for certificates alone there.
    let both: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    let versions = if scheme == SignatureScheme::RSA_PKCS1_SHA256 { &[&TLS12] } else { both };
    let shown = ra.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    let key = CertifiedKey::new(shown, Arc::new(ClientKey { signer, scheme }));
    Ok(believing(roots, versions)?.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))))
}

fn believing(
    roots: &[Certificate],
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        store
            .add(CertificateDer::from(root.der().to_vec()))
            .map_err(|fault| format!("the certificate of '{}' cannot be an anchor: {fault}", root.subject()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
    Ok(builder.map_err(|fault| fault.to_string())?.with_root_certificates(store))
}

/// The RA key, as rustls asks it.
#[derive(Clone, Debug)]
struct ClientKey {
    signer: Arc<dyn certs::Signer>,
    scheme: SignatureScheme,
}

impl SigningKey for ClientKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        offered.contains(&self.scheme).then(|| Box::new(self.clone()) as Box<dyn rustls::sign::Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.scheme {
            SignatureScheme::RSA_PKCS1_SHA256 => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

impl rustls::sign::Signer for ClientKey {
    /// The token is asked by a task; this thread, which is the handshake's own, waits for it.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let runtime = Handle::try_current().map_err(|fault| rustls::Error::General(fault.to_string()))?;
        let (told, signature) = mpsc::channel();
        let (signer, message) = (Arc::clone(&self.signer), message.to_vec());
        runtime.spawn(async move {
            // Who waits no more has given up its handshake.
            let _ = told.send(signer.sign(&message).await);
        });
        let late = |_| rustls::Error::General("the RA key did not sign in time".to_owned());
        let signature = signature.recv_timeout(PATIENCE).map_err(late)?;
        signature.map_err(|fault| rustls::Error::General(fault.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// A token that needs longer for one signature is away.
const PATIENCE: Duration = Duration::from_secs(5);
