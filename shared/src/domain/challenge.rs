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
use super::grant::{Allowed, Beginning};
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
    /// What allowed it. It ends with the next change of factors.
    pub allowed: Allowed,
    /// What answers it.
    pub awaited: Awaited,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
    /// Wrong answers.
    pub tries: Tries,
}

/// What answers a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The passcode that was sent.
    Passcode(Digest),
}

impl OpenChallenge {
    /// Who began it, and what allowed that.
    #[must_use]
    pub fn beginning(&self) -> Beginning {
        Beginning { by: self.ticket.by, allowed: self.allowed }
    }
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
    ) -> Result<&OpenChallenge, Error> {
        match &self.state {
            ChallengeState::Open(open) if open.ticket.is_of(id.realm, access, Some(&id.nonce)) => {
                if now.is_over(open.expires_at) {
                    return Err(Error::Expired(Subject::Challenge));
                }
                open.tries.admit(kind, now, policy)?;
                Ok(open)
            }
            ChallengeState::Passed { ticket, .. } if ticket.is_of(id.realm, access, Some(&id.nonce)) => {
                Err(Error::AlreadyUsed(Subject::Challenge))
            }
            ChallengeState::Open(_) | ChallengeState::Passed { .. } | ChallengeState::None => {
                Err(Error::NotFound(Subject::Challenge))
            }
        }
    }

    /// It was answered.
    pub fn pass(&mut self) {
        if let ChallengeState::Open(open) = &self.state {
            self.state = ChallengeState::Passed { ticket: open.ticket, expires_at: open.expires_at };
        }
    }

    /// Counts a wrong answer, and returns the count.
    pub fn count_wrong(&mut self, now: Timestamp) -> Tries {
        match &mut self.state {
            ChallengeState::Open(open) => {
                open.tries = open.tries.and_wrong(now);
                open.tries
            }
            ChallengeState::Passed { .. } | ChallengeState::None => Tries::default(),
        }
    }

    /// The clock may have stepped back: waits are reckoned accordingly, and a challenge from the future is over.
    pub fn rewind(&mut self, now: Timestamp) {
        self.sent.rewind(now);
        match &mut self.state {
            ChallengeState::Open(open) => {
                open.tries.rewind(now);
                open.expires_at = now.bounded_end(open.expires_at);
            }
            ChallengeState::Passed { .. } | ChallengeState::None => {}
        }
    }

    /// The last moment at which its content matters. `None` where it has none.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Option<Timestamp> {
        let of_state = match &self.state {
            ChallengeState::None => None,
            ChallengeState::Open(open) => {
                Some(open.expires_at.max(open.tries.last.at.plus(policy.tries_reset_seconds)))
            }
            ChallengeState::Passed { expires_at, .. } => Some(*expires_at),
        };
        of_state.max(self.sent.deadline())
    }
}
