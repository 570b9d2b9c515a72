use crate::{Fault, IssueFault, Millis, Name, PublicKey, Signer};

/// A revocation list (RFC 5280 section 5), kept as it was received.
#[derive(Clone, Debug)]
pub struct Crl {
    der: Vec<u8>,
    issuer: Name,
}

/// What a list says about a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Revoked {
    /// When it was revoked.
    pub at: Millis,
    /// CRLReason (RFC 5280 section 5.3.1); 0 (unspecified) when the list does not say.
    pub reason: u8,
}

impl Crl {
    /// Reads a list (DER).
    ///
    /// # Errors
    /// When it is larger than 64 MiB, not well formed, a delta or indirect list, or has critical extensions we do not know.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> { todo!("{der:?}") }
    /// The list as received.
    #[must_use]
    pub fn der(&self) -> &[u8] { &self.der }
    /// Who issued it.
    #[must_use]
    pub fn issuer(&self) -> &Name { &self.issuer }
    /// The content octets of the cRLNumber.
    #[must_use]
    pub fn number(&self) -> Option<&[u8]> { todo!() }
    /// When it was made.
    #[must_use]
    pub fn this_update(&self) -> Millis { todo!() }
    /// When the next one is due.
    #[must_use]
    pub fn next_update(&self) -> Option<Millis> { todo!() }
    /// The keyIdentifier of the authority key identifier.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<&[u8]> { todo!() }
    /// How many certificates it names.
    #[must_use]
    pub fn len(&self) -> usize { todo!() }
    /// Whether it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    /// What it says about a serial number (content octets).
    #[must_use]
    pub fn revoked(&self, serial: &[u8]) -> Option<Revoked> { todo!("{serial:?}") }
    /// Checks that this key signed the list.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn verify(&self, issuer: &PublicKey) -> Result<(), Fault> { todo!("{issuer:?}") }
}

/// A revocation list to be.
#[derive(Clone, Debug)]
pub struct CrlDraft {
    /// Who issues it.
    pub issuer: Name,
    /// The issuer's subject key identifier.
    pub authority_key_identifier: Vec<u8>,
    /// cRLNumber.
    pub number: u64,
    /// When it is made.
    pub this_update: Millis,
    /// When the next one is due.
    pub next_update: Millis,
    /// Serial numbers (content octets) and what to say about them.
    pub revoked: Vec<(Vec<u8>, Revoked)>,
}

impl CrlDraft {
    /// Signs the list.
    ///
    /// # Errors
    /// When the key does not sign, or the draft does not make a list.
    pub async fn sign(&self, signer: &dyn Signer) -> Result<Crl, IssueFault> { todo!("{signer:?}") }
}
