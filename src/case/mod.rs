//! The office's unit of work and the records around it: case, exchange, submission, with their legal moves.

mod exchange;
mod form;
mod id;
mod outcome;
mod requester;
mod state;
mod submission;
mod time;

pub use exchange::{Exchange, ExchangeState, Family};
pub use form::RequestForm;
pub use id::{CaseId, CertificateId, CodeId, ExchangeId, LeafId, MessageId, OfficerId, SubmissionId};
pub use outcome::{Information, Issued, Outcome, Reason, ReasonCode, Relayed, RootUpdate};
pub use requester::{CredentialId, Door, Requester};
pub use state::{BadMove, Event, Kind, State};
pub use submission::{SubmissionState, SubmissionStep};
pub use time::{Clock, Random};

pub use certs::Millis;
