//! Certificates, requests, names, keys, revocation lists and paths. Pure: no input, no output, no clock.
//!
//! What was received is kept as received: a signature is checked over the bytes that came, never over our own
//! encoding of them, and every size is limited before any big-number work.

mod alt_name;
mod certificate;
mod crl;
mod csr;
mod extension;
mod fault;
mod issue;
mod key;
mod key_usage;
mod known;
mod millis;
mod name;
mod pem;
mod proof;
mod signer;
mod text;
mod walk;
mod write;

/// Signature algorithms: their identifiers as DER, and the hash that goes with each.
pub mod algorithm;

/// Object identifiers that our own code names.
pub mod oid;

/// What RFC 5280 demands of a certificate of an end entity, each rule by a name.
pub mod lint;

/// Certification paths to configured anchors (RFC 5280 section 6).
pub mod path;

pub use alt_name::AltName;
pub use certificate::Certificate;
pub use const_oid::ObjectIdentifier;
pub use crl::{Crl, CrlDraft, Revoked};
pub use csr::{Csr, CsrContent, CsrDraft};
pub use extension::Extension;
pub use fault::{Fault, IssueFault};
pub use issue::CertificateDraft;
pub use key::{KeyKind, KeyPrint, PublicKey};
pub use key_usage::KeyUsage;
pub use millis::Millis;
pub use name::{Attribute, Name};
pub use proof::ProvenKey;
pub use signer::{Signer, SignerFault, Signing};

// The test PKI names this crate from outside, as the tests in `tests/outside/` do.
#[cfg(test)]
extern crate self as certs;

#[cfg(test)]
#[path = "../tests/outside/software_key.rs"]
mod software_key;
