//! The contact of record: before the first factor of an account is enrolled in a session, the person answers a code that
//! is sent to a contact that the back end gave. A thief who has only the password does not get this code.

use crate::delivery::Language;
use crate::delivery::messages::{Occasion, Platform, Purpose};
use crate::domain::actor::Actor;
use crate::domain::challenge::{Awaited, ChallengeState, OpenChallenge};
use crate::domain::contact::{ContactOfRecord, Destination, MaskedDestination};
use crate::domain::enrollment::Ticket;
use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::{FactorType, passcode};
use crate::domain::grant::Allowed;
use crate::domain::hosted::{Hosted, SessionContact, Step};
use crate::domain::ids::FactorId;
use crate::domain::policy::FirstEnrollment;
use crate::domain::possession::Attempt;
use crate::domain::secret::Passcode;
use crate::domain::time::Timestamp;
use crate::domain::token::{Nonce, Realm};
use crate::domain::vault::Vault;
use crate::flows::engine::{Cx, Name, Outcome, Outgoing, UseCase, Work};
use crate::flows::{Caller, Service};

use super::{Brief, current};

/// The realm of contacts. Their challenges have no id on the wire.
const REALM: Realm = Realm::new('k');

/// A request for the code that confirms the contact.
#[derive(Clone, Debug)]
pub struct SendContactCode {
    /// The language of the message.
    pub language: Language,
    /// The platform on which the code of an SMS is typed in.
    pub platform: Option<Platform>,
}

/// A code that was sent to the contact.
pub struct ContactSent {
    /// The masked destination.
    pub sent_to: MaskedDestination,
    /// The time at which the code expires.
    pub expires_at: Timestamp,
}

impl Service {
    /// Sends a code to the contact of record of this caller's session. An older code is void.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a contact or with a factor, [`Error::AlreadyUsed`] once it is confirmed,
    /// [`Error::ChannelNotConfigured`], [`Error::TooManyAttempts`], [`Error::TooManyMessages`],
    /// [`Error::DeliveryFailed`], [`Error::Busy`].
    pub async fn send_contact_code(&self, caller: &Caller, request: &SendContactCode) -> Result<ContactSent, Error> {
        self.run(caller, &Send { request, caller }).await
    }

    /// Confirms the contact of record with its code. `language` is the language of later notices, unless the back end
    /// gave one.
    ///
    /// # Errors
    /// As [`Service::send_contact_code`]; [`Error::IncorrectCode`], [`Error::Expired`].
    pub async fn confirm_contact(&self, caller: &Caller, code: &Passcode, language: Language) -> Result<(), Error> {
        self.run(caller, &Confirm { code, language }).await
    }
}

/// Checks that the caller may enrol a factor of this account. The back end always may, and everybody may once there is a
/// factor: then a recent check is needed. The first factor of a user needs the confirmed contact of the session, if the
/// back end gave one or if the operator asks for it.
///
/// # Errors
/// [`Error::ContactRequired`].
pub(super) fn require_contact(work: &Work, cx: &Cx<'_>) -> Result<(), Error> {
    if cx.caller.actor == Actor::BackEnd || !work.account()?.factors().is_empty() {
        return Ok(());
    }
    match (state(work, cx)?, cx.policy().first_enrollment) {
        (SessionContact::Confirmed { .. }, _) | (SessionContact::NotGiven, FirstEnrollment::User) => Ok(()),
        (SessionContact::Given, _) | (SessionContact::NotGiven, FirstEnrollment::BackEnd) => {
            Err(Error::ContactRequired)
        }
    }
}

/// The contact that this session has confirmed, for an account without a factor.
pub(in crate::flows) fn contact_of_record(work: &Work, cx: &Cx<'_>) -> Result<Option<ContactOfRecord>, Error> {
    match state(work, cx)? {
        SessionContact::Confirmed { language } if work.account()?.factors().is_empty() => {
            let given = given(work, cx)?;
            given.map(|destination| ContactOfRecord::new(cx.vault, &destination, &language)).transpose()
        }
        SessionContact::Confirmed { .. } | SessionContact::Given | SessionContact::NotGiven => Ok(None),
    }
}

/// The state of the contact. Outside a session there is none.
fn state(work: &Work, cx: &Cx<'_>) -> Result<SessionContact, Error> {
    let Some(session) = &cx.caller.in_session else { return Ok(SessionContact::NotGiven) };
    Ok(match work.hosted(&session.id)? {
        Hosted::Open(open) => open.contact.clone(),
        Hosted::None | Hosted::Done(_) | Hosted::Canceled { .. } => SessionContact::NotGiven,
    })
}

/// The contact in the brief.
fn given(work: &Work, cx: &Cx<'_>) -> Result<Option<Destination>, Error> {
    let Some((_, brief)) = current(work, cx)? else { return Ok(None) };
    brief.contact.map(|contact| contact.destination()).transpose()
}

/// The contact that a user without a factor must confirm. `None`: there is none to confirm.
pub(super) fn awaited(work: &Work, cx: &Cx<'_>) -> Result<Option<Destination>, Error> {
    match state(work, cx)? {
        SessionContact::Given if work.account()?.factors().is_empty() => given(work, cx),
        SessionContact::Given | SessionContact::NotGiven | SessionContact::Confirmed { .. } => Ok(None),
    }
}

/// The contact that is to be confirmed.
fn to_confirm(work: &Work, cx: &Cx<'_>) -> Result<Destination, Error> {
    match state(work, cx)? {
        SessionContact::Confirmed { .. } => Err(Error::AlreadyUsed(Subject::Contact)),
        SessionContact::Given | SessionContact::NotGiven => awaited(work, cx)?.ok_or(Error::NotFound(Subject::Contact)),
    }
}

