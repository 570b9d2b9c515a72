//! Exchanges that are relayed (RFC 9483 section 5.2): transaction and nonces are the requester's all the way to the CA. We judge
//! and record each message like any other, but only the requester polls and confirms, and the CA's words go down as they came.

use std::sync::Arc;

use super::request::{Answered, Incoming, Reply};
use super::voyage::{Next, Voyage};
use super::{Refusal, Registrar};
use crate::case::{Event, Exchange, ExchangeState, Family, Outcome, Relayed, State, SubmissionState, SubmissionStep};
use crate::store::{CaseRow, Row, SubmissionRow, Unit};
use crate::upstream::{Order, Vouching};

impl Registrar {
    /// The CA needs time: its words go down, and the requester's own pollReq will come up (RFC 9483 section 4.4).
    pub(super) async fn let_poll(&self, voyage: &mut Voyage, octets: &[u8]) -> Result<Next, Refusal> {
        let mut unit = self.answered(voyage, octets);
        if voyage.case_state == State::Submitted {
            unit = self.moved(unit, voyage, Event::Wait);
        }
        let reply = self.claim(voyage);
        // Whoever asked went away: the CA's words wait for its repeat, which hands them down first.
        voyage.step = if reply.is_some() { SubmissionStep::Poll } else { SubmissionStep::Request };
        // No worker looks at it: `next_attempt` stays empty.
        let unit = self.submission_row(unit, voyage, SubmissionState::Polling, None, None);
        let outcome = voyage.told(octets, self.waiting());
        self.land(voyage, unit, outcome, reply).await
    }

    /// A pollReq of a relayed exchange: handed on when the CA is the one that asked for patience; else we did (RFC 9483
    /// section 5.1.5), and answer.
    pub(super) async fn relay_poll(
        &self,
        exchange: Exchange,
        case: &CaseRow,
        message: &Incoming,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let unit = Unit::new().with(self.request_message(&exchange, message));
        let submission = self.relayed_submission(&exchange, case).await?.filter(is_between_them);
        let Some(submission) = submission else {
            self.store.commit(unit).await.map_err(Refusal::store)?;
            return self.say(exchange, case, &reply).await;
        };
        let mut voyage = self.voyage_of(submission).await?;
        voyage.exchange = Some(exchange.clone());
        let order = relay_order(&exchange, &message.octets);
        let octets = voyage.authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
        let unit = self.next_message(unit, &mut voyage, octets, SubmissionStep::Poll);
        let flight = self.flights.take_off(case.id, Some(Arc::clone(&reply)));
        if let Err(fault) = self.store.commit(unit).await {
            self.flights.forget(case.id, &flight);
            return Err(Refusal::store(fault));
        }
        self.set_out(voyage, &flight, exchange, reply).await
    }

    /// What a relayed requester is told as things stand in the records.
    pub(super) async fn say(
        &self,
        exchange: Exchange,
        case: &CaseRow,
        reply: &Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let Some(submission) = self.relayed_submission(&exchange, case).await? else {
            let outcome = self.outcome_of(case, Some(&exchange)).await?.unwrap_or_else(|| self.waiting());
            return self.answer(Some(&exchange), outcome, reply).await;
        };
        // Withheld, or nobody knows: the CA's words are not for the requester.
        if matches!(case.state, State::Withheld | State::Undecided) {
            let outcome = self.outcome_of(case, Some(&exchange)).await?.unwrap_or_else(|| self.waiting());
            return self.answer(Some(&exchange), outcome, reply).await;
        }
        if submission.state == SubmissionState::Due {
            if submission.step == SubmissionStep::Poll {
                return Err(Refusal::away("the CA has not answered the relayed pollReq yet"));
            }
            return self.answer(Some(&exchange), self.waiting(), reply).await;
        }
        let answer = self.store.last_answer(submission.id).await.map_err(Refusal::store)?;
        let answer = answer.ok_or_else(|| Refusal::store("the CA's answer is not there"))?;
        let (then, confirm_by) = match submission.state {
            SubmissionState::Polling => (ExchangeState::Polling, None),
            SubmissionState::AwaitingConfirmation => (ExchangeState::Confirming, submission.deadline),
            SubmissionState::Due | SubmissionState::Ended => (ExchangeState::Ended, None),
        };
        let outcome =
            Outcome::Relayed(Relayed { answer, replaced: exchange.family == Family::Replaced, then, confirm_by });
        let finished = reply.reply(&outcome).await.map_err(Refusal::away)?;
        let mut unit = self.answer_rows(Unit::new(), &exchange, &outcome, &finished);
        if submission.state == SubmissionState::Polling && submission.step != SubmissionStep::Poll {
            unit.push(handed_down(&submission));
        }
        self.store.commit(unit).await.map_err(Refusal::store)?;
        Ok(Answered { outcome: Some(outcome), octets: finished.octets })
    }

    /// The submission that carries the requester's own transaction; none before there is one, and none after we began one of
    /// our own to undo what the CA did.
    async fn relayed_submission(&self, exchange: &Exchange, case: &CaseRow) -> Result<Option<SubmissionRow>, Refusal> {
        let submission = self.store.submission_of_case(case.id).await.map_err(Refusal::store)?;
        Ok(submission.filter(|found| exchange.transaction.as_deref() == Some(found.transaction.as_slice())))
    }
}

/// The CA's word for a requester, and what it may send after it.
pub(super) fn relayed(exchange: &Exchange, answer: &[u8], outcome: &Outcome) -> Outcome {
    let (then, confirm_by) = match outcome {
        Outcome::Waiting { .. } => (ExchangeState::Polling, None),
        Outcome::Issued(issued) if issued.confirm_by.is_some() => (ExchangeState::Confirming, issued.confirm_by),
        _ => (ExchangeState::Ended, None),
    };
    Outcome::Relayed(Relayed {
        answer: answer.to_vec(),
        replaced: exchange.family == Family::Replaced,
        then,
        confirm_by,
    })
}

/// A later message of a relayed exchange goes the way of the first.
pub(super) fn relay_order<'a>(exchange: &Exchange, message: &'a [u8]) -> Order<'a> {
    Order::Relay { message, family: exchange.family, vouching: Vouching::default() }
}

/// The CA asked for patience and its requester knows.
fn is_between_them(submission: &SubmissionRow) -> bool {
    submission.state == SubmissionState::Polling && submission.step == SubmissionStep::Poll
}

/// The requester has the CA's request for patience now.
fn handed_down(submission: &SubmissionRow) -> Row {
    Row::MoveSubmission {
        submission: submission.id,
        from: SubmissionState::Polling,
        from_step: submission.step,
        to: SubmissionState::Polling,
        step: SubmissionStep::Poll,
        next_attempt: None,
        lease_until: None,
        deadline: None,
    }
}
