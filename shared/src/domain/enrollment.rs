//! An enrolment: a factor on its way in. One item per user and factor type.
//!
//! ```text
//!            right code                      right code, to be bound later (Logto)
//!  Pending ─────────────▶ Confirmed   Pending ─────────────▶ Verified ──bind──▶ Confirmed
//!     │ a new request replaces it, and takes the wrong tries over
//!     ▼
//!  Pending                            Void: a request whose message was refused, with nothing before it; or one whose
//!                                     user is forgotten
//! ```

use super::account::Authorization;
use super::actor::Access;
use super::error::{Error, Subject};
use super::factor::{Candidate, FactorType};
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
    /// The kind of caller that it was made for.
    pub access: Access,
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
    /// What allowed its session to begin it, if anything did.
    pub authorized: Option<Authorization>,
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
        /// Wrong codes, which the next enrolment takes over: who guesses at one number's code does not get new tries by
        /// confirming another's.
        tries: Tries,
    },
    /// Nothing: its message was refused, or its user is forgotten.
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

impl Ticket {
    /// Whether this is the ticket of a claim by this kind of caller. The back end lends its authority to nothing that a
    /// user began, whoever hands it the token, and no session goes on where the back end began.
    #[must_use]
    pub fn is_of(&self, dialect: Dialect, access: Access, nonce: Option<&Nonce>) -> bool {
        self.dialect == dialect && self.access == access && nonce.is_none_or(|nonce| self.nonce.is_of(nonce))
    }
}

impl Enrollment {
    /// The enrolment that a claim names, if it is still alive, with the possession that was shown before. Item or not,
    /// what is past its time is expired.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`].
    pub fn claimed(
        self,
        claim: Claim<'_>,
        access: Access,
        now: Timestamp,
    ) -> Result<(Pending, Option<Possession>), Error> {
        let subject = Subject::Enrollment(claim.factor_type);
        let (pending, possession) = match self {
            Self::Pending(pending) => (pending, None),
            Self::Verified(pending, possession) => (pending, Some(possession)),
            // Who names none can't mean one that is done with.
            Self::Confirmed { ticket, .. }
                if claim.nonce.is_some() && ticket.is_of(claim.dialect, access, claim.nonce) =>
            {
                return Err(Error::AlreadyUsed(subject));
            }
            Self::Confirmed { .. } | Self::Void { .. } => return Err(Error::NotFound(subject)),
        };
        if !pending.ticket.is_of(claim.dialect, access, claim.nonce) {
            return Err(Error::NotFound(subject));
        }
        if now >= pending.expires_at { Err(Error::Expired(subject)) } else { Ok((pending, possession)) }
    }

    /// What allowed an enrolment that can still be confirmed.
    #[must_use]
    pub fn authorization(&self, now: Timestamp) -> Option<Authorization> {
        match self {
            Self::Pending(pending) | Self::Verified(pending, _) if now < pending.expires_at => pending.authorized,
            Self::Pending(_) | Self::Verified(..) | Self::Confirmed { .. } | Self::Void { .. } => None,
        }
    }

    /// The wrong tries that a new enrolment of the type takes over.
    #[must_use]
    pub fn carried_tries(&self, now: Timestamp, policy: &Policy) -> Tries {
        match self {
            Self::Pending(Pending { tries, .. })
            | Self::Verified(Pending { tries, .. }, _)
            | Self::Confirmed { tries, .. } => tries.carried(now, policy),
            Self::Void { .. } => Tries::default(),
        }
    }

    /// The last moment at which its content matters.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Timestamp {
        match self {
            Self::Pending(Pending { expires_at, tries, .. })
            | Self::Verified(Pending { expires_at, tries, .. }, _)
            | Self::Confirmed { expires_at, tries, .. } => {
                (*expires_at).max(tries.last.plus(policy.tries_reset_seconds))
            }
            Self::Void { since } => *since,
        }
    }
}

impl Pending {
    /// What is left of it once it has become a factor.
    #[must_use]
    pub fn confirmed(&self) -> Enrollment {
        Enrollment::Confirmed { ticket: self.ticket, expires_at: self.expires_at, tries: self.tries }
    }

    /// The same with one wrong code more.
    #[must_use]
    pub fn failed(mut self, now: Timestamp) -> Self {
        self.tries = self.tries.and_wrong(now);
        self
    }
}
