//! Log-in with the officer's certificate, which the browser shows in the TLS handshake. The page answers without one, too, and says what is
//! missing.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::HeaderValue;
use http::header::SET_COOKIE;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Console;
use super::answer::{Fault, Page};
use super::guard::SESSION_COOKIE;
use super::language::own_path;
use super::shell::{Shell, Visit};
use crate::registrar::Refusal;

#[derive(Template)]
#[template(path = "log_in.html")]
struct LogIn {
    shell: Shell,
    /// The officer whose certificate the browser showed.
    name: Option<String>,
    /// The subject of the certificate that it showed, whosever.
    subject: Option<String>,
    back: String,
}

/// Where to go afterwards, in hexadecimal.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Back {
    back: String,
}

impl Back {
    fn path(&self) -> String {
        let octets = hex::decode(&self.back).unwrap_or_default();
        own_path(std::str::from_utf8(&octets).unwrap_or_default()).to_owned()
    }
}

pub(super) async fn page(State(console): State<Console>, Query(back): Query<Back>, visit: Visit) -> Response {
    if visit.session.is_some() {
        return Redirect::to(&back.path()).into_response();
    }
    match console.registrar.officer_of(&visit.chain).await {
        Ok(officer) => Page(LogIn {
            shell: visit.shell,
            name: officer.map(|officer| officer.name.to_string()),
            subject: visit.chain.first().map(|shown| shown.subject().to_string()),
            back: back.back,
        })
        .into_response(),
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

/// A new session at each log-in: whatever cookie came is worth nothing.
pub(super) async fn log_in(State(console): State<Console>, visit: Visit, Form(back): Form<Back>) -> Response {
    let Some(source) = &visit.source else { return Fault::of(Refusal::NotIdentified).told(visit.shell) };
    match console.registrar.log_in(source, &visit.chain).await {
        Ok(token) => {
            let attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";
            let cookie = Zeroizing::new(format!("{SESSION_COOKIE}={}; {attributes}", token.text().as_str()));
            with_cookie(Redirect::to(&back.path()).into_response(), &cookie)
        }
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

pub(super) async fn log_out(State(console): State<Console>, visit: Visit) -> Response {
    let Some(session) = &visit.session else { return Fault::of(Refusal::NotIdentified).told(visit.shell) };
    match console.registrar.log_out(&session.token, &session.officer).await {
        Ok(()) => {
            let cookie = format!("{SESSION_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
            with_cookie(Redirect::to("/log-in").into_response(), &cookie)
        }
        Err(refusal) => Fault::of(refusal).told(visit.shell),
    }
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(mut cookie) = HeaderValue::from_str(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
