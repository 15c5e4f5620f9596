//! An enrolment: a factor that waits for its confirmation. One item per user and factor type.
//!
//! ```text
//!            right code                      right code, to be bound later
//!  Pending ─────────────▶ Confirmed   Pending ─────────────▶ Verified ──bind──▶ Confirmed
//!     │ a new request replaces it and keeps the count of wrong tries (except for an app)
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

/// The stored part of an enrolment token or a challenge id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The realm in which it is valid.
    pub realm: Realm,
    /// The actor that it was made for.
    pub by: Actor,
    /// The digest of its nonce.
    pub nonce: NonceDigest,
}

/// An enrolment that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The stored part of its token.
    pub ticket: Ticket,
    /// The future factor.
    pub candidate: Candidate,
    /// The authority under which it began.
    pub allowed: Allowed,
    /// The time at which it expires.
    pub expires_at: Timestamp,
    /// Wrong codes so far.
    pub tries: Tries,
    /// Recovery codes that become valid with the confirmation.
    pub recovery: Option<RecoverySet>,
}

/// The states of an enrolment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Enrollment {
    /// There is no enrolment: none was begun, its message was refused, or its user was forgotten.
    #[default]
    None,
    /// The enrolment waits for its code.
    Pending(Draft),
    /// Its code was right. The enrolment waits to be bound.
    Verified(Draft, Possession),
    /// The enrolment has become a factor.
    Confirmed {
        /// The stored part of its token.
        ticket: Ticket,
        /// The time at which the enrolment would have expired.
        expires_at: Timestamp,
        /// Wrong codes. The next enrolment takes the count over, so confirming one number gives no new tries at
        /// another.
        tries: Tries,
    },
}

/// A client's reference to an enrolment.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// The realm in which it was begun.
    pub realm: Realm,
    /// The type of factor.
    pub factor_type: FactorType,
    /// The token's nonce. `None`: the client holds no token and means the user's only enrolment of the type.
    pub nonce: Option<&'a Nonce>,
}

impl<'a> From<&'a EnrollmentToken> for Claim<'a> {
    fn from(token: &'a EnrollmentToken) -> Self {
        Self { realm: token.realm, factor_type: token.factor_type, nonce: Some(&token.nonce) }
    }
}

impl Ticket {
    /// Whether realm, kind of caller and nonce match this ticket. The back end can't finish what a user began, even
    /// with the token, and a user can't finish what the back end began.
    #[must_use]
    pub fn is_of(&self, realm: Realm, access: Access, nonce: Option<&Nonce>) -> bool {
        self.realm == realm && self.by.access() == access && nonce.is_none_or(|nonce| self.nonce.is_of(nonce))
    }
}

impl Draft {
    /// The actor that began it, and the authority under which it began.
    #[must_use]
    pub fn beginning(&self) -> Beginning {
        Beginning { by: self.ticket.by, allowed: self.allowed }
    }

    /// The state of the enrolment after it has become a factor.
    #[must_use]
    pub fn confirmed(&self) -> Enrollment {
        Enrollment::Confirmed { ticket: self.ticket, expires_at: self.expires_at, tries: self.tries }
    }
}

impl Enrollment {
    /// The draft that a claim refers to, and its possession if its code was verified before. An expired draft is
    /// refused even while the store has not deleted it.
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

    /// Whether the actor that began it can still finish it.
    #[must_use]
    pub fn is_standing(&self, account: &Account, now: Timestamp, policy: &Policy) -> bool {
        match self {
            Self::Pending(draft) | Self::Verified(draft, _) => {
                !now.is_over(draft.expires_at) && account.is_standing(draft.beginning(), now, policy)
            }
            Self::Confirmed { .. } | Self::None => false,
        }
    }

    /// The count of wrong codes. It is kept after a confirmation.
    fn tries(&self) -> Tries {
        match self {
            Self::Pending(draft) | Self::Verified(draft, _) => draft.tries,
            Self::Confirmed { tries, .. } => *tries,
            Self::None => Tries::default(),
        }
    }

    /// The count of wrong tries that a new enrolment of the type takes over.
    #[must_use]
    pub fn carried_tries(&self, now: Timestamp, policy: &Policy) -> Tries {
        self.tries().carried(now, policy)
    }

    /// Counts a wrong code and returns the new count.
    pub fn count_wrong(&mut self, now: Timestamp) -> Tries {
        match self {
            Self::Pending(draft) | Self::Verified(draft, _) => draft.tries = draft.tries.and_wrong(now),
            Self::Confirmed { .. } | Self::None => {}
        }
        self.tries()
    }

    /// Handles a clock that may have stepped back: waits are counted as [`super::limits::Moment`] says, and a draft
    /// from the future ends.
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

    /// The last moment at which the content matters. `None` if there is no content.
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
