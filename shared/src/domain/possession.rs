//! The evidence that a code was right. Without one no factor can be made.

use super::secret::Digest;
use super::totp::Step;

/// Evidence that a person holds what they are enrolling or checking. Only a passed attempt makes one; the store gives
/// one back where an enrolment was verified and not yet bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possession(Evidence);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Evidence {
    /// An app's code, of this step.
    App(Step),
    /// A code that was sent.
    Sent,
}

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
    /// That an app showed the code of this step.
    pub(crate) fn of_app(step: Step) -> Self {
        Self(Evidence::App(step))
    }

    /// That a sent code arrived.
    pub(crate) fn of_sent() -> Self {
        Self(Evidence::Sent)
    }

    /// The time step that was used, of an authenticator app.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        match self.0 {
            Evidence::App(step) => Some(step),
            Evidence::Sent => None,
        }
    }
}

impl Attempt {
    /// Compares the digest of a given code with the stored one, in constant time.
    pub(crate) fn of_digest(stored: &Digest, given: &Digest) -> Self {
        if stored == given { Self::Right(Possession::of_sent()) } else { Self::Wrong }
    }
}
