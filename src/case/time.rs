//! Clock and randomness, handed down so that everything below is repeatable.

use super::Millis;

/// Tells the time: UTC in milliseconds since 1970.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> Millis;
}

/// A source of random octets fit for keys, nonces and identifiers.
pub trait Random: Send + Sync + std::fmt::Debug {
    /// Fills the whole slice.
    fn fill(&self, octets: &mut [u8]);
}
