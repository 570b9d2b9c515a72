//! From recorded cases back to outcomes and voyages.

use std::sync::Arc;

use certs::Certificate;

use super::asked::Asked;
use super::voyage::{Party, Voyage, expected};
use super::{Refusal, Registrar};
use crate::case::{Exchange, ExchangeState, Issued, Kind, Outcome, Reason, ReasonCode, State, SubmissionState};
use crate::rules::RuleSet;
use crate::store::{CaseRow, SubmissionRow};

impl Registrar {
    /// What a case came to; none while it is open.
    pub(super) async fn outcome_of(
        &self,
        case: &CaseRow,
        exchange: Option<&Exchange>,
    ) -> Result<Option<Outcome>, Refusal> {
        Ok(match case.state {
            State::Received
            | State::Authenticated
            | State::Checked
            | State::Approved
            | State::Ready
            | State::Submitted
            | State::Waiting
            | State::Undecided => None,
            State::Issued | State::Confirmed | State::HandedOver | State::Archived => {
                Some(self.issued_of(case, exchange).await?)
            }
            State::Revoked | State::Published => Some(Outcome::Revoked),
            State::Withheld => Some(Outcome::Refused(Reason {
                code: ReasonCode::Withheld,
                text: "the CA's certificate is not the one that was approved; it is withheld".to_owned(),
            })),
            State::Returned | State::Refused | State::Withdrawn | State::Lapsed | State::Rejected | State::Failed => {
                let code = case.reason_code.as_deref().and_then(ReasonCode::named).unwrap_or(ReasonCode::NotAuthorized);
                let text = case.reason_text.clone().unwrap_or_else(|| format!("the case is {}", case.state));
                Some(Outcome::Refused(Reason { code, text }))
            }
        })
    }

    async fn issued_of(&self, case: &CaseRow, exchange: Option<&Exchange>) -> Result<Outcome, Refusal> {
        let row = self.store.certificate_of_case(case.id).await.map_err(Refusal::store)?;
        let row = row.ok_or_else(|| Refusal::store("the certificate of an issued case is not there"))?;
        let confirms = exchange.is_some_and(|exchange| !exchange.implicit);
        let told = exchange.filter(|exchange| exchange.state == ExchangeState::Confirming);
        let confirm_by = match (confirms, told.and_then(|exchange| exchange.deadline)) {
            (false, _) => None,
            (true, Some(deadline)) => Some(deadline),
            (true, None) => {
                let ours = self.now().plus(self.confirm_time(&case.profile));
                let submission = self.store.submission_of_case(case.id).await.map_err(Refusal::store)?;
                // Only a CA that still waits sets an end to it.
                let awaited = submission.filter(|found| found.state == SubmissionState::AwaitingConfirmation);
                Some(awaited.and_then(|found| found.deadline).map_or(ours, |theirs| ours.min(theirs)))
            }
        };
        let profile = self.rules.load().profile(&case.profile).cloned();
        let chain = profile.map(|profile| self.ca_certificates(&profile)).unwrap_or_default();
        let certificate = Certificate::parse(&row.der).map_err(Refusal::store)?;
        let modified = Asked::of(&self.recorded_facts(case).await?).differs(&certificate);
        Ok(Outcome::Issued(Issued { certificate: row.der, chain, confirm_by, modified }))
    }

    /// The rule set a case was judged under, read back from the store when it is not the active one.
    pub(super) async fn rules_of(&self, case: &CaseRow) -> Result<Arc<RuleSet>, Refusal> {
        let active = self.rules.load_full();
        if *active.hash() == case.rule_set {
            return Ok(active);
        }
        let text = self.store.rule_set(&case.rule_set).await.map_err(Refusal::store)?;
        let text = text.ok_or_else(|| Refusal::store("the rule set of a case is not there"))?;
        RuleSet::from_recorded(&text, case.rule_set).map(Arc::new).map_err(Refusal::store)
    }

    /// The party of a recorded case.
    pub(super) async fn party_of(&self, case: &CaseRow) -> Result<Party, Refusal> {
        let rules = self.rules_of(case).await?;
        let profile = rules.profile(&case.profile).ok_or_else(|| Refusal::UnknownProfile(case.profile.clone()))?;
        Ok(Party {
            case: case.id,
            kind: case.kind,
            door: case.door,
            profile: case.profile.clone(),
            expected: expected(
                profile,
                case.kind,
                case.public_key.as_deref(),
                case.subject.as_deref(),
                case.alt_names.as_deref(),
            )?,
            asked: match case.kind {
                Kind::Revoke => Asked::default(),
                Kind::Issue | Kind::Renew | Kind::Rekey => Asked::of(&self.recorded_facts(case).await?),
            },
            about: case.about,
            code: case.requester.credential.as_code(),
        })
    }

    /// The exchange that a case is answered through: its newest.
    pub(super) async fn exchange_of(&self, case: &CaseRow) -> Result<Option<Exchange>, Refusal> {
        Ok(self.store.exchanges_of_case(case.id).await.map_err(Refusal::store)?.into_iter().last())
    }

    /// A recorded submission, ready to be carried on.
    pub(super) async fn voyage_of(&self, submission: SubmissionRow) -> Result<Voyage, Refusal> {
        let case = self.store.case_by_id(submission.case).await.map_err(Refusal::store)?;
        let case = case.ok_or_else(|| Refusal::store("the case of a submission is not there"))?;
        let messages = self.store.sent_messages(submission.id).await.map_err(Refusal::store)?;
        let authority = self.authority(&submission.authority)?;
        // What is polled for is the answer to the newest message that was no pollReq.
        let request = messages.iter().rev().find(|message| !authority.is_poll(message));
        let (Some(request), Some(sent)) = (request, messages.last()) else {
            return Err(Refusal::store("a submission has no recorded message"));
        };
        Ok(Voyage {
            submission: submission.id,
            state: submission.state,
            step: submission.step,
            recorded_step: submission.step,
            party: self.party_of(&case).await?,
            request: request.clone(),
            sent: sent.clone(),
            authority,
            transaction: submission.transaction,
            case_state: case.state,
            counted: case.state,
            attempts: submission.attempts,
            exchange: self.exchange_of(&case).await?,
        })
    }
}
