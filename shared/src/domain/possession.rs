//! The evidence that a code was right. Without one no factor can be made.

use super::secret::Digest;
use super::totp::Step;

/// Evidence that a person holds what they are enrolling or checking. Only a passed attempt makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possession(Option<Step>);

/// How a code compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was right.
    Right(Possession),
    /// It was right, but of a time step that was used before.
    Spent,
    /// It was wrong.
    Wrong,
}

impl Possession {
    pub(super) fn of_app(step: Step) -> Self {
        Self(Some(step))
    }

    /// The evidence that a verified, not yet bound enrolment keeps in the store.
    pub(crate) fn recorded(step: Option<Step>) -> Self {
        Self(step)
    }

    /// The time step that was used, of an authenticator app.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        self.0
    }
}

impl Attempt {
    /// Compares the digest of a given code with the stored one, in constant time.
    #[must_use]
    pub fn of_digest(stored: &Digest, given: &Digest) -> Self {
        if stored == given { Self::Right(Possession(None)) } else { Self::Wrong }
    }
}
