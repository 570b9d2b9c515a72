//! What goes on without a requester: the outbox, the sweeper, the sequencer of the audit log.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Refusal, Registrar};
use crate::case::{RequestForm, State};
use crate::failpoint::failpoint;
use crate::store::{Row, Unit};

/// The running workers; they stop when told to.
#[derive(Debug)]
pub struct Workers {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts the workers of a registrar.
    #[must_use]
    pub fn start(registrar: &Registrar) -> Self {
        let (stop, stopped) = watch::channel(false);
        let outbox = repeat(registrar.clone(), stopped.clone(), OUTBOX_PERIOD, "outbox", |registrar| {
            Box::pin(async move { registrar.work_outbox().await })
        });
        let sweeper = repeat(registrar.clone(), stopped.clone(), SWEEP_PERIOD, "sweeper", |registrar| {
            Box::pin(async move { registrar.sweep().await })
        });
        let sequencer = repeat(registrar.clone(), stopped, SEQUENCE_PERIOD, "sequencer", |registrar| {
            Box::pin(async move { registrar.sequence().await })
        });
        Self { stop, tasks: vec![outbox, sweeper, sequencer] }
    }

    /// Tells the workers to stop and waits for them. Submissions on their way are left to their leases.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(fault) = task.await {
                tracing::error!(%fault, "a worker ended badly");
            }
        }
    }
}

fn repeat(
    registrar: Registrar,
    mut stopped: watch::Receiver<bool>,
    period: Duration,
    name: &'static str,
    work: impl for<'a> Fn(&'a Registrar) -> crate::upstream::Pending<'a, Result<(), Refusal>> + Send + Sync + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
            if let Err(fault) = work(&registrar).await {
                tracing::error!(worker = name, %fault, cause = ?fault, "a worker could not do its work; it tries again");
            }
        }
    })
}

impl Registrar {
    /// Gives back what this node had when it ended, so that its first look at the outbox takes it up. A node's name is its own.
    pub async fn begin_anew(&self) -> Result<(), Refusal> {
        let unit = Unit::new().with(Row::Release { owner: self.settings.node.clone() });
        self.store.commit(unit).await.map_err(Refusal::store)
    }

    /// Takes up what is due: after a crash, a delay of the CA, or a fault.
    async fn work_outbox(&self) -> Result<(), Refusal> {
        let backlog = self.store.backlog().await.map_err(Refusal::store)?;
        self.queue.counted(&backlog);
        let now = self.now();
        self.metrics.backlog(&backlog, now, self.queue.closed(now));
        let claimed =
            self.store.claim(&self.settings.node, now, self.lease_end(), CLAIM_LIMIT).await.map_err(Refusal::store)?;
        if !claimed.is_empty() {
            failpoint("after-claim");
        }
        for submission in claimed {
            let id = submission.id;
            // Another node with a fast clock had taken it for given up.
            if self.flights.carries(id) {
                continue;
            }
            match self.voyage_of(submission).await {
                Ok(voyage) => {
                    if self.flights.find(voyage.case()).is_none() {
                        self.flights.take_off(voyage.case(), None);
                    }
                    let registrar = self.clone();
                    tokio::spawn(async move { registrar.drive(voyage).await });
                }
                Err(fault) => {
                    tracing::error!(submission = %id, %fault, cause = ?fault, "a submission cannot be taken up");
                }
            }
        }
        Ok(())
    }

    /// Ends what nobody came back for, and sends what an officer approved while the key was away. What cannot be ended now keeps
    /// nothing else waiting.
    async fn sweep(&self) -> Result<(), Refusal> {
        let now = self.now();
        for exchange in self.store.overdue_exchanges(now, SWEEP_LIMIT).await.map_err(Refusal::store)? {
            self.end_overdue(exchange).await?;
        }
        for case in self.store.cases_in(State::Approved, SWEEP_LIMIT).await.map_err(Refusal::store)? {
            if case.form != RequestForm::ServerKey
                && case.changed_at.plus(APPROVED_GRACE) < now
                && let Err(fault) = self.send_approved(case.id).await
            {
                tracing::warn!(case = %case.id, %fault, cause = ?fault, "an approved case cannot be sent yet");
            }
        }
        for submission in self.store.overdue_submissions(now, SWEEP_LIMIT).await.map_err(Refusal::store)? {
            self.confirm_for_the_absent(submission).await?;
        }
        Ok(())
    }

    async fn sequence(&self) -> Result<(), Refusal> {
        let numbered = self.store.number_leaves(&self.settings.node, self.now()).await.map_err(Refusal::store)?;
        if numbered > 0 {
            failpoint("after-numbering");
            tracing::debug!(numbered, "audit leaves numbered");
        }
        self.sign_checkpoint().await
    }
}

/// Short enough that a CA's "ask again in a second" is met.
const OUTBOX_PERIOD: Duration = Duration::from_millis(250);

const SWEEP_PERIOD: Duration = Duration::from_secs(2);

/// DESIGN rule 7: a leaf is numbered within a second.
const SEQUENCE_PERIOD: Duration = Duration::from_millis(500);

const CLAIM_LIMIT: u32 = 64;

const SWEEP_LIMIT: u32 = 256;

/// An approval that is just being sent is not sent twice.
const APPROVED_GRACE: i64 = 5_000;
