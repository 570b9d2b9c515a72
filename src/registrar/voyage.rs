//! One submission on its way: send the recorded bytes, read the answer, record what follows, until nothing more is to be sent.
//!
//! Every message is recorded before it is sent and every answer before anybody acts on it, so a voyage can be taken up by
//! any worker at any point ([`super::worker`]).

use std::sync::Arc;

use certs::{AltName, Certificate, Name, PublicKey};

use super::enrol::sha256;
use super::facts::usages;
use super::request::Reply;
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{
    CaseId, CertificateId, CodeId, Door, Event, Exchange, ExchangeState, Issued, Kind, Millis, Outcome, Reason,
    ReasonCode, State, SubmissionId, SubmissionState, SubmissionStep,
};
use crate::rules::Profile;
use crate::store::{CertificateStatus, Leg, NewCertificate, NewSubmission, Row, Unit};
use crate::upstream::{Answer, Authority, Conversation, Expected, Order};

/// Whom a voyage is for.
#[derive(Clone, Debug)]
pub(super) struct Party {
    case: CaseId,
    kind: Kind,
    door: Door,
    profile: String,
    /// What the certificate must be; none in a revocation.
    expected: Option<Expected>,
    /// The certificate replaced or revoked.
    about: Option<CertificateId>,
    code: Option<CodeId>,
}

/// A submission with its recorded messages.
#[derive(Debug)]
pub(super) struct Voyage {
    pub(super) submission: SubmissionId,
    pub(super) state: SubmissionState,
    pub(super) step: SubmissionStep,
    pub(super) party: Party,
    pub(super) authority: Arc<dyn Authority>,
    pub(super) request: Vec<u8>,
    pub(super) sent: Vec<u8>,
    pub(super) transaction: Vec<u8>,
    /// Where the case stands.
    pub(super) case_state: State,
    pub(super) attempts: u32,
    pub(super) exchange: Option<Exchange>,
}

/// How to go on.
enum Next {
    /// Send what is recorded now.
    Leg,
    /// The outbox has it, or it is done.
    Ashore,
}

impl Party {
    pub(super) fn new(
        (case, kind, door): (CaseId, Kind, Door),
        profile: &Profile,
        (key, subject, alt_names): (Option<&[u8]>, Option<&[u8]>, Option<&[u8]>),
        (name, about, code): (String, Option<CertificateId>, Option<CodeId>),
    ) -> Result<Self, Refusal> {
        let expected = match key {
            None => None,
            Some(key) => Some(Expected {
                public_key: PublicKey::parse(key).map_err(Refusal::store)?,
                subject: subject.map_or_else(|| Ok(Name::empty()), Name::parse).map_err(Refusal::store)?,
                alt_names: alt_names.map_or_else(|| Ok(Vec::new()), AltName::parse_all).map_err(Refusal::store)?,
                key_usage: usages(&profile.key_usage),
                validity_days: profile.validity_days,
            }),
        };
        Ok(Self { case, kind, door, profile: name, expected, about, code })
    }
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
            party,
            authority,
            request: message.clone(),
            sent: message,
            transaction: submission.transaction.clone(),
            case_state: State::Submitted,
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
    fn requester_confirms(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.transaction.is_some() && !exchange.implicit)
    }

    /// Whether the requester's own certConf is what is being carried.
    fn carries_confirmation(&self) -> bool {
        self.requester_confirms()
            && self.exchange.as_ref().is_some_and(|exchange| exchange.state == ExchangeState::Confirming)
    }

    /// Whether what is asked for is the end of a certificate, not its beginning.
    fn revokes(&self) -> bool {
        self.party.kind == Kind::Revoke || matches!(self.case_state, State::Withheld | State::Rejected)
    }
}

impl Registrar {
    /// Brings a voyage ashore: to an outcome, or back into the outbox.
    pub(super) async fn drive(&self, mut voyage: Voyage) {
        loop {
            match self.leg(&mut voyage).await {
                Ok(Next::Leg) => {}
                Ok(Next::Ashore) => break,
                Err(fault) => {
                    // Nothing was committed: the lease ends and a worker takes the submission up from its records.
                    tracing::error!(case = %voyage.case(), %fault, cause = ?fault, "a submission could not be carried on");
                    self.flights.land(voyage.case(), self.waiting(), None);
                    break;
                }
            }
        }
        self.metrics.in_flight(self.flights.len());
    }

