//! The back end's part of a session: it creates, looks at, ends and redeems it.

use crate::domain::account::Account;
use crate::domain::error::{Error, Subject};
use crate::domain::hosted::{
    DoneSession, HOSTED_SECONDS, Hosted, HostedPurpose, HostedResult, Offer, OpenSession, REDEEM_SECONDS,
    REPEAT_SECONDS, Redeemed, SessionContact, Step,
};
use crate::domain::ids::HostedId;
use crate::domain::policy::FirstEnrollment;
use crate::domain::random;
use crate::domain::receipt::{FirstFactor, Level, Statement};
use crate::domain::time::Timestamp;
use crate::domain::token::Nonce;
use crate::domain::transaction::{Confirmation, Shown};
use crate::domain::vault::Vault;
use crate::flows::engine::{Cx, Name, Outcome, UseCase, Work};
use crate::flows::receipt::{Receipt, Stated};
use crate::flows::{Caller, Service};

use super::{Brief, HostedToken};

/// A request of the back end for a session.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its purpose.
    pub purpose: HostedPurpose,
    /// The levels that are enough for a check; empty for any.
    pub levels: Vec<Level>,
    /// The first factor, if the back end states it.
    pub first_factor: Option<FirstFactor>,
    /// Whether a person who passes the check with anything else is offered a passkey.
    pub offers_passkey: bool,
    /// The rest, which is stored sealed.
    pub brief: Brief,
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
    /// [`Error::NotEnrolled`] if it is for a check and the user has no factor, [`Error::ContactRequired`] if it is for the
    /// first factor and has no contact, [`Error::ChannelNotConfigured`] and [`Error::DestinationRefused`] for a contact,
    /// [`Error::TransactionRefused`], [`Error::Busy`].
    pub async fn create_session(&self, caller: &Caller, request: &Request) -> Result<Created, Error> {
        if let Some(contact) = &request.brief.contact {
            self.require_deliverable(&contact.destination()?)?;
        }
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
        let Request { purpose, levels, first_factor, offers_passkey, brief } = self.request;
        let account = work.account()?;
        if *purpose == HostedPurpose::Check && account.factors().is_empty() {
            return Err(Error::NotEnrolled(None));
        }
        let must_give_contact =
            account.factors().is_empty() && cx.policy().first_enrollment == FirstEnrollment::BackEnd;
        if *purpose == HostedPurpose::Enroll && must_give_contact && brief.contact.is_none() {
            return Err(Error::ContactRequired);
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
            contact: if brief.contact.is_some() { SessionContact::Given } else { SessionContact::NotGiven },
            offer: if *offers_passkey { Offer::AfterCheck } else { Offer::None },
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
            Some(first) if !cx.now.is_within(REPEAT_SECONDS, first.at) => {
                return Err(Error::AlreadyUsed(Subject::Session));
            }
            // A change of the account voids the result, even if it was redeemed before.
            _ if done.epoch != epoch => return Err(Error::Expired(Subject::Session)),
            Some(first) => first,
            None if cx.now.is_within(REDEEM_SECONDS, done.at) => Redeemed { at: cx.now, jti: self.jti },
            None => return Err(Error::Expired(Subject::Session)),
        };
        done.redeemed = Some(redeemed);
        let (result, first_factor) = (done.result.clone(), done.first_factor.clone());
        let brief = Brief::open(self.id, &done.brief, cx.vault)?;
        let statement = match &result {
            HostedResult::Passed(check) => {
                // A passkey has signed the transaction that the page has shown.
                let shown = if check.level == Level::Passkey { Shown::Signed } else { Shown::Page };
                let confirmation = |transaction| Confirmation::new(transaction, Some(shown));
                let transaction = brief.transaction.map(confirmation).transpose()?;
                Some(Statement { first_factor, transaction, ..Statement::of(check.clone(), redeemed.at) })
            }
            HostedResult::Enrolled(check) => Some(Statement::of(check.clone(), redeemed.at)),
            HostedResult::Managed => None,
        };
        Ok(Outcome::reply(Redemption { result, statement, receipt: None, jti: redeemed.jti }))
    }
}
