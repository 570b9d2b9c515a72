//! Requesters that do not come back: what becomes of their exchanges, cases and certificates, and of a CA that waits for them.

use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{Event, Exchange, ExchangeState, Kind, Millis, ReasonCode, RequestForm, State, SubmissionState};
use crate::store::{CaseRow, Row, SubmissionRow, Unit};

impl Registrar {
    /// The deadline of an exchange is over: its requester did not confirm, or did not come back.
    pub(super) async fn end_overdue(&self, exchange: Exchange) -> Result<(), Refusal> {
        let (id, state) = (exchange.id, exchange.state);
        let ended = match state {
            ExchangeState::Confirming => self.reject_by_silence(exchange.clone()).await,
            ExchangeState::Open | ExchangeState::Polling => self.give_up(&exchange).await,
            ExchangeState::Ended => self.look_again(&exchange, None).await,
        };
        let Err(fault) = ended else { return Ok(()) };
        tracing::error!(exchange = %id, %fault, cause = ?fault, "what nobody came back for could not be ended yet");
        // Later, so that it is not always the first of those that are looked at.
        self.look_again(&exchange, Some(self.now().plus(AGAIN))).await
    }

    /// Whoever was told to come back did not. What is decided stays for it, however late it comes; what is not lapses.
    async fn give_up(&self, exchange: &Exchange) -> Result<(), Refusal> {
        if exchange.case.is_none() {
            return self.look_again(exchange, None).await;
        }
        let case = self.case_of(exchange).await?;
        let submission = self.store.submission_of_case(case.id).await.map_err(Refusal::store)?;
        match case.state {
            State::Issued if case.kind != Kind::Revoke => self.reject_by_silence(exchange.clone()).await,
            // Nobody but the requester could ask the CA for what it promised.
            State::Waiting
                if submission.as_ref().is_some_and(|submission| waits_for_requester(submission, exchange)) =>
            {
                self.lapse(exchange, &case, submission.as_ref()).await
            }
            State::Received | State::Authenticated | State::Checked => self.lapse(exchange, &case, None).await,
            // Nobody came for the key, so it was never made.
            State::Approved if case.form == RequestForm::ServerKey => self.lapse(exchange, &case, None).await,
            State::Submitted | State::Waiting if case.form == RequestForm::ServerKey => {
                self.look_again(exchange, Some(self.key_deadline())).await
            }
            State::Approved | State::Ready | State::Submitted | State::Waiting | State::Undecided => {
                self.look_again(exchange, Some(self.come_back_by())).await
            }
            _ => self.look_again(exchange, None).await,
        }
    }

    /// The case ends without a certificate, and frees its code (DESIGN rule 11).
    async fn lapse(
        &self,
        exchange: &Exchange,
        case: &CaseRow,
        submission: Option<&SubmissionRow>,
    ) -> Result<(), Refusal> {
        let at = self.now();
        let text = "the requester did not come back; ask anew".to_owned();
        let mut unit = Unit::new()
            .with(Row::MoveCase { case: case.id, from: case.state, event: Event::Lapse, at })
            .with(Row::ExplainCase { case: case.id, code: ReasonCode::NotAuthorized.name(), text })
            .with(Row::MoveExchange {
                exchange: exchange.id,
                from: exchange.state,
                to: ExchangeState::Ended,
                our_nonce: None,
                deadline: None,
            })
            .with(Row::Leaf(self.leaf(LeafKind::Lapsed, "house:sweeper").case(case.id)));
        if let Some(code) = case.requester.credential.as_code() {
            unit.push(Row::FreeCode { code, case: case.id });
        }
        if let Some(submission) = submission {
            unit.push(Row::MoveSubmission {
                submission: submission.id,
                from: submission.state,
                from_step: submission.step,
                to: SubmissionState::Ended,
                step: submission.step,
                next_attempt: None,
                lease_until: None,
                deadline: None,
            });
        }
        self.store.commit(unit).await.map_err(Refusal::store)?;
        self.metrics.reached(State::Lapsed);
        tracing::info!(case = %case.id, "the requester did not come back: the case lapsed");
        Ok(())
    }

    async fn look_again(&self, exchange: &Exchange, at: Option<Millis>) -> Result<(), Refusal> {
        let (from, to) = (exchange.state, exchange.state);
        let row = Row::MoveExchange { exchange: exchange.id, from, to, our_nonce: None, deadline: at };
        self.store.commit(Unit::new().with(row)).await.map_err(Refusal::store)
    }

    /// A CA's patience ends while the requester has not fetched its certificate yet: the CA is confirmed now, and a later
    /// rejection becomes a revocation.
    pub(super) async fn confirm_for_the_absent(&self, submission: SubmissionRow) -> Result<(), Refusal> {
        let later = Row::MoveSubmission {
            submission: submission.id,
            from: submission.state,
            from_step: submission.step,
            to: submission.state,
            step: submission.step,
            next_attempt: None,
            lease_until: None,
            deadline: Some(self.now().plus(AGAIN)),
        };
        let id = submission.id;
        match self.answer_for_the_absent(submission).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(fault) => {
                tracing::error!(submission = %id, %fault, cause = ?fault, "the CA could not be told what became of its certificate yet");
            }
        }
        self.store.commit(Unit::new().with(later)).await.map_err(Refusal::store)
    }

    /// Whether there was anything to do: where the requester has the certificate, its own deadline tells.
    async fn answer_for_the_absent(&self, submission: SubmissionRow) -> Result<bool, Refusal> {
        let voyage = self.voyage_of(submission).await?;
        let absent = |exchange: &Exchange| matches!(exchange.state, ExchangeState::Open | ExchangeState::Polling);
        let Some(exchange) = voyage.exchange.clone().filter(absent) else { return Ok(false) };
        if voyage.is_relayed() {
            // Nobody but the requester could confirm, and it never came for the certificate.
            self.reject_by_silence(exchange).await?;
        } else {
            self.confirm_absent(voyage).await?;
        }
        Ok(true)
    }
}

/// Whether only the requester's own pollReq can go on with it.
fn waits_for_requester(submission: &SubmissionRow, exchange: &Exchange) -> bool {
    submission.state == SubmissionState::Polling && submission.next_attempt.is_none() && exchange.family.is_relayed()
}

/// What cannot be ended is looked at again after this many milliseconds.
const AGAIN: i64 = 60_000;
