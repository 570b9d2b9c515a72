//! Cases: the list, one of them, and an officer's word on it.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use certs::Certificate;
use serde::Deserialize;

use super::Console;
use super::answer::{Fault, Page};
use super::people::People;
use super::shell::{Shell, Visit};
use crate::case::{CaseId, State as CaseState};
use crate::duty::Act;
use crate::registrar::{CaseView, LeafView, Refusal};
use crate::rules::{Facts, Finding};

#[derive(Template)]
#[template(path = "cases.html")]
struct List {
    shell: Shell,
    states: Vec<&'static str>,
    state: String,
    cases: Vec<CaseView>,
}

#[derive(Template)]
#[template(path = "case.html")]
struct One {
    shell: Shell,
    case: CaseView,
    asked: Option<Facts>,
    findings: Vec<Finding>,
    certificate: Option<Issued>,
    log: Vec<LeafView>,
    people: People,
    may_decide: bool,
}

/// What is shown of a certificate.
struct Issued {
    serial: String,
    subject: String,
    issuer: String,
    not_before: i64,
    not_after: i64,
}

/// Which cases.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    state: String,
}

/// An officer's word.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Word {
    text: String,
}

pub(super) async fn list(State(console): State<Console>, Query(which): Query<Which>, visit: Visit) -> Response {
    let state = match which.state.as_str() {
        "" => None,
        name => match CaseState::named(name) {
            Some(state) => Some(state),
            None => return Fault::nothing().told(visit.shell),
        },
    };
    match console.registrar.cases(state, LONGEST_LIST).await {
        Ok(cases) => {
            let states = CaseState::ALL.iter().map(|state| state.name()).collect();
            Page(List { shell: visit.shell, states, state: which.state, cases }).into_response()
        }
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

pub(super) async fn page(State(console): State<Console>, Path(id): Path<String>, visit: Visit) -> Response {
    let Some(id) = CaseId::parse(&id) else { return Fault::nothing().told(visit.shell) };
    let found = async {
        let case = console.registrar.case(id).await?;
        let (log, people) = (console.registrar.case_log(id).await?, People::of(&console).await?);
        // An officer's decision rests on the same facts, and has no findings of its own.
        let ruling = case.decisions.iter().rev().find(|decision| decision.actor.starts_with("rules:"));
        let findings = ruling.map_or(Ok(Vec::new()), |ruling| serde_json::from_str(&ruling.findings));
        let asked = ruling.map(|ruling| serde_json::from_str(&ruling.facts)).transpose();
        let unread = |fault: serde_json::Error| Refusal::away(format!("the record of a decision: {fault}"));
        let (findings, asked) = (findings.map_err(unread)?, asked.map_err(unread)?);
        let certificate = case.certificate.as_deref().map(Issued::of).transpose()?;
        let may_decide = visit.may(Act::Approve) && case.state == CaseState::Checked.name();
        Ok::<_, Refusal>((case, asked, findings, certificate, log, people, may_decide))
    };
    match found.await {
        Ok((case, asked, findings, certificate, log, people, may_decide)) => {
            let shell = visit.shell;
            Page(One { shell, case, asked, findings, certificate, log, people, may_decide }).into_response()
        }
        // The registrar says so of a case that there is not.
        Err(Refusal::OutOfPlace(_)) => Fault::nothing().told(visit.shell),
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

pub(super) async fn approve(State(console): State<Console>, Path(id): Path<String>, visit: Visit) -> Response {
    let Some(case) = CaseId::parse(&id) else { return Fault::nothing().told(visit.shell) };
    let decided = async { console.registrar.approve(case, &visit.hand()?).await };
    match decided.await {
        Ok(_) => Redirect::to(&format!("/cases/{case}")).into_response(),
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

pub(super) async fn refuse(
    State(console): State<Console>,
    Path(id): Path<String>,
    visit: Visit,
    Form(word): Form<Word>,
) -> Response {
    let Some(case) = CaseId::parse(&id) else { return Fault::nothing().told(visit.shell) };
    let text = word.text.trim();
    if text.is_empty() {
        return Fault::input(visit.shell.say("refuse-needs-text")).told(visit.shell);
    }
    let decided = async { console.registrar.refuse_case(case, &visit.hand()?, text).await };
    match decided.await {
        Ok(_) => Redirect::to(&format!("/cases/{case}")).into_response(),
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

impl Issued {
    fn of(pem: &str) -> Result<Self, Refusal> {
        let unread = |fault: &dyn std::fmt::Display| Refusal::away(format!("the record of a certificate: {fault}"));
        let found = Certificate::parse_pem(pem.as_bytes()).map_err(|fault| unread(&fault))?;
        let certificate = found.into_iter().next().ok_or_else(|| unread(&"it is empty"))?;
        Ok(Self {
            serial: hex::encode(certificate.serial()),
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            not_before: certificate.not_before().0,
            not_after: certificate.not_after().0,
        })
    }
}

const LONGEST_LIST: u32 = 200;
