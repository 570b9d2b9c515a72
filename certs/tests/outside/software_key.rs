//! Keys in memory and a small PKI made with them. For tests only: nothing that is shipped signs in software here.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as aws, EcdsaKeyPair, Ed25519KeyPair, KeyPair, PqdsaKeyPair, RsaKeyPair};
use certs::algorithm::{Digest, SignatureAlgorithm};
use certs::{
    Certificate, CertificateDraft, Crl, CrlDraft, Extension, KeyKind, KeyUsage, Millis, Name, PublicKey, Revoked,
    Signer, SignerFault, Signing,
};

/// 2027-01-15T08:00:00Z: the moment at which tests take place.
pub(crate) const NOW: Millis = Millis::from_seconds(1_800_000_000);
pub(crate) const DAY: i64 = 24 * 60 * 60 * 1000;

#[derive(Debug)]
enum Inner {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
    Rsa(RsaKeyPair),
}

#[derive(Debug)]
pub(crate) struct SoftwareKey {
    inner: Inner,
    public_key: PublicKey,
    algorithm: SignatureAlgorithm,
    identifier: Vec<u8>,
}

impl SoftwareKey {
    pub(crate) fn new(kind: KeyKind) -> Self {
        let (inner, spki) = match kind {
            KeyKind::P256 => ecdsa(&aws::ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyKind::P384 => ecdsa(&aws::ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyKind::P521 => ecdsa(&aws::ECDSA_P521_SHA512_ASN1_SIGNING),
            KeyKind::Ed25519 => {
                let pair = Ed25519KeyPair::generate().unwrap();
                let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
                (Inner::Ed25519(pair), spki)
            }
            KeyKind::MlDsa44 => ml_dsa(&aws::ML_DSA_44_SIGNING),
            KeyKind::MlDsa65 => ml_dsa(&aws::ML_DSA_65_SIGNING),
            KeyKind::MlDsa87 => ml_dsa(&aws::ML_DSA_87_SIGNING),
            KeyKind::Rsa { bits: 2048 } => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
                (Inner::Rsa(pair), spki)
            }
            other => panic!("no test needs a key of kind {other}"),
        };
        let public_key = PublicKey::parse(&spki).unwrap();
        let algorithm = SignatureAlgorithm::usual(kind);
        Self { inner, public_key, algorithm, identifier: algorithm.identifier() }
    }

    /// Signs under another algorithm than the usual one.
    pub(crate) fn under(mut self, algorithm: SignatureAlgorithm) -> Self {
        self.algorithm = algorithm;
        self.identifier = algorithm.identifier();
        self
    }

    pub(crate) fn sign_now(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.inner {
            Inner::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Inner::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Inner::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature).unwrap();
                signature
            }
            Inner::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding: &'static dyn aws::RsaEncoding = match self.algorithm {
                    SignatureAlgorithm::RsaPkcs1(Digest::Sha256) => &aws::RSA_PKCS1_SHA256,
                    SignatureAlgorithm::RsaPkcs1(Digest::Sha384) => &aws::RSA_PKCS1_SHA384,
                    SignatureAlgorithm::RsaPkcs1(_) => &aws::RSA_PKCS1_SHA512,
                    SignatureAlgorithm::RsaPss(Digest::Sha256) => &aws::RSA_PSS_SHA256,
                    SignatureAlgorithm::RsaPss(Digest::Sha384) => &aws::RSA_PSS_SHA384,
                    _ => &aws::RSA_PSS_SHA512,
                };
                pair.sign(encoding, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

impl Signer for SoftwareKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn algorithm(&self) -> &[u8] {
        &self.identifier
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        Box::pin(async move { Ok::<_, SignerFault>(self.sign_now(message)) })
    }
}

fn ecdsa(algorithm: &'static aws::EcdsaSigningAlgorithm) -> (Inner, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
    (Inner::Ecdsa(pair), spki)
}

fn ml_dsa(algorithm: &'static aws::PqdsaSigningAlgorithm) -> (Inner, Vec<u8>) {
    let pair = PqdsaKeyPair::generate(algorithm).unwrap();
    let spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
    (Inner::MlDsa(pair), spki)
}

/// Runs what never waits.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a software key never waits"),
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// A holder of a key and a certificate for it.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) key: SoftwareKey,
    pub(crate) certificate: Certificate,
}

impl Party {
    /// A self-signed authority.
    pub(crate) fn root(subject: &str) -> Self {
        Self::root_with(subject, authority(None))
    }

    pub(crate) fn root_with(subject: &str, extensions: Vec<Extension>) -> Self {
        let key = SoftwareKey::new(KeyKind::P256);
        let draft = draft(1, name(subject), name(subject), &key, extensions);
        let certificate = now(draft.sign(&key)).unwrap();
        Self { key, certificate }
    }

    pub(crate) fn draft(
        &self,
        serial: u8,
        subject: &str,
        key: &SoftwareKey,
        extensions: Vec<Extension>,
    ) -> CertificateDraft {
        let mut draft = draft(serial, self.certificate.subject().clone(), name(subject), key, extensions);
        draft.extensions.push(Extension::authority_key_identifier(&self.key.public_key().sha1_key_identifier()));
        draft
    }

    pub(crate) fn sign(&self, draft: CertificateDraft) -> Certificate {
        now(draft.sign(&self.key)).unwrap()
    }

    /// A fresh key with a certificate by this authority.
    pub(crate) fn issue(&self, serial: u8, subject: &str, extensions: Vec<Extension>) -> Self {
        let key = SoftwareKey::new(KeyKind::P256);
        let certificate = self.sign(self.draft(serial, subject, &key, extensions));
        Self { key, certificate }
    }

    pub(crate) fn crl(&self, number: u64, this_update: Millis, serials: &[&[u8]]) -> Crl {
        let draft = CrlDraft {
            issuer: self.certificate.subject().clone(),
            authority_key_identifier: self.key.public_key().sha1_key_identifier().to_vec(),
            number,
            this_update,
            next_update: this_update.plus(2 * DAY),
            revoked: serials.iter().map(|serial| (serial.to_vec(), Revoked { at: this_update, reason: 4 })).collect(),
        };
        now(draft.sign(&self.key)).unwrap()
    }
}

pub(crate) fn draft(
    serial: u8,
    issuer: Name,
    subject: Name,
    key: &SoftwareKey,
    mut extensions: Vec<Extension>,
) -> CertificateDraft {
    extensions.push(Extension::subject_key_identifier(&key.public_key().sha1_key_identifier()));
    CertificateDraft {
        serial: vec![serial],
        issuer,
        subject,
        public_key: key.public_key().clone(),
        not_before: NOW.plus(-100 * DAY),
        not_after: NOW.plus(100 * DAY),
        extensions,
    }
}

/// The extensions of an authority.
pub(crate) fn authority(path_length: Option<u8>) -> Vec<Extension> {
    vec![
        Extension::basic_constraints(true, path_length),
        Extension::key_usage(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN),
    ]
}

/// The extensions of an end entity that signs.
pub(crate) fn signing() -> Vec<Extension> {
    vec![Extension::key_usage(KeyUsage::DIGITAL_SIGNATURE)]
}
