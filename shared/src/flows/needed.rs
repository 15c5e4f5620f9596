//! The need of a user: nothing, a check, or an enrolment (step-up authentication, RFC 9470).

use super::engine::{Cx, Name, Outcome, UseCase, Work};
use super::receipt::{Receipt, Stated};
use super::{Caller, Service};
use crate::domain::account::Account;
use crate::domain::error::Error;
use crate::domain::factor::FactorSummary;
use crate::domain::hosted::Step;
use crate::domain::receipt::{FirstFactor, Level, PassedCheck, Statement};
use crate::domain::vault::Vault;

/// The check that an application asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The levels that are enough; empty for any level of a check.
    pub levels: Vec<Level>,
    /// The greatest age of the session's last check, in seconds. `None`: a new check is needed.
    pub max_age: Option<u64>,
    /// The first factor, if the back end states it. Then e-mail is not enough: it is no second factor.
    pub first_factor: Option<FirstFactor>,
}

impl Demand {
    pub(super) fn takes(&self, level: Level) -> bool {
        let is_enough = Level::OF_CHECKS.contains(&level) && (self.levels.is_empty() || self.levels.contains(&level));
        is_enough && (self.first_factor.is_none() || level.is_second_factor())
    }

    /// The newest recent check of this session that is enough. The account must still have what it was passed with. It
    /// counts for as long as it lets its session change factors, and never longer.
    fn met<'a>(&self, account: &'a Account, cx: &Cx<'_>) -> Option<&'a PassedCheck> {
        // No check is younger than 0 seconds, even if the clock has stepped back since.
        let max_age = self.max_age.filter(|seconds| *seconds > 0)?;
        let mut checks = account.recent_checks(cx.caller.actor, cx.now, cx.policy());
        let is_young = |check: &PassedCheck| cx.now.is_within(max_age, check.at);
        checks.find(|check| self.takes(check.level) && is_young(check) && account.still_has(check))
    }
}

/// The need of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing: the session passed a check that is enough.
    Passed,
    /// A check, with one of the factors or with a recovery code.
    Challenge,
    /// An enrolment: no factor of the account is enough.
    Enroll,
}

/// The answer to a demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The need of the user.
    pub status: Status,
    /// The factors with which a check would be enough.
    pub factors: Vec<FactorSummary>,
    /// Recovery codes with which a check would be enough.
    pub remaining_recovery_codes: usize,
    /// The receipt of the check that was passed. `None` for another status, or if the operator has no receipts.
    pub receipt: Option<Receipt>,
    statement: Option<Statement>,
}

impl Stated for Needed {
    fn statement(&self) -> Option<Statement> {
        self.statement.clone()
    }

    fn set_receipt(&mut self, receipt: Receipt) {
        self.receipt = Some(receipt);
    }
}

impl Service {
    /// Tells what this user needs now. It writes nothing.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub async fn needed(&self, caller: &Caller, demand: &Demand) -> Result<Needed, Error> {
        self.run_for_receipt(caller, demand).await
    }
}

impl UseCase for Demand {
    type Reply = Needed;

    const STEP: Step = Step::Check;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Needed>, Error> {
        let account = work.account()?;
        let mut factors = account.summaries(cx.vault)?;
        factors.retain(|factor| factor.is_readable && self.takes(Level::of(factor.factor_type)));
        let remaining_recovery_codes = if self.takes(Level::Recovery) { account.remaining_recovery_codes() } else { 0 };
        let met = self.met(account, cx);
        // It has no first factor: only the back end may state one, and the back end has no recent checks.
        let statement = met.map(|check| Statement::of(check.clone(), cx.now));
        let status = match (&statement, factors.is_empty() && remaining_recovery_codes == 0) {
            (Some(_), _) => Status::Passed,
            (None, false) => Status::Challenge,
            (None, true) => Status::Enroll,
        };
        Ok(Outcome::reply(Needed { status, factors, remaining_recovery_codes, receipt: None, statement }))
    }
}

impl Status {
    /// The word of the native dialect.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Challenge => "challenge",
            Self::Enroll => "enroll",
        }
    }
}
