use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::{Config, Fault};

/// A user PIN. It is wiped when it goes, and never shown.
pub(super) struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Reads the PIN from where the configuration says.
    pub(super) fn load(config: &Config) -> Result<Self, Fault> {
        match (&config.pin_file, &config.pin_credential) {
            (Some(file), None) => Self::read(file, Owner::Only),
            (None, Some(name)) => Self::read(&credential(name)?, Owner::System),
            _ => Err(Fault::Config("exactly one of pin_file and pin_credential is needed".into())),
        }
    }

    fn read(path: &Path, owner: Owner) -> Result<Self, Fault> {
        let fault = |detail: &dyn fmt::Display| Fault::PinUnreadable(format!("{}: {detail}", path.display()));
        let file = File::open(path).map_err(|error| fault(&error))?;
        let about = file.metadata().map_err(|error| fault(&error))?;
        if !about.is_file() {
            return Err(fault(&"not a file"));
        }
        // Others' eyes on the file are others' eyes on the key. systemd guards its credentials by the directory.
        if owner == Owner::Only && about.permissions().mode() & 0o077 != 0 {
            return Err(fault(&"others than its owner may read it; run chmod 600 on it and change the PIN"));
        }
        // Room for all that is read, so that nothing is copied by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(PIN_LIMIT + 2));
        let limit = u64::try_from(PIN_LIMIT + 1).unwrap_or(u64::MAX);
        file.take(limit).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
        while bytes.last().is_some_and(|octet| matches!(octet, b'\n' | b'\r')) {
            bytes.pop();
        }
        if bytes.is_empty() || bytes.len() > PIN_LIMIT {
            return Err(fault(&format_args!("a PIN has 1 to {PIN_LIMIT} octets")));
        }
        if std::str::from_utf8(&bytes).is_err() {
            return Err(fault(&"a PIN is UTF-8"));
        }
        Ok(Self(bytes))
    }

    /// The PIN in the form that cryptoki takes; it wipes its copy, too.
    fn auth(&self) -> Result<AuthPin, Fault> {
        let text = std::str::from_utf8(&self.0).map_err(|_| Fault::PinUnreadable("a PIN is UTF-8".into()))?;
        Ok(AuthPin::from(text))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// Who keeps others from the file.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Owner {
    Only,
    System,
}

fn credential(name: &str) -> Result<PathBuf, Fault> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(Fault::Config("pin_credential: the name of a systemd credential, without a path".into()));
    }
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
    let folder = folder.ok_or_else(|| {
        Fault::PinUnreadable("CREDENTIALS_DIRECTORY is not set; systemd sets it for LoadCredential=".into())
    })?;
    Ok(Path::new(&folder).join(name))
}

/// The mark that a PIN is being tried. It outlives the process: a wrong PIN is tried once, across restarts, too.
#[derive(Clone, Debug)]
pub(super) struct Marker {
    folder: PathBuf,
    path: PathBuf,
}

impl Marker {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.into(), path: folder.join(MARKER) }
    }

    /// Whether nothing may log in. What cannot be read counts as standing.
    pub(super) fn stands(&self) -> bool {
        !matches!(self.path.symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
    }

    /// Sets the mark, durably. Only one of several processes gets it; the others wait a moment for that one to
    /// succeed, then give up.
    fn set(&self) -> Result<(), Fault> {
        let until = Instant::now() + PATIENCE;
        loop {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
            match file {
                Ok(mut file) => {
                    let written = file.write_all(NOTE.as_bytes()).and_then(|()| file.sync_all());
                    return written.and_then(|()| self.sync_folder()).map_err(|error| self.fault(&error));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if Instant::now() >= until {
                        return Err(Fault::PinNotTried(self.path.display().to_string()));
                    }
                    thread::park_timeout(STEP);
                }
                Err(error) => return Err(self.fault(&error)),
            }
        }
    }

    /// Removes the mark; says whether it stood.
    fn clear(&self) -> Result<bool, Fault> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => self.sync_folder().map(|()| true).map_err(|error| self.fault(&error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.fault(&error)),
        }
    }

    fn sync_folder(&self) -> std::io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn fault(&self, error: &std::io::Error) -> Fault {
        Fault::Mark { path: self.path.display().to_string(), detail: error.to_string() }
    }
}

/// Lets the next log-in happen after one that did not succeed (`daftar key retry-pin`). Says whether a mark stood.
///
/// # Errors
/// [`Fault::Mark`] when the mark cannot be removed.
pub fn clear_pin_marker(folder: &Path) -> Result<bool, Fault> {
    Marker::new(folder).clear()
}

/// Whether this PIN was accepted before by this token in this process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    Good,
    Unproven,
}

