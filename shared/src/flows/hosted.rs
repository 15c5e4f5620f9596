//! Hosted sessions: the back end creates one, the person finishes it on the page, and the back end redeems its result.

mod back_end;
mod contact;
mod page;
mod token;

use super::Caller;
use super::check::step_up_required;
use super::engine::{Cx, Name, Work};
use super::needed::Demand;
use crate::domain::error::{Error, Subject};
use crate::domain::factor::{FactorType, Place};
use crate::domain::grant::Allowed;
use crate::domain::hosted::{DoneSession, Hosted, HostedPurpose, HostedResult, InSession, Offer, OpenSession, Step};
use crate::domain::ids::HostedId;
use crate::domain::receipt::{Level, PassedCheck};
use crate::domain::token::Nonce;

pub use back_end::{Created, Redemption, Request, Status};
pub(super) use contact::contact_of_record;
use contact::require_contact;
pub use contact::{ContactSent, SendContactCode};
pub use page::{Needs, Page, View};
pub use token::{Brief, BriefContact, HostedToken};

/// The URL that the browser goes to. It may contain the one-time code, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct NextUrl(pub String);

impl std::fmt::Debug for NextUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NextUrl(…)")
    }
}

/// The documents that every request in a session needs.
pub(super) fn reads(caller: &Caller) -> Vec<Name> {
    let session = caller.in_session.as_ref().map(|session| Name::Hosted(session.id.clone()));
    session.into_iter().flat_map(|session| [Name::Account, session]).collect()
}

/// Decides a request. If it is in a session, the session must be open, belong to this browser and open such a request.
/// A change by the request itself keeps the session open; a change by any other actor ends it.
pub(super) fn within<T>(
    work: &mut Work,
    cx: &Cx<'_>,
    step: Step,
    decide: impl FnOnce(&mut Work) -> Result<T, Error>,
) -> Result<T, Error> {
    let Some(session) = &cx.caller.in_session else { return decide(work) };
    admit(work, cx, session, step)?;
    let decided = decide(work)?;
    let epoch = work.account()?.epoch();
    if let Hosted::Open(open) = work.hosted_mut(&session.id)? {
        open.epoch = epoch;
    }
    Ok(decided)
}

fn admit(work: &mut Work, cx: &Cx<'_>, session: &InSession, step: Step) -> Result<(), Error> {
    let account = work.account()?;
    let has_no_factor = account.factors().is_empty();
    let may_change = account.allowed(cx.caller.actor, cx.now, cx.policy()) != Allowed::NotYet;
    let is_current = |open: &OpenSession| account.is_in(open.epoch) && !open.is_over(cx.now);
    let epoch = account.epoch();
    match work.hosted(&session.id)? {
        Hosted::Open(open) if !is_current(open) => return Err(Error::Expired(Subject::Session)),
        Hosted::Open(open) if open.browser.is_some_and(|browser| browser != session.browser) => {
            return Err(Error::Unauthorized);
        }
        Hosted::Open(open) if !open.opens(step) => return Err(Error::Unauthorized),
        // Nothing is shown before the check.
        Hosted::Open(_) if step == Step::Manage && !has_no_factor && !may_change => {
            return Err(step_up_required(work, cx));
        }
        Hosted::Open(_) => {}
        Hosted::Done(done) if step == Step::Show && done.gives_code_again(session.browser, epoch) => {}
        Hosted::Done(_) => return Err(Error::AlreadyUsed(Subject::Session)),
        Hosted::None | Hosted::Canceled { .. } => return Err(Error::Expired(Subject::Session)),
    }
    if let Hosted::Open(open) = work.hosted_mut(&session.id)? {
        open.browser = Some(session.browser);
    }
    Ok(())
}

/// The open session of a request, with its brief. `None` for a request outside a session.
pub(super) fn current<'a>(work: &'a Work, cx: &Cx<'_>) -> Result<Option<(&'a OpenSession, Brief)>, Error> {
    let Some(session) = &cx.caller.in_session else { return Ok(None) };
    match work.hosted(&session.id)? {
        Hosted::Open(open) => Ok(Some((open, Brief::open(&session.id, &open.brief, cx.vault)?))),
        Hosted::None | Hosted::Done(_) | Hosted::Canceled { .. } => Err(Error::Expired(Subject::Session)),
    }
}

