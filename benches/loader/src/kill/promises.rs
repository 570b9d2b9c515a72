use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use certs::Certificate;

use crate::enrolment::{Enrolment, Mode};

/// What requesters were given, and what they have to complain about.
#[derive(Debug, Default)]
pub(super) struct Promises(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kept: Vec<Promise>,
    abandoned: Vec<(Mode, Arc<Enrolment>)>,
    complaints: Vec<String>,
    lost: u32,
    later: u32,
}

/// A certificate that a requester has.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) mode: Mode,
    pub(super) enrolment: Arc<Enrolment>,
    pub(super) certificate: Certificate,
    /// Whether the connection was lost once, or the requester was told to come back.
    eventful: bool,
}

impl Promises {
    pub(super) fn keep(&self, mode: Mode, enrolment: &Arc<Enrolment>, certificate: Certificate, eventful: bool) {
        let enrolment = Arc::clone(enrolment);
        self.inner().kept.push(Promise { mode, enrolment, certificate, eventful });
    }

    pub(super) fn abandon(&self, mode: Mode, enrolment: &Arc<Enrolment>) {
        self.inner().abandoned.push((mode, Arc::clone(enrolment)));
    }

    pub(super) fn complain(&self, text: String) {
        self.inner().complaints.push(text);
    }

    pub(super) fn lost(&self) {
        self.inner().lost += 1;
    }

    pub(super) fn later(&self) {
        self.inner().later += 1;
    }

    /// SHA-256 of every certificate promised so far.
    pub(super) fn hashes(&self) -> Vec<Vec<u8>> {
        self.inner().kept.iter().map(|promise| promise.certificate.hash().to_vec()).collect()
    }

    pub(super) fn all(&self) -> Vec<Promise> {
        self.inner().kept.clone()
    }

    /// Those that had to do with a kill, and some others. A CMP requester that polled has the answer to its request already:
    /// "wait"; so only its certificate would differ from what is stored.
    pub(super) fn worth_repeating(&self) -> Vec<Promise> {
        let inner = self.inner();
        let (eventful, smooth): (Vec<_>, Vec<_>) = inner.kept.iter().partition(|promise| promise.eventful);
        let step = (smooth.len() / SAMPLE).max(1);
        let est = |promise: &&Promise| promise.enrolment.dialogue.is_none();
        let eventful = eventful.into_iter().filter(est).take(SAMPLE);
        eventful.chain(smooth.into_iter().step_by(step)).cloned().collect()
    }

    pub(super) fn abandoned(&self) -> Vec<(Mode, Arc<Enrolment>)> {
        self.inner().abandoned.clone()
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.inner().complaints.clone()
    }

    pub(super) fn summary(&self) -> String {
        let inner = self.inner();
        format!("{} certificates, {} connections lost, {} told to come back", inner.kept.len(), inner.lost, inner.later)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of each sort are asked for again.
const SAMPLE: usize = 150;
