//! What a door hands the registrar: a parsed request, and the way to answer it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use certs::{AltName, Csr, CsrContent, Extension, KeyUsage, Millis, Name, ObjectIdentifier, ProvenKey, PublicKey};

use super::recording::sha256;
use super::server_key::ServerKey;
use crate::case::{Door, Kind, Outcome, RequestForm};
use crate::rules::ServerKeyKind;

/// A request for a certificate, read from its message but not judged.
#[derive(Debug)]
pub struct CertificateRequest {
    /// The door.
    pub door: Door,
    /// The message it came in.
    pub message: Incoming,
    /// Issue, renew or rekey; renew and rekey are told apart here by the key.
    pub kind: Kind,
    /// What `request` is.
    pub form: RequestForm,
    /// The PKCS#10 or CertReqMsg as received.
    pub request: Vec<u8>,
    /// The subject asked for.
    pub subject: Name,
    /// The alternative names asked for.
    pub alt_names: Vec<AltName>,
    /// The key to be certified; none where the CA is to make it (RFC 9483 section 4.1.6).
    pub public_key: Option<PublicKey>,
    /// How it is known that the requester has the private key.
    pub possession: Possession,
    /// The key usage asked for.
    pub key_usage: Option<KeyUsage>,
    /// The extended key usages asked for.
    pub extended_key_usages: Option<Vec<ObjectIdentifier>>,
    /// Whether a CA certificate is asked for.
    pub certification_authority: bool,
    /// Further extensions asked for.
    pub other_extensions: Vec<ObjectIdentifier>,
    /// The end of validity asked for.
    pub not_after: Option<Millis>,
    /// The certificate to be replaced, by issuer and serial number.
    pub replaces: Option<(Name, Vec<u8>)>,
    /// The key that is to be made here (RFC 7030 section 4.4).
    pub server_key: Option<Arc<ServerKey>>,
    /// Subject and alternative names as they are, where other ones are asked for (ChangeSubjectName, RFC 6402 section 2.8).
    pub present_names: Option<(Name, Vec<AltName>)>,
}

impl CertificateRequest {
    /// What a PKCS#10 asks for, for a first certificate. `replaces` makes it a renewal.
    #[must_use]
    pub fn of_pkcs10(
        csr: &Csr,
        proven: ProvenKey,
        door: Door,
        message: Incoming,
        replaces: Option<(Name, Vec<u8>)>,
    ) -> Self {
        Self {
            door,
            message,
            kind: if replaces.is_some() { Kind::Rekey } else { Kind::Issue },
            form: RequestForm::Pkcs10,
            request: csr.der().to_vec(),
            subject: csr.subject().clone(),
            alt_names: csr.alt_names().to_vec(),
            public_key: Some(csr.public_key().clone()),
            possession: Possession::Proven(proven),
            key_usage: csr.key_usage(),
            extended_key_usages: csr.extended_key_usages().map(<[_]>::to_vec),
            certification_authority: csr.extensions().iter().any(Extension::is_certification_authority),
            other_extensions: without_own_rule(csr.extensions()),
            not_after: None,
            replaces,
            server_key: None,
            present_names: None,
        }
    }

    /// What a PKCS#10 asks for whose key is made here: its own key and signature mean nothing (RFC 7030 section 4.4.1).
    #[must_use]
    pub fn of_server_key(csr: &CsrContent, kind: ServerKeyKind, message: Incoming) -> Self {
        Self {
            door: Door::Est,
            message,
            kind: Kind::Issue,
            form: RequestForm::ServerKey,
            request: csr.der().to_vec(),
            subject: csr.subject().clone(),
            alt_names: csr.alt_names().to_vec(),
            public_key: None,
            possession: Possession::NoKey,
            key_usage: csr.key_usage(),
            extended_key_usages: csr.extended_key_usages().map(<[_]>::to_vec),
            certification_authority: csr.extensions().iter().any(Extension::is_certification_authority),
            other_extensions: without_own_rule(csr.extensions()),
            not_after: None,
            replaces: None,
            server_key: Some(Arc::new(ServerKey::new(kind, csr))),
            present_names: None,
        }
    }
}