fn name() -> Name {
    Name::Challenge(FactorId::contact_of_record())
}

fn kind(contact: &Destination) -> CodeKind {
    FactorType::from(contact.channel()).into()
}

struct Send<'a> {
    request: &'a SendContactCode,
    caller: &'a Caller,
}

impl Send<'_> {
    /// The limit of codes to the contact over all users. The contact is known only after the session was read.
    fn limit(&self, work: &Work, vault: &dyn Vault) -> Option<Name> {
        let session = self.caller.in_session.as_ref()?;
        let Hosted::Open(open) = work.hosted(&session.id).ok()? else { return None };
        let contact = Brief::open(&session.id, &open.brief, vault).ok()?.contact?.destination().ok()?;
        self.caller.contact_limit(&contact).ok().map(Name::Limit)
    }
}

impl UseCase for Send<'_> {
    type Reply = ContactSent;

    const STEP: Step = Step::Enroll;

    fn reads(&self, work: &Work, vault: &dyn Vault) -> Vec<Name> {
        [name()].into_iter().chain(self.limit(work, vault)).collect()
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<ContactSent>, Error> {
        let id = FactorId::contact_of_record();
        let contact = to_confirm(work, cx)?;
        cx.require_channel(contact.channel())?;
        let epoch = work.account()?.epoch();
        work.rewind(&name(), cx.now);
        let challenge = work.challenge_mut(&id)?;
        let tries = challenge.carried_tries(kind(&contact), cx.now, cx.policy())?;
        challenge.sent = challenge.sent.charge(cx.now, cx.policy())?;

        let nonce = Nonce::random(cx.randomness)?.digest();
        let ticket = Ticket { realm: REALM, by: cx.caller.actor, nonce };
        let code = Passcode::random(ContactOfRecord::DIGITS, cx.randomness)?;
        let digest = cx.vault.passcode_digest(cx.vault.current(), &id, nonce, None, &code)?;
        let seconds = cx.policy().challenge_seconds;
        let expires_at = cx.now.plus(seconds);
        let (allowed, awaited) = (Allowed::Beginner(epoch), Awaited::Passcode(digest));
        let open = OpenChallenge { ticket, allowed, awaited, transaction: None, expires_at, tries };
        challenge.state = ChallengeState::Open(open);
        let limit = self.caller.contact_limit(&contact)?;
        work.rewind(&Name::Limit(limit), cx.now);
        let counted = work.limit_mut(limit)?;
        *counted = counted.charge_contact(cx.vault.user_tag()?, cx.now, cx.policy())?;

        let SendContactCode { language, platform } = *self.request;
        let occasion = Occasion { purpose: Purpose::Contact, platform, language, minutes: seconds / 60 };
        let message = cx.settings.wording.passcode(&contact, &code, &occasion);
        let message = message.ok_or(Error::Internal("a message does not fit one SMS"))?;
        let reply = ContactSent { sent_to: contact.masked(), expires_at };
        Ok(Outcome { reply, message: Some(Outgoing::Code { message, undo: vec![name(), Name::Limit(limit)] }) })
    }
}

/// The answer to the code that was sent to the contact.
struct Confirm<'a> {
    code: &'a Passcode,
    language: Language,
}

impl UseCase for Confirm<'_> {
    type Reply = ();

    const STEP: Step = Step::Enroll;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![name()]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<()>, Error> {
        let id = FactorId::contact_of_record();
        let kind = kind(&to_confirm(work, cx)?);
        work.rewind(&name(), cx.now);
        let open = match &work.challenge(&id)?.state {
            ChallengeState::Open(open) => open,
            // Documents are not read at one moment: the session was read before the same request passed, this one after.
            ChallengeState::Passed { ticket, .. } if ticket.by == cx.caller.actor => {
                return Err(Error::AlreadyUsed(Subject::Contact));
            }
            ChallengeState::Passed { .. } | ChallengeState::None => return Err(Error::NotFound(Subject::Challenge)),
        };
        // Another session of the user, perhaps a thief's, has asked for a code since.
        if open.ticket.by != cx.caller.actor {
            return Err(Error::NotFound(Subject::Challenge));
        }
        if cx.now.is_over(open.expires_at) {
            return Err(Error::Expired(Subject::Contact));
        }
        open.tries.admit(kind, cx.now, cx.policy())?;
        let Awaited::Passcode(awaited) = open.awaited else { return Err(Error::NotFound(Subject::Challenge)) };
        match passcode::compare(cx.vault, &id, open.ticket.nonce, None, &awaited, self.code)? {
            Attempt::Right(_) => {
                work.challenge_mut(&id)?.pass();
                let of_session = current(work, cx)?.and_then(|(_, brief)| brief.locale);
                let language = of_session.map_or(self.language, |locale| Language::pick(Some(&locale), None));
                let confirmed = SessionContact::Confirmed { language: language.tag().to_owned() };
                if let Some(session) = &cx.caller.in_session
                    && let Hosted::Open(open) = work.hosted_mut(&session.id)?
                {
                    open.contact = confirmed;
                }
                Ok(Outcome::reply(()))
            }
            Attempt::Spent | Attempt::Wrong => {
                let remaining = Some(work.challenge_mut(&id)?.count_wrong(cx.now).remaining(cx.policy()));
                work.settle();
                Err(Error::IncorrectCode { kind, remaining })
            }
        }
    }
}
