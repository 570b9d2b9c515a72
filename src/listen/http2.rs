//! HTTP/2 for who asks for it in the handshake (RFC 9113). Clients that are picky about raw HTTP speak 1.1.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use super::Stopping;
use super::answer::Desk;
use super::config::seconds;
use super::wire::Progress;

/// Serves the requests of one connection until either side has enough.
pub(super) async fn serve<IO>(io: IO, desk: Desk, mut stopping: Stopping)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // A stream that is taken back is free at once; what it asked for goes on.
    let slots = usize::try_from(STREAMS).unwrap_or_default();
    let desk = Desk { slots: Some(Arc::new(Semaphore::new(slots))), ..desk };
    let (door, peer) = (desk.door, desk.connection.peer);
    let (idle_time, send_time) = (seconds(desk.limits.idle_seconds), seconds(desk.limits.send_seconds));
    let header = u32::try_from(desk.limits.header.get()).unwrap_or(u32::MAX);
    let work = Arc::new(Work { running: AtomicUsize::new(0), last_end: Mutex::new(Instant::now()) });
    let service = {
        let work = Arc::clone(&work);
        service_fn(move |request: Request<Incoming>| {
            let (desk, working) = (desk.clone(), Working::begin(&work));
            async move {
                let answer = desk.answer(request, Arc::new(Progress::new())).await;
                drop(working);
                Ok::<_, Infallible>(answer)
            }
        })
    };
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .max_header_list_size(header)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 2)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(idle_time / 2)
        .keep_alive_timeout(send_time)
        .serve_connection(TokioIo::new(io), service);
    let mut connection = pin!(connection);
    let mut told = false;
    let mut idle = pin!(sleep(idle_time));
    let end = loop {
        tokio::select! {
            end = connection.as_mut() => break end,
            () = stopping.wait(), if !told => {
                told = true;
                connection.as_mut().graceful_shutdown();
            }
            () = idle.as_mut() => match work.idle_since() {
                // It was told to go and does not.
                _ if told && work.idle_since().is_some() => return,
                Some(since) if since + idle_time <= Instant::now() => {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                    idle.set(sleep(send_time));
                }
                Some(since) => idle.set(sleep_until(since + idle_time)),
                None => idle.set(sleep(idle_time)),
            }
        }
    };
    if let Err(error) = end {
        tracing::debug!(door, %peer, %error, "a connection broke off");
    }
}

/// What runs on a connection.
struct Work {
    running: AtomicUsize,
    last_end: Mutex<Instant>,
}

impl Work {
    /// Since when nothing runs, where nothing runs.
    fn idle_since(&self) -> Option<Instant> {
        let nothing = self.running.load(Ordering::Acquire) == 0;
        nothing.then(|| *self.last_end.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One request, as long as it runs, also when its client took it back.
struct Working(Arc<Work>);

impl Working {
    fn begin(work: &Arc<Work>) -> Self {
        work.running.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(work))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        *self.0.last_end.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Requests at the same time. An enrolment client has one.
const STREAMS: u32 = 16;

/// Requests that a client may take back before we end its connection.
const RESETS: usize = 32;

/// Octets that a client may send of a request before we read: a whole request by default.
const WINDOW: u32 = 64 * 1024;

const SEND_BUFFER: usize = 64 * 1024;
