//! Passing a check: an app's code, the answer to a challenge, or a recovery code.

pub use super::check::Apps;
use super::check::{check, spend};
use super::engine::{Cx, Name, Outcome, UseCase, Work};
use super::receipt::{Receipt, Stated};
use super::{Caller, Service, hosted};
use crate::domain::account::Account;
use crate::domain::challenge::Awaited;
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::passcode;
use crate::domain::hosted::Step;
use crate::domain::possession::Attempt;
use crate::domain::receipt::{FirstFactor, Level, PassedCheck, Statement};
use crate::domain::secret::{Code, Passcode};
use crate::domain::token::ChallengeId;
use crate::domain::transaction::{Confirmation, Shown, Transaction, TransactionProblem};
use crate::domain::vault::Vault;

/// The app or the challenge that a code is for. A recovery code is recognised by its form and is for neither.
pub enum Answers {
    /// An authenticator app.
    App(Apps),
    /// A challenge.
    Challenge(ChallengeId),
}

/// The rest that a check is bound to, beside its user. A plain check is bound to nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The first factor of the sign-in, if the back end states it.
    pub first_factor: Option<FirstFactor>,
    /// The transaction that the check confirms. Such a check gives no recent check: it passes for the transaction alone.
    pub transaction: Option<Transaction>,
}

impl Binding {
    /// The binding of a request: in a hosted session that of the session.
    pub(super) fn in_session(&self, work: &Work, cx: &Cx<'_>) -> Result<Self, Error> {
        Ok(match hosted::current(work, cx)? {
            None => self.clone(),
            Some((open, brief)) => Self { first_factor: open.first_factor.clone(), transaction: brief.transaction },
        })
    }
}

/// A check that was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The content of its receipt.
    pub statement: Statement,
    /// Recovery codes that are left, if one was used.
    pub remaining_recovery_codes: Option<usize>,
    /// Its receipt. `None` if the operator has no receipts.
    pub receipt: Option<Receipt>,
    /// The URL to go to, if the check has finished a hosted session.
    pub next: Option<hosted::NextUrl>,
}

impl Passed {
    pub(super) fn new(check: PassedCheck, binding: &Binding, shown: Option<Shown>) -> Result<Self, Error> {
        let transaction = binding.transaction.clone();
        let transaction = transaction.map(|transaction| Confirmation::new(transaction, shown)).transpose()?;
        let (issued_at, first_factor) = (check.at, binding.first_factor.clone());
        let statement = Statement { first_factor, transaction, ..Statement::of(check, issued_at) };
        Ok(Self { statement, remaining_recovery_codes: None, receipt: None, next: None })
    }
}

impl Stated for Passed {
    fn statement(&self) -> Option<Statement> {
        Some(self.statement.clone())
    }

    fn set_receipt(&mut self, receipt: Receipt) {
        self.receipt = Some(receipt);
    }
}

impl Service {
    /// Checks a code. If it passes, the caller's session has a recent check, unless the code confirmed a transaction. The
    /// back end gets none.
    ///
    /// # Errors
    /// [`Error::TransactionRefused`], [`Error::TransactionMismatch`],
    /// [`Error::IncorrectCode`], [`Error::CodeAlreadyUsed`], [`Error::NotEnrolled`], [`Error::FactorRequired`],
    /// [`Error::ChallengeRequired`], [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`],
    /// [`Error::TooManyAttempts`], [`Error::FactorLocked`], [`Error::Busy`].
    pub async fn verify(
        &self,
        caller: &Caller,
        code: &Code,
        answers: &Answers,
        binding: &Binding,
    ) -> Result<Passed, Error> {
        let apps = match (code, answers) {
            (Code::Digits(digits), Answers::Challenge(id)) => {
                return self.run_for_receipt(caller, &Answer { digits, id, binding }).await;
            }
            (_, Answers::Challenge(_)) => &Apps::Only,
            (_, Answers::App(apps)) => apps,
        };
        self.run_for_receipt(caller, &Check { code, apps, binding }).await
    }
}

