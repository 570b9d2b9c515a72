//! What pages are dressed in; part of the program, as an office's network may be closed.

use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

pub(super) async fn sheet() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, A_DAY)], include_str!("assets/style.css"))
        .into_response()
}

/// Vazirmatn, for Persian and Latin (SIL Open Font License 1.1; its text stands beside it).
pub(super) async fn font() -> Response {
    ([(CONTENT_TYPE, "font/woff2"), (CACHE_CONTROL, A_DAY)], include_bytes!("assets/vazirmatn.woff2").as_slice())
        .into_response()
}

const A_DAY: &str = "private, max-age=86400";
