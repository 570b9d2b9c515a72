use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};

use crate::desk::{Desk, Reply};
use crate::mischief::Mischief;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer, as a test asked")]
pub(crate) struct Closed;

/// Answers an HTTP request. Messages are taken at any path, so that clients may add what RFC 9483 section 6.1 lets
/// them add.
pub(crate) async fn handle(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Answer, Closed> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/ca.crl") => Ok(answer(StatusCode::OK, "application/pkix-crl", desk.revocations.der())),
        (&Method::GET, "/records") => Ok(match desk.records.as_json().await {
            Ok(json) => answer(StatusCode::OK, JSON, json),
            Err(error) => broken(&error),
        }),
        (&Method::POST, "/mischief") => Ok(plan(&desk, request).await),
        (&Method::POST, _) => message(desk, request).await,
        _ => Ok(not_allowed()),
    }
}

/// Every answer has its whole body at hand, or half of it.
pub(crate) type Answer = Response<Either<Full<Bytes>, Half>>;

/// A body that ends before its time.
pub(crate) struct Half(Option<Bytes>);

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Closed>>> {
        Poll::Ready(Some(self.0.take().map(hyper::body::Frame::data).ok_or(Closed)))
    }
}

/// RFC 9811 section 3.4: POST with application/pkixcmp, and 200 whenever there is a message to send back.
async fn message(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Answer, Closed> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(PKIXCMP) {
        return Ok(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/pkixcmp"));
    }
    let Some(body) = read(request).await else {
        return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "the body cannot be read or exceeds 64 KiB"));
    };
    // A task of its own: a requester that goes away must not stop what is under way.
    let work = tokio::spawn(async move { desk.answer(&body).await });
    match work.await {
        Ok(Ok(Reply::Message { status, der })) => Ok(answer(code(status), PKIXCMP, der)),
        Ok(Ok(Reply::Half(der))) => Ok(half(der)),
        Ok(Ok(Reply::Silence)) => Err(Closed),
        Ok(Ok(Reply::Status(status))) => Ok(bare(code(status))),
        Ok(Err(error)) => Ok(broken(&error)),
        Err(error) => Ok(broken(&error)),
    }
}

/// A test asks for mischief.
async fn plan(desk: &Desk, request: Request<Incoming>) -> Answer {
    let Some(body) = read(request).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "the body cannot be read or exceeds 64 KiB");
    };
    match Mischief::parse(&body) {
        Ok(all) => answer(StatusCode::OK, JSON, format!(r#"{{"planned":{}}}"#, desk.plot.add(all)).into_bytes()),
        Err(detail) => text(StatusCode::BAD_REQUEST, &detail),
    }
}

async fn read(request: Request<Incoming>) -> Option<Bytes> {
    Some(Limited::new(request.into_body(), BODY).collect().await.ok()?.to_bytes())
}

/// The head says that there is more to come than comes.
fn half(mut der: Vec<u8>) -> Answer {
    let length = HeaderValue::from(der.len());
    der.truncate(der.len() / 2);
    let mut answer = Response::new(Either::Right(Half(Some(der.into()))));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PKIXCMP));
    answer.headers_mut().insert(CONTENT_LENGTH, length);
    answer
}

fn answer(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn text(status: StatusCode, text: &str) -> Answer {
    answer(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
}

/// A status without a message. A redirection leads back here: who follows it is served at once.
fn bare(status: StatusCode) -> Answer {
    let mut answer = text(status, "");
    if status.is_redirection() {
        answer.headers_mut().insert(LOCATION, HeaderValue::from_static("/cmp"));
    }
    answer
}

fn not_allowed() -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "send CMP messages by POST");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    answer
}

fn broken(error: &dyn std::error::Error) -> Answer {
    tracing::error!(%error, "a message cannot be answered");
    text(StatusCode::SERVICE_UNAVAILABLE, "the demo CA cannot work; its log says why")
}

const PKIXCMP: &str = "application/pkixcmp";
const JSON: &str = "application/json";
/// As much as a message may have ([`cmp::Limits`]).
const BODY: usize = 64 * 1024;
