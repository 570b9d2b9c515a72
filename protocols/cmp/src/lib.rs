//! The Certificate Management Protocol, bytes to typed messages and back
//! (RFC 9810, RFC 9483, RFC 9481, RFC 4211).
//!
//! Nothing here reads a clock, a socket or a random number: time, nonces and salts are parameters.
//! Header and body stay as received, because protection covers exactly those bytes
//! (RFC 9810 section 5.1.3) and a forwarded message must not be encoded anew.
//!
//! - receiving: [`Message::parse`], then [`server::check_header`], [`Message::protection_kind`],
//!   [`server::check_shape`];
//! - answering: an encoder of [`body`], [`Draft::answering`], then [`Draft::mac`] or [`Draft::sign`];
//! - asking: [`client`];
//! - forwarding: [`relay`].

/// What went wrong, in words of the protocol.
pub mod fault;

/// `PKIFailureInfo`.
mod failure;

/// `PKIStatusInfo` and the error message.
pub mod status;

/// DER elements, read and written.
mod asn1;

/// Object identifiers of the protocol.
pub mod oid;

/// Which certificate: `CertId`.
mod cert_id;

/// Encrypted values, such as private keys.
pub mod encrypted;

/// PKIHeader.
pub mod header;

/// Certificate request messages (RFC 4211).
pub mod crmf;

/// A certificate and its key, as they are handed out.
mod certified;

/// Answers to certificate requests: CertRepMessage.
pub mod response;

/// Revocation: rr and rp.
pub mod revocation;

/// certConf, pollReq and pollRep.
pub mod confirm;

/// What the lightweight profile leaves out.
pub mod left_out;

/// Support messages: what a genm asks and a genp answers.
pub mod support;

/// PKIBody: all 27 kinds, and an encoder for each that we send.
pub mod body;

/// PKIMessage.
pub mod message;

/// MAC and signature protection.
pub mod protection;

/// Composing a message.
pub mod draft;

/// The original of a changed message.
mod original;

/// Forwarding the messages of others.
pub mod relay;

/// What a server checks, and how it refuses.
pub mod server;

/// What a client checks, and how it asks.
pub mod client;

/// Keys, certificates and messages for tests.
#[cfg(test)]
mod sample;

/// A conversation with OpenSSL's mock server.
#[cfg(test)]
mod oracle;

pub use body::{Body, BodyKind};
pub use cert_id::CertId;
pub use certified::{CertOrEncCert, CertifiedKeyPair, PublicationInfo};
pub use confirm::{CertStatus, PollRep};
pub use crmf::{CertReqMessages, CertReqMsg, CertTemplate, Control, Popo};
pub use draft::Draft;
pub use encrypted::EncryptedKey;
pub use fault::{Fault, ParseFault};
pub use header::{Header, InfoTypeAndValue};
pub use message::{Limits, Message};
pub use protection::{MacKey, MacProof, Protection, SignatureProof};
pub use response::{CertRepMessage, CertResponse};
pub use revocation::{RevDetails, RevRepContent, RevReqContent};
pub use status::{ErrorMsgContent, FailureInfo, Status, StatusInfo};
