//! The comparisons of a day over all users. Each one costs money, so a day has a ceiling.

use crate::domain::error::Error;
use crate::domain::time::Timestamp;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The comparisons of one day (UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparisons {
    /// Days since 1 January 1970.
    pub day: i64,
    /// Their number.
    pub count: u32,
}

impl Comparisons {
    /// The count with one more comparison. Another day begins at zero. The day after today goes on: the clocks of two
    /// instances differ, or the clock has stepped back over midnight, and neither frees comparisons. A clock that has
    /// stepped back further begins anew. A wait is never longer than the rest of today.
    ///
    /// # Errors
    /// [`Error::TooManyComparisons`] beyond `most`.
    pub fn charge(self, now: Timestamp, most: u32) -> Result<Self, Error> {
        let today = day_of(now);
        let day = if self.day == today.saturating_add(1) { self.day } else { today };
        let count = if self.day == day { self.count } else { 0 };
        if count >= most {
            let left = DAY - now.unix().rem_euclid(DAY);
            return Err(Error::TooManyComparisons { retry_after: left.unsigned_abs() });
        }
        Ok(Self { day, count: count + 1 })
    }

    /// The count without a comparison that was charged at this time and was certainly not made. It frees nothing of a later
    /// day.
    #[must_use]
    pub fn take_back(self, charged_at: Timestamp) -> Self {
        if self.day == day_of(charged_at) { Self { count: self.count.saturating_sub(1), ..self } } else { self }
    }

    /// The end of its day.
    #[must_use]
    pub fn deadline(self) -> Timestamp {
        Timestamp::from_unix(self.day.saturating_add(1).saturating_mul(DAY))
    }
}

/// Days since 1 January 1970.
const fn day_of(time: Timestamp) -> i64 {
    time.unix().div_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(100 * DAY + seconds)
    }

    #[test]
    fn a_clock_that_steps_back_over_midnight_frees_no_comparison_t49() {
        let mut today = Comparisons::default();
        for _ in 0..2 {
            today = today.charge(at(DAY - 1), 2).unwrap();
        }
        let tomorrow = today.charge(at(DAY + 1), 2).unwrap();
        // Two instances whose clocks differ by two seconds.
        let full = tomorrow.charge(at(DAY - 1), 2).unwrap();
        assert_eq!(full.charge(at(DAY - 1), 2), Err(Error::TooManyComparisons { retry_after: 1 }));
        assert!(full.charge(at(DAY + 1), 2).is_err());
        // A clock that was days ahead makes nobody wait for them.
        assert!(full.charge(at(-DAY), 2).is_ok());
    }

    #[test]
    fn a_comparison_that_was_not_made_is_taken_back_from_its_own_day_t45() {
        let today = Comparisons::default().charge(at(DAY - 1), 2).unwrap();
        assert_eq!(today.take_back(at(DAY - 1)).count, 0);
        let tomorrow = today.charge(at(DAY), 2).unwrap();
        assert_eq!(tomorrow.take_back(at(DAY - 1)), tomorrow);
    }
}
