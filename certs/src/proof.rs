use crate::{Fault, KeyPrint, PublicKey};

/// A key whose holder has signed with it. Only [`ProvenKey::prove`] makes one.
#[derive(Debug)]
pub struct ProvenKey(KeyPrint);

impl ProvenKey {
    /// Checks that the holder of the key signed this message.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn prove(key: &PublicKey, algorithm: &[u8], message: &[u8], signature: &[u8]) -> Result<Self, Fault> {
        key.verify(algorithm, message, signature)?;
        Ok(Self(key.print()))
    }

    /// Which key was proven.
    #[must_use]
    pub fn print(&self) -> KeyPrint {
        self.0
    }
}
