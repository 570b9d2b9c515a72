use std::future::Future;
use std::pin::Pin;

use crate::PublicKey;

/// A private key that signs and never shows itself.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// `AlgorithmIdentifier` (DER) of the signatures that [`Signer::sign`] makes.
    fn algorithm(&self) -> &[u8];

    /// Signs the message; hashing is done inside.
    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a>;
}

/// A signature under way.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignerFault>> + Send + 'a>>;

/// Why there is no signature.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerFault {
    /// The key is out of reach; it may come back.
    #[error("the key is not available: {0}")]
    Unavailable(String),
    /// The key was reached and would not sign.
    #[error("the key refused to sign: {0}")]
    Refused(String),
}
