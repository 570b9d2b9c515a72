//! The table `submission`: the outbox.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::batch::Batch;
use super::columns::Columns;
use super::{Error, NewSubmission, Store};
use crate::case::{CaseId, Millis, SubmissionId, SubmissionState, SubmissionStep};

/// A submission as it stands.
#[derive(Clone, Debug)]
pub struct SubmissionRow {
    /// Its identifier.
    pub id: SubmissionId,
    /// The case it serves.
    pub case: CaseId,
    /// The configured CA's name.
    pub authority: String,
    /// The transactionID we chose.
    pub transaction: Vec<u8>,
    /// Whether implicitConfirm is asked for.
    pub implicit: bool,
    /// Where it stands.
    pub state: SubmissionState,
    /// What its newest outgoing message is.
    pub step: SubmissionStep,
    /// The worker that has it.
    pub owner: Option<String>,
    /// Until when it has it.
    pub lease_until: Option<Millis>,
    /// When a worker must look at it again.
    pub next_attempt: Option<Millis>,
    /// When the CA takes silence for rejection.
    pub deadline: Option<Millis>,
    /// How often a worker took up its newest message from the outbox.
    pub attempts: u32,
    /// When it was opened.
    pub created_at: Millis,
}

/// A worker asks for work.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) owner: String,
    pub(super) now: Millis,
    pub(super) lease_until: Millis,
    pub(super) limit: u32,
}

macro_rules! columns {
    () => {
        "id, case_id, authority, transaction_id, implicit, state, step, owner, lease_until, next_attempt, deadline, attempts, created_at"
    };
}

impl Store {
    /// The submission with this identifier.
    pub async fn submission_by_id(&self, submission: SubmissionId) -> Result<Option<SubmissionRow>, Error> {
        let query = sqlx::query(concat!("SELECT ", columns!(), " FROM submission WHERE id = ?"));
        let row = query.bind(submission.as_bytes().as_slice()).fetch_optional(&self.readers).await?;
        row.as_ref().map(submission_row).transpose()
    }

    /// The newest submission of a case.
    pub async fn submission_of_case(&self, case: CaseId) -> Result<Option<SubmissionRow>, Error> {
        let query =
            sqlx::query(concat!("SELECT ", columns!(), " FROM submission WHERE case_id = ? ORDER BY seq DESC LIMIT 1"));
        let row = query.bind(case.as_bytes().as_slice()).fetch_optional(&self.readers).await?;
        row.as_ref().map(submission_row).transpose()
    }

    /// How many submissions wait for an answer of their CA.
    pub async fn open_submissions(&self) -> Result<u64, Error> {
        let query = sqlx::query("SELECT COUNT(*) AS submissions FROM submission WHERE state IN ('due', 'polling')");
        Columns(&query.fetch_one(&self.readers).await?).count("submissions")
    }

    /// The submissions whose CA will soon take silence for rejection, most overdue first.
    pub async fn overdue_submissions(&self, now: Millis, limit: u32) -> Result<Vec<SubmissionRow>, Error> {
        let query = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM submission WHERE state = 'awaiting_confirmation' AND deadline < ? ORDER BY deadline LIMIT ?"
        ));
        query.bind(now.0).bind(limit).fetch_all(&self.readers).await?.iter().map(submission_row).collect()
    }

    /// Whether a claim could find anything; asked first, so that an idle worker writes nothing.
    pub(super) async fn anything_due(&self, now: Millis) -> Result<bool, Error> {
        let query = sqlx::query(
            "SELECT 1 AS found FROM submission WHERE state IN ('due', 'polling') AND next_attempt <= ?1 \
             AND (lease_until IS NULL OR lease_until <= ?1) LIMIT 1",
        );
        Ok(query.bind(now.0).fetch_optional(&self.readers).await?.is_some())
    }
}

