//! The queue before the token, and what its threads, its supervisor and its callers agree by. When the token is lost,
//! the threads give their sessions back, so that the supervisor can finalize the module; whoever waits is told at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use certs::PublicKey;
use tokio::sync::oneshot;

use super::purpose::Use;
use super::seat::{Answer, Opened, Task};
use super::{Fault, State, Stats};

/// What the threads, the supervisor and the callers share.
#[derive(Debug)]
pub(super) struct Shared {
    control: Mutex<Control>,
    /// Workers wait here, those of each use by themselves.
    work: [Condvar; Use::ALL.len()],
    /// The supervisor waits here.
    event: Condvar,
    queue_limit: usize,
    /// Workers that may be left to calls which do not come back.
    most_lost: usize,
    pub(super) deadline: Duration,
    pub(super) stats: Stats,
}

#[derive(Debug)]
struct Control {
    /// What waits for the workers of each use.
    jobs: [VecDeque<Job>; Use::ALL.len()],
    /// There while the token can be used.
    up: Option<Arc<Opened>>,
    /// Why it cannot, when it cannot.
    why: Fault,
    /// Workers that may hold a session.
    seated: usize,
    /// The calls that are being made now.
    calls: Vec<Call>,
    /// Workers that are left to calls which do not come back.
    lost: Vec<Number>,
    stop: bool,
    /// The supervisor has given the module back.
    ended: bool,
    /// The signing keys that are certified, or were there before.
    expected: BTreeMap<Use, (PublicKey, &'static str)>,
}

/// A task with its deadline and its asker.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) task: Task,
    pub(super) until: Instant,
    pub(super) reply: Asker,
}

/// Who waits for an answer. The worker has it, and whoever gives the worker up; the first one to speak is heard.
#[derive(Clone, Debug)]
pub(super) struct Asker(Arc<Mutex<Option<Reply>>>);

type Reply = oneshot::Sender<Result<Answer, Fault>>;

impl Asker {
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<Answer, Fault>>) {
        let (reply, answer) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(reply)))), answer)
    }

    pub(super) fn tell(&self, answer: Result<Answer, Fault>) {
        if let Some(reply) = self.lock().take() {
            let _ = reply.send(answer);
        }
    }

    /// Whether nobody waits any more.
    pub(super) fn has_left(&self) -> bool {
        self.lock().as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reply>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker's number. None is given twice.
pub(super) type Number = u64;

/// A call into the module.
#[derive(Debug)]
struct Call {
    worker: Number,
    used: Use,
    begun: Instant,
    asker: Asker,
}

/// What the supervisor woke up for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Event {
    Stop,
    Down,
    Nothing,
}

impl Shared {
    pub(super) fn new(queue_limit: usize, most_lost: usize, deadline: Duration) -> Self {
        Self {
            control: Mutex::new(Control {
                jobs: Default::default(),
                up: None,
                why: Fault::Unavailable("it was not opened yet".into()),
                seated: 0,
                calls: Vec::new(),
                lost: Vec::new(),
                stop: false,
                ended: false,
                expected: BTreeMap::new(),
            }),
            work: Default::default(),
            event: Condvar::new(),
            queue_limit,
            most_lost,
            deadline,
            stats: Stats::default(),
        }
    }

    /// Has the token do something, within the deadline.
    pub(super) async fn ask(&self, task: Task) -> Result<Answer, Fault> {
        let answer = self.wait_for(task).await;
        if answer.is_err() {
            Stats::count(&self.stats.failures);
        }
        answer
    }

