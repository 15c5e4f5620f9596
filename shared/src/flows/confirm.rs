//! Finishing an enrolment: a right code makes the candidate a factor.

use super::enroll::require_first_app;
use super::sealed::{open_destination, open_secret, step_up_required, require_new, summarize};
use super::{App, Caller, Loaded, Rounds};
use crate::domain::account::Account;
use crate::domain::enrollment::{Claim, Enrollment, Pending};
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::{Candidate, Credential, FactorSummary};
use crate::domain::possession::{Attempt, Possession};
use crate::domain::recovery::RecoverySet;
use crate::domain::secret::{Code, RecoveryCode};
use crate::domain::time::Timestamp;
use crate::domain::token::{Dialect, EnrollmentToken};
use crate::domain::totp;
use crate::keys::Keyring;
use crate::store::records::enrollment_key;

/// A factor that was just enrolled.
#[derive(Debug)]
pub struct Confirmed {
    /// The factor.
    pub factor: FactorSummary,
    /// The account's new recovery codes, if it got any: shown once.
    pub recovery_codes: NewCodes,
}

/// Recovery codes on their way to their owner. Not printed.
pub struct NewCodes(pub Vec<RecoveryCode>);

impl std::fmt::Debug for NewCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewCodes({})", self.0.len())
    }
}

impl App {
    /// Confirms an enrolment with its code.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`], [`Error::PresenceRequired`],
    /// [`Error::AlreadyEnrolled`], [`Error::TooManyFactors`], [`Error::TooManyAttempts`], [`Error::IncorrectCode`],
    /// [`Error::Busy`].
    pub async fn confirm(&self, caller: &Caller, claim: Claim<'_>, code: &Code) -> Result<Confirmed, Error> {
        let keys = &self.keyring().await?;
        let mut rounds = self.rounds();
        loop {
            let (account, enrollment) = self.load_enrollment(caller, claim.factor_type).await?;
            let now = self.now();
            let mut owner = account.value.clone().unwrap_or_default();
            if claim.nonce.is_none() {
                require_first_app(claim.dialect, claim.factor_type, &owner)?;
            }
            let (pending, used) = claimed(enrollment.value.as_ref(), claim, caller, now)?;
            if !owner.may_bind(pending.authorized, caller.actor, now, self.policy()) {
                return Err(step_up_required(keys, &caller.user, &owner));
            }
            self.require_room(keys, caller, &owner, claim.dialect, &pending.candidate)?;
            let pending = (pending, used);
            let proven = self.prove(&mut rounds, caller, &enrollment, pending, code, now).await?;
            let Some((pending, possession)) = proven else { continue };
            let confirmed = self.bind_pending(keys, caller, &mut owner, &pending, &possession, now)?;
            let puts =
                vec![account.put(&owner, now, self.policy()), enrollment.put(&pending.confirmed(), now, self.policy())];
            if rounds.settle(puts).await?.is_some() {
                return Ok(confirmed);
            }
        }
    }

