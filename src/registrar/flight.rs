//! Requests that are on their way to a CA while their requesters wait for it.
//!
//! The one who has the [`Reply`] makes the answer: either the worker, in the transaction that closes the case, or the waiting
//! door, when its patience ends and the requester is told to come back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::request::{Answered, Reply};
use crate::case::{CaseId, Outcome};

/// All flights of this node.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: Mutex<HashMap<CaseId, Arc<Flight>>>,
}

/// One case on its way.
pub(super) struct Flight {
    reply: Mutex<Option<Arc<dyn Reply>>>,
    landed: watch::Sender<Option<Landing>>,
}

/// How a flight ended.
#[derive(Clone, Debug)]
pub(super) enum Landing {
    /// The requester's answer is recorded.
    Answered(Answered),
    /// The case has its outcome; nobody was waiting with a reply, so none is recorded.
    Decided(Outcome),
    /// It will take longer: the outbox has it.
    Delayed,
}

impl Flights {
    /// Begins a flight.
    pub(super) fn take_off(&self, case: CaseId, reply: Option<Arc<dyn Reply>>) -> Arc<Flight> {
        let flight = Arc::new(Flight { reply: Mutex::new(reply), landed: watch::Sender::new(None) });
        self.lock().insert(case, Arc::clone(&flight));
        flight
    }

    /// The flight of a case, if one is open here.
    pub(super) fn find(&self, case: CaseId) -> Option<Arc<Flight>> {
        self.lock().get(&case).cloned()
    }

    /// Ends a flight and tells all who wait.
    pub(super) fn land(&self, case: CaseId, flight: &Flight, landing: Landing) {
        self.lock().remove(&case);
        flight.landed.send_replace(Some(landing));
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CaseId, Arc<Flight>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Takes the right to answer. Only one gets it.
    pub(super) fn claim_reply(&self) -> Option<Arc<dyn Reply>> {
        self.reply.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits for the end.
    pub(super) async fn landing(&self) -> Landing {
        let mut landed = self.landed.subscribe();
        match landed.wait_for(Option::is_some).await {
            Ok(landing) => landing.clone().unwrap_or(Landing::Delayed),
            // The worker is gone without a word; the sweeper takes the case up.
            Err(_) => Landing::Delayed,
        }
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Flight").field("landed", &self.landed.borrow().is_some()).finish_non_exhaustive()
    }
}