    fn waiting(&self) -> Outcome {
        Outcome::Waiting { check_after: self.settings.check_after }
    }

    async fn leg(&self, voyage: &mut Voyage) -> Result<Next, Refusal> {
        voyage.attempts += 1;
        let octets = match voyage.authority.send(&voyage.sent).await {
            Ok(octets) => octets,
            Err(fault) => return self.put_back(voyage, &fault.to_string()).await,
        };
        let conversation = Conversation { request: &voyage.request, sent: &voyage.sent };
        let answer = match voyage.authority.read(conversation, &octets, self.now()) {
            Ok(answer) => answer,
            Err(fault) => return self.disbelieve(voyage, &octets, &fault.to_string()).await,
        };
        match (answer, voyage.step, voyage.revokes()) {
            (Answer::NotNow { text }, ..) => self.put_back(voyage, &text).await,
            (Answer::InUse { text }, ..) => self.doubt(voyage, &octets, &text).await,
            (Answer::Waiting { check_after }, ..) => self.wait_longer(voyage, &octets, check_after).await,
            (Answer::Issued { certificate, confirm, confirm_by }, SubmissionStep::Request | SubmissionStep::Poll, false) => {
                self.issued(voyage, &octets, &certificate, confirm, confirm_by).await
            }
            (Answer::Rejected { text, .. }, SubmissionStep::Request | SubmissionStep::Poll, false) => {
                self.failed(voyage, &octets, Reason { code: ReasonCode::Authority, text }).await
            }
            (Answer::Confirmed, SubmissionStep::Accept, _) => self.accepted(voyage, &octets).await,
            (Answer::Confirmed, SubmissionStep::Reject, _) => self.rejected(voyage, &octets).await,
            (Answer::Rejected { text, .. }, SubmissionStep::Accept | SubmissionStep::Reject, _) => {
                self.not_confirmed(voyage, &octets, &text).await
            }
            (Answer::Revoked, _, true) => self.revoked(voyage, &octets, None).await,
            (Answer::Rejected { text, revoked_before: true }, _, true) => {
                let reason = Reason { code: ReasonCode::AlreadyRevoked, text };
                self.revoked(voyage, &octets, Some(reason)).await
            }
            (Answer::Rejected { text, .. }, _, true) => {
                self.failed(voyage, &octets, Reason { code: ReasonCode::Authority, text }).await
            }
            (other, ..) => self.disbelieve(voyage, &octets, &format!("it does not answer what was asked: {other:?}")).await,
        }
    }

    /// The CA issued: is it what was approved?
    async fn issued(
        &self,
        voyage: &mut Voyage,
        octets: &[u8],
        certificate: &Certificate,
        confirm: bool,
        confirm_by: Option<Millis>,
    ) -> Result<Next, Refusal> {
        let now = self.now();
        let difference = match (&voyage.party.expected, voyage.authority.chain().first()) {
            (Some(expected), Some(issuer)) => expected.check(certificate, issuer, now).err().map(|found| found.to_string()),
            _ => Some("nothing is known that it could be compared with".to_owned()),
        };
        if let Some(difference) = difference {
            return self.withhold(voyage, octets, certificate, confirm, &difference).await;
        }
        let asks = voyage.requester_confirms();
        let reply = self.claim(voyage);
        // The requester's time to confirm ends before the CA's does.
        let theirs = confirm_by.unwrap_or_else(|| now.plus(ASSUMED_CONFIRM_TIME)).plus(-CONFIRM_MARGIN);
        let ours = now.plus(self.settings.confirm_time);
        let in_time = reply.is_some() || now.plus(i64::from(self.settings.check_after) * 2000) < theirs;
        if confirm && !(asks && in_time) {
            self.give_back(voyage, reply);
            return self.confirm_at_once(voyage, octets, certificate).await;
        }
        let status = if asks { CertificateStatus::Issued } else { CertificateStatus::Valid };
        let mut unit = self.answered(voyage, octets).with(self.certificate_row(voyage, certificate, status));
        unit = self.moved(unit, voyage, Event::Issue);
        if !asks {
            unit = self.confirmed_rows(unit, voyage);
        }
        let to = if confirm { SubmissionState::AwaitingConfirmation } else { SubmissionState::Ended };
        let unit = self.submission_row(unit, voyage, to, None, confirm.then_some(theirs)).with(
            self.leaf(LeafKind::CertificateIssued, &format!("authority:{}", voyage.authority.name()))
                .case(voyage.case())
                .hash("certificate", certificate.hash()),
        );
        let confirm_by = asks.then(|| if confirm { ours.min(theirs) } else { ours });
        let outcome = self.issued_outcome(voyage, certificate, confirm_by);
        self.land(voyage, unit, outcome, reply).await
    }

