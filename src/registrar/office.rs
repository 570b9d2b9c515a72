//! What staff and machines may look at: cases with their decisions, and whether this node can serve.

use serde::Serialize;

use super::{Refusal, Registrar};
use crate::case::{CaseId, State};
use crate::store::CaseRow;

/// A case as it is shown.
#[derive(Debug, Serialize)]
pub struct CaseView {
    /// Its identifier.
    pub id: String,
    /// What it asks for.
    pub kind: String,
    /// Where it stands.
    pub state: String,
    /// The door.
    pub door: String,
    /// The profile.
    pub profile: String,
    /// How the requester is named.
    pub requester: String,
    /// What it proved itself with.
    pub credential: String,
    /// The subject.
    pub subject: String,
    /// SHA-256 of the rule set.
    pub rule_set: String,
    /// When it arrived, UTC milliseconds.
    pub created_at: i64,
    /// When it moved last, UTC milliseconds.
    pub changed_at: i64,
    /// Why it was refused, where it was.
    pub reason: Option<String>,
    /// Its decisions, oldest first; only where one case is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecisionView>,
    /// The certificate it brought, PEM; only where one case is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A decision as it is shown.
#[derive(Debug, Serialize)]
pub struct DecisionView {
    /// Who decided.
    pub actor: String,
    /// `pass`, `vet` or `refuse`.
    pub verdict: String,
    /// What was found, JSON.
    pub findings: String,
    /// The facts judged, JSON.
    pub facts: String,
    /// When, UTC milliseconds.
    pub at: i64,
}

/// Whether this node can serve, part by part.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "one answer for each part, shown by its name")]
pub struct Readiness {
    /// The database answers.
    pub database: bool,
    /// The RA key can sign.
    pub hsm: bool,
    /// Enrolment secrets can be read: the token has unwrapped the data key since the start.
    pub data_key: bool,
    /// No more submissions wait than the limit.
    pub upstream: bool,
    /// No audit leaf waits longer for its number, or for a signed checkpoint, than it may, and the log holds what was signed before.
    pub audit: bool,
}

impl Readiness {
    /// Whether every part is ready.
    #[must_use]
    pub const fn all(&self) -> bool {
        self.database && self.hsm && self.data_key && self.upstream && self.audit
    }
}

impl Registrar {
    /// Whether this node can serve.
    pub async fn readiness(&self) -> Readiness {
        let unnumbered = self.store.oldest_unnumbered_leaf().await;
        let oldest_allowed = self.now().plus(-LEAF_AGE);
        Readiness {
            database: unnumbered.is_ok(),
            hsm: self.key_ready.key_ready(),
            data_key: self.secrets.is_open(),
            upstream: self.queue.open() < self.settings.queue_limit,
            audit: unnumbered.is_ok_and(|oldest| oldest.is_none_or(|at| at > oldest_allowed))
                && self.log.as_ref().is_none_or(|log| log.is_signed(self.now())),
        }
    }

    /// The newest cases, all or in one state.
    pub async fn cases(&self, state: Option<State>, limit: u32) -> Result<Vec<CaseView>, Refusal> {
        let rows = self.store.cases(state, limit).await.map_err(Refusal::store)?;
        Ok(rows.into_iter().map(CaseView::from).collect())
    }

    /// One case with its decisions and its certificate.
    pub async fn case(&self, case: CaseId) -> Result<CaseView, Refusal> {
        let row = self.recorded_case(case).await?;
        let decisions = self.store.decisions(case).await.map_err(Refusal::store)?;
        let certificate = self.store.certificate_of_case(case).await.map_err(Refusal::store)?;
        let pem = certificate.and_then(|row| certs::Certificate::parse(&row.der).ok()).map(|found| found.to_pem());
        Ok(CaseView {
            decisions: decisions
                .into_iter()
                .map(|row| DecisionView {
                    actor: row.actor,
                    verdict: row.verdict,
                    findings: row.findings,
                    facts: row.facts,
                    at: row.at.0,
                })
                .collect(),
            certificate: pem,
            ..CaseView::from(row)
        })
    }
}

impl From<CaseRow> for CaseView {
    fn from(row: CaseRow) -> Self {
        Self {
            id: row.id.to_string(),
            kind: row.kind.to_string(),
            state: row.state.to_string(),
            door: row.door.to_string(),
            profile: row.profile,
            requester: row.requester.name,
            credential: row.requester.credential.to_string(),
            subject: row.subject_text,
            rule_set: hex::encode(row.rule_set),
            created_at: row.created_at.0,
            changed_at: row.changed_at.0,
            reason: row.reason_text,
            decisions: Vec::new(),
            certificate: None,
        }
    }
}

/// DESIGN rule 7: an unnumbered leaf older than this turns `/readyz` red.
const LEAF_AGE: i64 = 10_000;
