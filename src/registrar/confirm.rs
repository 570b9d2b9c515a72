//! What the end entity says about its certificate (RFC 9483 section 4.1.1, certConf), and what its silence says.

use std::sync::Arc;

use certs::Certificate;

use super::identify::Identified;
use super::relay::relay_order;
use super::request::{Answered, Incoming, Reply};
use super::voyage::{Next, Voyage};
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{Event, Exchange, ExchangeState, Outcome, State, SubmissionState, SubmissionStep};
use crate::store::{CaseRow, CertificateStatus, Row, Unit};
use crate::upstream::Order;

/// A certificate that waits for its holder's word.
#[derive(Debug)]
pub struct Unconfirmed {
    pub(super) exchange: Exchange,
    pub(super) case: CaseRow,
    certificate: Certificate,
}

impl Unconfirmed {
    /// The certificate, for checking the hash in the certConf.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The kind of body of the request, by tag number.
    #[must_use]
    pub fn body(&self) -> Option<u8> {
        self.exchange.body
    }
}

/// What was said about a certificate, or silence.
struct Word<'a> {
    /// The certConf as it came; none for silence.
    message: Option<&'a [u8]>,
    /// Why it is not wanted; none when it is taken.
    rejection: Option<String>,
}

impl Registrar {
    /// The certificate that an exchange waits to have confirmed.
    pub async fn unconfirmed(&self, exchange: Exchange) -> Result<Unconfirmed, Refusal> {
        // Without a deadline the word was given already, in other octets; only its own repeat or a pollReq may follow.
        if exchange.state != ExchangeState::Confirming || exchange.deadline.is_none() {
            return Err(Refusal::OutOfPlace("no confirmation is awaited in this transaction"));
        }
        self.undecided_on(exchange).await
    }

    async fn undecided_on(&self, exchange: Exchange) -> Result<Unconfirmed, Refusal> {
        let case = self.case_of(&exchange).await?;
        let row = self.store.certificate_of_case(case.id).await.map_err(Refusal::store)?;
        let row = row.ok_or_else(|| Refusal::store("the certificate of an issued case is not there"))?;
        let certificate = Certificate::parse(&row.der).map_err(Refusal::store)?;
        Ok(Unconfirmed { exchange, case, certificate })
    }

    /// Takes the end entity's word: `rejection` says why it does not want the certificate.
    pub async fn confirm(
        &self,
        who: &Identified,
        unconfirmed: Unconfirmed,
        message: Incoming,
        rejection: Option<String>,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let Unconfirmed { exchange, case, certificate } = unconfirmed;
        let unit = Unit::new()
            .with(self.request_message(&exchange, &message))
            // The word was given: silence is no longer looked for.
            .with(Row::MoveExchange {
                exchange: exchange.id,
                from: ExchangeState::Confirming,
                to: ExchangeState::Confirming,
                our_nonce: None,
                deadline: None,
            });
        let actor = who.requester.credential.as_str();
        let word = Word { message: Some(&message.octets), rejection };
        self.close_confirmation(actor, exchange, &case, &certificate, word, unit, Some(reply))
            .await?
            .ok_or(Refusal::OutOfPlace("no confirmation is awaited in this transaction"))
    }

    /// Nobody confirmed in time, or came for the certificate at all: silence is rejection (RFC 9483 section 4.1.1).
    pub(super) async fn reject_by_silence(&self, exchange: Exchange) -> Result<(), Refusal> {
        self.reject_for(exchange, "the end entity did not confirm in time").await
    }

    /// Rejects a certificate in the name of a requester that cannot say so itself.
    pub(super) async fn reject_for(&self, exchange: Exchange, why: &str) -> Result<(), Refusal> {
        let unconfirmed = self.undecided_on(exchange).await?;
        let Unconfirmed { mut exchange, case, certificate } = unconfirmed;
        let unit = Unit::new().with(Row::MoveExchange {
            exchange: exchange.id,
            from: exchange.state,
            to: ExchangeState::Ended,
            our_nonce: None,
            deadline: None,
        });
        exchange.state = ExchangeState::Ended;
        let word = Word { message: None, rejection: Some(why.to_owned()) };
        self.close_confirmation("house:sweeper", exchange, &case, &certificate, word, unit, None).await?;
        Ok(())
    }

