//! The tables `case_record` and `decision`.

use super::columns::Columns;
use super::pen::{Broken, Pen};
use super::values::values;
use super::{Conflict, Error, NewCase, NewDecision, Store};
use crate::case::{CaseId, CertificateId, CredentialId, Door, Event, Kind, Millis, RequestForm, Requester, State};

/// A case as it stands.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// Its identifier.
    pub id: CaseId,
    /// What it asks for.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// The door it came through.
    pub door: Door,
    /// The profile's name.
    pub profile: String,
    /// Who asks.
    pub requester: Requester,
    /// What a repeated request is recognised by.
    pub join_key: Option<[u8; 32]>,
    /// The request as received.
    pub request: Vec<u8>,
    /// What `request` is.
    pub form: RequestForm,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub key_print: Option<[u8; 32]>,
    /// The SubjectPublicKeyInfo, DER.
    pub public_key: Option<Vec<u8>>,
    /// The subject asked for, DER.
    pub subject: Option<Vec<u8>>,
    /// The alternative names asked for, GeneralNames in DER.
    pub alt_names: Option<Vec<u8>>,
    /// The subject as text.
    pub subject_text: String,
    /// The certificate it replaces or is about.
    pub about: Option<CertificateId>,
    /// The rule set it was judged under.
    pub rule_set: [u8; 32],
    /// Why it was refused or failed: [`crate::case::ReasonCode::name`].
    pub reason_code: Option<String>,
    /// The same for people.
    pub reason_text: Option<String>,
    /// When it arrived.
    pub created_at: Millis,
    /// When it moved last.
    pub changed_at: Millis,
}

/// A decision as it was recorded.
#[derive(Clone, Debug)]
pub struct DecisionRow {
    /// On which case.
    pub case: CaseId,
    /// Who decided.
    pub actor: String,
    /// The facts that were judged, versioned JSON.
    pub facts: String,
    /// The findings, JSON.
    pub findings: String,
    /// `pass`, `refuse` or `vet`.
    pub verdict: String,
    /// The rule set.
    pub rule_set: [u8; 32],
    /// When.
    pub at: Millis,
}

/// The open cases in one state.
#[derive(Clone, Copy, Debug)]
pub struct QueueRow {
    /// The state.
    pub state: State,
    /// How many.
    pub cases: u64,
    /// When the oldest came.
    pub oldest: Millis,
}

macro_rules! select_case {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, state, door, profile, credential, requester, join_key, about, rule_set, reason_code, reason_text, ",
            "created_at, changed_at, subject_text, key_print, public_key, subject, alt_names, form, request FROM case_record ",
            $rest
        )
    };
}

impl Store {
    /// The case with this identifier.
    pub async fn case_by_id(&self, case: CaseId) -> Result<Option<CaseRow>, Error> {
        self.find(select_case!("WHERE id = ?"), values![case.as_bytes()], case_row).await
    }

    /// The open case with this join key; where none is open, the newest.
    pub async fn case_by_join_key(&self, key: &[u8; 32]) -> Result<Option<CaseRow>, Error> {
        self.find(select_case!("WHERE join_key = ? ORDER BY open DESC, seq DESC LIMIT 1"), values![key], case_row).await
    }

    /// The newest cases, all or in one state, newest first.
    pub async fn cases(&self, state: Option<State>, limit: u32) -> Result<Vec<CaseRow>, Error> {
        let query = match state {
            None => select_case!("ORDER BY seq DESC LIMIT ?1"),
            Some(state) if state.is_open() => {
                select_case!("WHERE open = 1 AND state = ?2 ORDER BY seq DESC LIMIT ?1")
            }
            Some(_) => select_case!("WHERE state = ?2 ORDER BY seq DESC LIMIT ?1"),
        };
        match state {
            None => self.search(query, values![limit], case_row).await,
            Some(state) => self.search(query, values![limit, state.name()], case_row).await,
        }
    }

    /// The cases that have stood longest in an open state, oldest first: a work list.
    pub async fn cases_in(&self, state: State, limit: u32) -> Result<Vec<CaseRow>, Error> {
        self.search(
            select_case!("WHERE open = 1 AND state = ? ORDER BY seq LIMIT ?"),
            values![state.name(), limit],
            case_row,
        )
        .await
    }

    /// How many open cases stand in each state, and when the oldest came.
    pub async fn queues(&self) -> Result<Vec<QueueRow>, Error> {
        let query =
            "SELECT state, COUNT(*) AS cases, MIN(created_at) AS oldest FROM case_record WHERE open = 1 GROUP BY state";
        self.search(query, &[], |row| {
            Ok(QueueRow {
                state: State::named(row.text("state")?).ok_or(Error::Damaged("case_record.state"))?,
                cases: row.count("cases")?,
                oldest: row.moment("oldest")?,
            })
        })
        .await
    }

