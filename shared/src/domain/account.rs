//! An account: one person's factors, recovery codes, failures and recent checks. One document, one item.

use super::actor::Actor;
use super::contact::Destination;
use super::error::{Error, Subject};
use super::factor::{Candidate, Factor, FactorSummary, FactorType, Method, Place};
use super::grant::{Allowed, Beginning, Epoch, Grant};
use super::ids::{FactorId, Label};
use super::policy::Policy;
use super::possession::Possession;
use super::recovery::RecoverySet;
use super::time::Timestamp;
use super::vault::Vault;

/// Sessions whose recent check is kept: the phone's, the laptop's, and two more.
const GRANTS: usize = 4;

/// Everything that is known of one user. A user without one has the default: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Raised by every change of factors.
    pub(crate) epoch: Epoch,
    pub(crate) factors: Vec<Factor>,
    /// The current recovery codes. `None`: the account never had any, or lost them with its last factor.
    pub(crate) recovery: Option<RecoverySet>,
    /// Recent checks.
    pub(crate) grants: Vec<Grant>,
}

/// A change of factors. Each may follow a compromise, so each ends what other sessions were allowed or began.
pub enum Change {
    /// A candidate becomes a factor, and the account gets new recovery codes with it where there are any.
    Bind {
        /// The candidate.
        candidate: Candidate,
        /// The evidence that its proof was right.
        possession: Possession,
        /// The new recovery codes.
        codes: Option<RecoverySet>,
    },
    /// Factors are removed. With the last one go the recovery codes.
    Remove(Vec<FactorId>),
    /// New recovery codes: the old set is void.
    ReplaceCodes(RecoverySet),
    /// The user is forgotten: only the epoch stays.
    Forget,
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

