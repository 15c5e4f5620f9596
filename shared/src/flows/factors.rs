//! What a user has enrolled: to see it, to rename it, to remove it, and to get new recovery codes.

use super::check::Apps;
use super::confirm::NewCodes;
use super::sealed::{summarize, summarize_all};
use super::{App, Caller, Loaded};
use crate::domain::account::Account;
use crate::domain::error::Error;
use crate::domain::factor::{FactorSummary, FactorType};
use crate::domain::ids::{FactorId, Label};
use crate::domain::secret::Code;
use crate::domain::time::Timestamp;
use crate::keys::Keyring;

use super::check::Checked;

/// Everything that a user has enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The factors, in the order they were enrolled.
    pub factors: Vec<FactorSummary>,
    /// Recovery codes that are left.
    pub remaining_recovery_codes: usize,
}

impl App {
    /// What the caller has enrolled.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub async fn overview(&self, caller: &Caller) -> Result<Overview, Error> {
        let keys = &self.keyring().await?;
        let owner = self.load_account(&caller.user).await?.value.unwrap_or_default();
        Ok(Overview {
            factors: summarize_all(keys, &caller.user, &owner)?,
            remaining_recovery_codes: owner.remaining_recovery_codes(),
        })
    }

    /// One of the caller's factors.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Busy`].
    pub async fn factor(&self, caller: &Caller, id: &FactorId) -> Result<FactorSummary, Error> {
        let keys = &self.keyring().await?;
        let owner = self.load_account(&caller.user).await?.value.unwrap_or_default();
        summarize(keys, &caller.user, owner.factor(id)?)
    }

    /// Gives a factor another label. Needs presence, or a code.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyEnrolled`] when another app has the label, [`Error::PresenceRequired`], what
    /// a wrong code brings, [`Error::Busy`].
    pub async fn rename_factor(
        &self,
        caller: &Caller,
        id: &FactorId,
        label: &Label,
        code: Option<&Code>,
    ) -> Result<FactorSummary, Error> {
        let change = |keys: &Keyring, owner: &mut Account| {
            let is_app = owner.factor(id)?.factor_type() == FactorType::Totp;
            let taken = |app: &crate::domain::factor::Factor| app.id() != id && app.label() == label;
            if is_app && owner.of_type(FactorType::Totp).any(taken) {
                return Err(Error::AlreadyEnrolled(FactorType::Totp));
            }
            owner.factor_mut(id)?.rename(label.clone());
            summarize(keys, &caller.user, owner.factor(id)?)
        };
        self.change(caller, Some(id), code, change).await
    }

    /// Removes a factor. Needs presence, or a code: the factor's own, where it is an app.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PresenceRequired`], what a wrong code brings, [`Error::Busy`].
    pub async fn remove_factor(&self, caller: &Caller, id: &FactorId, code: Option<&Code>) -> Result<(), Error> {
        let change = |_: &Keyring, owner: &mut Account| {
            owner.remove(caller.actor, |factor| factor.id() == id);
            Ok(())
        };
        self.change(caller, Some(id), code, change).await
    }

    /// A new set of recovery codes; the old one is void. Needs presence, or a code.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`] without a factor, [`Error::PresenceRequired`], what a wrong code brings, [`Error::Busy`].
    pub async fn new_recovery_codes(&self, caller: &Caller, code: Option<&Code>) -> Result<NewCodes, Error> {
        let change = |keys: &Keyring, owner: &mut Account| {
            if owner.factors().is_empty() {
                return Err(Error::NotEnrolled(FactorType::Totp));
            }
            self.new_codes(keys, caller, owner, self.policy().recovery_codes)
        };
        self.change(caller, None, code, change).await
    }

    /// Removes the caller's authenticator apps with a code: one of theirs, or a recovery code.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`] without an app, what a wrong code brings, [`Error::Busy`].
    pub async fn remove_apps(&self, caller: &Caller, code: &Code) -> Result<(), Error> {
        let keys = &self.keyring().await?;
        let mut rounds = self.rounds();
        loop {
            let (account, mut owner, now) = self.load_owner(caller).await?;
            if owner.of_type(FactorType::Totp).next().is_none() {
                return Err(Error::NotEnrolled(FactorType::Totp));
            }
            let checked = self.check(keys, caller, &mut owner, code, &Apps::Any, now)?;
            if let Checked::Passed(_) = &checked {
                owner.remove(caller.actor, |factor| factor.factor_type() == FactorType::Totp);
            }
            let puts = vec![account.put(&owner, now, self.policy())];
            match checked {
                Checked::Failed(refusal) => rounds.refuse(puts, refusal).await?,
                Checked::Passed(_) => {
                    if rounds.settle(puts).await?.is_some() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Changes an account once the caller is authorized: by presence, by a code, or as the back end.
    async fn change<T>(
        &self,
        caller: &Caller,
        subject: Option<&FactorId>,
        code: Option<&Code>,
        change: impl Fn(&Keyring, &mut Account) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let keys = &self.keyring().await?;
        let mut rounds = self.rounds();
        loop {
            let (account, mut owner, now) = self.load_owner(caller).await?;
            let apps = match subject {
                Some(id) if owner.factor(id)?.factor_type() == FactorType::Totp => Apps::One(id.clone()),
                _ => Apps::Only,
            };
            if let Some(refusal) = self.authorize(keys, caller, &mut owner, code, &apps, now)? {
                rounds.refuse(vec![account.put(&owner, now, self.policy())], refusal).await?;
                continue;
            }
            let authorized = owner.clone();
            let changed = match change(keys, &mut owner) {
                Ok(changed) => changed,
                // A code that was right is spent, whatever else is wrong with the request.
                Err(refusal) if account.value.as_ref().is_some_and(|before| *before != authorized) => {
                    rounds.refuse(vec![account.put(&authorized, now, self.policy())], refusal).await?;
                    continue;
                }
                Err(refusal) => return Err(refusal),
            };
            if rounds.settle(vec![account.put(&owner, now, self.policy())]).await?.is_some() {
                return Ok(changed);
            }
        }
    }

    async fn load_owner(&self, caller: &Caller) -> Result<(Loaded<Account>, Account, Timestamp), Error> {
        let account = self.load_account(&caller.user).await?;
        let owner = account.value.clone().unwrap_or_default();
        Ok((account, owner, self.now()))
    }
}
