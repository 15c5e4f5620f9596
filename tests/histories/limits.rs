//! The model's limits, and its count of wrong codes in a row.

/// The policy of the histories. It is narrow, so that they reach its limits.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("MAX_FACTORS", "3"),
    ("FREE_ATTEMPTS", "3"),
    ("LOCK_AFTER", "10"),
    ("CODE_TRIES", "3"),
    ("SENDS_PER_TEN_MINUTES", "3"),
    ("SENDS_PER_HOUR", "4"),
    ("SENDS_PER_DAY", "6"),
    ("DESTINATION_SENDS_PER_HOUR", "4"),
    ("DESTINATION_SENDS_PER_DAY", "6"),
    ("RECOVERY_CODES", "2"),
];
pub(super) const MAX_FACTORS: usize = 3;
const FREE_ATTEMPTS: u32 = 3;
const LOCK_AFTER: u32 = 10;
const CODE_TRIES: u32 = 3;
/// The life of an enrolment, a challenge and a recent check, in seconds.
pub(super) const LIFE: i64 = 600;
const TRIES_RESET: i64 = 900;
/// Seconds from the last moment at which an item matters to the first at which it is swept.
const KEPT: i64 = 86_400;
const MAX_DELAY: i64 = 900;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// Limits of messages to an enrolled factor: a number, and a window in seconds.
const TO_FACTOR: &[(usize, i64)] = &[(1, 20), (3, 600), (4, HOUR), (6, DAY)];
/// Limits of one user's messages to a destination that is not enrolled.
const OF_USER: &[(usize, i64)] = &[(1, 60), (3, HOUR), (5, DAY)];
/// Limits of all users' messages to a destination that is not enrolled.
const TO_DESTINATION: &[(usize, i64)] = &[(4, HOUR), (6, DAY)];

/// An expected refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The code of the error.
    pub(super) code: String,
    /// Seconds to wait.
    pub(super) wait: Option<i64>,
    /// Codes that may still be tried before a longer wait.
    pub(super) remaining: Option<u32>,
}

/// A refusal that has no wait.
pub(super) fn refusal(code: &str) -> Refusal {
    Refusal { code: code.to_owned(), wait: None, remaining: None }
}

/// The refusal of a wrong code.
pub(super) fn incorrect(remaining: Option<u32>) -> Refusal {
    Refusal { remaining, ..refusal("incorrect_code") }
}

/// Wrong codes in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wrong {
    count: u32,
    last: i64,
}

impl Wrong {
    pub(super) fn more(&mut self, now: i64) {
        *self = Self { count: self.count + 1, last: now };
    }

    /// The refusal of a code for a factor, if any.
    pub(super) fn delays(self, now: i64) -> Option<Refusal> {
        if self.count >= LOCK_AFTER {
            return Some(refusal("factor_locked"));
        }
        let beyond = self.count.checked_sub(FREE_ATTEMPTS)?;
        let delay = 2_i64.pow(beyond.min(20) + 1).min(MAX_DELAY);
        wait("too_many_attempts", self.last + delay - now)
    }

    /// The refusal of a code for a challenge or an enrolment, if any.
    pub(super) fn ends(self, now: i64) -> Option<Refusal> {
        if self.count < CODE_TRIES { None } else { wait("too_many_attempts", self.last + TRIES_RESET - now) }
    }

    /// Codes without a delay that are left after one more wrong code.
    pub(super) fn free_after_this(self) -> Option<u32> {
        FREE_ATTEMPTS.checked_sub(self.count + 1)
    }

    /// Tries that are left after one more wrong code.
    pub(super) fn tries_after_this(self) -> u32 {
        CODE_TRIES.saturating_sub(self.count + 1)
    }

    /// Whether a sweep at `swept` deleted an item that matters until `ends`, or for as long as its wrong codes do.
    pub(super) fn is_swept(self, ends: i64, swept: i64) -> bool {
        let forgotten = if self.count > 0 { self.last + TRIES_RESET } else { 0 };
        ends.max(forgotten) + KEPT < swept
    }

    pub(super) fn carried(self, now: i64) -> Self {
        if now < self.last + TRIES_RESET { self } else { Self::default() }
    }
}

/// The times of the messages to a factor.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages(Vec<i64>);

impl Messages {
    pub(super) fn more(&mut self, now: i64) {
        self.0.push(now);
    }

    pub(super) fn limit(&self, now: i64) -> Option<Refusal> {
        wait("too_many_messages", until_one_fits(&self.0, TO_FACTOR, now))
    }

    /// Whether a sweep deleted the challenge that was sent last. Its item lives for as long as a message counts.
    pub(super) fn is_swept(&self, swept: i64) -> bool {
        self.0.last().is_some_and(|last| last + DAY + KEPT < swept)
    }
}

/// The times and the users of the enrolment messages to a destination.
#[derive(Clone, Debug, Default)]
pub(super) struct Enrollments(Vec<(i64, usize)>);

impl Enrollments {
    pub(super) fn more(&mut self, user: usize, now: i64) {
        self.0.push((now, user));
    }

    pub(super) fn limit(&self, user: usize, now: i64) -> Option<Refusal> {
        let times =
            |of: &dyn Fn(usize) -> bool| self.0.iter().filter(|(_, by)| of(*by)).map(|(at, _)| *at).collect::<Vec<_>>();
        let own = until_one_fits(&times(&|by| by == user), OF_USER, now);
        let of_all = until_one_fits(&times(&|_| true), TO_DESTINATION, now);
        wait("too_many_messages", own.max(of_all))
    }
}

/// Seconds until the first moment at which one more message exceeds no budget.
fn until_one_fits(sent: &[i64], budgets: &[(usize, i64)], now: i64) -> i64 {
    let fits = |at: i64| {
        budgets.iter().all(|(sends, seconds)| sent.iter().filter(|sent| at - **sent < *seconds).count() < *sends)
    };
    // A message leaves its window at one of these moments; nothing changes between them.
    let ends = sent.iter().flat_map(|sent| budgets.iter().map(move |(_, seconds)| sent + seconds));
    let moments = ends.filter(|end| *end > now).chain([now]);
    moments.filter(|at| fits(*at)).min().unwrap() - now
}

/// A refusal if `seconds` is positive.
pub(super) fn wait(code: &str, seconds: i64) -> Option<Refusal> {
    (seconds > 0).then(|| Refusal { wait: Some(seconds), ..refusal(code) })
}
