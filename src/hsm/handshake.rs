//! A key as rustls asks it: the RA's in calls to a CA, the server's own at its doors.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use certs::KeyKind;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::SigningKey;
use rustls::version::{TLS12, TLS13};
use rustls::{SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion};
use tokio::runtime::{Handle, RuntimeFlavor};

/// A key that signs in TLS handshakes. Whoever shakes hands waits for it on a thread, so there should be few at once.
#[derive(Clone, Debug)]
pub struct HandshakeKey {
    signer: Arc<dyn certs::Signer>,
    scheme: SignatureScheme,
}

impl HandshakeKey {
    /// The key as TLS knows it.
    ///
    /// # Errors
    /// A text when it signs in no way that TLS knows.
    pub fn new(signer: Arc<dyn certs::Signer>) -> Result<Self, String> {
        let scheme = match signer.public_key().kind() {
            KeyKind::P256 => SignatureScheme::ECDSA_NISTP256_SHA256,
            KeyKind::P384 => SignatureScheme::ECDSA_NISTP384_SHA384,
            KeyKind::Rsa { .. } => SignatureScheme::RSA_PKCS1_SHA256,
            other => return Err(format!("a key of kind {other} does not sign in TLS: P-256, P-384 and RSA do")),
        };
        Ok(Self { signer, scheme })
    }

    /// The versions of TLS that it can sign in. RFC 8446 section 4.2.3: the padding of PKCS #1 v1.5, with which RSA keys on the token
    /// sign, is for certificates alone in TLS 1.3.
    #[must_use]
    pub fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        if self.scheme == SignatureScheme::RSA_PKCS1_SHA256 { OLD } else { BOTH }
    }

    /// Waits for the signature, which a task asks for.
    fn wait(&self, runtime: &Handle, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let (told, signature) = mpsc::channel();
        let (signer, message) = (Arc::clone(&self.signer), message.to_vec());
        runtime.spawn(async move {
            // Who waits no more has given up its handshake.
            let _ = told.send(signer.sign(&message).await);
        });
        let late = |_| rustls::Error::General("the key did not sign in time".to_owned());
        let signature = signature.recv_timeout(PATIENCE).map_err(late)?;
        signature.map_err(|fault| rustls::Error::General(fault.to_string()))
    }
}

impl SigningKey for HandshakeKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        offered.contains(&self.scheme).then(|| Box::new(self.clone()) as Box<dyn rustls::sign::Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.signer.public_key().der().into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.scheme {
            SignatureScheme::RSA_PKCS1_SHA256 => SignatureAlgorithm::RSA,
            _ => SignatureAlgorithm::ECDSA,
        }
    }
}

impl rustls::sign::Signer for HandshakeKey {
    #[expect(clippy::disallowed_methods, reason = "a handshake is all that its task does, and others get a thread")]
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let runtime = Handle::try_current().map_err(|fault| rustls::Error::General(fault.to_string()))?;
        match runtime.runtime_flavor() {
            RuntimeFlavor::CurrentThread => self.wait(&runtime, message),
            _ => tokio::task::block_in_place(|| self.wait(&runtime, message)),
        }
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const OLD: &[&SupportedProtocolVersion] = &[&TLS12];

/// A token that needs longer for one signature is away.
const PATIENCE: Duration = Duration::from_secs(5);
