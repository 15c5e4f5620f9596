//! Checking a code against an account: authenticator apps and recovery codes, told apart by shape.

use super::sealed::{open_secret, step_up_required, reseal};
use super::{App, Caller};
use crate::domain::account::Account;
use crate::domain::actor::Actor;
use crate::domain::error::{CodeKind, Error};
use crate::domain::factor::{FactorType, Method};
use crate::domain::ids::FactorId;
use crate::domain::possession::Attempt;
use crate::domain::secret::{Code, Passcode, RecoveryCode};
use crate::domain::time::Timestamp;
use crate::domain::totp;
use crate::keys::Keyring;

/// Which authenticator app a code is for.
#[derive(Clone, Debug)]
pub enum Apps {
    /// This factor.
    One(FactorId),
    /// The only one there is.
    Only,
    /// Whichever matches: each is charged for a wrong code. For dialects without ids.
    Any,
}

/// What a code was right for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassedWith {
    /// A factor.
    Factor(FactorId, FactorType),
    /// A recovery code.
    Recovery,
}

/// A code that was looked at. Either way the account has changed, and must be committed before anyone is told.
pub(super) enum Checked {
    Passed(PassedWith),
    Failed(Error),
}

impl App {
    /// Looks at a code, and notes in the account what came of it.
    ///
    /// # Errors
    /// A refusal without a look at the code: nothing has changed, and nothing is to be committed.
    pub(super) fn check(
        &self,
        keys: &Keyring,
        caller: &Caller,
        account: &mut Account,
        code: &Code,
        apps: &Apps,
        now: Timestamp,
    ) -> Result<Checked, Error> {
        let checked = match code {
            Code::Digits(digits) => self.check_apps(keys, caller, account, digits, apps, now)?,
            Code::Recovery(code) => check_recovery(keys, caller, account, code)?,
            Code::Other => return Err(Error::IncorrectCode { kind: CodeKind::Totp, remaining: None }),
        };
        if let Checked::Passed(_) = checked {
            account.note_presence(caller.actor, now, self.policy());
        }
        Ok(checked)
    }

    /// What changing factors needs where no code can be given: a check that this session passed lately, or an account
    /// without a factor.
    ///
    /// # Errors
    /// [`Error::PresenceRequired`], [`Error::Busy`].
    pub async fn require_presence(&self, caller: &Caller) -> Result<(), Error> {
        let keys = &self.keyring().await?;
        let mut account = self.load_account(&caller.user).await?.value.unwrap_or_default();
        self.authorize(keys, caller, &mut account, None, &Apps::Only, self.now()).map(|_| ())
    }

    /// What changing factors needs: a check that this session passed lately, or a code that passes one now. The back end
    /// needs neither; a code that it hands over all the same decides.
    ///
    /// `Ok(Some(_))` is the failure of that code, to be committed with the account and then told.
    pub(super) fn authorize(
        &self,
        keys: &Keyring,
        caller: &Caller,
        account: &mut Account,
        code: Option<&Code>,
        apps: &Apps,
        now: Timestamp,
    ) -> Result<Option<Error>, Error> {
        let is_allowed = account.authorization(caller.actor, now, self.policy()).is_some();
        let code = match (caller.actor, code) {
            (Actor::BackEnd, Some(code)) => code,
            _ if is_allowed => return Ok(None),
            (_, Some(code)) => code,
            (_, None) => return Err(step_up_required(keys, &caller.user, account)),
        };
        match self.check(keys, caller, account, code, apps, now)? {
            Checked::Passed(_) => Ok(None),
            Checked::Failed(error) => Ok(Some(error)),
        }
    }

    fn check_apps(
        &self,
        keys: &Keyring,
        caller: &Caller,
        account: &mut Account,
        digits: &Passcode,
        apps: &Apps,
        now: Timestamp,
    ) -> Result<Checked, Error> {
        let (mut wrong, mut delayed, mut is_spent) = (Vec::new(), None, false);
        for id in meant(account, apps)? {
            let factor = account.factor(&id)?;
            if let Err(error) = factor.admit(now, self.policy()) {
                delayed = Some(error);
                continue;
            }
            let Method::Totp { secret, parameters, used } = factor.method() else { continue };
            let plain = open_secret(keys, &caller.user, &id, secret)?;
            match totp::check(&plain, *parameters, digits, now, Some(*used)) {
                Attempt::Right(possession) => {
                    let factor = account.factor_mut(&id)?;
                    factor.passed(&possession, now);
                    reseal(keys, &caller.user, factor, self.randomness())?;
                    return Ok(Checked::Passed(PassedWith::Factor(id, FactorType::Totp)));
                }
                Attempt::Spent => is_spent = true,
                Attempt::Wrong => wrong.push(id),
            }
        }
        if is_spent {
            return Err(Error::CodeAlreadyUsed);
        }
        let mut remaining = None;
        for id in &wrong {
            let factor = account.factor_mut(id)?;
            factor.failed(now);
            remaining = factor.attempts().remaining(self.policy());
        }
        if wrong.is_empty() {
            return Err(delayed.unwrap_or(Error::NotEnrolled(FactorType::Totp)));
        }
        Ok(Checked::Failed(Error::IncorrectCode { kind: CodeKind::Totp, remaining }))
    }
}

/// Spends a recovery code. A wrong one is neither counted nor delayed, and writes nothing: a flood of them can't keep the
/// owner's own commit out.
fn check_recovery(
    keys: &Keyring,
    caller: &Caller,
    account: &mut Account,
    code: &RecoveryCode,
) -> Result<Checked, Error> {
    const INCORRECT: Error = Error::IncorrectCode { kind: CodeKind::Recovery, remaining: None };
    let set = account.recovery_mut().ok_or(INCORRECT)?;
    let given = keys.recovery_digest(set.version(), &caller.user, code)?;
    if set.spend(&given) { Ok(Checked::Passed(PassedWith::Recovery)) } else { Err(INCORRECT) }
}

/// The authenticator apps that a code may be for.
fn meant(account: &Account, apps: &Apps) -> Result<Vec<FactorId>, Error> {
    let ids = || account.of_type(FactorType::Totp).map(|factor| factor.id().clone()).collect::<Vec<_>>();
    match apps {
        Apps::Any => Ok(ids()),
        Apps::Only => match ids() {
            only if only.len() == 1 => Ok(only),
            _ => Err(Error::FactorRequired),
        },
        Apps::One(id) => match account.factor(id)?.method() {
            Method::Totp { .. } => Ok(vec![id.clone()]),
            Method::Sent { .. } => Err(Error::field("challengeId", "is needed for a factor whose code is sent")),
        },
    }
}
