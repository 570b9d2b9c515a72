//! A private key that is hidden from more than TLS: signed by who made it, encrypted for who asked (RFC 7030 sections 4.4.1 and 4.4.2,
//! RFC 5958).

mod enveloped;
mod signed;

use certs::{CsrContent, ObjectIdentifier};
use der::asn1::{AnyRef, OctetString};
use der::{Decode as _, Encode as _, Reader as _};
use zeroize::Zeroizing;

use crate::Fault;

pub use enveloped::{EncryptionKey, enveloped};
pub use signed::{Unsigned, signed_data};

/// How a requester wants its key encrypted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EncryptionWish {
    /// What it decrypts with.
    pub with: DecryptWith,
    /// What it says that it can (`SMIMECapabilities`, RFC 8551 section 2.5.2), in its order.
    pub capabilities: Vec<Capability>,
}

/// One thing that a requester can (`SMIMECapability`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Capability {
    /// The algorithm.
    pub algorithm: ObjectIdentifier,
    /// How it can it, DER: the algorithm says what that is.
    pub parameters: Option<Vec<u8>>,
}

/// The key that a requester decrypts with, by its identifier.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DecryptWith {
    /// DecryptKeyIdentifier (RFC 4108 section 2.2.5): a secret key that both know.
    Secret(Vec<u8>),
    /// AsymmetricDecryptKeyIdentifier (RFC 7030 section 4.4.1.2): its own key pair.
    KeyPair(Vec<u8>),
}

impl EncryptionWish {
    /// The wish in a request; none where TLS is enough.
    ///
    /// # Errors
    /// When an attribute has not exactly one value of its form, both kinds of keys are named, or `SMIMECapabilities` are not there.
    pub fn of(csr: &CsrContent) -> Result<Option<Self>, Fault> {
        let identifier = |oid, what| match csr.attribute(oid) {
            None => Ok(None),
            Some([value]) => OctetString::from_der(value)
                .map(|value| Some(value.as_bytes().to_vec()))
                .map_err(|fault| Fault::malformed(what, fault)),
            Some(_) => Err(Fault::malformed(what, "it must have exactly one value")),
        };
        let secret = identifier(DECRYPT_KEY_ID, "DecryptKeyIdentifier")?;
        let pair = identifier(ASYMM_DECRYPT_KEY_ID, "AsymmetricDecryptKeyIdentifier")?;
        let with = match (secret, pair) {
            (None, None) => return Ok(None),
            (Some(identifier), None) => DecryptWith::Secret(identifier),
            (None, Some(identifier)) => DecryptWith::KeyPair(identifier),
            (Some(_), Some(_)) => {
                return Err(Fault::malformed("the request", "it names two keys to encrypt with; one is needed"));
            }
        };
        // RFC 7030 section 4.4.1: the client MUST also include it.
        let Some([value]) = csr.attribute(SMIME_CAPABILITIES) else {
            return Err(Fault::malformed(
                "SMIMECapabilities",
                "it must be there, with one value, beside the key's identifier",
            ));
        };
        let capabilities = capabilities(value).map_err(|fault| Fault::malformed("SMIMECapabilities", fault))?;
        Ok(Some(Self { with, capabilities }))
    }

    /// Whether the requester says that it can do this.
    fn can(&self, algorithm: ObjectIdentifier) -> bool {
        self.ways(algorithm).next().is_some()
    }

    /// The parameters with which the requester says that it can do this.
    fn ways(&self, algorithm: ObjectIdentifier) -> impl Iterator<Item = Option<&[u8]>> {
        let named = self.capabilities.iter().filter(move |found| found.algorithm == algorithm);
        named.map(|found| found.parameters.as_deref())
    }
}

/// ```text
/// SMIMECapabilities ::= SEQUENCE OF SMIMECapability
/// SMIMECapability ::= SEQUENCE {
///    capabilityID OBJECT IDENTIFIER,
///    parameters ANY DEFINED BY capabilityID OPTIONAL }
/// ```
fn capabilities(value: &[u8]) -> Result<Vec<Capability>, der::Error> {
    AnyRef::from_der(value)?.sequence(|reader| {
        let mut found = Vec::new();
        while !reader.is_finished() {
            found.push(AnyRef::decode(reader)?.sequence(|one| {
                let algorithm = ObjectIdentifier::decode(one)?;
                let parameters = if one.is_finished() { None } else { Some(AnyRef::decode(one)?.to_der()?) };
                Ok::<_, der::Error>(Capability { algorithm, parameters })
            })?);
        }
        Ok(found)
    })
}

/// `AsymmetricKeyPackage` with one key: what is signed.
///
/// ```text
/// AsymmetricKeyPackage ::= SEQUENCE SIZE (1..MAX) OF OneAsymmetricKey
/// ```
///
/// RFC 5958 section 2; a PKCS#8 `PrivateKeyInfo` is a `OneAsymmetricKey`.
///
/// # Errors
/// When the key is no DER.
pub fn key_package(pkcs8: &Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let bad = |fault| Fault::malformed("the private key", fault);
    let key = AnyRef::from_der(pkcs8).map_err(bad)?;
    vec![key].to_der().map(Zeroizing::new).map_err(bad)
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const DECRYPT_KEY_ID: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.37");
const ASYMM_DECRYPT_KEY_ID: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.54");
const SMIME_CAPABILITIES: ObjectIdentifier = oid("1.2.840.113549.1.9.15");

/// id-ct-KP-aKeyPackage (RFC 5958 section 2): the content type of [`key_package`].
pub const KEY_PACKAGE: ObjectIdentifier = oid("2.16.840.1.101.2.1.2.78.5");

const ID_SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
