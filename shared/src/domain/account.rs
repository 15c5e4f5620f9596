//! An account: one person's factors, recovery codes, failures and presence. One document, one item.

use super::actor::Actor;
use super::error::{Error, Subject};
use super::factor::{Candidate, Factor, FactorType};
use super::ids::{Epoch, FactorId, Session};
use super::policy::Policy;
use super::possession::Possession;
use super::recovery::RecoverySet;
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

/// That a change of factors was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Under which epoch: it ends with the next change.
    pub epoch: Epoch,
    /// To which session; to whoever the enrolment is for, where the account had no factor or the back end asked.
    pub session: Option<Session>,
}

/// Everything that is known of one user. A user without one has the default: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Raised by every change of factors.
    pub(crate) epoch: Epoch,
    pub(crate) factors: Vec<Factor>,
    /// The current recovery codes. `None`: the account never had any, or lost them with its last factor.
    pub(crate) recovery: Option<RecoverySet>,
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

    /// How many recovery codes are left.
    #[must_use]
    pub fn remaining_recovery_codes(&self) -> usize {
        self.recovery.as_ref().map_or(0, RecoverySet::remaining)
    }

    /// The recovery codes, to spend one.
    pub fn recovery_mut(&mut self) -> Option<&mut RecoverySet> {
        self.recovery.as_mut()
    }

    /// What a change of factors would be allowed by now: the session's presence, that there is no factor, or that the
    /// back end asks.
    #[must_use]
    pub fn authorization(&self, actor: Actor, now: Timestamp, policy: &Policy) -> Option<Authorization> {
        let to = |session| Some(Authorization { epoch: self.epoch, session });
        match actor {
            Actor::BackEnd => to(None),
            Actor::Session(_) if self.factors.is_empty() => to(None),
            Actor::Session(session) if self.is_present(session, now, policy) => to(Some(session)),
            Actor::Session(_) => None,
        }
    }

    /// Whether no factor has changed since something was allowed. An account that nothing is known of any more has had
    /// no factor for longer than an enrolment lives: only then is it swept.
    #[must_use]
    pub fn is_current(&self, authorization: Authorization) -> bool {
        authorization.epoch == self.epoch || *self == Self::default()
    }

    /// Whether an enrolment that was allowed by `authorization` may be finished now by somebody whose kind of caller
    /// began it: it was allowed to their session or to any and nothing has changed since, or the session is present, or
    /// it is the back end.
    #[must_use]
    pub fn may_bind(
        &self,
        authorization: Option<Authorization>,
        actor: Actor,
        now: Timestamp,
        policy: &Policy,
    ) -> bool {
        let Actor::Session(session) = actor else { return true };
        let is_theirs = |allowed: Authorization| allowed.session.is_none_or(|allowed| allowed == session);
        authorization.is_some_and(|allowed| self.is_current(allowed) && is_theirs(allowed))
            || self.is_present(session, now, policy)
    }

    /// Whether this session passed a check lately.
    fn is_present(&self, session: Session, now: Timestamp, policy: &Policy) -> bool {
        self.presences
            .iter()
            .any(|presence| presence.session == session && now < presence.at.plus(policy.presence_seconds))
    }

    /// Notes that a session passed a check, or an enrolment. What the back end passes is nobody's presence.
    pub fn note_presence(&mut self, actor: Actor, now: Timestamp, policy: &Policy) {
        let Actor::Session(session) = actor else { return };
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

    /// Makes a candidate a factor, which is also a presence of the session, and ends that of every other.
    ///
    /// # Errors
    /// [`Error::Internal`] for the possession of something else.
    pub fn bind(
        &mut self,
        candidate: Candidate,
        possession: &Possession,
        actor: Actor,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<&Factor, Error> {
        let factor = Factor::bound(candidate, possession, now)?;
        self.end_other_presences(actor);
        self.raise_epoch();
        self.note_presence(actor, now, policy);
        Ok(self.factors.push_mut(factor))
    }

    /// Removes the factors that `doomed` picks, and every presence but that of the session that removes them: another
    /// may have come by what is removed. With the last factor go the recovery codes.
    pub fn remove(&mut self, actor: Actor, doomed: impl Fn(&Factor) -> bool) {
        self.factors.retain(|factor| !doomed(factor));
        self.end_other_presences(actor);
        if self.factors.is_empty() {
            self.recovery = None;
            self.presences.clear();
        }
        self.raise_epoch();
    }

    /// Replaces the set of recovery codes. The old set may have leaked: whatever another session was allowed, or began,
    /// before this ends here.
    pub fn replace_recovery(&mut self, actor: Actor, set: RecoverySet) {
        self.recovery = Some(set);
        self.end_other_presences(actor);
        self.raise_epoch();
    }

    /// What is left once its user is forgotten: the next epoch, so that nothing which was allowed before is finished
    /// after.
    #[must_use]
    pub fn forgotten(&self) -> Self {
        let mut left = Self { epoch: self.epoch, ..Self::default() };
        left.raise_epoch();
        left
    }

    fn end_other_presences(&mut self, actor: Actor) {
        self.presences.retain(|presence| actor == Actor::Session(presence.session));
    }

    fn raise_epoch(&mut self) {
        self.epoch = Epoch(self.epoch.0.wrapping_add(1));
    }
}
