use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, timeout};
use zeroize::{Zeroize as _, Zeroizing};

use super::Limits;
use super::config::seconds;
use crate::frontend::connection::Receipt;

/// A connection as hyper sees it. It gives header names their exact case, collects head and body into one write, and ends a
/// connection whose client is too slow in sending a head, in taking an answer, or in asking again.
///
/// libest compares `Content-Type`, `Content-Length` and `WWW-Authenticate` with case; hyper writes small letters or `Www-Authenticate`.
pub(super) struct Wire<IO> {
    inner: IO,
    progress: Arc<Progress>,
    part: Part,
    /// What is to be sent. It may hold a private key, so it is wiped however the connection ends.
    out: Zeroizing<Vec<u8>>,
    sent: usize,
    header_time: Duration,
    idle_time: Duration,
    send_time: Duration,
    /// When a client that is to send something must have done so.
    reading: Pin<Box<Sleep>>,
    /// The phase that `reading` was set for.
    reading_phase: u8,
    /// Whether [`DOZE`] of it is over.
    dozed: bool,
    /// When a client must have taken more of the answer; set while it does not.
    writing: Option<Pin<Box<Sleep>>>,
    /// What was read already and is to be read again.
    ahead: Bytes,
}

/// How far the requests of a connection have come: written by the service, read by the wire, both in the same task.
#[derive(Debug)]
pub(super) struct Progress {
    phase: AtomicU8,
    body: AtomicU64,
    early: AtomicBool,
    /// An answer was given that the wire has not taken yet.
    due: AtomicBool,
    resting: AtomicBool,
    /// Somebody waits to hear that the answer was written. What it holds is for the requester only.
    receipt: Mutex<Option<Receipt>>,
}

