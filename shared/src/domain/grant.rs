//! Grants and epochs: one mechanism that allows a change of factors and revokes it, for recent checks, enrolments and
//! challenges.
//!
//! Every change of factors raises the account's epoch. A [`Grant`] is valid only in its own epoch. The session that
//! makes a change keeps its grant in the next epoch, with the old time. Every other session's grant is dropped.

use super::actor::Actor;
use super::ids::Session;
use super::receipt::PassedCheck;

/// A counter that every change of an account's factors or recovery codes raises by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch after the next change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A recent check: for `Policy::step_up_seconds` after it, its session may change factors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The epoch in which it is valid.
    pub epoch: Epoch,
    /// The session that passed the check.
    pub session: Session,
    /// The check. Its level decides what it allows: [`super::account::Account::lets_change`].
    pub check: PassedCheck,
}

/// The actor that began an enrolment or a challenge, and its authority. [`super::account::Account::may_finish`] decides
/// whether it may be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The session, or the back end.
    pub by: Actor,
    /// The authority under which it began.
    pub allowed: Allowed,
}

/// The authority under which an enrolment or a challenge began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// None yet: finishing it needs a recent check.
    NotYet,
    /// Any session of the user may finish it in this epoch: it needed no recent check.
    AnySession(Epoch),
    /// Only the actor that began it may finish it in this epoch: a session with a recent check, or the back end.
    Beginner(Epoch),
}
