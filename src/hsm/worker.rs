//! The threads that have the token work: each owns one session, since a session is not for sharing.

use std::time::Instant;

use super::fault::{Class, Trouble};
use super::pool::{Job, Number, Shared, Step, late};
use super::purpose::Use;
use super::seat::{Answer, Opened, Seat, Task};
use super::{Fault, Stats};

/// A worker's life.
pub(super) fn serve(shared: &Shared, number: Number, used: Use) {
    let mut seat = None;
    let mut seated = false;
    while let Some(step) = shared.next(number, used, seated) {
        match step {
            Step::Stand => {
                seat = None;
                seated = false;
                shared.stood_up();
            }
            Step::Work(job, opened) => {
                seated = true;
                shared.work(&mut seat, &job, &opened);
                if !shared.through(number) {
                    tracing::warn!("a call that was given up has come back from the token");
                    // The session is closed first: after that the module may be finalized.
                    drop(seat);
                    return shared.came_back(number);
                }
            }
        }
    }
}

impl Shared {
    fn work(&self, seat: &mut Option<Seat>, job: &Job, opened: &Opened) {
        if job.reply.has_left() {
            return;
        }
        if job.until <= Instant::now() {
            return job.reply.tell(Err(late(self.deadline)));
        }
        let answer = match self.perform(seat, &job.task, opened) {
            Ok(answer) => {
                if matches!(job.task, Task::Sign(..)) {
                    Stats::count(&self.stats.signatures);
                }
                Ok(answer)
            }
            Err(Failure::Task(fault)) => Err(fault),
            Err(Failure::Token(fault)) => {
                self.down(&fault);
                Err(fault)
            }
        };
        job.reply.tell(answer);
    }

    /// A stale session is replaced and the task tried once more; a lost token is not waited for.
    fn perform(&self, seat: &mut Option<Seat>, task: &Task, opened: &Opened) -> Result<Answer, Failure> {
        match attempt(seat, task, opened) {
            Err(Trouble::Token(error)) if Class::of(&error) == Class::Session => {
                tracing::debug!(%error, "the session is replaced");
                Stats::count(&self.stats.reopened);
                *seat = None;
            }
            other => return other.map_err(|trouble| judge(seat.as_ref(), task, trouble)),
        }
        attempt(seat, task, opened).map_err(|trouble| judge(seat.as_ref(), task, trouble))
    }
}

fn attempt(seat: &mut Option<Seat>, task: &Task, opened: &Opened) -> Result<Answer, Trouble> {
    let seat = match seat {
        Some(seat) => seat,
        None => seat.insert(Seat::open(opened).map_err(unseated)?),
    };
    seat.run(task, opened)
}

/// The keys were there when the token was opened: if they are not to be seen now, the token has gone and come, and only
/// a new initialisation shows them.
fn unseated(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Found(fault) => Fault::Unavailable(fault.to_string()).into(),
        token @ Trouble::Token(_) => token,
    }
}

/// Whose fault it was.
enum Failure {
    Task(Fault),
    Token(Fault),
}

fn judge(seat: Option<&Seat>, task: &Task, trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Found(fault @ Fault::Unavailable(_)) => Failure::Token(fault),
        Trouble::Found(fault) => Failure::Task(fault),
        Trouble::Token(error) => match Class::of(&error) {
            Class::Request if matches!(task, Task::Unwrap(_)) => Failure::Task(unreadable()),
            Class::Request => Failure::Task(Fault::Refused(error.to_string())),
            _ if matches!(task, Task::Unwrap(_)) && seat.is_some_and(Seat::can_wrap) => Failure::Task(unreadable()),
            _ => Failure::Token(Fault::Unavailable(error.to_string())),
        },
    }
}

