//! Where the private key of TLS is: in a file, or on the token.

use std::sync::Arc;

use super::Failed;
use super::assemble::read_certificates;
use crate::config::Config;
use crate::hsm::{HandshakeKey, Hsm, Use};
use crate::listen::ServerKey;

/// The key of the server's certificate. One on the token is known by that certificate, so that the server starts while the token is away.
pub(super) fn server_key(config: &Config, hsm: &Hsm) -> Result<ServerKey, Failed> {
    let listen = &config.listen;
    if let Some(path) = &listen.key_file {
        return Ok(ServerKey::File(path.clone()));
    }
    let path = listen.certificate_file.display();
    let certificates = read_certificates(&listen.certificate_file)?;
    let own = certificates.first().ok_or_else(|| Failed::new(format!("{path}: there is no certificate in it")))?;
    let signer = hsm.signer_for(Use::Handshakes, own.public_key());
    let signer = signer.map_err(|fault| Failed::new(format!("hsm.tls_key and {path}: {fault}")))?;
    HandshakeKey::new(Arc::new(signer))
        .map(ServerKey::Token)
        .map_err(|fault| Failed::new(format!("hsm.tls_key: {fault}")))
}
