//! How often one may guess and how often one may send, as pure state machines.
//!
//! ```text
//! Attempts, per factor           Tries, per sent code or enrolment     Sends, per factor or destination
//!
//!   none ──wrong──▶ 1 … 4          none ──wrong──▶ 1 … 4                 fewer than the budget ──send──▶ the budget
//!    ▲               │ wrong        ▲               │ wrong                 ▲                               │ send
//!    │right          ▼              │ 15 min after  ▼                       │ the oldest send leaves        ▼
//!    ├──────── 5: wait 2 s          ├────────────── 5: refused              └─── the window ─────────── refused
//!    ├──────── 6: wait 4 s …        │ the last wrong
//!    ├──────── wait 15 min …        │ one, or right
//!    │         100: locked          └── a new code takes the count over
//!    └── reset
//! ```
//! What is refused here is refused without a look at the code, and writes nothing.
//!
//! A clock that steps back leaves times in the future. `rewind` moves them to now, once, so that no wait is longer than its
//! delay and nothing is freed early.

use super::error::{CodeKind, Error};
use super::policy::Policy;
use super::time::Timestamp;

/// The longest window of a [`Budget`]: what was sent before it is dropped from the logs.
const LONGEST_WINDOW: u64 = 86_400;

/// Wrong codes in a row for one factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many.
    pub wrong: u32,
    /// When the last one was.
    pub last: Timestamp,
}

impl Attempts {
    /// Whether a code may be looked at now.
    ///
    /// # Errors
    /// [`Error::FactorLocked`]; [`Error::TooManyAttempts`] while a delay runs.
    pub fn admit(&self, kind: CodeKind, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        if self.wrong >= policy.lock_after {
            return Err(Error::FactorLocked);
        }
        // Nothing is reckoned from a time that has not come: a request that may write the account rewinds it first.
        if self.last > now {
            return Ok(());
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

    /// The clock has stepped back: the delay runs from now.
    pub(super) fn rewind(&mut self, now: Timestamp) {
        self.last = self.last.min(now);
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

    /// The clock has stepped back: the wait runs from now.
    pub(super) fn rewind(&mut self, now: Timestamp) {
        self.last = self.last.min(now);
    }

    /// Answers that may still be given.
    #[must_use]
    pub fn remaining(&self, policy: &Policy) -> u32 {
        policy.code_tries.saturating_sub(self.wrong)
    }
}

/// At most so many messages within so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many.
    pub sends: usize,
    /// The window, in seconds.
    pub seconds: u64,
}

impl Budget {
    /// Seconds until one message more fits in. `sent` are the times of earlier messages, the oldest first.
    fn wait(self, sent: &[Timestamp], now: Timestamp) -> u64 {
        let recent: Vec<_> = sent.iter().filter(|at| now < at.plus(self.seconds)).collect();
        let first_to_leave = recent.len().checked_sub(self.sends).and_then(|index| recent.get(index));
        first_to_leave.map_or(0, |at| now.until(at.plus(self.seconds)))
    }
}

/// Seconds until one message more fits into all budgets.
fn longest_wait(sent: &[Timestamp], budgets: &[Budget], now: Timestamp) -> u64 {
    budgets.iter().map(|budget| budget.wait(sent, now)).max().unwrap_or(0)
}

fn admit_send(wait: u64) -> Result<(), Error> {
    match wait {
        0 => Ok(()),
        retry_after => Err(Error::TooManyMessages { retry_after }),
    }
}

/// When messages were sent to an enrolled factor, the oldest first. They count whether or not they were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendLog(Vec<Timestamp>);

impl SendLog {
    /// A log of these times, the oldest first.
    #[must_use]
    pub fn of(sent: Vec<Timestamp>) -> Self {
        Self(sent)
    }

    /// The times, the oldest first.
    #[must_use]
    pub fn times(&self) -> &[Timestamp] {
        &self.0
    }

    /// The log with one message more.
    ///
    /// # Errors
    /// [`Error::TooManyMessages`] when a budget of [`Policy::factor_budgets`] is used up.
    pub fn charge(&self, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        admit_send(longest_wait(&self.0, &policy.factor_budgets(), now))?;
        let kept = self.0.iter().copied().filter(|at| now < at.plus(LONGEST_WINDOW));
        Ok(Self(kept.chain([now]).collect()))
    }

    /// The clock has stepped back: the windows of later messages begin now.
    pub(super) fn rewind(&mut self, now: Timestamp) {
        self.0.iter_mut().for_each(|at| *at = (*at).min(now));
    }

    /// The last moment at which it matters.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.0.last().map(|at| at.plus(LONGEST_WINDOW))
    }
}

/// A user as a destination's limit counts them: a keyed digest, truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserTag(pub [u8; UserTag::LENGTH]);

impl UserTag {
    /// Bytes kept.
    pub const LENGTH: usize = 8;
}

/// Messages to a destination that their receiver has not confirmed, over all users; the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationLimit(Vec<(Timestamp, UserTag)>);

impl DestinationLimit {
    /// A limit that counts these messages, the oldest first.
    #[must_use]
    pub fn of(sent: Vec<(Timestamp, UserTag)>) -> Self {
        Self(sent)
    }

