//! What the kinds of CAs can be asked for.

/// What a CA can be asked for besides a certificate for a PKCS#10, which each of them takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Takes {
    /// Requests by a template.
    pub templates: Templates,
    /// Revocations.
    pub revocations: bool,
    /// Its requesters' own messages, and questions.
    pub messages: bool,
}

/// Whether a CA takes a template (`CertReqMsg`, RFC 4211) instead of a PKCS#10.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Templates {
    /// PKCS#10 only.
    None,
    /// With our word for the proof of possession.
    Vouched,
    /// With the requester's own proof, too.
    Any,
}

impl Takes {
    /// EST: `/simpleenroll` and nothing else.
    pub const PKCS10_ONLY: Self = Self { templates: Templates::None, revocations: false, messages: false };
    /// Full CMC. The signature in a template of CMP is over the certReqId 0, which no body part of CMC may have (RFC 10002 section 3.2.2).
    pub const CMC: Self = Self { templates: Templates::Vouched, revocations: true, messages: false };
    /// CMP in files: a requester's own messages, and questions, cannot wait for somebody to carry them.
    pub const FILES: Self = Self { templates: Templates::Any, revocations: true, messages: false };
    /// CMP.
    pub const CMP: Self = Self { templates: Templates::Any, revocations: true, messages: true };

    /// Whether it takes a template, with raVerified or as it came.
    #[must_use]
    pub const fn template(self, ra_verified: bool) -> bool {
        match self.templates {
            Templates::None => false,
            Templates::Vouched => ra_verified,
            Templates::Any => true,
        }
    }
}
