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
    /// The count with one more comparison. Another day begins at zero, also if the clock has stepped back to it: a wait
    /// is never longer than the rest of today.
    ///
    /// # Errors
    /// [`Error::TooManyComparisons`] beyond `most`.
    pub fn charge(self, now: Timestamp, most: u32) -> Result<Self, Error> {
        let today = now.unix().div_euclid(DAY);
        let count = if self.day == today { self.count } else { 0 };
        if count >= most {
            let left = DAY - now.unix().rem_euclid(DAY);
            return Err(Error::TooManyComparisons { retry_after: left.unsigned_abs() });
        }
        Ok(Self { day: today, count: count + 1 })
    }

    /// The count without a comparison that was certainly not made.
    #[must_use]
    pub fn take_back(self) -> Self {
        Self { count: self.count.saturating_sub(1), ..self }
    }

    /// The end of its day.
    #[must_use]
    pub fn deadline(self) -> Timestamp {
        Timestamp::from_unix(self.day.saturating_add(1).saturating_mul(DAY))
    }
}
