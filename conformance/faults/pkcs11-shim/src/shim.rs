#![expect(unsafe_code, reason = "the functions of a PKCS#11 module have C's pointers as arguments")]
#![expect(non_snake_case, reason = "the names are the standard's")]

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::ptr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cryptoki_sys::{
    CK_BBOOL, CK_FALSE, CK_FUNCTION_LIST, CK_RV, CK_SLOT_ID, CK_SLOT_INFO, CK_TOKEN_INFO, CK_ULONG, CKF_TOKEN_PRESENT,
    CKR_ARGUMENTS_BAD, CKR_DEVICE_REMOVED, CKR_FUNCTION_NOT_SUPPORTED, CKR_GENERAL_ERROR, CKR_OK,
    CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT,
};

use crate::counts::Counts;
use crate::functions::{Function, LIST, Reach};
use crate::presence::Presence;
use crate::real;
use crate::script::{Outcome, Ruling};
use crate::watched::Watched;

/// The one way into the module.
///
/// # Safety
/// As the standard has it: `list` is null or can be written to.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    call(Function::C_GetFunctionList, |_| {
        if list.is_null() {
            return CKR_ARGUMENTS_BAD;
        }
        // SAFETY: not null, so the caller can be written to. Nobody writes to the list itself: the standard has it read.
        unsafe { *list = (&raw const LIST).cast_mut() };
        CKR_OK
    })
}

/// Slots with a token are none while it is away.
pub(crate) unsafe extern "C" fn C_GetSlotList(
    with_token: CK_BBOOL,
    slots: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    let Some(shim) = installed() else { return CKR_GENERAL_ERROR };
    call(Function::C_GetSlotList, |real| {
        let Some(ask) = real.C_GetSlotList else { return CKR_FUNCTION_NOT_SUPPORTED };
        if !shim.token.is_away() || with_token == CK_FALSE || count.is_null() {
            // SAFETY: the caller keeps the standard's contract, and the arguments are passed on as they came.
            return unsafe { ask(with_token, slots, count) };
        }
        // The real one is asked whether it would answer at all.
        // SAFETY: a list that is null asks for the number only, and `count` is not null.
        let answer = unsafe { ask(CK_FALSE, ptr::null_mut(), count) };
        if answer == CKR_OK {
            // SAFETY: not null, and the real module has just written to it.
            unsafe { *count = 0 };
        }
        answer
    })
}

/// A slot has no token while it is away.
pub(crate) unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    let Some(shim) = installed() else { return CKR_GENERAL_ERROR };
    call(Function::C_GetSlotInfo, |real| {
        let Some(ask) = real.C_GetSlotInfo else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: the caller keeps the standard's contract, and the arguments are passed on as they came.
        let answer = unsafe { ask(slot, info) };
        if answer == CKR_OK && !info.is_null() && shim.token.is_away() {
            // SAFETY: not null, and the real module has just written to it.
            unsafe { (*info).flags &= !CKF_TOKEN_PRESENT };
        }
        answer
    })
}

/// The token says of itself what the script adds.
pub(crate) unsafe extern "C" fn C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) -> CK_RV {
    let Some(shim) = installed() else { return CKR_GENERAL_ERROR };
    let outcome = shim.ruled(Function::C_GetTokenInfo);
    shim.answer(Function::C_GetTokenInfo, outcome, |real| {
        let Some(ask) = real.C_GetTokenInfo else { return CKR_FUNCTION_NOT_SUPPORTED };
        // SAFETY: the caller keeps the standard's contract, and the arguments are passed on as they came.
        let answer = unsafe { ask(slot, info) };
        if let Outcome::Flags(flags) = outcome
            && answer == CKR_OK
            && !info.is_null()
        {
            // SAFETY: not null, and the real module has just written to it.
            unsafe { (*info).flags |= flags };
        }
        answer
    })
}

/// A call comes: it is counted and ruled, then `pass` makes the real call, if that is to be.
pub(crate) fn call(function: Function, pass: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
    let Some(shim) = installed() else { return CKR_GENERAL_ERROR };
    let outcome = shim.ruled(function);
    shim.answer(function, outcome, pass)
}

