//! A challenge: a code sent to an enrolled factor, waiting for its answer. One item per user and factor.
//!
//! ```text
//!  Open ──right code──▶ Passed        Void: a challenge whose message was refused, with nothing before it; or one whose
//!   │ a resend replaces the code;           user is forgotten
//!   │ wrong tries and the number of sends are taken over
//!   ▼
//!  Open
//! ```

use super::actor::Access;
use super::enrollment::Ticket;
use super::error::{CodeKind, Error, Subject};
use super::limits::Tries;
use super::policy::Policy;
use super::secret::Digest;
use super::time::Timestamp;
use super::token::ChallengeId;

/// A challenge that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChallenge {
    /// The id it answers to.
    pub ticket: Ticket,
    /// The digest of its code.
    pub passcode: Digest,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
    /// Wrong answers.
    pub tries: Tries,
    /// Codes sent, this one included.
    pub sends: u32,
}

/// The states of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Waits for its answer.
    Open(OpenChallenge),
    /// It was answered.
    Passed {
        /// The id it answered to.
        ticket: Ticket,
        /// Until when it could have been answered.
        expires_at: Timestamp,
    },
    /// Nothing: its message was refused, or its user is forgotten.
    Void {
        /// Since when.
        since: Timestamp,
    },
}

/// What a new challenge takes over from the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Wrong answers.
    pub tries: Tries,
    /// Codes sent.
    pub sends: u32,
}

impl Challenge {
    /// What a new challenge takes over, if one may be sent now.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`], [`Error::TooManyMessages`].
    pub fn carried(&self, kind: CodeKind, now: Timestamp, policy: &Policy) -> Result<Carried, Error> {
        let Self::Open(open) = self else { return Ok(Carried::default()) };
        let tries = open.tries.carried(now, policy);
        tries.admit(kind, now, policy)?;
        let sends = if now < open.expires_at { open.sends } else { 0 };
        if sends >= policy.code_sends {
            return Err(Error::TooManyMessages { retry_after: now.until(open.expires_at) });
        }
        Ok(Carried { tries, sends })
    }

    /// The challenge that an id names, if it can still be answered.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`], [`Error::TooManyAttempts`].
    pub fn claimed(
        self,
        id: &ChallengeId,
        access: Access,
        kind: CodeKind,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<OpenChallenge, Error> {
        match self {
            Self::Open(open) if open.ticket.is_of(id.dialect, access, Some(&id.nonce)) => {
                if now >= open.expires_at {
                    return Err(Error::Expired(Subject::Challenge));
                }
                open.tries.admit(kind, now, policy)?;
                Ok(open)
            }
            Self::Passed { ticket, .. } if ticket.is_of(id.dialect, access, Some(&id.nonce)) => {
                Err(Error::AlreadyUsed(Subject::Challenge))
            }
            Self::Open(_) | Self::Passed { .. } | Self::Void { .. } => Err(Error::NotFound(Subject::Challenge)),
        }
    }

    /// The last moment at which its content matters.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Timestamp {
        match self {
            Self::Open(open) => open.expires_at.max(open.tries.last.plus(policy.tries_reset_seconds)),
            Self::Passed { expires_at, .. } => *expires_at,
            Self::Void { since } => *since,
        }
    }
}

impl OpenChallenge {
    /// What is left of it once it was answered.
    #[must_use]
    pub fn passed(&self) -> Challenge {
        Challenge::Passed { ticket: self.ticket, expires_at: self.expires_at }
    }

    /// The same with one wrong answer more.
    #[must_use]
    pub fn failed(mut self, now: Timestamp) -> Self {
        self.tries = self.tries.and_wrong(now);
        self
    }
}
