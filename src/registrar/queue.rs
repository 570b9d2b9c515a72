//! What waits for the CAs, and which of them are not called for now.
//!
//! A CA that gives no answer several times in a row is left alone for a while: the outbox keeps what is for it, whoever asks meanwhile is
//! told to come back at once, and one message at a time finds out whether it is there again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::case::Millis;
use crate::store::Backlog;
use crate::upstream::Breaker;

/// The queue of this node.
#[derive(Debug, Default)]
pub(super) struct Queue {
    open: AtomicU64,
    due: AtomicU64,
    lines: Mutex<BTreeMap<String, Breaker>>,
}

impl Queue {
    /// What the outbox counted.
    pub(super) fn counted(&self, backlog: &Backlog) {
        self.open.store(backlog.open, Ordering::Relaxed);
        self.due.store(backlog.due, Ordering::Relaxed);
    }

    /// How many submissions are open.
    pub(super) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// In how many seconds somebody should come back whose request waits: `least`, and what the queue needs before it.
    pub(super) fn check_after(&self, least: u32) -> u32 {
        let queued = u32::try_from(self.due.load(Ordering::Relaxed) / PER_SECOND).unwrap_or(u32::MAX);
        least.saturating_add(queued).min(LONGEST.max(least))
    }

    /// Whether this CA may be called now, else when it may. With each yes after a pause the pause begins anew, so that one message goes
    /// ahead of the others.
    pub(super) fn may_call(&self, authority: &str, now: Millis) -> Result<(), Millis> {
        self.lines().get_mut(authority).map_or(Ok(()), |line| line.may_call(now))
    }

    /// Until when this CA is left alone, if it is.
    pub(super) fn closed_until(&self, authority: &str, now: Millis) -> Option<Millis> {
        self.lines().get(authority).and_then(|line| line.closed_until(now))
    }

    /// It answered, whatever it said. Tells whether it had been left alone.
    pub(super) fn answered(&self, authority: &str) -> bool {
        self.lines().get_mut(authority).is_some_and(Breaker::answered)
    }

    /// It gave no answer. Tells whether it is left alone from now on.
    pub(super) fn unanswered(&self, authority: &str, now: Millis) -> bool {
        self.lines().entry(authority.to_owned()).or_insert(Breaker::after(FAULTS)).unanswered(now)
    }

    /// How many CAs are left alone now.
    pub(super) fn closed(&self, now: Millis) -> usize {
        self.lines().values().filter(|line| line.closed_until(now).is_some()).count()
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<String, Breaker>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Faults in a row after which a CA is left alone: more than one answer that got lost.
const FAULTS: u32 = 5;

/// What a CA certifies in a second, at the least.
const PER_SECOND: u64 = 10;

/// Nobody is told to stay away longer because of the queue alone.
const LONGEST: u32 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_that_does_not_answer_is_left_alone_and_tried_by_one() {
        let queue = Queue::default();
        for _ in 1..FAULTS {
            assert!(!queue.unanswered("oil", Millis(0)));
        }
        assert!(queue.may_call("oil", Millis(0)).is_ok());
        assert!(queue.unanswered("oil", Millis(0)));
        assert_eq!((queue.may_call("oil", Millis(999)), queue.closed(Millis(999))), (Err(Millis(1000)), 1));
        assert!(queue.may_call("gas", Millis(0)).is_ok(), "another CA has nothing to do with it");
        // One goes ahead.
        assert!(queue.may_call("oil", Millis(1000)).is_ok());
        assert!(queue.may_call("oil", Millis(1001)).is_err());
        assert!(!queue.unanswered("oil", Millis(1500)), "it was left alone already");
        assert_eq!(queue.closed_until("oil", Millis(1600)), Some(Millis(3500)));
        assert!(queue.answered("oil"));
        assert!(queue.may_call("oil", Millis(1700)).is_ok());
        assert_eq!(queue.closed(Millis(1700)), 0);
    }

    #[test]
    fn who_waits_behind_many_comes_back_later() {
        let queue = Queue::default();
        let told = |due| {
            queue.counted(&Backlog { open: due, due, oldest: None });
            queue.check_after(5)
        };
        assert_eq!((told(0), told(9), told(100), told(1_000_000)), (5, 5, 15, 300));
        assert_eq!(queue.check_after(900), 900);
    }
}
