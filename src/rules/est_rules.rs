//! What a profile's EST requests may and must carry. One `[profile.NAME.est]` table.

use serde::{Deserialize, Serialize};

/// What a profile chooses about EST.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EstRules {
    /// Whether a request must be linked to its TLS connection (RFC 7030 section 3.5). A link that is there is checked always.
    pub channel_binding: Demand,
    /// What a challengePassword is. The standards overloaded it (RFC 7894 section 1), and nothing in a request tells.
    pub challenge_password: ChallengePassword,
    /// What becomes of an otpChallenge (RFC 7894 section 3.1).
    pub otp_challenge: OtpChallenge,
    /// What becomes of a revocationChallenge (RFC 7894 section 3.2).
    pub revocation_challenge: RevocationChallenge,
    /// Whether a renewal may ask for other names (ChangeSubjectName, RFC 7030 section 4.2.2).
    pub change_subject_name: bool,
    /// Whether a registration authority that is trusted may renew for others (RFC 7030 section 3.7, DESIGN rule 10).
    pub renew_for_others: bool,
    /// Whether `/fullcmc` is served (RFC 7030 section 4.3). Few clients know it, and it is a second way to everything.
    pub full_cmc: bool,
    /// Whether keys are made here for requesters, and of which kind (RFC 7030 section 4.4). No profile for signatures can have it
    /// (DESIGN rule 8).
    pub server_key: Option<ServerKeyKind>,
    /// Whether such a key must be encrypted inside TLS, for a key that the requester names (RFC 7030 section 4.4.1).
    pub server_key_encryption: Demand,
    /// How an enrolment code may be shown over HTTP (RFC 7030 section 3.2.3).
    pub http_schemes: HttpSchemes,
}

/// A kind of key that is made here.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum ServerKeyKind {
    /// RSA, 2048 bits.
    #[serde(rename = "RSA-2048")]
    Rsa2048,
    /// RSA, 3072 bits.
    #[serde(rename = "RSA-3072")]
    Rsa3072,
    /// RSA, 4096 bits.
    #[serde(rename = "RSA-4096")]
    Rsa4096,
    /// EC on P-256.
    #[serde(rename = "P-256")]
    P256,
    /// EC on P-384.
    #[serde(rename = "P-384")]
    P384,
}

/// The schemes of HTTP authentication that a requester may use.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HttpSchemes {
    /// Basic (RFC 7617): inside TLS it is what every client can do.
    #[default]
    Basic,
    /// Digest with SHA-256 (RFC 7616): the secret does not go over the line.
    Digest,
    /// Either; Basic is offered first, as some clients read one challenge only.
    BasicAndDigest,
}

impl HttpSchemes {
    /// Whether Basic is taken.
    #[must_use]
    pub const fn basic(self) -> bool {
        matches!(self, Self::Basic | Self::BasicAndDigest)
    }

    /// Whether Digest is taken.
    #[must_use]
    pub const fn digest(self) -> bool {
        matches!(self, Self::Digest | Self::BasicAndDigest)
    }
}

/// Whether something must be there.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// It may be there. Most clients have no way to tls-unique.
    #[default]
    Optional,
    /// It must.
    Required,
}

/// What a challengePassword is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChallengePassword {
    /// The channel binding of the connection (RFC 7030 section 3.5).
    #[default]
    Binding,
    /// An enrolment code, as SCEP has it.
    EnrolmentCode,
}

/// What an otpChallenge is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtpChallenge {
    /// Nothing we know: the request is refused.
    #[default]
    Refuse,
    /// An enrolment code.
    EnrolmentCode,
}

/// What a revocationChallenge is good for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationChallenge {
    /// Nobody could revoke with it, so a request that relies on it is refused.
    #[default]
    Refuse,
    /// It is left unread, by the local policy that RFC 7894 section 4 allows.
    Ignore,
}

impl EstRules {
    /// Whether a request may carry an enrolment code.
    #[must_use]
    pub fn takes_codes(self) -> bool {
        self.challenge_password == ChallengePassword::EnrolmentCode || self.otp_challenge == OtpChallenge::EnrolmentCode
    }
}
