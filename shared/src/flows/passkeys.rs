//! Checking with a passkey: a challenge for the browser, and the signed answer of any passkey of the user.

use super::engine::{Cx, Name, Outcome, UseCase, Work};
use super::verify::{Binding, Passed};
use super::{Caller, Service, hosted};
use crate::domain::challenge::{Awaited, ChallengeState, OpenChallenge};
use crate::domain::enrollment::Ticket;
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::FactorType;
use crate::domain::factor::passkey::{self, AuthenticationResponse, Demands, Expected};
use crate::domain::hosted::Step;
use crate::domain::ids::FactorId;
use crate::domain::possession::{Attempt, Evidence};
use crate::domain::random;
use crate::domain::receipt::PassedCheck;
use crate::domain::time::Timestamp;
use crate::domain::token::{ChallengeId, Realm};
use crate::domain::transaction::{Shown, Transaction, TransactionHash};
use crate::domain::vault::Vault;

/// A request for the challenge of the user's passkeys.
#[derive(Clone, Debug)]
pub struct Request {
    /// The realm in which it is answered.
    pub realm: Realm,
    /// The transaction that the answer confirms. Its hash is part of the challenge, so a passkey signs it.
    pub transaction: Option<Transaction>,
}

/// A challenge of the user's passkeys.
pub struct PasskeyChallenge {
    /// The id that the answer must name.
    pub id: ChallengeId,
    /// The time at which it expires.
    pub expires_at: Timestamp,
    /// The challenge.
    pub challenge: passkey::Challenge,
    /// The passkeys, any of which may answer.
    pub allow: Vec<passkey::Method>,
}

impl Service {
    /// Makes a challenge for the user's passkeys. An older one is void.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`], [`Error::NotEnrolled`], [`Error::TransactionRefused`],
    /// [`Error::TooManyAttempts`], [`Error::Busy`].
    pub async fn challenge_passkeys(&self, caller: &Caller, request: &Request) -> Result<PasskeyChallenge, Error> {
        self.run(caller, request).await
    }

    /// Checks the answer of a passkey to options with these demands. If it passes, the caller's session has a recent
    /// check, unless the answer confirmed a transaction.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`], [`Error::IncorrectCode`], [`Error::TransactionRefused`],
    /// [`Error::TransactionMismatch`], [`Error::NotFound`], [`Error::AlreadyUsed`], [`Error::Expired`],
    /// [`Error::TooManyAttempts`], [`Error::Busy`].
    pub async fn verify_passkey(
        &self,
        caller: &Caller,
        response: &AuthenticationResponse,
        demands: &Demands,
        id: &ChallengeId,
        binding: &Binding,
    ) -> Result<Passed, Error> {
        self.run_for_receipt(caller, &Answer { response, demands, id, binding }).await
    }
}

/// The document of the challenge of all passkeys of a user.
fn name() -> Name {
    Name::Challenge(FactorId::any_passkey())
}

impl UseCase for Request {
    type Reply = PasskeyChallenge;

    const STEP: Step = Step::Check;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account, name()]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<PasskeyChallenge>, Error> {
        cx.settings.relying_party()?;
        let (passkeys, account) = (FactorId::any_passkey(), work.account()?);
        let allow: Vec<_> = account.passkeys().map(|(_, method)| method.clone()).collect();
        if allow.is_empty() {
            let has_none = account.factors().is_empty();
            return Err(Error::NotEnrolled((!has_none).then_some(FactorType::Passkey)));
        }
        let beginning = account.challenge_begins(cx.caller.actor);
        let binding = Binding { transaction: self.transaction.clone(), ..Binding::default() }.in_session(work, cx)?;
        if let Some(transaction) = &binding.transaction {
            cx.settings.transactions.check(transaction).map_err(Error::TransactionRefused)?;
        }
        let hash = binding.transaction.as_ref().map(Transaction::hash).transpose()?;

        work.rewind(&name(), cx.now);
        let document = work.challenge_mut(&passkeys)?;
        let tries = document.carried_tries(CodeKind::Passkey, cx.now, cx.policy())?;
        let id = ChallengeId::random(self.realm, passkeys.clone(), cx.randomness)?;
        let ticket = Ticket { realm: self.realm, by: beginning.by, nonce: id.nonce.digest() };
        let signed = random::bytes(cx.randomness)?;
        let (vault, version, nonce) = (cx.vault, cx.vault.current(), ticket.nonce);
        let transaction = hash.map(|hash| vault.transaction_digest(version, &passkeys, nonce, &hash)).transpose()?;
        let expires_at = cx.now.plus(cx.policy().challenge_seconds);
        let (allowed, awaited) = (beginning.allowed, Awaited::Passkey(signed));
        document.state =
            ChallengeState::Open(OpenChallenge { ticket, allowed, awaited, transaction, expires_at, tries });
        let challenge = passkey::Challenge::of(signed, hash.as_ref());
        Ok(Outcome::reply(PasskeyChallenge { id, expires_at, challenge, allow }))
    }
}

