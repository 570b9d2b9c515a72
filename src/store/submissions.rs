//! The table `submission`: the outbox.

use super::columns::Columns;
use super::look::{Engine, Look};
use super::pen::{Broken, Pen};
use super::values::values;
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

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backlog {
    /// To be sent, or polled for.
    pub open: u64,
    /// To be sent: its CA gave no answer yet.
    pub due: u64,
    /// When the oldest of these was opened.
    pub oldest: Option<Millis>,
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

/// All columns of the submissions for which this holds.
macro_rules! select {
    ($where:literal) => {
        concat!("SELECT ", $crate::store::submissions::columns!(), " FROM submission WHERE ", $where)
    };
}
pub(super) use {columns, select};

/// Due, and in nobody's hands. What lies farther ahead than any time that is set here was set when the clock was wrong; only a CA may
/// have us ask again much later.
macro_rules! is_due {
    ($now:literal, $longest:literal, $longest_lease:literal) => {
        concat!(
            "state IN ('due', 'polling') AND (next_attempt <= ",
            $now,
            " OR (state = 'due' AND next_attempt > ",
            $longest,
            ")) AND (lease_until IS NULL OR lease_until <= ",
            $now,
            " OR lease_until > ",
            $longest_lease,
            ")"
        )
    };
}

/// More than twice the longest pause before a message is sent again.
const LONGEST: i64 = 180_000;

/// Of a node whose clock is fast by minutes, too, a lease is a lease: else two nodes would take a message from each other in turns for
/// as long as its CA takes.
const LONGEST_LEASE: i64 = 900_000;

impl Store {
    /// The submission with this identifier.
    pub async fn submission_by_id(&self, submission: SubmissionId) -> Result<Option<SubmissionRow>, Error> {
        self.find(select!("id = ?"), values![submission.as_bytes()], submission_row).await
    }

    /// The newest submission of a case.
    pub async fn submission_of_case(&self, case: CaseId) -> Result<Option<SubmissionRow>, Error> {
        self.find(select!("case_id = ? ORDER BY seq DESC LIMIT 1"), values![case.as_bytes()], submission_row).await
    }

    /// What is the outbox's to send or to poll for; what only its requester polls for is not.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        let query = "SELECT COUNT(*) AS open, COUNT(*) FILTER (WHERE state = 'due') AS due, \
             (SELECT created_at FROM submission WHERE state = 'due' AND next_attempt IS NOT NULL ORDER BY seq LIMIT 1) AS oldest \
             FROM submission WHERE state IN ('due', 'polling') AND next_attempt IS NOT NULL";
        let row = |row: &Columns<'_>| {
            let number = |name| u64::try_from(row.value::<i64>(name)?).map_err(|_| Error::Damaged(name));
            Ok(Backlog {
                open: number("open")?,
                due: number("due")?,
                oldest: row.value::<Option<i64>>("oldest")?.map(Millis),
            })
        };
        let found = self.search(query, &[], row).await?;
        found.into_iter().next().ok_or(Error::Damaged("COUNT(*)"))
    }

    /// The submissions whose CA will soon take silence for rejection, most overdue first.
    pub async fn overdue_submissions(&self, now: Millis, limit: u32) -> Result<Vec<SubmissionRow>, Error> {
        self.list(
            select!("state = 'awaiting_confirmation' AND deadline < ? ORDER BY deadline LIMIT ?"),
            values![now.0, limit],
            submission_row,
        )
        .await
    }

    /// Whether a claim could find anything; asked first, so that an idle worker writes nothing.
    pub(super) async fn anything_due(&self, now: Millis) -> Result<bool, Error> {
        let query = concat!("SELECT 1 AS found FROM submission WHERE ", is_due!("?1", "?2", "?3"), " LIMIT 1");
        Ok(self
            .find(query, values![now.0, now.plus(LONGEST).0, now.plus(LONGEST_LEASE).0], |_| Ok(()))
            .await?
            .is_some())
    }
}

