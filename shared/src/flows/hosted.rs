//! Hosted sessions: the back end creates one, the person finishes it on the page, and the back end redeems its result.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::check::step_up_required;
use super::engine::{Cx, Name, Outcome, UseCase, Work};
use super::needed::Demand;
use super::receipt::{Receipt, Stated};
use super::{AccountName, Caller, Service};
use crate::domain::account::Account;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Subject};
use crate::domain::factor::FactorSummary;
use crate::domain::grant::Allowed;
use crate::domain::hosted::{
    DoneSession, HOSTED_SECONDS, Hosted, HostedPurpose, HostedResult, InSession, OpenSession, REDEEM_SECONDS,
    REPEAT_SECONDS, Redeemed, Step,
};
use crate::domain::ids::{HostedId, Session, UserId};
use crate::domain::random;
use crate::domain::receipt::{FirstFactor, Level, PassedCheck, Statement};
use crate::domain::secret::{KeyVersion, Sealed};
use crate::domain::time::Timestamp;
use crate::domain::token::{Nonce, NonceDigest};
use crate::domain::transaction::{Confirmation, Shown, Transaction};
use crate::domain::vault::Vault;
use crate::keys::Keyring;
use data_encoding::BASE64URL_NOPAD;

/// A request of the back end for a session.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its purpose.
    pub purpose: HostedPurpose,
    /// The levels that are enough for a check; empty for any.
    pub levels: Vec<Level>,
    /// The first factor, if the back end states it.
    pub first_factor: Option<FirstFactor>,
    /// The rest, which is stored sealed.
    pub brief: Brief,
}

/// The part of a session that is stored sealed, because it may name people and amounts.
#[derive(Clone, Serialize, Deserialize)]
pub struct Brief {
    /// The URL to which the browser returns. The operator has allowed its origin and its path.
    pub return_url: String,
    /// The transaction that the check confirms.
    pub transaction: Option<Transaction>,
    /// The name of the account in an authenticator app.
    pub account_name: Option<String>,
    /// The language of the page, as a BCP 47 tag.
    pub locale: Option<String>,
}

/// It is not printed.
impl std::fmt::Debug for Brief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Brief(…)")
    }
}

impl Brief {
    fn seal(&self, id: &HostedId, vault: &dyn Vault) -> Result<Sealed, Error> {
        let plain = serde_json::to_vec(self).map(Zeroizing::new);
        vault.seal_for_session(id, &plain.map_err(|_| Error::Internal("a session can't be written"))?)
    }

    fn open(id: &HostedId, sealed: &Sealed, vault: &dyn Vault) -> Result<Self, Error> {
        let plain = vault.open_for_session(id, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Error::Internal("a session can't be read"))
    }
}

/// The URL that the browser goes to. It may contain the one-time code, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct NextUrl(pub String);

impl std::fmt::Debug for NextUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NextUrl(…)")
    }
}

/// A session that was created.
pub struct Created {
    /// Its id, which the back end keeps in the browser's own session.
    pub id: HostedId,
    /// The token that the page presents.
    pub token: HostedToken,
    /// The time at which it expires.
    pub expires_at: Timestamp,
}

/// The token of a session: its user, its id and its end, sealed. Whoever has it can use the session from one browser, so
/// it is not printed.
pub struct HostedToken {
    /// The user.
    pub user: UserId,
    /// The session.
    pub id: HostedId,
}

/// The content of a token.
#[derive(Serialize, Deserialize)]
struct Sealing<'a> {
    #[serde(borrow)]
    user: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    expires_at: i64,
}

/// The purpose of the token's sealing.
const TOKEN: [&str; 1] = ["session-token"];

impl HostedToken {
    /// The token as the page holds it.
    ///
    /// # Errors
    /// As [`Keyring::seal_about`].
    fn encode(&self, expires_at: Timestamp, keyring: &Keyring, service: &Service) -> Result<String, Error> {
        let (user, id) = (self.user.as_str().into(), self.id.as_str().into());
        let plain = serde_json::to_vec(&Sealing { user, id, expires_at: expires_at.unix() });
        let plain = plain.map_err(|_| Error::Internal("a token can't be written"))?;
        let Sealed { version, mut bytes } = keyring.seal_about(&TOKEN, &plain, service.randomness())?;
        bytes.insert(0, version.0);
        Ok(BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads a token, without the store.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for any other text and for a token past its end; [`Error::Busy`] while its key can't be
    /// used.
    pub fn decode(text: &str, now: Timestamp, keyring: &Keyring) -> Result<Self, Error> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Error::Unauthorized)?;
        let (version, bytes) = bytes.split_first().ok_or(Error::Unauthorized)?;
        let sealed = Sealed { version: KeyVersion(*version), bytes: bytes.to_vec() };
        let plain = match keyring.open_about(&TOKEN, &sealed) {
            Err(Error::Busy) => return Err(Error::Busy),
            opened => opened.map_err(|_| Error::Unauthorized)?,
        };
        let Sealing { user, id, expires_at } = serde_json::from_slice(&plain).map_err(|_| Error::Unauthorized)?;
        let (user, id) = (UserId::parse(&user), HostedId::parse(&id));
        match (user, id) {
            (Some(user), Some(id)) if now < Timestamp::from_unix(expires_at) => Ok(Self { user, id }),
            _ => Err(Error::Unauthorized),
        }
    }
}

