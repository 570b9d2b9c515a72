//! What an answer of a CA means for the case: each kind of answer, what is recorded, and what is sent next.

use certs::Certificate;

use super::voyage::{Next, Voyage, left_to_another};
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{
    CertificateId, Event, Issued, Kind, Millis, Outcome, Reason, ReasonCode, State, SubmissionState, SubmissionStep,
};
use crate::store::{CertificateStatus, NewCertificate, Row, Unit};
use crate::upstream::{Order, PrivateKey};

impl Registrar {
    /// The CA issued: is it what was approved?
    pub(super) async fn issued(
        &self,
        voyage: &mut Voyage,
        octets: &[u8],
        (certificate, private_key): (&Certificate, PrivateKey),
        confirm: bool,
        confirm_by: Option<Millis>,
    ) -> Result<Next, Refusal> {
        let now = self.now();
        // It would be nobody's answer: what it certifies was asked for before, and its record stays with that case.
        let (issuer, serial) = (certificate.issuer(), certificate.serial());
        if let Some(row) = self.named_certificate(issuer, serial).await? {
            if row.case == voyage.case() {
                left_to_another(voyage);
                self.flights.land(voyage.case(), self.waiting(), None);
                return Ok(Next::Ashore);
            }
            let text = format!("the CA sent the certificate {} of the case {} again", row.id, row.case);
            return self.doubt(voyage, octets, &text).await;
        }
        let difference = match (&voyage.party.expected, voyage.authority.chain().first()) {
            (Some(expected), Some(issuer)) => {
                expected.check(certificate, private_key, issuer, now).err().map(|found| found.to_string())
            }
            _ => Some("nothing is known that it could be compared with".to_owned()),
        };
        if let Some(difference) = difference {
            return self.withhold(voyage, octets, certificate, confirm, &difference).await;
        }
        let relayed = voyage.is_relayed();
        let asks = if relayed { confirm } else { voyage.requester_confirms() };
        let reply = self.claim(voyage);
        // The requester's time to confirm ends before the CA's does.
        let theirs = confirm_by.unwrap_or_else(|| now.plus(ASSUMED_CONFIRM_TIME));
        let theirs = theirs.plus(-CONFIRM_MARGIN.min((theirs.0 - now.0).max(0) / 4));
        let ours = now.plus(self.confirm_time(&voyage.party.profile));
        let in_time = reply.is_some() || now.plus(i64::from(self.settings.check_after) * 2000) < theirs;
        // Nobody but the requester can confirm what is relayed.
        if confirm && !relayed && !(asks && in_time) {
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
        let outcome = voyage.told(octets, issued_outcome(voyage, certificate, confirm_by));
        self.land(voyage, unit, outcome, reply).await
    }

    /// The CA waits for a confirmation that its requester needs not, or cannot in time, give.
    pub(super) async fn confirm_at_once(
        &self,
        voyage: &mut Voyage,
        octets: &[u8],
        certificate: &Certificate,
    ) -> Result<Next, Refusal> {
        let order = Order::Confirm { sent: &voyage.sent, answer: octets, certificate, rejection: None };
        let message = voyage.authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
        let mut unit =
            self.answered(voyage, octets).with(self.certificate_row(voyage, certificate, CertificateStatus::Issued));
        unit = self.moved(unit, voyage, Event::Issue);
        let unit = self.next_message(unit, voyage, message, SubmissionStep::Accept);
        self.store.commit(unit).await.map_err(Refusal::store)?;
        Ok(Next::Leg)
    }

    /// The CA took our certConf.
    pub(super) async fn accepted(&self, voyage: &mut Voyage, octets: &[u8]) -> Result<Next, Refusal> {
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
            let confirm_by =
                voyage.requester_confirms().then(|| self.now().plus(self.confirm_time(&voyage.party.profile)));
            issued_outcome(voyage, &certificate.1, confirm_by)
        };
        let outcome = voyage.told(octets, outcome);
        let reply = self.claim(voyage);
        self.land(voyage, unit, outcome, reply).await
    }

