//! Beginning an enrolment: a secret for an app, or a code sent to a number or an address.

use zeroize::Zeroizing;

use super::check::{Apps, authorize, step_up_required};
use super::confirm::{NewCodes, recovery_codes};
use super::engine::{Cx, FACES_OFF, LimitIndex, Name, Outcome, Outgoing, UseCase, Work, not_configured};
use super::{AccountName, Caller, Service, hosted};
use crate::delivery::messages::{Occasion, Platform, Purpose};
use crate::delivery::{Language, Message};
use crate::domain::account::Account;
use crate::domain::contact::{Destination, MaskedDestination};
use crate::domain::enrollment::{Draft, Enrollment, Ticket};
use crate::domain::error::Error;
use crate::domain::factor::totp::Parameters;
use crate::domain::factor::{Candidate, FactorType, Place, Setup, face, passcode, passkey, totp};
use crate::domain::grant::Allowed;
use crate::domain::hosted::Step;
use crate::domain::ids::{FactorId, Label};
use crate::domain::limits::Tries;
use crate::domain::random;
use crate::domain::recovery::RecoverySet;
use crate::domain::secret::{Code, Passcode, RecoveryCode};
use crate::domain::terms::{AppsAllowed, CheckNeeded, RecoveryHandout, Terms};
use crate::domain::time::Timestamp;
use crate::domain::token::EnrollmentToken;
use crate::domain::vault::Vault;

/// The app or the destination to enrol.
pub enum Target {
    /// An authenticator app.
    App,
    /// A phone number or an e-mail address.
    Destination(Destination),
    /// A passkey.
    Passkey,
    /// A face, with the version of the text that its person has consented to.
    Face(face::ConsentVersion),
}

impl Target {
    fn factor_type(&self) -> FactorType {
        match self {
            Self::App => FactorType::Totp,
            Self::Destination(destination) => destination.channel().into(),
            Self::Passkey => FactorType::Passkey,
            Self::Face(_) => FactorType::Face,
        }
    }
}

/// A request to begin an enrolment.
pub struct Request {
    /// The terms of the request's dialect. Only this dialect can finish the enrolment.
    pub terms: Terms,
    /// The app or the destination to enrol.
    pub target: Target,
    /// The label of the new factor. `None`: the default label of its type.
    pub label: Option<Label>,
    /// A code that replaces a recent check, if the dialect has a field for it.
    pub code: Option<Code>,
    /// The language of a message.
    pub language: Language,
    /// The platform on which the code of an SMS is typed in.
    pub platform: Option<Platform>,
}

impl Request {
    /// A request for an app, with the defaults of all other fields.
    #[must_use]
    pub fn app(terms: Terms) -> Self {
        Self { terms, target: Target::App, label: None, code: None, language: Language::English, platform: None }
    }
}

/// A pending enrolment, for its owner.
pub struct Enrolled {
    /// The token that confirms it.
    pub token: EnrollmentToken,
    /// The time at which it expires.
    pub expires_at: Timestamp,
    /// The data that the owner needs to confirm it.
    pub offer: Offer,
    /// The name of the account in an authenticator app, if a hosted session gives one.
    pub account_name: Option<AccountName>,
}

/// The data that the owner of a pending enrolment needs.
pub enum Offer {
    /// A secret for an app.
    App {
        /// The secret in Base32, without padding.
        secret: Zeroizing<String>,
        /// The hash function and the number of digits.
        parameters: Parameters,
        /// The recovery code that is shown before the confirmation, if the terms ask for it.
        recovery_code: Option<RecoveryCode>,
    },
    /// A code was sent to this destination.
    Sent(MaskedDestination),
    /// The content of a passkey's creation options.
    Passkey(PasskeyOffer),
    /// Nothing: a photo is awaited.
    Face,
}

/// The content of a passkey's creation options.
pub struct PasskeyOffer {
    /// The challenge.
    pub challenge: passkey::Challenge,
    /// The user's handle.
    pub user_handle: passkey::UserHandle,
    /// The user's passkeys. An authenticator that has one of them makes no second one.
    pub exclude: Vec<passkey::Method>,
}

