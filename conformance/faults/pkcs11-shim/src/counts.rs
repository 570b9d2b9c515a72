use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::functions::Function;
use crate::shim::{pause, tell};

/// How often each function was called.
#[derive(Debug)]
pub(crate) struct Counts {
    file: PathBuf,
    calls: Vec<AtomicU64>,
    behind: AtomicBool,
    writing: Mutex<()>,
}

impl Counts {
    /// Counts into this file; `{pid}` in its name is the process id.
    pub(crate) fn new(file: &str) -> Self {
        let file = PathBuf::from(file.replace("{pid}", &std::process::id().to_string()));
        let calls = Function::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        Self { file, calls, behind: AtomicBool::new(false), writing: Mutex::new(()) }
    }

    pub(crate) fn count(&self, function: Function) {
        if let Some((_, calls)) = self.each().find(|(each, _)| *each == function) {
            calls.fetch_add(1, Ordering::SeqCst);
        }
        if AT_ONCE.contains(&function) {
            self.write();
        } else {
            self.behind.store(true, Ordering::SeqCst);
        }
    }

    /// Keeps the file up to date, for ever.
    pub(crate) fn keep(&self) {
        loop {
            pause(EVERY);
            if self.behind.swap(false, Ordering::SeqCst) {
                self.write();
            }
        }
    }

    fn write(&self) {
        // Read under the lock, so that no older count replaces a newer one.
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (function, calls) in self.each() {
            let calls = calls.load(Ordering::SeqCst);
            if calls > 0 {
                let _ = writeln!(text, "{} {calls}", function.name());
            }
        }
        let mut new = self.file.clone().into_os_string();
        new.push(".new");
        if let Err(error) = fs::write(&new, text).and_then(|()| fs::rename(&new, &self.file)) {
            tell(format_args!("{}: {error}", self.file.display()));
        }
    }

    fn each(&self) -> impl Iterator<Item = (Function, &AtomicU64)> {
        Function::ALL.iter().copied().zip(&self.calls)
    }
}

/// Kept short of the 100 ms that are promised.
const EVERY: Duration = Duration::from_millis(50);

/// What spends a try of a PIN or changes it must be on record even if the process ends in it.
const AT_ONCE: [Function; 6] = [
    Function::C_Login,
    Function::C_SetPIN,
    Function::C_InitPIN,
    Function::C_InitToken,
    Function::C_Initialize,
    Function::C_Finalize,
];
