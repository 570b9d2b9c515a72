use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

use crate::door::Door;
use crate::enrolment::Enrolment;
use crate::errand::{Answer, Errand};
use crate::fault::Fault;

/// How the requests of a closed loop fared.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// How long each took, shortest first.
    pub(crate) latencies: Vec<Duration>,
    /// What went wrong.
    pub(crate) errors: Vec<String>,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// How late this program itself was in sending each, shortest first; an open loop only.
    pub(crate) lateness: Vec<Duration>,
}

impl Pace {
    /// The latency that so many of a hundred stay within.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        within(&self.latencies, percent)
    }
}

/// What so many of a hundred stay within.
pub(crate) fn within(sorted: &[Duration], percent: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}

/// An open loop: so many requests a second, whatever comes of those before. Each is timed from when it should have been sent, so that a
/// server that stalls is not asked less meanwhile (no coordinated omission).
pub(crate) async fn run_open(door: &Arc<Door>, work: Vec<Arc<Enrolment>>, rate: f64, longest: Duration) -> Pace {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    let mut all = Pace::default();
    for (number, enrolment) in (0_u32..).zip(work) {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        if due - start >= longest {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let (door, lines) = (Arc::clone(door), Arc::clone(&lines));
        tasks.spawn(async move {
            let late = due.elapsed();
            let free = || lines.lock().unwrap_or_else(PoisonError::into_inner);
            let mut line = free().pop();
            let wrong = enrolment.wrong;
            let answer = Errand::new(enrolment).step(&door, &mut line).await;
            free().extend(line);
            (late, due.elapsed(), complaint(answer, wrong))
        });
        while let Some(done) = tasks.try_join_next() {
            all.take(done);
        }
    }
    while let Some(done) = tasks.join_next().await {
        all.take(done);
    }
    all.elapsed = start.elapsed();
    all.latencies.sort_unstable();
    all.lateness.sort_unstable();
    all
}

impl Pace {
    fn take(&mut self, done: Result<(Duration, Duration, Option<String>), JoinError>) {
        match done {
            Ok((late, latency, None)) => {
                self.lateness.push(late);
                self.latencies.push(latency);
            }
            Ok((.., Some(text))) => self.errors.push(text),
            Err(error) => self.errors.push(error.to_string()),
        }
    }
}

/// Each requester takes the next request as soon as its last was answered, until none is left or time is up.
pub(crate) async fn run(door: &Arc<Door>, work: Vec<Arc<Enrolment>>, requesters: usize, longest: Duration) -> Pace {
    let work = Arc::new(work);
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..requesters {
        let (door, work, next) = (Arc::clone(door), Arc::clone(&work), Arc::clone(&next));
        tasks.spawn(async move {
            let (mut pace, mut line) = (Pace::default(), None);
            while start.elapsed() < longest
                && let Some(enrolment) = work.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let began = Instant::now();
                let answer = Errand::new(Arc::clone(enrolment)).step(&door, &mut line).await;
                match complaint(answer, enrolment.wrong) {
                    None => pace.latencies.push(began.elapsed()),
                    Some(text) => pace.errors.push(text),
                }
            }
            pace
        });
    }
    let mut all = Pace::default();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(pace) => {
                all.latencies.extend(pace.latencies);
                all.errors.extend(pace.errors);
            }
            Err(error) => all.errors.push(error.to_string()),
        }
    }
    all.elapsed = start.elapsed();
    all.latencies.sort_unstable();
    all
}

fn complaint(answer: Result<Answer, Fault>, wrong: bool) -> Option<String> {
    match answer {
        Ok(Answer::Certificate(_)) if wrong => Some("a wrong request brought a certificate".to_owned()),
        Ok(Answer::Certificate(_)) => None,
        Ok(Answer::Refused(_)) if wrong => None,
        Ok(Answer::Later(seconds)) => Some(format!("told to come back after {seconds} s")),
        Ok(Answer::Refused(text)) => Some(text),
        Err(fault) => Some(fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_and_of_none_are_told() {
        let mut pace = Pace::default();
        assert_eq!(pace.percentile(99), Duration::ZERO);
        pace.latencies = (1..=101).map(Duration::from_millis).collect();
        assert_eq!(pace.percentile(50), Duration::from_millis(51));
        assert_eq!(pace.percentile(99), Duration::from_millis(100));
    }
}
