//! The office's own doors: the Unix sockets in the data folder, behind which stand `daftar case`, `code` and `key`. At one of them officers show
//! their certificates.

use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use certs::{Certificate, KeyPrint};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::case::{CaseId, CodeId, Door, Millis, OfficerId, State as CaseState};
use crate::duty::{Jobs, OfficerName};
use crate::registrar::{Candidate, CodeOrder, Hand, KeyAct, Learned, OnDuty, Refusal, Registrar, Source};

/// The routes of the control socket. Who can open it is the office: its mode is 0600. `ra_key` is the key that this server
/// signs with.
pub fn control(registrar: Registrar, ra_key: KeyPrint) -> Router {
    Router::new()
        .route("/cases", get(cases))
        .route("/cases/{id}", get(case))
        .route("/cases/{id}/approve", post(approve))
        .route("/cases/{id}/refuse", post(refuse))
        .route("/codes", get(codes).post(make_code))
        .route("/codes/{id}/withdraw", post(withdraw_code))
        .route("/authorities/{name}/export", post(export))
        .route("/authorities/{name}/import", post(import).layer(DefaultBodyLimit::max(LARGEST_IMPORT)))
        .route("/officers", get(officers).post(propose_officer))
        .route("/officers/review", post(review_officers))
        .route("/officers/{id}/confirm", post(confirm_officer))
        .route("/officers/{id}/disable", post(disable_officer))
        .route("/key-acts", post(note_key_act))
        .layer(Extension(ra_key))
        .with_state(registrar)
}

/// The certificates that were shown on a connection of the officers' socket, each as DER; the key of the first was proven.
#[derive(Clone, Debug)]
pub struct Shown(pub Vec<Vec<u8>>);

/// Who sends a command: an officer whose certificate opened the connection, or whoever can open the socket.
struct Sender(Option<OnDuty>);

