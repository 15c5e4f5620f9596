//! The numbers behind the rules. Each is a setting with a default; times are in seconds.

use super::totp::Parameters;

/// Times, limits and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a passed check lets a session change factors.
    pub presence_seconds: u64,
    /// How long an enrolment token lives.
    pub enrollment_seconds: u64,
    /// How long an enrolment token lives in the genauth dialect, whose contract is a minute.
    pub genauth_enrollment_seconds: u64,
    /// How long a challenge lives.
    pub challenge_seconds: u64,
    /// Digits of a passcode that is sent.
    pub passcode_digits: u8,
    /// Wrong codes for a factor before the first delay.
    pub free_attempts: u32,
    /// The longest delay between two codes for a factor.
    pub max_delay_seconds: u64,
    /// Wrong codes in a row that lock a factor until it is reset.
    pub lock_after: u32,
    /// Tries at a code that was sent, whatever is resent, and at a pending enrolment.
    pub code_tries: u32,
    /// After the last wrong one of those tries, how long until there are new ones.
    pub tries_reset_seconds: u64,
    /// Codes sent to an enrolled factor until one is answered or the last has expired.
    pub code_sends: u32,
    /// Between two messages to a destination that is not enrolled.
    pub send_interval_seconds: u64,
    /// Factors of an account.
    pub max_factors: usize,
    /// Recovery codes in a set.
    pub recovery_codes: usize,
    /// Recovery codes in a set of the profile dialect.
    pub profile_recovery_codes: usize,
    /// How new authenticator apps make codes.
    pub totp: Parameters,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            presence_seconds: 600,
            enrollment_seconds: 600,
            genauth_enrollment_seconds: 60,
            challenge_seconds: 600,
            passcode_digits: 6,
            free_attempts: 5,
            max_delay_seconds: 900,
            lock_after: 100,
            code_tries: 5,
            tries_reset_seconds: 900,
            code_sends: 5,
            send_interval_seconds: 60,
            max_factors: 32,
            recovery_codes: 10,
            profile_recovery_codes: 12,
            totp: Parameters::default(),
        }
    }
}
