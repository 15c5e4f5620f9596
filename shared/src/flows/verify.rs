//! Passing a check: an app's code, the answer to a challenge, or a recovery code.

use super::check::Checked;
pub use super::check::{Apps, PassedWith};
use super::sealed::reseal;
use super::{App, Caller};
use crate::domain::challenge::Challenge;
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::possession::Attempt;
use crate::domain::secret::{Code, Passcode};
use crate::domain::token::ChallengeId;
use crate::store::records::challenge_key;

/// What a code answers. A recovery code, told by its shape, answers neither.
pub enum Answers {
    /// An authenticator app.
    App(Apps),
    /// A challenge.
    Challenge(ChallengeId),
}

/// A check that was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// With what.
    pub with: PassedWith,
    /// Recovery codes that are left, when one was used.
    pub remaining_recovery_codes: Option<usize>,
}

impl App {
    /// Checks a code. Passing it is a presence of the caller's session, if they have one.
    ///
    /// # Errors
    /// [`Error::IncorrectCode`], [`Error::CodeAlreadyUsed`], [`Error::FactorRequired`], [`Error::NotFound`],
    /// [`Error::AlreadyUsed`], [`Error::Expired`], [`Error::TooManyAttempts`], [`Error::FactorLocked`],
    /// [`Error::Busy`].
    pub async fn verify(&self, caller: &Caller, code: &Code, answers: &Answers) -> Result<Passed, Error> {
        match (code, answers) {
            (Code::Digits(digits), Answers::Challenge(id)) => self.answer(caller, digits, id).await,
            (_, Answers::Challenge(_)) => self.check_alone(caller, code, &Apps::Only).await,
            (_, Answers::App(apps)) => self.check_alone(caller, code, apps).await,
        }
    }

    /// A check that needs the account alone.
    async fn check_alone(&self, caller: &Caller, code: &Code, apps: &Apps) -> Result<Passed, Error> {
        let keys = &self.keyring().await?;
        let mut rounds = self.rounds();
        loop {
            let account = self.load_account(&caller.user).await?;
            let now = self.now();
            let mut owner = account.value.clone().unwrap_or_default();
            let checked = self.check(keys, caller, &mut owner, code, apps, now)?;
            let puts = vec![account.put(&owner, now, self.policy())];
            match checked {
                Checked::Failed(refusal) => rounds.refuse(puts, refusal).await?,
                Checked::Passed(with) => {
                    if rounds.settle(puts).await?.is_some() {
                        let remaining_recovery_codes =
                            (with == PassedWith::Recovery).then(|| owner.remaining_recovery_codes());
                        return Ok(Passed { with, remaining_recovery_codes });
                    }
                }
            }
        }
    }

    /// The answer to a challenge.
    async fn answer(&self, caller: &Caller, digits: &Passcode, id: &ChallengeId) -> Result<Passed, Error> {
        let keys = &self.keyring().await?;
        let mut rounds = self.rounds();
        loop {
            let (account, challenge) = tokio::try_join!(
                self.load_account(&caller.user),
                self.load::<Challenge>(challenge_key(&caller.user, &id.factor)),
            )?;
            let now = self.now();
            let mut owner = account.value.clone().unwrap_or_default();
            // A challenge ends with its factor.
            let not_found = Error::NotFound(Subject::Challenge);
            let factor = owner.factor(&id.factor).map_err(|_| not_found.clone())?;
            let factor_type = factor.factor_type();
            let kind = CodeKind::from(factor_type);
            let sent = challenge.value.as_ref().ok_or(not_found)?;
            let open = sent.claimed(id, caller.actor.access(), kind, now, self.policy())?;
            factor.admit(now, self.policy())?;

            let stored = &open.passcode;
            let given = keys.passcode_digest(stored.version, &caller.user, &id.factor, open.ticket.nonce, digits)?;
            match Attempt::of_digest(stored, &given) {
                Attempt::Right(possession) => {
                    let factor = owner.factor_mut(&id.factor)?;
                    factor.passed(&possession, now);
                    reseal(keys, &caller.user, factor, self.randomness())?;
                    owner.note_presence(caller.actor, now, self.policy());
                    let puts = vec![
                        account.put(&owner, now, self.policy()),
                        challenge.put(&sent.passed(&open), now, self.policy()),
                    ];
                    if rounds.settle(puts).await?.is_some() {
                        let with = PassedWith::Factor(id.factor.clone(), factor_type);
                        return Ok(Passed { with, remaining_recovery_codes: None });
                    }
                }
                Attempt::Spent | Attempt::Wrong => {
                    let factor = owner.factor_mut(&id.factor)?;
                    factor.failed(now);
                    let before_a_delay = factor.attempts().remaining(self.policy()).unwrap_or(0);
                    let left = open.tries.and_wrong(now).remaining(self.policy());
                    let remaining = Some(left.min(before_a_delay));
                    let puts = vec![
                        account.put(&owner, now, self.policy()),
                        challenge.put(&sent.failed(open, now), now, self.policy()),
                    ];
                    rounds.refuse(puts, Error::IncorrectCode { kind, remaining }).await?;
                }
            }
        }
    }
}

impl PassedWith {
    /// Authentication method references (RFC 8176 section 2).
    #[must_use]
    pub fn amr(&self) -> &'static [&'static str] {
        match self {
            Self::Factor(_, factor_type) => factor_type.amr(),
            Self::Recovery => &["otp", "mfa"],
        }
    }
}
