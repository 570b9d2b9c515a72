//! What goes back: a page, or why there is none, in the officer's language and with the request's name.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use super::language::Language;
use super::shell::Shell;
use crate::frontend::connection::RequestId;
use crate::registrar::Refusal;

/// A page, as it is sent.
pub(super) struct Page<T>(pub(super) T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(text) => Html(text).into_response(),
            Err(fault) => {
                tracing::error!(%fault, "a page could not be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// Why there is no page.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    key: &'static str,
    /// More, in the words of the registrar.
    detail: String,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::of(refusal)
    }
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage {
    shell: Shell,
    key: &'static str,
    detail: String,
    status: u16,
}

impl Fault {
    /// What the registrar refused.
    pub(super) fn of(refusal: Refusal) -> Self {
        let (status, key) = match &refusal {
            Refusal::Requester(_) | Refusal::UnknownProfile(_) => (StatusCode::BAD_REQUEST, "fault-input"),
            Refusal::NotIdentified => (StatusCode::UNAUTHORIZED, "fault-session"),
            Refusal::NotAllowed(_) => (StatusCode::FORBIDDEN, "fault-job"),
            Refusal::TransactionInUse | Refusal::NoTransaction | Refusal::OutOfPlace(_) => {
                (StatusCode::CONFLICT, "fault-place")
            }
            Refusal::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "fault-many"),
            Refusal::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "fault-away"),
        };
        let detail = match refusal {
            // For the officers of this house, who can mend it.
            Refusal::NotAllowed(detail) | Refusal::Unavailable { cause: detail, .. } => detail,
            other => other.to_string(),
        };
        Self { status, key, detail }
    }

    /// What an officer typed is not what is needed.
    pub(super) fn input(detail: impl std::fmt::Display) -> Self {
        Self { status: StatusCode::BAD_REQUEST, key: "fault-input", detail: detail.to_string() }
    }

    /// There is no such thing.
    pub(super) fn nothing() -> Self {
        Self { status: StatusCode::NOT_FOUND, key: "fault-nothing", detail: String::new() }
    }

    /// The page that tells.
    pub(super) fn page(self, language: Language, request: Option<&RequestId>) -> Response {
        self.told(Shell::bare(language, request))
    }

    /// The same for somebody who is logged in.
    pub(super) fn told(self, shell: Shell) -> Response {
        let Self { status, key, detail } = self;
        if status.is_server_error() {
            tracing::error!(detail, "a page of the console could not be made");
        }
        (status, Page(FaultPage { shell, key, detail, status: status.as_u16() })).into_response()
    }
}

/// A page that says one thing.
pub(super) fn explained(
    language: Language,
    status: StatusCode,
    key: &'static str,
    request: Option<&RequestId>,
) -> Response {
    Fault { status, key, detail: String::new() }.page(language, request)
}

/// There is no such page.
pub(super) async fn nothing_here(head: Parts) -> Response {
    Fault::nothing().page(Language::of(&head.headers), head.extensions.get::<RequestId>())
}
