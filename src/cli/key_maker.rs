//! Key pairs for requesters, made by aws-lc with the system's randomness.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use certs::{PublicKey, Signer, SignerFault, Signing, algorithm};
use zeroize::Zeroizing;

use crate::registrar::{KeyMaker, KeyPair};
use crate::rules::ServerKeyKind;

/// Makes keys in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct InMemory;

impl KeyMaker for InMemory {
    fn make(&self, kind: ServerKeyKind) -> Result<Box<dyn KeyPair>, String> {
        Ok(Box::new(Pair::generate(kind)?))
    }
}

/// A key pair. aws-lc wipes it when it goes.
struct Pair {
    private: Private,
    public_key: PublicKey,
    algorithm: Vec<u8>,
}

enum Private {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

impl Pair {
    fn generate(kind: ServerKeyKind) -> Result<Self, String> {
        let rsa = |size| RsaKeyPair::generate(size).map(|key| (Private::Rsa(key), algorithm::sha256_with_rsa()));
        let (private, algorithm) = match kind {
            ServerKeyKind::Rsa2048 => rsa(KeySize::Rsa2048),
            ServerKeyKind::Rsa3072 => rsa(KeySize::Rsa3072),
            ServerKeyKind::Rsa4096 => rsa(KeySize::Rsa4096),
            ServerKeyKind::P256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                .map(|key| (Private::Ec(key), algorithm::ecdsa_with_sha256())),
            ServerKeyKind::P384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING)
                .map(|key| (Private::Ec(key), algorithm::ecdsa_with_sha384())),
        }
        .map_err(|_| NO_KEY.to_owned())?;
        let public_key = match &private {
            Private::Rsa(key) => key.public_key().as_der().map(|der| der.as_ref().to_vec()),
            Private::Ec(key) => key.public_key().as_der().map(|der| der.as_ref().to_vec()),
        }
        .map_err(|_| NO_KEY.to_owned())?;
        Ok(Self { private, public_key: PublicKey::parse(&public_key).map_err(|fault| fault.to_string())?, algorithm })
    }
}

impl KeyPair for Pair {
    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        let encoded = match &self.private {
            Private::Rsa(key) => AsDer::<Pkcs8V1Der<'_>>::as_der(key).map(|der| der.as_ref().to_vec()),
            Private::Ec(key) => key.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
        };
        encoded.map(Zeroizing::new).map_err(|_| NO_KEY.to_owned())
    }
}

impl Signer for Pair {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(async move {
            let random = SystemRandom::new();
            let refused = |_| SignerFault::Refused("the library does not sign".to_owned());
            match &self.private {
                Private::Ec(key) => key.sign(&random, message).map(|made| made.as_ref().to_vec()).map_err(refused),
                Private::Rsa(key) => {
                    let mut signature = vec![0; key.public_modulus_len()];
                    key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(refused)?;
                    Ok(signature)
                }
            }
        })
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pair").finish_non_exhaustive()
    }
}

const NO_KEY: &str = "the library makes no key";