    /// The CA waits for a confirmation that its requester needs not, or cannot in time, give.
    async fn confirm_at_once(
        &self,
        voyage: &mut Voyage,
        octets: &[u8],
        certificate: &Certificate,
    ) -> Result<Next, Refusal> {
        let order = Order::Confirm { sent: &voyage.sent, answer: octets, rejection: None };
        let message = voyage.authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
        let mut unit =
            self.answered(voyage, octets).with(self.certificate_row(voyage, certificate, CertificateStatus::Issued));
        unit = self.moved(unit, voyage, Event::Issue);
        let unit = self.next_message(unit, voyage, message, SubmissionStep::Accept);
        self.store.commit(unit).await.map_err(Refusal::store)?;
        Ok(Next::Leg)
    }

    /// The CA took our certConf.
    async fn accepted(&self, voyage: &mut Voyage, octets: &[u8]) -> Result<Next, Refusal> {
        let mut unit = self.answered(voyage, octets);
        let certificate = self.certificate_of(voyage).await?;
        let carries = voyage.carries_confirmation();
        if carries || !voyage.requester_confirms() {
            if voyage.case_state == State::Issued {
                unit = self.confirmed_rows(unit, voyage);
            }
            unit.push(Row::MarkCertificate {
                certificate: certificate.0,
                status: CertificateStatus::Valid,
                at: self.now(),
            });
        }
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None).with(
            self.leaf(LeafKind::Confirmed, &format!("authority:{}", voyage.authority.name())).case(voyage.case()),
        );
        let outcome = if carries {
            Outcome::Confirmed
        } else {
            let confirm_by = voyage.requester_confirms().then(|| self.now().plus(self.settings.confirm_time));
            self.issued_outcome(voyage, &certificate.1, confirm_by)
        };
        let reply = self.claim(voyage);
        self.land(voyage, unit, outcome, reply).await
    }

    /// The CA took our rejection.
    async fn rejected(&self, voyage: &mut Voyage, octets: &[u8]) -> Result<Next, Refusal> {
        let unit = self.answered(voyage, octets);
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let reply = if voyage.carries_confirmation() { self.claim(voyage) } else { None };
        self.land(voyage, unit, Outcome::Confirmed, reply).await
    }

    /// The CA did not take our certConf: whether the certificate lives cannot be told, so it is not handed over.
    async fn not_confirmed(&self, voyage: &mut Voyage, octets: &[u8], text: &str) -> Result<Next, Refusal> {
        let mut unit = self.answered(voyage, octets);
        let reason = Reason {
            code: ReasonCode::Withheld,
            text: format!("the CA did not take the confirmation: {text}"),
        };
        if voyage.case_state == State::Issued {
            unit = self.moved(unit, voyage, Event::Withhold);
            unit.push(Row::ExplainCase { case: voyage.case(), code: reason.code.name(), text: reason.text.clone() });
        }
        let (certificate, _) = self.certificate_of(voyage).await?;
        unit.push(Row::MarkCertificate { certificate, status: CertificateStatus::Rejected, at: self.now() });
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let reply = self.claim(voyage);
        self.alarm(voyage, &reason.text);
        self.land(voyage, unit, Outcome::Refused(reason), reply).await
    }

    /// The certificate is not what was approved (DESIGN rule 4): rejected or revoked at the CA, never handed over.
    async fn withhold(
        &self,
        voyage: &mut Voyage,
        octets: &[u8],
        certificate: &Certificate,
        confirm: bool,
        difference: &str,
    ) -> Result<Next, Refusal> {
        self.alarm(voyage, difference);
        self.metrics.certificate_withheld();
        let reason = Reason {
            code: ReasonCode::Withheld,
            text: "the CA's certificate is not the one that was approved; it is withheld and an officer was told".to_owned(),
        };
        let mut unit = self.answered(voyage, octets);
        unit.push(self.certificate_row(voyage, certificate, CertificateStatus::Rejected));
        unit = self.moved(unit, voyage, Event::Withhold);
        unit.push(Row::ExplainCase { case: voyage.case(), code: reason.code.name(), text: difference.to_owned() });
        unit.push(
            self.leaf(LeafKind::Withheld, &format!("authority:{}", voyage.authority.name()))
                .case(voyage.case())
                .hash("certificate", certificate.hash()),
        );
        let unit = self.free_code(unit, voyage);
        let reply = self.claim(voyage);
        let outcome = Outcome::Refused(reason);
        if confirm {
            let order = Order::Confirm { sent: &voyage.sent, answer: octets, rejection: Some(difference) };
            let message = voyage.authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
            let unit = self.next_message(unit, voyage, message, SubmissionStep::Reject);
            self.land(voyage, unit, outcome, reply).await?;
            return Ok(Next::Leg);
        }
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let unit = self.undo(unit, voyage, certificate).await?;
        self.land(voyage, unit, outcome, reply).await?;
        Ok(Next::Leg)
    }

    /// Adds a new submission that revokes a certificate nobody wants, and makes it the voyage.
    pub(super) async fn undo(
        &self,
        unit: Unit,
        voyage: &mut Voyage,
        certificate: &Certificate,
    ) -> Result<Unit, Refusal> {
        let fresh = self.fresh();
        let order = Order::Revoke { issuer: certificate.issuer(), serial: certificate.serial(), reason: None };
        let message = voyage.authority.compose(order, fresh).await.map_err(Refusal::away)?;
        let submission = self.submission(voyage.case(), voyage.authority.name(), fresh, false);
        voyage.submission = submission.id;
        voyage.state = SubmissionState::Due;
        voyage.step = SubmissionStep::Request;
        voyage.request.clone_from(&message);
        voyage.sent = message;
        voyage.transaction.clone_from(&submission.transaction);
        voyage.attempts = 0;
        Ok(self.submission_rows(unit, submission, voyage))
    }

    /// The CA refused.
    async fn failed(&self, voyage: &mut Voyage, octets: &[u8], reason: Reason) -> Result<Next, Refusal> {
        let mut unit = self.answered(voyage, octets);
        if voyage.case_state.after(Event::Fail).is_ok() {
            unit = self.moved(unit, voyage, Event::Fail);
            unit = self.free_code(unit, voyage);
            unit.push(Row::ExplainCase { case: voyage.case(), code: reason.code.name(), text: reason.text.clone() });
        } else {
            self.alarm(voyage, &reason.text);
        }
        unit.push(
            self.leaf(LeafKind::AnswerRecorded, &format!("authority:{}", voyage.authority.name()))
                .case(voyage.case())
                .plain("outcome", "refused"),
        );
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let reply = self.claim(voyage);
        self.land(voyage, unit, Outcome::Refused(reason), reply).await
    }

    /// The CA revoked, now or before.
    async fn revoked(&self, voyage: &mut Voyage, octets: &[u8], before: Option<Reason>) -> Result<Next, Refusal> {
        let mut unit = self.answered(voyage, octets);
        let certificate = match voyage.party.about {
            Some(certificate) if voyage.party.kind == Kind::Revoke => certificate,
            _ => self.certificate_of(voyage).await?.0,
        };
        unit.push(Row::MarkCertificate { certificate, status: CertificateStatus::Revoked, at: self.now() });
        if voyage.party.kind == Kind::Revoke {
            unit = self.moved(unit, voyage, Event::Revoke);
        }
        unit.push(
            self.leaf(LeafKind::Revoked, &format!("authority:{}", voyage.authority.name()))
                .case(voyage.case())
                .plain("certificate", &certificate.to_string()),
        );
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let reply = self.claim(voyage);
        self.land(voyage, unit, before.map_or(Outcome::Revoked, Outcome::Refused), reply).await
    }

    /// The CA needs time: the pollReq is recorded, and sent when its time has come.
    async fn wait_longer(&self, voyage: &mut Voyage, octets: &[u8], check_after: u32) -> Result<Next, Refusal> {
        let order = Order::Poll { sent: &voyage.sent, answer: octets };
        let message = voyage.authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
        let mut unit = self.answered(voyage, octets);
        if voyage.case_state == State::Submitted {
            unit = self.moved(unit, voyage, Event::Wait);
        }
        unit.push(self.message(Leg::Submission, None, Some(voyage.submission), Some(voyage.transaction.clone()), &message));
        let wait = i64::from(check_after.max(1)) * 1000;
        unit.push(Row::MoveSubmission {
            submission: voyage.submission,
            from: voyage.state,
            to: SubmissionState::Polling,
            step: SubmissionStep::Poll,
            next_attempt: Some(self.now().plus(wait)),
            lease_until: None,
            deadline: None,
        });
        self.store.commit(unit).await.map_err(Refusal::store)?;
        Ok(Next::Ashore)
    }

    /// Back into the outbox: the same bytes go out again later.
    async fn put_back(&self, voyage: &mut Voyage, cause: &str) -> Result<Next, Refusal> {
        self.metrics.authority_fault();
        tracing::warn!(case = %voyage.case(), authority = voyage.authority.name(), attempts = voyage.attempts, cause, "the CA gave no answer");
        let unit = Unit::new().with(Row::MoveSubmission {
            submission: voyage.submission,
            from: voyage.state,
            to: voyage.state,
            step: voyage.step,
            next_attempt: Some(self.now().plus(self.back_off(voyage.attempts))),
            lease_until: None,
            deadline: None,
        });
        self.store.commit(unit).await.map_err(Refusal::store)?;
        Ok(Next::Ashore)
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
            .plain("fault", fault);
        self.note(leaf).await?;
        self.put_back(voyage, fault).await
    }

    /// Nobody can tell from here what the CA did.
    async fn doubt(&self, voyage: &mut Voyage, octets: &[u8], fault: &str) -> Result<Next, Refusal> {
        self.alarm(voyage, fault);
        let mut unit = self.answered(voyage, octets);
        if voyage.case_state.after(Event::Doubt).is_ok() {
            unit = self.moved(unit, voyage, Event::Doubt);
            unit.push(Row::ExplainCase {
                case: voyage.case(),
                code: ReasonCode::Withheld.name(),
                text: format!("it cannot be told what the CA did: {fault}"),
            });
        }
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let reply = self.claim(voyage);
        self.land(voyage, unit, self.waiting(), reply).await
    }

    /// Commits what follows from an answer together with the requester's own answer, and tells those who wait.
    async fn land(
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
        self.metrics.reached(voyage.case_state);
        tracing::info!(case = %voyage.case(), door = %voyage.party.door, state = %voyage.case_state, "case moved");
        self.flights.land(voyage.case(), outcome, recorded);
        Ok(Next::Ashore)
    }

    fn claim(&self, voyage: &Voyage) -> Option<Arc<dyn Reply>> {
        self.flights.find(voyage.case())?.claim_reply()
    }

    fn give_back(&self, voyage: &Voyage, reply: Option<Arc<dyn Reply>>) {
        if let (Some(flight), Some(reply)) = (self.flights.find(voyage.case()), reply) {
            flight.give_back(reply);
        }
    }

    fn alarm(&self, voyage: &Voyage, text: &str) {
        tracing::error!(case = %voyage.case(), authority = voyage.authority.name(), text, "an officer must look at this case");
    }

    fn answered(&self, voyage: &Voyage, octets: &[u8]) -> Unit {
        let transaction = Some(voyage.transaction.clone());
        Unit::new().with(self.message(Leg::Answer, None, Some(voyage.submission), transaction, octets))
    }

    /// Moves the case by the table; the voyage knows the table lets it.
    fn moved(&self, unit: Unit, voyage: &mut Voyage, event: Event) -> Unit {
        let from = voyage.case_state;
        if let Ok(state) = from.after(event) {
            voyage.case_state = state;
        }
        unit.with(Row::MoveCase { case: voyage.case(), from, event, at: self.now() })
    }

    fn confirmed_rows(&self, unit: Unit, voyage: &mut Voyage) -> Unit {
        let mut unit = self.moved(unit, voyage, Event::Confirm);
        if let Some(certificate) = voyage.party.about {
            unit.push(Row::MarkCertificate { certificate, status: CertificateStatus::Renewed, at: self.now() });
        }
        unit
    }

    fn free_code(&self, unit: Unit, voyage: &Voyage) -> Unit {
        match voyage.party.code {
            Some(code) => unit.with(Row::FreeCode { code, case: voyage.case() }),
            None => unit,
        }
    }

    pub(super) fn next_message(&self, unit: Unit, voyage: &mut Voyage, message: Vec<u8>, step: SubmissionStep) -> Unit {
        let transaction = Some(voyage.transaction.clone());
        let unit = unit.with(self.message(Leg::Submission, None, Some(voyage.submission), transaction, &message));
        voyage.step = step;
        voyage.sent = message;
        voyage.attempts = 0;
        self.submission_row(unit, voyage, SubmissionState::Due, Some(self.lease_end()), None)
    }

    fn submission_row(
        &self,
        unit: Unit,
        voyage: &mut Voyage,
        to: SubmissionState,
        lease_until: Option<Millis>,
        deadline: Option<Millis>,
    ) -> Unit {
        let from = std::mem::replace(&mut voyage.state, to);
        unit.with(Row::MoveSubmission {
            submission: voyage.submission,
            from,
            to,
            step: voyage.step,
            next_attempt: lease_until.map(|_| self.now()),
            lease_until,
            deadline,
        })
    }

    fn certificate_row(&self, voyage: &Voyage, certificate: &Certificate, status: CertificateStatus) -> Row {
        Row::AddCertificate(Box::new(NewCertificate {
            id: CertificateId::new(self.random.as_ref()),
            case: voyage.case(),
            profile: voyage.party.profile.clone(),
            issuer: certificate.issuer().canonical(),
            serial: certificate.serial().to_vec(),
            hash: certificate.hash(),
            key_print: *certificate.public_key().print().as_bytes(),
            der: certificate.der().to_vec(),
            not_after: certificate.not_after(),
            status,
            at: self.now(),
        }))
    }

    fn issued_outcome(&self, voyage: &Voyage, certificate: &Certificate, confirm_by: Option<Millis>) -> Outcome {
        Outcome::Issued(Issued {
            certificate: certificate.der().to_vec(),
            chain: voyage.authority.chain().iter().map(|ca| ca.der().to_vec()).collect(),
            confirm_by,
            modified: false,
        })
    }

    async fn certificate_of(&self, voyage: &Voyage) -> Result<(CertificateId, Certificate), Refusal> {
        let row = self.store.certificate_of_case(voyage.case()).await.map_err(Refusal::store)?;
        let row = row.ok_or_else(|| Refusal::store("the certificate of a case is not there"))?;
        Ok((row.id, Certificate::parse(&row.der).map_err(Refusal::store)?))
    }

    /// Twice as long each time, up to a minute, and up to half as much again, so that not all come at once.
    fn back_off(&self, attempts: u32) -> i64 {
        let mut jitter = [0];
        self.random.fill(&mut jitter);
        let base = (500_i64 << attempts.min(7)).min(60_000);
        base + base * i64::from(jitter[0]) / 512
    }
}

/// How long a CA waits that does not say (RFC 9810 section 5.1.1.2 leaves it open).
const ASSUMED_CONFIRM_TIME: i64 = 300_000;

/// What our way to the CA may take at the end of its time.
const CONFIRM_MARGIN: i64 = 30_000;
