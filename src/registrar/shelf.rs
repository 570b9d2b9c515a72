//! What CAs told, kept for a short time, and what they are being asked: one question at a time, however many wait for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::case::{Information, Millis, Outcome};
use crate::upstream::Inquiry;

/// The outcome of a question, once there is one.
pub(super) type Told = watch::Receiver<Option<Outcome>>;

/// All questions of this node.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug)]
struct Slot {
    authority: String,
    inquiry: Inquiry,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Told { information: Information, at: Millis },
    Asking(Told),
}

/// What is there for a question.
#[derive(Debug)]
pub(super) enum Found {
    /// The answer.
    Told(Information),
    /// Somebody asks already.
    Asked(Told),
    /// Nothing: whoever gets this asks, and puts the outcome into it.
    Nothing(watch::Sender<Option<Outcome>>),
}

impl Shelf {
    /// Looks for an answer from `since` or later; where there is none, the question is the caller's.
    pub(super) fn find(&self, authority: &str, inquiry: &Inquiry, since: Millis) -> Found {
        let mut slots = self.lock();
        let position = slots.iter().position(|slot| slot.is_for(authority, inquiry));
        match position.and_then(|position| slots.get(position)).map(|slot| &slot.place) {
            Some(Place::Told { information, at }) if *at >= since => return Found::Told(information.clone()),
            // Whoever asked and is gone without a word never comes back.
            Some(Place::Asking(told)) if told.has_changed().is_ok() => return Found::Asked(told.clone()),
            _ => {}
        }
        if let Some(position) = position {
            slots.remove(position);
        }
        // The one that was begun longest ago makes room: it is told at worst to those who wait for it.
        if slots.len() >= SLOTS {
            slots.remove(0);
        }
        let (sender, told) = watch::channel(None);
        slots.push(Slot { authority: authority.to_owned(), inquiry: inquiry.clone(), place: Place::Asking(told) });
        Found::Nothing(sender)
    }

    /// Keeps what was told; a refusal is not kept, so that the next one asks anew.
    pub(super) fn put(&self, authority: &str, inquiry: &Inquiry, outcome: &Outcome, at: Millis) {
        let mut slots = self.lock();
        let Some(position) = slots.iter().position(|slot| slot.is_for(authority, inquiry)) else { return };
        match (outcome, slots.get_mut(position)) {
            (Outcome::Informed(information), Some(slot)) => {
                slot.place = Place::Told { information: information.clone(), at };
            }
            _ => {
                slots.remove(position);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn is_for(&self, authority: &str, inquiry: &Inquiry) -> bool {
        self.authority == authority && self.inquiry == *inquiry
    }
}

/// A CA has a root and a few CRLs; more questions than that are inventions, which may crowd each other out.
const SLOTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Outcome {
        Outcome::Informed(Information::CurrentCrl(vec![1]))
    }

    #[test]
    fn one_asks_and_the_others_wait() {
        let shelf = Shelf::default();
        let Found::Nothing(sender) = shelf.find("oil", &Inquiry::CurrentCrl, Millis(0)) else {
            panic!("somebody asks")
        };
        assert!(matches!(shelf.find("oil", &Inquiry::CurrentCrl, Millis(0)), Found::Asked(_)));
        assert!(matches!(shelf.find("gas", &Inquiry::CurrentCrl, Millis(0)), Found::Nothing(_)));
        assert!(matches!(shelf.find("oil", &Inquiry::RootUpdate(vec![2]), Millis(0)), Found::Nothing(_)));
        // Whoever asked is gone: the next one asks.
        drop(sender);
        assert!(matches!(shelf.find("oil", &Inquiry::CurrentCrl, Millis(0)), Found::Nothing(_)));
    }

    #[test]
    fn an_answer_serves_until_it_is_too_old() {
        let shelf = Shelf::default();
        let Found::Nothing(_sender) = shelf.find("oil", &Inquiry::CurrentCrl, Millis(0)) else {
            panic!("somebody asks")
        };
        shelf.put("oil", &Inquiry::CurrentCrl, &told(), Millis(100));
        assert!(matches!(shelf.find("oil", &Inquiry::CurrentCrl, Millis(100)), Found::Told(_)));
        assert!(matches!(shelf.find("oil", &Inquiry::CurrentCrl, Millis(101)), Found::Nothing(_)));
    }

    #[test]
    fn a_refusal_is_not_kept() {
        let shelf = Shelf::default();
        let Found::Nothing(_sender) = shelf.find("oil", &Inquiry::CurrentCrl, Millis(0)) else {
            panic!("somebody asks")
        };
        shelf.put("oil", &Inquiry::CurrentCrl, &Outcome::Waiting { check_after: 1 }, Millis(100));
        assert!(matches!(shelf.find("oil", &Inquiry::CurrentCrl, Millis(0)), Found::Nothing(_)));
    }

    #[test]
    fn inventions_do_not_fill_the_shelf() {
        let shelf = Shelf::default();
        let senders: Vec<Found> =
            (0..200u8).map(|octet| shelf.find("oil", &Inquiry::RootUpdate(vec![octet]), Millis(0))).collect();
        assert_eq!(senders.len(), 200);
        assert_eq!(shelf.lock().len(), SLOTS);
    }
}
