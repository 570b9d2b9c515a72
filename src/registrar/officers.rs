//! Who the officers are: one administrator proposes, another confirms; one shuts out, at once; and all are gone through now and then.

use certs::Certificate;
use serde::Serialize;
use time::macros::format_description;

use super::hand::Hand;
use super::session::OnDuty;
use super::{Refusal, Registrar};
use crate::audit::LeafKind;
use crate::case::{Millis, OfficerId};
use crate::duty::{Act, Jobs, OfficerName, OfficerState};
use crate::store::{CommitError, NewOfficer, OfficerChange, OfficerRow, QualificationRow, ReviewRow, Row, Unit};

/// Somebody who is to be an officer.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The name.
    pub name: OfficerName,
    /// The jobs.
    pub jobs: Jobs,
    /// The certificate that he will log in with, and what leads from it to the officers' anchors.
    pub chain: Vec<Certificate>,
    /// What he has learned.
    pub learned: Vec<Learned>,
}

/// A course that somebody passed.
#[derive(Clone, Debug)]
pub struct Learned {
    /// Its name, as `[officers] qualifications` has it.
    pub course: String,
    /// When.
    pub passed_at: Millis,
    /// Until when it is proof; none: for ever.
    pub valid_until: Option<Millis>,
}

impl Learned {
    /// A course with its days, as people write them: `2026-03-21`.
    ///
    /// # Errors
    /// A text that tells which day is none.
    pub fn read(course: &str, passed: &str, valid_until: Option<&str>) -> Result<Self, String> {
        Ok(Self { course: course.to_owned(), passed_at: day(passed)?, valid_until: valid_until.map(day).transpose()? })
    }
}

/// The begin of a day in UTC.
fn day(text: &str) -> Result<Millis, String> {
    let date = time::Date::parse(text.trim(), format_description!("[year]-[month]-[day]"));
    let date = date.map_err(|_| format!("'{}' is no day such as 2026-03-21", text.trim()))?;
    Ok(Millis(date.midnight().assume_utc().unix_timestamp() * 1000))
}

/// An officer as he is shown.
#[derive(Clone, Debug, Serialize)]
pub struct OfficerView {
    /// The identifier.
    pub id: String,
    /// The name.
    pub name: String,
    /// The jobs.
    pub jobs: Vec<&'static str>,
    /// `proposed`, `active` or `disabled`.
    pub state: &'static str,
    /// SHA-256 of the certificate.
    pub certificate: String,
    /// Its subject.
    pub subject: String,
    /// Who proposed him, by identifier.
    pub proposed_by: Option<String>,
    /// When he began or ended, UTC milliseconds.
    pub changed_at: i64,
    /// When he was at work last, UTC milliseconds.
    pub seen_at: Option<i64>,
    /// What he has learned.
    pub learned: Vec<LearnedView>,
}

/// A course that an officer passed, as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct LearnedView {
    /// Its name.
    pub course: String,
    /// When, UTC milliseconds.
    pub passed_at: i64,
    /// Until when it is proof, UTC milliseconds.
    pub valid_until: Option<i64>,
}

/// All officers, and when they were gone through.
#[derive(Clone, Debug, Serialize)]
pub struct Roster {
    /// The officers, the first ones first.
    pub officers: Vec<OfficerView>,
    /// When they were gone through last, UTC milliseconds.
    pub reviewed_at: Option<i64>,
    /// Whether it is time to do it again.
    pub review_due: bool,
}

impl Registrar {
    /// All officers that ever were.
    pub async fn roster(&self, by: &OnDuty) -> Result<Roster, Refusal> {
        self.permit(&Hand::Officer(by.clone()), Act::SeeOfficers).await?;
        let rows = self.store.officers().await.map_err(Refusal::store)?;
        let learned = self.store.qualifications(None).await.map_err(Refusal::store)?;
        let reviewed_at = self.store.newest_review().await.map_err(Refusal::store)?.map(|review| review.at);
        let since = reviewed_at.or(rows.first().map(|first| first.proposed_at)).unwrap_or(self.now());
        let view = |row: OfficerRow| {
            let own = learned.iter().filter(|learned| learned.officer == row.id);
            let learned = own.map(LearnedView::from).collect();
            OfficerView { learned, ..OfficerView::from(row) }
        };
        Ok(Roster {
            officers: rows.into_iter().map(view).collect(),
            reviewed_at: reviewed_at.map(|at| at.0),
            review_due: self.now().0 - since.0 > self.settings.officers.review,
        })
    }

