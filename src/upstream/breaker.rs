//! Whoever gives no answer several times in a row is left alone for a while, and then tried by one message at a time.

use crate::case::Millis;

/// What is known of how one place answers.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    /// Faults in a row after which it is left alone.
    limit: u32,
    /// Messages in a row that got no answer.
    faults: u32,
    /// Until when nothing is sent.
    closed_until: Option<Millis>,
}

impl Breaker {
    /// A place that is left alone after so many faults in a row.
    #[must_use]
    pub const fn after(limit: u32) -> Self {
        Self { limit, faults: 0, closed_until: None }
    }

    /// Whether it may be called now, else when it may. With each yes after a pause the pause begins anew, so that one message goes
    /// ahead of the others.
    pub fn may_call(&mut self, now: Millis) -> Result<(), Millis> {
        match self.closed_until {
            Some(until) if is_ahead(until, now) => Err(until),
            Some(_) => {
                self.closed_until = Some(now.plus(self.pause()));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether it was not left alone since it last answered.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.closed_until.is_none()
    }

    /// Until when it is left alone, if it is.
    #[must_use]
    pub fn closed_until(&self, now: Millis) -> Option<Millis> {
        self.closed_until.filter(|until| is_ahead(*until, now))
    }

    /// It answered, whatever it said. Tells whether it had been left alone.
    pub const fn answered(&mut self) -> bool {
        self.faults = 0;
        self.closed_until.take().is_some()
    }

    /// It gave no answer. Tells whether it is left alone from now on.
    pub fn unanswered(&mut self, now: Millis) -> bool {
        self.faults = self.faults.saturating_add(1);
        self.faults >= self.limit && self.closed_until.replace(now.plus(self.pause())).is_none()
    }

    /// A second, and twice as long with each further fault, up to half a minute.
    fn pause(&self) -> i64 {
        (1000_i64 << self.faults.saturating_sub(self.limit).min(5)).min(LONGEST_PAUSE)
    }
}

/// Whether this time is still to come; one that lies farther ahead than any pause was set when the clock was wrong.
fn is_ahead(until: Millis, now: Millis) -> bool {
    now < until && until <= now.plus(LONGEST_PAUSE)
}

const LONGEST_PAUSE: i64 = 30_000;