/// Checks that the caller may enrol a factor of this type: as [`require_contact`]. A session for a check enrols nothing
/// but the passkey that it offers, and no session enrols a face: its page takes no photos.
///
/// # Errors
/// [`Error::ContactRequired`], [`Error::Unauthorized`].
pub(super) fn require_enrollable(work: &Work, cx: &Cx<'_>, factor_type: FactorType) -> Result<(), Error> {
    if let Some(session) = &cx.caller.in_session
        && let Hosted::Open(open) = work.hosted(&session.id)?
    {
        let is_enrolled_here = match (open.purpose, factor_type) {
            (_, FactorType::Face) => false,
            (HostedPurpose::Check, factor_type) => factor_type == FactorType::Passkey,
            (HostedPurpose::Enroll | HostedPurpose::Manage, _) => true,
        };
        if !is_enrolled_here {
            return Err(Error::Unauthorized);
        }
    }
    require_contact(work, cx)
}

/// Finishes the session of a request if this result is what it was for; returns the URL to go to. A session that has
/// offered a passkey is finished with the check before, whatever became of the offer.
pub(super) fn finish(work: &mut Work, cx: &Cx<'_>, result: HostedResult) -> Result<Option<NextUrl>, Error> {
    let Some(session) = &cx.caller.in_session else { return Ok(None) };
    let Some((open, brief)) = current(work, cx)? else { return Ok(None) };
    let result = match &open.offer {
        Offer::Made(check) => HostedResult::Passed(check.clone()),
        Offer::None | Offer::AfterCheck => result,
    };
    let is_meant = match (&result, open.purpose) {
        (HostedResult::Passed(check), HostedPurpose::Check) => demand(open).takes(check.level),
        (HostedResult::Enrolled(_), HostedPurpose::Enroll) | (HostedResult::Managed, HostedPurpose::Manage) => true,
        _ => false,
    };
    if !is_meant {
        return Ok(None);
    }
    let code = Nonce::random(cx.randomness)?;
    let (first_factor, sealed) = (open.first_factor.clone(), open.brief.clone());
    let done = DoneSession {
        result,
        code: code.digest(),
        browser: Some(session.browser),
        epoch: work.account()?.epoch(),
        first_factor,
        brief: sealed,
        at: cx.now,
        redeemed: None,
    };
    *work.hosted_mut(&session.id)? = Hosted::Done(done);
    Ok(Some(next(&brief.return_url, &session.id, Some(code))))
}

/// The URL to go to: the return URL with the session, and with the one-time code if there is a result.
fn next(return_url: &str, id: &HostedId, code: Option<Nonce>) -> NextUrl {
    let separator = if return_url.contains('?') { '&' } else { '?' };
    let code = code.map(|code| format!("&code={}", code.encode())).unwrap_or_default();
    NextUrl(format!("{return_url}{separator}session={}{code}", id.as_str()))
}

fn demand(open: &OpenSession) -> Demand {
    Demand { levels: open.levels.clone(), max_age: None, first_factor: open.first_factor.clone() }
}

/// The check of a session, for its result. The session goes on if a passkey is offered first.
pub(super) fn passed(work: &mut Work, cx: &Cx<'_>, check: &PassedCheck) -> Result<Option<NextUrl>, Error> {
    if let Some(session) = &cx.caller.in_session
        && offers_passkey(work, cx, check)?
        && let Hosted::Open(open) = work.hosted_mut(&session.id)?
    {
        open.offer = Offer::Made(check.clone());
        return Ok(None);
    }
    finish(work, cx, HostedResult::Passed(check.clone()))
}

/// Whether a passkey is offered after this check: the back end has asked for it, the check finishes the session and lets
/// it change factors, and the account has room. A check of a transaction lets it change none.
fn offers_passkey(work: &Work, cx: &Cx<'_>, check: &PassedCheck) -> Result<bool, Error> {
    let Some((open, _)) = current(work, cx)? else { return Ok(false) };
    let is_due = open.offer == Offer::AfterCheck && demand(open).takes(check.level) && check.level != Level::Passkey;
    Ok(is_due && can_add_passkey(work, cx)?)
}

/// Whether the session may add a passkey now.
fn can_add_passkey(work: &Work, cx: &Cx<'_>) -> Result<bool, Error> {
    let account = work.account()?;
    let may_change = account.allowed(cx.caller.actor, cx.now, cx.policy()) != Allowed::NotYet;
    let has_room = account.require_room(Place::Passkey, cx.vault, cx.policy()).is_ok();
    Ok(may_change && has_room && cx.settings.relying_party.is_some())
}