impl Caller {
    /// A person in a hosted session. The session is a session of the user like any other: it passes checks and holds
    /// recent checks of its own.
    ///
    /// # Errors
    /// As [`Keyring::index`].
    pub fn hosted(
        token: HostedToken,
        browser: NonceDigest,
        keyring: std::sync::Arc<Keyring>,
        deadline: crate::clock::Deadline,
    ) -> Result<Self, Error> {
        let session = Session(keyring.index("hosted-session", &[token.user.as_str(), token.id.as_str()])?);
        let account_name = AccountName::new(token.user.as_str());
        let caller = Self::new(token.user, Actor::Session(session), account_name, keyring, deadline);
        Ok(Self { in_session: Some(InSession { id: token.id, browser }), ..caller })
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
    match work.hosted(&session.id)? {
        Hosted::Open(open) if !is_current(open) => return Err(Error::Expired(Subject::Session)),
        Hosted::Open(open) if open.browser.is_some_and(|browser| browser != session.browser) => {
            return Err(Error::Unauthorized);
        }
        Hosted::Open(open) if !open.purpose.opens(step) => return Err(Error::Unauthorized),
        // Nothing is shown before the check.
        Hosted::Open(_) if step == Step::Manage && !has_no_factor && !may_change => {
            return Err(step_up_required(work, cx));
        }
        Hosted::Open(_) => {}
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

/// Finishes the session of a request if this result is what it was for; returns the URL to go to.
pub(super) fn finish(work: &mut Work, cx: &Cx<'_>, result: HostedResult) -> Result<Option<NextUrl>, Error> {
    let Some(session) = &cx.caller.in_session else { return Ok(None) };
    let Some((open, brief)) = current(work, cx)? else { return Ok(None) };
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

/// What the page shows.
pub struct View {
    /// The purpose.
    pub purpose: HostedPurpose,
    /// What the person does now.
    pub needs: Needs,
    /// The factors with which a check would be enough; for a session that manages factors after its check: all.
    pub factors: Vec<FactorSummary>,
    /// Recovery codes with which a check would be enough.
    pub remaining_recovery_codes: usize,
    /// The brief.
    pub brief: Brief,
    /// The time at which the session expires.
    pub expires_at: Timestamp,
}

/// What the person does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Passes a check.
    Check,
    /// Adds a factor.
    Enroll,
    /// Nothing: manages factors.
    Nothing,
}

impl Needs {
    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Enroll => "enroll",
            Self::Nothing => "nothing",
        }
    }
}

/// The state of a session, for the back end. It says nothing to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The person has not finished.
    Open,
    /// The person has finished. Only the one-time code says how.
    Done,
    /// The person has left.
    Canceled,
    /// Its time is over, or another actor has changed the account.
    Expired,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }
}

/// A result that the back end has redeemed.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// The result.
    pub result: HostedResult,
    /// The content of the receipt; `None` for a session that managed factors.
    pub statement: Option<Statement>,
    /// The receipt, if there is a statement and the operator has receipts.
    pub receipt: Option<Receipt>,
    jti: [u8; 16],
}

impl Stated for Redemption {
    fn statement(&self) -> Option<Statement> {
        self.statement.clone()
    }

    fn jti(&self) -> Option<[u8; 16]> {
        Some(self.jti)
    }

    fn set_receipt(&mut self, receipt: Receipt) {
        self.receipt = Some(receipt);
    }
}

impl Service {
    /// Creates a session.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`] if it is for a check and the user has no factor, [`Error::TransactionRefused`],
    /// [`Error::Busy`].
    pub async fn create_session(&self, caller: &Caller, request: &Request) -> Result<Created, Error> {
        let id = HostedId::random(self.randomness())?;
        let expires_at = self.run(caller, &Create { id: &id, request }).await?;
        Ok(Created { token: HostedToken { user: caller.user.clone(), id: id.clone() }, id, expires_at })
    }

