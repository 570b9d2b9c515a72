//! What is known about a request when it is judged. Serialised into every decision; the version tells the reading.

use serde::{Deserialize, Serialize};

/// Everything a ruling rests on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, recorded by its name")]
pub struct Facts {
    /// The version of this form: 1.
    pub version: u32,
    /// `issue`, `renew`, `rekey` or `revoke`.
    pub operation: String,
    /// The door: `est`, `cmp`.
    pub door: String,
    /// How the requester proved who it is.
    pub credential: CredentialFact,
    /// The key to be certified; none in a revocation.
    pub key: Option<KeyFact>,
    /// Whether the key is made here for the requester (RFC 7030 section 4.4); then there is none yet.
    #[serde(default)]
    pub server_key: bool,
    /// Whether the holder of the key signed with it.
    pub possession_proven: bool,
    /// Whether a registration authority says that it checked the holder's proof (raVerified).
    pub possession_vouched: bool,
    /// The family of the signature that proves it; none where no signature of the key does.
    #[serde(default)]
    pub proof_algorithm: Option<String>,
    /// The subject's attributes, in order.
    pub subject: Vec<AttributeFact>,
    /// The subject alternative names, in order.
    pub alternative_names: Vec<NameFact>,
    /// The rules of RFC 5280 that a certificate with what is asked for would break (`certs::lint`).
    #[serde(default)]
    pub lints: Vec<LintFact>,
    /// The key usages asked for, by their names in RFC 5280 section 4.2.1.3; none when not asked.
    pub key_usage: Option<Vec<String>>,
    /// The extended key usages asked for, as dotted identifiers; none when not asked.
    pub extended_key_usage: Option<Vec<String>>,
    /// Whether a CA certificate is asked for.
    pub certification_authority: bool,
    /// Extensions asked for that no rule above is about, as dotted identifiers.
    pub other_extensions: Vec<String>,
    /// The validity asked for in whole days, rounded up; none when not asked.
    pub validity_days: Option<i64>,
    /// The end of validity asked for, UTC milliseconds.
    #[serde(default)]
    pub not_after: Option<i64>,
    /// The certificate to be replaced or revoked.
    pub replaced: Option<ReplacedFact>,
    /// Whether another valid certificate of this office has the same key.
    pub key_in_use: bool,
    /// Whether a registration authority that is trusted for this profile put its protection around the request, and by that
    /// approved it (RFC 9483 section 5.2.2.1).
    #[serde(default)]
    pub vouched: bool,
    /// How what is asked for fits the credential; none in a revocation, and in records from before this was a fact.
    #[serde(default)]
    pub holder: Option<HolderFact>,
}

/// Whether the names asked for are the credential's own (RFC 9483 section 5.1.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HolderFact {
    /// The subject is the certificate's; of a code: each common name is the reference.
    pub subject: bool,
    /// The subject's serialNumber is the one in the certificate's subject.
    pub serial_number: bool,
    /// Each alternative name stands in the certificate, too; of a code: each is the reference.
    pub alternative_names: bool,
}

/// How the requester proved who it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFact {
    /// `code`, or the name of the trust table whose anchor the certificate chains to.
    pub kind: String,
    /// The names the code is bound to; none when it is bound to none.
    pub names: Option<Vec<String>>,
    /// The subject of the certificate the requester proved itself with.
    pub subject: Option<Vec<AttributeFact>>,
    /// Whether the CA that the profile asks issued the certificate the requester proved itself with.
    #[serde(default)]
    pub own_authority: bool,
    /// Whether it is a registration authority with an entry in `[[trusted_ra]]` for this profile.
    pub registration_authority: bool,
}

/// A public key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFact {
    /// As `certs::KeyKind` prints it: `P-256`, `RSA-3072`, …
    pub kind: String,
    /// `RSA`, or the kind itself where the size is part of it.
    pub family: String,
    /// The size in bits.
    pub bits: u32,
}

/// A rule for certificates that what is asked for breaks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LintFact {
    /// The rule's name.
    pub name: String,
    /// What is wrong.
    pub text: String,
}

/// An attribute of a distinguished name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeFact {
    /// Its short name (`CN`, `O`, …) or dotted identifier.
    pub kind: String,
    /// Its value as text.
    pub value: String,
}

/// A subject alternative name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NameFact {
    /// `dns`, `ip`, `email`, `uri`, `directory` or `other`.
    pub kind: String,
    /// Its value as text.
    pub value: String,
}

/// The certificate that a request is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, recorded by its name")]
pub struct ReplacedFact {
    /// `issued`, `valid`, `renewed`, `rejected`, `revoked`, or `unknown` when this office has no record of it.
    pub status: String,
    /// Whether the requester proved itself with that very certificate.
    pub held_by_requester: bool,
    /// Whether the subject asked for is the same (RFC 5280 section 7.1).
    pub subject_equal: bool,
    /// Whether the alternative names asked for are the same, in any order.
    pub alternative_names_equal: bool,
    /// Whether it has expired.
    pub expired: bool,
    /// How many days ago it expired, rounded up; 0 while it has not.
    #[serde(default)]
    pub expired_days: i64,
    /// Whether the request asks for other names in the new certificate (ChangeSubjectName, RFC 6402 section 2.8).
    #[serde(default)]
    pub names_changed: bool,
}
