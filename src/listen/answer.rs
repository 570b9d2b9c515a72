use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use super::config::seconds;
use super::wire::Progress;
use super::{Limits, Metrics, Witness};
use crate::frontend::connection::{Connection, Receipt, RequestId};

/// What every request of a connection needs.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    /// The name of the door, for logs and metrics.
    pub(super) door: &'static str,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Metrics,
    pub(super) router: Router,
    pub(super) connection: Connection,
    pub(super) witness: Option<Arc<dyn Witness>>,
    /// Held as long as something runs that the server should wait for when it stops.
    pub(super) running: Running,
    /// HTTP/2: as many as may be handled for one connection, also for a client that took its request back.
    pub(super) slots: Option<Arc<Semaphore>>,
}

/// A share in what keeps the server from ending; all that counts is whether one is left.
pub(super) type Running = tokio::sync::mpsc::Sender<std::convert::Infallible>;

impl Desk {
    /// Reads all of a request, has it handled, and makes an answer of known length.
    pub(super) async fn answer(self, request: Request<Incoming>, progress: Arc<Progress>) -> Response<Full<Bytes>> {
        progress.busy();
        let mut record = Record::open(&self, &request);
        let head_only = request.method() == Method::HEAD;
        let version = request.version();
        let answer = match self.read(request).await {
            Ok(request) => self.handle(request, &record.id).await,
            Err(refusal) => {
                progress.answered_early();
                let answer = refusal.answer();
                if let Some(witness) = &self.witness {
                    let words = String::from_utf8_lossy(&answer.1);
                    witness.turned_down(self.door, &self.connection, &record.id, answer.0.status, words.trim_end());
                }
                answer
            }
        };
        let mut response = finish(answer, &record.id, head_only);
        // After a refusal before the end of a request nobody knows where the next one would start, except in HTTP/2.
        if progress.is_early() && version < Version::HTTP_2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        progress.answered(response.body().size_hint().lower(), response.extensions_mut().remove::<Receipt>());
        record.status = Some(response.status());
        response
    }

    async fn read(&self, request: Request<Incoming>) -> Result<Request<Body>, Refusal> {
        // RFC 9112 section 3.2
        if request.version() == Version::HTTP_11
            && request.uri().authority().is_none()
            && !request.headers().contains_key(HOST)
        {
            return Err(Refusal::NoHost);
        }
        let limit = self.limits.body.get();
        // What is announced too large is refused before any of it is read, and before "100 Continue".
        if request.body().size_hint().lower() > limit as u64 {
            return Err(Refusal::TooLarge { limit });
        }
        let (head, body) = request.into_parts();
        let reading = timeout(seconds(self.limits.body_seconds), Limited::new(body, limit).collect());
        let body = match reading.await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Refusal::TooLarge { limit }),
            Ok(Err(_)) => return Err(Refusal::BadBody),
            Err(_) => return Err(Refusal::TooSlow),
        };
        let mut request = Request::from_parts(head, Body::from(body));
        request.extensions_mut().insert(self.connection.clone());
        Ok(request)
    }

    /// The handler runs in a task of its own: a client that hangs up must not cut off what has been begun.
    async fn handle(&self, mut request: Request<Body>, id: &RequestId) -> (response::Parts, Bytes) {
        request.extensions_mut().insert(id.clone());
        let slot = match &self.slots {
            None => None,
            Some(slots) => match Arc::clone(slots).try_acquire_owned() {
                Ok(slot) => Some(slot),
                Err(_) => return Refusal::Busy.answer(),
            },
        };
        let (router, running) = (self.router.clone(), self.running.clone());
        let span = tracing::info_span!("request", id = %id.0);
        let handling = async move {
            let _held = (running, slot);
            let Ok(response) = router.oneshot(request).await;
            let (head, body) = response.into_parts();
            body.collect().await.map(|body| (head, body.to_bytes()))
        };
        match timeout(seconds(self.limits.request_seconds), tokio::spawn(handling.instrument(span))).await {
            Ok(Ok(Ok(answer))) => answer,
            Ok(Ok(Err(error))) => {
                tracing::error!(request = %id.0, %error, "an answer broke off");
                Refusal::Broken.answer()
            }
            Ok(Err(error)) => {
                tracing::error!(request = %id.0, %error, "a handler broke off");
                Refusal::Broken.answer()
            }
            Err(_) => {
                tracing::warn!(request = %id.0, "the request takes too long and goes on without its client");
                Refusal::Busy.answer()
            }
        }
    }
}