    /// Verifies the code of an enrolment that is bound later, by [`App::bind`]. It is no presence.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`], [`Error::TooManyAttempts`],
    /// [`Error::IncorrectCode`], [`Error::CodeAlreadyUsed`], [`Error::Busy`].
    pub async fn verify_candidate(&self, caller: &Caller, token: &EnrollmentToken, code: &Code) -> Result<(), Error> {
        let claim = Claim::from(token);
        let mut rounds = self.rounds();
        loop {
            let enrollment = self.load::<Enrollment>(enrollment_key(&caller.user, claim.factor_type)).await?;
            let now = self.now();
            let pending = claimed(enrollment.value.as_ref(), claim, caller, now)?;
            let proven = self.prove(&mut rounds, caller, &enrollment, pending, code, now).await?;
            let Some((pending, possession)) = proven else { continue };
            let verified = Enrollment::Verified(pending, possession);
            if rounds.settle(vec![enrollment.put(&verified, now, self.policy())]).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Binds an enrolment whose code was verified before.
    ///
    /// # Errors
    /// In this order: [`Error::PresenceRequired`], [`Error::NotFound`], [`Error::AlreadyUsed`] or [`Error::Expired`],
    /// [`Error::NotVerified`], [`Error::AlreadyEnrolled`] or [`Error::TooManyFactors`]; [`Error::Busy`].
    pub async fn bind(&self, caller: &Caller, token: &EnrollmentToken) -> Result<Confirmed, Error> {
        let claim = Claim::from(token);
        let keys = &self.keyring().await?;
        let mut rounds = self.rounds();
        loop {
            let (account, enrollment) = self.load_enrollment(caller, claim.factor_type).await?;
            let now = self.now();
            let mut owner = account.value.clone().unwrap_or_default();
            let claimed = claimed(enrollment.value.as_ref(), claim, caller, now);
            let authorized = claimed.as_ref().ok().and_then(|(pending, _)| pending.authorized);
            // With nothing to bind, a session of an account without factors is told so.
            let admitted = owner.may_bind(authorized, caller.actor, now, self.policy());
            if !admitted && (claimed.is_ok() || !owner.factors().is_empty()) {
                return Err(step_up_required(keys, &caller.user, &owner));
            }
            let (pending, possession) = claimed?;
            let possession = possession.ok_or(Error::NotVerified)?;
            self.require_room(keys, caller, &owner, claim.dialect, &pending.candidate)?;
            let confirmed = self.bind_pending(keys, caller, &mut owner, &pending, &possession, now)?;
            let puts =
                vec![account.put(&owner, now, self.policy()), enrollment.put(&pending.confirmed(), now, self.policy())];
            if rounds.settle(puts).await?.is_some() {
                return Ok(confirmed);
            }
        }
    }

    /// Whether the candidate may become a factor of the account as it is now.
    fn require_room(
        &self,
        keys: &Keyring,
        caller: &Caller,
        owner: &Account,
        dialect: Dialect,
        candidate: &Candidate,
    ) -> Result<(), Error> {
        let factor_type = candidate.factor_type();
        require_first_app(dialect, factor_type, owner)?;
        owner.admit_candidate(candidate, self.policy())?;
        if let Credential::Sent { channel, destination, .. } = &candidate.credential {
            let destination = open_destination(keys, &caller.user, &candidate.id, *channel, destination)?;
            require_new(keys, &caller.user, owner, &destination)?;
        }
        Ok(())
    }

    /// Looks at the code of a pending enrolment, which may have been verified before. A wrong one is counted, committed
    /// and told. `None`: another request was there first, decide again.
    async fn prove(
        &self,
        rounds: &mut Rounds<'_>,
        caller: &Caller,
        enrollment: &Loaded<Enrollment>,
        (pending, verified): (Pending, Option<Possession>),
        code: &Code,
        now: Timestamp,
    ) -> Result<Option<(Pending, Possession)>, Error> {
        let kind = CodeKind::from(pending.candidate.factor_type());
        pending.tries.admit(kind, now, self.policy())?;
        match attempt(&*self.keyring().await?, caller, &pending, verified.as_ref(), code, now)? {
            Attempt::Right(possession) => Ok(Some((pending, possession))),
            Attempt::Spent => Err(Error::CodeAlreadyUsed),
            Attempt::Wrong => {
                let failed = pending.failed(now);
                let remaining = Some(failed.tries.remaining(self.policy()));
                let failed = match verified {
                    Some(possession) => Enrollment::Verified(failed, possession),
                    None => Enrollment::Pending(failed),
                };
                let puts = vec![enrollment.put(&failed, now, self.policy())];
                rounds.refuse(puts, Error::IncorrectCode { kind, remaining }).await?;
                Ok(None)
            }
        }
    }

    /// The new factor in the account, with the recovery codes that its dialect brings.
    fn bind_pending(
        &self,
        keys: &Keyring,
        caller: &Caller,
        owner: &mut Account,
        pending: &Pending,
        possession: &Possession,
        now: Timestamp,
    ) -> Result<Confirmed, Error> {
        let is_first = owner.factors().is_empty();
        let factor = owner.bind(pending.candidate.clone(), possession, caller.actor, now, self.policy())?;
        let factor = summarize(keys, &caller.user, factor)?;
        let recovery_codes = match pending.ticket.dialect {
            Dialect::Native if is_first => self.new_codes(keys, caller, owner, self.policy().recovery_codes)?,
            Dialect::Profile => self.new_codes(keys, caller, owner, self.policy().profile_recovery_codes)?,
            Dialect::Native | Dialect::Logto => NewCodes(Vec::new()),
            Dialect::Genauth => {
                if let Some(set) = pending.recovery.clone() {
                    owner.replace_recovery(caller.actor, set);
                }
                NewCodes(Vec::new())
            }
        };
        Ok(Confirmed { factor, recovery_codes })
    }

    /// A new set of recovery codes in the account; the old one is void.
    pub(super) fn new_codes(
        &self,
        keys: &Keyring,
        caller: &Caller,
        owner: &mut Account,
        count: usize,
    ) -> Result<NewCodes, Error> {
        let version = keys.current();
        let codes = (0..count)
            .map(|_| RecoveryCode::random::<{ RecoveryCode::SHORT }>(self.randomness()))
            .collect::<Result<Vec<_>, _>>()?;
        let digests = codes
            .iter()
            .map(|code| Ok(keys.recovery_digest(version, &caller.user, code)?.bytes))
            .collect::<Result<_, Error>>()?;
        owner.replace_recovery(caller.actor, RecoverySet::new(version, digests));
        Ok(NewCodes(codes))
    }
}

/// The pending enrolment that a claim names, with the possession that was already shown.
fn claimed(
    enrollment: Option<&Enrollment>,
    claim: Claim<'_>,
    caller: &Caller,
    now: Timestamp,
) -> Result<(Pending, Option<Possession>), Error> {
    let enrollment = enrollment.ok_or(Error::NotFound(Subject::Enrollment(claim.factor_type)))?;
    enrollment.clone().claimed(claim, caller.actor.access(), now)
}

/// How a code compares with what the candidate expects.
fn attempt(
    keys: &Keyring,
    caller: &Caller,
    pending: &Pending,
    used: Option<&Possession>,
    code: &Code,
    now: Timestamp,
) -> Result<Attempt, Error> {
    // No other code can be right: it is no guess, and not counted.
    let Code::Digits(digits) = code else {
        return Err(Error::IncorrectCode { kind: pending.candidate.factor_type().into(), remaining: None });
    };
    let id = &pending.candidate.id;
    match &pending.candidate.credential {
        Credential::Totp { secret, parameters } => {
            let secret = open_secret(keys, &caller.user, id, secret)?;
            Ok(totp::check(&secret, *parameters, digits, now, used.and_then(Possession::step)))
        }
        Credential::Sent { passcode, .. } => {
            let nonce = pending.ticket.nonce;
            let given = keys.passcode_digest(passcode.version, &caller.user, id, nonce, digits)?;
            Ok(Attempt::of_digest(passcode, &given))
        }
    }
}
