use std::fmt;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use certs::algorithm;
use certs::{PublicKey, Signer, SignerFault, Signing};
use der::pem::{self, LineEnding};
use zeroize::Zeroizing;

use crate::Fault;
use crate::files::{self, Readers};

/// The kinds of keys that are made here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyChoice {
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// RSA with 2048 bits, PKCS#1 v1.5, SHA-256.
    Rsa2048,
    /// RSA with 3072 bits, PKCS#1 v1.5, SHA-256.
    Rsa3072,
}

/// A private key in memory. It has no place in a production office: those keep their keys in a token.
pub struct SoftwareSigner {
    private: Private,
    public_key: PublicKey,
    algorithm: Vec<u8>,
}

impl SoftwareSigner {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the library cannot make one.
    pub fn generate(choice: KeyChoice) -> Result<Self, Fault> {
        let cannot = |_| Fault::Key("it cannot be generated");
        Self::new(match choice {
            KeyChoice::P256 => Private::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(cannot)?),
            KeyChoice::P384 => Private::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map_err(cannot)?),
            KeyChoice::Rsa2048 => Private::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(cannot)?),
            KeyChoice::Rsa3072 => Private::Rsa(RsaKeyPair::generate(KeySize::Rsa3072).map_err(cannot)?),
        })
    }

    /// Reads a private key (PKCS#8, DER).
    ///
    /// # Errors
    /// When it is none of [`KeyChoice`], or RSA of another size below 2048 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, Fault> {
        let private = if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der) {
            Private::P256(key)
        } else if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, der) {
            Private::P384(key)
        } else {
            Private::Rsa(
                RsaKeyPair::from_pkcs8(der)
                    .map_err(|_| Fault::Key("it is no PKCS#8 key on P-256 or P-384, nor RSA of 2048 bits or more"))?,
            )
        };
        Self::new(private)
    }

    /// The private key (PKCS#8, DER).
    ///
    /// # Errors
    /// When the library cannot encode it.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let cannot = |_| Fault::Key("it cannot be encoded");
        Ok(Zeroizing::new(match &self.private {
            Private::P256(key) | Private::P384(key) => key.to_pkcs8v1().map_err(cannot)?.as_ref().to_vec(),
            Private::Rsa(key) => AsDer::<Pkcs8V1Der<'_>>::as_der(key).map_err(cannot)?.as_ref().to_vec(),
        }))
    }

    /// Reads a private key from text (`-----BEGIN PRIVATE KEY-----`).
    ///
    /// # Errors
    /// When it is not PEM of that kind, or those of [`SoftwareSigner::from_pkcs8`].
    pub fn from_pem(text: &[u8]) -> Result<Self, Fault> {
        let (label, der) = pem::decode_vec(text).map_err(|_| Fault::Key("it is not PEM"))?;
        let der = Zeroizing::new(der);
        if label != PEM_LABEL {
            return Err(Fault::Key("it is not a PEM block PRIVATE KEY (PKCS#8)"));
        }
        Self::from_pkcs8(&der)
    }

    /// The private key as text.
    ///
    /// # Errors
    /// When the library cannot encode it.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, Fault> {
        let der = self.to_pkcs8()?;
        pem::encode_string(PEM_LABEL, LineEnding::LF, &der)
            .map(Zeroizing::new)
            .map_err(|_| Fault::Key("it cannot be encoded"))
    }

    /// Reads a private key from a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read, or those of [`SoftwareSigner::from_pem`].
    pub fn load(path: &Path) -> Result<Self, Fault> {
        let text = Zeroizing::new(files::read(path)?);
        Self::from_pem(&text).map_err(|fault| Fault::Content { path: path.to_owned(), detail: fault.to_string() })
    }

    /// Writes the private key to a PEM file that only its owner can read.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Fault> {
        files::write(path, self.to_pem()?.as_bytes(), Readers::Owner)
    }

    fn new(private: Private) -> Result<Self, Fault> {
        let public_key = PublicKey::parse(&private.public_key()?)?;
        let algorithm = match private {
            Private::P256(_) => algorithm::ecdsa_with_sha256(),
            Private::P384(_) => algorithm::ecdsa_with_sha384(),
            Private::Rsa(_) => algorithm::sha256_with_rsa(),
        };
        Ok(Self { private, public_key, algorithm })
    }
}

impl Signer for SoftwareSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(async move {
            self.private.sign(message).ok_or_else(|| SignerFault::Refused("the library does not sign".to_owned()))
        })
    }
}

impl fmt::Debug for SoftwareSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftwareSigner").field("kind", &self.public_key.kind()).finish_non_exhaustive()
    }
}

enum Private {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Private {
    /// `SubjectPublicKeyInfo` (DER).
    fn public_key(&self) -> Result<Vec<u8>, Fault> {
        let der = match self {
            Self::P256(key) | Self::P384(key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()),
            Self::Rsa(key) => AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()),
        };
        Ok(der.map_err(|_| Fault::Key("its public half cannot be encoded"))?.as_ref().to_vec())
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::P256(key) | Self::P384(key) => Some(key.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }
}

/// RFC 7468 section 10.
const PEM_LABEL: &str = "PRIVATE KEY";

#[cfg(test)]
mod tests {
    use certs::KeyKind;

    use super::*;

    #[tokio::test]
    async fn every_kind_of_key_signs_and_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.key");
        for (choice, kind) in [
            (KeyChoice::P256, KeyKind::P256),
            (KeyChoice::P384, KeyKind::P384),
            (KeyChoice::Rsa2048, KeyKind::Rsa { bits: 2048 }),
            (KeyChoice::Rsa3072, KeyKind::Rsa { bits: 3072 }),
        ] {
            let made = SoftwareSigner::generate(choice).unwrap();
            assert_eq!(made.public_key().kind(), kind);
            made.save(&path).unwrap();
            let loaded = SoftwareSigner::load(&path).unwrap();
            let signature = loaded.sign(b"message").await.unwrap();
            made.public_key().verify(made.algorithm(), b"message", &signature).unwrap();
            assert!(made.public_key().verify(made.algorithm(), b"massage", &signature).is_err());
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = SoftwareSigner::generate(KeyChoice::P256).unwrap();
        assert!(!format!("{key:?}").contains("private"));
    }

    #[test]
    fn a_certificate_is_no_key() {
        let text = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert!(matches!(SoftwareSigner::from_pem(text.as_bytes()), Err(Fault::Key(_))));
    }
}
