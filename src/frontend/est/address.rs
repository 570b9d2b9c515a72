//! Which operation a request asks for, and under which profile (RFC 7030 section 3.2.2).

use axum::response::Response;
use est::{Operation, Path};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode, Uri};

use super::answer::text;
use crate::registrar::Registrar;
use crate::rules::Profile;

/// Why nobody can ask at an address.
pub(super) struct Wrong {
    status: StatusCode,
    pub(super) words: String,
    /// The method that can be used there.
    allow: Option<&'static str>,
}

impl Wrong {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into(), allow: None }
    }

    pub(super) fn response(&self) -> Response {
        let mut response = text(self.status, &self.words);
        if let Some(method) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
        }
        response
    }
}

/// What is asked for, and under which label and profile.
pub(super) fn address(
    registrar: &Registrar,
    method: &Method,
    uri: &Uri,
) -> Result<(Operation, Option<String>, Profile), Wrong> {
    let path = Path::parse(uri.path()).map_err(|fault| Wrong::new(StatusCode::NOT_FOUND, fault.to_string()))?;
    let operation = path.operation;
    if method.as_str() != operation.method() {
        let wrong = Wrong::new(StatusCode::METHOD_NOT_ALLOWED, "use the method in Allow");
        return Err(Wrong { allow: Some(operation.method()), ..wrong });
    }
    match registrar.profile(path.label.as_deref()) {
        // RFC 7030 section 3.2.2 table 5: optional operations may be left out.
        Some((_, profile)) if operation == Operation::ServerKeyGen && profile.est.server_key.is_none() => {
            Err(Wrong::new(StatusCode::NOT_IMPLEMENTED, "no keys are made under this label"))
        }
        Some((_, profile)) if operation == Operation::FullCmc && !profile.est.full_cmc => {
            Err(Wrong::new(StatusCode::NOT_IMPLEMENTED, "CMC is not spoken under this label"))
        }
        Some((_, profile)) => Ok((operation, path.label, profile)),
        None => Err(Wrong::new(StatusCode::NOT_FOUND, "there is no such label")),
    }
}