impl Service {
    /// Begins an enrolment. It replaces an older one of the same type.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`], [`Error::DestinationRefused`], [`Error::AlreadyEnrolled`],
    /// [`Error::OtherFactorRequired`], [`Error::TooManyFactors`], [`Error::StepUpRequired`], [`Error::TooManyAttempts`],
    /// [`Error::TooManyMessages`],
    /// [`Error::DeliveryFailed`], the errors of a wrong `code`, and [`Error::Busy`]. After an error no new enrolment is
    /// pending, unless it is unknown whether the message was sent.
    pub async fn enroll(&self, caller: &Caller, request: &Request) -> Result<Enrolled, Error> {
        let limit = match &request.target {
            Target::App => None,
            Target::Face(_) => {
                self.faces().ok_or(FACES_OFF)?;
                None
            }
            Target::Passkey => {
                self.settings().relying_party()?;
                None
            }
            Target::Destination(destination) => {
                self.require_deliverable(destination)?;
                Some(caller.limit(destination)?)
            }
        };
        self.run(caller, &Enroll { request, limit }).await
    }

    /// Checks that messages can be sent to a destination.
    pub(super) fn require_deliverable(&self, destination: &Destination) -> Result<(), Error> {
        let channel = destination.channel();
        match destination {
            _ if !self.is_configured(channel) => Err(not_configured(channel)),
            Destination::Phone(number) if !self.settings().countries.allow(number) => Err(Error::DestinationRefused),
            Destination::Phone(_) | Destination::Email(_) => Ok(()),
        }
    }
}

pub(super) struct Enroll<'a> {
    pub(super) request: &'a Request,
    /// The limit of messages to the destination. `None` for an app.
    pub(super) limit: Option<LimitIndex>,
}

impl UseCase for Enroll<'_> {
    type Reply = Enrolled;

    const STEP: Step = Step::Enroll;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        let factor_type = self.request.target.factor_type();
        [Name::Account, Name::Enrollment(factor_type)].into_iter().chain(self.limit.map(Name::Limit)).collect()
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Enrolled>, Error> {
        let Request { terms, target, .. } = self.request;
        let factor_type = target.factor_type();
        hosted::require_enrollable(work, cx, factor_type)?;
        match terms.check_needed {
            CheckNeeded::ToBegin => {
                require_first_app(terms, factor_type, work.account()?)?;
                authorize(work, cx, self.request.code.as_ref(), &Apps::Only)?;
            }
            CheckNeeded::ToBind => {}
        }
        let label = match &self.request.label {
            Some(label) => label.clone(),
            None => Label::parse(factor_type.default_label()).ok_or(Error::Internal("a default label is not one"))?,
        };
        let allowed = self.require_place(work, cx, &label)?;
        let tries = self.carried_tries(work, cx)?;
        let mut begun = self.begin(work.account()?, cx, label, allowed, tries)?;
        let of_session = hosted::current(work, cx)?.and_then(|(_, brief)| brief.account_name);
        begun.reply.account_name = of_session.map(|name| AccountName::new(&name));
        if let Some(limit) = self.limit {
            work.rewind(&Name::Limit(limit), cx.now);
            let counted = work.limit_mut(limit)?;
            *counted = counted.charge(cx.vault.user_tag()?, cx.now, cx.policy())?;
        }
        *work.enrollment_mut(factor_type)? = Enrollment::Pending(begun.draft);
        let undo = [Name::Enrollment(factor_type)].into_iter().chain(self.limit.map(Name::Limit)).collect();
        let message = begun.message.map(|message| Outgoing::Code { message, undo });
        Ok(Outcome { reply: begun.reply, message })
    }
}

/// A new draft, with the reply for its owner.
struct Begun {
    draft: Draft,
    reply: Enrolled,
    /// The message that brings the passcode. An app needs none.
    message: Option<Message>,
}

