use crate::algorithm::SignatureAlgorithm;
use crate::{Fault, KeyPrint, PublicKey};

/// A key whose holder has signed with it. Only [`ProvenKey::prove`] makes one.
#[derive(Debug)]
pub struct ProvenKey {
    print: KeyPrint,
    algorithm: SignatureAlgorithm,
}

impl ProvenKey {
    /// Checks that the holder of the key signed this message.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn prove(key: &PublicKey, algorithm: &[u8], message: &[u8], signature: &[u8]) -> Result<Self, Fault> {
        key.verify(algorithm, message, signature)?;
        Ok(Self { print: key.print(), algorithm: SignatureAlgorithm::parse(algorithm)? })
    }

    /// Which key was proven.
    #[must_use]
    pub fn print(&self) -> KeyPrint {
        self.print
    }

    /// What it signed with.
    #[must_use]
    pub fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
}