    /// The CA took our rejection.
    pub(super) async fn rejected(&self, voyage: &mut Voyage, octets: &[u8]) -> Result<Next, Refusal> {
        let unit = self.answered(voyage, octets);
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let reply = if voyage.carries_confirmation() { self.claim(voyage) } else { None };
        let outcome = voyage.told(octets, Outcome::Confirmed);
        self.land(voyage, unit, outcome, reply).await
    }

    /// The CA did not take our certConf: whether the certificate lives cannot be told, so it is not handed over.
    pub(super) async fn not_confirmed(&self, voyage: &mut Voyage, octets: &[u8], text: &str) -> Result<Next, Refusal> {
        let mut unit = self.answered(voyage, octets);
        let reason =
            Reason { code: ReasonCode::Withheld, text: format!("the CA did not take the confirmation: {text}") };
        if voyage.case_state == State::Issued {
            unit = self.moved(unit, voyage, Event::Withhold);
            unit.push(Row::ExplainCase { case: voyage.case(), code: reason.code.name(), text: reason.text.clone() });
        }
        let (id, certificate) = self.certificate_of(voyage).await?;
        unit.push(Row::MarkCertificate { certificate: id, status: CertificateStatus::Rejected, at: self.now() });
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let reply = self.claim(voyage);
        alarm(voyage, &reason.text);
        let outcome = voyage.told(octets, Outcome::Refused(reason));
        // Whatever the CA made of it: nobody has the certificate, so nobody may find it alive.
        let (unit, next) = self.undo(unit, voyage, &certificate).await?;
        self.land(voyage, unit, outcome, reply).await?;
        Ok(next)
    }