    /// The token of a session, as the page holds it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the cipher or the randomness fails.
    pub fn encode_token(&self, caller: &Caller, created: &Created) -> Result<String, Error> {
        created.token.encode(created.expires_at, &caller.keyring, self)
    }

    /// The state of a session, for the back end.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Busy`].
    pub async fn session_status(&self, caller: &Caller, id: &HostedId) -> Result<Status, Error> {
        self.run(caller, &Look { id }).await
    }

    /// Ends a session that is not finished. An unknown one is no error.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub async fn end_session(&self, caller: &Caller, id: &HostedId) -> Result<(), Error> {
        self.run(caller, &End { id }).await
    }

    /// Redeems the result of a session with the one-time code that came back in the browser.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a wrong code or an unknown session, [`Error::Expired`], [`Error::AlreadyUsed`],
    /// [`Error::Busy`].
    pub async fn redeem(&self, caller: &Caller, id: &HostedId, code: &Nonce) -> Result<Redemption, Error> {
        let jti = random::bytes(self.randomness())?;
        self.run_for_receipt(caller, &Redeem { id, code, jti }).await
    }

    /// What the page shows.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] for another browser, [`Error::Expired`], [`Error::AlreadyUsed`], [`Error::Busy`].
    pub async fn view_session(&self, caller: &Caller) -> Result<View, Error> {
        self.run(caller, &Show).await
    }

    /// Leaves the session of this caller; returns the URL to go to. A session that manages factors is finished by it.
    ///
    /// # Errors
    /// As [`Service::view_session`].
    pub async fn leave_session(&self, caller: &Caller) -> Result<NextUrl, Error> {
        self.run(caller, &Leave).await
    }
}

struct Create<'a> {
    id: &'a HostedId,
    request: &'a Request,
}

impl UseCase for Create<'_> {
    type Reply = Timestamp;

    const STEP: Step = Step::Other;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account, Name::Hosted(self.id.clone())]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Timestamp>, Error> {
        let Request { purpose, levels, first_factor, brief } = self.request;
        let account = work.account()?;
        if *purpose == HostedPurpose::Check && account.factors().is_empty() {
            return Err(Error::NotEnrolled(None));
        }
        if let Some(transaction) = &brief.transaction {
            cx.settings.transactions.check(transaction).map_err(Error::TransactionRefused)?;
        }
        let expires_at = cx.now.plus(HOSTED_SECONDS);
        let open = OpenSession {
            purpose: *purpose,
            epoch: account.epoch(),
            levels: levels.clone(),
            first_factor: first_factor.clone(),
            brief: brief.seal(self.id, cx.vault)?,
            browser: None,
            expires_at,
        };
        // An account without an item gets one, so that forgetting its user is a change that ends the session.
        if *account == Account::default() {
            work.write_anyway(&Name::Account);
        }
        *work.hosted_mut(self.id)? = Hosted::Open(open);
        Ok(Outcome::reply(expires_at))
    }
}

struct Look<'a> {
    id: &'a HostedId,
}

impl UseCase for Look<'_> {
    type Reply = Status;

    const STEP: Step = Step::Other;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account, Name::Hosted(self.id.clone())]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Status>, Error> {
        let account = work.account()?;
        let status = match work.hosted(self.id)? {
            Hosted::None => return Err(Error::NotFound(Subject::Session)),
            Hosted::Open(open) if account.is_in(open.epoch) && !open.is_over(cx.now) => Status::Open,
            Hosted::Open(_) => Status::Expired,
            Hosted::Done(_) => Status::Done,
            Hosted::Canceled { .. } => Status::Canceled,
        };
        Ok(Outcome::reply(status))
    }
}

struct End<'a> {
    id: &'a HostedId,
}

impl UseCase for End<'_> {
    type Reply = ();

    const STEP: Step = Step::Other;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Hosted(self.id.clone())]
    }

    fn decide(&self, work: &mut Work, _: &Cx<'_>) -> Result<Outcome<()>, Error> {
        let hosted = work.hosted_mut(self.id)?;
        let expires_at = match hosted {
            Hosted::Open(open) => Some(open.expires_at),
            // The back end takes back what it has not redeemed.
            Hosted::Done(DoneSession { at, redeemed: None, .. }) => Some(*at),
            Hosted::None | Hosted::Done(_) | Hosted::Canceled { .. } => None,
        };
        if let Some(expires_at) = expires_at {
            *hosted = Hosted::Canceled { expires_at };
        }
        Ok(Outcome::reply(()))
    }
}