    /// The messages, the oldest first: when, and for which user.
    #[must_use]
    pub fn sent(&self) -> &[(Timestamp, UserTag)] {
        &self.0
    }

    /// The limit with one message more, for this user.
    ///
    /// # Errors
    /// [`Error::TooManyMessages`] when a budget of [`Policy::user_budgets`] or [`Policy::destination_budgets`] is used up.
    pub fn charge(&self, user: UserTag, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        let of_user: Vec<_> = self.0.iter().filter(|(_, by)| *by == user).map(|(at, _)| *at).collect();
        let of_all: Vec<_> = self.0.iter().map(|(at, _)| *at).collect();
        let wait = longest_wait(&of_user, &policy.user_budgets(), now);
        admit_send(wait.max(longest_wait(&of_all, &policy.destination_budgets(), now)))?;
        let kept = self.0.iter().copied().filter(|(at, _)| now < at.plus(LONGEST_WINDOW));
        Ok(Self(kept.chain([(now, user)]).collect()))
    }

    /// The clock has stepped back: the windows of later messages begin now.
    pub fn rewind(&mut self, now: Timestamp) {
        self.0.iter_mut().for_each(|(at, _)| *at = (*at).min(now));
    }

    /// The last moment at which it matters.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.0.last().map(|(at, _)| at.plus(LONGEST_WINDOW))
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
    fn t07_a_factor_locks_at_a_hundred() {
        let policy = Policy::default();
        let attempts = Attempts { wrong: 100, last: at(0) };
        let late = at(1_000_000);
        assert_eq!(attempts.admit(CodeKind::Totp, late, &policy), Err(Error::FactorLocked));
    }

    #[test]
    fn a_delay_is_told_in_the_seconds_that_are_left() {
        let policy = Policy::default();
        let attempts = Attempts { wrong: 6, last: at(100) };
        let refused = |retry_after| Err(Error::TooManyAttempts { kind: CodeKind::Totp, retry_after });
        assert_eq!(attempts.admit(CodeKind::Totp, at(100), &policy), refused(4));
        assert_eq!(attempts.admit(CodeKind::Totp, at(103), &policy), refused(1));
        assert_eq!(attempts.admit(CodeKind::Totp, at(104), &policy), Ok(()));
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

    const ALICE: UserTag = UserTag([1; UserTag::LENGTH]);
    const BOB: UserTag = UserTag([2; UserTag::LENGTH]);

    fn refused<T>(retry_after: u64) -> Result<T, Error> {
        Err(Error::TooManyMessages { retry_after })
    }

    #[test]
    fn t30_a_user_sends_to_a_destination_once_a_minute_and_keeps_nobody_else_from_it() {
        let policy = Policy::default();
        let limit = DestinationLimit::default().charge(ALICE, at(100), &policy).unwrap();
        assert_eq!(limit.charge(ALICE, at(159), &policy), refused(1));
        assert!(limit.charge(ALICE, at(160), &policy).is_ok());
        assert!(limit.charge(BOB, at(100), &policy).is_ok());
    }

    #[test]
    fn t30_a_destination_gets_five_messages_an_hour_and_ten_a_day_whoever_asks() {
        let policy = Policy::default();
        // A user alone may use all of a budget but one message: nobody keeps everybody else from a destination.
        let mut limit = DestinationLimit::default();
        for number in 0..4 {
            limit = limit.charge(ALICE, at(60 * number), &policy).unwrap();
        }
        assert_eq!(limit.charge(ALICE, at(240), &policy), refused(3360));
        assert!(limit.charge(BOB, at(240), &policy).is_ok());

        let mut limit = DestinationLimit::default();
        for number in 0..5_u8 {
            limit = limit.charge(UserTag([number; UserTag::LENGTH]), at(i64::from(number)), &policy).unwrap();
        }
        assert_eq!(limit.charge(ALICE, at(100), &policy), refused(3500));
        for number in 0..5_u8 {
            limit = limit.charge(UserTag([number; UserTag::LENGTH]), at(3604 + i64::from(number)), &policy).unwrap();
        }
        assert_eq!(limit.charge(ALICE, at(80_000), &policy), refused(6400));
        assert!(limit.charge(ALICE, at(86_400), &policy).is_ok());
    }

    #[test]
    fn t30_a_factor_gets_five_messages_in_ten_minutes_ten_an_hour_and_twenty_a_day() {
        let policy = Policy::default();
        let mut log = SendLog::default();
        let mut now = 0;
        let mut sent = Vec::new();
        // Somebody who sends whenever they may, for two days.
        while now < 2 * 86_400 {
            match log.charge(at(now), &policy) {
                Ok(charged) => {
                    log = charged;
                    sent.push(now);
                }
                Err(Error::TooManyMessages { retry_after }) => now += i64::try_from(retry_after).unwrap(),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(sent[..6], [0, 20, 40, 60, 80, 600]);
        assert_eq!((sent[9], sent[10]), (680, 3600));
        assert_eq!((sent[19], sent[20]), (4280, 86_400));
        assert_eq!(sent.len(), 40);
        assert!(log.times().len() <= 20, "what has left the longest window is dropped");
    }
}
