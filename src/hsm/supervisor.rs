use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::crew::Crew;
use super::fault::Trouble;
use super::module::Module;
use super::pin::{Known, Marker, Pin, login, may_log_in};
use super::pool::{Asker, BEFORE, Event, Job, Shared};
use super::seat::{Answer, Opened, Plan, Seat, Task};
use super::{Config, Fault, State, Stats};

/// The thread that owns the log-in. It keeps one session open for ever (the log-in ends with the last session of the
/// process), has a worker look every second whether the keys are still there, and when they are not, parks the workers,
/// finalizes and initialises the module until they are. Workers whose calls hang are left behind and replaced.
pub(super) struct Supervisor {
    config: Config,
    plan: Arc<Plan>,
    pin: Pin,
    known: Known,
    marker: Marker,
    shared: Arc<Shared>,
    workers: Crew,
    /// The look at the keys that a worker has not told of yet.
    looking: Option<Receiver<Result<Answer, Fault>>>,
    looked: Instant,
    // Declared before the module: the session is closed before the lease ends.
    master: Option<Seat>,
    initialised: bool,
    module: Module,
}

impl Supervisor {
    pub(super) fn new(
        config: &Config,
        module: Module,
        marker: Marker,
        shared: Arc<Shared>,
        workers: Crew,
    ) -> Result<Self, Fault> {
        Ok(Self {
            plan: Arc::new(Plan::of(config)?),
            pin: Pin::load(config)?,
            known: Known::Unproven,
            config: config.clone(),
            marker,
            shared,
            workers,
            looking: None,
            looked: Instant::now(),
            master: None,
            initialised: false,
            module,
        })
    }

    /// Opens the token, tells how that went, and watches over it until the end.
    pub(super) fn run(mut self, started: &SyncSender<Result<(), Fault>>) {
        let first = self.open();
        // A token that is away may come; what a person must mend ends the start.
        let goes_on = first.as_ref().err().is_none_or(Fault::may_pass);
        let _ = started.send(first);
        if goes_on {
            self.watch();
        }
        self.end();
    }

    fn watch(&mut self) {
        let mut delay = FIRST_DELAY;
        let mut since = Instant::now();
        loop {
            if self.shared.is_up() {
                match self.shared.watch(TICK) {
                    Event::Stop => return,
                    Event::Nothing => {
                        self.relieve();
                        self.look();
                        continue;
                    }
                    Event::Down => {}
                }
                tracing::warn!(why = %self.reason(), "the token is lost");
                if since.elapsed() >= STEADY {
                    delay = FIRST_DELAY;
                } else if self.shared.pause(delay) == Event::Stop {
                    return;
                }
            } else if self.shared.pause(delay) == Event::Stop {
                return;
            }
            self.relieve();
            if self.shared.is_hopeless() {
                // Nobody else is sent in before one has come back.
                delay = FIRST_DELAY;
                continue;
            }
            delay = LAST_DELAY.min(delay * 2);
            if self.restart() {
                since = Instant::now();
            }
        }
    }

    /// Leaves workers behind whose calls hang, and hires others in their place.
    fn relieve(&mut self) {
        let lost = self.shared.give_up(self.config.call_time());
        for used in lost {
            tracing::warn!("the token does not answer a call; its thread is left behind");
            if let Err(fault) = self.workers.hire(used) {
                tracing::error!(%fault, "it has no successor");
            }
        }
    }

    /// Has a worker look for the keys, now and then; who does not find them closes the doors.
    fn look(&mut self) {
        match self.looking.as_mut().map(Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => return,
            Some(_) => (self.looking, self.looked) = (None, Instant::now()),
            None => {}
        }
        if self.looked.elapsed() >= PROBE {
            let (reply, answer) = Asker::new();
            let until = Instant::now() + self.config.deadline();
            // Where the queue is full, others find out.
            self.looking = self.shared.push(Job { task: Task::Probe, until, reply }).is_ok().then_some(answer);
        }
    }

    /// Whether all workers have given their sessions back, but for those that are left behind.
    fn parked(&mut self) -> bool {
        let until = Instant::now() + PARKING;
        loop {
            self.relieve();
            if self.shared.parked(TICK) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
        }
    }

    /// Starts the module anew. Says whether the token can be used.
    fn restart(&mut self) -> bool {
        if self.shared.stats.state() == State::Locked {
            // Nothing logs in while the mark stands; an officer removes it when the PIN has been corrected.
            if self.marker.stands() {
                return false;
            }
            match Pin::load(&self.config) {
                Ok(pin) => (self.pin, self.known) = (pin, Known::Unproven),
                Err(fault) => tracing::warn!(%fault, "the PIN in memory is used"),
            }
        }
        if !self.parked() {
            tracing::warn!("a thread still waits for the token; it cannot be opened anew yet");
            return false;
        }
        let before = self.reason();
        self.master = None;
        // Whoever is in a call must not have the module taken from under it.
        if !self.shared.is_haunted() {
            self.close();
        }
        match self.open() {
            Ok(()) => {
                Stats::count(&self.shared.stats.restarts);
                tracing::info!("the token is back");
                true
            }
            Err(fault) => {
                if fault.to_string() != before {
                    tracing::warn!(why = %fault, "the token cannot be used");
                }
                false
            }
        }
    }

    fn reason(&self) -> String {
        self.shared.why().map(|fault| fault.to_string()).unwrap_or_default()
    }

    fn open(&mut self) -> Result<(), Fault> {
        match self.raise() {
            Ok(opened) => {
                self.shared.up(opened);
                Ok(())
            }
            Err(trouble) => {
                let fault = Fault::from(trouble);
                if !self.shared.is_haunted() {
                    self.close();
                }
                self.shared.down(&fault);
                Err(fault)
            }
        }
    }

    fn raise(&mut self) -> Result<Opened, Trouble> {
        if !self.initialised {
            self.module.initialize()?;
            self.initialised = true;
        }
        let slot = self.module.slot(&self.plan.token)?;
        let context = self.module.context().clone();
        let session = context.open_ro_session(slot)?;
        may_log_in(&context.get_token_info(slot)?)?;
        login(&session, &self.pin, self.known, &self.marker)?;
        self.known = Known::Good;
        let seat = Seat::new(session, &self.plan)?;
        let keys = seat.check(&self.plan)?;
        for (used, (public, _)) in &keys {
            self.shared.expect(*used, public, BEFORE)?;
        }
        self.master = Some(seat);
        let methods = keys.into_iter().map(|(used, (_, method))| (used, method)).collect();
        Ok(Opened { context, slot, plan: Arc::clone(&self.plan), methods })
    }

    fn close(&mut self) {
        self.master = None;
        if self.initialised {
            self.module.finalize();
            self.initialised = false;
        }
    }

    fn end(mut self) {
        self.shared.stop();
        if !self.parked() || self.shared.is_haunted() {
            tracing::warn!("a thread still waits for the token; it is left behind");
            // Its session is in use: the module is neither finalized nor given to anyone else.
            std::mem::forget(self);
            return;
        }
        self.workers.join();
        self.close();
    }
}

const TICK: Duration = Duration::from_millis(250);
const PROBE: Duration = Duration::from_secs(1);
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LAST_DELAY: Duration = Duration::from_secs(4);
/// A token that was there for so long is opened anew at once.
const STEADY: Duration = Duration::from_secs(10);
const PARKING: Duration = Duration::from_secs(5);
/// Parking, and a token that answers slowly.
pub(super) const ENDING: Duration = Duration::from_secs(8);
