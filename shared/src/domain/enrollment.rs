//! An enrolment: a factor on its way in. One item per user and factor type.
//!
//! ```text
//!            right code                      right code, to be bound later (Logto)
//!  Pending ─────────────▶ Confirmed   Pending ─────────────▶ Verified ──bind──▶ Confirmed
//!     │ a new request replaces it, and takes the wrong tries over
//!     ▼
//!  Pending                            Void: a request whose message was refused, with nothing before it
//! ```

use super::error::{Error, Subject};
use super::factor::{Candidate, FactorType};
use super::ids::Epoch;
use super::limits::Tries;
use super::policy::Policy;
use super::possession::Possession;
use super::recovery::RecoverySet;
use super::time::Timestamp;
use super::token::{Dialect, EnrollmentToken, Nonce, NonceDigest};

/// What the store keeps of a token or an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The dialect that made it.
    pub dialect: Dialect,
    /// Its nonce's digest.
    pub nonce: NonceDigest,
}

/// An enrolment that waits for its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The token it answers to.
    pub ticket: Ticket,
    /// What it will become.
    pub candidate: Candidate,
    /// The epoch under which its session was allowed to begin it, if it was.
    pub authorized: Option<Epoch>,
    /// Until when it can be confirmed.
    pub expires_at: Timestamp,
    /// Wrong codes.
    pub tries: Tries,
    /// Recovery codes that live from the confirmation on (GenAuth shows its one before).
    pub recovery: Option<RecoverySet>,
}

/// The states of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrollment {
    /// Waits for its code.
    Pending(Pending),
    /// Its code was right; it waits to be bound.
    Verified(Pending, Possession),
    /// It has become a factor.
    Confirmed {
        /// The token it answered to.
        ticket: Ticket,
        /// Until when it could have been confirmed.
        expires_at: Timestamp,
    },
    /// Nothing: its message was refused.
    Void {
        /// Since when.
        since: Timestamp,
    },
}

/// How a client names an enrolment.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// The type of factor.
    pub factor_type: FactorType,
    /// The token's nonce; the profile dialect has no token, there the user is enough.
    pub nonce: Option<&'a Nonce>,
}

impl<'a> From<&'a EnrollmentToken> for Claim<'a> {
    fn from(token: &'a EnrollmentToken) -> Self {
        Self { dialect: token.dialect, factor_type: token.factor_type, nonce: Some(&token.nonce) }
    }
}

/// An enrolment that a claim found alive.
pub enum Live {
    /// It waits for its code.
    Pending(Pending),
    /// It waits to be bound.
    Verified(Pending, Possession),
}

impl Ticket {
    /// Whether this is the ticket of a claim.
    #[must_use]
    pub fn is_of(&self, dialect: Dialect, nonce: Option<&Nonce>) -> bool {
        self.dialect == dialect && nonce.is_none_or(|nonce| self.nonce.is_of(nonce))
    }
}

impl Enrollment {
    /// The enrolment that a claim names, if it is still alive. Item or not, what is past its time is expired.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`].
    pub fn claimed(self, claim: Claim<'_>, now: Timestamp) -> Result<Live, Error> {
        let subject = Subject::Enrollment(claim.factor_type);
        let (ticket, expires_at, live) = match self {
            Self::Pending(pending) => (pending.ticket, pending.expires_at, Some(Live::Pending(pending))),
            Self::Verified(pending, possession) => {
                (pending.ticket, pending.expires_at, Some(Live::Verified(pending, possession)))
            }
            // Who names none can't mean one that is done with.
            Self::Confirmed { ticket, expires_at } if claim.nonce.is_some() => (ticket, expires_at, None),
            Self::Confirmed { .. } | Self::Void { .. } => return Err(Error::NotFound(subject)),
        };
        if !ticket.is_of(claim.dialect, claim.nonce) {
            return Err(Error::NotFound(subject));
        }
        let live = live.ok_or(Error::AlreadyUsed(subject))?;
        if now >= expires_at { Err(Error::Expired(subject)) } else { Ok(live) }
    }

    /// The wrong tries that a new enrolment of the type takes over.
    #[must_use]
    pub fn carried_tries(&self, now: Timestamp, policy: &Policy) -> Tries {
        match self {
            Self::Pending(pending) | Self::Verified(pending, _) => pending.tries.carried(now, policy),
            Self::Confirmed { .. } | Self::Void { .. } => Tries::default(),
        }
    }

    /// The last moment at which its content matters.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Timestamp {
        match self {
            Self::Pending(pending) | Self::Verified(pending, _) => {
                pending.expires_at.max(pending.tries.last.plus(policy.tries_reset_seconds))
            }
            Self::Confirmed { expires_at, .. } => *expires_at,
            Self::Void { since } => *since,
        }
    }
}

impl Pending {
    /// What is left of it once it has become a factor.
    #[must_use]
    pub fn confirmed(&self) -> Enrollment {
        Enrollment::Confirmed { ticket: self.ticket, expires_at: self.expires_at }
    }

    /// The same with one wrong code more.
    #[must_use]
    pub fn failed(mut self, now: Timestamp) -> Self {
        self.tries = self.tries.and_wrong(now);
        self
    }
}
