//! Keys, certificates and messages for tests.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use certs::algorithm::ecdsa_with_sha256;
use certs::{Certificate, CertificateDraft, Extension, KeyUsage, Millis, Name, PublicKey, Signer, Signing};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::crmf::{self, CertTemplateDraft};
use crate::{Draft, Limits, Message, body, client};

/// A software key; only for tests.
#[derive(Debug)]
pub(crate) struct Key {
    pair: EcdsaKeyPair,
    public: PublicKey,
    algorithm: Vec<u8>,
}

impl Key {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let public = PublicKey::parse(der.as_ref()).unwrap();
        Self { pair, public, algorithm: ecdsa_with_sha256() }
    }
}

impl Signer for Key {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn algorithm(&self) -> &[u8] {
        &self.algorithm
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        let signature = self.pair.sign(&SystemRandom::new(), message).unwrap();
        Box::pin(async move { Ok(signature.as_ref().to_vec()) })
    }
}

/// A key that lies about its algorithm.
#[derive(Debug)]
pub(crate) struct Other(pub(crate) Key, pub(crate) Vec<u8>);

impl Signer for Other {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn algorithm(&self) -> &[u8] {
        &self.1
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Signing<'a> {
        self.0.sign(message)
    }
}

/// Runs what never waits.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a test future waits"),
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::from_text(text).unwrap()
}

/// A self-signed certificate with a subject key identifier.
pub(crate) fn certificate(key: &Key, subject: &str, usage: Option<KeyUsage>) -> Certificate {
    let identifier = key.public.sha1_key_identifier();
    let mut extensions = vec![Extension::subject_key_identifier(&identifier)];
    extensions.extend(usage.map(Extension::key_usage));
    let draft = CertificateDraft {
        serial: vec![0x17],
        issuer: name(subject),
        subject: name(subject),
        public_key: key.public.clone(),
        not_before: Millis::from_seconds(1_700_000_000),
        not_after: Millis::from_seconds(1_900_000_000),
        extensions,
    };
    wait(draft.sign(key)).unwrap()
}

/// A first message with this body.
pub(crate) fn draft(body: Vec<u8>) -> Draft {
    client::first(&name("CN=device"), &name("CN=authority"), [1; 16], [2; 16], body)
}

pub(crate) fn read(der: &[u8]) -> Message {
    Message::parse(der, &Limits::default()).unwrap()
}

/// A message without protection.
pub(crate) fn message(body: Vec<u8>) -> Message {
    read(&draft(body).unprotected(&[]))
}

/// A `CertReqMsg` (DER) for `CN=device`, signed by the new key.
pub(crate) fn request(key: &Key) -> Vec<u8> {
    let template = CertTemplateDraft::new(name("CN=device"), key.public.clone());
    wait(crmf::sign(&crmf::request(0, &template), key)).unwrap()
}

/// An ir for it.
pub(crate) fn ir(key: &Key) -> Message {
    message(body::ir(&request(key)))
}