    async fn wait_for(&self, task: Task) -> Result<Answer, Fault> {
        let until = Instant::now() + self.deadline;
        let (reply, answer) = Asker::new();
        self.push(Job { task, until, reply })?;
        match tokio::time::timeout_at(until.into(), answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Fault::Unavailable("its thread ended".into())),
            Err(_) => Err(late(self.deadline)),
        }
    }

    pub(super) fn push(&self, job: Job) -> Result<(), Fault> {
        let mut control = self.control();
        if control.up.is_none() {
            return Err(control.why.clone());
        }
        let used = job.task.used();
        let jobs = &mut control.jobs[used.place()];
        if jobs.len() >= self.queue_limit {
            return Err(Fault::Unavailable(format!("{} calls wait for it already", self.queue_limit)));
        }
        jobs.push_back(job);
        self.note_depth(&control);
        self.work[used.place()].notify_one();
        Ok(())
    }

    /// Gives up the workers whose calls take longer than `time`, and tells their askers; a long queue alone is no fault of the token.
    /// Says what those did that were given up now. With the most that may be in their calls the doors are closed until one comes back.
    pub(super) fn give_up(&self, time: Duration) -> Vec<Use> {
        let mut control = self.control();
        let (hung, going): (Vec<_>, Vec<_>) = control.calls.drain(..).partition(|call| call.begun.elapsed() >= time);
        control.calls = going;
        for call in &hung {
            call.asker.tell(Err(late(time)));
            control.lost.push(call.worker);
            control.seated = control.seated.saturating_sub(1);
        }
        self.note_lost(&control);
        if control.lost.len() >= self.most_lost && control.up.is_some() {
            self.close(&mut control, &late(time));
        }
        self.event.notify_all();
        hung.iter().map(|call| call.used).collect()
    }

    /// Whether a worker is still in a call that it was given up for: then nobody may finalize the module.
    pub(super) fn is_haunted(&self) -> bool {
        !self.control().lost.is_empty()
    }

    /// Whether so many workers were given up that no more can be.
    pub(super) fn is_hopeless(&self) -> bool {
        self.control().lost.len() >= self.most_lost
    }

    /// Opens the doors.
    pub(super) fn up(&self, opened: Opened) {
        let mut control = self.control();
        if !control.stop {
            control.up = Some(Arc::new(opened));
            self.stats.set_state(State::Ready);
        }
    }

    /// Closes the doors and tells everyone who waits.
    pub(super) fn down(&self, why: &Fault) {
        let mut control = self.control();
        self.close(&mut control, why);
    }

    /// Ends it all.
    pub(super) fn stop(&self) {
        let mut control = self.control();
        control.stop = true;
        self.close(&mut control, &Fault::Unavailable("the server is stopping".into()));
        self.stats.set_state(State::Stopped);
    }

    fn close(&self, control: &mut Control, why: &Fault) {
        control.up = None;
        control.why = why.clone();
        if !control.stop {
            self.stats.set_state(State::after(why));
        }
        for job in control.jobs.iter_mut().flat_map(|jobs| jobs.drain(..)) {
            job.reply.tell(Err(why.clone()));
        }
        self.note_depth(control);
        self.work.iter().for_each(Condvar::notify_all);
        self.event.notify_all();
    }

    pub(super) fn is_up(&self) -> bool {
        self.control().up.is_some()
    }

    /// What the token was opened as, while it can be used.
    #[cfg(test)]
    pub(super) fn opened(&self) -> Option<Arc<Opened>> {
        self.control().up.clone()
    }

    /// Why the token cannot be used; nothing when it can.
    pub(super) fn why(&self) -> Option<Fault> {
        let control = self.control();
        control.up.is_none().then(|| control.why.clone())
    }

    /// The signing key of a use, once it has been seen or told.
    pub(super) fn expected(&self, used: Use) -> Option<PublicKey> {
        self.control().expected.get(&used).map(|(key, _)| key.clone())
    }

    /// From now on only this signing key will do.
    pub(super) fn expect(&self, used: Use, key: &PublicKey, which: &'static str) -> Result<(), Fault> {
        let mut control = self.control();
        match control.expected.get(&used) {
            Some((expected, _)) if expected == key => Ok(()),
            // Who has a certificate knows better than we, who have only looked at the token.
            Some((_, BEFORE)) if which == CERTIFIED => Err(Fault::KeyChanged(CERTIFIED)),
            Some((_, known)) => Err(Fault::KeyChanged(known)),
            None => {
                control.expected.insert(used, (key.clone(), which));
                Ok(())
            }
        }
    }

    /// The supervisor sleeps until the token goes down, everything ends, or the time is over.
    pub(super) fn watch(&self, time: Duration) -> Event {
        self.sleep(time, |control| control.stop || control.up.is_none())
    }

    /// The supervisor waits before it tries again.
    pub(super) fn pause(&self, time: Duration) -> Event {
        self.sleep(time, |control| control.stop)
    }

    /// Whether all workers have given their sessions back, after waiting for that a while.
    pub(super) fn parked(&self, time: Duration) -> bool {
        let control = self.control();
        let (control, _) = self
            .event
            .wait_timeout_while(control, time, |control| control.seated > 0)
            .unwrap_or_else(PoisonError::into_inner);
        control.seated == 0
    }

    /// The supervisor has given the module back.
    pub(super) fn ended(&self) {
        self.control().ended = true;
        self.event.notify_all();
    }

    /// Whether the supervisor has given the module back, after waiting for that a while.
    pub(super) fn ends_within(&self, time: Duration) -> bool {
        let control = self.control();
        let (control, _) = self
            .event
            .wait_timeout_while(control, time, |control| !control.ended)
            .unwrap_or_else(PoisonError::into_inner);
        control.ended
    }

    fn sleep(&self, time: Duration, awake: impl Fn(&Control) -> bool) -> Event {
        let control = self.control();
        let (control, _) = self
            .event
            .wait_timeout_while(control, time, |control| !awake(control))
            .unwrap_or_else(PoisonError::into_inner);
        match (control.stop, &control.up) {
            (true, _) => Event::Stop,
            (false, None) => Event::Down,
            (false, Some(_)) => Event::Nothing,
        }
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_lost(&self, control: &Control) {
        let lost = u64::try_from(control.lost.len()).unwrap_or(u64::MAX);
        self.stats.lost.store(lost, std::sync::atomic::Ordering::Relaxed);
    }

    fn note_depth(&self, control: &Control) {
        self.stats.note_depths(control.jobs.iter().map(VecDeque::len));
    }
}

