//! Moments as officers read them: in Persian by the Persian calendar with the Gregorian date beside it, in English the other way round.
//! Records have UTC.

use icu_calendar::Date;
use icu_calendar::cal::Persian;
use time::{OffsetDateTime, UtcOffset};

use super::language::Language;

/// A moment in words, and the same in the other calendar for who wants to compare.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Moment {
    /// As the reader's calendar has it, with the time of day.
    pub(super) text: String,
    /// As the other calendar has it.
    pub(super) other: String,
    /// RFC 3339, UTC.
    pub(super) exact: String,
}

impl Moment {
    /// This many UTC milliseconds since 1970, at an office whose time is so many seconds ahead of UTC.
    pub(super) fn new(millis: i64, offset_seconds: i32, language: Language) -> Self {
        let Some((utc, here)) = at(millis, offset_seconds) else { return Self::default() };
        let clock = format!("{:02}:{:02}", here.hour(), here.minute());
        let gregorian = format!("{:04}-{:02}-{:02}", here.year(), u8::from(here.month()), here.day());
        let persian = persian(here).unwrap_or_else(|| gregorian.clone());
        let (date, other) = match language {
            Language::English => (gregorian, persian),
            Language::Persian => (persian, gregorian),
        };
        let exact = utc.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
        Self { text: format!("{date} {clock}"), other, exact }
    }
}

fn at(millis: i64, offset_seconds: i32) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let utc = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000)).ok()?;
    let offset = UtcOffset::from_whole_seconds(offset_seconds).ok()?;
    Some((utc, utc.checked_to_offset(offset)?))
}

fn persian(here: OffsetDateTime) -> Option<String> {
    let date = Date::try_new_iso(here.year(), u8::from(here.month()), here.day()).ok()?.to_calendar(Persian);
    Some(format!("{:04}/{:02}/{:02}", date.year().extended_year(), date.month().ordinal, date.day_of_month().0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEHRAN: i32 = 12_600;

    #[test]
    fn a_moment_stands_in_both_calendars_by_the_time_of_the_office() {
        // 2026-03-20T20:45:00Z: in Tehran it is already the first day of 1405.
        let millis = 1_774_039_500_000;
        let persian = Moment::new(millis, TEHRAN, Language::Persian);
        assert_eq!((persian.text.as_str(), persian.other.as_str()), ("1405/01/01 00:15", "2026-03-21"));
        let english = Moment::new(millis, 0, Language::English);
        assert_eq!((english.text.as_str(), english.other.as_str()), ("2026-03-20 20:45", "1404/12/29"));
        assert_eq!(english.exact, "2026-03-20T20:45:00Z");
    }

    #[test]
    fn leap_years_and_the_ends_of_time_are_met() {
        // 1403 was a leap year: 1403/12/30 is 2025-03-20 (the calendar of Iran's law of 1304).
        assert_eq!(Moment::new(1_742_428_800_000, 0, Language::Persian).text, "1403/12/30 00:00");
        assert_eq!(Moment::new(0, 0, Language::Persian).text, "1348/10/11 00:00");
        assert_eq!(Moment::new(i64::MAX, 0, Language::Persian), Moment::default());
        assert!(Moment::new(-1, 0, Language::English).text.starts_with("1969-12-31"));
    }
}
