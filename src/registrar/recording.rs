//! What is written down of a request and its answers: the rows of one commit each.

use super::asked::Asked;
use super::identify::Identified;
use super::request::{Finished, Incoming};
use super::voyage::Voyage;
use super::{Refusal, Registrar};
use crate::audit::Leaf;
use crate::case::{
    CaseId, Exchange, ExchangeId, ExchangeState, Family, MessageId, Millis, Outcome, State, SubmissionId,
};
use crate::store::{
    CommitError, Conflict, Leg, NewCase, NewDecision, NewMessage, NewSubmission, Row, Unit, exchange_key,
};
use crate::upstream::Fresh;

/// A case about to be opened.
pub(super) struct Opening {
    pub(super) case: NewCase,
    pub(super) exchange: Exchange,
    pub(super) decision: NewDecision,
    pub(super) leaf: Leaf,
    pub(super) message: Incoming,
    pub(super) code: Option<crate::case::CodeId>,
    pub(super) profile: Option<crate::rules::Profile>,
    pub(super) asked: Asked,
    /// The PKCS#10 for the CA where it is not the requester's: its key was made here.
    pub(super) ordered: Option<Vec<u8>>,
}

pub(super) enum Committed {
    Opened,
    Joins(CaseId),
}

impl Registrar {
    /// Adds the rows of a recorded answer: the message, and where the exchange goes.
    pub(super) fn answer_rows(
        &self,
        mut unit: Unit,
        exchange: &Exchange,
        outcome: &Outcome,
        finished: &Finished,
    ) -> Unit {
        let (to, deadline) = match outcome {
            Outcome::Relayed(relayed)
                if relayed.then == ExchangeState::Polling && exchange.state == ExchangeState::Confirming =>
            {
                (ExchangeState::Confirming, None)
            }
            Outcome::Relayed(relayed) if relayed.then == ExchangeState::Polling => {
                (ExchangeState::Polling, Some(self.come_back_by()))
            }
            Outcome::Relayed(relayed) => (relayed.then, relayed.confirm_by),
            // A certConf that takes long stays one: its pollReq is answered with what became of the confirmation.
            Outcome::Waiting { .. } if exchange.state == ExchangeState::Confirming => (ExchangeState::Confirming, None),
            Outcome::Waiting { .. } if exchange.awaits_delivery() => {
                (ExchangeState::Polling, Some(self.key_deadline()))
            }
            Outcome::Waiting { .. } => (ExchangeState::Polling, Some(self.come_back_by())),
            Outcome::Issued(issued) if issued.confirm_by.is_some() => (ExchangeState::Confirming, issued.confirm_by),
            Outcome::Issued(_) | Outcome::Confirmed | Outcome::Revoked | Outcome::Refused(_) | Outcome::Informed(_) => {
                (ExchangeState::Ended, None)
            }
        };
        unit.push(self.message(Leg::Reply, Some(exchange.id), None, exchange.transaction.clone(), &finished.octets));
        unit.with(Row::MoveExchange {
            exchange: exchange.id,
            from: exchange.state,
            to,
            our_nonce: finished.nonce.clone(),
            deadline,
        })
    }

    /// A new exchange for a message.
    pub(super) fn exchange(
        &self,
        who: &Identified,
        message: &Incoming,
        case: Option<CaseId>,
        family: Family,
        implicit: bool,
    ) -> Exchange {
        let id = ExchangeId::new(self.now(), self.random.as_ref());
        let transaction = message.transaction.as_ref();
        let key = match (transaction, &message.once) {
            (Some(transaction), _) => exchange_key(&who.requester.credential, &transaction.id),
            (None, Some(signed)) => exchange_key(&who.requester.credential, signed),
            // EST finds the case, never the exchange: any unused key will do.
            (None, None) => exchange_key(&who.requester.credential, id.as_bytes()),
        };
        Exchange {
            id,
            door: who.source.door,
            key,
            credential: who.requester.credential.clone(),
            family,
            state: ExchangeState::Open,
            case,
            transaction: transaction.map(|transaction| transaction.id.clone()),
            our_nonce: None,
            body: transaction.map(|transaction| transaction.body),
            implicit,
            // Whoever goes away before there is an answer is one that does not come back.
            deadline: Some(self.come_back_by()),
            created_at: self.now(),
        }
    }

