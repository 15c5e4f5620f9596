//! Who acts on an account.

use super::ids::Session;

/// A kind of caller. An enrolment or a challenge is finished by the kind of caller that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A user, with an access token.
    User,
    /// The application's back end, by AWS IAM: for any user.
    BackEnd,
}

/// Who acts on an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Its user, in a session.
    Session(Session),
    /// The back end. It answers for its own administrators, so it needs no recent check and earns none.
    BackEnd,
}

impl Actor {
    /// Which kind of caller.
    #[must_use]
    pub fn access(self) -> Access {
        match self {
            Self::Session(_) => Access::User,
            Self::BackEnd => Access::BackEnd,
        }
    }
}
