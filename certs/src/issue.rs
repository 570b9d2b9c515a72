use crate::{Certificate, Extension, Fault, IssueFault, Millis, Name, PublicKey, Signer};

/// A certificate to be.
#[derive(Clone, Debug)]
pub struct CertificateDraft {
    /// The serial number, as an unsigned big-endian number of 1 to 20 octets.
    pub serial: Vec<u8>,
    /// Who issues it.
    pub issuer: Name,
    /// Whom it names.
    pub subject: Name,
    /// The key it binds.
    pub public_key: PublicKey,
    /// Start of validity; fractions of a second are cut off.
    pub not_before: Millis,
    /// End of validity; fractions of a second are cut off.
    pub not_after: Millis,
    /// Its extensions.
    pub extensions: Vec<Extension>,
}

impl CertificateDraft {
    /// The bytes to be signed under a signature `AlgorithmIdentifier` (DER).
    ///
    /// # Errors
    /// When the draft does not make a certificate.
    pub fn to_be_signed(&self, algorithm: &[u8]) -> Result<Vec<u8>, Fault> { todo!("{algorithm:?}") }
    /// Signs the certificate.
    ///
    /// # Errors
    /// When the key does not sign, or the draft does not make a certificate.
    pub async fn sign(self, signer: &dyn Signer) -> Result<Certificate, IssueFault> { todo!("{signer:?}") }
}
