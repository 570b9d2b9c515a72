//! One submission on its way: send the recorded bytes, read the answer, record what follows, until nothing more is to be sent.
//!
//! Every message is recorded before it is sent and every answer before anybody acts on it, so a voyage can be taken up by
//! any worker at any point ([`super::worker`]).

use std::sync::Arc;

use certs::{AltName, Name, PublicKey};

use super::asked::Asked;
use super::facts::usages;
use super::recording::sha256;
use super::relay::relayed;
use super::request::Reply;
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{
    CaseId, CertificateId, CodeId, Door, Event, Exchange, ExchangeState, Kind, Millis, Outcome, Reason, ReasonCode,
    State, SubmissionId, SubmissionState, SubmissionStep,
};
use crate::failpoint::failpoint;
use crate::rules::Profile;
use crate::store::{Leg, NewSubmission, Row, Unit};
use crate::upstream::{
    Answer, AnswerFault, Authority, Conversation, Expected, ExpectedKey, Order, Received, SendFault,
};

/// Whom a voyage is for.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) case: CaseId,
    pub(super) kind: Kind,
    pub(super) door: Door,
    pub(super) profile: String,
    /// What the certificate must be; none in a revocation.
    pub(super) expected: Option<Expected>,
    /// What else the request wished for.
    pub(super) asked: Asked,
    /// The certificate replaced or revoked.
    pub(super) about: Option<CertificateId>,
    pub(super) code: Option<CodeId>,
}

/// A submission with its recorded messages.
#[derive(Debug)]
pub(super) struct Voyage {
    pub(super) submission: SubmissionId,
    pub(super) state: SubmissionState,
    pub(super) step: SubmissionStep,
    /// The step that its record has: another worker may have carried it on meanwhile.
    pub(super) recorded_step: SubmissionStep,
    pub(super) party: Party,
    pub(super) authority: Arc<dyn Authority>,
    pub(super) request: Vec<u8>,
    pub(super) sent: Vec<u8>,
    pub(super) transaction: Vec<u8>,
    /// Where the case stands.
    pub(super) case_state: State,
    /// The last state that the metrics have seen.
    pub(super) counted: State,
    pub(super) attempts: u32,
    pub(super) exchange: Option<Exchange>,
}

/// How to go on.
pub(super) enum Next {
    /// Send what is recorded now.
    Leg,
    /// The outbox has it, or it is done.
    Ashore,
}

/// What a certificate must be to be the one that was approved; none where none is asked for.
pub(super) fn expected(
    profile: &Profile,
    kind: Kind,
    key: Option<&[u8]>,
    subject: Option<&[u8]>,
    alt_names: Option<&[u8]>,
) -> Result<Option<Expected>, Refusal> {
    if kind == Kind::Revoke {
        return Ok(None);
    }
    let rules = &profile.key;
    Ok(Some(Expected {
        key: match key {
            Some(key) => ExpectedKey::This(Box::new(PublicKey::parse(key).map_err(Refusal::store)?)),
            None => ExpectedKey::MadeByAuthority {
                kinds: rules.kinds.clone(),
                rsa_bits: rules.rsa_min_bits..=rules.rsa_max_bits,
            },
        },
        subject: subject.map_or_else(|| Ok(Name::empty()), Name::parse).map_err(Refusal::store)?,
        alt_names: alt_names.map_or_else(|| Ok(Vec::new()), AltName::parse_all).map_err(Refusal::store)?,
        key_usage: usages(&profile.key_usage),
        purposes: profile.extended_key_usage.clone(),
        other_extensions: profile.other_extensions.clone(),
        lint_allow: profile.lint_allow.clone(),
        validity_days: profile.validity_days,
    }))
}

/// Two workers had the same submission, since the clocks of their nodes differ by more than a lease: the bytes that they sent are
/// the same, and what the other recorded counts.
pub(super) fn left_to_another(voyage: &Voyage) {
    tracing::warn!(case = %voyage.case(), "another worker carried a submission on meanwhile; do the nodes' clocks differ?");
}

