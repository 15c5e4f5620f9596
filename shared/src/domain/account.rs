//! An account: one user's factors, recovery codes, failed attempts and recent checks. It is stored as one item.

use super::actor::Actor;
use super::contact::{ContactOfRecord, Destination};
use super::error::{Error, Subject};
use super::factor::passkey::{self, CredentialId, UserHandle};
use super::factor::{Candidate, Factor, FactorSummary, FactorType, Method, Opened, Place, Setup};
use super::grant::{Allowed, Beginning, Epoch, Grant};
use super::ids::{FactorId, Label};
use super::policy::Policy;
use super::possession::Possession;
use super::receipt::{Level, PassedCheck};
use super::recovery::RecoverySet;
use super::time::Timestamp;
use super::vault::Vault;

/// The most sessions whose recent checks are kept: a phone, a laptop and two more.
const SESSIONS: usize = 4;

/// The account of one user. A user without an item has the default, an empty account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The current epoch. Every change of factors raises it.
    pub(crate) epoch: Epoch,
    pub(crate) factors: Vec<Factor>,
    /// The current recovery codes. `None`: the account never had any, or lost them with its last factor.
    pub(crate) recovery: Option<RecoverySet>,
    /// Recent checks, the oldest first, of a few sessions. A later check by e-mail stands beside a stronger one.
    pub(crate) grants: Vec<Grant>,
    /// The contact that was confirmed before the first factor.
    pub(crate) contact: Option<ContactOfRecord>,
    /// The handle of the user in passkeys. `None` before the first one.
    pub(crate) user_handle: Option<UserHandle>,
}

/// A change of factors or recovery codes. Any change may follow a compromise, so each one revokes what other sessions
/// were allowed to do or had begun.
pub enum Change {
    /// A candidate becomes a factor.
    Bind {
        /// The candidate.
        candidate: Candidate,
        /// The evidence that the candidate's proof was right.
        possession: Possession,
        /// Recovery codes that replace the current ones. `None` keeps the current ones.
        codes: Option<RecoverySet>,
        /// The contact that was confirmed for it. `None` keeps the account's.
        contact: Option<Box<ContactOfRecord>>,
    },
    /// Factors are removed. The recovery codes are removed with the last factor. So is a face that would be left alone.
    Remove(Vec<FactorId>),
    /// New recovery codes replace the old set.
    ReplaceCodes(RecoverySet),
    /// The user is forgotten. Only the epoch stays.
    Forget,
}

