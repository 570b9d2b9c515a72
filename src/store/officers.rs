//! The tables `officer`, `qualification`, `officer_review` and `session`: the people of the office.

use super::columns::Columns;
use super::pen::{Broken, Pen};
use super::values::values;
use super::{Error, Store};
use crate::case::{Millis, OfficerId};
use crate::duty::{Jobs, OfficerName, OfficerState};

/// An officer as the records have him.
#[derive(Clone, Debug)]
pub struct OfficerRow {
    /// The identifier, which the audit log names.
    pub id: OfficerId,
    /// The name.
    pub name: OfficerName,
    /// The jobs.
    pub jobs: Jobs,
    /// SHA-256 of the certificate.
    pub certificate: [u8; 32],
    /// The subject of the certificate.
    pub subject: String,
    /// Where he stands.
    pub state: OfficerState,
    /// Who proposed him; none of the first ones.
    pub proposed_by: Option<OfficerId>,
    /// When.
    pub proposed_at: Millis,
    /// When he began or ended: confirmed, or disabled.
    pub changed_at: Millis,
    /// When he was at work last.
    pub seen_at: Option<Millis>,
}

/// What an officer has learned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QualificationRow {
    /// Whose.
    pub officer: OfficerId,
    /// What.
    pub course: String,
    /// Since when.
    pub passed_at: Millis,
    /// Until when; none: for ever.
    pub valid_until: Option<Millis>,
}

/// Somebody who is logged in.
#[derive(Clone, Copy, Debug)]
pub struct SessionRow {
    /// Who.
    pub officer: OfficerId,
    /// Since when.
    pub began_at: Millis,
    /// When he was heard last, by the minute.
    pub seen_at: Millis,
}

/// That all officers were gone through.
#[derive(Clone, Copy, Debug)]
pub struct ReviewRow {
    /// By whom.
    pub officer: OfficerId,
    /// When.
    pub at: Millis,
    /// How many were at work.
    pub officers: u32,
}

/// An officer that is to be.
#[derive(Clone, Debug)]
pub struct NewOfficer {
    /// The identifier.
    pub id: OfficerId,
    /// The name.
    pub name: OfficerName,
    /// The jobs.
    pub jobs: Jobs,
    /// SHA-256 of the certificate. Conflict: another officer who is not disabled has it.
    pub certificate: [u8; 32],
    /// The subject of the certificate.
    pub subject: String,
    /// Who proposes him; none: one of the first, who are at work at once.
    pub proposed_by: Option<OfficerId>,
    /// When.
    pub at: Millis,
}

/// A change among the officers.
#[derive(Clone, Debug)]
pub enum OfficerChange {
    /// A new one, proposed, or at work where nobody proposed him.
    Add(NewOfficer),
    /// What one of them has learned.
    Learn(QualificationRow),
    /// A proposed one is confirmed. Conflict: he is not proposed, or by the same officer.
    Confirm {
        /// Who.
        officer: OfficerId,
        /// By whom.
        by: OfficerId,
        /// When.
        at: Millis,
    },
    /// One is shut out, with all his sessions. Conflict: he is already.
    Disable {
        /// Who.
        officer: OfficerId,
        /// By whom.
        by: OfficerId,
        /// When.
        at: Millis,
    },
    /// All were gone through.
    Review(ReviewRow),
    /// One logs in. Conflict: he is not at work.
    OpenSession {
        /// SHA-256 of the token.
        token: [u8; 32],
        /// Who.
        officer: OfficerId,
        /// When.
        at: Millis,
    },
    /// One was heard again.
    Seen {
        /// SHA-256 of the token; none when he came without a session.
        token: Option<[u8; 32]>,
        /// Who.
        officer: OfficerId,
        /// When.
        at: Millis,
    },
    /// A session ends.
    CloseSession {
        /// SHA-256 of the token.
        token: [u8; 32],
    },
    /// Sessions that began before this moment end.
    CloseSessions {
        /// The moment.
        began_before: Millis,
    },
}

macro_rules! select_officer {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, jobs, certificate, subject, state, proposed_by, proposed_at, confirmed_at, disabled_at, seen_at FROM officer ",
            $rest
        )
    };
}

impl Store {
    /// All officers that ever were, the first ones first.
    pub async fn officers(&self) -> Result<Vec<OfficerRow>, Error> {
        self.search(select_officer!("ORDER BY seq"), &[], officer_row).await
    }

    /// Whether there was ever one.
    pub async fn has_officers(&self) -> Result<bool, Error> {
        Ok(self.find("SELECT 1 AS found FROM officer LIMIT 1", &[], |_| Ok(())).await?.is_some())
    }

    /// The officer with this identifier.
    pub async fn officer(&self, officer: OfficerId) -> Result<Option<OfficerRow>, Error> {
        self.find(select_officer!("WHERE id = ?"), values![officer.as_bytes()], officer_row).await
    }

    /// The officer who has this certificate and is not disabled.
    pub async fn officer_by_certificate(&self, hash: &[u8; 32]) -> Result<Option<OfficerRow>, Error> {
        self.find(select_officer!("WHERE certificate = ? AND state <> 'disabled'"), values![hash], officer_row).await
    }