/// What a worker does next.
pub(super) enum Step {
    /// Give the session back.
    Stand,
    /// Make the call, which began now.
    Work(Job, Arc<Opened>),
}

impl Shared {
    /// A worker waits here for its next step; none when it is time to go.
    pub(super) fn next(&self, worker: Number, used: Use, seated: bool) -> Option<Step> {
        let mut control = self.control();
        loop {
            match &control.up {
                None if seated => return Some(Step::Stand),
                None if control.stop => return None,
                None => {}
                Some(opened) => {
                    let opened = Arc::clone(opened);
                    if let Some(job) = control.jobs[used.place()].pop_front() {
                        // Counted before the lock is left, so that the supervisor never finalizes beneath us.
                        control.seated += usize::from(!seated);
                        control.calls.push(Call { worker, used, begun: Instant::now(), asker: job.reply.clone() });
                        self.note_depth(&control);
                        return Some(Step::Work(job, opened));
                    }
                }
            }
            control = self.work[used.place()].wait(control).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A worker is through with a call. Says whether it is still one of ours.
    pub(super) fn through(&self, worker: Number) -> bool {
        let mut control = self.control();
        control.calls.retain(|call| call.worker != worker);
        !control.lost.contains(&worker)
    }

    /// A worker that was given up has come back and has closed its session.
    pub(super) fn came_back(&self, worker: Number) {
        let mut control = self.control();
        control.lost.retain(|lost| *lost != worker);
        self.note_lost(&control);
        self.event.notify_all();
    }

    /// A worker has given its session back.
    pub(super) fn stood_up(&self) {
        let mut control = self.control();
        control.seated = control.seated.saturating_sub(1);
        self.event.notify_all();
    }
}

/// What is told to whoever waited too long.
pub(super) fn late(deadline: Duration) -> Fault {
    Fault::Unavailable(format!("no answer within {} s", deadline.as_secs()))
}

/// Which key is expected: the one that the caller has a certificate for.
pub(super) const CERTIFIED: &str = "the certified one";
/// Which key is expected: the one that this process found first.
pub(super) const BEFORE: &str = "the one before";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::hsm::KeyRef;
    use crate::hsm::config::TokenChoice;
    use crate::hsm::method::Method;
    use crate::hsm::seat::Plan;

    /// Doors that are open, with nobody behind them. The module is loaded and never initialised.
    fn open() -> Shared {
        let context = cryptoki::context::Pkcs11::new(Path::new("/usr/lib/softhsm/libsofthsm2.so")).unwrap();
        let plan = Plan {
            token: TokenChoice::default(),
            signing: [(Use::Requests, KeyRef::new("s", &[1]))].into(),
            wrapping: None,
        };
        let shared = Shared::new(2, 8, Duration::from_millis(50));
        let slot = 0_u64.try_into().unwrap();
        shared.up(Opened { context, slot, plan: Arc::new(plan), methods: [(Use::Requests, Method::P256)].into() });
        shared
    }

    fn task() -> Task {
        Task::Sign(Use::Requests, vec![0; 32])
    }

    #[tokio::test]
    async fn a_call_that_hangs_is_given_up_and_others_go_on() {
        let shared = open();
        let (answer, step) = tokio::join!(shared.ask(task()), async {
            let step = shared.next(1, Use::Requests, false);
            assert_eq!(shared.give_up(Duration::from_secs(9)), []);
            assert_eq!(shared.give_up(Duration::ZERO), [Use::Requests]);
            step
        });
        assert!(matches!(answer, Err(Fault::Unavailable(_))), "its asker is told at once");
        assert!(shared.is_up() && shared.parked(Duration::ZERO) && shared.is_haunted());
        let Some(Step::Work(job, _)) = step else { panic!("no work") };
        assert!(job.reply.has_left());
        let (_, other) = tokio::join!(shared.ask(task()), async { shared.next(2, Use::Requests, false) });
        assert!(matches!(other, Some(Step::Work(..))), "the one in its place has work");
        assert!(!shared.through(1) && shared.through(2));
        shared.came_back(1);
        assert!(!shared.is_haunted());
    }

    #[tokio::test]
    async fn a_token_that_answers_nothing_at_all_is_down() {
        let shared = open();
        for worker in 1..=8 {
            assert!(shared.is_up() && !shared.is_hopeless());
            let (_, step) = tokio::join!(shared.ask(task()), async {
                let step = shared.next(worker, Use::Requests, false);
                shared.give_up(Duration::ZERO);
                step
            });
            assert!(matches!(step, Some(Step::Work(..))));
        }
        assert!(shared.is_hopeless() && !shared.is_up());
        let asked = Instant::now();
        assert!(shared.ask(task()).await.is_err());
        assert!(asked.elapsed() < Duration::from_millis(50), "told at once");
    }

    #[tokio::test]
    async fn who_signs_the_log_does_not_wait_for_those_who_sign_requests() {
        let shared = open();
        let flood = || shared.ask(task());
        let checkpoint = shared.ask(Task::Sign(Use::Checkpoints, vec![0; 32]));
        let (_, _, third, _, step) = tokio::join!(flood(), flood(), flood(), checkpoint, async {
            tokio::task::yield_now().await;
            assert_eq!([Use::Requests, Use::Checkpoints].map(|used| shared.stats.queue_depth(used)), [2, 1]);
            shared.next(1, Use::Checkpoints, false)
        });
        assert!(matches!(third, Err(Fault::Unavailable(why)) if why.contains("wait for it already")));
        let Some(Step::Work(job, _)) = step else { panic!("no work") };
        assert!(matches!(job.task, Task::Sign(Use::Checkpoints, _)));
    }

    #[tokio::test]
    async fn a_long_queue_is_no_fault_of_the_token() {
        let shared = open();
        assert!(matches!(shared.ask(task()).await, Err(Fault::Unavailable(_))));
        assert!(shared.is_up());
    }

    #[tokio::test]
    async fn who_waits_is_told_when_the_token_goes() {
        let shared = open();
        let away = async { shared.down(&Fault::Unavailable("gone".into())) };
        let (first, second, ()) = tokio::join!(shared.ask(task()), shared.ask(task()), away);
        for answer in [first, second] {
            assert!(matches!(answer, Err(Fault::Unavailable(why)) if why == "gone"));
        }
        assert_eq!((shared.stats.queue_depth(Use::Requests), shared.stats.failures()), (0, 2));
    }
}
