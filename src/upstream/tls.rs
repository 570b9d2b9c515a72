//! TLS for calls: whom we believe, and the RA key as our own key there.

use std::sync::Arc;

use certs::Certificate;
use rustls::client::WantsClientCert;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, SupportedProtocolVersion};

use crate::hsm::HandshakeKey;

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
    let key = HandshakeKey::new(signer)?;
    let versions = key.versions();
    let shown = ra.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    let key = CertifiedKey::new(shown, Arc::new(key));
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
