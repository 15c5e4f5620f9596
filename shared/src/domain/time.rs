//! Points in time, in whole seconds.

use std::fmt;

/// The most by which the clocks of two instances may differ, in seconds.
const CLOCK_SKEW_SECONDS: u64 = 60;

/// The longest life of an enrolment or a challenge, in seconds (NIST SP 800-63B-4, section 3.1.3.3: ten minutes).
pub const LONGEST_LIFE_SECONDS: u64 = 600;

/// A time in whole seconds since the Unix epoch. Reading a clock cuts off the fraction of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time this many seconds after the Unix epoch.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The time this many seconds later, at most the largest one.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add_unsigned(seconds))
    }

    /// Whether this time is less than `seconds` after `since`. A `since` that is at most `CLOCK_SKEW_SECONDS` in the
    /// future also counts, because the clocks of two instances differ. Beyond that the clock has stepped back and the
    /// time in between is unknown, so the result is false.
    #[must_use]
    pub fn is_within(self, seconds: u64, since: Self) -> bool {
        self < since.plus(seconds) && !self.is_far_behind(since)
    }

    /// Whether something that lives for at most [`LONGEST_LIFE_SECONDS`] and ends at `end` is over. It is also over if
    /// the clock has stepped back so far that it would live longer.
    #[must_use]
    pub fn is_over(self, end: Self) -> bool {
        self >= self.bounded_end(end)
    }

    /// The end of something that lives for at most [`LONGEST_LIFE_SECONDS`]: `end`, or now if the clock has stepped
    /// back so far that it would live longer.
    #[must_use]
    pub fn bounded_end(self, end: Self) -> Self {
        if end > self.plus(LONGEST_LIFE_SECONDS + CLOCK_SKEW_SECONDS) { self } else { end }
    }

    /// Whether `other` is more than `CLOCK_SKEW_SECONDS` ahead, so that the clock must have stepped back since.
    #[must_use]
    pub fn is_far_behind(self, other: Self) -> bool {
        other > self.plus(CLOCK_SKEW_SECONDS)
    }

    /// Seconds from this time until `later`; 0 if `later` has passed.
    #[must_use]
    pub fn until(self, later: Self) -> u64 {
        u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0)
    }
}

/// Formats as ISO 8601 in UTC: `2026-11-21T08:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => f.write_str("beyond the calendar"),
        }
    }
}
