//! Checkpoints of the audit log: signed by a key of their own, kept in the database and, out of its reach, where the office says.
//!
//! At the latest a second after a new leaf and no oftener than every second, by the node that numbers the leaves (DESIGN rule 7). A
//! log that does not hold what was signed before is never signed again: who rolls the database back is found out at once.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use certs::Signer;
use serde::Deserialize;
use tlog::{Hash, NoteKey, SignedCheckpoint};

use super::{Refusal, Registrar};
use crate::case::Millis;
use crate::store::{Checkpoint, Row, Unit};
use crate::upstream::Pending;

/// Where checkpoints are kept besides the database, such as a file on another machine: what is there stays there.
pub trait CheckpointPlace: Send + Sync + std::fmt::Debug {
    /// Which, for people.
    fn name(&self) -> String;

    /// The newest note that is there whole.
    fn newest(&self) -> Pending<'_, std::io::Result<Option<String>>>;

    /// Adds a note behind all others; it is on disk when this returns.
    fn append<'a>(&'a self, note: &'a str) -> Pending<'a, std::io::Result<()>>;
}

/// The section `[audit]`: how the audit log is signed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The log's name, which stands in every checkpoint: best an address without its scheme, as `ra.example/log`.
    pub origin: String,
    /// PEM: the public half of `hsm.checkpoint_key`. Whoever checks the log needs this and nothing else of the office.
    pub public_key: PathBuf,
    /// Files to which each checkpoint is appended; best where the database's administrators cannot write.
    #[serde(default)]
    pub copies: Vec<PathBuf>,
}

/// The audit log as it is shown to others: under its name, signed.
#[derive(Debug)]
pub struct Log {
    key: NoteKey,
    signer: Arc<dyn Signer>,
    places: Vec<Arc<dyn CheckpointPlace>>,
    /// Steps of the sequencer since a checkpoint was signed here.
    steps: AtomicU32,
    known: Mutex<Known>,
}

/// What is known of the log between two steps.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The newest tree that was signed, once the log was compared with what stands everywhere.
    signed: Option<(u64, Hash)>,
    /// Since when there are leaves without a checkpoint.
    behind: Option<Millis>,
    /// What was last told to keep it from being signed; it is not told every second.
    hindrance: Option<String>,
}

impl Log {
    /// A log with its name and key, the private half of the key, and the places for copies.
    #[must_use]
    pub fn new(key: NoteKey, signer: Arc<dyn Signer>, places: Vec<Arc<dyn CheckpointPlace>>) -> Self {
        Self { key, signer, places, steps: AtomicU32::new(STEPS), known: Mutex::default() }
    }