impl Voyage {
    /// A voyage whose first message is about to be recorded.
    pub(super) fn begin(
        submission: &NewSubmission,
        party: Party,
        authority: Arc<dyn Authority>,
        message: Vec<u8>,
        exchange: Option<Exchange>,
    ) -> Self {
        Self {
            submission: submission.id,
            state: SubmissionState::Due,
            step: SubmissionStep::Request,
            recorded_step: SubmissionStep::Request,
            party,
            authority,
            request: message.clone(),
            sent: message,
            transaction: submission.transaction.clone(),
            case_state: State::Submitted,
            counted: State::Submitted,
            attempts: 0,
            exchange,
        }
    }

    pub(super) const fn case(&self) -> CaseId {
        self.party.case
    }

    pub(super) fn sent(&self) -> &[u8] {
        &self.sent
    }

    /// Whether the requester will say what it thinks of the certificate (RFC 9483 section 4.1.1).
    pub(super) fn requester_confirms(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| !exchange.implicit)
    }

    /// Whether the requester's own certConf is what is being carried.
    pub(super) fn carries_confirmation(&self) -> bool {
        self.requester_confirms()
            && self.exchange.as_ref().is_some_and(|exchange| exchange.state == ExchangeState::Confirming)
    }

    /// Whether the transaction with the CA is the requester's own (RFC 9483 section 5.2).
    pub(super) fn is_relayed(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| {
            exchange.family.is_relayed() && exchange.transaction.as_deref() == Some(self.transaction.as_slice())
        })
    }

    /// What the requester is told: the CA's own words where they are relayed.
    pub(super) fn told(&self, answer: &[u8], outcome: Outcome) -> Outcome {
        match &self.exchange {
            Some(exchange) if self.is_relayed() => relayed(exchange, answer, &outcome),
            _ => outcome,
        }
    }

    /// What an answer means for a message that is not ours to make anew: only its requester can give it another time or another
    /// transactionID, so that the CA's refusal is the last word on it (RFC 9483 section 3.5). A transactionID that is in use after
    /// the message was sent before may be in use by that message.
    fn final_word(&self, answer: Answer) -> Answer {
        let first = self.attempts <= 1 && self.step == SubmissionStep::Request;
        match answer {
            Answer::NotNow { text, bad_time: true } if self.is_relayed() => {
                Answer::Rejected { text, revoked_before: false }
            }
            Answer::InUse { text } if self.is_relayed() && first => Answer::Rejected { text, revoked_before: false },
            other => other,
        }
    }

    /// Whether what is asked for is the end of a certificate, not its beginning.
    fn revokes(&self) -> bool {
        self.party.kind == Kind::Revoke || matches!(self.case_state, State::Withheld | State::Rejected)
    }
}

impl Registrar {
    /// Brings a voyage ashore: to an outcome, or back into the outbox.
    pub(super) async fn drive(&self, mut voyage: Voyage) {
        let carried = self.flights.carry(voyage.submission);
        loop {
            let stood = (voyage.submission, voyage.state, voyage.recorded_step);
            match self.leg(&mut voyage).await {
                Ok(Next::Leg) => {}
                Ok(Next::Ashore) => break,
                Err(fault) => {
                    if self.stands(stood).await {
                        // Nothing was committed: the lease ends and a worker takes the submission up from its records.
                        tracing::error!(case = %voyage.case(), %fault, cause = ?fault, "a submission could not be carried on");
                    } else {
                        left_to_another(&voyage);
                    }
                    self.flights.land(voyage.case(), self.waiting(), None);
                    break;
                }
            }
        }
        drop(carried);
        self.metrics.in_flight(self.flights.len());
    }

    /// Whether a submission stands in its record as a voyage left it. When that cannot be read it is taken for so.
    async fn stands(&self, (submission, state, step): (SubmissionId, SubmissionState, SubmissionStep)) -> bool {
        let row = self.store.submission_by_id(submission).await;
        !matches!(row, Ok(Some(row)) if (row.state, row.step) != (state, step))
    }

    pub(super) fn waiting(&self) -> Outcome {
        Outcome::Waiting { check_after: self.check_after() }
    }

