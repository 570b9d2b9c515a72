use std::sync::Arc;
use std::thread::JoinHandle;

use super::pool::{Number, Shared};
use super::purpose::Use;
use super::{Fault, thread, worker};

/// The workers.
pub(super) struct Crew {
    shared: Arc<Shared>,
    hired: Number,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, hired: 0, threads: Vec::new() }
    }

    /// One more, for the keys of this use.
    pub(super) fn hire(&mut self, used: Use) -> Result<(), Fault> {
        self.hired += 1;
        let (shared, number) = (Arc::clone(&self.shared), self.hired);
        // Those that came back from a call they were given up for have ended.
        self.threads.retain(|thread| !thread.is_finished());
        self.threads.push(thread(&format!("hsm-{number}"), move || worker::serve(&shared, number, used))?);
        Ok(())
    }

    /// Waits until all have ended; none must be left behind in a call.
    pub(super) fn join(&mut self) {
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
