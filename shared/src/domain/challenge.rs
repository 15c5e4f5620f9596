//! A challenge: a code sent to an enrolled factor, waiting for its answer. One item per user and factor.
//!
//! ```text
//!  None ──send──▶ Open ──right code──▶ Passed ──send──▶ Open
//!                  │ ▲ a resend replaces the code; wrong tries are taken over
//!                  └─┘
//! ```
//! The log of sends goes through all states: an answer doesn't earn new messages.

use super::actor::Access;
use super::enrollment::Ticket;
use super::error::{CodeKind, Error, Subject};
use super::limits::{SendLog, Tries};
use super::policy::Policy;
use super::secret::Digest;
use super::time::Timestamp;
use super::token::ChallengeId;

/// The challenge of a factor, and what was sent to it lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Every message of the last day.
    pub sent: SendLog,
    /// The challenge that was sent last.
    pub state: ChallengeState,
}

/// The states of a challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChallengeState {
    /// There is none: none was sent, its message was refused, or its user is forgotten.
    #[default]
    None,
    /// It waits for its answer.
    Open(OpenChallenge),
    /// It was answered.
    Passed {
        /// The id it answered to.
        ticket: Ticket,
        /// Until when it could have been answered.
        expires_at: Timestamp,
    },
}

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
}

impl Challenge {
    /// The wrong tries that a new challenge takes over, if one may be sent now.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub fn carried_tries(&self, kind: CodeKind, now: Timestamp, policy: &Policy) -> Result<Tries, Error> {
        let ChallengeState::Open(open) = &self.state else { return Ok(Tries::default()) };
        let tries = open.tries.carried(now, policy);
        tries.admit(kind, now, policy)?;
        Ok(tries)
    }

    /// The challenge that an id names, if it can still be answered.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`], [`Error::TooManyAttempts`].
    pub fn claimed(
        &self,
        id: &ChallengeId,
        access: Access,
        kind: CodeKind,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<OpenChallenge, Error> {
        match &self.state {
            ChallengeState::Open(open) if open.ticket.is_of(id.dialect, access, Some(&id.nonce)) => {
                if now >= open.expires_at {
                    return Err(Error::Expired(Subject::Challenge));
                }
                open.tries.admit(kind, now, policy)?;
                Ok(open.clone())
            }
            ChallengeState::Passed { ticket, .. } if ticket.is_of(id.dialect, access, Some(&id.nonce)) => {
                Err(Error::AlreadyUsed(Subject::Challenge))
            }
            ChallengeState::Open(_) | ChallengeState::Passed { .. } | ChallengeState::None => {
                Err(Error::NotFound(Subject::Challenge))
            }
        }
    }

    /// What is left of it once it was answered.
    #[must_use]
    pub fn passed(&self, open: &OpenChallenge) -> Self {
        let state = ChallengeState::Passed { ticket: open.ticket, expires_at: open.expires_at };
        Self { sent: self.sent.clone(), state }
    }

    /// The same with one wrong answer more.
    #[must_use]
    pub fn failed(&self, mut open: OpenChallenge, now: Timestamp) -> Self {
        open.tries = open.tries.and_wrong(now);
        Self { sent: self.sent.clone(), state: ChallengeState::Open(open) }
    }

    /// The last moment at which its content matters. `None` where it has none.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Option<Timestamp> {
        let of_state = match &self.state {
            ChallengeState::None => None,
            ChallengeState::Open(open) => Some(open.expires_at.max(open.tries.last.plus(policy.tries_reset_seconds))),
            ChallengeState::Passed { expires_at, .. } => Some(*expires_at),
        };
        of_state.max(self.sent.deadline())
    }
}