/// Refuses a log-in that could lock the token, or that it does not take (PKCS#11 3.0 section 3.2, `CK_TOKEN_INFO`).
pub(super) fn may_log_in(token: &TokenInfo) -> Result<(), Fault> {
    if token.user_pin_locked() {
        return Err(Fault::PinLocked("CKF_USER_PIN_LOCKED: only its security officer can set another PIN"));
    }
    if token.user_pin_final_try() {
        return Err(Fault::PinLocked(
            "CKF_USER_PIN_FINAL_TRY: one more wrong PIN locks it; log in by hand with the right one first",
        ));
    }
    if token.user_pin_count_low() {
        tracing::warn!("the token says that wrong PINs were tried before (CKF_USER_PIN_COUNT_LOW)");
    }
    Ok(())
}

/// Logs in, once. The log-in holds for the process and the token, not for the session alone.
pub(super) fn login(session: &Session, pin: &Pin, known: Known, marker: &Marker) -> Result<(), Fault> {
    let pin = pin.auth()?;
    marker.set()?;
    let answer = session.login(UserType::User, Some(&pin));
    match answer {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => marker.clear().map(drop),
        Err(error) => {
            if was_not_counted(&error, known) {
                marker.clear()?;
                return Err(Fault::Unavailable(error.to_string()));
            }
            Err(Fault::PinRefused(error.to_string()))
        }
    }
}

/// Whether the token surely did not count a wrong PIN. A device fault in the middle of a log-in leaves that open, and
/// then the mark stays, unless the same PIN has been accepted before.
fn was_not_counted(error: &Error, known: Known) -> bool {
    let Error::Pkcs11(code, _) = error else {
        return false;
    };
    match code {
        RvError::TokenNotPresent
        | RvError::TokenNotRecognized
        | RvError::SlotIdInvalid
        | RvError::CryptokiNotInitialized
        | RvError::SessionHandleInvalid
        | RvError::SessionClosed => true,
        RvError::DeviceError
        | RvError::DeviceMemory
        | RvError::DeviceRemoved
        | RvError::GeneralError
        | RvError::FunctionFailed
        | RvError::HostMemory => known == Known::Good,
        _ => false,
    }
}

const MARKER: &str = "pin-tried";
const NOTE: &str = "The PIN of the token is being tried, or was tried without success. While this file stands, nothing \
                    logs in. Correct the PIN, then run: daftar key retry-pin\n";
const PIN_LIMIT: usize = 255;
/// A log-in of another process takes less.
const PATIENCE: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    fn pin_file(mode: u32, text: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_pin_file_is_for_its_owner_only() {
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let (_folder, path) = pin_file(mode, b"1234\n");
            let fault = Pin::read(&path, Owner::Only).unwrap_err().to_string();
            assert!(fault.contains("chmod 600") && !fault.contains("1234"), "{fault}");
        }
        for mode in [0o600, 0o400] {
            let (_folder, path) = pin_file(mode, b"1234\n");
            assert_eq!(*Pin::read(&path, Owner::Only).unwrap().0, b"1234".to_vec());
        }
    }

    #[test]
    fn a_credential_of_systemd_is_guarded_by_its_folder() {
        let (_folder, path) = pin_file(0o440, b"1234");
        assert!(Pin::read(&path, Owner::System).is_ok());
        for name in ["", "../pin", "a/b", "."] {
            assert!(credential(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_empty_or_endless_pin_is_refused() {
        for text in [b"".as_slice(), b"\r\n", &[b'1'; 300], b"\xff\xff"] {
            let (_folder, path) = pin_file(0o600, text);
            assert!(Pin::read(&path, Owner::Only).is_err());
        }
        assert!(Pin::read(Path::new("/"), Owner::System).is_err());
    }

    #[test]
    fn a_pin_is_never_shown() {
        let (_folder, path) = pin_file(0o600, b"geheim");
        let pin = Pin::read(&path, Owner::Only).unwrap();
        assert_eq!(format!("{pin:?}"), "Pin(..)");
    }

    #[test]
    fn a_standing_mark_keeps_everyone_from_trying() {
        let folder = tempfile::tempdir().unwrap();
        let marker = Marker::new(folder.path());
        assert!(!marker.stands());
        marker.set().unwrap();
        assert!(marker.stands());
        assert!(matches!(marker.set(), Err(Fault::PinNotTried(_))));
        assert!(clear_pin_marker(folder.path()).unwrap());
        assert!(!clear_pin_marker(folder.path()).unwrap());
        marker.set().unwrap();
    }

    #[test]
    fn without_a_mark_no_pin_is_tried() {
        let marker = Marker::new(Path::new("/nonexistent/folder"));
        assert!(matches!(marker.set(), Err(Fault::Mark { .. })));
    }

    #[test]
    fn a_fault_in_the_middle_of_a_log_in_counts_as_a_try() {
        let error = |code| Error::Pkcs11(code, Function::Login);
        assert!(!was_not_counted(&error(RvError::PinIncorrect), Known::Good));
        assert!(!was_not_counted(&error(RvError::PinLocked), Known::Good));
        assert!(!was_not_counted(&error(RvError::DeviceError), Known::Unproven));
        assert!(was_not_counted(&error(RvError::DeviceError), Known::Good));
        assert!(was_not_counted(&error(RvError::TokenNotPresent), Known::Unproven));
    }
}