    /// A factor, to note what came of a check. Factors come and go by [`Account::change`] alone.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn factor_mut(&mut self, id: &FactorId) -> Result<&mut Factor, Error> {
        self.factors.iter_mut().find(|factor| factor.id() == id).ok_or(Error::NotFound(Subject::Factor))
    }

    /// Every factor as its owner may see it.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn summaries(&self, vault: &dyn Vault) -> Result<Vec<FactorSummary>, Error> {
        self.factors.iter().map(|factor| factor.summary(vault)).collect()
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

    /// What a change of factors may begin under: a recent check of the session, an account without a factor, or the back
    /// end. [`Allowed::NotYet`]: a check is needed first.
    #[must_use]
    pub fn allowed(&self, actor: Actor, now: Timestamp, policy: &Policy) -> Allowed {
        match actor {
            Actor::BackEnd => Allowed::Beginner(self.epoch),
            Actor::Session(_) if self.factors.is_empty() => Allowed::AnySession(self.epoch),
            Actor::Session(_) if self.has_recent_check(actor, now, policy) => Allowed::Beginner(self.epoch),
            Actor::Session(_) => Allowed::NotYet,
        }
    }

    /// What a challenge begins under. One that a session asked for is answered by any session of the user; one of the back end
    /// by the back end.
    #[must_use]
    pub fn challenge_begins(&self, actor: Actor) -> Beginning {
        let allowed = match actor {
            Actor::BackEnd => Allowed::Beginner(self.epoch),
            Actor::Session(_) => Allowed::AnySession(self.epoch),
        };
        Beginning { by: actor, allowed }
    }

    /// Whether an actor may finish now what was begun: no factor has changed since it was allowed to them, or it is their
    /// own session's and that session holds a recent check.
    #[must_use]
    pub fn may_finish(&self, beginning: Beginning, actor: Actor, now: Timestamp, policy: &Policy) -> bool {
        let is_current = match beginning.allowed {
            Allowed::NotYet => false,
            Allowed::AnySession(epoch) => self.is_in(epoch) && beginning.by.access() == actor.access(),
            Allowed::Beginner(epoch) => self.is_in(epoch) && beginning.by == actor,
        };
        is_current || beginning.by == actor && self.has_recent_check(actor, now, policy)
    }

    /// Whether what was begun can still be finished by whoever began it.
    #[must_use]
    pub fn is_standing(&self, beginning: Beginning, now: Timestamp, policy: &Policy) -> bool {
        self.may_finish(beginning, beginning.by, now, policy)
    }

    /// Whether no factor has changed since this epoch. An account that nothing is known of any more has had no factor for
    /// longer than an enrolment lives: only then is it swept.
    fn is_in(&self, epoch: Epoch) -> bool {
        epoch == self.epoch || *self == Self::default()
    }

    /// Whether this session passed a check lately.
    fn has_recent_check(&self, actor: Actor, now: Timestamp, policy: &Policy) -> bool {
        self.grants.iter().any(|grant| {
            Actor::Session(grant.session) == actor
                && grant.epoch == self.epoch
                && now.is_within(policy.step_up_seconds, grant.at)
        })
    }

    /// Notes that a session passed a check. The back end earns no grant.
    pub fn note_check(&mut self, actor: Actor, now: Timestamp, policy: &Policy) {
        let Actor::Session(session) = actor else { return };
        self.grants.retain(|grant| grant.session != session && now.is_within(policy.step_up_seconds, grant.at));
        self.grants.push(Grant { epoch: self.epoch, session, at: now });
        let surplus = self.grants.len().saturating_sub(GRANTS);
        self.grants.drain(..surplus);
    }

    /// Whether a candidate fits in: there is room, and its place is not taken.
    ///
    /// # Errors
    /// [`Error::TooManyFactors`], [`Error::AlreadyEnrolled`].
    pub fn require_room(&self, place: Place<'_>, vault: &dyn Vault, policy: &Policy) -> Result<(), Error> {
        if self.factors.len() >= policy.max_factors {
            return Err(Error::TooManyFactors);
        }
        match place {
            Place::App(label) => self.require_free_label(label, None),
            Place::Destination(destination) => self.require_new_destination(destination, vault),
        }
    }

    /// Whether no authenticator app but `except` has this label.
    fn require_free_label(&self, label: &Label, except: Option<&FactorId>) -> Result<(), Error> {
        let mut apps = self.of_type(FactorType::Totp).filter(|app| Some(app.id()) != except);
        if apps.any(|app| app.label() == label) { Err(Error::AlreadyEnrolled(FactorType::Totp)) } else { Ok(()) }
    }

    /// Whether no factor of the account is sent to this destination.
    fn require_new_destination(&self, destination: &Destination, vault: &dyn Vault) -> Result<(), Error> {
        for factor in self.of_type(destination.channel().into()) {
            if factor.destination(vault)?.is_some_and(|enrolled| enrolled.is_same(destination)) {
                return Err(Error::AlreadyEnrolled(factor.factor_type()));
            }
        }
        Ok(())
    }

    /// Gives a factor another label. No two authenticator apps have the same.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyEnrolled`].
    pub fn rename(&mut self, id: &FactorId, label: Label) -> Result<&Factor, Error> {
        match self.factor(id)?.method() {
            Method::Totp(_) => self.require_free_label(&label, Some(id))?,
            Method::Passcode(_) => {}
        }
        let factor = self.factor_mut(id)?;
        factor.rename(label);
        Ok(factor)
    }

    /// Changes the factors or the recovery codes. There is no other way to. The epoch is raised: what other sessions were
    /// allowed or began is over. The acting session keeps its recent check, with its old time; else one change after another
    /// would renew it for ever. The first factor of an account is a check of its own.
    ///
    /// # Errors
    /// [`Error::Internal`] for the possession of something else.
    pub fn change(&mut self, change: Change, actor: Actor, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        let is_first = matches!(change, Change::Bind { .. }) && self.factors.is_empty();
        match change {
            Change::Bind { candidate, possession, codes } => {
                self.factors.push(Factor::bound(candidate, &possession, now)?);
                self.recovery = codes.or(self.recovery.take());
            }
            Change::Remove(ids) => self.factors.retain(|factor| !ids.contains(factor.id())),
            Change::ReplaceCodes(codes) => self.recovery = Some(codes),
            Change::Forget => *self = Self { epoch: self.epoch, ..Self::default() },
        }
        let current = self.epoch;
        self.epoch = current.next();
        self.grants.retain(|grant| Actor::Session(grant.session) == actor && grant.epoch == current);
        for grant in &mut self.grants {
            grant.epoch = self.epoch;
        }
        if self.factors.is_empty() {
            self.recovery = None;
            self.grants.clear();
        }
        if is_first {
            self.note_check(actor, now, policy);
        }
        Ok(())
    }

    /// The clock may have stepped back: delays are reckoned accordingly, and recent checks from the future are over.
    pub fn rewind(&mut self, now: Timestamp) {
        self.factors.iter_mut().for_each(|factor| factor.rewind(now));
        self.grants.retain(|grant| !now.is_far_behind(grant.at));
    }
}
