//! Beginning an enrolment: a secret for an app, or a code sent to a number or an address.

use zeroize::Zeroizing;

use super::check::Apps;
use super::sealed::{Destination, step_up_required, require_new};
use super::{App, Caller, Countries, Loaded, Rounds, not_configured};
use crate::delivery::messages::Platform;
use crate::delivery::{DeliveryError, Language, Message};
use crate::domain::account::{Account, Authorization};
use crate::domain::contact::{EmailAddress, PhoneNumber};
use crate::domain::enrollment::{Enrollment, Pending, Ticket};
use crate::domain::error::Error;
use crate::domain::factor::{Candidate, Channel, Credential, FactorType, MaskedDestination};
use crate::domain::ids::{FactorId, Label};
use crate::domain::limits::{DestinationLimit, Tries, UserTag};
use crate::domain::policy::Policy;
use crate::domain::recovery::RecoverySet;
use crate::domain::secret::{Code, Passcode, RecoveryCode, TotpSecret};
use crate::domain::time::Timestamp;
use crate::domain::token::{Dialect, EnrollmentToken};
use crate::domain::totp::Parameters;
use crate::keys::{Keyring, Purpose};
use crate::store::Put;
use crate::store::records::{destination_key, enrollment_key};

/// What to enrol.
pub enum Target {
    /// An authenticator app.
    App,
    /// A phone number.
    Phone(PhoneNumber),
    /// An e-mail address.
    Email(EmailAddress),
}

/// A request to begin an enrolment.
pub struct Request {
    /// The dialect it came in, which is the one that may finish it.
    pub dialect: Dialect,
    /// What to enrol.
    pub target: Target,
    /// The label that the factor will have; each type has a default.
    pub label: Option<Label>,
    /// A code in place of presence, where the dialect has a field for one.
    pub code: Option<Code>,
    /// The language of a message.
    pub language: Language,
    /// Where the code of an SMS is typed in.
    pub platform: Option<Platform>,
}

impl Request {
    /// A request for an app, where nothing more is said.
    #[must_use]
    pub fn app(dialect: Dialect) -> Self {
        Self { dialect, target: Target::App, label: None, code: None, language: Language::English, platform: None }
    }
}

/// A pending enrolment, as it is told to its owner.
pub struct Enrolled {
    /// The token that confirms it.
    pub token: EnrollmentToken,
    /// Until when.
    pub expires_at: Timestamp,
    /// What the owner needs to confirm it.
    pub offer: Offer,
}

/// What the owner of a pending enrolment needs.
pub enum Offer {
    /// A secret for an app.
    App {
        /// In Base32.
        secret: Zeroizing<String>,
        /// How codes are made.
        parameters: Parameters,
        /// GenAuth's one recovery code, which lives from the confirmation on.
        recovery_code: Option<RecoveryCode>,
    },
    /// A code that was sent.
    Sent(MaskedDestination),
}

/// A pending enrolment with all that is secret in it.
struct Draft {
    pending: Pending,
    token: EnrollmentToken,
    offer: Offer,
    message: Option<Message>,
}