/// What is being written.
enum Part {
    /// A head, and as much as there is of it.
    Head(Vec<u8>),
    /// A body of which so many bytes are missing.
    Body(u64),
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            phase: AtomicU8::new(NEW),
            body: AtomicU64::new(0),
            early: AtomicBool::new(false),
            due: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            receipt: Mutex::default(),
        }
    }

    /// A request's head is there. From here on the service watches the time.
    pub(super) fn busy(&self) {
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    /// An answer with a body of so many bytes will be written next.
    pub(super) fn answered(&self, body: u64, receipt: Option<Receipt>) {
        *self.receipt() = receipt;
        self.body.store(body, Ordering::Relaxed);
        self.due.store(true, Ordering::Relaxed);
        self.phase.store(IDLE, Ordering::Relaxed);
    }

    /// The answer was given without reading all of the request.
    pub(super) fn answered_early(&self) {
        self.early.store(true, Ordering::Relaxed);
    }

    /// Whether there may be bytes on the way that nobody will read.
    pub(super) fn is_early(&self) -> bool {
        self.early.load(Ordering::Relaxed)
    }

    /// Whether everything asked for was answered and sent, and nothing more has come for [`DOZE`].
    pub(super) fn is_resting(&self) -> bool {
        self.resting.load(Ordering::Relaxed)
    }

    fn receipt(&self) -> MutexGuard<'_, Option<Receipt>> {
        self.receipt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Relaxed)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Wire<IO> {
    pub(super) fn new(inner: IO, limits: &Limits, progress: Arc<Progress>) -> Self {
        let header_time = seconds(limits.header_seconds);
        Self {
            inner,
            progress,
            part: Part::Head(Vec::new()),
            out: Zeroizing::default(),
            sent: 0,
            header_time,
            idle_time: seconds(limits.idle_seconds),
            send_time: seconds(limits.send_seconds),
            reading: Box::pin(sleep(header_time)),
            reading_phase: NEW,
            dozed: false,
            writing: None,
            ahead: Bytes::new(),
        }
    }

    /// Waits, with the small buffers of a wire only, for the next request of a client that [rests](Progress::is_resting). Whether there
    /// is one; the time for it is that between two requests.
    pub(super) async fn rest(&mut self, read_before: Bytes) -> bool {
        self.ahead = read_before;
        if self.ahead.is_empty() {
            let mut first = [0];
            let read = timeout(self.idle_time.saturating_sub(DOZE), self.inner.read(&mut first)).await;
            if !matches!(read, Ok(Ok(1))) {
                return false;
            }
            self.ahead = Bytes::copy_from_slice(&first);
        }
        self.progress.resting.store(false, Ordering::Relaxed);
        true
    }

    /// Whether nothing of an answer is still to be sent.
    fn is_done(&self) -> bool {
        let between = matches!(&self.part, Part::Head(head) if head.is_empty());
        between && self.out.is_empty() && !self.progress.due.load(Ordering::Relaxed)
    }

    /// The connection itself.
    pub(super) fn into_inner(self) -> IO {
        self.inner
    }

    /// Takes bytes of the answer, giving names their case on the way.
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = match &mut self.part {
                Part::Body(missing) => {
                    let taken = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
                    self.out.extend_from_slice(bytes.get(..taken).unwrap_or_default());
                    *missing -= taken as u64;
                    if *missing == 0 {
                        self.part = Part::Head(Vec::new());
                    }
                    taken
                }
                Part::Head(head) => {
                    let before = head.len();
                    head.extend_from_slice(bytes);
                    match find_end(head, before) {
                        None => bytes.len(),
                        Some(end) => {
                            let mut head = Zeroizing::new(std::mem::take(head));
                            head.truncate(end);
                            name_headers(&mut head);
                            self.out.extend_from_slice(&head);
                            // After "100 Continue" comes the real head.
                            let body = if head.starts_with(b"HTTP/1.1 1") {
                                0
                            } else {
                                self.progress.due.store(false, Ordering::Relaxed);
                                self.progress.body.swap(0, Ordering::Relaxed)
                            };
                            if self.progress.receipt().is_some() {
                                // Growing would leave copies behind.
                                self.out.reserve(usize::try_from(body).unwrap_or_default());
                            }
                            self.part = if body == 0 { Part::Head(Vec::new()) } else { Part::Body(body) };
                            end - before
                        }
                    }
                }
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// Hands on what has been taken.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.inner).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => {
                    self.sent += sent;
                    self.writing = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.poll_stalled(cx),
            }
        }
        if self.progress.receipt().is_some() {
            self.out.zeroize();
        }
        self.out.clear();
        self.out.shrink_to(KEPT);
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let send_time = self.send_time;
        let writing = self.writing.get_or_insert_with(|| Box::pin(sleep(send_time)));
        ready!(writing.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take the answer")))
    }

    /// The time that the current phase gives a client that sends nothing.
    fn poll_silent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.progress.phase();
        if phase == BUSY {
            self.reading_phase = BUSY;
            return Poll::Pending;
        }
        if phase != self.reading_phase {
            self.reading_phase = phase;
            let time = if phase == IDLE { self.idle_time.min(DOZE) } else { self.header_time };
            self.reading.as_mut().reset(Instant::now() + time);
            self.dozed = false;
        }
        ready!(self.reading.as_mut().poll(cx));
        if phase == IDLE && !self.dozed && self.idle_time > DOZE {
            self.dozed = true;
            // A client that has not taken its answer yet stays as it is.
            self.progress.resting.store(self.is_done(), Ordering::Relaxed);
            self.reading.as_mut().reset(Instant::now() + self.idle_time.saturating_sub(DOZE));
            ready!(self.reading.as_mut().poll(cx));
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client is silent")))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = if this.ahead.is_empty() {
            Pin::new(&mut this.inner).poll_read(cx, buffer)
        } else {
            let taken = this.ahead.split_to(this.ahead.len().min(buffer.remaining()));
            buffer.put_slice(&taken);
            Poll::Ready(Ok(()))
        };
        match read {
            Poll::Ready(result) => {
                // The time for a head runs from its first byte, and no further byte extends it; that of a new connection already runs.
                if buffer.filled().len() > before && this.progress.phase() == IDLE {
                    this.progress.phase.store(HEAD, Ordering::Relaxed);
                }
                Poll::Ready(result)
            }
            // Between two requests the end of the line is a clean end: hyper then lets TLS say good-bye.
            Poll::Pending => match (this.poll_silent(cx), this.progress.phase()) {
                (Poll::Ready(Err(_)), NEW | IDLE) => Poll::Ready(Ok(())),
                (silent, _) => silent,
            },
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.out.len() >= FULL {
            ready!(self.poll_drain(cx))?;
        }
        let mut room = FULL.saturating_sub(self.out.len());
        let mut taken = 0;
        for slice in slices {
            let bytes = slice.get(..slice.len().min(room)).unwrap_or_default();
            self.feed(bytes);
            taken += bytes.len();
            room -= bytes.len();
        }
        Poll::Ready(Ok(taken))
    }

    /// So that hyper hands over head and body together without copying the body.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        match Pin::new(&mut self.inner).poll_flush(cx) {
            Poll::Ready(result) => {
                self.writing = None;
                // hyper reads again when something comes, which may be never; the time for it runs from here.
                if self.progress.phase() == IDLE && self.is_done() {
                    if result.is_ok()
                        && let Some(receipt) = self.progress.receipt().take()
                    {
                        receipt.written();
                    }
                    let _ = self.poll_silent(cx);
                }
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_stalled(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Where the head ends, of which all but the bytes from `before` on have been searched.
fn find_end(head: &[u8], before: usize) -> Option<usize> {
    let from = before.saturating_sub(END.len() - 1);
    let at = head.get(from..)?.windows(END.len()).position(|window| window == END)?;
    Some(from + at + END.len())
}

/// Writes header names as the RFCs print them. The values stay as they are.
fn name_headers(head: &mut [u8]) {
    for line in head.split_mut(|byte| *byte == b'\n').skip(1) {
        let Some(name) = line.iter().position(|byte| *byte == b':').and_then(|colon| line.get_mut(..colon)) else {
            continue;
        };
        if name.eq_ignore_ascii_case(WWW_AUTHENTICATE) {
            name.copy_from_slice(WWW_AUTHENTICATE);
            continue;
        }
        let mut first = true;
        for byte in name {
            if first {
                byte.make_ascii_uppercase();
            } else {
                byte.make_ascii_lowercase();
            }
            first = *byte == b'-';
        }
    }
}

// Phases: no request yet; waiting for the next one; part of a head is there; the service has it.
const NEW: u8 = 0;
const IDLE: u8 = 1;
const HEAD: u8 = 2;
const BUSY: u8 = 3;

const END: &[u8] = b"\r\n\r\n";
const WWW_AUTHENTICATE: &[u8] = b"WWW-Authenticate";

/// As much as rustls takes at once.
const FULL: usize = 64 * 1024;

/// How long a connection keeps all that it needs for a request after the last one.
const DOZE: Duration = Duration::from_secs(1);

/// A buffer of this size stays with an idle connection.
const KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt as _;

    const HEAD_AND_BODY: &[u8] =
        b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"www-authenticate: x\"\r\ncontent-length: 22\r\n\r\n\r\nwww-authenticate: no\r\n";

    fn wire() -> Wire<tokio::io::Empty> {
        Wire::new(tokio::io::empty(), &Limits::default(), Arc::new(Progress::new()))
    }

    #[tokio::test]
    async fn names_get_their_case_in_heads_only() {
        let mut wire = wire();
        wire.progress.answered(24, None);
        wire.feed(b"HTTP/1.1 100 Continue\r\n\r\n");
        wire.feed(HEAD_AND_BODY);
        wire.feed(b"HTTP/1.1 202 Accepted\r\nretry-after: 5\r\nCONTENT-length: 0\r\nx: www-authenticate\r\n\r\n");
        assert_eq!(
            String::from_utf8_lossy(&wire.out),
            "HTTP/1.1 100 Continue\r\n\r\n\
             HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"www-authenticate: x\"\r\nContent-Length: 22\r\n\r\n\
             \r\nwww-authenticate: no\r\n\
             HTTP/1.1 202 Accepted\r\nRetry-After: 5\r\nContent-Length: 0\r\nX: www-authenticate\r\n\r\n"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_rests_when_it_has_its_answer_and_asks_nothing() {
        let (near, mut far) = tokio::io::duplex(16);
        let mut wire = Wire::new(near, &Limits::default(), Arc::new(Progress::new()));
        let mut byte = [0];
        let silent = DOZE + Duration::from_millis(100);
        assert!(timeout(silent, wire.read(&mut byte)).await.is_err());
        assert!(!wire.progress.is_resting(), "a new one has its first head to send");
        wire.progress.busy();
        assert!(timeout(silent, wire.read(&mut byte)).await.is_err());
        assert!(!wire.progress.is_resting(), "the service has its request");
        wire.progress.answered(0, None);
        assert!(timeout(silent, wire.read(&mut byte)).await.is_err());
        assert!(!wire.progress.is_resting(), "its answer is due");
        wire.progress.busy();
        assert!(timeout(silent, wire.read(&mut byte)).await.is_err());
        wire.progress.answered(0, None);
        wire.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        assert!(timeout(silent, wire.flush()).await.is_err());
        assert!(timeout(silent, wire.read(&mut byte)).await.is_err());
        assert!(!wire.progress.is_resting(), "it has not taken its answer");
        wire.progress.busy();
        far.read_exact(&mut [0; 16]).await.unwrap();
        wire.flush().await.unwrap();
        assert!(timeout(silent, wire.read(&mut byte)).await.is_err());
        wire.progress.phase.store(IDLE, Ordering::Relaxed);
        assert!(timeout(silent, wire.read(&mut byte)).await.is_err());
        assert!(wire.progress.is_resting());
        far.write_all(b"GET").await.unwrap();
        assert!(wire.rest(Bytes::new()).await);
        assert!(!wire.progress.is_resting());
        let mut three = [0; 3];
        wire.read_exact(&mut three).await.unwrap();
        assert_eq!(&three, b"GET");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_sent_starts_the_time_for_the_next_request() {
        let mut wire = wire();
        wire.progress.busy();
        wire.progress.answered(0, None);
        wire.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        // As hyper does it: flushed, and polled again only when something wakes it.
        let mut polls = 0;
        let started = Instant::now();
        let woken = poll_fn(|cx| {
            polls += 1;
            let flushed = Pin::new(&mut wire).poll_flush(cx);
            assert!(flushed.is_ready());
            if polls == 1 { Poll::Pending } else { Poll::Ready(()) }
        });
        timeout(DOZE * 2, woken).await.expect("it is woken");
        assert!(started.elapsed() >= DOZE);
        assert!(wire.progress.is_resting());
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(cuts in proptest::collection::vec(1_usize..30, 0..20)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let (mut whole, mut pieces) = (wire(), wire());
                whole.progress.answered(24, None);
                pieces.progress.answered(24, None);
                whole.feed(HEAD_AND_BODY);
                let mut rest = HEAD_AND_BODY;
                for cut in cuts {
                    let (piece, behind) = rest.split_at(cut.min(rest.len()));
                    pieces.feed(piece);
                    rest = behind;
                }
                pieces.feed(rest);
                assert_eq!(whole.out, pieces.out);
            });
        }
    }
}