/// The answer of a passkey.
struct Answer<'a> {
    response: &'a AuthenticationResponse,
    demands: &'a Demands,
    id: &'a ChallengeId,
    binding: &'a Binding,
}

impl Answer<'_> {
    /// Compares the answer with the challenge of this nonce. A credential of another account, or of a removed factor, is
    /// wrong like a bad signature.
    fn attempt(
        &self,
        work: &Work,
        cx: &Cx<'_>,
        nonce: [u8; passkey::NONCE_LENGTH],
        transaction: Option<&TransactionHash>,
    ) -> Result<(Option<FactorId>, Attempt), Error> {
        let account = work.account()?;
        let found = account.passkey(self.response.credential_id());
        let (Some((factor, method)), Some(handle)) = (found, account.user_handle()) else {
            return Ok((None, Attempt::Wrong));
        };
        let (relying_party, challenge) = (cx.settings.relying_party()?, passkey::Challenge::of(nonce, transaction));
        let expected = Expected { relying_party, challenge: &challenge, demands: self.demands };
        let attempt = passkey::assert(method, &expected, handle, self.response);
        Ok((Some(factor.clone()), attempt))
    }
}

impl UseCase for Answer<'_> {
    type Reply = Passed;

    const STEP: Step = Step::Check;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account, name()]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Passed>, Error> {
        let (passkeys, kind) = (FactorId::any_passkey(), CodeKind::Passkey);
        cx.settings.relying_party()?;
        if self.id.factor != passkeys {
            return Err(Error::NotFound(Subject::Challenge));
        }
        work.rewind(&Name::Account, cx.now);
        work.rewind(&name(), cx.now);
        let open = work.challenge(&passkeys)?.claimed(self.id, cx.caller.actor.access(), kind, cx.now, cx.policy())?;
        let Awaited::Passkey(signed) = open.awaited else { return Err(Error::NotFound(Subject::Challenge)) };
        if !work.account()?.may_finish(open.beginning(), cx.caller.actor, cx.now, cx.policy()) {
            return Err(Error::Expired(Subject::Challenge));
        }
        let binding = self.binding.in_session(work, cx)?;
        let hash = binding.transaction.as_ref().map(Transaction::hash).transpose()?;
        let is_of_another = open.is_of_another(hash.as_ref(), &passkeys, cx.vault)?;
        let (factor, attempt) =
            if is_of_another { (None, Attempt::Wrong) } else { self.attempt(work, cx, signed, hash.as_ref())? };
        match (attempt, factor) {
            (Attempt::Right(possession), Some(factor)) => {
                let Evidence::Asserted(asserted) = *possession.evidence() else {
                    return Err(Error::Internal("a passkey has passed with another kind of evidence"));
                };
                let account = work.account_mut()?;
                let factor = account.factor_mut(&factor)?;
                factor.passed(&possession, cx.vault, cx.now)?;
                let check = PassedCheck::with_passkey(factor, asserted, cx.now);
                if binding.transaction.is_none() {
                    account.note_check(cx.caller.actor, check.clone(), cx.policy());
                }
                work.challenge_mut(&passkeys)?.pass();
                work.settle();
                let next = hosted::passed(work, cx, &check)?;
                // Only the page of a session has shown the transaction. A browser's own dialog shows none.
                let shown = cx.caller.in_session.as_ref().map(|_| Shown::Signed);
                Ok(Outcome::reply(Passed { next, ..Passed::new(check, &binding, shown)? }))
            }
            (Attempt::Right(_) | Attempt::Spent | Attempt::Wrong, _) => {
                let remaining = work.challenge_mut(&passkeys)?.count_wrong(cx.now).remaining(cx.policy());
                work.settle();
                Err(if is_of_another {
                    Error::TransactionMismatch { remaining }
                } else {
                    Error::IncorrectCode { kind, remaining: Some(remaining) }
                })
            }
        }
    }
}
