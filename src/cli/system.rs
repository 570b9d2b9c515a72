//! The system's clock and randomness: the only place that asks for them.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use crate::case::{Clock, Millis, Random};

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the clock comes from; all else is handed this")]
    fn now(&self) -> Millis {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The system's randomness.
#[derive(Debug)]
pub(super) struct Entropy(SystemRandom);

impl Entropy {
    pub(super) fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Random for Entropy {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no nonce, identifier or key may be made: the process must end"
    )]
    fn fill(&self, octets: &mut [u8]) {
        self.0.fill(octets).expect("the system gives random octets");
    }
}

/// Returns when standard input ends: the process that started us is gone.
pub(super) async fn end_of_stdin() {
    use tokio::io::AsyncReadExt as _;
    let mut input = tokio::io::stdin();
    let mut octets = [0; 64];
    while input.read(&mut octets).await.is_ok_and(|read| read > 0) {}
}
