//! One conversation with a certification authority.

/// Where a submission stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubmissionState {
    /// Its next message is recorded and must reach the CA; a worker with the lease sends it.
    Due,
    /// The CA asked for patience; at `next_attempt` it is polled.
    Polling,
    /// The certificate is here; the requester's certConf decides what the CA is told.
    AwaitingConfirmation,
    /// Nothing more is to be sent.
    Ended,
}

/// What the last recorded outgoing message of a submission is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubmissionStep {
    /// The request itself.
    Request,
    /// A pollReq (RFC 9810 section 5.3.22).
    Poll,
    /// A certConf that accepts (RFC 9810 section 5.3.18).
    Accept,
    /// A certConf that rejects.
    Reject,
}

impl SubmissionState {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Polling => "polling",
            Self::AwaitingConfirmation => "awaiting_confirmation",
            Self::Ended => "ended",
        }
    }

    /// Whether an answer of the CA is waited for.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Due | Self::Polling)
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Due, Self::Polling, Self::AwaitingConfirmation, Self::Ended]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

impl SubmissionStep {
    /// The name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Poll => "poll",
            Self::Accept => "accept",
            Self::Reject => "reject",
        }
    }

    /// The step of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Request, Self::Poll, Self::Accept, Self::Reject].into_iter().find(|step| step.name() == name)
    }
}
