//! Paths that were validated, so that a certificate that comes again costs one look-up. What its status is, the store is
//! asked each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use certs::Millis;
use certs::path::{Purpose, ValidPath};

/// The hash of an end certificate, and what it is used for. A path that was found does not depend on which further
/// certificates a sender adds, so they are no part of the key, and a sender cannot fill the memory with them.
type Key = ([u8; 32], Purpose);

/// The validated paths of one trust table.
#[derive(Debug, Default)]
pub(super) struct Paths(Mutex<HashMap<Key, Known>>);

#[derive(Debug)]
struct Known {
    path: Arc<ValidPath>,
    from: Millis,
    until: Millis,
}

impl Paths {
    /// A path validated before whose verdict still stands. A clock that stepped back finds none: a certificate might not have
    /// begun.
    pub(super) fn find(&self, key: &Key, at: Millis) -> Option<Arc<ValidPath>> {
        let paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = paths.get(key).filter(|known| known.from <= at && at < known.until)?;
        Some(Arc::clone(&known.path))
    }

    /// Keeps a path from now until its verdict may change.
    pub(super) fn keep(&self, key: Key, path: Arc<ValidPath>, from: Millis, until: Millis) {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paths.len() >= MOST {
            paths.retain(|_, known| from < known.until);
        }
        if paths.len() >= MOST {
            // Which of them comes next nobody knows; to begin anew costs each one validation.
            paths.clear();
        }
        paths.insert(key, Known { path, from, until });
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Some 4 KiB each.
const MOST: usize = 4096;
