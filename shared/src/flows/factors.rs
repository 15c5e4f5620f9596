//! A user's enrolled factors: listing, renaming and removing them, and new recovery codes.

use super::check::{Apps, authorize, check};
use super::confirm::{NewCodes, recovery_codes};
use super::engine::{Cx, Name, Outcome, UseCase, Work};
use super::{Caller, Service, notice};
use crate::delivery::notices::Notice;
use crate::domain::account::Change;
use crate::domain::error::Error;
use crate::domain::factor::{FactorSummary, FactorType, Opened};
use crate::domain::hosted::Step;
use crate::domain::ids::{FactorId, Label};
use crate::domain::secret::{Code, RecoveryCode};
use crate::domain::vault::Vault;

/// Everything that a user has enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The factors, in the order they were enrolled.
    pub factors: Vec<FactorSummary>,
    /// Recovery codes that are left.
    pub remaining_recovery_codes: usize,
}

impl Service {
    /// The caller's factors, and the number of recovery codes that are left.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub async fn overview(&self, caller: &Caller) -> Result<Overview, Error> {
        let overview = |work: &mut Work, cx: &Cx<'_>| {
            let account = work.account()?;
            let remaining_recovery_codes = account.remaining_recovery_codes();
            Ok(Outcome::reply(Overview { factors: account.summaries(cx.vault)?, remaining_recovery_codes }))
        };
        let overview = self.run(caller, &OnAccount(overview)).await?;
        log_unreadable(&overview.factors);
        Ok(overview)
    }

    /// One of the caller's factors.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Busy`].
    pub async fn factor(&self, caller: &Caller, id: &FactorId) -> Result<FactorSummary, Error> {
        let factor = |work: &mut Work, cx: &Cx<'_>| work.account()?.factor(id)?.summary(cx.vault).map(Outcome::reply);
        let factor = self.run(caller, &OnAccount(factor)).await?;
        log_unreadable(std::slice::from_ref(&factor));
        Ok(factor)
    }

    /// Gives a factor another label. This needs a recent check or a code.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyEnrolled`] if another app has the label, [`Error::StepUpRequired`], the
    /// errors of a wrong code, [`Error::Busy`].
    pub async fn rename_factor(
        &self,
        caller: &Caller,
        id: &FactorId,
        label: &Label,
        code: Option<&Code>,
    ) -> Result<FactorSummary, Error> {
        self.run(caller, &rename(id, label, code)).await
    }

    /// Removes a factor. This needs a recent check or a code: the factor's own code if it is an app.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::StepUpRequired`], the errors of a wrong code, [`Error::Busy`].
    pub async fn remove_factor(&self, caller: &Caller, id: &FactorId, code: Option<&Code>) -> Result<(), Error> {
        let remove = |work: &mut Work, cx: &Cx<'_>| {
            let factor_type = work.account()?.factor(id)?.factor_type();
            authorize(work, cx, code, &own_app(work, cx, id)?)?;
            change(work, cx, Change::Remove(vec![id.clone()]), Notice::Removed(factor_type))
        };
        self.run(caller, &OnAccount(remove)).await
    }

    /// Makes a new set of recovery codes, which replaces the old one. This needs a recent check or a code.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`] without a factor, [`Error::StepUpRequired`], the errors of a wrong code, [`Error::Busy`].
    pub async fn new_recovery_codes(&self, caller: &Caller, code: Option<&Code>) -> Result<NewCodes, Error> {
        self.run(caller, &new_recovery_codes(code)).await
    }

    /// Removes the caller's authenticator apps. This needs a code of one of these apps, or a recovery code.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`] without an app, the errors of a wrong code, [`Error::Busy`].
    pub async fn remove_apps(&self, caller: &Caller, code: &Code) -> Result<(), Error> {
        let remove = |work: &mut Work, cx: &Cx<'_>| {
            let apps: Vec<_> = work.account()?.of_type(FactorType::Totp).map(|app| app.id().clone()).collect();
            if apps.is_empty() {
                return Err(Error::NotEnrolled(Some(FactorType::Totp)));
            }
            check(work, cx, code, &Apps::Any)?;
            change(work, cx, Change::Remove(apps), Notice::Removed(FactorType::Totp))
        };
        self.run(caller, &OnAccount(remove)).await
    }
}

/// A use case that needs only the account.
struct OnAccount<F>(F);

impl<T: Send, F: Fn(&mut Work, &Cx<'_>) -> Result<Outcome<T>, Error> + Sync> UseCase for OnAccount<F> {
    type Reply = T;

    const STEP: Step = Step::Manage;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<T>, Error> {
        (self.0)(work, cx)
    }
}

pub(super) fn rename<'a>(
    id: &'a FactorId,
    label: &'a Label,
    code: Option<&'a Code>,
) -> impl UseCase<Reply = FactorSummary> + 'a {
    OnAccount(move |work: &mut Work, cx: &Cx<'_>| {
        authorize(work, cx, code, &own_app(work, cx, id)?)?;
        work.account_mut()?.rename(id, label.clone())?.summary(cx.vault).map(Outcome::reply)
    })
}

pub(super) fn new_recovery_codes(code: Option<&Code>) -> impl UseCase<Reply = NewCodes> + '_ {
    OnAccount(move |work: &mut Work, cx: &Cx<'_>| {
        authorize(work, cx, code, &Apps::Only)?;
        if work.account()?.factors().is_empty() {
            return Err(Error::NotEnrolled(None));
        }
        let (codes, set) = recovery_codes::<{ RecoveryCode::SHORT }>(cx, cx.policy().recovery_codes)?;
        let Outcome { message, .. } = change(work, cx, Change::ReplaceCodes(set), Notice::NewRecoveryCodes)?;
        Ok(Outcome { reply: codes, message })
    })
}

/// Changes the account, and tells its contact of record.
fn change(work: &mut Work, cx: &Cx<'_>, change: Change, notice: Notice) -> Result<Outcome<()>, Error> {
    work.account_mut()?.change(change, cx.caller.actor, cx.now, cx.policy())?;
    Ok(Outcome { reply: (), message: notice::of_change(work, cx, notice)? })
}

/// The app whose code allows a change of this factor: the factor itself if it is an app that can be opened, else the
/// account's only other app.
fn own_app(work: &Work, cx: &Cx<'_>, id: &FactorId) -> Result<Apps, Error> {
    Ok(match work.account()?.factor(id)?.open(cx.vault)? {
        Some(Opened::Totp(_)) => Apps::One(id.clone()),
        Some(Opened::Passcode(_) | Opened::Passkey | Opened::Face) | None => Apps::Only,
    })
}

/// Tells the operator of a factor that can't be opened. Its owner sees it in the list.
fn log_unreadable(factors: &[FactorSummary]) {
    for factor in factors.iter().filter(|factor| !factor.is_readable) {
        tracing::error!(factor.type = factor.factor_type.name(), "a factor's secret or destination can't be opened");
    }
}
