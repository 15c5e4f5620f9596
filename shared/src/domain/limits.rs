//! Limits on guesses and on messages, as pure state machines.
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
//! A request that a limit refuses is refused before its code is compared, and changes no count.
//!
//! A clock that steps back leaves stored times in the future. [`Moment`] says how a wait is counted then.

use super::error::{CodeKind, Error};
use super::policy::Policy;
use super::time::Timestamp;

/// The time of an event, by a clock that may step back later.
///
/// While the clock is behind `at`, a wait is counted from `rewound`, so that no wait is longer than its delay. Once the
/// clock has caught up, the wait is counted from `at` again, so that a step back and forth shortens no wait. A step
/// back of at most a minute sets `at` to now; a step forth after it may shorten the wait by that minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The clock's time at the event.
    pub at: Timestamp,
    /// The earliest time at which the clock was seen behind `at`. `None`: it was not seen behind.
    pub rewound: Option<Timestamp>,
}

impl Moment {
    /// Seconds since the event.
    fn elapsed(self, now: Timestamp) -> u64 {
        let from = if now < self.at { self.rewound.unwrap_or(now) } else { self.at };
        from.until(now)
    }

    /// Seconds left until `seconds` have passed since the event.
    fn wait(self, seconds: u64, now: Timestamp) -> u64 {
        seconds.saturating_sub(self.elapsed(now))
    }

    /// The moment of the next event of the same kind, which happens now.
    fn again(self, now: Timestamp) -> Self {
        if now.is_far_behind(self.at) { Self { rewound: Some(now), ..self } } else { Self { at: now, rewound: None } }
    }

    /// Records whether the clock is behind the event or has caught up.
    fn rewind(&mut self, now: Timestamp) {
        if now.is_far_behind(self.at) {
            self.rewound = Some(self.rewound.map_or(now, |rewound| rewound.min(now)));
        } else {
            *self = Self { at: self.at.min(now), rewound: None };
        }
    }
}

/// Wrong codes in a row for one factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The number of wrong codes.
    pub wrong: u32,
    /// The time of the last wrong code.
    pub last: Moment,
}

impl Attempts {
    /// Checks that a code may be compared now.
    ///
    /// # Errors
    /// [`Error::FactorLocked`]; [`Error::TooManyAttempts`] while a delay runs.
    pub fn admit(&self, kind: CodeKind, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        if self.wrong >= policy.lock_after {
            return Err(Error::FactorLocked);
        }
        // A request that may write the account calls `rewind` first. A request that may not can't record that the clock
        // is behind, and its wait would never end. So it is let through.
        if now < self.last.at && self.last.rewound.is_none() {
            return Ok(());
        }
        match self.last.wait(self.delay(policy), now) {
            0 => Ok(()),
            retry_after => Err(Error::TooManyAttempts { kind, retry_after }),
        }
    }

    /// The attempts with one more wrong code.
    #[must_use]
    pub fn and_wrong(self, now: Timestamp) -> Self {
        Self { wrong: self.wrong.saturating_add(1), last: self.last.again(now) }
    }

    /// The attempts without the last wrong one, which was none.
    #[must_use]
    pub fn take_back(self) -> Self {
        Self { wrong: self.wrong.saturating_sub(1), ..self }
    }

    /// As [`Moment::rewind`].
    pub(super) fn rewind(&mut self, now: Timestamp) {
        self.last.rewind(now);
    }

    /// Codes that may still be tried before a delay begins. `None` once more wrong codes than these were counted.
    #[must_use]
    pub fn remaining(&self, policy: &Policy) -> Option<u32> {
        policy.free_attempts.checked_sub(self.wrong)
    }

    /// Seconds that must pass after the last wrong code: 2, 4, 8 … once the free attempts are used.
    fn delay(&self, policy: &Policy) -> u64 {
        match self.wrong.checked_sub(policy.free_attempts) {
            None => 0,
            Some(beyond) => 2_u64.saturating_pow(beyond.saturating_add(1)).min(policy.max_delay_seconds),
        }
    }
}

/// Wrong answers to a sent code or a pending enrolment. A new code takes the count over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// The number of wrong answers.
    pub wrong: u32,
    /// The time of the last wrong answer.
    pub last: Moment,
}

impl Tries {
    /// Checks that an answer may be compared, or a new code sent.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] until `tries_reset_seconds` after the last wrong answer.
    pub fn admit(&self, kind: CodeKind, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        if self.wrong < policy.code_tries {
            return Ok(());
        }
        match self.last.wait(policy.tries_reset_seconds, now) {
            0 => Ok(()),
            retry_after => Err(Error::TooManyAttempts { kind, retry_after }),
        }
    }

    /// The tries that a new code takes over: none once `tries_reset_seconds` have passed.
    #[must_use]
    pub fn carried(self, now: Timestamp, policy: &Policy) -> Self {
        if self.last.wait(policy.tries_reset_seconds, now) == 0 { Self::default() } else { self }
    }

