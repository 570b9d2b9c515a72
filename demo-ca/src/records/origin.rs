use serde::{Deserialize, Serialize};

use super::line::hex_text;

/// How a message came.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Form {
    /// By itself.
    Plain,
    /// Wrapped, and thereby approved, by a registration authority (RFC 9483 section 5.2.2.1).
    Nested,
    /// With others in a batch (RFC 9483 section 5.2.2.2), be it wrapped in there or not.
    Batch,
}

/// Why a requester is believed to have the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pop {
    /// The CA itself has verified the signature of the new key.
    Verified,
    /// A registration authority says so (raVerified).
    RaVerified,
}

/// The requester's own message, which an authority that replaced its protection sends along (RFC 9810 section 5.1.1.3).
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Original {
    /// The subject of its signer, whose signature was checked; empty when a secret protects it, which the CA cannot
    /// check.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signer: String,
    /// SHA-256 of its signer's certificate.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub signer_hash: Vec<u8>,
}
