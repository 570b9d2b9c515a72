//! From the rows of a unit to statements.

use super::batch::Batch;
use super::conflict::Subject;
use super::{
    Conflict, Leg, Row, Unit, cases, certificates, codes, exchanges, leaves, messages, rule_sets, submissions,
};
use crate::case::SubmissionId;

/// A unit ready to run: its statements, and for each row what it was about.
pub(super) struct Prepared {
    pub(super) batch: Batch,
    pub(super) subjects: Vec<Subject>,
}

impl Unit {
    /// The unit's statements. A move that the table of states does not name is a conflict at once.
    pub(super) fn prepare(self) -> Result<Prepared, Conflict> {
        let mut batch = Batch::in_savepoint();
        let mut subjects = Vec::with_capacity(self.rows.len());
        let fresh: Vec<SubmissionId> = self.rows.iter().filter_map(outgoing).collect();
        for (number, row) in self.rows.into_iter().enumerate() {
            batch.serve(number);
            subjects.push(write(row, &fresh, &mut batch)?);
        }
        Ok(Prepared { batch, subjects })
    }
}

/// The submission that this row gives a new message for its CA.
fn outgoing(row: &Row) -> Option<SubmissionId> {
    match row {
        Row::Record(message) if message.leg == Leg::Submission => message.submission,
        _ => None,
    }
}

fn write(row: Row, fresh: &[SubmissionId], batch: &mut Batch) -> Result<Subject, Conflict> {
    Ok(match row {
        Row::OpenCase(case) => {
            let subject = Subject::Opening { join_key: case.join_key };
            cases::open(*case, batch);
            subject
        }
        Row::MoveCase { case, from, event, at } => {
            cases::step(case, from, event, at, batch)?;
            Subject::Case(case)
        }
        Row::ExplainCase { case, code, text } => {
            cases::explain(case, code, text, batch);
            Subject::Other("case")
        }
        Row::Decide(decision) => {
            cases::decide(*decision, batch);
            Subject::Other("decision")
        }
        Row::OpenExchange(exchange) => {
            let subject = Subject::Exchange { key: exchange.key };
            exchanges::open(*exchange, batch);
            subject
        }
        Row::MoveExchange { exchange, from, to, our_nonce, deadline } => {
            exchanges::step(exchange, (from, to), our_nonce, deadline, batch);
            Subject::Other("exchange")
        }
        Row::Record(message) => {
            let hash = messages::hash_of(&message.octets);
            let subject = Subject::Message { exchange: message.exchange, hash };
            messages::record(*message, &hash, batch);
            subject
        }
        Row::OpenSubmission(submission) => {
            submissions::open(*submission, batch);
            Subject::Other("submission")
        }
        Row::MoveSubmission { submission, from, to, step, next_attempt, lease_until, deadline } => {
            let fresh = fresh.contains(&submission);
            let step = submissions::Move { submission, from, to, step, next_attempt, lease_until, deadline, fresh };
            submissions::step(&step, batch);
            Subject::Other("submission")
        }
        Row::Release { owner } => {
            submissions::release(owner, batch);
            Subject::Other("submission")
        }
        Row::AddCertificate(certificate) => {
            certificates::add(*certificate, batch);
            Subject::Certificate
        }
        Row::MarkCertificate { certificate, status, at } => {
            certificates::mark(certificate, status, at, batch);
            Subject::Other("certificate")
        }
        Row::AddCode(code) => {
            codes::add(*code, batch);
            Subject::Other("code")
        }
        Row::UseCode { code, case, at } => {
            codes::spend(code, case, at, batch);
            Subject::Code { code, at }
        }
        Row::FreeCode { code, case } => {
            codes::free(code, case, batch);
            Subject::Other("code")
        }
        Row::WithdrawCode { code, at } => {
            codes::withdraw(code, at, batch);
            Subject::Code { code, at }
        }
        Row::CountTry { code } => {
            codes::count_try(code, batch);
            Subject::Other("code")
        }
        Row::AddDataKey(key) => {
            rule_sets::add_data_key(key, batch);
            Subject::Other("data key")
        }
        Row::ProposeRuleSet { hash, text, at } => {
            rule_sets::propose(hash, text, at, batch);
            Subject::Other("rule set")
        }
        Row::ActivateRuleSet { hash, at, actor } => {
            rule_sets::activate(hash, at, actor, batch);
            Subject::Other("rule set")
        }
        Row::Leaf(leaf) => {
            leaves::append(&leaf, batch);
            Subject::Other("leaf")
        }
    })
}