impl Account {
    /// The current epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The factors, in the order they were enrolled.
    #[must_use]
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// The factors of one type.
    pub fn of_type(&self, factor_type: FactorType) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(move |factor| factor.factor_type() == factor_type)
    }

    /// Finds a factor by its id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn factor(&self, id: &FactorId) -> Result<&Factor, Error> {
        self.factors.iter().find(|factor| factor.id() == id).ok_or(Error::NotFound(Subject::Factor))
    }

    /// Finds a factor by its id, to record the result of a check. Only [`Account::change`] adds and removes factors.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn factor_mut(&mut self, id: &FactorId) -> Result<&mut Factor, Error> {
        self.factors.iter_mut().find(|factor| factor.id() == id).ok_or(Error::NotFound(Subject::Factor))
    }

    /// The passkeys, with the ids of their factors.
    pub fn passkeys(&self) -> impl Iterator<Item = (&FactorId, &passkey::Method)> {
        self.factors.iter().filter_map(|factor| match factor.method() {
            Method::Passkey(method) => Some((factor.id(), method)),
            Method::Totp(_) | Method::Passcode(_) | Method::Face(_) => None,
        })
    }

    /// The passkey with this credential.
    #[must_use]
    pub fn passkey(&self, credential: &CredentialId) -> Option<(&FactorId, &passkey::Method)> {
        self.passkeys().find(|(_, method)| method.credential.id == *credential)
    }

    /// The face.
    #[must_use]
    pub fn face(&self) -> Option<&Factor> {
        self.of_type(FactorType::Face).next()
    }

    /// Whether the account has a factor beside a face.
    #[must_use]
    pub fn has_more_than_a_face(&self) -> bool {
        self.factors.iter().any(|factor| factor.factor_type() != FactorType::Face)
    }

    /// The handle of the user in passkeys.
    #[must_use]
    pub fn user_handle(&self) -> Option<&UserHandle> {
        self.user_handle.as_ref()
    }

    /// The summaries of all factors, for their owner.
    ///
    /// # Errors
    /// As [`Factor::open`].
    pub fn summaries(&self, vault: &dyn Vault) -> Result<Vec<FactorSummary>, Error> {
        self.factors.iter().map(|factor| factor.summary(vault)).collect()
    }

    /// The number of recovery codes that are left.
    #[must_use]
    pub fn remaining_recovery_codes(&self) -> usize {
        self.recovery.as_ref().map_or(0, RecoverySet::remaining)
    }

    /// The recovery codes, to spend one.
    pub fn recovery_mut(&mut self) -> Option<&mut RecoverySet> {
        self.recovery.as_mut()
    }

    /// The contact of record, to note that it hears of a change.
    pub fn contact_mut(&mut self) -> Option<&mut ContactOfRecord> {
        self.contact.as_mut()
    }

    /// The authority under which the actor may begin a change of factors: a recent check of the session, an account
    /// without a factor, or the back end. [`Allowed::NotYet`]: the session must pass a check first.
    #[must_use]
    pub fn allowed(&self, actor: Actor, now: Timestamp, policy: &Policy) -> Allowed {
        match actor {
            Actor::BackEnd => Allowed::Beginner(self.epoch),
            Actor::Session(_) if self.factors.is_empty() => Allowed::AnySession(self.epoch),
            Actor::Session(_) if self.has_recent_check(actor, now, policy) => Allowed::Beginner(self.epoch),
            Actor::Session(_) => Allowed::NotYet,
        }
    }

    /// The actor and the authority of a new challenge. If a session asked for it, any session of the user may answer
    /// it. If the back end asked for it, only the back end may answer it.
    #[must_use]
    pub fn challenge_begins(&self, actor: Actor) -> Beginning {
        let allowed = match actor {
            Actor::BackEnd => Allowed::Beginner(self.epoch),
            Actor::Session(_) => Allowed::AnySession(self.epoch),
        };
        Beginning { by: actor, allowed }
    }

    /// Whether the actor may now finish an enrolment or a challenge. There are two ways. Either it was allowed to this
    /// actor, and no factor has changed since. Or this actor's own session began it and holds a recent check.
    #[must_use]
    pub fn may_finish(&self, beginning: Beginning, actor: Actor, now: Timestamp, policy: &Policy) -> bool {
        let is_current = match beginning.allowed {
            Allowed::NotYet => false,
            Allowed::AnySession(epoch) => self.is_in(epoch) && beginning.by.access() == actor.access(),
            Allowed::Beginner(epoch) => self.is_in(epoch) && beginning.by == actor,
        };
        is_current || beginning.by == actor && self.has_recent_check(actor, now, policy)
    }

    /// Whether the actor that began an enrolment or a challenge can still finish it.
    #[must_use]
    pub fn is_standing(&self, beginning: Beginning, now: Timestamp, policy: &Policy) -> bool {
        self.may_finish(beginning, beginning.by, now, policy)
    }

    /// Whether no factor has changed since this epoch. This also holds for the default account: the store deletes the
    /// item of an account only after it was without factors for longer than an enrolment lives.
    #[must_use]
    pub fn is_in(&self, epoch: Epoch) -> bool {
        epoch == self.epoch || *self == Self::default()
    }

    /// The recent checks of the actor's session in the current epoch, the newest first.
    pub fn recent_checks(&self, actor: Actor, now: Timestamp, policy: &Policy) -> impl Iterator<Item = &PassedCheck> {
        let is_recent = move |grant: &&Grant| {
            Actor::Session(grant.session) == actor
                && grant.epoch == self.epoch
                && now.is_within(policy.step_up_seconds, grant.check.at)
        };
        self.grants.iter().rev().filter(is_recent).map(|grant| &grant.check)
    }

    /// Whether the account still has the factor, or the set of recovery codes, that a check was passed with.
    #[must_use]
    pub fn still_has(&self, check: &PassedCheck) -> bool {
        match &check.factor {
            Some(id) => self.factor(id).is_ok(),
            None => self.recovery.as_ref().is_some_and(|set| set.issued_at() == check.bound_at),
        }
    }

    /// Whether the actor is a session with a recent check that lets it change factors.
    fn has_recent_check(&self, actor: Actor, now: Timestamp, policy: &Policy) -> bool {
        self.recent_checks(actor, now, policy).any(|check| self.lets_change(check.level))
    }

    /// Whether a recent check of this level lets its session change factors. While the account has a second factor, a
    /// check by e-mail does not: otherwise a thief of the mailbox would replace the stronger factor. The session that
    /// bound the account's first factor may always. A face never does.
    #[must_use]
    pub fn lets_change(&self, level: Level) -> bool {
        match level {
            Level::Face => false,
            level => !level.is_weak() || !self.has_second_factor(),
        }
    }

    fn has_second_factor(&self) -> bool {
        self.factors.iter().any(|factor| Level::of(factor.factor_type()).is_second_factor())
    }

    /// Records that a session passed a check. It replaces the session's check before, unless that one allows more. The
    /// back end gets no grant.
    pub fn note_check(&mut self, actor: Actor, check: PassedCheck, policy: &Policy) {
        let Actor::Session(session) = actor else { return };
        let is_replaced =
            |grant: &Grant| grant.session == session && (!check.level.is_weak() || grant.check.level.is_weak());
        let is_over = |grant: &Grant| !check.at.is_within(policy.step_up_seconds, grant.check.at);
        self.grants.retain(|grant| !is_replaced(grant) && !is_over(grant));
        self.grants.push(Grant { epoch: self.epoch, session, check });
        let mut newest = Vec::new();
        for grant in self.grants.iter().rev() {
            if !newest.contains(&grant.session) {
                newest.push(grant.session);
            }
        }
        newest.truncate(SESSIONS);
        self.grants.retain(|grant| newest.contains(&grant.session));
    }

    /// Checks that the account has room for one more factor and that the candidate's place is free.
    ///
    /// # Errors
    /// [`Error::TooManyFactors`], [`Error::AlreadyEnrolled`]; [`Error::OtherFactorRequired`] for a face that would be the
    /// only factor.
    pub fn require_room(&self, place: Place<'_>, vault: &dyn Vault, policy: &Policy) -> Result<(), Error> {
        if self.factors.len() >= policy.max_factors {
            return Err(Error::TooManyFactors);
        }
        match place {
            Place::App(label) => self.require_free_label(label, None),
            Place::Destination(destination) => self.require_new_destination(destination, vault),
            Place::Face if self.face().is_some() => Err(Error::AlreadyEnrolled(FactorType::Face)),
            Place::Face if !self.has_more_than_a_face() => Err(Error::OtherFactorRequired),
            Place::Passkey | Place::Face => Ok(()),
        }
    }

    /// Checks that no authenticator app except `except` has this label.
    fn require_free_label(&self, label: &Label, except: Option<&FactorId>) -> Result<(), Error> {
        let mut apps = self.of_type(FactorType::Totp).filter(|app| Some(app.id()) != except);
        if apps.any(|app| app.label() == label) { Err(Error::AlreadyEnrolled(FactorType::Totp)) } else { Ok(()) }
    }

    /// Checks that no factor of the account has this destination.
    fn require_new_destination(&self, destination: &Destination, vault: &dyn Vault) -> Result<(), Error> {
        for factor in self.of_type(destination.channel().into()) {
            match factor.open(vault)? {
                Some(Opened::Passcode(enrolled)) if enrolled.is_same(destination) => {
                    return Err(Error::AlreadyEnrolled(factor.factor_type()));
                }
                // The owner of an unreadable factor may enrol its destination anew.
                Some(Opened::Passcode(_) | Opened::Totp(_) | Opened::Passkey | Opened::Face) | None => {}
            }
        }
        Ok(())
    }

    /// Gives a factor another label. Each authenticator app of an account has a different label.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyEnrolled`].
    pub fn rename(&mut self, id: &FactorId, label: Label) -> Result<&Factor, Error> {
        match self.factor(id)?.method() {
            Method::Totp(_) => self.require_free_label(&label, Some(id))?,
            Method::Passcode(_) | Method::Passkey(_) | Method::Face(_) => {}
        }
        let factor = self.factor_mut(id)?;
        factor.rename(label);
        Ok(factor)
    }

    /// Adds or removes factors, or replaces the recovery codes. No other function does this. The change raises the
    /// epoch, which revokes what other sessions were allowed to do or had begun. The acting session keeps its recent
    /// check with its old time: with a new time, a series of changes would renew it for ever. Binding the first factor
    /// of an account counts as a check. Binding its first second factor lets a check by e-mail allow what it allowed
    /// before.
    ///
    /// # Errors
    /// [`Error::Internal`] if candidate and possession are of different kinds of factor.
    pub fn change(&mut self, change: Change, actor: Actor, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        let mut first = None;
        match change {
            Change::Bind { candidate, possession, codes, contact } => {
                if let Setup::Passkey(setup) = &candidate.setup {
                    self.user_handle = Some(setup.user_handle.clone());
                }
                let factor = Factor::bound(candidate, &possession, now)?;
                let enrolled = PassedCheck::enrolled(factor.id().clone(), now);
                let had_second_factor = self.has_second_factor();
                self.factors.push(factor);
                if self.factors.len() == 1 {
                    first = Some(enrolled);
                } else if !had_second_factor && self.has_second_factor() {
                    for grant in self.grants.iter_mut().filter(|grant| grant.check.level.is_weak()) {
                        grant.check = PassedCheck { at: grant.check.at, ..enrolled.clone() };
                    }
                }
                self.recovery = codes.or(self.recovery.take());
                self.contact = match (contact, self.contact.take()) {
                    // A person who adds and removes a first factor again and again gets no new notices.
                    (Some(new), Some(before)) => Some(ContactOfRecord { notices: before.notices, ..*new }),
                    (new, before) => new.map(|new| *new).or(before),
                };
            }
            Change::Remove(ids) => {
                self.factors.retain(|factor| !ids.contains(factor.id()));
                // A face is never the only factor.
                if !self.has_more_than_a_face() {
                    self.factors.clear();
                }
            }
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
        if let Some(enrolled) = first {
            self.note_check(actor, enrolled, policy);
        }
        Ok(())
    }

    /// Handles a clock that may have stepped back: delays are counted as [`super::limits::Moment`] says, and recent
    /// checks from the future are dropped.
    pub fn rewind(&mut self, now: Timestamp) {
        self.factors.iter_mut().for_each(|factor| factor.rewind(now));
        self.grants.retain(|grant| !now.is_far_behind(grant.check.at));
        if let Some(contact) = &mut self.contact {
            contact.notices.rewind(now);
        }
    }
}
