//! Decisions by people: approve and refuse a case that the rules left to an officer. An approval enters the same path as a
//! device's, at the forwarding step; there is no second way to issue (DESIGN section 1 (b)).

use super::forwarding::Forwarding;
use super::hand::Hand;
use super::voyage::Voyage;
use super::{Refusal, Registrar};
use crate::audit::{Leaf, LeafKind};
use crate::case::{CaseId, CredentialId, Event, Kind, ReasonCode, RequestForm, State};
use crate::duty::Act;
use crate::rules::{Facts, Verdict, rule};
use crate::store::{CaseRow, NewDecision, NewSubmission, Row, Unit};

impl Registrar {
    /// An officer approves a case. The rules run again on its recorded facts first.
    pub async fn approve(&self, case: CaseId, officer: &Hand) -> Result<State, Refusal> {
        self.permit(officer, Act::Approve).await?;
        let case = self.checked(case).await?;
        self.check_not_own(&case, officer).await?;
        let facts = self.recorded_facts(&case).await?;
        let rules = self.rules_of(&case).await?;
        let profile = rules.profile(&case.profile).ok_or_else(|| Refusal::UnknownProfile(case.profile.clone()))?;
        if rule(profile, &facts).verdict == Verdict::Refuse {
            return Err(Refusal::OutOfPlace("the rules refuse this case; it cannot be approved"));
        }
        let unit = Unit::new()
            .with(Row::Decide(Box::new(self.officers_decision(&case, officer, &facts, Verdict::Pass)?)))
            .with(Row::MoveCase { case: case.id, from: case.state, event: Event::Approve, at: self.now() })
            .with(Row::Leaf(self.officers_leaf(&case, officer, "approved")));
        self.store.commit(unit).await.map_err(Refusal::store)?;
        self.metrics.reached(State::Approved);
        if case.form == RequestForm::ServerKey {
            // Its key is made when the requester is here again (DESIGN rule 8).
            return Ok(State::Approved);
        }
        // The key may be away; then the case stays approved and a worker sends it when the key is back (DESIGN rule 9).
        match self.send_approved(case.id).await {
            Ok(state) => Ok(state),
            Err(Refusal::Unavailable { cause, .. }) => {
                tracing::warn!(case = %case.id, cause, "approved; it is sent when the key and the queue allow");
                Ok(State::Approved)
            }
            Err(other) => Err(other),
        }
    }

    /// An officer refuses a case. The text is for the requester.
    pub async fn refuse_case(&self, case: CaseId, officer: &Hand, text: &str) -> Result<State, Refusal> {
        self.permit(officer, Act::Refuse).await?;
        let case = self.checked(case).await?;
        let facts = self.recorded_facts(&case).await?;
        let unit = Unit::new()
            .with(Row::Decide(Box::new(self.officers_decision(&case, officer, &facts, Verdict::Refuse)?)))
            .with(Row::MoveCase { case: case.id, from: case.state, event: Event::Refuse, at: self.now() })
            .with(Row::ExplainCase { case: case.id, code: ReasonCode::NotAuthorized.name(), text: text.to_owned() })
            .with(Row::Leaf(self.officers_leaf(&case, officer, "refused")));
        self.store.commit(unit).await.map_err(Refusal::store)?;
        self.metrics.reached(State::Refused);
        Ok(State::Refused)
    }

