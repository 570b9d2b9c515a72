//! Cases that are on their way to a CA while their requesters wait for them.
//!
//! Who has the [`Reply`] makes the answer: either the worker, in the transaction that closes the case, or the waiting door,
//! when its patience ends and the requester is told to come back.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::request::Reply;
use crate::case::{CaseId, Outcome, SubmissionId};

/// All flights of this node.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: Mutex<HashMap<CaseId, Arc<Flight>>>,
    /// The submissions that this node carries now, and how many times.
    carried: Mutex<HashMap<SubmissionId, usize>>,
}

/// A submission is carried for as long as this is there.
#[derive(Debug)]
pub(super) struct Carried<'a> {
    flights: &'a Flights,
    submission: SubmissionId,
}

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        let mut carried = lock(&self.flights.carried);
        match carried.get_mut(&self.submission) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(carried.remove(&self.submission)),
        }
    }
}

/// What a flight came to; none where the CA left its message without an answer.
type Landing = Option<Outcome>;

/// One case on its way.
pub(super) struct Flight {
    reply: Mutex<Option<Arc<dyn Reply>>>,
    answer: Mutex<Option<Vec<u8>>>,
    landed: watch::Sender<Option<Landing>>,
    /// An earlier message of the same case that was still on its way.
    before: Option<Arc<Flight>>,
}

impl Flights {
    /// Begins a flight.
    pub(super) fn take_off(&self, case: CaseId, reply: Option<Arc<dyn Reply>>) -> Arc<Flight> {
        let mut open = lock(&self.open);
        let before = open.remove(&case);
        let flight = Arc::new(Flight::new(reply, before));
        open.insert(case, Arc::clone(&flight));
        flight
    }

    /// Carries a submission: no worker of this node takes it up meanwhile, whatever its lease says.
    pub(super) fn carry(&self, submission: SubmissionId) -> Carried<'_> {
        *lock(&self.carried).entry(submission).or_default() += 1;
        Carried { flights: self, submission }
    }

    /// Whether this node carries a submission now.
    pub(super) fn carries(&self, submission: SubmissionId) -> bool {
        lock(&self.carried).contains_key(&submission)
    }

    /// Begins a flight, unless one of the same case is open.
    pub(super) fn take_off_alone(&self, case: CaseId, reply: Option<Arc<dyn Reply>>) -> Option<Arc<Flight>> {
        match lock(&self.open).entry(case) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => Some(Arc::clone(free.insert(Arc::new(Flight::new(reply, None))))),
        }
    }

    /// The flight of a case, if one is open here.
    pub(super) fn find(&self, case: CaseId) -> Option<Arc<Flight>> {
        lock(&self.open).get(&case).cloned()
    }

    /// Takes a flight back that never began. Another message's flight of the same case stays, or is the case's again.
    pub(super) fn forget(&self, case: CaseId, flight: &Arc<Flight>) {
        let mut open = lock(&self.open);
        if open.get(&case).is_some_and(|found| Arc::ptr_eq(found, flight)) {
            match &flight.before {
                Some(before) => open.insert(case, Arc::clone(before)),
                None => open.remove(&case),
            };
        }
    }

    /// The CA has nothing to say to a message now: all who wait are told so, and the outbox goes on.
    pub(super) fn leave_unanswered(&self, case: CaseId) {
        let Some(flight) = lock(&self.open).remove(&case) else { return };
        flight.landed.send_replace(Some(None));
    }

    /// Ends a flight and tells all who wait. `answer` is what was recorded for the one whose reply was claimed.
    pub(super) fn land(&self, case: CaseId, outcome: Outcome, answer: Option<Vec<u8>>) {
        let Some(flight) = lock(&self.open).remove(&case) else { return };
        *lock(&flight.answer) = answer;
        flight.landed.send_replace(Some(Some(outcome)));
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        lock(&self.open).len()
    }
}

impl Flight {
    fn new(reply: Option<Arc<dyn Reply>>, before: Option<Arc<Self>>) -> Self {
        Self { reply: Mutex::new(reply), answer: Mutex::default(), landed: watch::Sender::new(None), before }
    }

    /// Takes the right to answer. Only one gets it.
    pub(super) fn claim_reply(&self) -> Option<Arc<dyn Reply>> {
        lock(&self.reply).take()
    }

    /// Gives the right back, as the worker has more to do before there is an answer.
    pub(super) fn give_back(&self, reply: Arc<dyn Reply>) {
        *lock(&self.reply) = Some(reply);
    }

    /// The recorded answer, for the one whose reply made it.
    pub(super) fn take_answer(&self) -> Option<Vec<u8>> {
        lock(&self.answer).take()
    }

    /// Waits for the outcome; none where the CA left the message without an answer.
    pub(super) async fn landing(&self) -> Landing {
        let mut landed = self.landed.subscribe();
        loop {
            let outcome = landed.borrow_and_update().clone();
            if let Some(outcome) = outcome {
                return outcome;
            }
            if landed.changed().await.is_err() {
                // The flight holds its own sender, so this cannot be; a requester then simply waits for its time to end.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Flight").field("landed", &self.landed.borrow().is_some()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: CaseId = CaseId::from_octets([7; 16]);

    #[test]
    fn a_flight_that_never_began_takes_no_other_with_it() {
        let flights = Flights::default();
        let first = flights.take_off(CASE, None);
        let second = flights.take_off(CASE, None);
        flights.forget(CASE, &second);
        assert!(Arc::ptr_eq(&flights.find(CASE).unwrap(), &first));
        let third = flights.take_off(CASE, None);
        flights.forget(CASE, &first);
        assert!(Arc::ptr_eq(&flights.find(CASE).unwrap(), &third));
        flights.land(CASE, Outcome::Confirmed, None);
        flights.forget(CASE, &third);
        assert!(flights.find(CASE).is_none());
    }

    #[test]
    fn a_submission_is_carried_until_the_last_has_ended() {
        let (flights, id) = (Flights::default(), SubmissionId::from_octets([7; 16]));
        let (first, second) = (flights.carry(id), flights.carry(id));
        drop(first);
        assert!(flights.carries(id));
        drop(second);
        assert!(!flights.carries(id));
    }

    #[test]
    fn a_flight_that_must_be_alone_displaces_no_other() {
        let flights = Flights::default();
        let first = flights.take_off_alone(CASE, None).unwrap();
        assert!(flights.take_off_alone(CASE, None).is_none());
        assert!(Arc::ptr_eq(&flights.find(CASE).unwrap(), &first));
        flights.forget(CASE, &first);
        assert!(flights.take_off_alone(CASE, None).is_some());
    }
}
