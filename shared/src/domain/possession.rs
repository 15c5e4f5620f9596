//! The evidence that a proof was right. No factor can be made without it.

use super::factor::passkey::{Asserted, Registered};
use super::factor::totp::Step;

/// Evidence that a person holds the factor that they enrol or check. Only a right attempt creates it. The store returns
/// it for an enrolment that is verified and not yet bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possession(Evidence);

/// The evidence of each kind of factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An app's code of this time step.
    Totp(Step),
    /// A passcode that was sent.
    Passcode,
    /// A new passkey, as its registration described it.
    Registered(Box<Registered>),
    /// The signature of an enrolled passkey.
    Asserted(Asserted),
    /// A photo of the face that a judge found similar, or, in an enrolment, fit for a reference.
    Face,
}

/// The result of comparing a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The proof is right.
    Right(Possession),
    /// The code is right, but its time step or a later one was used before.
    Spent,
    /// The proof is wrong.
    Wrong,
}

impl Possession {
    /// A possession from the store.
    pub(crate) fn recorded(evidence: Evidence) -> Self {
        Self(evidence)
    }

    /// The evidence.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.0
    }
}

impl Attempt {
    /// A right attempt. Only the modules of `factor` compare proofs.
    pub(super) fn right(evidence: Evidence) -> Self {
        Self::Right(Possession(evidence))
    }
}