fn unreadable() -> Fault {
    Fault::Blob("it was altered, or wrapped by another key".into())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::hsm::method::Method;
    use crate::hsm::module::Module;
    use crate::hsm::pool::{Asker, Job};
    use crate::hsm::seat::Plan;
    use crate::hsm::{Config, Hsm, Token, init_token};
    use certs::KeyKind;
    use cryptoki::session::UserType;
    use cryptoki::types::AuthPin;

    const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
    const CHILD: &str = "DAFTAR_HSM_TEST_FOLDER";

    #[test]
    fn void_handles_are_looked_up_anew_in_passing() {
        in_a_child("void_handles_are_looked_up_anew_in_passing", |config, _| {
            let module = Module::lease(&config.module).unwrap();
            module.initialize().unwrap();
            let plan = Arc::new(Plan::of(config).unwrap());
            let (context, slot) = (module.context().clone(), module.slot(&plan.token).unwrap());
            let (master, pin) = (context.open_ro_session(slot).unwrap(), AuthPin::from("1234"));
            master.login(UserType::User, Some(&pin)).unwrap();
            let checked = Seat::open(&opened(&context, slot, &plan, Method::P256)).unwrap().check(&plan).unwrap();
            let method = checked[&Use::Requests].1;
            let opened = opened(&context, slot, &plan, method);
            let shared = Shared::new(1, 2, Duration::from_secs(1));
            let mut seat = Some(Seat::open(&opened).unwrap());
            // The handles of all sessions are void from here on (measured), though the log-in is back.
            master.logout().unwrap();
            master.login(UserType::User, Some(&pin)).unwrap();
            let task = Task::Sign(Use::Requests, method.input(b"message"));
            assert!(shared.perform(&mut seat, &task, &opened).is_ok());
            assert_eq!(shared.stats.reopened(), 1);
            assert!(shared.perform(&mut seat, &task, &opened).is_ok());
            assert_eq!(shared.stats.reopened(), 1);
        });
    }

    #[test]
    fn a_log_out_behind_our_back_heals() {
        in_a_child("a_log_out_behind_our_back_heals", |config, folder| {
            let hsm = Hsm::start(config, folder).unwrap();
            let shared = &hsm.office.shared;
            let opened = shared.opened().unwrap();
            opened.context.open_ro_session(opened.slot).unwrap().logout().unwrap();
            drop(opened);
            let begun = Instant::now();
            while shared.stats.restarts() == 0 {
                assert!(begun.elapsed() < Duration::from_secs(20));
                std::thread::park_timeout(Duration::from_millis(20));
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let task = Task::Sign(Use::Requests, Method::P256.input(b"message"));
            assert!(runtime.block_on(shared.ask(task)).is_ok());
        });
    }

    #[test]
    fn a_call_that_is_too_late_or_whose_caller_has_left_is_not_made() {
        in_a_child("a_call_that_is_too_late_or_whose_caller_has_left_is_not_made", |config, folder| {
            let hsm = Hsm::start(config, folder).unwrap();
            let shared = &hsm.office.shared;
            let task = || Task::Sign(Use::Requests, Method::P256.input(b"message"));
            let (reply, answer) = Asker::new();
            shared.push(Job { task: task(), until: Instant::now(), reply }).unwrap();
            assert!(matches!(answer.blocking_recv().unwrap(), Err(Fault::Unavailable(_))));
            let (reply, answer) = Asker::new();
            drop(answer);
            shared.push(Job { task: task(), until: Instant::now() + Duration::from_secs(9), reply }).unwrap();
            hsm.stop();
            assert_eq!(hsm.stats().signatures(), 0);
        });
    }

    fn opened(
        context: &cryptoki::context::Pkcs11,
        slot: cryptoki::slot::Slot,
        plan: &Arc<Plan>,
        method: Method,
    ) -> Opened {
        Opened { context: context.clone(), slot, plan: Arc::clone(plan), methods: [(Use::Requests, method)].into() }
    }

    /// `SoftHSM` finds its tokens by an environment variable, which only a parent can set.
    fn in_a_child(test: &str, story: impl FnOnce(&Config, &Path)) {
        if let Some(folder) = std::env::var_os(CHILD) {
            let folder = Path::new(&folder);
            let config = set_up(folder);
            return story(&config, folder);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        fs::create_dir(folder.path().join("tokens")).unwrap();
        let conf = folder.path().join("softhsm2.conf");
        fs::write(&conf, format!("directories.tokendir = {path}/tokens\nlog.level = ERROR\n")).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", &format!("hsm::worker::tests::{test}"), "--nocapture"]);
        let output = child.env(CHILD, folder.path()).env("SOFTHSM2_CONF", &conf).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
    }

    fn set_up(folder: &Path) -> Config {
        let pin = folder.join("pin");
        fs::write(&pin, "1234").unwrap();
        fs::set_permissions(&pin, fs::Permissions::from_mode(0o600)).unwrap();
        init_token(Path::new(MODULE), "t", "123456", "1234").unwrap();
        let text = format!(
            "module = \"{MODULE}\"\ntoken = \"t\"\npin_file = \"{}\"\nsigning_key = {{ label = \"s\" }}",
            pin.display()
        );
        let config: Config = toml::from_str(&text).unwrap();
        let token = Token::open(&config, folder).unwrap();
        token.generate_signing_key("s", &[1], KeyKind::P256).unwrap();
        config
    }
}