    /// The tries with one more wrong answer.
    #[must_use]
    pub fn and_wrong(self, now: Timestamp) -> Self {
        Self { wrong: self.wrong.saturating_add(1), last: self.last.again(now) }
    }

    /// As [`Moment::rewind`].
    pub(super) fn rewind(&mut self, now: Timestamp) {
        self.last.rewind(now);
    }

    /// Answers that may still be given.
    #[must_use]
    pub fn remaining(&self, policy: &Policy) -> u32 {
        policy.code_tries.saturating_sub(self.wrong)
    }
}

/// At most `sends` messages within any `seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The number of messages.
    pub sends: usize,
    /// The window, in seconds.
    pub seconds: u64,
}

impl Budget {
    /// A day, the longest window, in seconds.
    pub const DAY: u64 = 86_400;

    /// Seconds until the budget allows one more message after those in `sent`.
    fn wait(self, sent: &[Moment], now: Timestamp) -> u64 {
        let mut waits: Vec<_> = sent.iter().map(|at| at.wait(self.seconds, now)).filter(|wait| *wait > 0).collect();
        waits.sort_unstable();
        let first_to_leave = waits.len().checked_sub(self.sends).and_then(|index| waits.get(index));
        first_to_leave.copied().unwrap_or(0)
    }
}

/// Seconds until every budget allows one more message.
fn longest_wait(sent: &[Moment], budgets: &[Budget], now: Timestamp) -> u64 {
    budgets.iter().map(|budget| budget.wait(sent, now)).max().unwrap_or(0)
}

fn admit_send(wait: u64) -> Result<(), Error> {
    match wait {
        0 => Ok(()),
        retry_after => Err(Error::TooManyMessages { retry_after }),
    }
}

/// Messages that count against budgets, the oldest first, each with a mark by which they can be filtered. The log keeps
/// as many as the largest budget allows, however old: a clock that jumps ahead and back must not make it forget any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log<T> {
    /// The time and the mark of each message.
    pub sent: Vec<(Timestamp, T)>,
    /// The earliest time at which the clock was seen behind the latest message. `None`: it was not seen behind.
    pub rewound: Option<Timestamp>,
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self { sent: Vec::new(), rewound: None }
    }
}

impl<T: Copy> Log<T> {
    fn moments(&self, counts: impl Fn(&T) -> bool) -> Vec<Moment> {
        let counted = self.sent.iter().filter(|(_, what)| counts(what));
        counted.map(|(at, _)| Moment { at: *at, rewound: self.rewound }).collect()
    }

    /// The log with one more message.
    fn and_sent(&self, now: Timestamp, what: T, budgets: &[Budget]) -> Self {
        let kept = budgets.iter().map(|budget| budget.sends).max().unwrap_or(0);
        let surplus = (self.sent.len() + 1).saturating_sub(kept);
        let mut log = self.clone();
        log.rewind(now);
        log.sent = log.sent.into_iter().skip(surplus).chain([(now, what)]).collect();
        log
    }

    fn latest(&self) -> Option<Timestamp> {
        self.sent.iter().map(|(at, _)| *at).max()
    }

    /// Records whether the clock is behind the latest message, as [`Moment`] says, or has caught up.
    pub fn rewind(&mut self, now: Timestamp) {
        for (at, _) in &mut self.sent {
            *at = if now.is_far_behind(*at) { *at } else { (*at).min(now) };
        }
        let mut latest = Moment { at: self.latest().unwrap_or_default(), rewound: self.rewound };
        latest.rewind(now);
        self.rewound = latest.rewound;
    }

    /// The time at which the latest message leaves the longest window. `None` for an empty log.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.latest().map(|at| at.plus(Budget::DAY))
    }
}

/// The messages to an enrolled factor. They count whether or not they were answered.
pub type SendLog = Log<()>;

impl SendLog {
    /// The log with one more message.
    ///
    /// # Errors
    /// [`Error::TooManyMessages`] when a budget of [`Policy::factor_budgets`] is used up.
    pub fn charge(&self, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        self.charge_to(&policy.factor_budgets(), now)
    }

    /// The log of notices with one more of them.
    ///
    /// # Errors
    /// [`Error::TooManyMessages`] when a budget of [`Policy::notice_budgets`] is used up.
    pub fn charge_notice(&self, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        self.charge_to(&policy.notice_budgets(), now)
    }

    /// The log of a user's comparisons of faces with one more of them.
    ///
    /// # Errors
    /// [`Error::TooManyComparisons`] when a budget of [`Policy::comparison_budgets`] is used up.
    pub fn charge_comparison(&self, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        self.charge_to(&policy.comparison_budgets(), now).map_err(|error| match error {
            Error::TooManyMessages { retry_after } => Error::TooManyComparisons { retry_after },
            error => error,
        })
    }

    /// The log without its latest entry, which certainly did not happen.
    #[must_use]
    pub fn take_back(mut self) -> Self {
        self.sent.pop();
        self
    }

    fn charge_to(&self, budgets: &[Budget], now: Timestamp) -> Result<Self, Error> {
        admit_send(longest_wait(&self.moments(|()| true), budgets, now))?;
        Ok(self.and_sent(now, (), budgets))
    }
}

