//! Challenging an enrolled factor: a code sent to its number or address.

use super::engine::{Cx, Name, Outcome, Outgoing, UseCase, Work};
use super::verify::Binding;
use super::{Caller, Service};
use crate::delivery::Language;
use crate::delivery::messages::{Occasion, Platform, Purpose};
use crate::domain::account::Account;
use crate::domain::challenge::{Awaited, ChallengeState, OpenChallenge};
use crate::domain::contact::MaskedDestination;
use crate::domain::enrollment::Ticket;
use crate::domain::error::{CodeKind, Error};
use crate::domain::factor::{Factor, FactorType, Method, usable};
use crate::domain::hosted::Step;
use crate::domain::ids::FactorId;
use crate::domain::secret::Passcode;
use crate::domain::time::Timestamp;
use crate::domain::token::{ChallengeId, Realm};
use crate::domain::transaction::{Transaction, TransactionProblem};
use crate::domain::vault::Vault;

/// The factor to challenge.
#[derive(Clone, Debug)]
pub enum Target {
    /// The factor with this id.
    Factor(FactorId),
    /// The only one of this type.
    OnlyOf(FactorType),
    /// The only one that a code can be sent to.
    Only,
}

/// A request for a challenge.
#[derive(Clone, Debug)]
pub struct Request {
    /// The realm in which it is answered.
    pub realm: Realm,
    /// The factor to challenge.
    pub target: Target,
    /// The language of the message.
    pub language: Language,
    /// The platform on which the code of an SMS is typed in.
    pub platform: Option<Platform>,
    /// The transaction that the answer confirms. The message contains its text.
    pub transaction: Option<Transaction>,
}

/// A challenge that was sent.
pub struct Challenged {
    /// The id that the answer must name.
    pub id: ChallengeId,
    /// The masked destination.
    pub sent_to: MaskedDestination,
    /// The time at which it expires.
    pub expires_at: Timestamp,
}

impl Service {
    /// Sends a code to an enrolled factor. An older challenge of the same factor is void.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotEnrolled`], [`Error::FactorRequired`], [`Error::NotChallengeable`] for an app,
    /// [`Error::TransactionRefused`], [`Error::ChannelNotConfigured`], [`Error::FactorLocked`], [`Error::TooManyAttempts`],
    /// [`Error::TooManyMessages`], [`Error::DeliveryFailed`], [`Error::Busy`].
    pub async fn challenge(&self, caller: &Caller, request: &Request) -> Result<Challenged, Error> {
        self.run(caller, request).await
    }
}

const TOO_LONG: &str = "does not fit one SMS in this language: shorten its fields, or send it by e-mail";

impl UseCase for Request {
    type Reply = Challenged;

    const STEP: Step = Step::Check;

    fn reads(&self, work: &Work, vault: &dyn Vault) -> Vec<Name> {
        // Without an id the factor is known only after the account was read.
        let factor = match (&self.target, work.account()) {
            (Target::Factor(id), _) => Some(id.clone()),
            (Target::OnlyOf(_) | Target::Only, Ok(account)) => {
                let meant = self.target.find(account, vault).ok();
                meant.filter(|factor| factor.is_challengeable()).map(|factor| factor.id().clone())
            }
            (Target::OnlyOf(_) | Target::Only, Err(_)) => None,
        };
        [Name::Account].into_iter().chain(factor.map(Name::Challenge)).collect()
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Challenged>, Error> {
        let account = work.account()?;
        let factor = self.target.find(account, cx.vault)?;
        let method = match factor.method() {
            Method::Totp(_) | Method::Passkey(_) | Method::Face(_) => return Err(Error::NotChallengeable),
            Method::Passcode(method) => method,
        };
        let texts = &cx.settings.transactions;
        let binding = Binding { transaction: self.transaction.clone(), ..Binding::default() }.in_session(work, cx)?;
        let transaction = binding.transaction.as_ref();
        let text = transaction.map(|transaction| texts.text(transaction, self.language)).transpose();
        let text = text.map_err(Error::TransactionRefused)?;
        cx.require_channel(method.channel)?;
        let (factor_id, kind) = (factor.id().clone(), CodeKind::from(factor.factor_type()));
        let beginning = account.challenge_begins(cx.caller.actor);
        let to = method.open(cx.vault, &factor_id)?;
        let admitted = factor.admit(cx.now, cx.policy());

        let name = Name::Challenge(factor_id.clone());
        work.rewind(&name, cx.now);
        let challenge = work.challenge_mut(&factor_id)?;
        let tries = challenge.carried_tries(kind, cx.now, cx.policy())?;
        admitted?;
        let sent = challenge.sent.charge(cx.now, cx.policy())?;

        let id = ChallengeId::random(self.realm, factor_id.clone(), cx.randomness)?;
        let ticket = Ticket { realm: self.realm, by: beginning.by, nonce: id.nonce.digest() };
        let code = Passcode::random(cx.policy().passcode_digits, cx.randomness)?;
        let (vault, version, nonce) = (cx.vault, cx.vault.current(), ticket.nonce);
        let hash = transaction.map(Transaction::hash).transpose()?;
        let digest = vault.passcode_digest(version, &factor_id, nonce, hash.as_ref(), &code)?;
        let seconds = cx.policy().challenge_seconds;
        let expires_at = cx.now.plus(seconds);
        let awaited = Awaited::Passcode(digest);
        let transaction = hash.map(|hash| vault.transaction_digest(version, &factor_id, nonce, &hash)).transpose()?;
        let open = OpenChallenge { ticket, allowed: beginning.allowed, awaited, transaction, expires_at, tries };
        challenge.sent = sent;
        challenge.state = ChallengeState::Open(open);

        let occasion = Occasion {
            purpose: text.as_deref().map_or(Purpose::Check, Purpose::Transaction),
            platform: self.platform,
            language: self.language,
            minutes: seconds / 60,
        };
        let message = cx.settings.wording.passcode(&to, &code, &occasion);
        let message = message.ok_or_else(|| Error::TransactionRefused(TransactionProblem::new("", TOO_LONG)))?;
        let reply = Challenged { id, sent_to: to.masked(), expires_at };
        Ok(Outcome { reply, message: Some(Outgoing::Code { message, undo: vec![name] }) })
    }
}

impl Target {
    fn find<'a>(&self, account: &'a Account, vault: &dyn Vault) -> Result<&'a Factor, Error> {
        let mut meant = match self {
            Self::Factor(id) => return account.factor(id),
            Self::OnlyOf(factor_type) => usable(account.of_type(*factor_type), vault)?,
            Self::Only => usable(account.factors().iter().filter(|factor| factor.is_challengeable()), vault)?,
        };
        match (meant.pop(), meant.is_empty(), self) {
            (Some(only), true, _) => Ok(only),
            (Some(_), false, _) => Err(Error::FactorRequired),
            (None, ..) if account.factors().is_empty() => Err(Error::NotEnrolled(None)),
            (None, _, Self::OnlyOf(factor_type)) => Err(Error::NotEnrolled(Some(*factor_type))),
            // `NotEnrolled(None)` would be wrong: an application may let a user without factors in.
            (None, ..) => Err(Error::NotChallengeable),
        }
    }
}
