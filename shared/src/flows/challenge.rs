//! Challenging an enrolled factor: a code sent to its number or address.

use super::sealed::open_destination;
use super::{App, Caller, Loaded};
use crate::delivery::Language;
use crate::delivery::messages::Platform;
use crate::domain::account::Account;
use crate::domain::challenge::{Challenge, ChallengeState, OpenChallenge};
use crate::domain::enrollment::Ticket;
use crate::domain::error::{CodeKind, Error};
use crate::domain::factor::{Factor, FactorType, MaskedDestination, Method};
use crate::domain::ids::FactorId;
use crate::domain::secret::Passcode;
use crate::domain::time::Timestamp;
use crate::domain::token::{ChallengeId, Dialect};
use crate::store::records::{account_key, challenge_key};

/// Which factor to challenge.
#[derive(Clone, Debug)]
pub enum Whom {
    /// This one.
    Factor(FactorId),
    /// The only one of this type.
    OnlyOf(FactorType),
    /// The only one that a code can be sent to.
    Only,
}

/// A request for a challenge.
#[derive(Clone, Debug)]
pub struct Request {
    /// The dialect it came in, which is the one that may answer it.
    pub dialect: Dialect,
    /// Which factor.
    pub whom: Whom,
    /// The language of the message.
    pub language: Language,
    /// Where the code of an SMS is typed in.
    pub platform: Option<Platform>,
}

/// A challenge that was sent.
pub struct Challenged {
    /// What answers it.
    pub id: ChallengeId,
    /// Where to, most of it hidden.
    pub sent_to: MaskedDestination,
    /// Until when it can be answered.
    pub expires_at: Timestamp,
}

impl App {
    /// Sends a code to an enrolled factor. An older one of the same factor is void.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::FactorRequired`], [`Error::Invalid`] for an app, which makes its own codes,
    /// [`Error::ChannelNotConfigured`], [`Error::FactorLocked`], [`Error::TooManyAttempts`], [`Error::TooManyMessages`],
    /// [`Error::DeliveryFailed`], [`Error::Busy`].
    pub async fn challenge(&self, caller: &Caller, request: Request) -> Result<Challenged, Error> {
        let keys = &self.keyring().await?;
        let mut rounds = self.rounds();
        loop {
            let (account, previous) = self.load_whom(caller, &request.whom).await?;
            let now = self.now();
            let owner = account.value.unwrap_or_default();
            let factor = find(&owner, &request.whom)?;
            let Method::Sent { channel, destination } = factor.method() else {
                let field = if let Whom::Factor(_) = request.whom { "factorId" } else { "factorType" };
                return Err(Error::field(field, "is an authenticator app, which makes its own codes"));
            };
            self.require_channel(*channel)?;
            let kind = CodeKind::from(factor.factor_type());
            let previous = match previous {
                Some(previous) => previous,
                None => self.load::<Challenge>(challenge_key(&caller.user, factor.id())).await?,
            };
            let challenge = previous.value.clone().unwrap_or_default();
            let tries = challenge.carried_tries(kind, now, self.policy())?;
            factor.admit(now, self.policy())?;
            let sent = challenge.sent.charge(now, self.policy())?;
            let to = open_destination(keys, &caller.user, factor.id(), *channel, destination)?;

            let randomness = self.randomness();
            let id = ChallengeId::random(request.dialect, factor.id().clone(), randomness)?;
            let access = caller.actor.access();
            let ticket = Ticket { dialect: request.dialect, access, nonce: id.nonce.digest() };
            let code = Passcode::random(self.policy().passcode_digits, randomness)?;
            let passcode = keys.passcode_digest(keys.current(), &caller.user, factor.id(), ticket.nonce, &code)?;
            let expires_at = now.plus(self.policy().challenge_seconds);
            let open = OpenChallenge { ticket, passcode, expires_at, tries };
            let put = previous.put(&Challenge { sent, state: ChallengeState::Open(open) }, now, self.policy());
            let Some(version) = rounds.settle(vec![put]).await? else { continue };

            let seconds = self.policy().challenge_seconds;
            let message = self.message(&to, &code, seconds, request.language, request.platform);
            let undo = previous.restore(version, Challenge::default(), now, self.policy());
            self.send(&rounds, &message, vec![undo]).await?;
            return Ok(Challenged { id, sent_to: to.masked(), expires_at });
        }
    }

    /// The account, and the challenge of the factor where it is named, in one round trip.
    async fn load_whom(
        &self,
        caller: &Caller,
        whom: &Whom,
    ) -> Result<(Loaded<Account>, Option<Loaded<Challenge>>), Error> {
        let account = self.load(account_key(&caller.user));
        match whom {
            Whom::Factor(id) => {
                let challenge = self.load(challenge_key(&caller.user, id));
                tokio::try_join!(account, challenge).map(|(account, challenge)| (account, Some(challenge)))
            }
            Whom::OnlyOf(_) | Whom::Only => Ok((account.await?, None)),
        }
    }
}

fn find<'a>(owner: &'a Account, whom: &Whom) -> Result<&'a Factor, Error> {
    let mut meant = match whom {
        Whom::Factor(id) => return owner.factor(id),
        Whom::OnlyOf(factor_type) => owner.of_type(*factor_type).collect::<Vec<_>>(),
        Whom::Only => owner.factors().iter().filter(|factor| matches!(factor.method(), Method::Sent { .. })).collect(),
    };
    match (meant.pop(), meant.is_empty(), whom) {
        (Some(only), true, _) => Ok(only),
        (None, _, Whom::OnlyOf(factor_type)) => Err(Error::NotEnrolled(*factor_type)),
        _ => Err(Error::FactorRequired),
    }
}