/// A user in the limit of a destination: a keyed digest, truncated to [`UserTag::LENGTH`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserTag(pub [u8; UserTag::LENGTH]);

impl UserTag {
    /// Length in bytes.
    pub const LENGTH: usize = 8;
}

/// The enrolment messages to a destination, or the codes to a contact of record, over all users.
pub type DestinationLimit = Log<UserTag>;

impl DestinationLimit {
    /// The limit with one more message, for this user.
    ///
    /// # Errors
    /// [`Error::TooManyMessages`] when a budget of [`Policy::user_budgets`] or [`Policy::destination_budgets`] is used up.
    pub fn charge(&self, user: UserTag, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        self.charge_to(&policy.user_budgets(), user, now, policy)
    }

    /// The limit of a contact of record with one more code, for this user. The interval between two codes is that of the
    /// user's challenge.
    ///
    /// # Errors
    /// As [`DestinationLimit::charge`].
    pub fn charge_contact(&self, user: UserTag, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        let [_, hour, day] = policy.user_budgets();
        self.charge_to(&[hour, day], user, now, policy)
    }

    fn charge_to(&self, of_user: &[Budget], user: UserTag, now: Timestamp, policy: &Policy) -> Result<Self, Error> {
        let budgets = policy.destination_budgets();
        let wait_of_user = longest_wait(&self.moments(|by| *by == user), of_user, now);
        admit_send(wait_of_user.max(longest_wait(&self.moments(|_| true), &budgets, now)))?;
        Ok(self.and_sent(now, user, &budgets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    fn then(seconds: i64) -> Moment {
        Moment { at: at(seconds), rewound: None }
    }

    #[test]
    fn a_wait_restarts_when_the_clock_steps_back_and_never_exceeds_its_length_t49() {
        let mut moment = then(10_000);
        assert_eq!(moment.wait(900, at(6_400)), 900);
        moment.rewind(at(6_400));
        assert_eq!((moment.wait(900, at(6_500)), moment.wait(900, at(7_300))), (800, 0));
        // A step further back starts the wait anew. A step forth shortens nothing.
        moment.rewind(at(5_000));
        assert_eq!((moment.wait(900, at(5_000)), moment.wait(900, at(10_000))), (900, 900));
        assert_eq!(moment.again(at(6_000)).wait(900, at(10_100)), 800);
        // A step of at most a minute moves the event to now, so the wait does not get longer.
        let mut moment = then(10_000);
        moment.rewind(at(9_990));
        assert_eq!((moment.wait(20, at(9_990)), moment.wait(20, at(10_010))), (20, 0));
    }

    #[test]
    fn five_wrong_codes_are_free_then_delays_double_up_to_fifteen_minutes_t07() {
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
    fn a_factor_locks_after_a_hundred_wrong_codes_t07() {
        let policy = Policy::default();
        let attempts = Attempts { wrong: 100, last: then(0) };
        let late = at(1_000_000);
        assert_eq!(attempts.admit(CodeKind::Totp, late, &policy), Err(Error::FactorLocked));
    }

    #[test]
    fn retry_after_is_the_number_of_seconds_left_of_the_delay() {
        let policy = Policy::default();
        let attempts = Attempts { wrong: 6, last: then(100) };
        let refused = |retry_after| Err(Error::TooManyAttempts { kind: CodeKind::Totp, retry_after });
        assert_eq!(attempts.admit(CodeKind::Totp, at(100), &policy), refused(4));
        assert_eq!(attempts.admit(CodeKind::Totp, at(103), &policy), refused(1));
        assert_eq!(attempts.admit(CodeKind::Totp, at(104), &policy), Ok(()));
    }

    #[test]
    fn wrong_tries_carry_over_until_fifteen_minutes_after_the_last_one_t08() {
        let policy = Policy::default();
        let tries = Tries { wrong: 5, last: then(100) };
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
    fn the_minute_between_messages_to_a_destination_is_counted_per_user_t30() {
        let policy = Policy::default();
        let limit = DestinationLimit::default().charge(ALICE, at(100), &policy).unwrap();
        assert_eq!(limit.charge(ALICE, at(159), &policy), refused(1));
        assert!(limit.charge(ALICE, at(160), &policy).is_ok());
        assert!(limit.charge(BOB, at(100), &policy).is_ok());
    }

    #[test]
    fn a_destination_gets_five_messages_an_hour_and_ten_a_day_over_all_users_t30() {
        let policy = Policy::default();
        // One user may use all messages of a budget but one, so that one user alone can't block a destination.
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
    fn a_factor_gets_five_messages_in_ten_minutes_ten_an_hour_and_twenty_a_day_t30() {
        let policy = Policy::default();
        let mut log = SendLog::default();
        let mut now = 0;
        let mut sent = Vec::new();
        // The user sends as soon as the limits allow it, for two days.
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
        assert!(log.sent.len() <= 20, "no more are kept than count");
    }
}
