//! The terms of a dialect: the rules that differ between wire formats. Each dialect has one value of [`Terms`]; the
//! rules know no dialect.

use super::token::Realm;

/// The terms of a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The realm of this dialect's tokens and ids.
    pub realm: Realm,
    /// The life of an enrolment, in seconds.
    pub enrollment_seconds: u64,
    /// The step of an enrolment that needs a recent check.
    pub check_needed: CheckNeeded,
    /// The number of authenticator apps that an account may have.
    pub apps: AppsAllowed,
    /// The recovery codes that an enrolment gives.
    pub recovery: RecoveryHandout,
}

/// The step of an enrolment that needs a recent check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckNeeded {
    /// The enrolment needs it to begin.
    ToBegin,
    /// The enrolment needs it to be bound.
    ToBind,
}

/// The number of authenticator apps that an account may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppsAllowed {
    /// Several, each with its own label.
    Several,
    /// One: the clients can't distinguish two.
    One,
}

/// The recovery codes that an account gets when a factor is enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryHandout {
    /// This many codes with the first factor.
    WithFirstFactor(usize),
    /// This many codes with every factor. They replace the old set.
    WithEveryFactor(usize),
    /// One code, shown when an app's enrolment begins. It becomes valid with the confirmation.
    ShownAtBeginning,
    /// No codes. The user asks for them separately.
    OnRequest,
}
