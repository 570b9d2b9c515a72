use std::sync::Arc;

use certs::Millis;

/// What time it is.
pub type Clock = dyn Fn() -> Millis + Send + Sync;

/// The machine's clock.
#[must_use]
pub fn system_clock() -> Arc<Clock> {
    Arc::new(|| {
        #[expect(clippy::disallowed_methods, reason = "this is where the clock comes from; all else is handed it")]
        let nanos = time::OffsetDateTime::now_utc().unix_timestamp_nanos();
        Millis(i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX))
    })
}
