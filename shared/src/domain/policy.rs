//! The numbers behind the rules. Each is a setting with a default; times are in seconds.

use super::factor::totp::Parameters;
use super::limits::Budget;

/// The way in which a user without a factor gets the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstEnrollment {
    /// The user enrols it alone, after the application's sign-in. A thief with the password can do that too.
    #[default]
    User,
    /// The back end enrols it, or creates a hosted session with a contact of its own record. The user must answer a code
    /// that is sent to the contact.
    BackEnd,
}

impl FirstEnrollment {
    /// The value with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "user" => Some(Self::User),
            "back-end" => Some(Self::BackEnd),
            _ => None,
        }
    }
}

/// Times, limits and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Seconds for which a passed check lets its session change factors.
    pub step_up_seconds: u64,
    /// Seconds for which a challenge can be answered.
    pub challenge_seconds: u64,
    /// Digits of a passcode that is sent.
    pub passcode_digits: u8,
    /// The way in which a user without a factor gets the first one.
    pub first_enrollment: FirstEnrollment,
    /// Wrong codes for a factor before the first delay.
    pub free_attempts: u32,
    /// The longest delay after a wrong code for a factor, in seconds.
    pub max_delay_seconds: u64,
    /// Wrong codes in a row that lock a factor until it is reset.
    pub lock_after: u32,
    /// Tries at a sent code or a pending enrolment. A resend gives no new ones.
    pub code_tries: u32,
    /// Seconds from the last wrong try until `code_tries` are available again.
    pub tries_reset_seconds: u64,
    /// Seconds between two messages to an enrolled factor.
    pub resend_seconds: u64,
    /// Messages to an enrolled factor in ten minutes.
    pub sends_per_ten_minutes: usize,
    /// Messages to an enrolled factor in an hour.
    pub sends_per_hour: usize,
    /// Messages to an enrolled factor in a day.
    pub sends_per_day: usize,
    /// Seconds between two messages of one user to a destination that is not enrolled.
    pub send_interval_seconds: u64,
    /// Messages to a destination that is not enrolled in an hour, over all users.
    pub destination_sends_per_hour: usize,
    /// Messages to a destination that is not enrolled in a day, over all users.
    pub destination_sends_per_day: usize,
    /// Days for which the reference of a face is kept without use.
    pub face_keep_days: u64,
    /// The most factors that an account may have.
    pub max_factors: usize,
    /// Recovery codes in a set.
    pub recovery_codes: usize,
    /// The algorithm and the digits of new authenticator apps.
    pub totp: Parameters,
}

impl Policy {
    /// The budgets of messages to an enrolled factor.
    #[must_use]
    pub fn factor_budgets(&self) -> [Budget; 4] {
        [
            Budget { sends: 1, seconds: self.resend_seconds },
            Budget { sends: self.sends_per_ten_minutes, seconds: 600 },
            Budget { sends: self.sends_per_hour, seconds: 3_600 },
            Budget { sends: self.sends_per_day, seconds: Budget::DAY },
        ]
    }

    /// The budgets of notices of changes. There is no pause between two of them, because one change often follows another.
    #[must_use]
    pub fn notice_budgets(&self) -> [Budget; 2] {
        [
            Budget { sends: self.sends_per_hour, seconds: 3_600 },
            Budget { sends: self.sends_per_day, seconds: Budget::DAY },
        ]
    }

    /// Seconds for which the reference of a face is kept without use.
    #[must_use]
    pub const fn face_keep_seconds(&self) -> u64 {
        self.face_keep_days.saturating_mul(Budget::DAY)
    }

    /// The budgets of one user's comparisons of faces, which cost money whether or not they pass.
    #[must_use]
    pub fn comparison_budgets(&self) -> [Budget; 2] {
        [Budget { sends: 10, seconds: 3_600 }, Budget { sends: 20, seconds: Budget::DAY }]
    }

    /// The budgets of one user's messages to a destination that is not enrolled. One message of the hour and one of the
    /// day are left to other users, so that one stranger can't keep a destination's owner from enrolling it.
    #[must_use]
    pub fn user_budgets(&self) -> [Budget; 3] {
        let all_but_one = |budget: Budget| Budget { sends: budget.sends.saturating_sub(1).max(1), ..budget };
        let [hour, day] = self.destination_budgets().map(all_but_one);
        [Budget { sends: 1, seconds: self.send_interval_seconds }, hour, day]
    }

    /// The budgets of all users' messages to a destination that is not enrolled.
    #[must_use]
    pub fn destination_budgets(&self) -> [Budget; 2] {
        [
            Budget { sends: self.destination_sends_per_hour, seconds: 3_600 },
            Budget { sends: self.destination_sends_per_day, seconds: Budget::DAY },
        ]
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            step_up_seconds: 600,
            challenge_seconds: 600,
            passcode_digits: 6,
            first_enrollment: FirstEnrollment::User,
            free_attempts: 5,
            max_delay_seconds: 900,
            lock_after: 100,
            code_tries: 5,
            tries_reset_seconds: 900,
            resend_seconds: 20,
            sends_per_ten_minutes: 5,
            sends_per_hour: 10,
            sends_per_day: 20,
            send_interval_seconds: 60,
            destination_sends_per_hour: 5,
            destination_sends_per_day: 10,
            face_keep_days: 365,
            max_factors: 32,
            recovery_codes: 10,
            totp: Parameters::default(),
        }
    }
}
