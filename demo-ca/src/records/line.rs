use serde::{Deserialize, Serialize};

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
    /// The subject of the message's signer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signer: String,
    /// The serial number of the signer's certificate.
    #[serde(with = "hex_text", default, skip_serializing_if = "Vec::is_empty")]
    pub signer_serial: Vec<u8>,
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
            signer: String::new(),
            signer_serial: Vec::new(),
            serial: Vec::new(),
            key_print: Vec::new(),
            subject: String::new(),
            reason: None,
            detail: String::new(),
            certificate: None,
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

/// Octets as hexadecimal text.
mod hex_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(octets: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(octets))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
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