    async fn leg(&self, voyage: &mut Voyage) -> Result<Next, Refusal> {
        if let Err(until) = self.queue.may_call(voyage.authority.name(), self.now()) {
            return self.hold_back(voyage, until).await;
        }
        voyage.attempts += 1;
        failpoint("before-send");
        let received = match voyage.authority.send(&voyage.sent).await {
            Ok(received) => {
                failpoint("after-send");
                if self.queue.answered(voyage.authority.name()) {
                    tracing::info!(authority = voyage.authority.name(), "the CA answers again");
                }
                received
            }
            Err(SendFault::Carried) => return self.leave_for_carrier(voyage).await,
            Err(fault) => {
                if fault.is_silence() && self.queue.unanswered(voyage.authority.name(), self.now()) {
                    tracing::warn!(
                        authority = voyage.authority.name(),
                        "the CA is left alone for a while: it gives no answers"
                    );
                }
                let next = self.put_back_for(voyage, &fault.to_string(), fault.retry_after()).await?;
                if matches!(fault, SendFault::Unanswered | SendFault::BatchAnswer(_)) {
                    self.flights.leave_unanswered(voyage.case());
                }
                return Ok(next);
            }
        };
        match self.read(voyage, &received) {
            Ok(answer) => self.heard(voyage, received.octets, answer).await,
            Err(fault) => self.disbelieve(voyage, &received.octets, &fault.to_string()).await,
        }
    }

    /// What an answer says to the newest message.
    pub(super) fn read(&self, voyage: &Voyage, received: &Received) -> Result<Answer, AnswerFault> {
        let conversation = Conversation { request: &voyage.request, sent: &voyage.sent };
        voyage.authority.read(conversation, received, self.now())
    }

    /// Records what follows from an answer to the newest message.
    pub(super) async fn heard(&self, voyage: &mut Voyage, octets: Vec<u8>, answer: Answer) -> Result<Next, Refusal> {
        match (voyage.final_word(answer), voyage.step, voyage.revokes()) {
            (Answer::NotNow { text, .. }, ..) => self.put_back(voyage, &text).await,
            (Answer::InUse { text }, ..) => self.in_use(voyage, &octets, &text).await,
            (Answer::Waiting { check_after }, ..) => self.wait_longer(voyage, &octets, check_after).await,
            (
                Answer::Issued { certificate, confirm, confirm_by, private_key },
                SubmissionStep::Request | SubmissionStep::Poll,
                false,
            ) => self.issued(voyage, &octets, (&certificate, private_key), confirm, confirm_by).await,
            (Answer::Confirmed, SubmissionStep::Accept, _) => self.accepted(voyage, &octets).await,
            (Answer::Confirmed, SubmissionStep::Reject, _) => self.rejected(voyage, &octets).await,
            // A confirmation that was waited for: its case says what was confirmed.
            (Answer::Confirmed, SubmissionStep::Poll, _)
                if matches!(voyage.case_state, State::Rejected | State::Withheld) =>
            {
                self.rejected(voyage, &octets).await
            }
            (Answer::Confirmed, SubmissionStep::Poll, false) if voyage.case_state == State::Issued => {
                self.accepted(voyage, &octets).await
            }
            (Answer::Rejected { text, .. }, SubmissionStep::Accept | SubmissionStep::Reject, _) => {
                self.not_confirmed(voyage, &octets, &text).await
            }
            (Answer::Rejected { text, .. }, SubmissionStep::Poll, false) if voyage.case_state == State::Issued => {
                self.not_confirmed(voyage, &octets, &text).await
            }
            (Answer::Revoked, _, true) => self.revoked(voyage, &octets, None).await,
            (Answer::Rejected { text, revoked_before: true }, _, true) => {
                let reason = Reason { code: ReasonCode::AlreadyRevoked, text };
                self.revoked(voyage, &octets, Some(reason)).await
            }
            (Answer::Rejected { text, .. }, ..) => {
                self.failed(voyage, &octets, Reason { code: ReasonCode::Authority, text }).await
            }
            (other, ..) => {
                self.disbelieve(voyage, &octets, &format!("it does not answer what was asked: {other:?}")).await
            }
        }
    }

