//! The limits that histories meet, and wrong codes in a row.

/// The policy that histories run under: narrow, so that they meet its limits.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("MAX_FACTORS", "3"),
    ("FREE_ATTEMPTS", "3"),
    ("LOCK_AFTER", "10"),
    ("CODE_TRIES", "3"),
    ("CODE_SENDS", "3"),
    ("RECOVERY_CODES", "2"),
];
pub(super) const MAX_FACTORS: usize = 3;
const FREE_ATTEMPTS: u32 = 3;
const LOCK_AFTER: u32 = 10;
const CODE_TRIES: u32 = 3;
pub(super) const CODE_SENDS: u32 = 3;
/// Seconds: of an enrolment, of a challenge, of presence.
pub(super) const LIFE: i64 = 600;
const TRIES_RESET: i64 = 900;
/// Between the last moment at which something matters and the first at which it is swept.
const KEPT: i64 = 86_400;
const MAX_DELAY: i64 = 900;
pub(super) const SEND_INTERVAL: i64 = 60;

/// Why a request is to be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The code of the error.
    pub(super) code: String,
    /// Seconds to wait.
    pub(super) wait: Option<i64>,
    /// Codes that may be tried before there is more to wait for.
    pub(super) remaining: Option<u32>,
}

/// A refusal that waiting does not help.
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

    /// For a factor.
    pub(super) fn delays(self, now: i64) -> Option<Refusal> {
        if self.count >= LOCK_AFTER {
            return Some(refusal("factor_locked"));
        }
        let beyond = self.count.checked_sub(FREE_ATTEMPTS)?;
        let delay = 2_i64.pow(beyond.min(20) + 1).min(MAX_DELAY);
        wait("too_many_attempts", self.last + delay - now)
    }

    /// For a code that was sent, and for an enrolment.
    pub(super) fn ends(self, now: i64) -> Option<Refusal> {
        if self.count < CODE_TRIES { None } else { wait("too_many_attempts", self.last + TRIES_RESET - now) }
    }

    /// Codes that are free after one more.
    pub(super) fn free_after_this(self) -> Option<u32> {
        FREE_ATTEMPTS.checked_sub(self.count + 1)
    }

    /// Tries that there are after one more.
    pub(super) fn tries_after_this(self) -> u32 {
        CODE_TRIES.saturating_sub(self.count + 1)
    }

    /// Whether a sweep took what matters until then, or for as long as wrong codes do.
    pub(super) fn is_swept(self, ends: i64, swept: i64) -> bool {
        let forgotten = if self.count > 0 { self.last + TRIES_RESET } else { 0 };
        ends.max(forgotten) + KEPT < swept
    }

    pub(super) fn carried(self, now: i64) -> Self {
        if now < self.last + TRIES_RESET { self } else { Self::default() }
    }
}

/// A refusal while there are seconds left.
pub(super) fn wait(code: &str, seconds: i64) -> Option<Refusal> {
    (seconds > 0).then(|| Refusal { wait: Some(seconds), ..refusal(code) })
}
