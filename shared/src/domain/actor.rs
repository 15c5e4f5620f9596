//! The actor on an account: its user in a session, or the application's back end.

use super::ids::Session;

/// A kind of caller of a route. Only the kind of caller that began an enrolment or a challenge can finish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A user, with an access token.
    User,
    /// The application's back end, authenticated by AWS IAM. It may act for any user.
    BackEnd,
    /// A person in a hosted session, with the session's token.
    Hosted,
    /// Anyone, without an identity.
    Public,
}

/// The actor on an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The account's user, in this session.
    Session(Session),
    /// The back end. It is responsible for its own administrators, so it needs no recent check and gets none.
    BackEnd,
}

impl Actor {
    /// The kind of caller.
    #[must_use]
    pub fn access(self) -> Access {
        match self {
            Self::Session(_) => Access::User,
            Self::BackEnd => Access::BackEnd,
        }
    }
}
