//! What allows a change of factors, and what ends that: one mechanism for recent checks, enrolments and challenges.
//!
//! Every change of factors raises the account's epoch. A [`Grant`] counts in its own epoch only. The session that makes a
//! change takes its grant over into the next epoch with its old time; every other session's grant is dropped.

use super::actor::Actor;
use super::ids::Session;
use super::time::Timestamp;

/// A number that every change of an account's factors raises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch after the next change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// A recent check: for some minutes after it, its session may change factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The epoch in which it counts.
    pub epoch: Epoch,
    /// The session that passed the check.
    pub session: Session,
    /// When it passed.
    pub at: Timestamp,
}

/// Who began an enrolment or a challenge, and what allowed it. [`super::account::Account::may_finish`] judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The session, or the back end.
    pub by: Actor,
    /// What allowed it.
    pub allowed: Allowed,
}

/// What allowed something to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Nothing: a recent check is asked for at the end.
    NotYet,
    /// In this epoch, any session of the user may finish it: it needed no recent check.
    AnySession(Epoch),
    /// In this epoch, whoever began it may finish it: a recent check allowed it, or the back end asked.
    Beginner(Epoch),
}
