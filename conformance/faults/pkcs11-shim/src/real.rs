#![expect(unsafe_code, reason = "a real module is loaded and asked through C's pointers")]

use std::path::Path;
use std::ptr;

use cryptoki_sys::{CK_FALSE, CK_FUNCTION_LIST, CK_INFO, CK_RV, CK_SLOT_ID, CKR_FUNCTION_NOT_SUPPORTED, CKR_OK};

/// Loads a module for the rest of the process's life and takes its function list.
pub(crate) fn load(file: &Path) -> Result<CK_FUNCTION_LIST, String> {
    // SAFETY: what the library does when it is loaded is the same as if the server had loaded it itself.
    let library = unsafe { cryptoki_sys::Pkcs11::new(file) }.map_err(|error| error.to_string())?;
    let ask = *library.C_GetFunctionList.as_ref().map_err(ToString::to_string)?;
    // Its functions may be called as long as the process lives.
    std::mem::forget(library);
    let mut list = ptr::null_mut();
    // SAFETY: the symbol has this type in every PKCS#11 module, and it gets a pointer to write to.
    let answer = unsafe { ask(&raw mut list) };
    if answer != CKR_OK || list.is_null() {
        return Err(format!("C_GetFunctionList answers {answer:#x}"));
    }
    // SAFETY: the module answered that it has written a pointer to its list, which the standard keeps valid.
    Ok(unsafe { *list })
}

/// What the module says when it is asked for nothing but itself: whether it is initialized.
pub(crate) fn state(real: &CK_FUNCTION_LIST) -> CK_RV {
    let Some(ask) = real.C_GetInfo else { return CKR_FUNCTION_NOT_SUPPORTED };
    let mut info = CK_INFO::default();
    // SAFETY: it gets a pointer to write to.
    unsafe { ask(&raw mut info) }
}

/// Ends all sessions, and so every log-in. A module that is not initialized has none.
pub(crate) fn close_sessions(real: &CK_FUNCTION_LIST) {
    let Some(close) = real.C_CloseAllSessions else { return };
    for slot in slots(real) {
        // SAFETY: it takes any number and answers an error to a wrong one.
        unsafe { close(slot) };
    }
}

fn slots(real: &CK_FUNCTION_LIST) -> Vec<CK_SLOT_ID> {
    let Some(ask) = real.C_GetSlotList else { return Vec::new() };
    let mut slots = Vec::new();
    let mut count = 0;
    // SAFETY: a list that is null asks for the number of slots only.
    if unsafe { ask(CK_FALSE, ptr::null_mut(), &raw mut count) } != CKR_OK {
        return slots;
    }
    slots.resize(usize::try_from(count).unwrap_or_default(), 0);
    // SAFETY: the list has room for `count` slots; the call writes no more and says how many.
    if unsafe { ask(CK_FALSE, slots.as_mut_ptr(), &raw mut count) } != CKR_OK {
        return Vec::new();
    }
    slots.truncate(usize::try_from(count).unwrap_or_default());
    slots
}
