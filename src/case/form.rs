//! The form in which a case's request is kept.

/// The form a case's request has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestForm {
    /// CertificationRequest (RFC 2986).
    Pkcs10,
    /// CertReqMsg (RFC 4211 section 3).
    Crmf,
    /// CertificationRequest of which key and signature mean nothing: the key is made here (RFC 7030 section 4.4.1).
    ServerKey,
    /// RevDetails (RFC 9810 section 5.3.9).
    Revocation,
}

impl RequestForm {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pkcs10 => "pkcs10",
            Self::Crmf => "crmf",
            Self::ServerKey => "server-key",
            Self::Revocation => "revocation",
        }
    }

    /// The form of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Pkcs10, Self::Crmf, Self::ServerKey, Self::Revocation].into_iter().find(|form| form.name() == name)
    }
}
