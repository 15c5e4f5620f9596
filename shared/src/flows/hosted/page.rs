//! The page's part of a session: it shows what there is to do, and leaves.

use crate::domain::contact::{Channel, MaskedDestination};
use crate::domain::error::Error;
use crate::domain::factor::FactorSummary;
use crate::domain::grant::Allowed;
use crate::domain::hosted::{Hosted, HostedPurpose, HostedResult, Offer, Step};
use crate::domain::receipt::Level;
use crate::domain::time::Timestamp;
use crate::domain::token::Nonce;
use crate::domain::vault::Vault;
use crate::flows::engine::{Cx, Name, Outcome, UseCase, Work};
use crate::flows::{Caller, Service};

use super::contact::awaited;
use super::{Brief, NextUrl, can_add_passkey, current, demand, finish, next};

/// The content of the page.
pub struct View {
    /// The purpose.
    pub purpose: HostedPurpose,
    /// The next thing that the person does.
    pub needs: Needs,
    /// The factors with which a check would be enough; for a session that manages factors after its check: all.
    pub factors: Vec<FactorSummary>,
    /// Recovery codes with which a check would be enough.
    pub remaining_recovery_codes: usize,
    /// The contact of record that is to be confirmed first.
    pub contact: Option<(Channel, MaskedDestination)>,
    /// The brief.
    pub brief: Brief,
    /// The time at which the session expires.
    pub expires_at: Timestamp,
}

/// The answer to the page.
pub enum Page {
    /// The open session, with the next thing to do.
    Open(Box<View>),
    /// The session is finished, and this browser may have lost the way back. The URL has a new code.
    Done(NextUrl),
}

/// The next thing that the person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Confirms the contact of record.
    Contact,
    /// Passes a check.
    Check,
    /// Adds a factor.
    Enroll,
    /// Adds the passkey that is offered, or leaves. The check was passed.
    Passkey,
    /// Nothing: manages factors.
    Nothing,
}

impl Needs {
    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Check => "check",
            Self::Enroll => "enroll",
            Self::Passkey => "passkey",
            Self::Nothing => "nothing",
        }
    }
}

impl Service {
    /// Returns the content of the page. Until the back end has redeemed the result or the token has expired, the browser
    /// that finished the session gets the way back again, with a code that replaces the one before.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for another browser, [`Error::Expired`], [`Error::AlreadyUsed`], [`Error::Busy`].
    pub async fn view_session(&self, caller: &Caller) -> Result<Page, Error> {
        self.run(caller, &Show).await
    }

    /// Leaves the session of this caller; returns the URL to go to. A session that manages factors is finished by it, and
    /// so is one that offers a passkey after its check.
    ///
    /// # Errors
    /// As [`Service::view_session`].
    pub async fn leave_session(&self, caller: &Caller) -> Result<NextUrl, Error> {
        self.run(caller, &Leave).await
    }
}

struct Show;

impl UseCase for Show {
    type Reply = Page;

    const STEP: Step = Step::Show;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        Vec::new()
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Page>, Error> {
        let Some(session) = &cx.caller.in_session else { return Err(Error::Unauthorized) };
        if let Hosted::Done(done) = work.hosted_mut(&session.id)? {
            let code = Nonce::random(cx.randomness)?;
            (done.code, done.at) = (code.digest(), cx.now);
            let brief = Brief::open(&session.id, &done.brief, cx.vault)?;
            return Ok(Outcome::reply(Page::Done(next(&brief.return_url, &session.id, Some(code)))));
        }
        let Some((open, brief)) = current(work, cx)? else { return Err(Error::Unauthorized) };
        let is_passkey_offered = match &open.offer {
            Offer::Made(_) => true,
            Offer::None | Offer::AfterCheck => false,
        };
        let (purpose, demand, expires_at) = (open.purpose, demand(open), open.expires_at);
        // The offer ends with the recent check of the person who passed.
        if is_passkey_offered
            && !can_add_passkey(work, cx)?
            && let Some(next) = finish(work, cx, HostedResult::Managed)?
        {
            return Ok(Outcome::reply(Page::Done(next)));
        }
        let account = work.account()?;
        let may_change = account.allowed(cx.caller.actor, cx.now, cx.policy()) != Allowed::NotYet;
        let contact = awaited(work, cx)?.map(|contact| (contact.channel(), contact.masked()));
        let needs = match purpose {
            HostedPurpose::Enroll | HostedPurpose::Manage if contact.is_some() => Needs::Contact,
            HostedPurpose::Enroll | HostedPurpose::Manage if !may_change => Needs::Check,
            HostedPurpose::Enroll => Needs::Enroll,
            HostedPurpose::Manage => Needs::Nothing,
            HostedPurpose::Check if is_passkey_offered => Needs::Passkey,
            HostedPurpose::Check => Needs::Check,
        };
        let is_of_transaction = brief.transaction.is_some();
        let confirms = |level: Level| match level {
            Level::App => !is_of_transaction || cx.settings.transactions_by_app,
            Level::Recovery | Level::Face => !is_of_transaction,
            Level::Passkey | Level::Sms | Level::Email | Level::Enrolled => true,
        };
        let is_enough = |level: Level| match (purpose, needs) {
            (HostedPurpose::Check, _) => demand.takes(level) && confirms(level),
            (_, Needs::Check) => account.lets_change(level),
            (_, Needs::Contact | Needs::Enroll | Needs::Passkey | Needs::Nothing) => true,
        };
        let mut factors = account.summaries(cx.vault)?;
        factors
            .retain(|factor| needs == Needs::Nothing || factor.is_readable && is_enough(Level::of(factor.factor_type)));
        // An enrolment shows no factor that it does not need.
        if matches!(needs, Needs::Enroll | Needs::Passkey) {
            factors.clear();
        }
        let remaining_recovery_codes = if is_enough(Level::Recovery) { account.remaining_recovery_codes() } else { 0 };
        let view = View { purpose, needs, factors, remaining_recovery_codes, contact, brief, expires_at };
        Ok(Outcome::reply(Page::Open(Box::new(view))))
    }
}

struct Leave;

impl UseCase for Leave {
    type Reply = NextUrl;

    const STEP: Step = Step::Session;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        Vec::new()
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<NextUrl>, Error> {
        let Some(session) = &cx.caller.in_session else { return Err(Error::Unauthorized) };
        if let Some(next) = finish(work, cx, HostedResult::Managed)? {
            return Ok(Outcome::reply(next));
        }
        let Some((open, brief)) = current(work, cx)? else { return Err(Error::Unauthorized) };
        let expires_at = open.expires_at;
        *work.hosted_mut(&session.id)? = Hosted::Canceled { expires_at };
        Ok(Outcome::reply(next(&brief.return_url, &session.id, None)))
    }
}