    /// How many cases are open.
    pub async fn open_cases(&self) -> Result<u64, Error> {
        self.count("SELECT COUNT(*) AS count FROM case_record WHERE open = 1").await
    }

    /// The decisions on a case, oldest first.
    pub async fn decisions(&self, case: CaseId) -> Result<Vec<DecisionRow>, Error> {
        let query = "SELECT case_id, actor, facts, findings, verdict, rule_set, at FROM decision WHERE case_id = ? \
                     ORDER BY seq";
        self.list(query, values![case.as_bytes()], decision_row).await
    }
}

pub(super) fn open(case: &NewCase, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "INSERT INTO case_record (id, kind, state, open, door, profile, credential, requester, join_key, \
         about, rule_set, created_at, changed_at, subject_text, key_print, public_key, subject, alt_names, \
         form, request) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values![
            case.id.as_bytes(),
            case.kind.name(),
            case.state.name(),
            case.state.is_open(),
            case.door.name(),
            case.profile,
            case.requester.credential.as_str(),
            case.requester.name,
            case.join_key,
            case.about.as_ref().map(CertificateId::as_bytes),
            case.rule_set,
            case.created_at.0,
            case.created_at.0,
            case.subject_text,
            case.key_print,
            case.public_key,
            case.subject,
            case.alt_names,
            case.form.name(),
            case.request,
        ],
    )
}

/// The one table of moves is in `case`; what it does not name does not happen.
pub(super) fn step(case: CaseId, from: State, event: Event, at: Millis, pen: Pen<'_>) -> Result<(), Broken> {
    let to = from.after(event).map_err(|_| Broken::Known(Conflict::State { what: "case" }))?;
    pen.must_change(
        "UPDATE case_record SET state = ?, open = ?, changed_at = ? WHERE id = ? AND state = ?",
        values![to.name(), to.is_open(), at.0, case.as_bytes(), from.name()],
    )
}

pub(super) fn give_key(case: CaseId, key_print: &[u8; 32], public_key: &[u8], pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "UPDATE case_record SET key_print = ?, public_key = ? WHERE id = ? AND public_key IS NULL",
        values![key_print, public_key, case.as_bytes()],
    )
}

pub(super) fn explain(case: CaseId, code: &'static str, text: &str, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "UPDATE case_record SET reason_code = ?, reason_text = ? WHERE id = ?",
        values![code, text, case.as_bytes()],
    )
}

pub(super) fn decide(decision: &NewDecision, pen: Pen<'_>) -> Result<(), Broken> {
    pen.must_change(
        "INSERT INTO decision (case_id, actor, facts, findings, verdict, rule_set, at) VALUES (?, ?, ?, ?, ?, \
         ?, ?)",
        values![
            decision.case.as_bytes(),
            decision.actor,
            decision.facts,
            decision.findings,
            decision.verdict,
            decision.rule_set,
            decision.at.0,
        ],
    )
}

fn case_row(row: &Columns<'_>) -> Result<CaseRow, Error> {
    Ok(CaseRow {
        id: CaseId::from_octets(row.octets("id")?),
        kind: row.named("kind", Kind::named)?,
        state: row.named("state", State::named)?,
        door: row.named("door", Door::named)?,
        profile: row.value("profile")?,
        requester: Requester {
            credential: CredentialId::from_stored(row.value("credential")?),
            name: row.value("requester")?,
        },
        join_key: row.maybe_octets("join_key")?,
        request: row.value("request")?,
        form: row.named("form", RequestForm::named)?,
        key_print: row.maybe_octets("key_print")?,
        public_key: row.value("public_key")?,
        subject: row.value("subject")?,
        alt_names: row.value("alt_names")?,
        subject_text: row.value("subject_text")?,
        about: row.maybe_octets("about")?.map(CertificateId::from_octets),
        rule_set: row.octets("rule_set")?,
        reason_code: row.value("reason_code")?,
        reason_text: row.value("reason_text")?,
        created_at: row.moment("created_at")?,
        changed_at: row.moment("changed_at")?,
    })
}

fn decision_row(row: &Columns<'_>) -> Result<DecisionRow, Error> {
    Ok(DecisionRow {
        case: CaseId::from_octets(row.octets("case_id")?),
        actor: row.value("actor")?,
        facts: row.value("facts")?,
        findings: row.value("findings")?,
        verdict: row.value("verdict")?,
        rule_set: row.octets("rule_set")?,
        at: row.moment("at")?,
    })
}
