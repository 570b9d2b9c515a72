use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::shim::pause;

/// Whether the token is in its slot.
///
/// Real modules do not survive that a session is closed under a call (`SoftHSM` frees it), so who takes the token out
/// waits for the calls that are inside. They in turn never wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    away: AtomicBool,
    inside: AtomicUsize,
    moving: Mutex<()>,
}

impl Presence {
    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    /// A call begins, if the token is there.
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        // First counted, then looked: either this sees that the token went, or who took it out sees the call.
        let inside = Inside::new(self);
        (!self.is_away()).then_some(inside)
    }

    /// A call begins that does not need the token.
    pub(crate) fn enter_anyway(&self) -> Inside<'_> {
        let _still = self.moving();
        Inside::new(self)
    }

    /// The token goes. Returns when it is out; `close` ends what is left of its sessions.
    pub(crate) fn take_out(&self, close: impl FnOnce()) {
        let _moving = self.moving();
        if self.away.swap(true, Ordering::SeqCst) {
            return;
        }
        while self.inside.load(Ordering::SeqCst) > 0 {
            pause(Duration::from_millis(1));
        }
        close();
    }

    /// The token is there, again or as before.
    pub(crate) fn put_in(&self) {
        if self.is_away() {
            let _moving = self.moving();
            self.away.store(false, Ordering::SeqCst);
        }
    }

    fn moving(&self) -> MutexGuard<'_, ()> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in the real module.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Presence);

impl<'a> Inside<'a> {
    fn new(presence: &'a Presence) -> Self {
        presence.inside.fetch_add(1, Ordering::SeqCst);
        Self(presence)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}