    /// The CA needs time: the pollReq is recorded, and sent when its time has come.
    pub(super) async fn wait_longer(
        &self,
        voyage: &mut Voyage,
        octets: &[u8],
        check_after: u32,
    ) -> Result<Next, Refusal> {
        if voyage.is_relayed() {
            return self.let_poll(voyage, octets).await;
        }
        let order = Order::Poll { sent: &voyage.sent, answer: octets };
        let message = voyage.authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
        let mut unit = self.answered(voyage, octets);
        if voyage.case_state == State::Submitted {
            unit = self.moved(unit, voyage, Event::Wait);
        }
        unit.push(self.message(
            Leg::Submission,
            None,
            Some(voyage.submission),
            Some(voyage.transaction.clone()),
            &message,
        ));
        let wait = i64::from(check_after.max(1)) * 1000;
        unit.push(Row::MoveSubmission {
            submission: voyage.submission,
            from: voyage.state,
            from_step: voyage.recorded_step,
            to: SubmissionState::Polling,
            step: SubmissionStep::Poll,
            next_attempt: Some(self.now().plus(wait)),
            lease_until: None,
            deadline: None,
        });
        self.store.commit(unit).await.map_err(Refusal::store)?;
        Ok(Next::Ashore)
    }

    /// Its CA is left alone now: it stays in the outbox, and its requester is told to come back.
    async fn hold_back(&self, voyage: &mut Voyage, until: Millis) -> Result<Next, Refusal> {
        self.keep_in_outbox(voyage, Some(until.plus(self.back_off(0)))).await?;
        self.flights.land(voyage.case(), self.waiting(), None);
        Ok(Next::Ashore)
    }

    /// Nobody carries it now: it is taken up again at this time, or when somebody brings its answer.
    pub(super) async fn keep_in_outbox(&self, voyage: &Voyage, until: Option<Millis>) -> Result<(), Refusal> {
        let row = Row::MoveSubmission {
            submission: voyage.submission,
            from: voyage.state,
            from_step: voyage.recorded_step,
            to: voyage.state,
            step: voyage.step,
            next_attempt: until,
            lease_until: None,
            deadline: None,
        };
        self.store.commit(Unit::new().with(row)).await.map_err(Refusal::store)
    }

    /// Back into the outbox: the same bytes go out again later.
    pub(super) async fn put_back(&self, voyage: &mut Voyage, cause: &str) -> Result<Next, Refusal> {
        self.put_back_for(voyage, cause, None).await
    }

    /// The same, for as many seconds at least as the CA said.
    async fn put_back_for(&self, voyage: &mut Voyage, cause: &str, least: Option<u32>) -> Result<Next, Refusal> {
        let least = i64::from(least.unwrap_or(0)).saturating_mul(1000).min(LONGEST_PAUSE);
        self.metrics.authority_fault();
        tracing::warn!(case = %voyage.case(), authority = voyage.authority.name(), attempts = voyage.attempts, cause, "the CA gave no answer");
        self.keep_in_outbox(voyage, Some(self.now().plus(self.back_off(voyage.attempts).max(least)))).await?;
        Ok(Next::Ashore)
    }

    /// The CA knows the transaction, which only we can have begun: it works on the same bytes still, as another connection or node
    /// brought them, and answers a later repeat. One that never does leaves its decision to an officer.
    async fn in_use(&self, voyage: &mut Voyage, octets: &[u8], text: &str) -> Result<Next, Refusal> {
        if voyage.attempts >= self.settings.answer_tries {
            return self.doubt(voyage, octets, text).await;
        }
        self.put_back(voyage, text).await
    }

    /// An answer that cannot be believed is no answer, but after some tries an officer must look.
    async fn disbelieve(&self, voyage: &mut Voyage, octets: &[u8], fault: &str) -> Result<Next, Refusal> {
        tracing::error!(case = %voyage.case(), authority = voyage.authority.name(), fault, "the CA's answer is not believed");
        if voyage.attempts >= self.settings.answer_tries && voyage.case_state.after(Event::Doubt).is_ok() {
            return self.doubt(voyage, octets, fault).await;
        }
        let leaf = self
            .leaf(LeafKind::AnswerDisbelieved, &format!("authority:{}", voyage.authority.name()))
            .case(voyage.case())
            .hash("answer", sha256(octets))
            .personal("fault", fault, self.random.as_ref());
        self.note(leaf).await?;
        self.put_back(voyage, fault).await
    }

