use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::{Ledger, Place, Record, size};
use crate::Fault;

/// The one thread that writes. It takes all lines that queued, writes and syncs them together, and only then says so:
/// many requesters share one sync, and a single one waits for nobody.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Entry>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(file: File, offset: u64, ledger: Arc<Mutex<Ledger>>) -> io::Result<Self> {
        let (queue, entries) = mpsc::channel(QUEUE);
        let shift = Shift { file, offset, ledger };
        #[expect(clippy::disallowed_methods, reason = "one thread writes and waits for the disk")]
        let thread = thread::Builder::new().name("records".to_owned()).spawn(move || shift.work(entries))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    pub(super) async fn append(&self, record: Record) -> Result<(), Fault> {
        let (done, written) = oneshot::channel();
        self.send(record, Some(done)).await?;
        written.await.map_err(|_| Fault::RecordsClosed)
    }

    pub(super) async fn note(&self, record: Record) -> Result<(), Fault> {
        self.send(record, None).await
    }

    async fn send(&self, record: Record, done: Option<oneshot::Sender<()>>) -> Result<(), Fault> {
        let line = record.line().map_err(|_| Fault::RecordsClosed)?;
        let queue = self.queue.as_ref().ok_or(Fault::RecordsClosed)?;
        queue.send(Entry { record, line, done }).await.map_err(|_| Fault::RecordsClosed)
    }
}

impl Drop for Writer {
    /// Waits until all that queued is written.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the records has failed");
        }
    }
}

#[derive(Debug)]
struct Entry {
    record: Record,
    line: Vec<u8>,
    done: Option<oneshot::Sender<()>>,
}

struct Shift {
    file: File,
    offset: u64,
    ledger: Arc<Mutex<Ledger>>,
}

impl Shift {
    fn work(mut self, mut entries: mpsc::Receiver<Entry>) {
        while let Some(first) = entries.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(entry) = entries.try_recv()
            {
                batch.push(entry);
            }
            if let Err(error) = self.write(&batch) {
                // Leaving closes the queue: from now on every requester hears that nothing is available.
                tracing::error!(%error, "the records cannot be written");
                return;
            }
            self.tell(batch);
        }
    }

    fn write(&mut self, batch: &[Entry]) -> io::Result<()> {
        let lines: Vec<u8> = batch.iter().flat_map(|entry| entry.line.iter().copied()).collect();
        self.file.write_all(&lines)?;
        // Notes alone are not worth a sync: the next record that somebody waits for brings them along.
        if batch.iter().any(|entry| entry.done.is_some()) {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// The ledger learns first: who is told finds there what he wrote, even if his own task is gone by now.
    fn tell(&mut self, batch: Vec<Entry>) {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in &batch {
            let length = entry.line.len().saturating_sub(1);
            ledger.apply(&entry.record, Place { offset: self.offset, length });
            self.offset += size(&entry.line);
        }
        drop(ledger);
        for done in batch.into_iter().filter_map(|entry| entry.done) {
            // Nobody waits any more when the requester has gone away.
            let _ = done.send(());
        }
    }
}

const QUEUE: usize = 1024;
const BATCH: usize = 256;