    /// The requester has its certificate, which is as good as its word.
    pub(super) async fn take_as_delivered(&self, exchange: Exchange) -> Result<(), Refusal> {
        let Unconfirmed { exchange, case, certificate } = self.undecided_on(exchange).await?;
        let actor = exchange.credential.to_string();
        let unit = Unit::new().with(Row::MoveExchange {
            exchange: exchange.id,
            from: ExchangeState::Confirming,
            to: ExchangeState::Confirming,
            our_nonce: None,
            deadline: None,
        });
        let word = Word { message: None, rejection: None };
        self.close_confirmation(&actor, exchange, &case, &certificate, word, unit, None).await?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one confirmation with all that belongs to it")]
    async fn close_confirmation(
        &self,
        actor: &str,
        exchange: Exchange,
        case: &CaseRow,
        certificate: &Certificate,
        word: Word<'_>,
        unit: Unit,
        reply: Option<Arc<dyn Reply>>,
    ) -> Result<Option<Answered>, Refusal> {
        let submission = self.store.submission_of_case(case.id).await.map_err(Refusal::store)?;
        let submission = submission.ok_or_else(|| Refusal::store("the submission of an issued case is not there"))?;
        let waits = submission.state == SubmissionState::AwaitingConfirmation;
        let mut voyage = self.voyage_of(submission).await?;
        voyage.exchange = Some(exchange.clone());
        // Silence has no message that could be relayed.
        let awaited = waits && !(voyage.is_relayed() && word.message.is_none());
        let rejection = word.rejection;
        let mut unit = unit.with(self.confirmation_leaf(actor, case, rejection.is_some()));
        if rejection.is_some() {
            unit = self.rejection_rows(unit, case, &mut voyage, reply.is_none()).await?;
        }
        let mut must_send = awaited;
        if awaited {
            unit = self.hand_on(unit, &mut voyage, word.message, rejection.as_deref()).await?;
        } else if rejection.is_some() {
            if waits {
                unit = self.submission_row(unit, &mut voyage, SubmissionState::Ended, None, None);
            }
            // The CA was told already that the certificate is taken, or cannot be told by us.
            let (undone, next) = self.undo(unit, &mut voyage, certificate).await?;
            unit = undone;
            must_send = matches!(next, Next::Leg);
        } else {
            unit = self.confirmed_here(unit, case, certificate).await?;
        }
        let Some(reply) = reply else {
            self.store.commit(unit).await.map_err(Refusal::store)?;
            if must_send {
                let registrar = self.clone();
                tokio::spawn(async move { registrar.drive(voyage).await });
            }
            return Ok(None);
        };
        if must_send && awaited {
            let flight = self.flights.take_off(case.id, Some(Arc::clone(&reply)));
            if let Err(fault) = self.store.commit(unit).await {
                self.flights.forget(case.id, &flight);
                return Err(Refusal::store(fault));
            }
            return self.set_out(voyage, &flight, exchange, reply).await.map(Some);
        }
        // The requester needs not wait for a revocation, or there is nothing to send.
        let finished = reply.reply(&Outcome::Confirmed).await.map_err(Refusal::away)?;
        let unit = self.answer_rows(unit, &exchange, &Outcome::Confirmed, &finished);
        self.store.commit(unit).await.map_err(Refusal::store)?;
        if must_send {
            let registrar = self.clone();
            tokio::spawn(async move { registrar.drive(voyage).await });
        }
        Ok(Some(Answered { outcome: Some(Outcome::Confirmed), octets: finished.octets }))
    }

    /// The CA is told that the certificate is taken, before its requester could say so.
    pub(super) async fn confirm_absent(&self, mut voyage: Voyage) -> Result<(), Refusal> {
        let unit = self.hand_on(Unit::new(), &mut voyage, None, None).await?;
        self.store.commit(unit).await.map_err(Refusal::store)?;
        let registrar = self.clone();
        tokio::spawn(async move { registrar.drive(voyage).await });
        Ok(())
    }

    fn confirmation_leaf(&self, actor: &str, case: &CaseRow, rejected: bool) -> crate::audit::Leaf {
        let kind = if rejected { LeafKind::Rejected } else { LeafKind::Confirmed };
        self.leaf(kind, actor).case(case.id)
    }

    /// The certConf for the CA follows the requester's.
    async fn hand_on(
        &self,
        unit: Unit,
        voyage: &mut Voyage,
        message: Option<&[u8]>,
        rejection: Option<&str>,
    ) -> Result<Unit, Refusal> {
        let answer = self.store.last_answer(voyage.submission).await.map_err(Refusal::store)?;
        let answer = answer.ok_or_else(|| Refusal::store("the CA's answer is not there"))?;
        let (_, certificate) = self.certificate_of(voyage).await?;
        let order = match (&voyage.exchange, message) {
            (Some(exchange), Some(message)) if voyage.is_relayed() => relay_order(exchange, message),
            _ => Order::Confirm { sent: &voyage.sent, answer: &answer, certificate: &certificate, rejection },
        };
        let message = voyage.authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
        let step = if rejection.is_some() { SubmissionStep::Reject } else { SubmissionStep::Accept };
        Ok(self.next_message(unit, voyage, message, step))
    }

    async fn rejection_rows(
        &self,
        mut unit: Unit,
        case: &CaseRow,
        voyage: &mut Voyage,
        by_silence: bool,
    ) -> Result<Unit, Refusal> {
        let row = self.store.certificate_of_case(case.id).await.map_err(Refusal::store)?;
        if let Some(row) = row {
            unit.push(Row::MarkCertificate {
                certificate: row.id,
                status: CertificateStatus::Rejected,
                at: self.now(),
            });
        }
        if by_silence && let Some(code) = case.requester.credential.as_code() {
            // DESIGN rule 11: rejected by silence frees the code.
            unit.push(Row::FreeCode { code, case: case.id });
        }
        unit.push(Row::MoveCase { case: case.id, from: case.state, event: Event::Reject, at: self.now() });
        voyage.case_state = State::Rejected;
        Ok(unit)
    }

    /// The CA needs no word from us: the end entity's is recorded.
    async fn confirmed_here(&self, mut unit: Unit, case: &CaseRow, certificate: &Certificate) -> Result<Unit, Refusal> {
        let row = self.store.certificate_by_hash(&certificate.hash()).await.map_err(Refusal::store)?;
        let row = row.ok_or_else(|| Refusal::store("the certificate of an issued case is not there"))?;
        unit.push(Row::MoveCase { case: case.id, from: case.state, event: Event::Confirm, at: self.now() });
        unit.push(Row::MarkCertificate { certificate: row.id, status: CertificateStatus::Valid, at: self.now() });
        if let Some(about) = case.about {
            unit.push(Row::MarkCertificate { certificate: about, status: CertificateStatus::Renewed, at: self.now() });
        }
        Ok(unit)
    }
}