    /// Proposes an officer. Another administrator must confirm before he can log in.
    pub async fn propose_officer(&self, by: &OnDuty, candidate: Candidate) -> Result<OfficerId, Refusal> {
        let hand = Hand::Officer(by.clone());
        self.permit(&hand, Act::ProposeOfficer).await?;
        self.check_officer_path(&candidate.chain)
            .map_err(|fault| Refusal::input(format!("the certificate: {fault}")))?;
        let id = OfficerId::new(self.random.as_ref());
        let leaf = self
            .leaf_by(LeafKind::OfficerAction, &hand)
            .plain("act", Act::ProposeOfficer.name())
            .plain("about", &id.to_string())
            .plain("jobs", &candidate.jobs.to_string())
            .personal("name", candidate.name.as_str(), self.random.as_ref());
        let mut unit = Unit::new();
        for change in joining(id, candidate, Some(by.id()), self.now())? {
            unit.push(Row::Officer(change));
        }
        match self.store.commit(unit.with(Row::Leaf(leaf))).await {
            Ok(()) => Ok(id),
            Err(CommitError::Conflict(_)) => {
                Err(Refusal::input("the certificate is that of an officer who is not disabled".to_owned()))
            }
            Err(fault) => Err(Refusal::store(fault)),
        }
    }

    /// Confirms an officer whom another administrator proposed.
    pub async fn confirm_officer(&self, by: &OnDuty, officer: OfficerId) -> Result<(), Refusal> {
        let change = OfficerChange::Confirm { officer, by: by.id(), at: self.now() };
        let text = "only an officer whom another administrator proposed can be confirmed";
        self.change_officer(by, Act::ConfirmOfficer, officer, change, text).await
    }

    /// Shuts an officer out: his sessions end now.
    pub async fn disable_officer(&self, by: &OnDuty, officer: OfficerId) -> Result<(), Refusal> {
        if by.id() == officer {
            return Err(Refusal::OutOfPlace("nobody shuts himself out: another administrator does"));
        }
        let change = OfficerChange::Disable { officer, by: by.id(), at: self.now() };
        self.change_officer(by, Act::DisableOfficer, officer, change, "there is no such officer to shut out").await
    }

    async fn change_officer(
        &self,
        by: &OnDuty,
        act: Act,
        officer: OfficerId,
        change: OfficerChange,
        otherwise: &'static str,
    ) -> Result<(), Refusal> {
        let hand = Hand::Officer(by.clone());
        self.permit(&hand, act).await?;
        let leaf = self.leaf_by(LeafKind::OfficerAction, &hand).plain("act", act.name());
        let unit = Unit::new().with(Row::Officer(change)).with(Row::Leaf(leaf.plain("about", &officer.to_string())));
        match self.store.commit(unit).await {
            Ok(()) => Ok(()),
            Err(CommitError::Conflict(_)) => Err(Refusal::OutOfPlace(otherwise)),
            Err(fault) => Err(Refusal::store(fault)),
        }
    }

    /// Signs that all officers were gone through, and that those at work should be.
    pub async fn review_officers(&self, by: &OnDuty) -> Result<(), Refusal> {
        let hand = Hand::Officer(by.clone());
        self.permit(&hand, Act::ReviewOfficers).await?;
        let rows = self.store.officers().await.map_err(Refusal::store)?;
        let at_work = rows.iter().filter(|row| row.state == OfficerState::Active).count();
        let review =
            ReviewRow { officer: by.id(), at: self.now(), officers: u32::try_from(at_work).unwrap_or(u32::MAX) };
        let leaf = self
            .leaf_by(LeafKind::OfficerAction, &hand)
            .plain("act", Act::ReviewOfficers.name())
            .plain("officers", &at_work.to_string());
        let unit = Unit::new().with(Row::Officer(OfficerChange::Review(review))).with(Row::Leaf(leaf));
        self.store.commit(unit).await.map_err(Refusal::store)
    }
}

/// What is written of somebody who joins.
pub(super) fn joining(
    id: OfficerId,
    candidate: Candidate,
    proposed_by: Option<OfficerId>,
    at: Millis,
) -> Result<Vec<OfficerChange>, Refusal> {
    let end = candidate.chain.first().ok_or_else(|| Refusal::input("there is no certificate".to_owned()))?;
    let officer = NewOfficer {
        id,
        name: candidate.name,
        jobs: candidate.jobs,
        certificate: end.hash(),
        subject: end.subject().to_string(),
        proposed_by,
        at,
    };
    let learned = candidate.learned.into_iter().map(|learned| {
        OfficerChange::Learn(QualificationRow {
            officer: id,
            course: learned.course,
            passed_at: learned.passed_at,
            valid_until: learned.valid_until,
        })
    });
    Ok(std::iter::once(OfficerChange::Add(officer)).chain(learned).collect())
}

impl From<OfficerRow> for OfficerView {
    fn from(row: OfficerRow) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name.to_string(),
            jobs: row.jobs.iter().map(crate::duty::Job::name).collect(),
            state: row.state.name(),
            certificate: hex::encode(row.certificate),
            subject: row.subject,
            proposed_by: row.proposed_by.map(|by| by.to_string()),
            changed_at: row.changed_at.0,
            seen_at: row.seen_at.map(|at| at.0),
            learned: Vec::new(),
        }
    }
}

impl From<&QualificationRow> for LearnedView {
    fn from(row: &QualificationRow) -> Self {
        Self {
            course: row.course.clone(),
            passed_at: row.passed_at.0,
            valid_until: row.valid_until.map(|until| until.0),
        }
    }
}