/// Waits. The callers wait for a token, so their threads are there to be held.
#[expect(clippy::disallowed_methods, reason = "no runtime's thread calls a module, and a module has no runtime")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Says it on stderr. Where nobody listens, `eprintln!` would panic, and a panic in a C function ends the server.
pub(crate) fn tell(what: impl Display) {
    let _ = writeln!(io::stderr(), "pkcs11-shim: {what}");
}

struct Shim {
    real: CK_FUNCTION_LIST,
    script: Watched,
    token: Presence,
    counts: Option<Arc<Counts>>,
}

impl Shim {
    fn install() -> Result<Self, String> {
        let file = std::env::var_os("PKCS11_SHIM_MODULE").ok_or("PKCS11_SHIM_MODULE names no module")?;
        let file = PathBuf::from(file);
        let real = real::load(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let counts = match std::env::var("PKCS11_SHIM_COUNTS") {
            Ok(file) => Some(counting(&file)?),
            Err(std::env::VarError::NotPresent) => None,
            Err(error) => return Err(format!("PKCS11_SHIM_COUNTS: {error}")),
        };
        let script = Watched::new(std::env::var_os("PKCS11_SHIM_SCRIPT").map(PathBuf::from));
        Ok(Self { real, script, token: Presence::default(), counts })
    }

    /// What becomes of the call, once it has waited as the script says.
    fn ruled(&self, function: Function) -> Outcome {
        if let Some(counts) = &self.counts {
            counts.count(function);
        }
        let script = self.script.now();
        let Ruling { hang, sleep, outcome } = script.ruling(function);
        if !script.token_is_out() {
            self.token.put_in();
        }
        while hang && Arc::ptr_eq(&script, &self.script.now()) {
            pause(Duration::from_millis(5));
        }
        if !sleep.is_zero() {
            pause(sleep);
        }
        if outcome == Outcome::Absent {
            self.token.take_out(|| real::close_sessions(&self.real));
        }
        outcome
    }

    fn answer(&self, function: Function, outcome: Outcome, pass: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
        match outcome {
            Outcome::Return(code) => code,
            Outcome::ThenReturn(code) => {
                self.pass(function, pass);
                code
            }
            Outcome::Pass | Outcome::Flags(_) => self.pass(function, pass),
            Outcome::Absent => self.without_token(function, pass),
        }
    }

    fn pass(&self, function: Function, pass: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
        if function == Function::C_WaitForSlotEvent {
            // It may wait for ever, so nothing waits for it; it has no session.
            return pass(&self.real);
        }
        match self.token.enter() {
            Some(_inside) => pass(&self.real),
            None => self.without_token(function, pass),
        }
    }

    fn without_token(&self, function: Function, pass: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
        if function == Function::C_WaitForSlotEvent {
            return pass(&self.real);
        }
        let _inside = self.token.enter_anyway();
        let gone = match function.reach() {
            Reach::Module => return pass(&self.real),
            Reach::Slot => CKR_TOKEN_NOT_PRESENT,
            Reach::Session if function == Function::C_CloseSession => CKR_SESSION_HANDLE_INVALID,
            Reach::Session => CKR_DEVICE_REMOVED,
        };
        // A module that was not initialized says so first.
        match real::state(&self.real) {
            CKR_OK => gone,
            other => other,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "one thread for the process's life, so that counting holds up no call")]
fn counting(file: &str) -> Result<Arc<Counts>, String> {
    let counts = Arc::new(Counts::new(file));
    let kept = Arc::clone(&counts);
    let thread = std::thread::Builder::new().name("pkcs11-shim".into()).spawn(move || kept.keep());
    thread.map(|_| counts).map_err(|error| error.to_string())
}

/// The shim of this process; a fault is told once.
fn installed() -> Option<&'static Shim> {
    static SHIM: OnceLock<Option<Shim>> = OnceLock::new();
    let install = || Shim::install().inspect_err(|error| tell(error)).ok();
    SHIM.get_or_init(install).as_ref()
}
