//! The evidence that a proof was right. Without one no factor can be made.

use super::factor::totp::Step;

/// Evidence that a person holds what they are enrolling or checking. Only a passed attempt makes one; the store gives
/// one back where an enrolment was verified and is not yet bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possession(Evidence);

/// What was shown, for each kind of factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An app's code of this time step.
    Totp(Step),
    /// A passcode that was sent.
    Passcode,
}

/// How a proof compared.
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
    /// A possession that was recorded.
    pub(crate) fn recorded(evidence: Evidence) -> Self {
        Self(evidence)
    }

    /// What was shown.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.0
    }
}

impl Attempt {
    /// A right proof. Only the kinds of factor compare proofs.
    pub(super) fn right(evidence: Evidence) -> Self {
        Self::Right(Possession(evidence))
    }
}