impl App {
    /// Begins an enrolment; an older one of the same type is replaced.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`], [`Error::DestinationRefused`], [`Error::AlreadyEnrolled`],
    /// [`Error::TooManyFactors`], [`Error::PresenceRequired`], [`Error::TooManyAttempts`], [`Error::TooManyMessages`],
    /// [`Error::DeliveryFailed`], what a wrong `code` brings, and [`Error::Busy`]. Then nothing is pending that was not
    /// before, unless it is unknown whether the message was sent.
    pub async fn enroll(&self, caller: &Caller, request: Request) -> Result<Enrolled, Error> {
        let Request { dialect, target, label, code, language, platform } = request;
        let destination = self.destination(target)?;
        let factor_type = destination.as_ref().map_or(FactorType::Totp, |to| to.channel().into());
        let label = label.map_or_else(|| Label::parse(factor_type.default_label()), Ok)?;
        let plan = Plan { destination, label, language, platform };
        let keys = &self.keyring().await?;

        let mut rounds = self.rounds();
        loop {
            let ((account, previous), limit) = tokio::try_join!(
                self.load_enrollment(caller, factor_type),
                self.load_limit(keys, plan.destination.as_ref()),
            )?;
            let now = self.now();
            let mut owner = account.value.clone().unwrap_or_default();

            let mut puts = Vec::new();
            if begins_bound(dialect) {
                require_first_app(dialect, factor_type, &owner)?;
                let refused = self.authorize(keys, caller, &mut owner, code.as_ref(), &Apps::Only, now)?;
                if account.value.as_ref().is_some_and(|before| *before != owner) {
                    puts.push(account.put(&owner, now, self.policy()));
                }
                if let Some(error) = refused {
                    rounds.refuse(puts, error).await?;
                    continue;
                }
            }
            let drafting = Drafting { app: self, keys, caller, dialect, now };
            let decided = drafting.decide(&owner, previous.value.as_ref(), limit.as_ref(), &plan);
            let (draft, charged) = match decided {
                Ok(decided) => decided,
                // A code that was right is spent, whatever else is wrong with the request.
                Err(refusal) if !puts.is_empty() => {
                    rounds.refuse(puts, refusal).await?;
                    continue;
                }
                Err(refusal) => return Err(refusal),
            };
            let Draft { pending, token, offer, message } = draft;
            let expires_at = pending.expires_at;
            puts.push(previous.put(&Enrollment::Pending(pending), now, self.policy()));
            puts.extend(charged);
            let Some(version) = rounds.settle(puts).await? else { continue };
            if let Some(message) = message {
                let policy = self.policy();
                let mut undo = vec![previous.restore(version, Enrollment::Void { since: now }, now, policy)];
                undo.extend(limit.map(|limit| limit.restore(version, DestinationLimit::default(), now, policy)));
                self.send(&rounds, &message, undo).await?;
            }
            return Ok(Enrolled { token, expires_at, offer });
        }
    }

    /// Sends a message once. What was committed for it is undone when it was definitely refused, or when the request has
    /// no time left for it.
    pub(super) async fn send(&self, rounds: &Rounds<'_>, message: &Message, undo: Vec<Put>) -> Result<(), Error> {
        let failure = if rounds.is_late() {
            Error::Busy
        } else {
            match self.delivery.send(message).await {
                Ok(()) => return Ok(()),
                // It may have been sent: the charge stays, and the token was never given out.
                Err(DeliveryError::Unknown) => return Err(Error::DeliveryFailed),
                Err(DeliveryError::Refused) => Error::DeliveryFailed,
                Err(DeliveryError::NotConfigured) => not_configured(message.channel),
            }
        };
        // Where another request has gone on since, or the store is away, what stands is a request that nobody has a token
        // for: the owner can try again after a minute.
        if let Err(error) = self.commit(undo).await {
            tracing::warn!(error.code = error.word(), "a message that was not sent could not be undone");
        }
        Err(failure)
    }

    /// The account and the enrolment of a type, in one round trip.
    pub(super) async fn load_enrollment(
        &self,
        caller: &Caller,
        factor_type: FactorType,
    ) -> Result<(Loaded<Account>, Loaded<Enrollment>), Error> {
        tokio::try_join!(
            self.load_account(&caller.user),
            self.load::<Enrollment>(enrollment_key(&caller.user, factor_type)),
        )
    }

    async fn load_limit(
        &self,
        keys: &Keyring,
        destination: Option<&Destination>,
    ) -> Result<Option<Loaded<DestinationLimit>>, Error> {
        let Some(destination) = destination else { return Ok(None) };
        let kind = FactorType::from(destination.channel()).word();
        self.load(destination_key(keys.index(kind, &[&destination.limit_form()])?)).await.map(Some)
    }

