//! From the rows of a unit to statements.

use super::conflict::Subject;
use super::look::Look;
use super::pen::{Broken, Note, Notes, Pen};
use super::{
    Conflict, Error, Leg, Row, Unit, cases, certificates, checkpoints, codes, exchanges, exports, leaves, messages,
    nonces, officers, rule_sets, submissions,
};
use crate::case::SubmissionId;

impl Unit {
    /// Writes the rows in their order. An outer error is the database's; an inner one tells what stands against the unit, and
    /// what was written before it must be undone.
    pub(super) fn write(&self, pen: Pen<'_>) -> Result<Result<(), Against>, Error> {
        let fresh: Vec<SubmissionId> = self.rows.iter().filter_map(outgoing).collect();
        for row in &self.rows {
            match write(row, &fresh, pen) {
                Ok(()) => {}
                Err(Broken::Row) => return Ok(Err(Against::Records(Subject::of(row)))),
                Err(Broken::Known(conflict)) => return Ok(Err(Against::Table(conflict))),
                Err(Broken::Engine(fault)) => return Err(fault),
            }
        }
        Ok(Ok(()))
    }
}

impl Unit {
    /// The statements of the rows in their order, and the move that no table names, if there is one: what would come after it is left out.
    pub(super) fn notes(&self) -> (Vec<Note>, Option<Conflict>) {
        let fresh: Vec<SubmissionId> = self.rows.iter().filter_map(outgoing).collect();
        let notes = Notes::default();
        for row in &self.rows {
            if let Err(Broken::Known(conflict)) = write(row, &fresh, Pen::Notes(&notes)) {
                return (notes.into_inner(), Some(conflict));
            }
            notes.next_row();
        }
        (notes.into_inner(), None)
    }
}

/// What stands against a unit.
#[derive(Debug)]
pub(super) enum Against {
    /// What the records hold about this.
    Records(Subject),
    /// What no table of moves names.
    Table(Conflict),
}

impl Against {
    /// The same as a conflict; the records must stand as they did before the unit.
    pub(super) async fn conflict(self, look: &impl Look) -> Result<Conflict, Error> {
        match self {
            Self::Records(subject) => subject.conflict(look).await,
            Self::Table(conflict) => Ok(conflict),
        }
    }
}

/// The submission that this row gives a new message for its CA.
fn outgoing(row: &Row) -> Option<SubmissionId> {
    match row {
        Row::Record(message) if message.leg == Leg::Submission => message.submission,
        _ => None,
    }
}

fn write(row: &Row, fresh: &[SubmissionId], pen: Pen<'_>) -> Result<(), Broken> {
    match row {
        Row::OpenCase(case) => cases::open(case, pen),
        Row::MoveCase { case, from, event, at } => cases::step(*case, *from, *event, *at, pen),
        Row::GiveKey { case, key_print, public_key } => cases::give_key(*case, key_print, public_key, pen),
        Row::ExplainCase { case, code, text } => cases::explain(*case, code, text, pen),
        Row::Decide(decision) => cases::decide(decision, pen),
        Row::OpenExchange(exchange) => exchanges::open(exchange, pen),
        Row::MoveExchange { exchange, from, to, our_nonce, deadline } => {
            exchanges::step(*exchange, (*from, *to), our_nonce.as_deref(), *deadline, pen)
        }
        Row::Record(message) => messages::record(message, pen),
        Row::OpenSubmission(submission) => submissions::open(submission, pen),
        Row::MoveSubmission { submission, from, from_step, to, step, next_attempt, lease_until, deadline } => {
            let step = submissions::Move {
                submission: *submission,
                from: (*from, *from_step),
                to: *to,
                step: *step,
                next_attempt: *next_attempt,
                lease_until: *lease_until,
                deadline: *deadline,
                fresh: fresh.contains(submission),
            };
            submissions::step(&step, pen)
        }
        Row::Release { owner } => submissions::release(owner, pen),
        Row::AddCertificate(certificate) => certificates::add(certificate, pen),
        Row::MarkCertificate { certificate, status, at } => certificates::mark(*certificate, *status, *at, pen),
        Row::AddCode(code) => codes::add(code, pen),
        Row::UseCode { code, case, at } => codes::spend(*code, *case, *at, pen),
        Row::FreeCode { code, case } => codes::free(*code, *case, pen),
        Row::WithdrawCode { code, at } => codes::withdraw(*code, *at, pen),
        Row::CountTry { code } => codes::count_try(*code, pen),
        Row::AddDataKey(key) => rule_sets::add_data_key(key, pen),
        Row::ProposeRuleSet { hash, text, at } => rule_sets::propose(hash, text, *at, pen),
        Row::ActivateRuleSet { hash, at, actor } => rule_sets::activate(hash, *at, actor, pen),
        Row::Leaf(leaf) => leaves::append(leaf, pen),
        Row::SpendNonce { nonce, count, live_since } => nonces::spend(nonce, *count, *live_since, pen),
        Row::KeepCheckpoint(checkpoint) => checkpoints::keep(checkpoint, pen),
        Row::Export(new) => exports::keep(new, pen),
        Row::Officer(change) => officers::change(change, pen),
    }
}
