//! Checking a code against an account: codes of authenticator apps, and recovery codes. The form of the code says which
//! it is.

use super::engine::{Cx, Name, Work};
use crate::domain::actor::Actor;
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::{Factor, FactorType, Method, totp, usable};
use crate::domain::grant::Allowed;
use crate::domain::ids::FactorId;
use crate::domain::possession::Attempt;
use crate::domain::receipt::{Level, PassedCheck};
use crate::domain::secret::{Code, Passcode, RecoveryCode};
use crate::domain::vault::Vault;

/// The authenticator app that a code is for.
#[derive(Clone, Debug)]
pub enum Apps {
    /// The factor with this id.
    One(FactorId),
    /// The account's only app.
    Only,
    /// The account's only factor of this type, which must be an app.
    OnlyOf(FactorType),
    /// Any app that matches. A wrong code counts for every app that is not delayed. For clients that have no factor
    /// ids.
    Any,
}

/// Compares a code and settles the result. A right code is spent and gives the session a recent check; a wrong one is
/// counted.
///
/// # Errors
/// The errors of a wrong code, or a refusal before the code is compared.
pub(super) fn check(work: &mut Work, cx: &Cx<'_>, code: &Code, apps: &Apps) -> Result<PassedCheck, Error> {
    let passed = spend(work, cx, code, apps)?;
    work.account_mut()?.note_check(cx.caller.actor, passed.clone(), cx.policy());
    work.settle();
    Ok(passed)
}

/// Compares a code and settles the result, without a recent check.
///
/// # Errors
/// As [`check`].
pub(super) fn spend(work: &mut Work, cx: &Cx<'_>, code: &Code, apps: &Apps) -> Result<PassedCheck, Error> {
    work.rewind(&Name::Account, cx.now);
    let passed = match code {
        Code::Digits(digits) => check_apps(work, cx, digits, apps)?,
        Code::Recovery(code) => check_recovery(work, cx, code, apps)?,
        Code::Other => return Err(Error::IncorrectCode { kind: CodeKind::Totp, remaining: None }),
    };
    work.settle();
    Ok(passed)
}

/// Checks that the actor may change factors: its session has a recent check, or passes one now with this code. The back
/// end needs neither, but a code that it sends must be right.
///
/// # Errors
/// [`Error::StepUpRequired`]; the errors of a wrong code.
pub(super) fn authorize(work: &mut Work, cx: &Cx<'_>, code: Option<&Code>, apps: &Apps) -> Result<(), Error> {
    let allowed = work.account()?.allowed(cx.caller.actor, cx.now, cx.policy());
    match (cx.caller.actor, allowed, code) {
        (Actor::BackEnd, _, Some(code)) | (Actor::Session(_), Allowed::NotYet, Some(code)) => {
            check(work, cx, code, apps).map(|_| ())
        }
        (Actor::Session(_), Allowed::NotYet, None) => Err(step_up_required(work, cx)),
        (Actor::Session(_), Allowed::AnySession(_) | Allowed::Beginner(_), _) | (Actor::BackEnd, _, None) => Ok(()),
    }
}

/// The refusal of a session without a recent check that lets it change factors, with the factors with which it could
/// pass one.
pub(super) fn step_up_required(work: &Work, cx: &Cx<'_>) -> Error {
    let available = work.account().and_then(|account| {
        let mut available = account.summaries(cx.vault)?;
        available.retain(|factor| factor.is_readable && account.lets_change(Level::of(factor.factor_type)));
        Ok(available)
    });
    available.map_or_else(|error| error, |available| Error::StepUpRequired { available })
}

