//! Who the officers are.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use certs::Certificate;
use serde::Deserialize;

use super::Console;
use super::answer::{Fault, Page};
use super::people::People;
use super::shell::{Shell, Visit};
use crate::case::OfficerId;
use crate::duty::{Act, Job, Jobs, OfficerName};
use crate::registrar::{Candidate, Learned, Refusal, Roster};

#[derive(Template)]
#[template(path = "officers.html")]
struct Officers {
    shell: Shell,
    roster: Roster,
    people: People,
    jobs: Vec<&'static str>,
    /// Who looks, by identifier.
    own: String,
    may_change: bool,
}

/// Who is to be an officer, as the form sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    name: String,
    receiver: String,
    checker: String,
    #[serde(rename = "registrar-officer")]
    registrar_officer: String,
    publisher: String,
    archivist: String,
    administrator: String,
    auditor: String,
    #[serde(rename = "security-officer")]
    security_officer: String,
    certificate: String,
    course: String,
    passed: String,
    valid_until: String,
}

pub(super) async fn page(State(console): State<Console>, visit: Visit) -> Response {
    let found = async {
        let officer = visit.officer()?;
        Ok::<_, Refusal>((console.registrar.roster(&officer).await?, People::of(&console).await?, officer))
    };
    match found.await {
        Ok((roster, people, officer)) => Page(Officers {
            shell: visit.shell,
            roster,
            people,
            jobs: Job::ALL.map(Job::name).to_vec(),
            own: officer.id().to_string(),
            may_change: officer.may(Act::ProposeOfficer),
        })
        .into_response(),
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

pub(super) async fn propose(State(console): State<Console>, visit: Visit, Form(wanted): Form<Wanted>) -> Response {
    let candidate = match wanted.read() {
        Ok(candidate) => candidate,
        Err(fault) => return Fault::input(fault).told(visit.shell),
    };
    let proposed = async { console.registrar.propose_officer(&visit.officer()?, candidate).await.map(drop) };
    back_to_the_list(proposed.await, visit.shell)
}

pub(super) async fn confirm(State(console): State<Console>, Path(id): Path<String>, visit: Visit) -> Response {
    let Some(id) = OfficerId::parse(&id) else { return Fault::nothing().told(visit.shell) };
    let confirmed = async { console.registrar.confirm_officer(&visit.officer()?, id).await };
    back_to_the_list(confirmed.await, visit.shell)
}

pub(super) async fn disable(State(console): State<Console>, Path(id): Path<String>, visit: Visit) -> Response {
    let Some(id) = OfficerId::parse(&id) else { return Fault::nothing().told(visit.shell) };
    let disabled = async { console.registrar.disable_officer(&visit.officer()?, id).await };
    back_to_the_list(disabled.await, visit.shell)
}

pub(super) async fn review(State(console): State<Console>, visit: Visit) -> Response {
    let reviewed = async { console.registrar.review_officers(&visit.officer()?).await };
    back_to_the_list(reviewed.await, visit.shell)
}

fn back_to_the_list(outcome: Result<(), Refusal>, shell: Shell) -> Response {
    match outcome {
        Ok(()) => Redirect::to("/officers").into_response(),
        Err(refusal) => Fault::of(refusal).told(shell),
    }
}

impl Wanted {
    fn read(&self) -> Result<Candidate, String> {
        let ticked = [
            (Job::Receiver, &self.receiver),
            (Job::Checker, &self.checker),
            (Job::RegistrarOfficer, &self.registrar_officer),
            (Job::Publisher, &self.publisher),
            (Job::Archivist, &self.archivist),
            (Job::Administrator, &self.administrator),
            (Job::Auditor, &self.auditor),
            (Job::SecurityOfficer, &self.security_officer),
        ];
        let jobs = ticked.into_iter().filter(|(_, tick)| !tick.is_empty()).map(|(job, _)| job.name());
        let learned = match self.course.trim() {
            "" => Vec::new(),
            course => {
                let until = Some(self.valid_until.as_str()).filter(|until| !until.trim().is_empty());
                vec![Learned::read(course, &self.passed, until)?]
            }
        };
        if self.certificate.contains("PRIVATE KEY") {
            return Err("there is a private key with it. Take the certificate alone; this key others have seen, so make a new one".to_owned());
        }
        let chain = Certificate::parse_pem(self.certificate.as_bytes());
        Ok(Candidate {
            name: OfficerName::parse(&self.name).map_err(|fault| fault.to_string())?,
            jobs: Jobs::named(jobs).map_err(|fault| fault.to_string())?,
            chain: chain.map_err(|fault| format!("the certificate: {fault}"))?,
            learned,
        })
    }
}
