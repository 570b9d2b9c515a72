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
    /// Each part by the key of its text, and whether it is well.
    parts: Vec<(&'static str, bool)>,
    now: i64,
    version: &'static str,
}

pub(super) async fn page(State(console): State<Console>, visit: Visit) -> Response {
    let ready = console.registrar.readiness().await;
    let parts = vec![
        ("part-database", ready.database),
        ("part-hsm", ready.hsm),
        ("part-data-key", ready.data_key),
        ("part-upstream", ready.upstream),
        ("part-audit", ready.audit),
    ];
    let now = console.registrar.now().0;
    Page(System { shell: visit.shell, parts, now, version: env!("CARGO_PKG_VERSION") }).into_response()
}