    /// Commits what follows from an answer together with the requester's own answer, and tells those who wait.
    pub(super) async fn land(
        &self,
        voyage: &mut Voyage,
        mut unit: Unit,
        outcome: Outcome,
        reply: Option<Arc<dyn Reply>>,
    ) -> Result<Next, Refusal> {
        let mut recorded = None;
        if let (Some(reply), Some(exchange)) = (reply, &voyage.exchange) {
            match reply.reply(&outcome).await {
                Ok(finished) => {
                    unit = self.answer_rows(unit, exchange, &outcome, &finished);
                    recorded = Some(finished.octets);
                }
                // The outcome is kept; the waiting door makes the answer, or says that it cannot.
                Err(fault) => tracing::warn!(case = %voyage.case(), fault, "the answer could not be made"),
            }
        }
        self.store.commit(unit).await.map_err(Refusal::store)?;
        if voyage.counted != voyage.case_state {
            voyage.counted = voyage.case_state;
            self.metrics.reached(voyage.case_state);
            tracing::debug!(case = %voyage.case(), door = %voyage.party.door, state = %voyage.case_state, "case moved");
        }
        self.flights.land(voyage.case(), outcome, recorded);
        Ok(Next::Ashore)
    }

    pub(super) fn claim(&self, voyage: &Voyage) -> Option<Arc<dyn Reply>> {
        self.flights.find(voyage.case())?.claim_reply()
    }

    pub(super) fn give_back(&self, voyage: &Voyage, reply: Option<Arc<dyn Reply>>) {
        if let (Some(flight), Some(reply)) = (self.flights.find(voyage.case()), reply) {
            flight.give_back(reply);
        }
    }

    pub(super) fn answered(&self, voyage: &Voyage, octets: &[u8]) -> Unit {
        let transaction = Some(voyage.transaction.clone());
        Unit::new().with(self.message(Leg::Answer, None, Some(voyage.submission), transaction, octets))
    }

    /// Moves the case by the table; the voyage knows the table lets it.
    pub(super) fn moved(&self, unit: Unit, voyage: &mut Voyage, event: Event) -> Unit {
        let from = voyage.case_state;
        if let Ok(state) = from.after(event) {
            voyage.case_state = state;
        }
        unit.with(Row::MoveCase { case: voyage.case(), from, event, at: self.now() })
    }

    pub(super) fn next_message(&self, unit: Unit, voyage: &mut Voyage, message: Vec<u8>, step: SubmissionStep) -> Unit {
        let transaction = Some(voyage.transaction.clone());
        let unit = unit.with(self.message(Leg::Submission, None, Some(voyage.submission), transaction, &message));
        voyage.step = step;
        // What is polled for is the answer to the newest message that was no pollReq.
        if step != SubmissionStep::Poll {
            voyage.request.clone_from(&message);
        }
        voyage.sent = message;
        voyage.attempts = 0;
        self.submission_row(unit, voyage, SubmissionState::Due, Some(self.lease_end()), None)
    }

    pub(super) fn submission_row(
        &self,
        unit: Unit,
        voyage: &mut Voyage,
        to: SubmissionState,
        lease_until: Option<Millis>,
        deadline: Option<Millis>,
    ) -> Unit {
        let from = std::mem::replace(&mut voyage.state, to);
        let from_step = std::mem::replace(&mut voyage.recorded_step, voyage.step);
        unit.with(Row::MoveSubmission {
            submission: voyage.submission,
            from,
            from_step,
            to,
            step: voyage.step,
            next_attempt: lease_until.map(|_| self.now()),
            lease_until,
            deadline,
        })
    }

    /// Twice as long each time, up to a minute, and up to half as much again, so that not all come at once.
    fn back_off(&self, attempts: u32) -> i64 {
        let mut jitter = [0];
        self.random.fill(&mut jitter);
        let base = (500_i64 << attempts.min(7)).min(60_000);
        base + base * i64::from(jitter[0]) / 512
    }
}

/// As long as the outbox takes a pause for one, in milliseconds; what lies farther ahead it takes for the mistake of a clock.
const LONGEST_PAUSE: i64 = 150_000;