    /// The certificate is not what was approved (DESIGN rule 4): rejected or revoked at the CA, never handed over.
    pub(super) async fn withhold(
        &self,
        voyage: &mut Voyage,
        octets: &[u8],
        certificate: &Certificate,
        confirm: bool,
        difference: &str,
    ) -> Result<Next, Refusal> {
        alarm(voyage, difference);
        self.metrics.certificate_withheld();
        let reason = Reason {
            code: ReasonCode::Withheld,
            text: "the CA's certificate is not the one that was approved; it is withheld and an officer was told"
                .to_owned(),
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
        let unit = free_code(unit, voyage);
        let reply = self.claim(voyage);
        let outcome = Outcome::Refused(reason);
        // The rejection of a relayed certificate would need its requester's credential: it is revoked.
        if confirm && !voyage.is_relayed() {
            let rejection = Some(difference);
            let order = Order::Confirm { sent: &voyage.sent, answer: octets, certificate, rejection };
            let message = voyage.authority.compose(order, self.fresh()).await.map_err(Refusal::away)?;
            let unit = self.next_message(unit, voyage, message, SubmissionStep::Reject);
            self.land(voyage, unit, outcome, reply).await?;
            return Ok(Next::Leg);
        }
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let (unit, next) = self.undo(unit, voyage, certificate).await?;
        self.land(voyage, unit, outcome, reply).await?;
        Ok(next)
    }

    /// Adds a new submission that revokes a certificate nobody wants, and makes it the voyage. Where the CA takes none from us,
    /// people must see to it.
    pub(super) async fn undo(
        &self,
        unit: Unit,
        voyage: &mut Voyage,
        certificate: &Certificate,
    ) -> Result<(Unit, Next), Refusal> {
        if !voyage.authority.takes().revocations {
            let serial = hex::encode(certificate.serial());
            alarm(
                voyage,
                &format!("nobody has the certificate {serial}: have it revoked, its CA takes no revocation from here"),
            );
            return Ok((unit, Next::Ashore));
        }
        let fresh = self.fresh();
        let order = Order::Revoke { issuer: certificate.issuer(), serial: certificate.serial(), reason: None };
        let message = voyage.authority.compose(order, fresh).await.map_err(Refusal::away)?;
        let submission = self.submission(voyage.case(), voyage.authority.name(), fresh, None);
        voyage.submission = submission.id;
        voyage.state = SubmissionState::Due;
        voyage.step = SubmissionStep::Request;
        voyage.recorded_step = SubmissionStep::Request;
        voyage.request.clone_from(&message);
        voyage.sent = message;
        voyage.transaction.clone_from(&submission.transaction);
        voyage.attempts = 0;
        Ok((self.submission_rows(unit, submission, voyage), Next::Leg))
    }

    /// The CA refused.
    pub(super) async fn failed(&self, voyage: &mut Voyage, octets: &[u8], reason: Reason) -> Result<Next, Refusal> {
        let mut unit = self.answered(voyage, octets);
        if voyage.case_state.after(Event::Fail).is_ok() {
            unit = self.moved(unit, voyage, Event::Fail);
            unit = free_code(unit, voyage);
            unit.push(Row::ExplainCase { case: voyage.case(), code: reason.code.name(), text: reason.text.clone() });
        } else {
            alarm(voyage, &reason.text);
        }
        unit.push(
            self.leaf(LeafKind::AnswerRecorded, &format!("authority:{}", voyage.authority.name()))
                .case(voyage.case())
                .plain("outcome", "refused"),
        );
        let unit = self.submission_row(unit, voyage, SubmissionState::Ended, None, None);
        let reply = self.claim(voyage);
        let outcome = voyage.told(octets, Outcome::Refused(reason));
        self.land(voyage, unit, outcome, reply).await
    }

    /// The CA revoked, now or before.
    pub(super) async fn revoked(
        &self,
        voyage: &mut Voyage,
        octets: &[u8],
        before: Option<Reason>,
    ) -> Result<Next, Refusal> {
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
        let outcome = voyage.told(octets, before.map_or(Outcome::Revoked, Outcome::Refused));
        self.land(voyage, unit, outcome, reply).await
    }

    /// Nobody can tell from here what the CA did.
    pub(super) async fn doubt(&self, voyage: &mut Voyage, octets: &[u8], fault: &str) -> Result<Next, Refusal> {
        alarm(voyage, fault);
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

    pub(super) fn confirmed_rows(&self, unit: Unit, voyage: &mut Voyage) -> Unit {
        let mut unit = self.moved(unit, voyage, Event::Confirm);
        if let Some(certificate) = voyage.party.about {
            unit.push(Row::MarkCertificate { certificate, status: CertificateStatus::Renewed, at: self.now() });
        }
        unit
    }

    pub(super) fn certificate_row(&self, voyage: &Voyage, certificate: &Certificate, status: CertificateStatus) -> Row {
        Row::AddCertificate(Box::new(NewCertificate {
            id: CertificateId::new(self.now(), self.random.as_ref()),
            case: voyage.case(),
            profile: voyage.party.profile.clone(),
            issuer: certificate.issuer().canonical(),
            serial: certificate.serial().to_vec(),
            subject: certificate.subject().canonical(),
            hash: certificate.hash(),
            key_print: *certificate.public_key().print().as_bytes(),
            der: certificate.der().to_vec(),
            not_after: certificate.not_after(),
            status,
            at: self.now(),
        }))
    }

    pub(super) async fn certificate_of(&self, voyage: &Voyage) -> Result<(CertificateId, Certificate), Refusal> {
        let row = self.store.certificate_of_case(voyage.case()).await.map_err(Refusal::store)?;
        let row = row.ok_or_else(|| Refusal::store("the certificate of a case is not there"))?;
        Ok((row.id, Certificate::parse(&row.der).map_err(Refusal::store)?))
    }
}

fn alarm(voyage: &Voyage, text: &str) {
    tracing::error!(case = %voyage.case(), authority = voyage.authority.name(), text, "an officer must look at this case");
}

fn free_code(unit: Unit, voyage: &Voyage) -> Unit {
    match voyage.party.code {
        Some(code) => unit.with(Row::FreeCode { code, case: voyage.case() }),
        None => unit,
    }
}

fn issued_outcome(voyage: &Voyage, certificate: &Certificate, confirm_by: Option<Millis>) -> Outcome {
    Outcome::Issued(Issued {
        certificate: certificate.der().to_vec(),
        chain: voyage.authority.chain().iter().map(|ca| ca.der().to_vec()).collect(),
        confirm_by,
        modified: voyage.party.asked.differs(certificate),
    })
}

/// How long a CA waits that does not say (RFC 9810 section 5.1.1.2 leaves it open).
const ASSUMED_CONFIRM_TIME: i64 = 300_000;

/// What our way to the CA may take at the end of its time.
const CONFIRM_MARGIN: i64 = 30_000;