struct Redeem<'a> {
    id: &'a HostedId,
    code: &'a Nonce,
    jti: [u8; 16],
}

impl UseCase for Redeem<'_> {
    type Reply = Redemption;

    const STEP: Step = Step::Other;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        vec![Name::Account, Name::Hosted(self.id.clone())]
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<Redemption>, Error> {
        let epoch = work.account()?.epoch();
        let Hosted::Done(done) = work.hosted_mut(self.id)? else { return Err(Error::NotFound(Subject::Session)) };
        if !done.code.is_of(self.code) {
            return Err(Error::NotFound(Subject::Session));
        }
        let redeemed = match done.redeemed {
            Some(first) if cx.now.is_within(REPEAT_SECONDS, first.at) => first,
            Some(_) => return Err(Error::AlreadyUsed(Subject::Session)),
            None if done.epoch == epoch && cx.now.is_within(REDEEM_SECONDS, done.at) => {
                Redeemed { at: cx.now, jti: self.jti }
            }
            None => return Err(Error::Expired(Subject::Session)),
        };
        done.redeemed = Some(redeemed);
        let (result, first_factor) = (done.result.clone(), done.first_factor.clone());
        let brief = Brief::open(self.id, &done.brief, cx.vault)?;
        let statement = match &result {
            HostedResult::Passed(check) => {
                let confirmation = |transaction: Transaction| {
                    let hash = transaction.hash()?;
                    Ok::<_, Error>(Confirmation { transaction, hash, shown: Some(Shown::Page) })
                };
                let transaction = brief.transaction.map(confirmation).transpose()?;
                Some(Statement { first_factor, transaction, ..Statement::of(check.clone(), redeemed.at) })
            }
            HostedResult::Enrolled(check) => Some(Statement::of(check.clone(), redeemed.at)),
            HostedResult::Managed => None,
        };
        Ok(Outcome::reply(Redemption { result, statement, receipt: None, jti: redeemed.jti }))
    }
}

struct Show;

impl UseCase for Show {
    type Reply = View;

    const STEP: Step = Step::Session;

    fn reads(&self, _: &Work, _: &dyn Vault) -> Vec<Name> {
        Vec::new()
    }

    fn decide(&self, work: &mut Work, cx: &Cx<'_>) -> Result<Outcome<View>, Error> {
        let Some((open, brief)) = current(work, cx)? else { return Err(Error::Unauthorized) };
        let (purpose, demand, expires_at) = (open.purpose, demand(open), open.expires_at);
        let account = work.account()?;
        let may_change = account.allowed(cx.caller.actor, cx.now, cx.policy()) != Allowed::NotYet;
        let needs = match purpose {
            HostedPurpose::Enroll | HostedPurpose::Manage if !may_change => Needs::Check,
            HostedPurpose::Enroll => Needs::Enroll,
            HostedPurpose::Manage => Needs::Nothing,
            HostedPurpose::Check => Needs::Check,
        };
        let is_of_transaction = brief.transaction.is_some();
        let confirms = |level: Level| match level {
            Level::App => !is_of_transaction || cx.settings.transactions_by_app,
            Level::Recovery => !is_of_transaction,
            Level::Sms | Level::Email | Level::Enrolled => true,
        };
        let is_enough = |level: Level| match (purpose, needs) {
            (HostedPurpose::Check, _) => demand.takes(level) && confirms(level),
            (_, Needs::Check) => account.lets_change(level),
            (_, Needs::Enroll | Needs::Nothing) => true,
        };
        let mut factors = account.summaries(cx.vault)?;
        factors
            .retain(|factor| needs == Needs::Nothing || factor.is_readable && is_enough(Level::of(factor.factor_type)));
        // An enrolment shows no factor that it does not need.
        if needs == Needs::Enroll {
            factors.clear();
        }
        let remaining_recovery_codes = if is_enough(Level::Recovery) { account.remaining_recovery_codes() } else { 0 };
        Ok(Outcome::reply(View { purpose, needs, factors, remaining_recovery_codes, brief, expires_at }))
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

/// The check of a session, for its result.
pub(super) fn passed(work: &mut Work, cx: &Cx<'_>, check: &PassedCheck) -> Result<Option<NextUrl>, Error> {
    finish(work, cx, HostedResult::Passed(check.clone()))
}