/// A check that needs only the account.
pub(super) struct Check<'a> {
    pub(super) code: &'a Code,
    pub(super) apps: &'a Apps,
    pub(super) binding: &'a Binding,
}

impl UseCase for Check<'_> {
    type Reply = Passed;

    const STEP: Step = Step::Check;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Passed>, Error> {
        let binding = self.binding.in_session(work, cx)?;
        let check = match &binding.transaction {
            None => check(work, cx, self.code, self.apps)?,
            Some(transaction) => {
                require_app(self.code, transaction, cx)?;
                spend(work, cx, self.code, self.apps)?
            }
        };
        let remaining = (check.level == Level::Recovery).then(|| work.account().map(Account::remaining_recovery_codes));
        let remaining_recovery_codes = remaining.transpose()?;
        let next = hosted::passed(work, cx, &check)?;
        Ok(Outcome::reply(Passed { remaining_recovery_codes, next, ..Passed::new(check, &binding, None)? }))
    }
}

/// Checks that this transaction can be confirmed with an app's code. The app does not show the transaction, so the
/// operator must have allowed it. A recovery code confirms none: it is for a person who has lost the factors.
fn require_app(code: &Code, transaction: &Transaction, cx: &Cx<'_>) -> Result<(), Error> {
    let refused = |problem| Err(Error::TransactionRefused(TransactionProblem::new("", problem)));
    match code {
        Code::Recovery(_) => refused("can't be confirmed with a recovery code"),
        Code::Digits(_) | Code::Other if !cx.settings.transactions_by_app => {
            refused("can't be confirmed with an app's code: ask for a challenge with it")
        }
        Code::Digits(_) | Code::Other => cx.settings.transactions.check(transaction).map_err(Error::TransactionRefused),
    }
}

/// The answer to a challenge.
pub(super) struct Answer<'a> {
    pub(super) digits: &'a Passcode,
    pub(super) id: &'a ChallengeId,
    pub(super) binding: &'a Binding,
}

impl UseCase for Answer<'_> {
    type Reply = Passed;

    const STEP: Step = Step::Check;

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
        let binding = self.binding.in_session(work, cx)?;
        let given = binding.transaction.as_ref().map(Transaction::hash).transpose()?;
        let nonce = open.ticket.nonce;
        let is_of_another = open.is_of_another(given.as_ref(), factor_id, cx.vault)?;
        let attempt = match open.awaited {
            // A code for another transaction is wrong whatever its digits are, and they are not compared.
            _ if is_of_another => Attempt::Wrong,
            // The id of a passkeys' challenge names no factor.
            Awaited::Passkey(_) => return Err(Error::NotFound(Subject::Challenge)),
            Awaited::Passcode(awaited) => {
                passcode::compare(cx.vault, factor_id, nonce, given.as_ref(), &awaited, self.digits)?
            }
        };
        match attempt {
            Attempt::Right(possession) => {
                let account = work.account_mut()?;
                let factor = account.factor_mut(factor_id)?;
                factor.passed(&possession, cx.vault, cx.now)?;
                let check = PassedCheck::with(factor, cx.now);
                if given.is_none() {
                    account.note_check(cx.caller.actor, check.clone(), cx.policy());
                }
                work.challenge_mut(factor_id)?.pass();
                work.settle();
                let next = hosted::passed(work, cx, &check)?;
                Ok(Outcome::reply(Passed { next, ..Passed::new(check, &binding, given.map(|_| Shown::Message))? }))
            }
            Attempt::Spent | Attempt::Wrong => {
                let factor = work.account_mut()?.factor_mut(factor_id)?;
                factor.failed(cx.now);
                let before_a_delay = factor.attempts().remaining(cx.policy()).unwrap_or(0);
                let left = work.challenge_mut(factor_id)?.count_wrong(cx.now).remaining(cx.policy());
                work.settle();
                let remaining = left.min(before_a_delay);
                Err(if is_of_another {
                    Error::TransactionMismatch { remaining }
                } else {
                    Error::IncorrectCode { kind, remaining: Some(remaining) }
                })
            }
        }
    }
}