    /// A destination that can be sent to.
    fn destination(&self, target: Target) -> Result<Option<Destination>, Error> {
        match target {
            Target::App => Ok(None),
            Target::Phone(number) => {
                self.require_channel(Channel::Sms)?;
                match (&self.settings().countries, number.country()) {
                    (Countries::All, Some(_)) => Ok(Some(Destination::Phone(number))),
                    (Countries::Only(allowed), Some(country)) if allowed.iter().any(|each| each == country) => {
                        Ok(Some(Destination::Phone(number)))
                    }
                    // A number of no country is a satellite's or a network's: dear, and no price limit knows it.
                    (Countries::All | Countries::Only(_), _) => Err(Error::DestinationRefused),
                }
            }
            Target::Email(address) => {
                self.require_channel(Channel::Email)?;
                Ok(Some(Destination::Email(address)))
            }
        }
    }
}

/// Whether presence is asked for when an enrolment begins. Logto asks when it is bound.
fn begins_bound(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Native | Dialect::Genauth | Dialect::Profile => true,
        Dialect::Logto => false,
    }
}

/// In every dialect but our own an account has one authenticator app at the most.
pub(super) fn require_first_app(dialect: Dialect, factor_type: FactorType, owner: &Account) -> Result<(), Error> {
    let is_second =
        dialect != Dialect::Native && factor_type == FactorType::Totp && owner.of_type(factor_type).next().is_some();
    if is_second { Err(Error::AlreadyEnrolled(factor_type)) } else { Ok(()) }
}

fn charge(limit: &Loaded<DestinationLimit>, user: UserTag, now: Timestamp, policy: &Policy) -> Result<Put, Error> {
    let charged = limit.value.clone().unwrap_or_default().charge(user, now, policy)?;
    Ok(limit.put(&charged, now, policy))
}

/// What is to be enrolled, once it was read.
struct Plan {
    destination: Option<Destination>,
    label: Label,
    language: Language,
    platform: Option<Platform>,
}

/// What every draft needs.
struct Drafting<'a> {
    app: &'a App,
    keys: &'a Keyring,
    caller: &'a Caller,
    dialect: Dialect,
    now: Timestamp,
}

