/// A moment: UTC milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Millis(pub i64);

impl Millis {
    /// The moment so many whole seconds after 1970.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment so many milliseconds later.
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// RFC 3339, to the millisecond; a moment outside the years 1970 to 9999 is written as its number.
impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since_1970 = u64::try_from(self.seconds()).ok().map(std::time::Duration::from_secs);
        let date = since_1970.and_then(|since| der::DateTime::from_unix_duration(since).ok());
        match date {
            Some(date) => {
                let written = date.to_string();
                write!(f, "{}.{:03}Z", written.trim_end_matches('Z'), self.0.rem_euclid(1000))
            }
            None => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_rfc_3339_has_it() {
        assert_eq!(Millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Millis(1_795_395_432_007).to_string(), "2026-11-23T00:57:12.007Z");
        assert_eq!(Millis::from_seconds(253_402_300_799).to_string(), "9999-12-31T23:59:59.000Z");
        assert_eq!(Millis(-1).to_string(), "-1 ms");
    }
}
