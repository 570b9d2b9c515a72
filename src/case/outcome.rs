//! What a requester is told in the end, before a protocol puts it into its own words.

use super::{ExchangeState, Millis};

/// A certificate for the requester.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issued {
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The CA certificates from its issuer up to the root, DER.
    pub chain: Vec<Vec<u8>>,
    /// Until when the requester must confirm it; none where it needs not (implicitConfirm, EST).
    pub confirm_by: Option<Millis>,
    /// Whether it differs from what was asked, though not from what was approved (RFC 9810 section 5.2.3, grantedWithMods).
    pub modified: bool,
}

/// What the CA said to a requester whose messages are relayed (RFC 9483 section 5.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Relayed {
    /// The CA's message, as received.
    pub answer: Vec<u8>,
    /// Whether it goes down under our protection instead of the CA's.
    pub replaced: bool,
    /// What the requester may send after it.
    pub then: ExchangeState,
    /// Until when it must confirm, where it must.
    pub confirm_by: Option<Millis>,
}

/// What was asked for that is no certificate (RFC 9483 section 4.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Information {
    /// What the house knows itself, in the words of the door.
    Own(Vec<u8>),
    /// What follows the root; none where nothing does.
    RootUpdate(Option<RootUpdate>),
    /// The CRL asked for, DER; none where there is no such one, or no newer one.
    Crl(Option<Vec<u8>>),
    /// The CA's latest CRL, whichever that is, DER.
    CurrentCrl(Vec<u8>),
}

/// The successor of a root, each certificate DER (RFC 9483 section 4.3.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RootUpdate {
    /// The new root.
    pub new_with_new: Vec<u8>,
    /// The new key under the old one's signature.
    pub new_with_old: Vec<u8>,
    /// The old key under the new one's signature.
    pub old_with_new: Option<Vec<u8>>,
}

/// The end of one question to the registrar.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Here is the certificate.
    Issued(Issued),
    /// Come back after this many seconds.
    Waiting {
        /// Seconds.
        check_after: u32,
    },
    /// The confirmation was taken.
    Confirmed,
    /// The certificate is revoked.
    Revoked,
    /// A rule, an officer or the CA said no.
    Refused(Reason),
    /// The CA's own words are handed down.
    Relayed(Relayed),
    /// What was asked for that is no certificate.
    Informed(Information),
}

/// Why something was refused: a code for programs and a text for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// For the protocol's own word.
    pub code: ReasonCode,
    /// What to mend, with the clause where a rule said no.
    pub text: String,
}

/// The kinds of refusal that protocols tell apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReasonCode {
    /// The request's form or content is wrong.
    BadRequest,
    /// The template or CSR asks for what the profile does not give.
    BadTemplate,
    /// The template or CSR asks for an extension that is not given here.
    BadExtension,
    /// The key stands in another valid certificate, and the profile wants a new one.
    KeyInUse,
    /// The proof of possession does not verify.
    BadProof,
    /// No such certificate, or not this requester's.
    BadCertificateId,
    /// The certificate is revoked already.
    AlreadyRevoked,
    /// This requester may not ask this.
    NotAuthorized,
    /// The CA refused.
    Authority,
    /// The CA's answer was not what was approved, or it cannot be told what the CA did.
    Withheld,
    /// The CA is away.
    Unavailable,
}

impl ReasonCode {
    /// The name in the store and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::BadTemplate => "bad_template",
            Self::BadExtension => "bad_extension",
            Self::KeyInUse => "key_in_use",
            Self::BadProof => "bad_proof",
            Self::BadCertificateId => "bad_certificate_id",
            Self::AlreadyRevoked => "already_revoked",
            Self::NotAuthorized => "not_authorized",
            Self::Authority => "authority",
            Self::Withheld => "withheld",
            Self::Unavailable => "unavailable",
        }
    }

    /// The code of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::BadRequest,
            Self::BadTemplate,
            Self::BadExtension,
            Self::KeyInUse,
            Self::BadProof,
            Self::BadCertificateId,
            Self::AlreadyRevoked,
            Self::NotAuthorized,
            Self::Authority,
            Self::Withheld,
            Self::Unavailable,
        ]
        .into_iter()
        .find(|code| code.name() == name)
    }
}
