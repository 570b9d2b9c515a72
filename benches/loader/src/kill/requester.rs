use std::sync::Arc;
use std::time::{Duration, Instant};

use certs::Certificate;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::promises::Promises;
use crate::door::Door;
use crate::enrolment::{Enrolment, Mode, Writer, random};
use crate::errand::{Answer, Errand};
use crate::fault::Fault;
use crate::line::Line;

/// Asks for one certificate after the other, each for a new key, whatever happens to the server.
pub(super) struct Requester {
    pub(super) mode: Mode,
    pub(super) name: String,
    pub(super) door: Door,
    pub(super) writer: Writer,
    pub(super) promises: Arc<Promises>,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Requester {
    /// Works until it is told to stop; what it has begun then it brings to an end.
    pub(super) async fn work(self) -> Result<(), Fault> {
        let mut line = None;
        for number in 0_u32.. {
            if *self.stopped.borrow() {
                break;
            }
            let enrolment = Arc::new(self.writer.write(&format!("{}-{number}", self.name)).await?);
            self.ask(enrolment, &mut line).await?;
        }
        Ok(())
    }

    async fn ask(&self, enrolment: Arc<Enrolment>, line: &mut Option<Line>) -> Result<(), Fault> {
        let mut errand = Errand::new(Arc::clone(&enrolment));
        let start = Instant::now();
        let mut eventful = false;
        let complain = |text: String| self.promises.complain(format!("{:?} {}: {text}", self.mode, self.name));
        while start.elapsed() < PATIENCE {
            match timeout(HANGING, errand.step(&self.door, line)).await {
                Ok(Ok(Answer::Certificate(certificate))) => {
                    self.promises.keep(self.mode, &enrolment, *certificate, eventful);
                    return Ok(());
                }
                Ok(Ok(Answer::Later(seconds))) => {
                    self.promises.later();
                    eventful = true;
                    sleep(Duration::from_secs(seconds).clamp(SHORT, IMPATIENCE)).await;
                }
                Ok(Ok(Answer::Refused(text))) => {
                    complain(text);
                    return Ok(());
                }
                Ok(Err(Fault::Lost(_))) => {
                    *line = None;
                    if !eventful {
                        self.promises.lost();
                        // Every other one goes away for good: then nobody but the server itself brings its case to an end.
                        if random::<1>()?[0].is_multiple_of(2) {
                            self.promises.abandon(self.mode, &enrolment);
                            return Ok(());
                        }
                    }
                    eventful = true;
                    sleep(SHORT).await;
                }
                Ok(Err(fault)) => {
                    complain(fault.to_string());
                    return Ok(());
                }
                Err(_) => {
                    complain(format!("no answer within {} s", HANGING.as_secs()));
                    return Ok(());
                }
            }
        }
        complain(format!("no certificate within {} s", PATIENCE.as_secs()));
        Ok(())
    }
}

/// Asks until there is a certificate, but not for ever.
pub(super) async fn fetch(door: &Door, enrolment: &Arc<Enrolment>) -> Result<Certificate, String> {
    let mut errand = Errand::new(Arc::clone(enrolment));
    let mut line = None;
    for _ in 0..TRIES {
        match timeout(HANGING, errand.step(door, &mut line)).await {
            Ok(Ok(Answer::Certificate(certificate))) => return Ok(*certificate),
            Ok(Ok(Answer::Later(_))) => sleep(IMPATIENCE).await,
            Ok(Ok(Answer::Refused(text))) => return Err(text),
            Ok(Err(fault)) => return Err(fault.to_string()),
            Err(_) => return Err(format!("no answer within {} s", HANGING.as_secs())),
        }
    }
    Err(format!("no certificate after {TRIES} tries"))
}

const SHORT: Duration = Duration::from_millis(50);

/// However long it is told to wait, it comes back after this.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// Longer than the server may take to answer anything.
const HANGING: Duration = Duration::from_secs(40);

const PATIENCE: Duration = Duration::from_mins(1);

const TRIES: u32 = 10;
