//! Who asks, and through which door.

use std::fmt;

/// The door through which a request came.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Door {
    /// Enrolment over Secure Transport (RFC 7030).
    Est,
    /// Certificate Management Protocol (RFC 9810).
    Cmp,
    /// The office's own command line.
    Control,
    /// The officers' pages.
    Console,
    /// Daftar itself: sweeper, workers.
    House,
}

impl Door {
    /// The name in the store, in logs and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Est => "est",
            Self::Cmp => "cmp",
            Self::Control => "control",
            Self::Console => "console",
            Self::House => "house",
        }
    }

    /// The door of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Est, Self::Cmp, Self::Control, Self::Console, Self::House].into_iter().find(|door| door.name() == name)
    }
}

impl fmt::Display for Door {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a requester proved itself with. Its text is stable and holds no secret and no personal data:
/// `code:ID` or `certificate:SHA-256`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CredentialId(String);

impl CredentialId {
    /// The credential that is an enrolment code.
    #[must_use]
    pub fn code(id: super::CodeId) -> Self {
        Self(format!("code:{id}"))
    }

    /// The credential that is a certificate, by the SHA-256 of its DER.
    #[must_use]
    pub fn certificate(hash: &[u8; 32]) -> Self {
        Self(format!("certificate:{}", hex::encode(hash)))
    }

    /// An officer or the house itself, acting without a certificate of its own.
    #[must_use]
    pub fn house(name: &str) -> Self {
        Self(format!("house:{name}"))
    }

    /// An officer who is logged in, acting with the certificate that is his.
    #[must_use]
    pub fn officer(id: super::OfficerId) -> Self {
        Self(format!("officer:{id}"))
    }

    /// The credential as read from the store.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The enrolment code, where the credential is one.
    #[must_use]
    pub fn as_code(&self) -> Option<super::CodeId> {
        super::CodeId::parse(self.0.strip_prefix("code:")?)
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A requester as a case remembers it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requester {
    /// What it proved itself with.
    pub credential: CredentialId,
    /// How an officer would name it: the code's reference, or the certificate's subject.
    pub name: String,
}