impl Drafting<'_> {
    /// The new enrolment, and the charge of its destination, where nothing speaks against them.
    fn decide(
        &self,
        owner: &Account,
        previous: Option<&Enrollment>,
        limit: Option<&Loaded<DestinationLimit>>,
        plan: &Plan,
    ) -> Result<(Draft, Option<Put>), Error> {
        let policy = self.app.policy();
        if let Some(destination) = &plan.destination {
            require_new(self.keys, &self.caller.user, owner, destination)?;
        }
        let tries = self.taken_over(plan, previous)?;
        let authorized = owner.authorization(self.caller.actor, self.now, policy);
        // A draft that nothing allows yet, as Logto's may be, takes the place of none that is allowed.
        let replaced = previous.and_then(|previous| previous.authorization(self.now));
        if authorized.is_none() && replaced.is_some_and(|replaced| owner.is_current(replaced)) {
            return Err(step_up_required(self.keys, &self.caller.user, owner));
        }
        let draft = self.draft(plan, authorized, tries)?;
        if begins_bound(self.dialect) {
            owner.admit_candidate(&draft.pending.candidate, policy)?;
        }
        let user = self.keys.user_tag(&self.caller.user)?;
        let charged = limit.map(|limit| charge(limit, user, self.now, policy)).transpose()?;
        Ok((draft, charged))
    }

    /// The wrong tries that a new enrolment takes over. Not for an app, whose secret its owner knows anyway.
    fn taken_over(&self, plan: &Plan, previous: Option<&Enrollment>) -> Result<Tries, Error> {
        let (Some(destination), Some(previous)) = (&plan.destination, previous) else { return Ok(Tries::default()) };
        let tries = previous.carried_tries(self.now, self.app.policy());
        tries.admit(FactorType::from(destination.channel()).into(), self.now, self.app.policy())?;
        Ok(tries)
    }

    fn draft(&self, plan: &Plan, authorized: Option<Authorization>, tries: Tries) -> Result<Draft, Error> {
        let randomness = self.app.randomness();
        let factor_type = plan.destination.as_ref().map_or(FactorType::Totp, |to| to.channel().into());
        let token = EnrollmentToken::random(self.dialect, factor_type, randomness)?;
        let access = self.caller.actor.access();
        let ticket = Ticket { dialect: self.dialect, access, nonce: token.nonce.digest() };
        let id = FactorId::random(randomness)?;
        let (credential, recovery, offer, message) = match &plan.destination {
            None => self.app_credential(&id)?,
            Some(destination) => self.sent_credential(&id, ticket, destination, plan)?,
        };
        let candidate = Candidate { id, label: plan.label.clone(), credential };
        let expires_at = self.now.plus(self.seconds());
        let pending = Pending { ticket, candidate, authorized, expires_at, tries, recovery };
        Ok(Draft { pending, token, offer, message })
    }

    fn seconds(&self) -> u64 {
        match self.dialect {
            Dialect::Genauth => self.app.policy().genauth_enrollment_seconds,
            Dialect::Native | Dialect::Logto | Dialect::Profile => self.app.policy().enrollment_seconds,
        }
    }

    fn app_credential(&self, id: &FactorId) -> Result<Parts, Error> {
        let randomness = self.app.randomness();
        let user = &self.caller.user;
        let secret = TotpSecret::random(randomness)?;
        let sealed = self.keys.seal(Purpose::TotpSecret, user, id, secret.expose(), randomness)?;
        let parameters = self.app.policy().totp;
        let recovery_code = match self.dialect {
            Dialect::Genauth => Some(RecoveryCode::random::<{ RecoveryCode::LONG }>(randomness)?),
            Dialect::Native | Dialect::Logto | Dialect::Profile => None,
        };
        let version = self.keys.current();
        let recovery = recovery_code
            .as_ref()
            .map(|code| self.keys.recovery_digest(version, user, code))
            .transpose()?
            .map(|digest| RecoverySet::new(version, vec![digest.bytes]));
        let offer = Offer::App { secret: secret.base32(), parameters, recovery_code };
        Ok((Credential::Totp { secret: sealed, parameters }, recovery, offer, None))
    }

    fn sent_credential(
        &self,
        id: &FactorId,
        ticket: Ticket,
        destination: &Destination,
        plan: &Plan,
    ) -> Result<Parts, Error> {
        let user = &self.caller.user;
        let code = Passcode::random(self.app.policy().passcode_digits, self.app.randomness())?;
        let version = self.keys.current();
        let passcode = self.keys.passcode_digest(version, user, id, ticket.nonce, &code)?;
        let address = destination.as_str().as_bytes();
        let sealed = self.keys.seal(Purpose::Destination, user, id, address, self.app.randomness())?;
        let message = self.app.message(destination, &code, self.seconds(), plan.language, plan.platform);
        let credential = Credential::Sent { channel: destination.channel(), destination: sealed, passcode };
        Ok((credential, None, Offer::Sent(destination.masked()), Some(message)))
    }
}

/// What a draft is made of: the credential, recovery codes, what to show, what to send.
type Parts = (Credential, Option<RecoverySet>, Offer, Option<Message>);

impl App {
    /// The message that brings a code.
    pub(super) fn message(
        &self,
        destination: &Destination,
        code: &Passcode,
        seconds: u64,
        language: Language,
        platform: Option<Platform>,
    ) -> Message {
        let minutes = seconds / 60;
        match destination {
            Destination::Phone(number) => {
                self.settings().wording.sms(number, code.expose(), platform, language, minutes)
            }
            Destination::Email(address) => self.settings().wording.email(address, code.expose(), language, minutes),
        }
    }
}
