use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::{State, Use};

/// Counters of the room. The server's metrics read them.
#[derive(Debug, Default)]
pub struct Stats {
    pub(super) signatures: AtomicU64,
    pub(super) failures: AtomicU64,
    queued: [AtomicU64; Use::ALL.len()],
    pub(super) reopened: AtomicU64,
    pub(super) restarts: AtomicU64,
    pub(super) lost: AtomicU64,
    state: AtomicU8,
}

impl Stats {
    /// Signatures made.
    #[must_use]
    pub fn signatures(&self) -> u64 {
        self.signatures.load(Ordering::Relaxed)
    }

    /// Calls that were asked of the token and not fulfilled: unavailable, refused, or too late.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Calls that wait for a session of this use now.
    #[must_use]
    pub fn queue_depth(&self, used: Use) -> u64 {
        self.queued.get(used.place()).map_or(0, |queued| queued.load(Ordering::Relaxed))
    }

    /// Sessions that were opened anew because the old one had died.
    #[must_use]
    pub fn reopened(&self) -> u64 {
        self.reopened.load(Ordering::Relaxed)
    }

    /// Times that the module was initialised anew after the token had been lost.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Threads that are left to calls which do not come back, now.
    #[must_use]
    pub fn threads_left_behind(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether the keys can be used now.
    #[must_use]
    pub fn state(&self) -> State {
        State::ALL
            .into_iter()
            .find(|state| state.number() == self.state.load(Ordering::Relaxed))
            .unwrap_or(State::Absent)
    }

    pub(super) fn note_depths(&self, depths: impl Iterator<Item = usize>) {
        for (queued, depth) in self.queued.iter().zip(depths) {
            queued.store(u64::try_from(depth).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(state.number(), Ordering::Relaxed);
    }

    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
