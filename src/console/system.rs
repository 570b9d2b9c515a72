//! The state of what the office works with.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::Console;
use super::answer::Page;
use super::shell::{Shell, Visit};

#[derive(Template)]
#[template(path = "system.html")]
struct System {
    shell: Shell,
    /// Each part by its name, and whether it is well.
    parts: [(&'static str, bool); 5],
    now: i64,
    version: &'static str,
}

/// What the office works with, and whether it is well.
pub(super) async fn parts(console: &Console) -> [(&'static str, bool); 5] {
    let ready = console.registrar.readiness().await;
    [
        ("database", ready.database),
        ("hsm", ready.hsm),
        ("data-key", ready.data_key),
        ("upstream", ready.upstream),
        ("audit", ready.audit),
    ]
}

pub(super) async fn page(State(console): State<Console>, visit: Visit) -> Response {
    let parts = parts(&console).await;
    let now = console.registrar.now().0;
    Page(System { shell: visit.shell, parts, now, version: env!("CARGO_PKG_VERSION") }).into_response()
}
