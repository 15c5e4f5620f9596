//! Passing a check: an app's code, the answer to a challenge, or a recovery code.

use super::check::check;
pub use super::check::{Apps, PassedWith};
use super::engine::{Cx, Name, Outcome, UseCase, Work};
use super::receipt::{Receipt, Stated};
use super::{Caller, Service};
use crate::domain::challenge::Awaited;
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::passcode;
use crate::domain::possession::Attempt;
use crate::domain::receipt::Statement;
use crate::domain::secret::{Code, Passcode};
use crate::domain::time::Timestamp;
use crate::domain::token::ChallengeId;
use crate::domain::vault::Vault;

/// The app or the challenge that a code is for. A recovery code is recognised by its form and is for neither.
pub enum Answers {
    /// An authenticator app.
    App(Apps),
    /// A challenge.
    Challenge(ChallengeId),
}

/// A check that was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The factor or the recovery code that passed.
    pub with: PassedWith,
    /// Recovery codes that are left, if one was used.
    pub remaining_recovery_codes: Option<usize>,
    /// The time of the check.
    pub at: Timestamp,
    /// Its receipt. `None` if the operator has no receipts.
    pub receipt: Option<Receipt>,
}

impl Stated for Passed {
    fn statement(&self) -> Statement {
        let Self { with, at, .. } = self;
        let factor_id = with.factor_id().to_owned();
        Statement { level: with.level(), factor_id, bound_at: with.bound_at(), at: *at }
    }

    fn set_receipt(&mut self, receipt: Receipt) {
        self.receipt = Some(receipt);
    }
}

impl Service {
    /// Checks a code. If it passes, the caller's session has a recent check; the back end gets none.
    ///
    /// # Errors
    /// [`Error::IncorrectCode`], [`Error::CodeAlreadyUsed`], [`Error::NotEnrolled`], [`Error::FactorRequired`],
    /// [`Error::ChallengeRequired`], [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`],
    /// [`Error::TooManyAttempts`], [`Error::FactorLocked`], [`Error::Busy`].
    pub async fn verify(&self, caller: &Caller, code: &Code, answers: &Answers) -> Result<Passed, Error> {
        match (code, answers) {
            (Code::Digits(digits), Answers::Challenge(id)) => {
                self.run_for_receipt(caller, &Answer { digits, id }).await
            }
            (_, Answers::Challenge(_)) => self.run_for_receipt(caller, &Check { code, apps: &Apps::Only }).await,
            (_, Answers::App(apps)) => self.run_for_receipt(caller, &Check { code, apps }).await,
        }
    }
}

/// A check that needs only the account.
pub(super) struct Check<'a> {
    pub(super) code: &'a Code,
    pub(super) apps: &'a Apps,
}

impl UseCase for Check<'_> {
    type Reply = Passed;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Passed>, Error> {
        let with = check(work, cx, self.code, self.apps)?;
        let remaining_recovery_codes = match with {
            PassedWith::Recovery { .. } => Some(work.account()?.remaining_recovery_codes()),
            PassedWith::Factor { .. } => None,
        };
        Ok(Outcome::reply(Passed { with, remaining_recovery_codes, at: cx.now, receipt: None }))
    }
}

/// The answer to a challenge.
pub(super) struct Answer<'a> {
    pub(super) digits: &'a Passcode,
    pub(super) id: &'a ChallengeId,
}

impl UseCase for Answer<'_> {
    type Reply = Passed;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account, Name::Challenge(self.id.factor.clone())]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Passed>, Error> {
        let (id, factor_id) = (self.id, &self.id.factor);
        // The challenge of a removed factor is not found either.
        let gone = |_| Error::NotFound(Subject::Challenge);
        let factor_type = work.account()?.factor(factor_id).map_err(gone)?.factor_type();
        let kind = CodeKind::from(factor_type);
        work.rewind(&Name::Account, cx.now);
        work.rewind(&Name::Challenge(factor_id.clone()), cx.now);

        let open = work.challenge(factor_id)?.claimed(id, cx.caller.actor.access(), kind, cx.now, cx.policy())?;
        let account = work.account()?;
        if !account.may_finish(open.beginning(), cx.caller.actor, cx.now, cx.policy()) {
            return Err(Error::Expired(Subject::Challenge));
        }
        account.factor(factor_id)?.admit(cx.now, cx.policy())?;
        let attempt = match open.awaited {
            Awaited::Passcode(awaited) => {
                passcode::compare(cx.vault, factor_id, open.ticket.nonce, &awaited, self.digits)?
            }
        };
        match attempt {
            Attempt::Right(possession) => {
                let account = work.account_mut()?;
                let factor = account.factor_mut(factor_id)?;
                factor.passed(&possession, cx.vault, cx.now)?;
                let with = PassedWith::of(factor);
                account.note_check(cx.caller.actor, cx.now, cx.policy());
                work.challenge_mut(factor_id)?.pass();
                work.settle();
                Ok(Outcome::reply(Passed { with, remaining_recovery_codes: None, at: cx.now, receipt: None }))
            }
            Attempt::Spent | Attempt::Wrong => {
                let factor = work.account_mut()?.factor_mut(factor_id)?;
                factor.failed(cx.now);
                let before_a_delay = factor.attempts().remaining(cx.policy()).unwrap_or(0);
                let left = work.challenge_mut(factor_id)?.count_wrong(cx.now).remaining(cx.policy());
                work.settle();
                Err(Error::IncorrectCode { kind, remaining: Some(left.min(before_a_delay)) })
            }
        }
    }
}