impl FromRequestParts<Registrar> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut Parts, registrar: &Registrar) -> Result<Self, Problem> {
        let Some(Shown(shown)) = head.extensions.get() else { return Ok(Self(None)) };
        let chain: Vec<Certificate> = shown.iter().map_while(|der| Certificate::parse(der).ok()).collect();
        let peer = std::net::Ipv4Addr::LOCALHOST.into();
        let source = Source { door: Door::Console, peer, request_id: "officers.sock".to_owned(), profile: None };
        match registrar.officer_at_hand(&source, &chain).await {
            Ok(officer) => Ok(Self(Some(officer))),
            Err(Refusal::NotIdentified) => Err(Problem {
                status: StatusCode::UNAUTHORIZED,
                kind: "urn:daftar:not-identified",
                detail: "this certificate is not that of an officer who is at work; the log tells why".to_owned(),
            }),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

impl Sender {
    /// By whose hand it is: an officer needs no other name.
    fn hand(self, name: Option<String>) -> Result<Hand, Problem> {
        match (self.0, name) {
            (Some(officer), None) => Ok(Hand::Officer(officer)),
            (Some(_), Some(_)) => Err(Problem::input("an officer has a name: say no other".to_owned())),
            (None, Some(name)) => Ok(Hand::Control(name)),
            (None, None) => Err(Problem::input("who does it is not said".to_owned())),
        }
    }

    /// The officer, for what nobody else may.
    fn officer(self) -> Result<OnDuty, Problem> {
        self.0.ok_or_else(|| Problem::input("this is for officers: at the officers' socket, with --as".to_owned()))
    }
}

#[derive(Deserialize)]
struct Listing {
    state: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    officer: Option<String>,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    profile: String,
    uses: Option<u32>,
    names: Option<Vec<String>>,
    expires_in_seconds: Option<i64>,
    created_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    officer: Option<String>,
    /// An earlier one once more.
    number: Option<u32>,
}

/// Octets are in hexadecimal digits.
#[derive(Serialize)]
struct Exported {
    number: u32,
    manifest: String,
    signature: String,
    files: Vec<ExportedFile>,
}

#[derive(Serialize)]
struct ExportedFile {
    name: String,
    octets: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    officer: Option<String>,
    file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposed {
    name: String,
    jobs: Vec<String>,
    /// PEM: the certificate and what it chains to.
    certificate: String,
    learned: Vec<Training>,
}

/// A course that somebody passed; UTC milliseconds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    course: String,
    passed_at: i64,
    valid_until: Option<i64>,
}

#[derive(Serialize)]
struct Made {
    id: String,
    reference: String,
    secret: String,
}

#[derive(Serialize)]
struct Moved {
    id: String,
    state: String,
}

async fn cases(State(registrar): State<Registrar>, Query(listing): Query<Listing>) -> Result<Response, Problem> {
    let state = match &listing.state {
        None => None,
        Some(name) => {
            Some(CaseState::named(name).ok_or_else(|| Problem::input(format!("there is no state '{name}'")))?)
        }
    };
    Ok(Json(registrar.cases(state, listing.limit.unwrap_or(DEFAULT_LIMIT)).await?).into_response())
}

async fn case(State(registrar): State<Registrar>, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(Json(registrar.case(case_id(&id)?).await?).into_response())
}

async fn approve(
    State(registrar): State<Registrar>,
    sender: Sender,
    Path(id): Path<String>,
    Json(word): Json<Word>,
) -> Result<Response, Problem> {
    let state = registrar.approve(case_id(&id)?, &sender.hand(word.officer)?).await?;
    Ok(Json(Moved { id, state: state.to_string() }).into_response())
}

async fn refuse(
    State(registrar): State<Registrar>,
    sender: Sender,
    Path(id): Path<String>,
    Json(word): Json<Word>,
) -> Result<Response, Problem> {
    if word.text.is_empty() {
        return Err(Problem::input("a refusal needs a text for the requester".to_owned()));
    }
    let state = registrar.refuse_case(case_id(&id)?, &sender.hand(word.officer)?, &word.text).await?;
    Ok(Json(Moved { id, state: state.to_string() }).into_response())
}

async fn codes(State(registrar): State<Registrar>) -> Result<Response, Problem> {
    Ok(Json(registrar.codes(DEFAULT_LIMIT).await?).into_response())
}

async fn make_code(
    State(registrar): State<Registrar>,
    sender: Sender,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    let expires_at = wanted.expires_in_seconds.map(|seconds| registrar.now().plus(seconds.saturating_mul(1000)));
    let made = registrar
        .make_code(CodeOrder {
            profile: wanted.profile,
            uses: wanted.uses,
            names: wanted.names,
            expires_at,
            by: sender.hand(wanted.created_by)?,
        })
        .await?;
    let made = Made { id: made.id.to_string(), reference: made.reference, secret: made.secret.to_string() };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

async fn withdraw_code(
    State(registrar): State<Registrar>,
    sender: Sender,
    Path(id): Path<String>,
    Json(word): Json<Word>,
) -> Result<Response, Problem> {
    let code = CodeId::parse(&id).ok_or_else(|| Problem::input(format!("'{id}' is not an identifier")))?;
    registrar.withdraw_code(code, &sender.hand(word.officer)?).await?;
    Ok(Json(Moved { id, state: "withdrawn".to_owned() }).into_response())
}

async fn export(
    State(registrar): State<Registrar>,
    sender: Sender,
    Path(name): Path<String>,
    Json(wanted): Json<Export>,
) -> Result<Response, Problem> {
    let hand = sender.hand(wanted.officer)?;
    let found = match wanted.number {
        Some(number) => Some(registrar.export_again(&name, number, &hand).await?),
        None => registrar.export(&name, &hand).await?,
    };
    let exported = found.map(|export| Exported {
        number: export.number,
        manifest: hex::encode(export.manifest),
        signature: hex::encode(export.signature),
        files: export
            .files
            .into_iter()
            .map(|file| ExportedFile { name: file.name, octets: hex::encode(file.octets) })
            .collect(),
    });
    Ok(Json(exported).into_response())
}

async fn import(
    State(registrar): State<Registrar>,
    sender: Sender,
    Path(name): Path<String>,
    Json(brought): Json<Import>,
) -> Result<Response, Problem> {
    let hand = sender.hand(brought.officer)?;
    let file = hex::decode(&brought.file).map_err(|fault| Problem::input(format!("file: {fault}")))?;
    Ok(Json(registrar.import(&name, &file, &hand).await?).into_response())
}

async fn officers(State(registrar): State<Registrar>, sender: Sender) -> Result<Response, Problem> {
    Ok(Json(registrar.roster(&sender.officer()?).await?).into_response())
}

async fn propose_officer(
    State(registrar): State<Registrar>,
    sender: Sender,
    Json(proposed): Json<Proposed>,
) -> Result<Response, Problem> {
    let unfit = |fault: &dyn std::fmt::Display| Problem::input(format!("'{}': {fault}", proposed.name));
    let candidate = Candidate {
        name: OfficerName::parse(&proposed.name).map_err(|fault| unfit(&fault))?,
        jobs: Jobs::named(proposed.jobs.iter().map(String::as_str)).map_err(|fault| unfit(&fault))?,
        chain: Certificate::parse_pem(proposed.certificate.as_bytes()).map_err(|fault| unfit(&fault))?,
        learned: proposed
            .learned
            .iter()
            .map(|one| Learned {
                course: one.course.clone(),
                passed_at: Millis(one.passed_at),
                valid_until: one.valid_until.map(Millis),
            })
            .collect(),
    };
    let id = registrar.propose_officer(&sender.officer()?, candidate).await?.to_string();
    Ok((StatusCode::CREATED, Json(Moved { id, state: "proposed".to_owned() })).into_response())
}

async fn confirm_officer(
    State(registrar): State<Registrar>,
    sender: Sender,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    registrar.confirm_officer(&sender.officer()?, officer_id(&id)?).await?;
    Ok(Json(Moved { id, state: "active".to_owned() }).into_response())
}

async fn disable_officer(
    State(registrar): State<Registrar>,
    sender: Sender,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    registrar.disable_officer(&sender.officer()?, officer_id(&id)?).await?;
    Ok(Json(Moved { id, state: "disabled".to_owned() }).into_response())
}

async fn review_officers(State(registrar): State<Registrar>, sender: Sender) -> Result<Response, Problem> {
    let officer = sender.officer()?;
    registrar.review_officers(&officer).await?;
    Ok(Json(registrar.roster(&officer).await?).into_response())
}

async fn note_key_act(
    State(registrar): State<Registrar>,
    Extension(ra_key): Extension<KeyPrint>,
    Json(act): Json<KeyAct>,
) -> Result<Response, Problem> {
    // The configuration may name another key already: what counts is what this process signs with.
    if act.destroys(&ra_key) {
        return Err(Problem {
            status: StatusCode::CONFLICT,
            kind: "urn:daftar:out-of-place",
            detail: "the running server signs with this key: restart it first".to_owned(),
        });
    }
    registrar.note_key_act(&act).await?;
    Ok(Json(act).into_response())
}

fn officer_id(text: &str) -> Result<OfficerId, Problem> {
    OfficerId::parse(text).ok_or_else(|| Problem::input(format!("'{text}' is not an identifier")))
}

fn case_id(text: &str) -> Result<CaseId, Problem> {
    CaseId::parse(text).ok_or_else(|| Problem::input(format!("'{text}' is not an identifier")))
}

/// Problem details (RFC 9457).
struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
}

impl Problem {
    const fn input(detail: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "urn:daftar:bad-input", detail }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, kind) = match &refusal {
            Refusal::Requester(_) => (StatusCode::BAD_REQUEST, "urn:daftar:bad-input"),
            Refusal::NotIdentified => (StatusCode::UNAUTHORIZED, "urn:daftar:not-identified"),
            Refusal::NotAllowed(_) => (StatusCode::FORBIDDEN, "urn:daftar:not-allowed"),
            Refusal::UnknownProfile(_) => (StatusCode::NOT_FOUND, "urn:daftar:unknown-profile"),
            Refusal::TransactionInUse | Refusal::NoTransaction | Refusal::OutOfPlace(_) => {
                (StatusCode::CONFLICT, "urn:daftar:out-of-place")
            }
            Refusal::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "urn:daftar:too-many"),
            Refusal::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "urn:daftar:unavailable"),
        };
        let detail = match &refusal {
            // The office itself asks: it may know the cause.
            Refusal::Unavailable { cause, .. } | Refusal::NotAllowed(cause) => cause.clone(),
            other => other.to_string(),
        };
        Self { status, kind, detail }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let details = serde_json::json!({
            "type": self.kind,
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        (self.status, [(CONTENT_TYPE, "application/problem+json")], details.to_string()).into_response()
    }
}

const DEFAULT_LIMIT: u32 = 100;

/// As large as an answer of a CA may be, in hexadecimal digits.
const LARGEST_IMPORT: usize = 24 * 1024 * 1024;
