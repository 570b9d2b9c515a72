use certs::SignerFault;
use cryptoki::error::{Error, RvError};

/// What keeps a key on the token from being used, sorted by who can mend it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The section `[hsm]` cannot be right.
    #[error("[hsm] {0}")]
    Config(String),
    /// The PKCS#11 module is not there or is no PKCS#11 module.
    #[error("the PKCS#11 module {module} cannot be loaded: {detail}")]
    Module {
        /// Its file.
        module: String,
        /// What the loader said.
        detail: String,
    },
    /// Another part of this process has the module.
    #[error("the PKCS#11 module {0} is in use by another part of this process")]
    ModuleBusy(String),
    /// The PIN cannot be had.
    #[error("the PIN cannot be read: {0}")]
    PinUnreadable(String),
    /// The token did not take the PIN. It is not tried a second time.
    #[error(
        "the token did not accept the PIN ({0}); it is not tried again, since a few wrong PINs lock a token: \
         correct the PIN, then run `daftar key retry-pin`"
    )]
    PinRefused(String),
    /// An earlier log-in did not succeed, so none is tried.
    #[error(
        "an earlier log-in to the token did not succeed, so the PIN was not tried (mark {0}): \
         correct the PIN, then run `daftar key retry-pin`"
    )]
    PinNotTried(String),
    /// The token takes no PIN, or only one more.
    #[error("the PIN was not tried: the token says {0}")]
    PinLocked(&'static str),
    /// The mark that a PIN is being tried cannot be written or removed.
    #[error("the mark {path}, without which no PIN is tried, cannot be changed: {detail}")]
    Mark {
        /// The marker file.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// No such key is visible on the token.
    #[error("no {what} with {key} on the token; `daftar key list` shows what is there")]
    KeyMissing {
        /// Private or secret key.
        what: &'static str,
        /// How it was asked for.
        key: String,
    },
    /// Several keys answer to the reference.
    #[error("{count} objects on the token are a {what} with {key}: give both label and id")]
    KeyAmbiguous {
        /// Private or secret key.
        what: &'static str,
        /// How it was asked for.
        key: String,
        /// How many.
        count: usize,
    },
    /// The key has an attribute that it must not have.
    #[error("the key with {key} is refused: {attribute}; {remedy}")]
    KeyUnsafe {
        /// How it was asked for.
        key: String,
        /// The attribute and what is wrong with it.
        attribute: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The key is of a kind that Daftar does not sign or wrap with.
    #[error("the key with {key} cannot be used: {detail}")]
    KeyUnsupported {
        /// How it was asked for.
        key: String,
        /// Why.
        detail: String,
    },
    /// The key on the token is not the one that is certified, or not the one of before.
    #[error("the signing key on the token is another one than {0}")]
    KeyChanged(&'static str),
    /// A key of this name is there already.
    #[error("the token has an object with {0} already; keys are never replaced: choose another label and id")]
    KeyExists(String),
    /// The token signs or wraps wrongly.
    #[error("the token failed its test: {0}")]
    SelfTest(String),
    /// The token is out of reach; it may come back.
    #[error("the token is not available: {0}")]
    Unavailable(String),
    /// The token was reached and would not do it.
    #[error("the token refused: {0}")]
    Refused(String),
    /// What was to be unwrapped was not wrapped by this key, or was altered.
    #[error("the wrapped data key cannot be read: {0}")]
    Blob(String),
}

impl Fault {
    /// Whether waiting may mend it.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether nothing logs in until an officer says so.
    pub(super) fn is_pin(&self) -> bool {
        matches!(self, Self::PinRefused(_) | Self::PinNotTried(_) | Self::PinLocked(_))
    }
}

impl From<Fault> for SignerFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(text) => Self::Refused(text),
            Fault::Unavailable(text) => Self::Unavailable(text),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// Something went wrong between us and the token: a return code, which may heal, or a finding, which does not.
#[derive(Debug)]
pub(super) enum Trouble {
    Token(Error),
    Found(Fault),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Token(error)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Found(fault)
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Found(fault) => fault,
            Trouble::Token(error) => match Class::of(&error) {
                Class::Session | Class::Token => Self::Unavailable(error.to_string()),
                Class::Request => Self::Refused(error.to_string()),
            },
        }
    }
}

/// How far a return code reaches. From the measured fault table: what `SoftHSM` and kryoptic return for a lost
/// session, a lost log-in and a lost token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// The session or its handles are stale: open another, look the keys up again, try once more.
    Session,
    /// The token or the module is gone: only `C_Finalize` and `C_Initialize` bring it back.
    Token,
    /// Only this call was wrong.
    Request,
}

impl Class {
    pub(super) fn of(error: &Error) -> Self {
        let Error::Pkcs11(code, _) = error else {
            return Self::Request;
        };
        match code {
            RvError::SessionHandleInvalid
            | RvError::SessionClosed
            | RvError::ObjectHandleInvalid
            | RvError::KeyHandleInvalid
            | RvError::UserNotLoggedIn
            | RvError::OperationActive
            | RvError::OperationNotInitialized => Self::Session,
            RvError::DeviceError
            | RvError::DeviceMemory
            | RvError::DeviceRemoved
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::SlotIdInvalid
            | RvError::GeneralError
            | RvError::FunctionFailed
            | RvError::HostMemory
            | RvError::SessionCount
            | RvError::CryptokiNotInitialized
            | RvError::VendorDefined(_)
            | RvError::UnknownErrorCode(_) => Self::Token,
            _ => Self::Request,
        }
    }
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    fn class(code: RvError) -> Class {
        Class::of(&Error::Pkcs11(code, Function::Sign))
    }

    #[test]
    fn return_codes_reach_as_far_as_was_measured() {
        assert_eq!(class(RvError::ObjectHandleInvalid), Class::Session);
        assert_eq!(class(RvError::UserNotLoggedIn), Class::Session);
        assert_eq!(class(RvError::DeviceRemoved), Class::Token);
        assert_eq!(class(RvError::GeneralError), Class::Token);
        assert_eq!(class(RvError::CryptokiNotInitialized), Class::Token);
        assert_eq!(class(RvError::KeyFunctionNotPermitted), Class::Request);
        assert_eq!(class(RvError::MechanismInvalid), Class::Request);
    }

    #[test]
    fn a_pin_fault_never_passes_by_waiting() {
        assert!(!Fault::PinRefused("CKR_PIN_INCORRECT".into()).may_pass());
        assert!(!Fault::PinNotTried("pin-tried".into()).may_pass());
        assert!(Fault::Unavailable("away".into()).may_pass());
    }

    #[test]
    fn only_a_refusal_of_the_token_is_refused_to_the_asker() {
        assert!(matches!(SignerFault::from(Fault::Refused("no".into())), SignerFault::Refused(_)));
        assert!(matches!(SignerFault::from(Fault::KeyChanged("before")), SignerFault::Unavailable(_)));
    }
}