    /// Whether the log is the one that was signed before, and no leaf waits for its checkpoint longer than it may.
    pub(super) fn is_signed(&self, now: Millis) -> bool {
        let known = self.known();
        known.signed.is_some() && known.behind.is_none_or(|since| since.plus(UNSIGNED) > now)
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Registrar {
    /// Signs what the tree has grown to, where it is time and this node's turn.
    pub(super) async fn sign_checkpoint(&self) -> Result<(), Refusal> {
        let Some(log) = &self.log else { return Ok(()) };
        if log.steps.fetch_add(1, Ordering::Relaxed).saturating_add(1) < STEPS {
            return Ok(());
        }
        log.steps.store(0, Ordering::Relaxed);
        let hindrance = match self.sign_what_grew(log).await {
            Ok(()) => None,
            Err(Refusal::Unavailable { cause, .. }) => Some(cause),
            Err(other) => return Err(other),
        };
        let before = log.known().hindrance;
        match &hindrance {
            Some(hindrance) if before.as_ref() != Some(hindrance) => {
                tracing::error!(hindrance, "the audit log is not signed");
            }
            None if before.is_some() => tracing::info!("the audit log is signed again"),
            _ => {}
        }
        log.learn(|known| known.hindrance = hindrance);
        Ok(())
    }

    async fn sign_what_grew(&self, log: &Log) -> Result<(), Refusal> {
        let now = self.now();
        let size = self.store.log_size().await.map_err(Refusal::store)?;
        // Where nothing came nothing is to be done, and what went would show.
        if log.known().signed.is_some_and(|(signed, _)| signed == size) {
            return Ok(());
        }
        let compared = self.compared(log).await;
        if compared.is_err() {
            log.learn(|known| known.signed = None);
        }
        if size <= compared? {
            log.learn(|known| known.behind = None);
            return Ok(());
        }
        log.learn(|known| known.behind = known.behind.or(Some(now)));
        if self.store.another_sequences(&self.settings.node, now).await.map_err(Refusal::store)? {
            return Ok(());
        }
        let root = self.store.log_root(size).await.map_err(Refusal::store)?;
        let root = root.ok_or_else(|| Refusal::store("a node of the audit log's tree is not there"))?;
        let checkpoint = tlog::Checkpoint { origin: log.key.name().to_owned(), size, root };
        let signed = checkpoint.sign(&log.key, log.signer.as_ref()).await.map_err(Refusal::away)?;
        for place in &log.places {
            if let Err(fault) = place.append(signed.note()).await {
                tracing::error!(place = place.name(), %fault, "a checkpoint of the audit log could not be copied there");
            }
        }
        let kept = Checkpoint { size, root, at: now, note: signed.note().to_owned() };
        self.store.commit(Unit::new().with(Row::KeepCheckpoint(kept))).await.map_err(Refusal::store)?;
        log.learn(|known| (known.signed, known.behind) = (Some((size, root)), None));
        self.metrics.checkpoint_signed(now);
        Ok(())
    }

    /// The size of the newest log that was signed, which the log must hold: this is looked at before every signature. What stands
    /// in the places out of the database's reach is looked at until it is known to agree.
    async fn compared(&self, log: &Log) -> Result<u64, Refusal> {
        let mut newest = 0;
        if let Some((size, root)) = log.known().signed {
            self.must_hold(size, root, "this node's memory").await?;
            newest = size;
        } else {
            for place in &log.places {
                let note = place.newest().await.map_err(|fault| {
                    Refusal::away(format!(
                        "{}: {fault}; the audit log is not signed before it was compared",
                        place.name()
                    ))
                })?;
                if let Some(note) = note {
                    newest = newest.max(self.must_hold_note(log, &note, &place.name()).await?);
                }
            }
        }
        if let Some(kept) = self.store.newest_checkpoint().await.map_err(Refusal::store)? {
            newest = newest.max(self.must_hold_note(log, &kept.note, "the database").await?);
        }
        let root = self.store.log_root(newest).await.map_err(Refusal::store)?;
        log.learn(|known| known.signed = root.map(|root| (newest, root)));
        Ok(newest)
    }

    async fn must_hold_note(&self, log: &Log, note: &str, place: &str) -> Result<u64, Refusal> {
        let signed = SignedCheckpoint::parse(note, &log.key)
            .map_err(|fault| Refusal::away(format!("the newest checkpoint in {place}: {fault}")))?;
        let signed = signed.checkpoint();
        self.must_hold(signed.size, signed.root, place).await?;
        Ok(signed.size)
    }

    async fn must_hold(&self, size: u64, root: Hash, place: &str) -> Result<(), Refusal> {
        if self.store.log_root(size).await.map_err(Refusal::store)? == Some(root) {
            return Ok(());
        }
        Err(Refusal::away(format!(
            "the audit log is not the one whose checkpoint of {size} leaves stands in {place}: the database was rolled back or \
             changed, and nothing is signed; `daftar audit verify --checkpoints FILE` tells more"
        )))
    }
}

/// As the sequencer takes a step every half second: no oftener than every second.
const STEPS: u32 = 2;

/// How long leaves may wait for a checkpoint before it is an alarm; DESIGN rule 7 gives their numbers as long.
const UNSIGNED: i64 = 10_000;