/// How it is known that a requester has the private key.
#[derive(Debug)]
pub enum Possession {
    /// It signed with it.
    Proven(ProvenKey),
    /// A registration authority says that it checked (raVerified, RFC 9810 section 5.2.8.4); the rules say whether it may.
    Vouched,
    /// There is no key yet: the CA makes it.
    NoKey,
}

/// The extensions that no rule of their own looks at.
#[must_use]
pub fn without_own_rule(extensions: &[Extension]) -> Vec<ObjectIdentifier> {
    let known = [
        certs::oid::SUBJECT_ALT_NAME,
        certs::oid::KEY_USAGE,
        certs::oid::EXTENDED_KEY_USAGE,
        certs::oid::BASIC_CONSTRAINTS,
        // It only names the key.
        certs::oid::SUBJECT_KEY_IDENTIFIER,
    ];
    extensions.iter().map(|extension| extension.oid).filter(|oid| !known.contains(oid)).collect()
}

/// A request to revoke a certificate.
#[derive(Debug)]
pub struct RevocationRequest {
    /// The door.
    pub door: Door,
    /// The message it came in.
    pub message: Incoming,
    /// The certificate's issuer.
    pub issuer: Name,
    /// Its serial number's content octets.
    pub serial: Vec<u8>,
    /// CRLReason (RFC 5280 section 5.3.1).
    pub reason: Option<u8>,
    /// The RevDetails, or the RevokeRequest of CMC.
    pub request: Vec<u8>,
}

/// A message as it arrived.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Its exact octets.
    pub octets: Vec<u8>,
    /// SHA-256 of the requester's own message: a repeat is known by it, whatever others wrapped around it this time.
    pub hash: [u8; 32],
    /// What belongs to a transaction of the protocol; none in EST, where a case is found by what it asks (DESIGN rule 2).
    pub transaction: Option<Transaction>,
    /// SHA-256 of what its requester signed, where nothing but that says who sends it: such a message is taken once.
    pub once: Option<[u8; 32]>,
}

impl Incoming {
    /// A message that arrived as `octets`; `own` is what its requester made of it, without what others wrapped around it.
    #[must_use]
    pub fn new(octets: &[u8], own: &[u8], transaction: Option<Transaction>) -> Self {
        Self { octets: octets.to_vec(), hash: sha256(own), transaction, once: None }
    }

    /// This message, where `signed` alone says who sends it.
    #[must_use]
    pub fn once(self, signed: &[u8]) -> Self {
        Self { once: Some(sha256(signed)), ..self }
    }
}

/// The protocol's transaction.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Its transactionID.
    pub id: Vec<u8>,
    /// The kind of body, by tag number: answers follow the request's.
    pub body: u8,
    /// Whether the requester asks for implicit confirmation.
    pub implicit: bool,
}

/// Turns an outcome into finished bytes in the protocol's words, protected where the protocol wants it. The registrar calls
/// it before it commits, so that what a requester sees was recorded.
pub trait Reply: Send + Sync {
    /// The bytes.
    fn reply<'a>(&'a self, outcome: &'a Outcome) -> Replying<'a>;
}

/// Bytes being made.
pub type Replying<'a> = Pin<Box<dyn Future<Output = Result<Finished, String>> + Send + 'a>>;

/// An answer ready to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// Its exact octets.
    pub octets: Vec<u8>,
    /// The nonce in it, which the next message must return; none in EST.
    pub nonce: Option<Vec<u8>>,
}

/// What a door gets back.
#[derive(Clone, Debug)]
pub struct Answered {
    /// What it is about; none when stored bytes are repeated.
    pub outcome: Option<Outcome>,
    /// The bytes for the requester, recorded.
    pub octets: Vec<u8>,
}
