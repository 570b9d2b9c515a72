//! Enrolment codes: made for a profile, shown once, withdrawn.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::Console;
use super::answer::{Fault, Page};
use super::people::People;
use super::shell::{Shell, Visit};
use crate::case::CodeId;
use crate::duty::Act;
use crate::registrar::{CodeOrder, CodeView, Refusal};

#[derive(Template)]
#[template(path = "codes.html")]
struct Codes {
    shell: Shell,
    made: Vec<CodeView>,
    people: People,
    profiles: Vec<String>,
    may_make: bool,
}

#[derive(Template)]
#[template(path = "code_made.html")]
struct Made {
    shell: Shell,
    reference: String,
    secret: String,
    profile: String,
}

/// What is wanted of a new code.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    profile: String,
    names: String,
    days: String,
    reusable: bool,
}

pub(super) async fn page(State(console): State<Console>, visit: Visit) -> Response {
    let found = async { Ok::<_, Refusal>((console.registrar.codes(LONGEST_LIST).await?, People::of(&console).await?)) };
    match found.await {
        Ok((made, people)) => {
            let (profiles, may_make) = (console.registrar.profile_names(), visit.may(Act::MakeCode));
            Page(Codes { shell: visit.shell, made, people, profiles, may_make }).into_response()
        }
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

pub(super) async fn make(State(console): State<Console>, visit: Visit, Form(wanted): Form<Wanted>) -> Response {
    let days = match wanted.days.trim() {
        "" => None,
        text => match text.parse().ok().filter(|days| DAYS.contains(days)) {
            Some(days) => Some(days),
            None => return Fault::input(visit.shell.say("code-days-wrong")).told(visit.shell),
        },
    };
    let names: Vec<String> = wanted.names.split_whitespace().map(str::to_owned).collect();
    let made = async {
        let order = CodeOrder {
            profile: wanted.profile.clone(),
            uses: (!wanted.reusable).then_some(1),
            names: (!names.is_empty()).then_some(names),
            expires_at: days.map(|days| console.registrar.now().plus(i64::from(days) * 86_400_000)),
            by: visit.hand()?,
        };
        console.registrar.make_code(order).await
    };
    match made.await {
        Ok(made) => Page(Made {
            shell: visit.shell,
            reference: made.reference,
            secret: made.secret.to_string(),
            profile: wanted.profile,
        })
        .into_response(),
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

pub(super) async fn withdraw(State(console): State<Console>, Path(id): Path<String>, visit: Visit) -> Response {
    let Some(code) = CodeId::parse(&id) else { return Fault::nothing().told(visit.shell) };
    let withdrawn = async { console.registrar.withdraw_code(code, &visit.hand()?).await };
    match withdrawn.await {
        Ok(()) => Redirect::to("/codes").into_response(),
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

/// How long a code may be good for; without a number it is good without end.
const DAYS: std::ops::RangeInclusive<u32> = 1..=3650;
const LONGEST_LIST: u32 = 200;
