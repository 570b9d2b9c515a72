use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::slot::{Slot, TokenInfo};

use super::Fault;
use super::config::TokenChoice;

/// The lease of a PKCS#11 module. A module has one state for the whole process (log-in, slots, handles), so one part
/// of the process has it at a time; it stays loaded until the process ends.
#[derive(Debug)]
pub(super) struct Module {
    context: Pkcs11,
    path: PathBuf,
}

impl Module {
    /// Loads the module, if that was not done before, and takes the lease.
    pub(super) fn lease(path: &Path) -> Result<Self, Fault> {
        let path = path.canonicalize().unwrap_or_else(|_| path.into());
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = loaded.iter_mut().find(|found| found.path == path) {
            if found.leased {
                return Err(Fault::ModuleBusy(path.display().to_string()));
            }
            found.leased = true;
            return Ok(Self { context: found.context.clone(), path });
        }
        let context = Pkcs11::new(&path)
            .map_err(|error| Fault::Module { module: path.display().to_string(), detail: error.to_string() })?;
        loaded.push(Loaded { path: path.clone(), context: context.clone(), leased: true });
        Ok(Self { context, path })
    }

    pub(super) fn context(&self) -> &Pkcs11 {
        &self.context
    }

    /// `C_Initialize`. Nothing may fork after it: real modules break in a child that goes on without exec.
    pub(super) fn initialize(&self) -> Result<(), Error> {
        match self.context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
            other => other,
        }
    }

    /// `C_Finalize`. All sessions must have been closed: a late close would hit a new session with the old number.
    pub(super) fn finalize(&self) {
        if let Err(error) = self.context.clone().finalize() {
            tracing::debug!(%error, "C_Finalize");
        }
    }

    /// The slot that holds the token now.
    pub(super) fn slot(&self, choice: &TokenChoice) -> Result<Slot, Fault> {
        let away = |error: Error| Fault::Unavailable(error.to_string());
        let mut fitting = Vec::new();
        let mut others = Vec::new();
        for slot in self.context.get_slots_with_token().map_err(away)? {
            // A slot whose token has just gone has no information; that is no reason to overlook the others.
            let Ok(token) = self.context.get_token_info(slot) else {
                continue;
            };
            if !token.token_initialized() {
                continue;
            }
            if fits(&token, choice) {
                fitting.push(slot);
            } else {
                others.push(token.label().to_owned());
            }
        }
        match fitting.as_slice() {
            [slot] => Ok(*slot),
            [] => Err(Fault::Unavailable(format!("no token with {choice} (there: {})", listed(&others)))),
            _ => Err(Fault::Config(format!("several tokens with {choice}: give token_serial"))),
        }
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = loaded.iter_mut().find(|found| found.path == self.path) {
            found.leased = false;
        }
    }
}

#[derive(Debug)]
struct Loaded {
    path: PathBuf,
    context: Pkcs11,
    leased: bool,
}

fn fits(token: &TokenInfo, choice: &TokenChoice) -> bool {
    let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    same(&choice.label, token.label())
        && same(&choice.serial, token.serial_number())
        && same(&choice.manufacturer, token.manufacturer_id())
        && same(&choice.model, token.model())
}

fn listed(labels: &[String]) -> String {
    if labels.is_empty() { "none".into() } else { labels.join(", ") }
}

static LOADED: Mutex<Vec<Loaded>> = Mutex::new(Vec::new());