impl Claim {
    /// Takes what is due and in nobody's hands, longest due first.
    pub(super) async fn run(&self, look: &impl Look) -> Result<Vec<SubmissionRow>, Error> {
        let query = match look.engine() {
            Engine::Sqlite => concat!(
                "UPDATE submission SET owner = ?1, lease_until = ?2, attempts = attempts + 1 WHERE seq IN (SELECT seq FROM submission ",
                "WHERE ",
                is_due!("?3", "?5", "?6"),
                " ORDER BY next_attempt LIMIT ?4) RETURNING ",
                columns!()
            ),
            // What another node takes at this moment is its own. Materialised, so that rows are chosen once.
            Engine::Postgres => concat!(
                "WITH taken AS MATERIALIZED (SELECT seq FROM submission WHERE ",
                is_due!("?3", "?5", "?6"),
                " ORDER BY next_attempt LIMIT ?4 FOR UPDATE SKIP LOCKED) ",
                "UPDATE submission SET owner = ?1, lease_until = ?2, attempts = attempts + 1 WHERE seq IN (SELECT seq FROM taken) ",
                "RETURNING ",
                columns!()
            ),
        };
        let (longest, longest_lease) = (self.now.plus(LONGEST).0, self.now.plus(LONGEST_LEASE).0);
        let values = values![self.owner, self.lease_until.0, self.now.0, self.limit, longest, longest_lease];
        look.list(query, values, submission_row).await
    }
}

pub(super) fn open(submission: &NewSubmission, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "INSERT INTO submission (id, case_id, authority, transaction_id, implicit, state, step, owner, \
         lease_until, next_attempt, attempts, created_at) VALUES (?, ?, ?, ?, ?, 'due', 'request', ?, ?, ?, \
         0, ?)",
        values![
            submission.id.as_bytes(),
            submission.case.as_bytes(),
            submission.authority,
            submission.transaction,
            submission.implicit,
            submission.owner,
            submission.lease_until.0,
            submission.next_attempt.0,
            submission.created_at.0,
        ],
    )
}

/// A move of a submission, as in [`super::Row::MoveSubmission`].
pub(super) struct Move {
    pub(super) submission: SubmissionId,
    pub(super) from: (SubmissionState, SubmissionStep),
    pub(super) to: SubmissionState,
    pub(super) step: SubmissionStep,
    pub(super) next_attempt: Option<Millis>,
    pub(super) lease_until: Option<Millis>,
    pub(super) deadline: Option<Millis>,
    /// Whether a message for the CA is recorded with it: its attempts are counted anew.
    pub(super) fresh: bool,
}

pub(super) fn step(step: &Move, pen: Pen<'_>) -> Result<(), Broken> {
    let lease = step.lease_until.map(|lease| lease.0);
    pen.must_change(
        "UPDATE submission SET state = ?, step = ?, next_attempt = ?, owner = CASE WHEN ? IS NULL THEN NULL \
         ELSE owner END, lease_until = ?, deadline = COALESCE(?, deadline), attempts = CASE WHEN ? = 1 THEN 0 \
         ELSE attempts END WHERE id = ? AND state = ? AND step = ?",
        values![
            step.to.name(),
            step.step.name(),
            step.next_attempt.map(|next| next.0),
            lease,
            lease,
            step.deadline.map(|deadline| deadline.0),
            step.fresh,
            step.submission.as_bytes(),
            step.from.0.name(),
            step.from.1.name(),
        ],
    )
}

pub(super) fn release(owner: &str, pen: Pen<'_>) -> Result<(), Broken> {
    pen.run(
        "UPDATE submission SET owner = NULL, lease_until = NULL WHERE state IN ('due', 'polling') AND owner = \
         ?",
        values![owner],
    )
}

pub(super) fn submission_row(row: &Columns<'_>) -> Result<SubmissionRow, Error> {
    Ok(SubmissionRow {
        id: SubmissionId::from_octets(row.octets("id")?),
        case: CaseId::from_octets(row.octets("case_id")?),
        authority: row.value("authority")?,
        transaction: row.value("transaction_id")?,
        implicit: row.truth("implicit")?,
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