    /// When a requester that was told to come back, or was told nothing, is taken for one that will not.
    pub(super) fn come_back_by(&self) -> Millis {
        self.now().plus(self.settings.come_back_time)
    }

    /// A new submission: in a transaction of our own, or in the one of an exchange that is relayed.
    pub(super) fn submission(
        &self,
        case: CaseId,
        authority: &str,
        fresh: Fresh,
        exchange: Option<&Exchange>,
    ) -> NewSubmission {
        let now = self.now();
        let relayed = exchange.filter(|exchange| exchange.family.is_relayed());
        let transaction = relayed.and_then(|exchange| exchange.transaction.clone());
        NewSubmission {
            id: SubmissionId::new(self.now(), self.random.as_ref()),
            case,
            authority: authority.to_owned(),
            transaction: transaction.unwrap_or_else(|| fresh.transaction.to_vec()),
            implicit: exchange.is_some_and(|exchange| exchange.implicit),
            owner: self.settings.node.clone(),
            lease_until: self.lease_end(),
            next_attempt: now,
            created_at: now,
        }
    }

    pub(super) fn submission_rows(&self, unit: Unit, submission: NewSubmission, voyage: &Voyage) -> Unit {
        let (id, transaction) = (submission.id, submission.transaction.clone());
        unit.with(Row::OpenSubmission(Box::new(submission))).with(self.message(
            Leg::Submission,
            None,
            Some(id),
            Some(transaction),
            voyage.sent(),
        ))
    }

    pub(super) fn message(
        &self,
        leg: Leg,
        exchange: Option<ExchangeId>,
        submission: Option<SubmissionId>,
        transaction: Option<Vec<u8>>,
        octets: &[u8],
    ) -> Row {
        Row::Record(Box::new(NewMessage {
            id: MessageId::new(self.now(), self.random.as_ref()),
            leg,
            exchange,
            submission,
            answers: None,
            transaction,
            hash: sha256(octets),
            octets: octets.to_vec(),
            at: self.now(),
        }))
    }

    /// A requester's message in its exchange.
    pub(super) fn request_message(&self, exchange: &Exchange, message: &Incoming) -> Row {
        Row::Record(Box::new(NewMessage {
            id: MessageId::new(self.now(), self.random.as_ref()),
            leg: Leg::Request,
            exchange: Some(exchange.id),
            submission: None,
            answers: None,
            transaction: exchange.transaction.clone(),
            hash: message.hash,
            octets: message.octets.clone(),
            at: self.now(),
        }))
    }

    /// When a worker that has a submission is taken for dead.
    pub(super) fn lease_end(&self) -> Millis {
        self.now().plus(LEASE)
    }

    pub(super) fn opening_rows(&self, opening: Opening, state: State) -> Unit {
        let Opening { mut case, exchange, decision, leaf, message, code, .. } = opening;
        let (id, at) = (case.id, case.created_at);
        case.state = state;
        let request = self.request_message(&exchange, &message);
        let mut unit = Unit::new().with(Row::OpenCase(Box::new(case)));
        if let Some(code) = code {
            unit.push(Row::UseCode { code, case: id, at });
        }
        unit.with(Row::OpenExchange(Box::new(exchange)))
            .with(request)
            .with(Row::Decide(Box::new(decision)))
            .with(Row::Leaf(leaf))
    }

    pub(super) async fn commit_opening(&self, unit: Unit, state: State) -> Result<Committed, Refusal> {
        match self.store.commit(unit).await {
            Ok(()) => {
                self.metrics.reached(state);
                Ok(Committed::Opened)
            }
            Err(CommitError::Conflict(Conflict::OpenCase { case })) => Ok(Committed::Joins(case)),
            Err(CommitError::Conflict(Conflict::ExchangeKey { .. })) => Err(Refusal::TransactionInUse),
            Err(CommitError::Conflict(Conflict::Code(fault))) => {
                tracing::warn!(%fault, "an enrolment code opened no case");
                Err(Refusal::NotIdentified)
            }
            Err(fault) => Err(Refusal::store(fault)),
        }
    }
}

pub(super) fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets).as_ref());
    hash
}

/// How long a worker has a submission for itself, in milliseconds: the time of the longest call to a CA and its commits, with a
/// margin.
pub const LEASE: i64 = 90_000;
