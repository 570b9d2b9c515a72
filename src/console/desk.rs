//! My desk: the work that waits, and what needs somebody now.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::Console;
use super::answer::{Fault, Page};
use super::shell::{Shell, Visit};
use super::system::parts;
use crate::case::State as CaseState;
use crate::duty::Act;
use crate::registrar::{QueueView, Refusal};

#[derive(Template)]
#[template(path = "desk.html")]
struct Desk {
    shell: Shell,
    queues: Vec<QueueView>,
    /// What needs somebody.
    alerts: Vec<&'static str>,
    sees_cases: bool,
}

pub(super) async fn page(State(console): State<Console>, visit: Visit) -> Response {
    match desk(&console, &visit).await {
        Ok((queues, alerts)) => {
            let sees_cases = visit.may(Act::SeeCases);
            Page(Desk { shell: visit.shell, queues, alerts, sees_cases }).into_response()
        }
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

async fn desk(console: &Console, visit: &Visit) -> Result<(Vec<QueueView>, Vec<&'static str>), Refusal> {
    let mut queues = if visit.may(Act::SeeCases) { console.registrar.queues().await? } else { Vec::new() };
    // What waits for a decision comes first, then what is oldest.
    queues.sort_by_key(|queue| (queue.state != CaseState::Checked, queue.oldest));
    let mut alerts: Vec<_> = parts(console).await.into_iter().filter(|(_, good)| !good).map(|(name, _)| name).collect();
    if visit.may(Act::ReviewOfficers) && console.registrar.roster(&visit.officer()?).await?.review_due {
        alerts.push("review");
    }
    Ok((queues, alerts))
}
