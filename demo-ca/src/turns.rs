use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Lets one at a time work on a thing, so that a request and its repeat never run side by side.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<Vec<u8>, Arc<tokio::sync::Mutex<()>>>>);

/// A turn; the next may begin when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    key: Vec<u8>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Whether somebody works on this thing, or waits to.
    pub(crate) fn is_taken(&self, key: &[u8]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// Waits for a turn with this thing.
    pub(crate) async fn take(&self, key: &[u8]) -> Turn<'_> {
        let waiting = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(key.to_vec()).or_default())
        };
        Turn { turns: self, key: key.to_vec(), guard: Some(waiting.lock_owned().await) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut all = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard = None;
        // Only the map holds it: nobody waits, and while we hold the map nobody can begin to.
        if all.get(&self.key).is_some_and(|entry| Arc::strong_count(entry) == 1) {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_nothing_is_left_behind() {
        let turns = Turns::default();
        let first = turns.take(b"a").await;
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), turns.take(b"a")).await.is_err());
        drop(turns.take(b"b").await);
        drop(first);
        drop(turns.take(b"a").await);
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
