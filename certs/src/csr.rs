use const_oid::ObjectIdentifier;

use crate::{AltName, Extension, Fault, IssueFault, KeyUsage, Name, ProvenKey, PublicKey, Signer};

/// A certification request (PKCS#10, RFC 2986), kept as it was received.
#[derive(Clone, Debug)]
pub struct Csr {
    der: Vec<u8>,
    subject: Name,
    public_key: PublicKey,
    alt_names: Vec<AltName>,
    extensions: Vec<Extension>,
}

impl Csr {
    /// Reads a request (DER). The signature is not looked at: see [`Csr::prove`].
    ///
    /// # Errors
    /// When it is larger than 64 KiB or not a well-formed request.
    pub fn parse(der: &[u8]) -> Result<Self, Fault> { todo!("{der:?}") }
    /// The request as received.
    #[must_use]
    pub fn der(&self) -> &[u8] { &self.der }
    /// The name asked for.
    #[must_use]
    pub fn subject(&self) -> &Name { &self.subject }
    /// The key to be certified.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey { &self.public_key }
    /// The alternative names asked for.
    #[must_use]
    pub fn alt_names(&self) -> &[AltName] { &self.alt_names }
    /// The key usage asked for.
    #[must_use]
    pub fn key_usage(&self) -> Option<KeyUsage> { todo!() }
    /// The extended key usages asked for.
    #[must_use]
    pub fn extended_key_usages(&self) -> Option<&[ObjectIdentifier]> { todo!() }
    /// All extensions asked for.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] { &self.extensions }
    /// The challenge password (RFC 2985 section 5.4.1); EST binds the TLS channel with it.
    #[must_use]
    pub fn challenge_password(&self) -> Option<&str> { todo!() }
    /// Which attributes there are.
    #[must_use]
    pub fn attribute_oids(&self) -> Vec<ObjectIdentifier> { todo!() }
    /// The values of an attribute, each as DER.
    #[must_use]
    pub fn attribute(&self, oid: ObjectIdentifier) -> Option<&[Vec<u8>]> { todo!("{oid}") }
    /// `AlgorithmIdentifier` (DER) of the request's signature.
    #[must_use]
    pub fn signature_algorithm(&self) -> &[u8] { todo!() }
    /// Checks the proof of possession: the request's own signature.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn prove(&self) -> Result<ProvenKey, Fault> { todo!() }
}

/// A request to be.
#[derive(Clone, Debug)]
pub struct CsrDraft {
    /// The name to ask for.
    pub subject: Name,
    /// The key to be certified.
    pub public_key: PublicKey,
    /// The alternative names to ask for.
    pub alt_names: Vec<AltName>,
    /// Other extensions to ask for.
    pub extensions: Vec<Extension>,
    /// The challenge password, if any.
    pub challenge_password: Option<String>,
    /// Further attributes: OID and the DER of their one value.
    pub attributes: Vec<(ObjectIdentifier, Vec<u8>)>,
}

impl CsrDraft {
    /// A request for a name and a key, and nothing else.
    #[must_use]
    pub fn new(subject: Name, public_key: PublicKey) -> Self {
        Self { subject, public_key, alt_names: Vec::new(), extensions: Vec::new(), challenge_password: None, attributes: Vec::new() }
    }
    /// The bytes to be signed.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> { todo!() }
    /// Puts the signature to what was signed.
    ///
    /// # Errors
    /// When the parts do not make a request.
    pub fn assemble(to_be_signed: &[u8], algorithm: &[u8], signature: &[u8]) -> Result<Csr, Fault> { todo!("{to_be_signed:?}{algorithm:?}{signature:?}") }
    /// Signs the request.
    ///
    /// # Errors
    /// When the key does not sign, or the draft does not make a request.
    pub async fn sign(&self, signer: &dyn Signer) -> Result<Csr, IssueFault> {
        let to_be_signed = self.to_be_signed();
        let signature = signer.sign(&to_be_signed).await?;
        Ok(Self::assemble(&to_be_signed, signer.algorithm(), &signature)?)
    }
}
