//! What officers look at besides single cases: the work that waits, the log, and who did what.

use std::collections::BTreeMap;

use serde::Serialize;
use tlog::Canonical;

use super::hand::Hand;
use super::session::OnDuty;
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{CaseId, CredentialId, State};
use crate::duty::Act;

/// The open cases that stand in one state.
#[derive(Clone, Copy, Debug)]
pub struct QueueView {
    /// The state.
    pub state: State,
    /// How many.
    pub cases: u64,
    /// When the oldest of them came, UTC milliseconds.
    pub oldest: i64,
}

/// A leaf of the audit log as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct LeafView {
    /// Its place in the tree.
    pub number: u64,
    /// When, UTC milliseconds.
    pub at: i64,
    /// What.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// The case, where it is about one.
    pub case: Option<String>,
    /// What else it says that is no commitment.
    pub facts: Vec<(String, String)>,
}

impl Registrar {
    /// Whether an officer may do this; what is not his to do stands in the log.
    pub async fn permit_officer(&self, officer: &OnDuty, act: Act) -> Result<(), Refusal> {
        self.permit(&Hand::Officer(officer.clone()), act).await
    }

    /// Records that the configuration lets one person alone get a certificate issued, and why.
    pub async fn note_lone_path(&self, path: &str, reason: &str) -> Result<(), Refusal> {
        self.note(self.leaf(LeafKind::ConfigurationLoaded, "house:cli").plain("alone", path).plain("reason", reason))
            .await
    }

    /// The work that waits, by state.
    pub async fn queues(&self) -> Result<Vec<QueueView>, Refusal> {
        let rows = self.store.queues().await.map_err(Refusal::store)?;
        Ok(rows.into_iter().map(|row| QueueView { state: row.state, cases: row.cases, oldest: row.oldest.0 }).collect())
    }

    /// The names of all officers that ever were, by what stands for them in records.
    pub async fn officer_names(&self) -> Result<BTreeMap<String, String>, Refusal> {
        let rows = self.store.officers().await.map_err(Refusal::store)?;
        Ok(rows.into_iter().map(|row| (CredentialId::officer(row.id).to_string(), row.name.to_string())).collect())
    }

    /// The names of the active profiles.
    #[must_use]
    pub fn profile_names(&self) -> Vec<String> {
        self.rules.load().profiles().map(|(name, _)| name.to_owned()).collect()
    }

    /// What the log says of a case, in the order of the tree. What came within the last second may not have its place yet.
    pub async fn case_log(&self, case: CaseId) -> Result<Vec<LeafView>, Refusal> {
        let rows = self.store.leaves_naming(case).await.map_err(Refusal::store)?;
        let mut found = Vec::new();
        for row in rows {
            let read = Canonical::parse(&row.canonical).map_err(Refusal::store)?;
            if read.case() == Some(case.as_bytes()) {
                found.push(LeafView::of(row.number, &read));
            }
        }
        Ok(found)
    }

    /// A page of the log, newest first: so many leaves below this number, or the newest.
    pub async fn log_page(&self, below: Option<u64>, limit: u32) -> Result<Vec<LeafView>, Refusal> {
        let size = self.store.log_size().await.map_err(Refusal::store)?;
        let end = below.unwrap_or(size).min(size);
        let from = end.saturating_sub(limit.into());
        let count = u32::try_from(end - from).unwrap_or(limit);
        let entries = self.store.log_entries(from, count).await.map_err(Refusal::store)?;
        let mut found = Vec::new();
        for (number, canonical) in (from..).zip(entries) {
            found.push(LeafView::of(number, &Canonical::parse(&canonical).map_err(Refusal::store)?));
        }
        found.reverse();
        Ok(found)
    }
}

impl LeafView {
    fn of(number: u64, read: &Canonical) -> Self {
        let fact = |fact: &tlog::Fact| Some((fact.name().to_owned(), fact.text()?.to_owned()));
        Self {
            number,
            at: read.at(),
            kind: read.kind().to_owned(),
            actor: read.actor().to_owned(),
            case: read.case().map(hex::encode),
            facts: read.facts().iter().filter_map(fact).collect(),
        }
    }
}
