//! The addresses of one CA. They lead to the same records, so that a message may go to any of them; the first in the list that
//! answers gets it.
//!
//! Where no connection is made nothing was sent, and the next address is asked at once. Where a message may have arrived its
//! repeat goes to the same address, which may know it before the others do, until that is left alone or some time has passed. The
//! bytes are the same wherever they go: no message is ever made anew for another address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::breaker::Breaker;
use super::http::{HttpClient, SendFault};
use crate::case::{Clock, Millis};

/// All addresses of a CA.
#[derive(Clone, Debug)]
pub(super) struct Addresses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lines: Vec<HttpClient>,
    /// For how long a repeat goes where the message went, in milliseconds.
    same_address: i64,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    breakers: Vec<Breaker>,
    /// What may have arrived somewhere: the message's hash, where and when.
    unanswered: HashMap<[u8; 32], (usize, Millis)>,
}

impl Addresses {
    pub(super) fn new(lines: Vec<HttpClient>, same_address: i64, clock: Arc<dyn Clock>) -> Self {
        let breakers = vec![Breaker::after(FAULTS); lines.len()];
        let state = Mutex::new(State { breakers, unanswered: HashMap::new() });
        Self(Arc::new(Inner { lines, same_address, clock, state }))
    }

    /// Posts a body that carries these recorded messages, and returns the body of the answer.
    ///
    /// # Errors
    /// [`SendFault`]; [`SendFault::NotSent`] only where no address took a connection.
    pub(super) async fn post(&self, messages: &[&[u8]], body: &[u8], content_type: &str) -> Result<Vec<u8>, SendFault> {
        let hashes: Vec<[u8; 32]> = messages.iter().map(|message| sha256(message)).collect();
        let mut last = SendFault::NotSent("it has no address".to_owned());
        for place in self.order(&hashes) {
            let Some(line) = self.0.lines.get(place) else { continue };
            match line.post(body, content_type).await {
                Err(fault) if fault.is_silence() => {
                    let sent = !matches!(fault, SendFault::NotSent(_));
                    self.silent(place, sent.then_some(&hashes), &fault);
                    last = fault;
                    if sent {
                        break;
                    }
                }
                other => {
                    self.heard(place, &hashes);
                    return other;
                }
            }
        }
        Err(last)
    }

    /// The addresses to try, in order.
    fn order(&self, hashes: &[[u8; 32]]) -> Vec<usize> {
        let now = self.0.clock.now();
        let mut state = self.state();
        let before = hashes.iter().find_map(|hash| state.unanswered.get(hash)).copied();
        if let Some((place, at)) = before
            && (at..at.plus(self.0.same_address)).contains(&now)
            && state.breakers.get(place).is_some_and(Breaker::is_well)
        {
            return vec![place];
        }
        // What was not answered somewhere does not find out whether that address is there again.
        let before = before.map(|(place, _)| place);
        let may_call = |(place, breaker): (usize, &mut Breaker)| {
            (Some(place) != before && breaker.may_call(now).is_ok()).then_some(place)
        };
        let open: Vec<usize> = state.breakers.iter_mut().enumerate().filter_map(may_call).chain(before).collect();
        // That all are left alone is no reason to ask none: how often the CA is called is the outbox's affair.
        if open.is_empty() { (0..self.0.lines.len()).collect() } else { open }
    }

    fn silent(&self, place: usize, sent: Option<&Vec<[u8; 32]>>, fault: &SendFault) {
        let now = self.0.clock.now();
        let mut state = self.state();
        if state.breakers.get_mut(place).is_some_and(|breaker| breaker.unanswered(now)) && self.0.lines.len() > 1 {
            tracing::warn!(address = %self.shown(place), %fault, "an address of the CA is left alone for a while");
        }
        for hash in sent.into_iter().flatten() {
            // Once a message went somewhere it is its repeats that tell for how long nothing came from there.
            state
                .unanswered
                .entry(*hash)
                .and_modify(|(known, at)| {
                    if *known != place {
                        (*known, *at) = (place, now);
                    }
                })
                .or_insert((place, now));
        }
        // A message that is repeated no more is forgotten.
        let forgotten = now.plus(-self.0.same_address.saturating_mul(2));
        state.unanswered.retain(|_, (_, at)| *at > forgotten);
    }

    fn heard(&self, place: usize, hashes: &[[u8; 32]]) {
        let mut state = self.state();
        if state.breakers.get_mut(place).is_some_and(Breaker::answered) && self.0.lines.len() > 1 {
            tracing::info!(address = %self.shown(place), "an address of the CA answers again");
        }
        for hash in hashes {
            state.unanswered.remove(hash);
        }
    }

    fn shown(&self, place: usize) -> String {
        self.0.lines.get(place).map(HttpClient::address).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, octets).as_ref());
    hash
}

/// More than one answer that got lost, and few enough that a message which waits longer with each repeat soon comes to the next
/// address; fewer than those after which the whole CA is left alone.
const FAULTS: u32 = 2;