/// What is answered without asking the router, or instead of what it says.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    NoHost,
    BadBody,
    TooLarge { limit: usize },
    TooSlow,
    Broken,
    Busy,
}

impl Refusal {
    fn answer(self) -> (response::Parts, Bytes) {
        let (status, text) = match self {
            Self::NoHost => (StatusCode::BAD_REQUEST, "the Host header is missing (RFC 9112 section 3.2)\n".to_owned()),
            Self::BadBody => (StatusCode::BAD_REQUEST, "the body is not what its head announces\n".to_owned()),
            Self::TooLarge { limit } => {
                (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes\n"))
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body takes too long\n".to_owned()),
            Self::Broken => {
                (StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log has the cause\n".to_owned())
            }
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "this takes too long; ask again later\n".to_owned()),
        };
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = status;
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if matches!(self, Self::Busy) {
            head.headers.insert(RETRY_AFTER, HeaderValue::from_static("10"));
        }
        (head, Bytes::from(text))
    }
}

/// Gives an answer its length and its name. What has a known length hyper never sends chunked, which libest, strongSwan and
/// Bouncy Castle cannot read.
fn finish((mut head, mut body): (response::Parts, Bytes), id: &RequestId, head_only: bool) -> Response<Full<Bytes>> {
    head.headers.remove(TRANSFER_ENCODING);
    // An answer to HEAD has the length of what GET would have got; axum has put it there.
    if !head_only {
        head.headers.remove(CONTENT_LENGTH);
    }
    // RFC 9110 sections 15.2, 15.3.5 and 15.4.5
    if head_only
        || head.status.is_informational()
        || head.status == StatusCode::NO_CONTENT
        || head.status == StatusCode::NOT_MODIFIED
    {
        body = Bytes::new();
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        head.headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    Response::from_parts(head, Full::new(body))
}

/// Writes the one line of a request when it is over, whichever way.
struct Record {
    id: RequestId,
    status: Option<StatusCode>,
    started: Instant,
    door: &'static str,
    metrics: Metrics,
    peer: std::net::SocketAddr,
    method: Method,
    path: String,
}

impl Record {
    fn open(desk: &Desk, request: &Request<Incoming>) -> Self {
        Self {
            id: random_id(),
            status: None,
            started: Instant::now(),
            door: desk.door,
            metrics: desk.metrics.clone(),
            peer: desk.connection.peer,
            method: request.method().clone(),
            // Not the query: codes and tokens stand there.
            path: request.uri().path().chars().take(PATH_LOGGED).collect(),
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let status = self.status.map_or(GONE, |status| status.as_u16());
        let duration = self.started.elapsed();
        self.metrics.answered(self.door, status, duration);
        tracing::info!(
            request = %self.id.0, door = self.door, peer = %self.peer, method = %self.method, path = %self.path,
            status, micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX), "request"
        );
    }
}

/// Names requests only; no secret hangs on it. Without randomness the machine is beyond repair, and zeros do no harm here.
fn random_id() -> RequestId {
    let mut bytes = [0_u8; 16];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        bytes = [0; 16];
    }
    RequestId(hex::encode(bytes))
}

/// The status in log and metrics when the client went away before its answer; nobody is sent it.
const GONE: u16 = 499;

/// Characters of a path in the log.
const PATH_LOGGED: usize = 256;
