//! How often a credential, or an address with wrong credentials, may ask. Counted on credentials, never on POSTs
//! without any: an EST client's first POST has none (est.md 1.6).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use crate::case::Millis;

/// A token bucket for each key, in memory: a restart forgives.
#[derive(Debug)]
pub(super) struct Limit<K> {
    per_minute: u32,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In thousandths of a request.
    level: i64,
    at: Millis,
}

impl<K: Eq + Hash> Limit<K> {
    /// So many requests a minute, and as many at once.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, buckets: Mutex::default() }
    }

    /// Takes one request from the bucket of a key.
    ///
    /// # Errors
    /// The seconds until there is one.
    pub(super) fn take(&self, key: K, now: Millis) -> Result<(), u32> {
        self.draw(key, now, ONE)
    }

    /// Takes so many at once. The last ones may be owed: what is begun is not split.
    ///
    /// # Errors
    /// The seconds until there is one.
    pub(super) fn take_some(&self, key: K, now: Millis, amount: u32) -> Result<(), u32> {
        self.draw(key, now, i64::from(amount) * ONE)
    }

    /// Whether there is one, without taking it.
    ///
    /// # Errors
    /// The seconds until there is one.
    pub(super) fn look(&self, key: K, now: Millis) -> Result<(), u32> {
        self.draw(key, now, 0)
    }

    fn draw(&self, key: K, now: Millis, amount: i64) -> Result<(), u32> {
        let full = i64::from(self.per_minute) * ONE;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_KEYS {
            // Full buckets remember nothing.
            buckets.retain(|_, bucket| refilled(*bucket, self.per_minute, now) < full);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { level: full, at: now });
        let level = refilled(*bucket, self.per_minute, now);
        *bucket = Bucket { level, at: now };
        if level < ONE {
            let missing = ONE - level;
            let seconds = (missing * 60).div_euclid(full.max(1)) + 1;
            return Err(u32::try_from(seconds).unwrap_or(u32::MAX));
        }
        bucket.level -= amount;
        Ok(())
    }
}

fn refilled(bucket: Bucket, per_minute: u32, now: Millis) -> i64 {
    let elapsed = now.0.saturating_sub(bucket.at.0).max(0);
    let gained = elapsed.saturating_mul(i64::from(per_minute)) / 60;
    bucket.level.saturating_add(gained).min(i64::from(per_minute) * ONE)
}

const ONE: i64 = 1000;

/// Some megabytes; a flood of made-up keys costs no more.
const MOST_KEYS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let limit = Limit::new(2);
        let now = Millis(1_000_000);
        assert!(limit.take("a", now).is_ok());
        assert!(limit.take("a", now).is_ok());
        assert!(limit.take("a", now).is_err());
        assert!(limit.take("b", now).is_ok(), "another key has a bucket of its own");
        assert!(limit.take("a", now.plus(31_000)).is_ok());
    }

    #[test]
    fn what_was_owed_is_waited_for() {
        let limit = Limit::new(60);
        let now = Millis(1_000_000);
        limit.take_some("a", now, 59).unwrap();
        limit.take_some("a", now, 31).unwrap();
        let seconds = limit.take_some("a", now, 1).unwrap_err();
        assert!((31..=32).contains(&seconds), "{seconds}");
        assert!(limit.take_some("a", now.plus(i64::from(seconds) * 1000), 1).is_ok());
    }

    #[test]
    fn the_wait_that_is_told_is_long_enough() {
        let limit = Limit::new(6);
        let now = Millis(5_000);
        for _ in 0..6 {
            limit.take("a", now).unwrap();
        }
        let seconds = limit.take("a", now).unwrap_err();
        assert!(limit.take("a", now.plus(i64::from(seconds) * 1000)).is_ok());
    }

    #[test]
    fn a_clock_that_steps_back_fills_no_bucket() {
        let limit = Limit::new(1);
        limit.take("a", Millis(1_000_000)).unwrap();
        assert!(limit.take("a", Millis(0)).is_err());
    }
}
