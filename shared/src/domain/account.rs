//! An account: one person's factors, recovery codes, failures and presence. One document, one item.

use super::error::{Error, Subject};
use super::factor::{Candidate, Factor, FactorType};
use super::ids::{Epoch, FactorId, Session};
use super::policy::Policy;
use super::possession::Possession;
use super::recovery::{Recovery, RecoverySet};
use super::time::Timestamp;

/// Sessions whose presence is remembered: the phone's, the laptop's, and two more.
const PRESENCES: usize = 4;

/// That a session passed a check, or an enrolment, at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Which session.
    pub session: Session,
    /// When.
    pub at: Timestamp,
}

/// Everything that is known of one user. A user without one has the default: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Raised by every change of factors.
    pub(crate) epoch: Epoch,
    pub(crate) factors: Vec<Factor>,
    pub(crate) recovery: Recovery,
    pub(crate) presences: Vec<Presence>,
}

impl Account {
    /// The factors, in the order they were enrolled.
    #[must_use]
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// The factors of one type.
    pub fn of_type(&self, factor_type: FactorType) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(move |factor| factor.factor_type() == factor_type)
    }

    /// A factor.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn factor(&self, id: &FactorId) -> Result<&Factor, Error> {
        self.factors.iter().find(|factor| factor.id() == id).ok_or(Error::NotFound(Subject::Factor))
    }

    /// A factor, to change it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn factor_mut(&mut self, id: &FactorId) -> Result<&mut Factor, Error> {
        self.factors.iter_mut().find(|factor| factor.id() == id).ok_or(Error::NotFound(Subject::Factor))
    }

    /// The recovery codes.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The recovery codes, to change them.
    pub fn recovery_mut(&mut self) -> &mut Recovery {
        &mut self.recovery
    }

    /// The epoch that a change of factors by this session would be allowed under now: the current one for a session
    /// that is present, and for anyone while there is no factor.
    #[must_use]
    pub fn authorized_epoch(&self, session: Session, now: Timestamp, policy: &Policy) -> Option<Epoch> {
        (self.factors.is_empty() || self.is_present(session, now, policy)).then_some(self.epoch)
    }

    /// Whether an enrolment that was allowed under `authorized` may be finished by this session: the session is
    /// present, or nothing has changed since.
    #[must_use]
    pub fn may_bind(&self, authorized: Option<Epoch>, session: Session, now: Timestamp, policy: &Policy) -> bool {
        authorized == Some(self.epoch) || self.is_present(session, now, policy)
    }

    /// Whether this session passed a check lately.
    fn is_present(&self, session: Session, now: Timestamp, policy: &Policy) -> bool {
        self.presences
            .iter()
            .any(|presence| presence.session == session && now < presence.at.plus(policy.presence_seconds))
    }

    /// Notes that this session passed a check, or an enrolment.
    pub fn note_presence(&mut self, session: Session, now: Timestamp, policy: &Policy) {
        self.presences
            .retain(|presence| presence.session != session && now < presence.at.plus(policy.presence_seconds));
        self.presences.push(Presence { session, at: now });
        let surplus = self.presences.len().saturating_sub(PRESENCES);
        self.presences.drain(..surplus);
    }

    /// Whether a candidate fits in: there is room, and no authenticator app has its label.
    ///
    /// # Errors
    /// [`Error::TooManyFactors`], [`Error::AlreadyEnrolled`].
    pub fn admit_candidate(&self, candidate: &Candidate, policy: &Policy) -> Result<(), Error> {
        if self.factors.len() >= policy.max_factors {
            return Err(Error::TooManyFactors);
        }
        let same_app = candidate.factor_type() == FactorType::Totp
            && self.of_type(FactorType::Totp).any(|factor| *factor.label() == candidate.label);
        if same_app { Err(Error::AlreadyEnrolled(FactorType::Totp)) } else { Ok(()) }
    }

    /// Makes a candidate a factor, which is also a presence of this session.
    pub fn bind(
        &mut self,
        candidate: Candidate,
        possession: &Possession,
        session: Session,
        now: Timestamp,
        policy: &Policy,
    ) -> &Factor {
        self.raise_epoch();
        self.note_presence(session, now, policy);
        let factor = Factor::bound(candidate, possession, now);
        self.factors.push_mut(factor)
    }

    /// Removes the factors that `doomed` picks. With the last one go the recovery codes and every presence.
    pub fn remove(&mut self, doomed: impl Fn(&Factor) -> bool) {
        self.factors.retain(|factor| !doomed(factor));
        if self.factors.is_empty() {
            self.recovery = Recovery::default();
            self.presences.clear();
        }
        self.raise_epoch();
    }

    /// A new set of recovery codes: the old one is void, and wrong guesses at it are forgotten.
    pub fn replace_recovery(&mut self, set: RecoverySet) {
        self.recovery = Recovery { set: Some(set), ..Recovery::default() };
    }

    fn raise_epoch(&mut self) {
        self.epoch = Epoch(self.epoch.0.wrapping_add(1));
    }
}
