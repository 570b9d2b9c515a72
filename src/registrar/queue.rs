//! What waits for the CAs, and which of them are not called for now.
//!
//! A CA that gives no answer several times in a row is left alone for a while: the outbox keeps what is for it, whoever asks meanwhile is
//! told to come back at once, and one message at a time finds out whether it is there again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::case::Millis;
use crate::store::Backlog;

/// The queue of this node.
#[derive(Debug, Default)]
pub(super) struct Queue {
    open: AtomicU64,
    due: AtomicU64,
    lines: Mutex<BTreeMap<String, Line>>,
}

/// The line to one CA.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    /// Messages in a row that got no answer.
    faults: u32,
    /// Until when nothing is sent.
    closed_until: Option<Millis>,
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
        let mut lines = self.lines();
        let Some(line) = lines.get_mut(authority) else { return Ok(()) };
        match line.closed_until {
            Some(until) if is_ahead(until, now) => Err(until),
            Some(_) => {
                line.closed_until = Some(now.plus(pause(line.faults)));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Until when this CA is left alone, if it is.
    pub(super) fn closed_until(&self, authority: &str, now: Millis) -> Option<Millis> {
        self.lines().get(authority).and_then(|line| line.closed_until).filter(|until| is_ahead(*until, now))
    }

    /// It answered, whatever it said. Tells whether it had been left alone.
    pub(super) fn answered(&self, authority: &str) -> bool {
        self.lines().remove(authority).is_some_and(|line| line.closed_until.is_some())
    }

    /// It gave no answer. Tells whether it is left alone from now on.
    pub(super) fn unanswered(&self, authority: &str, now: Millis) -> bool {
        let mut lines = self.lines();
        let line = lines.entry(authority.to_owned()).or_default();
        line.faults = line.faults.saturating_add(1);
        if line.faults < FAULTS {
            return false;
        }
        line.closed_until.replace(now.plus(pause(line.faults))).is_none()
    }

    /// How many CAs are left alone now.
    pub(super) fn closed(&self, now: Millis) -> usize {
        self.lines().values().filter(|line| line.closed_until.is_some_and(|until| is_ahead(until, now))).count()
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<String, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this time is still to come; one that lies farther ahead than any pause was set when the clock was wrong.
fn is_ahead(until: Millis, now: Millis) -> bool {
    now < until && until <= now.plus(LONGEST_PAUSE)
}

/// A second, and twice as long with each further fault, up to half a minute.
fn pause(faults: u32) -> i64 {
    (1000_i64 << faults.saturating_sub(FAULTS).min(5)).min(LONGEST_PAUSE)
}

const LONGEST_PAUSE: i64 = 30_000;

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