fn check_apps(work: &mut Work, cx: &Cx<'_>, digits: &Passcode, apps: &Apps) -> Result<PassedCheck, Error> {
    let (mut wrong, mut delayed, mut is_spent) = (Vec::new(), None, false);
    let account = work.account_mut()?;
    for (id, method) in meant(account.factors(), apps, cx.vault)? {
        let factor = account.factor_mut(&id)?;
        if let Err(error) = factor.admit(cx.now, cx.policy()) {
            delayed = Some(error);
            continue;
        }
        let secret = method.setup.open(cx.vault, &id)?;
        match totp::check(&secret, method.setup.parameters, digits, cx.now, Some(method.used)) {
            Attempt::Right(possession) => {
                factor.passed(&possession, cx.vault, cx.now)?;
                return Ok(PassedCheck::with(factor, cx.now));
            }
            Attempt::Spent => is_spent = true,
            Attempt::Wrong => wrong.push(id),
        }
    }
    if is_spent {
        return Err(Error::CodeAlreadyUsed);
    }
    let mut remaining = Vec::new();
    for id in &wrong {
        let factor = account.factor_mut(id)?;
        factor.failed(cx.now);
        remaining.push(factor.attempts().remaining(cx.policy()));
    }
    if wrong.is_empty() {
        return Err(delayed.unwrap_or(Error::NotEnrolled(Some(FactorType::Totp))));
    }
    work.settle();
    Err(Error::IncorrectCode { kind: CodeKind::Totp, remaining: remaining.into_iter().min().flatten() })
}

/// Spends a recovery code. A wrong one is neither counted nor delayed, and writes nothing, so a flood of wrong codes
/// can't make the owner's own commit conflict.
fn check_recovery(work: &mut Work, cx: &Cx<'_>, code: &RecoveryCode, apps: &Apps) -> Result<PassedCheck, Error> {
    const INCORRECT: Error = Error::IncorrectCode { kind: CodeKind::Recovery, remaining: None };
    match apps {
        Apps::One(_) | Apps::Only | Apps::OnlyOf(_) if work.account()?.factors().is_empty() => {
            return Err(Error::NotEnrolled(None));
        }
        // Clients without factor ids know only that the code is wrong.
        Apps::One(_) | Apps::Only | Apps::OnlyOf(_) | Apps::Any => {}
    }
    let set = work.account_mut()?.recovery_mut().ok_or(INCORRECT)?;
    let given = cx.vault.recovery_digest(set.version(), code)?;
    let bound_at = set.issued_at();
    let passed = PassedCheck { level: Level::Recovery, factor: None, bound_at, at: cx.now, passkey: None };
    if set.spend(&given) { Ok(passed) } else { Err(INCORRECT) }
}

/// The authenticator apps that a code may be for.
fn meant(factors: &[Factor], apps: &Apps, vault: &dyn Vault) -> Result<Vec<(FactorId, totp::Method)>, Error> {
    let all = || {
        let all = factors.iter().filter(|factor| factor.factor_type() == FactorType::Totp);
        let apps = usable(all, vault)?.into_iter().filter_map(|factor| match factor.method() {
            Method::Totp(method) => Some((factor.id().clone(), method.clone())),
            Method::Passcode(_) | Method::Passkey(_) | Method::Face(_) => None,
        });
        Ok(apps.collect::<Vec<_>>())
    };
    match apps {
        Apps::Any => all(),
        Apps::Only | Apps::OnlyOf(FactorType::Totp) => match (all()?, apps) {
            (only, _) if only.len() == 1 => Ok(only),
            (none, _) if none.is_empty() && factors.is_empty() => Err(Error::NotEnrolled(None)),
            (none, Apps::OnlyOf(factor_type)) if none.is_empty() => Err(Error::NotEnrolled(Some(*factor_type))),
            // `NotEnrolled(None)` would be wrong: an application may let a user without factors in.
            (none, _) if none.is_empty() => Err(Error::ChallengeRequired),
            _ => Err(Error::FactorRequired),
        },
        Apps::OnlyOf(factor_type) if factors.iter().any(|factor| factor.factor_type() == *factor_type) => {
            Err(Error::ChallengeRequired)
        }
        Apps::OnlyOf(_) if factors.is_empty() => Err(Error::NotEnrolled(None)),
        Apps::OnlyOf(factor_type) => Err(Error::NotEnrolled(Some(*factor_type))),
        Apps::One(id) => {
            let factor = factors.iter().find(|factor| factor.id() == id).ok_or(Error::NotFound(Subject::Factor))?;
            match factor.method() {
                Method::Totp(method) => Ok(vec![(id.clone(), method.clone())]),
                Method::Passcode(_) | Method::Passkey(_) => Err(Error::ChallengeRequired),
                // A face is checked with a photo and never with a code.
                Method::Face(_) => Err(Error::NotChallengeable),
            }
        }
    }
}
