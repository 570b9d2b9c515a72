//! The audit log, newest first.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::Console;
use super::answer::{Fault, Page};
use super::people::People;
use super::shell::{Shell, Visit};
use crate::registrar::{LeafView, Refusal};

#[derive(Template)]
#[template(path = "log.html")]
struct Log {
    shell: Shell,
    leaves: Vec<LeafView>,
    people: People,
    /// Below this number there are more.
    older: Option<u64>,
}

/// Which page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    below: Option<u64>,
}

pub(super) async fn page(State(console): State<Console>, Query(which): Query<Which>, visit: Visit) -> Response {
    let found =
        async { Ok::<_, Refusal>((console.registrar.log_page(which.below, PAGE).await?, People::of(&console).await?)) };
    match found.await {
        Ok((leaves, people)) => {
            let older = leaves.last().map(|leaf| leaf.number).filter(|number| *number > 0);
            Page(Log { shell: visit.shell, leaves, people, older }).into_response()
        }
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

const PAGE: u32 = 100;
