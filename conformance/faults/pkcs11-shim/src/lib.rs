//! A PKCS#11 module for tests. It loads a real module and passes every call on to it, except where a script says
//! otherwise: it answers with an error, waits, hangs, loses the answer, or has the token taken out of its slot. A server
//! loads it in place of the real module and needs to know nothing of it.
//!
//! # Environment
//!
//! | variable | what |
//! | --- | --- |
//! | `PKCS11_SHIM_MODULE` | the file of the real module |
//! | `PKCS11_SHIM_SCRIPT` | the file of the script; without the variable or the file there are no faults |
//! | `PKCS11_SHIM_COUNTS` | where to write how often each function was called; `{pid}` in it is the process id |
//!
//! They are read once, when the module is loaded. The script is looked at on every call, so faults come and go while
//! the server runs. Replace it by rename, as [`Lever::pull`] does: what is half written is half a script.
//!
//! # Script
//!
//! One rule a line; `#` begins a comment.
//!
//! ```text
//! FUNCTION ACTION [ACTION ...] [after N] [times N]
//! ```
//!
//! FUNCTION is a name of the standard (`C_Sign`), or `*` for every function but `C_GetFunctionList`. The first rule that
//! fires is the only one. A rule counts the calls that come to it: it lets the first `after N` go by, then fires
//! `times N` (without `times` for ever), then lets all go by. What a rule lets go by comes to the next one. Counting
//! begins anew when the script changes.
//!
//! | action | what |
//! | --- | --- |
//! | `return CODE` | answers at once: a name (`CKR_DEVICE_REMOVED`) or a number (`48`, `0x30`) |
//! | `then-return CODE` | the real call is made, and its answer is lost: an ambiguous failure |
//! | `sleep MS` | waits, then does what the rule says besides, or passes the call on |
//! | `hang` | waits until the script changes, then goes on as `sleep` does |
//! | `flags CKF_A\|CKF_B` | for `C_GetTokenInfo` only: sets these bits in what the token says of itself |
//! | `absent` | the token is taken out of its slot |
//!
//! A rule has at most one of the last two and the two returns.
//!
//! The real module knows nothing of a `return`: after one in `C_Sign`, the session's operation is still active there, so the
//! next `C_SignInit` answers `CKR_OPERATION_ACTIVE`. `C_SignInit return` leaves the session usable. A server that asks for
//! the length of a signature first, as the crate cryptoki does, calls `C_Sign` twice for each.
//!
//! From the call that takes the token out, it is out for every function, until the script changes or `times N` calls have
//! found it so: `* absent`, or `C_Sign absent after 3` for the moment of the fourth signature. No slot has a token then,
//! what names a slot gives `CKR_TOKEN_NOT_PRESENT`, and what names a session `CKR_DEVICE_REMOVED` (`C_CloseSession`:
//! `CKR_SESSION_HANDLE_INVALID`). The real sessions are closed once the calls in them have returned, so when the token is
//! back, sessions of before are invalid, and the log-in is gone. A removal that no call sees has not been.
//!
//! ```text
//! # The token is slow, and the third signature is made but never told (two calls of C_Sign each).
//! C_Sign then-return CKR_DEVICE_ERROR after 5 times 1
//! C_SignInit sleep 70
//! C_GetTokenInfo flags CKF_USER_PIN_COUNT_LOW|CKF_USER_PIN_FINAL_TRY
//! ```
//!
//! A script that cannot be read is no empty script: every call but `C_GetFunctionList` answers `CKR_GENERAL_ERROR`, and a
//! line on stderr says which line is wrong.
//!
//! # Counts
//!
//! One line a function that was called, `C_Login 3`; the file is replaced by rename. A call counts when it comes, whatever
//! becomes of it. The file is never more than about 100 ms behind; calls that try or set a PIN, and `C_Initialize` and
//! `C_Finalize`, are in it before they go on. A process counts its own calls only, from zero.

mod codes;
mod counts;
mod functions;
mod lever;
mod presence;
mod real;
mod script;
mod shim;
mod watched;

pub use lever::Lever;