    /// Signs and sends a case that is approved.
    pub(super) async fn send_approved(&self, case: CaseId) -> Result<State, Refusal> {
        self.check_capacity()?;
        let case = self.recorded_case(case).await?;
        let rules = self.rules_of(&case).await?;
        let profile = rules.profile(&case.profile).ok_or_else(|| Refusal::UnknownProfile(case.profile.clone()))?;
        let authority = self.authority(&profile.authority)?;
        let exchange = self.exchange_of(&case).await?;
        // A requester that waits for an officer cannot confirm in the CA's time: the CA is confirmed at once.
        let fresh = self.fresh();
        let received = match &exchange {
            Some(exchange) => self.store.first_request(exchange.id).await.map_err(Refusal::store)?,
            None => None,
        };
        let received = received.unwrap_or_default();
        let asked = Forwarding { form: case.form, request: &case.request, message: &received, implicit: true };
        let order = asked.order(profile, exchange.as_ref())?;
        let message = authority.compose(order, fresh).await.map_err(Refusal::away)?;
        let submission =
            NewSubmission { implicit: true, ..self.submission(case.id, authority.name(), fresh, exchange.as_ref()) };
        let voyage = Voyage::begin(&submission, self.party_of(&case).await?, authority, message, exchange);
        let at = self.now();
        let mut unit = Unit::new();
        for (from, event) in [(State::Approved, Event::Prepare), (State::Ready, Event::Submit)] {
            unit.push(Row::MoveCase { case: case.id, from, event, at });
        }
        let leaf = self.leaf(LeafKind::SubmissionRecorded, "house:registrar").case(case.id);
        let unit = self.submission_rows(unit, submission, &voyage).with(Row::Leaf(leaf));
        self.store.commit(unit).await.map_err(Refusal::store)?;
        self.flights.take_off(case.id, None);
        let registrar = self.clone();
        tokio::spawn(async move { registrar.drive(voyage).await });
        Ok(State::Submitted)
    }

    async fn checked(&self, case: CaseId) -> Result<CaseRow, Refusal> {
        let case = self.recorded_case(case).await?;
        match (case.state, case.kind) {
            (State::Checked, Kind::Issue | Kind::Renew | Kind::Rekey) => Ok(case),
            _ => Err(Refusal::OutOfPlace("only a case that is checked waits for an officer's decision")),
        }
    }

    /// Nobody approves what he began: who made the code that a request came with has approved it once (DESIGN rule 6). At the control
    /// socket there is one name for all, and no officer yet.
    async fn check_not_own(&self, case: &CaseRow, officer: &Hand) -> Result<(), Refusal> {
        let (Hand::Officer(officer), Some(code)) = (officer, case.requester.credential.as_code()) else {
            return Ok(());
        };
        let code = self.store.code_by_id(code).await.map_err(Refusal::store)?;
        let own = CredentialId::officer(officer.id());
        if code.is_some_and(|code| code.created_by == own.as_str()) {
            return Err(Refusal::OutOfPlace(
                "you made the code that this request came with: another officer must decide",
            ));
        }
        Ok(())
    }

    pub(super) async fn recorded_case(&self, case: CaseId) -> Result<CaseRow, Refusal> {
        let found = self.store.case_by_id(case).await.map_err(Refusal::store)?;
        found.ok_or(Refusal::OutOfPlace("there is no such case"))
    }

    pub(super) async fn recorded_facts(&self, case: &CaseRow) -> Result<Facts, Refusal> {
        let decisions = self.store.decisions(case.id).await.map_err(Refusal::store)?;
        let first = decisions.first().ok_or_else(|| Refusal::store("a checked case has no recorded ruling"))?;
        serde_json::from_str(&first.facts).map_err(Refusal::store)
    }

    fn officers_decision(
        &self,
        case: &CaseRow,
        officer: &Hand,
        facts: &Facts,
        verdict: Verdict,
    ) -> Result<NewDecision, Refusal> {
        Ok(NewDecision {
            case: case.id,
            actor: officer.credential().to_string(),
            facts: serde_json::to_string(facts).map_err(Refusal::away)?,
            findings: "[]".to_owned(),
            verdict: verdict.name(),
            rule_set: case.rule_set,
            at: self.now(),
        })
    }

    fn officers_leaf(&self, case: &CaseRow, officer: &Hand, what: &str) -> Leaf {
        self.leaf_by(LeafKind::Decision, officer).case(case.id).plain("verdict", what)
    }
}
