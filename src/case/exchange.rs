//! One conversation at a door.

use super::{CaseId, CredentialId, Door, ExchangeId, Millis};

/// How Daftar stands between requester and CA (DESIGN rule 3). The two never mix in an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// Daftar ends the requester's transaction and asks the CA in one of its own (RFC 9483 sections 5.1 and 5.3.1).
    Terminated,
    /// Relayed: the requester's messages are handed on in ours, one in one (RFC 9483 section 5.2.2.1).
    Nested,
    /// Relayed: the requester's messages are handed on under our protection instead of its own (RFC 9483 section 5.2.3).
    Replaced,
    /// Relayed: the requester's messages are handed on as they are, and nobody vouches for them (RFC 9483 section 5.2.1).
    Untouched,
}

/// What the requester may send next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExchangeState {
    /// The request is in work; no final answer was made.
    Open,
    /// The requester was told to poll (RFC 9810 section 5.3.22).
    Polling,
    /// A certificate was sent; certConf is awaited (RFC 9810 section 5.3.18).
    Confirming,
    /// Answered for good: only byte-identical repeats are served.
    Ended,
}

impl ExchangeState {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Polling => "polling",
            Self::Confirming => "confirming",
            Self::Ended => "ended",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Polling, Self::Confirming, Self::Ended].into_iter().find(|state| state.name() == name)
    }
}

impl Family {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminated => "terminated",
            Self::Nested => "nested",
            Self::Replaced => "replaced",
            Self::Untouched => "untouched",
        }
    }

    /// Whether transaction and nonces are the requester's all the way to the CA.
    #[must_use]
    pub const fn is_relayed(self) -> bool {
        !matches!(self, Self::Terminated)
    }

    /// Whether the CA sees the requester's own protection.
    #[must_use]
    pub const fn keeps_protection(self) -> bool {
        matches!(self, Self::Nested | Self::Untouched)
    }

    /// The family of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Terminated, Self::Nested, Self::Replaced, Self::Untouched]
            .into_iter()
            .find(|family| family.name() == name)
    }
}

/// A conversation as the store remembers it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Its identifier.
    pub id: ExchangeId,
    /// The door it came through.
    pub door: Door,
    /// What finds it again. CMP: SHA-256 over credential and transactionID, never purged. EST: random, the case is found by its join key; but
    /// SHA-256 over credential and what was signed, where nothing else says who sends it: such a message is taken once.
    pub key: [u8; 32],
    /// The credential that opened it; every later message must prove the same one (RFC 9483 section 3.5).
    pub credential: CredentialId,
    /// How Daftar stands between requester and CA.
    pub family: Family,
    /// What may come next.
    pub state: ExchangeState,
    /// The case it is about; none for a general message.
    pub case: Option<CaseId>,
    /// CMP: the transactionID.
    pub transaction: Option<Vec<u8>>,
    /// CMP: the senderNonce of our last message: the next one must return it (RFC 9810 section 5.1.1).
    pub our_nonce: Option<Vec<u8>>,
    /// CMP: the body kind of the request, by its tag number; answers follow it.
    pub body: Option<u8>,
    /// Whether the certificate counts as taken once it was answered: CMP, where implicit confirmation was asked for and granted, and EST,
    /// but for a key that is made here: that one counts when the answer was written.
    pub implicit: bool,
    /// When silence counts: as rejection of a certificate, else as going away. None once it is ended, or its certConf came.
    pub deadline: Option<Millis>,
    /// When it was opened.
    pub created_at: Millis,
}

impl Exchange {
    /// Whether its answer holds a key that nobody has twice, so that the certificate counts only once the answer was written (RFC 7030
    /// section 4.4, DESIGN rule 8).
    #[must_use]
    pub const fn awaits_delivery(&self) -> bool {
        self.transaction.is_none() && !self.implicit
    }
}
