//! A challenge: a code sent to an enrolled factor, waiting for its answer. One item per user and factor.
//!
//! ```text
//!  None ──send──▶ Open ──right code──▶ Passed ──send──▶ Open
//!                  │ ▲ a resend replaces the code and keeps the count of wrong tries
//!                  └─┘
//! ```
//! The log of sent messages is kept in every state, so an answer allows no additional messages.

use super::actor::Access;
use super::enrollment::Ticket;
use super::error::{CodeKind, Error, Subject};
use super::factor::passkey::NONCE_LENGTH;
use super::grant::{Allowed, Beginning};
use super::ids::FactorId;
use super::limits::{SendLog, Tries};
use super::policy::Policy;
use super::secret::Digest;
use super::time::Timestamp;
use super::token::ChallengeId;
use super::transaction::{TransactionHash, TransactionProblem};
use super::vault::Vault;

/// The challenge of a factor, and the messages that were sent to the factor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// The messages sent to the factor, for its limits.
    pub sent: SendLog,
    /// The state of the challenge that was sent last.
    pub state: ChallengeState,
}

/// The states of a challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChallengeState {
    /// There is no challenge: none was sent, its message was refused, or its user was forgotten.
    #[default]
    None,
    /// The challenge waits for its answer.
    Open(OpenChallenge),
    /// The challenge was passed.
    Passed {
        /// The stored part of the challenge's id.
        ticket: Ticket,
        /// The time at which the challenge would have expired.
        expires_at: Timestamp,
    },
}

/// A challenge that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChallenge {
    /// The stored part of the challenge's id.
    pub ticket: Ticket,
    /// The authority under which it began. The next change of factors ends it, unless the session that asked for it
    /// keeps a recent check.
    pub allowed: Allowed,
    /// The expected answer.
    pub awaited: Awaited,
    /// The keyed digest of the transaction that the answer confirms, if the challenge is for one.
    pub transaction: Option<Digest>,
    /// The time at which it expires.
    pub expires_at: Timestamp,
    /// Wrong answers so far.
    pub tries: Tries,
}

/// The expected answer to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The keyed digest of the passcode that was sent.
    Passcode(Digest),
    /// The signature of any passkey over the challenge with this nonce.
    Passkey([u8; NONCE_LENGTH]),
}

impl OpenChallenge {
    /// The actor that began it, and the authority under which it began.
    #[must_use]
    pub fn beginning(&self) -> Beginning {
        Beginning { by: self.ticket.by, allowed: self.allowed }
    }

    /// Whether the challenge to this factor is for another transaction than that of the answer, or for none where the
    /// answer has one.
    ///
    /// # Errors
    /// [`Error::TransactionRefused`] if the challenge is for a transaction and the answer has none. As [`Vault::open`].
    pub fn is_of_another(
        &self,
        given: Option<&TransactionHash>,
        factor: &FactorId,
        vault: &dyn Vault,
    ) -> Result<bool, Error> {
        match (&self.transaction, given) {
            (None, None) => Ok(false),
            (Some(_), None) => {
                Err(Error::TransactionRefused(TransactionProblem::new("", "is missing: the challenge is for one")))
            }
            (Some(bound), Some(hash)) => {
                Ok(*bound != vault.transaction_digest(bound.version, factor, self.ticket.nonce, hash)?)
            }
            (None, Some(_)) => Ok(true),
        }
    }
}

impl Challenge {
    /// The count of wrong tries that a new challenge takes over, if one may be sent now.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub fn carried_tries(&self, kind: CodeKind, now: Timestamp, policy: &Policy) -> Result<Tries, Error> {
        let ChallengeState::Open(open) = &self.state else { return Ok(Tries::default()) };
        let tries = open.tries.carried(now, policy);
        tries.admit(kind, now, policy)?;
        Ok(tries)
    }

    /// The open challenge of an id, if it can still be answered.
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

    /// Marks an open challenge as passed.
    pub fn pass(&mut self) {
        if let ChallengeState::Open(open) = &self.state {
            self.state = ChallengeState::Passed { ticket: open.ticket, expires_at: open.expires_at };
        }
    }

    /// Counts a wrong answer and returns the new count.
    pub fn count_wrong(&mut self, now: Timestamp) -> Tries {
        match &mut self.state {
            ChallengeState::Open(open) => {
                open.tries = open.tries.and_wrong(now);
                open.tries
            }
            ChallengeState::Passed { .. } | ChallengeState::None => Tries::default(),
        }
    }

    /// Handles a clock that may have stepped back: waits are counted as [`super::limits::Moment`] says, and a challenge
    /// from the future ends.
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

    /// The last moment at which the content matters. `None` if there is no content.
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