impl Enroll<'_> {
    /// Checks that the account has room for the candidate and that the enrolment may replace an older one. Returns the
    /// authority under which it begins.
    fn require_place(&self, work: &Work, cx: &Cx<'_>, label: &Label) -> Result<Allowed, Error> {
        let account = work.account()?;
        let place = match &self.request.target {
            Target::App => Place::App(label),
            Target::Destination(destination) => Place::Destination(destination),
            Target::Passkey => Place::Passkey,
            Target::Face(_) => Place::Face,
        };
        match self.request.terms.check_needed {
            CheckNeeded::ToBegin => account.require_room(place, cx.vault, cx.policy())?,
            CheckNeeded::ToBind => {}
        }
        let allowed = account.allowed(cx.caller.actor, cx.now, cx.policy());
        // An enrolment without authority must not replace one that its beginner can still finish.
        let previous = work.enrollment(self.request.target.factor_type())?;
        if allowed == Allowed::NotYet && previous.is_standing(account, cx.now, cx.policy()) {
            return Err(step_up_required(work, cx));
        }
        Ok(allowed)
    }

    /// The count of wrong tries that the enrolment takes over. An app's takes none: the client that begins it gets the
    /// secret, so there is nothing to guess.
    fn carried_tries(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Tries, Error> {
        match &self.request.target {
            Target::App | Target::Passkey | Target::Face(_) => Ok(Tries::default()),
            Target::Destination(destination) => {
                let factor_type = FactorType::from(destination.channel());
                work.rewind(&Name::Enrollment(factor_type), cx.now);
                let tries = work.enrollment(factor_type)?.carried_tries(cx.now, cx.policy());
                tries.admit(factor_type.into(), cx.now, cx.policy())?;
                Ok(tries)
            }
        }
    }

    fn begin(
        &self,
        account: &Account,
        cx: &Cx<'_>,
        label: Label,
        allowed: Allowed,
        tries: Tries,
    ) -> Result<Begun, Error> {
        let Request { terms, target, language, platform, .. } = self.request;
        let token = EnrollmentToken::random(terms.realm, target.factor_type(), cx.randomness)?;
        let ticket = Ticket { realm: terms.realm, by: cx.caller.actor, nonce: token.nonce.digest() };
        let id = FactorId::random(cx.randomness)?;
        let (setup, recovery, offer, message) = match target {
            Target::App => {
                let parameters = cx.policy().totp;
                let (setup, secret) = totp::Setup::new(cx.vault, &id, parameters, cx.randomness)?;
                let (recovery_code, recovery) = self.recovery_code(cx)?.unzip();
                let offer = Offer::App { secret: secret.base32(), parameters, recovery_code };
                (Setup::Totp(setup), recovery, offer, None)
            }
            Target::Face(version) => {
                let consent = face::Consent { version: version.clone(), at: cx.now };
                (Setup::Face(face::Setup { consent }), None, Offer::Face, None)
            }
            Target::Passkey => {
                let nonce = random::bytes(cx.randomness)?;
                let user_handle = match account.user_handle() {
                    Some(handle) => handle.clone(),
                    None => passkey::UserHandle::random(cx.randomness)?,
                };
                let exclude = account.passkeys().map(|(_, method)| method.clone()).collect();
                let challenge = passkey::Challenge::of(nonce, None);
                let offer = PasskeyOffer { challenge, user_handle: user_handle.clone(), exclude };
                (Setup::Passkey(passkey::Setup { nonce, user_handle }), None, Offer::Passkey(offer), None)
            }
            Target::Destination(destination) => {
                let code = Passcode::random(cx.policy().passcode_digits, cx.randomness)?;
                let awaited = cx.vault.passcode_digest(cx.vault.current(), &id, ticket.nonce, None, &code)?;
                let method = passcode::Method::new(cx.vault, &id, destination)?;
                let setup = Setup::Passcode(passcode::Setup { method, awaited });
                let minutes = terms.enrollment_seconds / 60;
                let (purpose, platform, language) = (Purpose::Enrollment, *platform, *language);
                let occasion = Occasion { purpose, platform, language, minutes };
                let message = cx.settings.wording.passcode(destination, &code, &occasion);
                let message = message.ok_or(Error::Internal("a message does not fit one SMS"))?;
                (setup, None, Offer::Sent(destination.masked()), Some(message))
            }
        };
        let expires_at = cx.now.plus(terms.enrollment_seconds);
        let candidate = Candidate { id, label, setup };
        let draft = Draft { ticket, candidate, allowed, expires_at, tries, recovery };
        Ok(Begun { draft, reply: Enrolled { token, expires_at, offer, account_name: None }, message })
    }

    /// The recovery code that is shown before the confirmation, if the terms ask for it.
    fn recovery_code(&self, cx: &Cx<'_>) -> Result<Option<(RecoveryCode, RecoverySet)>, Error> {
        match self.request.terms.recovery {
            RecoveryHandout::ShownAtBeginning => {
                let (NewCodes(mut codes), set) = recovery_codes::<{ RecoveryCode::LONG }>(cx, 1)?;
                Ok(codes.pop().map(|code| (code, set)))
            }
            RecoveryHandout::WithFirstFactor(_) | RecoveryHandout::WithEveryFactor(_) | RecoveryHandout::OnRequest => {
                Ok(None)
            }
        }
    }
}

/// Checks that the terms of the dialect allow the account one more authenticator app.
pub(super) fn require_first_app(terms: &Terms, factor_type: FactorType, account: &Account) -> Result<(), Error> {
    let has_app = match factor_type {
        FactorType::Totp => account.of_type(factor_type).next().is_some(),
        FactorType::Sms | FactorType::Email | FactorType::Passkey | FactorType::Face => false,
    };
    match terms.apps {
        AppsAllowed::One if has_app => Err(Error::AlreadyEnrolled(factor_type)),
        AppsAllowed::One | AppsAllowed::Several => Ok(()),
    }
}
