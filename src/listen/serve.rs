use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::Stopping;
use super::answer::Desk;
use super::wire::{Progress, Wire};

/// Serves the requests of one connection until either side has enough.
pub(super) async fn serve<IO>(io: IO, desk: Desk, mut stopping: Stopping)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let progress = Arc::new(Progress::new());
    let mut wire = Wire::new(io, &desk.limits, Arc::clone(&progress));
    let header = desk.limits.header.get();
    let mut http = http1::Builder::new();
    http.writev(true)
        .header_read_timeout(None) // the wire has finer ones
        .max_buf_size(header.max(SMALLEST_BUFFER))
        .max_header_size(header);
    loop {
        let service = OneConnection { desk: desk.clone(), progress: Arc::clone(&progress) };
        let mut connection = Box::new(http.serve_connection(TokioIo::new(wire), service));
        let mut told = false;
        let end = loop {
            let turn = poll_fn(|cx| match connection.poll_without_shutdown(cx) {
                Poll::Pending if progress.is_resting() => Poll::Ready(Ok(())),
                turn => turn,
            });
            tokio::select! {
                end = turn => break end,
                () = stopping.wait(), if !told => {
                    told = true;
                    Pin::new(&mut *connection).graceful_shutdown();
                }
            }
        };
        if let Err(error) = end {
            // hyper has answered what it could not read, 400 or 431.
            if error.is_parse() {
                desk.metrics.refused(desk.door, "malformed");
            }
            tracing::debug!(door = desk.door, peer = %desk.connection.peer, %error, "a connection broke off");
            return;
        }
        // hyper's buffers are most of what a connection costs, and most connections wait nearly all the time.
        let parts = connection.into_parts();
        wire = parts.io.into_inner();
        let again = progress.is_resting()
            && tokio::select! {
                again = wire.rest(parts.read_buf) => again,
                () = stopping.wait() => false,
            };
        if !again {
            return Box::pin(close(wire, &progress)).await;
        }
    }
}

/// Says good-bye. A client that is still sending would get a reset, and with it lose the answer that it has not read yet.
async fn close<IO: AsyncRead + AsyncWrite + Unpin>(mut wire: Wire<IO>, progress: &Progress) {
    let shut = timeout(LINGER, wire.shutdown()).await;
    if !progress.is_early() || !matches!(shut, Ok(Ok(()))) {
        return;
    }
    let mut rest = wire.into_inner().take(LINGER_BYTES);
    let _ = timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}

struct OneConnection {
    desk: Desk,
    progress: Arc<Progress>,
}

impl Service<Request<Incoming>> for OneConnection {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (desk, progress) = (self.desk.clone(), Arc::clone(&self.progress));
        Box::pin(async move { Ok(desk.answer(request, progress).await) })
    }
}

/// hyper takes no smaller one.
const SMALLEST_BUFFER: usize = 8192;

/// How long a client may go on sending what nobody reads.
const LINGER: Duration = Duration::from_secs(2);

/// And how much.
const LINGER_BYTES: u64 = 4 * 1024 * 1024;
