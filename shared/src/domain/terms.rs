//! What a wire contract asks of the rules. Each dialect has one value of [`Terms`]; the rules know no dialect.

use super::token::Realm;

/// The terms of a dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Where tokens and ids of this dialect count.
    pub realm: Realm,
    /// How long an enrolment lives, in seconds.
    pub enrollment_seconds: u64,
    /// When an enrolment needs a recent check.
    pub check_needed: CheckNeeded,
    /// How many authenticator apps an account may have.
    pub apps: AppsAllowed,
    /// How recovery codes are handed out.
    pub recovery: RecoveryHandout,
}

/// When an enrolment needs a recent check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckNeeded {
    /// Where it begins.
    ToBegin,
    /// Where it is bound.
    ToBind,
}

/// How many authenticator apps an account may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppsAllowed {
    /// Several, each with its own label.
    Several,
    /// One: the clients can't tell two apart.
    One,
}

/// How an account gets recovery codes when a factor is enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryHandout {
    /// So many with the first factor.
    WithFirstFactor(usize),
    /// So many with every factor: the old set is void.
    WithEveryFactor(usize),
    /// One, shown when an app's enrolment begins. It counts from the confirmation on.
    ShownAtBeginning,
    /// None: they are asked for.
    OnRequest,
}
