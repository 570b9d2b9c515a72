//! The end of a certificate: rr from its holder (RFC 9483 section 4.2), or an officer's word.

use std::sync::Arc;

use certs::Certificate;

use super::asked::Asked;
use super::enrol::walk;
use super::facts::revocation_facts;
use super::forwarding::family;
use super::identify::Identified;
use super::recording::{Opening, sha256};
use super::request::{Answered, Reply, RevocationRequest};
use super::voyage::{Party, Voyage};
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{CaseId, Event, Family, Kind, Outcome, Reason, ReasonCode, RequestForm, State};
use crate::rules::{Verdict, rule};
use crate::store::{CertificateRow, CertificateStatus, NewCase, Row, Unit};
use crate::upstream::{Order, Vouching};

impl Registrar {
    /// Decides on a request to revoke and, when it is approved, brings the answer of the CA.
    pub async fn revoke(
        &self,
        who: &Identified,
        request: RevocationRequest,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let known = self.named_certificate(&request.issuer, &request.serial).await?;
        let Some(row) = known else {
            return self
                .turn_down(who, request, ReasonCode::BadCertificateId, "no such certificate came from here", reply)
                .await;
        };
        let profile = who.profile().ok_or_else(|| Refusal::UnknownProfile(who.profile.clone()))?;
        let authority = self.authority(&profile.authority)?;
        // RFC 9483 section 5.1.3: who asks for others must be allowed to for this very certificate; and only the CA that issued
        // it can revoke it, whatever profile is asked.
        if !authority.chain().first().is_some_and(|issuer| issuer.subject().matches(&request.issuer)) {
            let text =
                "the certificate was not issued by the CA of this profile; ask under the profile that it came from";
            return self.turn_down(who, request, ReasonCode::BadCertificateId, text, reply).await;
        }
        if !authority.takes().revocations {
            let text = "the CA of this profile takes no revocation from here; ask the CA itself";
            return self.turn_down(who, request, ReasonCode::Authority, text, reply).await;
        }
        if who.is_registration_authority() && row.profile != who.profile {
            let text = "a registration authority revokes under the profile that the certificate came from";
            return self.turn_down(who, request, ReasonCode::NotAuthorized, text, reply).await;
        }
        if row.status == CertificateStatus::Revoked {
            return self
                .turn_down(who, request, ReasonCode::AlreadyRevoked, "the certificate is revoked already", reply)
                .await;
        }
        self.check_standing(who).await?;
        let facts = revocation_facts(who, &request, &row, row.not_after < self.now());
        let ruling = rule(profile, &facts);
        if ruling.verdict != Verdict::Pass {
            let (code, text) = ruling.reason();
            return self.turn_down(who, request, code, &text, reply).await;
        }
        self.check_capacity()?;
        let certificate = Certificate::parse(&row.der).map_err(Refusal::store)?;
        let fresh = self.fresh();
        let family = family(profile, who, Kind::Revoke, &request.message, authority.as_ref());
        let order = if family.is_relayed() {
            Order::Relay { message: &request.message.octets, family, vouching: Vouching::default() }
        } else {
            Order::Revoke { issuer: certificate.issuer(), serial: certificate.serial(), reason: request.reason }
        };
        let message = authority.compose(order, fresh).await.map_err(Refusal::away)?;
        let state = walk(&[Event::Approve, Event::Submit])?;
        let case = self.revocation_case(who, &request, Some(&row));
        let id = case.id;
        let exchange = self.exchange(who, &request.message, Some(id), family, true);
        let party = Party {
            case: id,
            kind: Kind::Revoke,
            door: request.door,
            profile: who.profile.clone(),
            expected: None,
            asked: Asked::default(),
            about: Some(row.id),
            code: None,
        };
        let submission = self.submission(id, authority.name(), fresh, Some(&exchange));
        let voyage = Voyage::begin(&submission, party, authority, message, Some(exchange.clone()));
        let opening = Opening {
            decision: self.decision(id, who, &ruling, &facts)?,
            leaf: self.decision_leaf(id, who, &ruling, family, &request.message.octets),
            case,
            exchange: exchange.clone(),
            message: request.message,
            code: None,
            profile: None,
            asked: Asked::default(),
            ordered: None,
        };
        let unit = self.submission_rows(self.opening_rows(opening, state), submission, &voyage);
        let flight = self.flights.take_off(id, Some(Arc::clone(&reply)));
        if let Err(fault) = self.commit_opening(unit, state).await {
            self.flights.forget(id, &flight);
            return Err(fault);
        }
        self.set_out(voyage, &flight, exchange, reply).await
    }

    /// A refusal that is recorded as a case of its own.
    async fn turn_down(
        &self,
        who: &Identified,
        request: RevocationRequest,
        code: ReasonCode,
        text: &str,
        reply: Arc<dyn Reply>,
    ) -> Result<Answered, Refusal> {
        let outcome = Outcome::Refused(Reason { code, text: text.to_owned() });
        let finished = reply.reply(&outcome).await.map_err(Refusal::away)?;
        let case = self.revocation_case(who, &request, None);
        let exchange = self.exchange(who, &request.message, Some(case.id), Family::Terminated, true);
        let leaf = self
            .leaf(LeafKind::Decision, who.requester.credential.as_str())
            .case(case.id)
            .plain("verdict", Verdict::Refuse.name())
            .plain("reason", code.name())
            .hash("message", sha256(&request.message.octets));
        let id = case.id;
        let unit = Unit::new()
            .with(Row::OpenCase(Box::new(NewCase { state: walk(&[Event::Refuse])?, ..case })))
            .with(Row::OpenExchange(Box::new(exchange.clone())))
            .with(self.request_message(&exchange, &request.message))
            .with(Row::ExplainCase { case: id, code: code.name(), text: text.to_owned() })
            .with(Row::Leaf(leaf));
        let unit = self.answer_rows(unit, &exchange, &outcome, &finished);
        self.commit_opening(unit, State::Refused).await?;
        Ok(Answered { outcome: Some(outcome), octets: finished.octets })
    }

    fn revocation_case(&self, who: &Identified, request: &RevocationRequest, row: Option<&CertificateRow>) -> NewCase {
        NewCase {
            id: CaseId::new(self.now(), self.random.as_ref()),
            kind: Kind::Revoke,
            state: State::Received,
            door: request.door,
            profile: who.profile.clone(),
            requester: who.requester.clone(),
            join_key: None,
            request: request.request.clone(),
            form: RequestForm::Revocation,
            key_print: None,
            public_key: None,
            subject: None,
            subject_text: format!("serial {} of {}", hex::encode(&request.serial), request.issuer),
            alt_names: None,
            about: row.map(|row| row.id),
            rule_set: *who.rules.hash(),
            created_at: self.now(),
        }
    }
}
