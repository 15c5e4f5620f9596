//! How often one may guess and how often one may send, as pure state machines.
//!
//! ```text
//! Attempts, per factor           Tries, per sent code or enrolment     Sends, per challenge
//!
//!   none ──wrong──▶ 1 … 4          none ──wrong──▶ 1 … 4                 1 ──resend──▶ 2 … 5
//!    ▲               │ wrong        ▲               │ wrong               ▲             │ resend
//!    │right          ▼              │ 15 min after  ▼                     │ expired     ▼
//!    ├──────── 5: wait 2 s          ├────────────── 5: refused            └────────── refused
//!    ├──────── 6: wait 4 s …        │ the last wrong
//!    ├──────── wait 15 min …        │ one, or right
//!    │         100: locked          └── a new code takes the count over
//!    └── reset
//! ```
//! What is refused here is refused without a look at the code, and writes nothing.

use super::error::{CodeKind, Error};
use super::policy::Policy;
use super::time::Timestamp;

/// Wrong codes in a row for one factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many.
    pub wrong: u32,
    /// When the last one was.
    pub last: Timestamp,
}

/// Whether enough wrong codes stop a factor for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HardStop {
    /// After [`Policy::lock_after`].
    Locks,
    /// Delays alone: the code is too long to guess, and the owner's last way in.
    Never,
}

impl Attempts {
    /// Whether a code may be looked at now.
    ///
    /// # Errors
    /// [`Error::FactorLocked`]; [`Error::TooManyAttempts`] while a delay runs.
    pub fn admit(&self, kind: CodeKind, stop: HardStop, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        if stop == HardStop::Locks && self.wrong >= policy.lock_after {
            return Err(Error::FactorLocked);
        }
        match now.until(self.last.plus(self.delay(policy))) {
            0 => Ok(()),
            retry_after => Err(Error::TooManyAttempts { kind, retry_after }),
        }
    }

    /// One wrong code more.
    #[must_use]
    pub fn and_wrong(self, now: Timestamp) -> Self {
        Self { wrong: self.wrong.saturating_add(1), last: now }
    }

    /// Codes that may still be tried before a delay begins.
    #[must_use]
    pub fn remaining(&self, policy: &Policy) -> Option<u32> {
        policy.free_attempts.checked_sub(self.wrong)
    }

    /// Seconds that must pass after the last wrong code: 2, 4, 8 … once the free ones are used.
    fn delay(&self, policy: &Policy) -> u64 {
        match self.wrong.checked_sub(policy.free_attempts) {
            None => 0,
            Some(beyond) => 2_u64.saturating_pow(beyond.saturating_add(1)).min(policy.max_delay_seconds),
        }
    }
}

/// Wrong answers to sent codes, or to a pending enrolment. A new code takes them over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// How many.
    pub wrong: u32,
    /// When the last one was.
    pub last: Timestamp,
}

impl Tries {
    /// Whether an answer may be looked at, or a new code sent.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] until the count is forgotten.
    pub fn admit(&self, kind: CodeKind, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        if self.wrong < policy.code_tries {
            return Ok(());
        }
        match now.until(self.last.plus(policy.tries_reset_seconds)) {
            0 => Ok(()),
            retry_after => Err(Error::TooManyAttempts { kind, retry_after }),
        }
    }

    /// What a new code takes over.
    #[must_use]
    pub fn carried(self, now: Timestamp, policy: &Policy) -> Self {
        if now.until(self.last.plus(policy.tries_reset_seconds)) == 0 { Self::default() } else { self }
    }

    /// One wrong answer more.
    #[must_use]
    pub fn and_wrong(self, now: Timestamp) -> Self {
        Self { wrong: self.wrong.saturating_add(1), last: now }
    }

    /// Answers that may still be given.
    #[must_use]
    pub fn remaining(&self, policy: &Policy) -> u32 {
        policy.code_tries.saturating_sub(self.wrong)
    }
}

/// When a destination that is not enrolled was last sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DestinationLimit {
    last_sent: Option<Timestamp>,
}

impl DestinationLimit {
    /// A destination last sent to then.
    #[must_use]
    pub fn last_sent_at(last_sent: Option<Timestamp>) -> Self {
        Self { last_sent }
    }

    /// When it was last sent to.
    #[must_use]
    pub fn last_sent(&self) -> Option<Timestamp> {
        self.last_sent
    }

    /// The state after one message more.
    ///
    /// # Errors
    /// [`Error::TooManyMessages`] within [`Policy::send_interval_seconds`] of the last one.
    pub fn charge(&self, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        let open = self.last_sent.map_or(0, |last| now.until(last.plus(policy.send_interval_seconds)));
        if open > 0 {
            return Err(Error::TooManyMessages { retry_after: open });
        }
        Ok(Self { last_sent: Some(now) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    #[test]
    fn t07_five_are_free_then_delays_double_up_to_fifteen_minutes() {
        let policy = Policy::default();
        let mut attempts = Attempts::default();
        let mut delays = Vec::new();
        for wrong in 0..100 {
            assert_eq!(attempts.wrong, wrong);
            delays.push(attempts.delay(&policy));
            attempts = attempts.and_wrong(at(0));
        }
        assert_eq!(delays[..9], [0, 0, 0, 0, 0, 2, 4, 8, 16]);
        assert_eq!(delays[13], 512);
        assert!(delays[14..].iter().all(|delay| *delay == 900), "{delays:?}");
    }

    #[test]
    fn t07_a_factor_locks_at_a_hundred_and_recovery_codes_never_do() {
        let policy = Policy::default();
        let attempts = Attempts { wrong: 100, last: at(0) };
        let late = at(1_000_000);
        assert_eq!(attempts.admit(CodeKind::Totp, HardStop::Locks, late, &policy), Err(Error::FactorLocked));
        assert_eq!(attempts.admit(CodeKind::Recovery, HardStop::Never, late, &policy), Ok(()));
    }

    #[test]
    fn a_delay_is_told_in_the_seconds_that_are_left() {
        let policy = Policy::default();
        let attempts = Attempts { wrong: 6, last: at(100) };
        let refused = |retry_after| Err(Error::TooManyAttempts { kind: CodeKind::Totp, retry_after });
        assert_eq!(attempts.admit(CodeKind::Totp, HardStop::Locks, at(100), &policy), refused(4));
        assert_eq!(attempts.admit(CodeKind::Totp, HardStop::Locks, at(103), &policy), refused(1));
        assert_eq!(attempts.admit(CodeKind::Totp, HardStop::Locks, at(104), &policy), Ok(()));
    }

    #[test]
    fn t08_tries_are_taken_over_until_fifteen_minutes_after_the_last() {
        let policy = Policy::default();
        let tries = Tries { wrong: 5, last: at(100) };
        assert_eq!(tries.carried(at(999), &policy), tries);
        assert_eq!(tries.carried(at(1000), &policy), Tries::default());
        assert_eq!(
            tries.admit(CodeKind::Sms, at(990), &policy),
            Err(Error::TooManyAttempts { kind: CodeKind::Sms, retry_after: 10 })
        );
    }

    #[test]
    fn t30_a_destination_is_sent_to_once_a_minute() {
        let policy = Policy::default();
        let limit = DestinationLimit::default().charge(at(100), &policy).unwrap();
        assert_eq!(limit.charge(at(159), &policy), Err(Error::TooManyMessages { retry_after: 1 }));
        assert!(limit.charge(at(160), &policy).is_ok());
    }
}
