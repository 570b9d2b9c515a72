//! The states of a case and the one table of its moves.

use std::fmt;

/// What a case asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// A first certificate.
    Issue,
    /// A further certificate for the same key (RFC 7030 section 4.2.2).
    Renew,
    /// A further certificate for a new key.
    Rekey,
    /// The end of a certificate.
    Revoke,
}

/// Where a case stands. The order of the first eleven is the way of a case that ends well.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// Arrived; nothing about it is proven.
    Received,
    /// The requester is known.
    Authenticated,
    /// The rules ran; an officer must decide.
    Checked,
    /// Somebody who may approve it has.
    Approved,
    /// Key and proof of possession are there, and the rules ran again on them.
    Ready,
    /// The signed request to the CA is recorded and may be on its way.
    Submitted,
    /// The CA answered that it needs time.
    Waiting,
    /// The certificate is here and recorded.
    Issued,
    /// The requester confirmed it, or needed not to.
    Confirmed,
    /// The certificate or token was given out.
    HandedOver,
    /// Its papers are complete and closed.
    Archived,
    /// Sent back to the applicant with reasons.
    Returned,
    /// A rule or an officer said no.
    Refused,
    /// The applicant took it back.
    Withdrawn,
    /// Nobody came back in time.
    Lapsed,
    /// The end entity rejected the certificate.
    Rejected,
    /// Nobody can tell whether the CA acted: an officer must look.
    Undecided,
    /// The CA's answer is not what was approved.
    Withheld,
    /// The CA refused it, or it could not be carried out.
    Failed,
    /// The CA says that the certificate is revoked.
    Revoked,
    /// Our own fetch of the CRL shows the serial number.
    Published,
}

/// What happens to a case.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Event {
    /// The requester was identified.
    Authenticate,
    /// The rules passed it on to an officer.
    Check,
    /// A rule set or an officer approved it.
    Approve,
    /// A rule or an officer refused it.
    Refuse,
    /// An officer sent it back to the applicant.
    Return,
    /// The applicant took it back.
    Withdraw,
    /// Its time ran out.
    Lapse,
    /// Key and proof are there.
    Prepare,
    /// The signed request to the CA was recorded.
    Submit,
    /// The CA needs time.
    Wait,
    /// The CA issued what was approved.
    Issue,
    /// The CA issued something else.
    Withhold,
    /// The CA refused.
    Fail,
    /// It cannot be told what the CA did.
    Doubt,
    /// The requester accepted the certificate.
    Confirm,
    /// The requester rejected the certificate, by word or by silence.
    Reject,
    /// It was given out.
    HandOver,
    /// Its papers were closed.
    Archive,
    /// The CA revoked the certificate.
    Revoke,
    /// The CRL shows it.
    Publish,
}

/// A move that the table does not name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a case that is {state} cannot {event:?}")]
pub struct BadMove {
    /// Where the case stands.
    pub state: State,
    /// What was to happen.
    pub event: Event,
}

impl State {
    /// All of them, in the order of the way.
    pub const ALL: [Self; 21] = [
        Self::Received,
        Self::Authenticated,
        Self::Checked,
        Self::Approved,
        Self::Ready,
        Self::Submitted,
        Self::Waiting,
        Self::Issued,
        Self::Confirmed,
        Self::HandedOver,
        Self::Archived,
        Self::Returned,
        Self::Refused,
        Self::Withdrawn,
        Self::Lapsed,
        Self::Rejected,
        Self::Undecided,
        Self::Withheld,
        Self::Failed,
        Self::Revoked,
        Self::Published,
    ];

