//! Who acts on an account.

use super::ids::Session;

/// A kind of caller. What one begins, the other can't finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A user, with an access token of theirs.
    User,
    /// The application's back end, by AWS IAM: for any user.
    BackEnd,
}

impl Access {
    /// Its word in items. A user, the usual case, needs none.
    #[must_use]
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::User => None,
            Self::BackEnd => Some("backEnd"),
        }
    }

    /// The kind of caller of a word.
    #[must_use]
    pub fn from_word(word: Option<&str>) -> Option<Self> {
        [Self::User, Self::BackEnd].into_iter().find(|access| access.word() == word)
    }
}

/// Who acts on an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Its user, in a session.
    Session(Session),
    /// The back end. It answers for its own administrators, so it needs no presence; and none comes of what it does.
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
