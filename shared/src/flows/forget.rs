//! Forgetting a user: all of the user's documents are cleared in one commit.

use super::engine::{Cx, Name, Outcome, UseCase, Work};
use super::{Caller, Service};
use crate::domain::account::{Account, Change};
use crate::domain::actor::Actor;
use crate::domain::challenge::Challenge;
use crate::domain::enrollment::Enrollment;
use crate::domain::error::Error;
use crate::domain::factor::FactorType;
use crate::domain::hosted::Step;
use crate::domain::ids::FactorId;
use crate::domain::vault::Vault;

impl Service {
    /// Forgets the caller's user: factors, recovery codes, failed attempts, recent checks, enrolments and challenges.
    /// Only the back end may do this. Tombstones stay until their time to live ends. The limits of destinations belong
    /// to no user and stay.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], [`Error::Busy`]. An unknown user is no error.
    pub async fn forget(&self, caller: &Caller) -> Result<(), Error> {
        self.run(caller, &Forget).await
    }
}

pub(super) struct Forget;

/// The factors that may have a challenge, the passkeys together, the face, and the contact of record.
fn challenged(work: &Work) -> Vec<FactorId> {
    let factors = work.account().map(Account::factors).unwrap_or_default().iter();
    let factors = factors.filter(|factor| factor.is_challengeable()).map(|factor| factor.id().clone());
    let passkeys = work.account().is_ok_and(|account| account.passkeys().next().is_some());
    let face = work.account().is_ok_and(|account| account.face().is_some());
    factors
        .chain(passkeys.then(FactorId::any_passkey))
        .chain(face.then(FactorId::any_face))
        .chain([FactorId::contact_of_record()])
        .collect()
}

impl UseCase for Forget {
    type Reply = ();

    const STEP: Step = Step::Other;

    fn reads(&self, work: &Work, _: &dyn Vault) -> Vec<Name> {
        let enrollments = FactorType::ALL.into_iter().map(Name::Enrollment);
        [Name::Account]
            .into_iter()
            .chain(enrollments)
            .chain(challenged(work).into_iter().map(Name::Challenge))
            .collect()
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<()>, Error> {
        match cx.caller.actor {
            Actor::BackEnd => {}
            Actor::Session(_) => return Err(Error::Unauthorized),
        }
        if !work.is_anything_there() {
            return Ok(Outcome::reply(()));
        }
        for factor in challenged(work) {
            *work.challenge_mut(&factor)? = Challenge::default();
        }
        for factor_type in FactorType::ALL {
            *work.enrollment_mut(factor_type)? = Enrollment::None;
        }
        work.account_mut()?.change(Change::Forget, cx.caller.actor, cx.now, cx.policy())?;
        // Documents without an item are written too: a request that began before and would create one now meets a
        // conflict.
        work.write_all();
        Ok(Outcome::reply(()))
    }
}