    /// The state after an event.
    pub fn after(self, event: Event) -> Result<Self, BadMove> {
        Ok(match (self, event) {
            (Self::Received, Event::Authenticate) => Self::Authenticated,
            (Self::Received | Self::Authenticated, Event::Check) => Self::Checked,
            (Self::Received | Self::Authenticated | Self::Checked, Event::Approve) => Self::Approved,
            (Self::Received | Self::Authenticated | Self::Checked | Self::Approved, Event::Refuse) => Self::Refused,
            (Self::Authenticated | Self::Checked, Event::Return) => Self::Returned,
            (
                Self::Received | Self::Authenticated | Self::Checked | Self::Approved | Self::Returned,
                Event::Withdraw,
            ) => Self::Withdrawn,
            (
                Self::Received
                | Self::Authenticated
                | Self::Checked
                | Self::Approved
                | Self::Ready
                | Self::Returned
                | Self::Waiting,
                Event::Lapse,
            ) => Self::Lapsed,
            (Self::Approved, Event::Prepare) => Self::Ready,
            // A revocation has neither key nor proof of its own, so it needs not be made ready.
            (Self::Ready | Self::Approved, Event::Submit) => Self::Submitted,
            (Self::Submitted | Self::Waiting, Event::Wait) => Self::Waiting,
            (Self::Submitted | Self::Waiting | Self::Undecided, Event::Issue) => Self::Issued,
            (Self::Submitted | Self::Waiting | Self::Undecided | Self::Issued, Event::Withhold) => Self::Withheld,
            (Self::Approved | Self::Ready | Self::Submitted | Self::Waiting | Self::Undecided, Event::Fail) => {
                Self::Failed
            }
            (Self::Submitted | Self::Waiting | Self::Issued, Event::Doubt) => Self::Undecided,
            (Self::Issued, Event::Confirm) => Self::Confirmed,
            (Self::Issued | Self::Confirmed, Event::Reject) => Self::Rejected,
            (Self::Confirmed, Event::HandOver) => Self::HandedOver,
            (Self::Submitted | Self::Waiting | Self::Undecided, Event::Revoke) => Self::Revoked,
            (Self::Revoked, Event::Publish) => Self::Published,
            (
                Self::Confirmed
                | Self::HandedOver
                | Self::Refused
                | Self::Withdrawn
                | Self::Lapsed
                | Self::Rejected
                | Self::Withheld
                | Self::Failed
                | Self::Published,
                Event::Archive,
            ) => Self::Archived,
            (state, event) => return Err(BadMove { state, event }),
        })
    }

    /// Whether a repeated request joins a case in this state (DESIGN rule 2: any state without an end).
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Received
                | Self::Authenticated
                | Self::Checked
                | Self::Approved
                | Self::Ready
                | Self::Submitted
                | Self::Waiting
                | Self::Undecided
        )
    }

    /// The name in the store, in logs and on screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Authenticated => "authenticated",
            Self::Checked => "checked",
            Self::Approved => "approved",
            Self::Ready => "ready",
            Self::Submitted => "submitted",
            Self::Waiting => "waiting",
            Self::Issued => "issued",
            Self::Confirmed => "confirmed",
            Self::HandedOver => "handed_over",
            Self::Archived => "archived",
            Self::Returned => "returned",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
            Self::Rejected => "rejected",
            Self::Undecided => "undecided",
            Self::Withheld => "withheld",
            Self::Failed => "failed",
            Self::Revoked => "revoked",
            Self::Published => "published",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl Kind {
    /// The name in the store, in logs and on screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Renew => "renew",
            Self::Rekey => "rekey",
            Self::Revoke => "revoke",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Issue, Self::Renew, Self::Rekey, Self::Revoke].into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devices_case_goes_from_arrival_to_submission() {
        let mut state = State::Received;
        for event in [Event::Approve, Event::Prepare, Event::Submit, Event::Issue, Event::Confirm] {
            state = state.after(event).unwrap();
        }
        assert_eq!(state, State::Confirmed);
    }

    #[test]
    fn a_refused_case_is_never_submitted() {
        let refused = State::Received.after(Event::Refuse).unwrap();
        assert!(refused.after(Event::Submit).is_err());
        assert!(refused.after(Event::Approve).is_err());
    }

    #[test]
    fn an_issued_certificate_is_not_issued_again() {
        assert!(State::Issued.after(Event::Issue).is_err());
        assert!(State::Confirmed.after(Event::Submit).is_err());
    }

    #[test]
    fn every_state_reads_back_from_its_name() {
        for state in State::ALL {
            assert_eq!(State::named(state.name()), Some(state));
        }
    }
}