    /// What officers have learned: one of them, or all.
    pub async fn qualifications(&self, officer: Option<OfficerId>) -> Result<Vec<QualificationRow>, Error> {
        let query = "SELECT officer, course, passed_at, valid_until FROM qualification WHERE ?1 IS NULL OR officer = ?1 ORDER BY seq";
        let officer = officer.map(|officer| officer.as_bytes().to_vec());
        self.list(query, values![officer], |row| {
            Ok(QualificationRow {
                officer: OfficerId::from_octets(row.octets("officer")?),
                course: row.value("course")?,
                passed_at: row.moment("passed_at")?,
                valid_until: row.maybe_moment("valid_until")?,
            })
        })
        .await
    }

    /// The session with this token.
    pub async fn session(&self, token: &[u8; 32]) -> Result<Option<SessionRow>, Error> {
        self.find("SELECT officer, began_at, seen_at FROM session WHERE token = ?", values![token], |row| {
            Ok(SessionRow {
                officer: OfficerId::from_octets(row.octets("officer")?),
                began_at: row.moment("began_at")?,
                seen_at: row.moment("seen_at")?,
            })
        })
        .await
    }

    /// When the officers were gone through last.
    pub async fn newest_review(&self) -> Result<Option<ReviewRow>, Error> {
        self.find("SELECT officer, at, officers FROM officer_review ORDER BY seq DESC LIMIT 1", &[], |row| {
            Ok(ReviewRow {
                officer: OfficerId::from_octets(row.octets("officer")?),
                at: row.moment("at")?,
                officers: row.count("officers")?,
            })
        })
        .await
    }
}

pub(super) fn change(change: &OfficerChange, pen: Pen<'_>) -> Result<(), Broken> {
    match change {
        OfficerChange::Add(officer) => add(officer, pen),
        OfficerChange::Learn(learned) => pen.must_change(
            "INSERT INTO qualification (officer, course, passed_at, valid_until) VALUES (?, ?, ?, ?)",
            values![
                learned.officer.as_bytes(),
                learned.course,
                learned.passed_at.0,
                learned.valid_until.map(|until| until.0)
            ],
        ),
        OfficerChange::Confirm { officer, by, at } => pen.must_change(
            "UPDATE officer SET state = 'active', confirmed_by = ?1, confirmed_at = ?2 \
             WHERE id = ?3 AND state = 'proposed' AND proposed_by <> ?1 AND id <> ?1",
            values![by.as_bytes(), at.0, officer.as_bytes()],
        ),
        OfficerChange::Disable { officer, by, at } => {
            pen.must_change(
                "UPDATE officer SET state = 'disabled', disabled_by = ?, disabled_at = ? WHERE id = ? AND state <> 'disabled'",
                values![by.as_bytes(), at.0, officer.as_bytes()],
            )?;
            pen.run("DELETE FROM session WHERE officer = ?", values![officer.as_bytes()])
        }
        OfficerChange::Review(review) => pen.must_change(
            "INSERT INTO officer_review (officer, at, officers) VALUES (?, ?, ?)",
            values![review.officer.as_bytes(), review.at.0, review.officers],
        ),
        OfficerChange::OpenSession { token, officer, at } => {
            pen.must_change(
                "UPDATE officer SET seen_at = ? WHERE id = ? AND state = 'active'",
                values![at.0, officer.as_bytes()],
            )?;
            pen.must_change(
                "INSERT INTO session (token, officer, began_at, seen_at) VALUES (?, ?, ?, ?)",
                values![token, officer.as_bytes(), at.0, at.0],
            )
        }
        OfficerChange::Seen { token, officer, at } => {
            pen.run("UPDATE officer SET seen_at = ? WHERE id = ?", values![at.0, officer.as_bytes()])?;
            match token {
                Some(token) => pen.run("UPDATE session SET seen_at = ? WHERE token = ?", values![at.0, token]),
                None => Ok(()),
            }
        }
        OfficerChange::CloseSession { token } => pen.run("DELETE FROM session WHERE token = ?", values![token]),
        OfficerChange::CloseSessions { began_before } => {
            pen.run("DELETE FROM session WHERE began_at < ?", values![began_before.0])
        }
    }
}

fn add(officer: &NewOfficer, pen: Pen<'_>) -> Result<(), Broken> {
    let proposed_by = officer.proposed_by.map(|by| by.as_bytes().to_vec());
    let state = if officer.proposed_by.is_some() { OfficerState::Proposed } else { OfficerState::Active };
    pen.must_change(
        "INSERT INTO officer (id, name, jobs, certificate, subject, state, proposed_by, proposed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            officer.id.as_bytes(),
            officer.name.as_str(),
            officer.jobs.to_string(),
            officer.certificate,
            officer.subject,
            state.name(),
            proposed_by,
            officer.at.0,
        ],
    )
}

fn officer_row(row: &Columns<'_>) -> Result<OfficerRow, Error> {
    let proposed_at = row.moment("proposed_at")?;
    let changed_at = row.maybe_moment("disabled_at")?.or(row.maybe_moment("confirmed_at")?).unwrap_or(proposed_at);
    Ok(OfficerRow {
        id: OfficerId::from_octets(row.octets("id")?),
        name: OfficerName::parse(row.text("name")?).map_err(|_| Error::Damaged("name"))?,
        jobs: Jobs::named(row.text("jobs")?.split(' ')).map_err(|_| Error::Damaged("jobs"))?,
        certificate: row.octets("certificate")?,
        subject: row.value("subject")?,
        state: OfficerState::named(row.text("state")?).ok_or(Error::Damaged("state"))?,
        proposed_by: row.maybe_octets("proposed_by")?.map(OfficerId::from_octets),
        proposed_at,
        changed_at,
        seen_at: row.maybe_moment("seen_at")?,
    })
}
