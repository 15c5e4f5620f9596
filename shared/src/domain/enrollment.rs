//! An enrolment: a factor on its way in. One item per user and factor type.
//!
//! ```text
//!            right code                      right code, to be bound later
//!  Pending ─────────────▶ Confirmed   Pending ─────────────▶ Verified ──bind──▶ Confirmed
//!     │ a new request replaces it, and takes the wrong tries over
//!     ▼
//!  Pending                            None: there is none, its message was refused, or its user is forgotten
//! ```

use super::account::Account;
use super::actor::{Access, Actor};
use super::error::{Error, Subject};
use super::factor::{Candidate, FactorType};
use super::grant::{Allowed, Beginning};
use super::limits::Tries;
use super::policy::Policy;
use super::possession::Possession;
use super::recovery::RecoverySet;
use super::time::Timestamp;
use super::token::{EnrollmentToken, Nonce, NonceDigest, Realm};

/// What the store keeps of a token or an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Where it counts.
    pub realm: Realm,
    /// Whoever it was made for.
    pub by: Actor,
    /// Its nonce's digest.
    pub nonce: NonceDigest,
}

/// A factor on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The token it answers to.
    pub ticket: Ticket,
    /// What it will become.
    pub candidate: Candidate,
    /// What allowed it to begin.
    pub allowed: Allowed,
    /// Until when it can be confirmed.
    pub expires_at: Timestamp,
    /// Wrong codes.
    pub tries: Tries,
    /// Recovery codes that count from the confirmation on.
    pub recovery: Option<RecoverySet>,
}

/// The states of an enrolment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Enrollment {
    /// There is none: none was begun, its message was refused, or its user is forgotten.
    #[default]
    None,
    /// It waits for its code.
    Pending(Draft),
    /// Its code was right; it waits to be bound.
    Verified(Draft, Possession),
    /// It has become a factor.
    Confirmed {
        /// The token it answered to.
        ticket: Ticket,
        /// Until when it could have been confirmed.
        expires_at: Timestamp,
        /// Wrong codes, which the next enrolment takes over: confirming one number earns no new tries at another.
        tries: Tries,
    },
}

/// How a client names an enrolment.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// Where it was begun.
    pub realm: Realm,
    /// The type of factor.
    pub factor_type: FactorType,
    /// The token's nonce. `None`: the client holds no token, and the user's one enrolment of the type is meant.
    pub nonce: Option<&'a Nonce>,
}

impl<'a> From<&'a EnrollmentToken> for Claim<'a> {
    fn from(token: &'a EnrollmentToken) -> Self {
        Self { realm: token.realm, factor_type: token.factor_type, nonce: Some(&token.nonce) }
    }
}

impl Ticket {
    /// Whether this is the ticket of a claim by this kind of caller. The back end lends its authority to nothing that a
    /// user began, whoever hands it the token, and no session goes on where the back end began.
    #[must_use]
    pub fn is_of(&self, realm: Realm, access: Access, nonce: Option<&Nonce>) -> bool {
        self.realm == realm && self.by.access() == access && nonce.is_none_or(|nonce| self.nonce.is_of(nonce))
    }
}

impl Draft {
    /// Who began it, and what allowed that.
    #[must_use]
    pub fn beginning(&self) -> Beginning {
        Beginning { by: self.ticket.by, allowed: self.allowed }
    }

    /// What is left of it once it has become a factor.
    #[must_use]
    pub fn confirmed(&self) -> Enrollment {
        Enrollment::Confirmed { ticket: self.ticket, expires_at: self.expires_at, tries: self.tries }
    }
}

impl Enrollment {
    /// The draft that a claim names, if it can still be confirmed, with the possession that was shown before. A draft past
    /// its time is expired, whether or not the store has deleted it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`].
    pub fn claimed(
        &self,
        claim: Claim<'_>,
        access: Access,
        now: Timestamp,
    ) -> Result<(&Draft, Option<&Possession>), Error> {
        let subject = Subject::Enrollment(claim.factor_type);
        let (draft, possession) = match self {
            Self::Pending(draft) => (draft, None),
            Self::Verified(draft, possession) => (draft, Some(possession)),
            // A claim without a nonce never refers to a confirmed enrolment.
            Self::Confirmed { ticket, .. }
                if claim.nonce.is_some() && ticket.is_of(claim.realm, access, claim.nonce) =>
            {
                return Err(Error::AlreadyUsed(subject));
            }
            Self::Confirmed { .. } | Self::None => return Err(Error::NotFound(subject)),
        };
        if !draft.ticket.is_of(claim.realm, access, claim.nonce) {
            return Err(Error::NotFound(subject));
        }
        if now.is_over(draft.expires_at) { Err(Error::Expired(subject)) } else { Ok((draft, possession)) }
    }

    /// Whether it can still be finished.
    #[must_use]
    pub fn is_standing(&self, account: &Account, now: Timestamp, policy: &Policy) -> bool {
        match self {
            Self::Pending(draft) | Self::Verified(draft, _) => {
                !now.is_over(draft.expires_at) && account.is_standing(draft.beginning(), now, policy)
            }
            Self::Confirmed { .. } | Self::None => false,
        }
    }

    /// Wrong codes. They outlive a confirmation.
    fn tries(&self) -> Tries {
        match self {
            Self::Pending(draft) | Self::Verified(draft, _) => draft.tries,
            Self::Confirmed { tries, .. } => *tries,
            Self::None => Tries::default(),
        }
    }

    /// The wrong tries that a new enrolment of the type takes over.
    #[must_use]
    pub fn carried_tries(&self, now: Timestamp, policy: &Policy) -> Tries {
        self.tries().carried(now, policy)
    }

    /// Counts a wrong code, and returns the count.
    pub fn count_wrong(&mut self, now: Timestamp) -> Tries {
        match self {
            Self::Pending(draft) | Self::Verified(draft, _) => draft.tries = draft.tries.and_wrong(now),
            Self::Confirmed { .. } | Self::None => {}
        }
        self.tries()
    }

    /// The clock may have stepped back: waits are reckoned accordingly, and a draft from the future is over.
    pub fn rewind(&mut self, now: Timestamp) {
        match self {
            Self::Pending(draft) | Self::Verified(draft, _) => {
                draft.tries.rewind(now);
                draft.expires_at = now.bounded_end(draft.expires_at);
            }
            Self::Confirmed { tries, .. } => tries.rewind(now),
            Self::None => {}
        }
    }

    /// The last moment at which its content matters. `None` where it has none.
    #[must_use]
    pub fn deadline(&self, policy: &Policy) -> Option<Timestamp> {
        match self {
            Self::Pending(Draft { expires_at, tries, .. })
            | Self::Verified(Draft { expires_at, tries, .. }, _)
            | Self::Confirmed { expires_at, tries, .. } => {
                Some((*expires_at).max(tries.last.at.plus(policy.tries_reset_seconds)))
            }
            Self::None => None,
        }
    }
}