impl Claim {
    /// Takes what is due and in nobody's hands, longest due first.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> Result<Vec<SubmissionRow>, Error> {
        let query = sqlx::query(concat!(
            "UPDATE submission SET owner = ?1, lease_until = ?2, attempts = attempts + 1 WHERE seq IN (SELECT seq FROM submission ",
            "WHERE state IN ('due', 'polling') AND next_attempt <= ?3 AND (lease_until IS NULL OR lease_until <= ?3) ",
            "ORDER BY next_attempt LIMIT ?4) RETURNING ",
            columns!()
        ));
        let query = query.bind(self.owner).bind(self.lease_until.0).bind(self.now.0).bind(self.limit);
        query.fetch_all(connection).await?.iter().map(submission_row).collect()
    }
}

pub(super) fn open(submission: NewSubmission, batch: &mut Batch) {
    batch
        .must_change(
            "INSERT INTO submission (id, case_id, authority, transaction_id, implicit, state, step, owner, lease_until, \
             next_attempt, attempts, created_at) VALUES (?, ?, ?, ?, ?, 'due', 'request', ?, ?, ?, 0, ?); ",
        )
        .bind(submission.id.as_bytes().as_slice())
        .bind(submission.case.as_bytes().as_slice())
        .bind(submission.authority)
        .bind(submission.transaction)
        .bind(submission.implicit)
        .bind(submission.owner)
        .bind(submission.lease_until.0)
        .bind(submission.next_attempt.0)
        .bind(submission.created_at.0);
}

/// A move of a submission, as in [`super::Row::MoveSubmission`].
pub(super) struct Move {
    pub(super) submission: SubmissionId,
    pub(super) from: SubmissionState,
    pub(super) to: SubmissionState,
    pub(super) step: SubmissionStep,
    pub(super) next_attempt: Option<Millis>,
    pub(super) lease_until: Option<Millis>,
    pub(super) deadline: Option<Millis>,
    /// Whether a message for the CA is recorded with it: its attempts are counted anew.
    pub(super) fresh: bool,
}

pub(super) fn step(step: &Move, batch: &mut Batch) {
    let lease = step.lease_until.map(|lease| lease.0);
    batch
        .must_change(
            "UPDATE submission SET state = ?, step = ?, next_attempt = ?, owner = CASE WHEN ? IS NULL THEN NULL ELSE owner END, \
             lease_until = ?, deadline = COALESCE(?, deadline), attempts = CASE WHEN ? THEN 0 ELSE attempts END \
             WHERE id = ? AND state = ?; ",
        )
        .bind(step.to.name())
        .bind(step.step.name())
        .bind(step.next_attempt.map(|next| next.0))
        .bind(lease)
        .bind(lease)
        .bind(step.deadline.map(|deadline| deadline.0))
        .bind(step.fresh)
        .bind(step.submission.as_bytes().as_slice())
        .bind(step.from.name());
}

pub(super) fn release(owner: String, batch: &mut Batch) {
    batch
        .run_always(
            "UPDATE submission SET owner = NULL, lease_until = NULL WHERE state IN ('due', 'polling') AND owner = ?; ",
        )
        .bind(owner);
}

fn submission_row(row: &SqliteRow) -> Result<SubmissionRow, Error> {
    let row = Columns(row);
    Ok(SubmissionRow {
        id: SubmissionId::from_octets(row.octets("id")?),
        case: CaseId::from_octets(row.octets("case_id")?),
        authority: row.value("authority")?,
        transaction: row.value("transaction_id")?,
        implicit: row.value("implicit")?,
        state: row.named("state", SubmissionState::named)?,
        step: row.named("step", SubmissionStep::named)?,
        owner: row.value("owner")?,
        lease_until: row.maybe_moment("lease_until")?,
        next_attempt: row.maybe_moment("next_attempt")?,
        deadline: row.maybe_moment("deadline")?,
        attempts: row.count("attempts")?,
        created_at: row.moment("created_at")?,
    })
}
