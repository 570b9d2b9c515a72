//! Points where a test ends the process, as if the power went: one before and after each thing that must be on disk before another.

/// Ends the process here at the count that `DAFTAR_FAILPOINT=POINT:COUNT` says. Only builds with debug assertions look; the others have
/// no such points.
#[inline]
pub fn failpoint(point: &'static str) {
    #[cfg(debug_assertions)]
    armed::reached(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ARMED: LazyLock<Option<(String, u64)>> = LazyLock::new(|| {
        let text = std::env::var("DAFTAR_FAILPOINT").ok()?;
        let (point, count) = text.split_once(':')?;
        Some((point.to_owned(), count.parse().ok()?))
    });
    static REACHED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn reached(point: &str) {
        if let Some((armed, count)) = &*ARMED
            && armed == point
            && REACHED.fetch_add(1, Ordering::Relaxed) + 1 == *count
        {
            std::process::abort();
        }
    }
}
