use const_oid::ObjectIdentifier;

use crate::walk::{SET, UTF8_STRING, explicit};
use crate::{AltName, Csr, Extension, Fault, IssueFault, Name, PublicKey, Signer, oid, write};

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
        Self {
            subject,
            public_key,
            alt_names: Vec::new(),
            extensions: Vec::new(),
            challenge_password: None,
            attributes: Vec::new(),
        }
    }

    /// The bytes to be signed.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        let mut attributes = self.attributes.clone();
        let mut extensions = self.extensions.clone();
        if !self.alt_names.is_empty() {
            // RFC 5280 section 4.2.1.6: critical when the subject is empty.
            extensions.push(Extension::subject_alt_name(&self.alt_names, self.subject.is_empty()));
        }
        if !extensions.is_empty() {
            attributes.push((oid::EXTENSION_REQUEST, Extension::encode_all(&extensions)));
        }
        if let Some(password) = &self.challenge_password {
            attributes.push((oid::CHALLENGE_PASSWORD, write::wrap(UTF8_STRING, &[password.as_bytes()])));
        }
        let encoded = attributes
            .iter()
            .map(|(oid, value)| write::sequence(&[&write::oid(*oid), &write::wrap(SET, &[value])]))
            .collect();
        write::sequence(&[
            &write::unsigned(&[0]),
            self.subject.der(),
            self.public_key.der(),
            &write::set_of(explicit(0), encoded),
        ])
    }

    /// Puts the signature to what was signed; `algorithm` is its `AlgorithmIdentifier` (DER).
    ///
    /// # Errors
    /// When the parts do not make a request.
    pub fn assemble(to_be_signed: &[u8], algorithm: &[u8], signature: &[u8]) -> Result<Csr, Fault> {
        Csr::parse(&write::sequence(&[to_be_signed, algorithm, &write::whole_bits(signature)]))
    }

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
