use serde::{Deserialize, Serialize};

use super::origin::{Form, Original, Pop};

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// An authenticated request came in.
    Received,
    /// A certificate was issued.
    Issued,
    /// A certificate was revoked: asked for, rejected by its requester, or never confirmed.
    Revoked,
    /// A certificate that was on hold is good again.
    Released,
    /// A certificate was confirmed.
    Confirmed,
    /// A request was refused.
    Refused,
    /// A requester was told to wait.
    Waiting,
    /// Anything else was answered: general messages, notice of a confirmation that came too late.
    Answered,
}

/// One line of the records.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// When, in milliseconds since 1970 (UTC).
    pub at: i64,
    /// What happened.
    pub kind: Kind,
    /// Which transaction it belongs to.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub transaction_id: Vec<u8>,
    /// The kind of the message's body, as RFC 9810 names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// SHA-256 of the message.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub message: Vec<u8>,
    /// How the message came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
    /// How many registration authorities wrapped the message (RFC 9483 section 5.2.2.1).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub depth: u8,
    /// The transaction of the batch that the message was in.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub batch: Vec<u8>,
    /// The subject of the message's signer; in nested messages that of the innermost.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signer: String,
    /// The serial number of the signer's certificate.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub signer_serial: Vec<u8>,
    /// SHA-256 of the signer's certificate.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub signer_hash: Vec<u8>,
    /// The signer's certificate (DER), in the first record that names it.
    #[serde(with = "base64_text", default, skip_serializing_if = "Option::is_none")]
    pub signer_certificate: Option<Vec<u8>>,
    /// The subject of the outermost message's signer; the same as `signer` when nothing is nested.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub outer_signer: String,
    /// SHA-256 of the outermost signer's certificate.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub outer_signer_hash: Vec<u8>,
    /// Why the requester is believed to have the key; raVerified is the word of `signer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pop: Option<Pop>,
    /// The origPKIMessage that came along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orig_pki_message: Option<Original>,
    /// The serial number of the certificate in question.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub serial: Vec<u8>,
    /// SHA-256 of the public key in question.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub key_print: Vec<u8>,
    /// The subject in question.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// `CRLReason` of a revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// More, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The certificate that was issued (DER).
    #[serde(with = "base64_text", default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Vec<u8>>,
    /// When the certificate that was issued ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<i64>,
    /// When an issued certificate is revoked unless it was confirmed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_by: Option<i64>,
    /// The request that waits.
    #[serde(with = "base64_text", default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Vec<u8>>,
    /// How often a requester that waits is still told to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls_left: Option<u32>,
    /// The seconds it is told to wait each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_after: Option<i64>,
    /// The senderNonce of the answer.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub nonce: Vec<u8>,
    /// The answer, byte for byte. With one, the transaction is taken.
    #[serde(with = "base64_text", default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Vec<u8>>,
}

impl Record {
    /// An empty record.
    #[must_use]
    pub fn new(at: i64, kind: Kind) -> Self {
        Self {
            at,
            kind,
            transaction_id: Vec::new(),
            body: String::new(),
            message: Vec::new(),
            form: None,
            depth: 0,
            batch: Vec::new(),
            signer: String::new(),
            signer_serial: Vec::new(),
            signer_hash: Vec::new(),
            signer_certificate: None,
            outer_signer: String::new(),
            outer_signer_hash: Vec::new(),
            pop: None,
            orig_pki_message: None,
            serial: Vec::new(),
            key_print: Vec::new(),
            subject: String::new(),
            reason: None,
            detail: String::new(),
            certificate: None,
            not_after: None,
            confirm_by: None,
            held: None,
            polls_left: None,
            check_after: None,
            nonce: Vec::new(),
            answer: None,
        }
    }

    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }

    /// The line with its end.
    pub(super) fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over as it is")]
fn is_zero(depth: &u8) -> bool {
    *depth == 0
}

/// Octets as hexadecimal text.
pub(super) mod hex_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(in crate::records) fn serialize<S: Serializer>(octets: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(octets))
    }

    pub(in crate::records) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Larger things as base64 text.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde hands the field over as it is")]
    pub(super) fn serialize<S: Serializer>(octets: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match octets {
            Some(octets) => serializer.serialize_str(&STANDARD.encode(octets)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| STANDARD.decode(text).map_err(de::Error::custom)).transpose()
    }
}
