//! A hosted session: a check, an enrolment or the management of factors that the back end asks for, and that the person
//! does on Countersign's own page.
//!
//! ```text
//!  Open ──passed, enrolled, finished──▶ Done ──redeemed by the back end──▶ Done, redeemed
//!   │ └──left──▶ Canceled
//!   └──its time ends, or another actor changes the account──▶ over
//! ```
//! If the back end has asked for it, a person who passed a check is offered a passkey before the session is done.
//!
//! The result comes back as a one-time code in the browser that passed. A thief who sends the page's link to the owner
//! gets nothing: the code comes back in the owner's browser, where the thief's session is not.

use super::grant::Epoch;
use super::ids::HostedId;
use super::receipt::{FirstFactor, Level, PassedCheck};
use super::secret::Sealed;
use super::time::Timestamp;
use super::token::NonceDigest;

/// The life of a session, in seconds.
pub const HOSTED_SECONDS: u64 = 900;

/// Seconds in which the one-time code of a session can be redeemed.
pub const REDEEM_SECONDS: u64 = 120;

/// Seconds in which the same code gets the same answer again, for a back end that lost the first one.
pub const REPEAT_SECONDS: u64 = 60;

/// The purpose of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostedPurpose {
    /// A check.
    Check,
    /// The enrolment of one factor.
    Enroll,
    /// The management of all factors.
    Manage,
}

/// A kind of request, as far as it matters for what a session opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It passes a check, or prepares one.
    Check,
    /// It enrols a factor.
    Enroll,
    /// It shows factors, changes them, or makes new recovery codes.
    Manage,
    /// It is about the session itself.
    Session,
    /// It shows the session. If the session is finished, it gives the way back once more.
    Show,
    /// It belongs to other dialects or to the back end, and no session opens it.
    Other,
}

impl HostedPurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Check, Self::Enroll, Self::Manage];

    /// Its name in requests and items.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Enroll => "enroll",
            Self::Manage => "manage",
        }
    }

    /// The purpose with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Whether a session of this purpose opens such a request.
    const fn opens(self, step: Step) -> bool {
        match (self, step) {
            (_, Step::Session | Step::Show | Step::Check)
            | (Self::Enroll, Step::Enroll)
            | (Self::Manage, Step::Enroll | Step::Manage) => true,
            (Self::Check, Step::Enroll | Step::Manage) | (Self::Enroll, Step::Manage) | (_, Step::Other) => false,
        }
    }
}

/// A session as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosted {
    /// There is none.
    #[default]
    None,
    /// The person has not finished.
    Open(OpenSession),
    /// The person has finished.
    Done(DoneSession),
    /// The person has left, or the back end has ended it.
    Canceled {
        /// The time at which it would have expired.
        expires_at: Timestamp,
    },
}

/// The contact of record in a session. Its destination is in the brief.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SessionContact {
    /// The back end gave none.
    #[default]
    NotGiven,
    /// The back end gave one. A user without a factor must answer a code that is sent to it.
    Given,
    /// The code was answered.
    Confirmed {
        /// The language of the person, as a BCP 47 tag.
        language: String,
    },
}

/// The offer of a passkey to a person who passes a check with anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Offer {
    /// The back end did not ask for it.
    #[default]
    None,
    /// A passkey is offered after the check.
    AfterCheck,
    /// The check was passed, and a passkey is offered. Its enrolment, or leaving, finishes the session with this check.
    Made(PassedCheck),
}

/// A session that the person has not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// Its purpose.
    pub purpose: HostedPurpose,
    /// The account's epoch. A change by any other actor ends the session.
    pub epoch: Epoch,
    /// The levels that are enough for a check; empty for any.
    pub levels: Vec<Level>,
    /// The first factor, if the back end stated it.
    pub first_factor: Option<FirstFactor>,
    /// The sealed [`crate::flows::hosted::Brief`].
    pub brief: Sealed,
    /// The contact of record, if the back end gave one.
    pub contact: SessionContact,
    /// The offer of a passkey.
    pub offer: Offer,
    /// The digest of the secret of the browser that used it first.
    pub browser: Option<NonceDigest>,
    /// The time at which it expires.
    pub expires_at: Timestamp,
}

/// A session that the person has finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoneSession {
    /// The result.
    pub result: HostedResult,
    /// The digest of the one-time code.
    pub code: NonceDigest,
    /// The digest of the secret of the browser that finished it. Only this browser gets a code again. An earlier version
    /// kept none.
    pub browser: Option<NonceDigest>,
    /// The account's epoch when it was finished. The result counts in this epoch alone.
    pub epoch: Epoch,
    /// The first factor, if the back end stated it.
    pub first_factor: Option<FirstFactor>,
    /// The sealed [`crate::flows::hosted::Brief`].
    pub brief: Sealed,
    /// The time at which the one-time code was given out.
    pub at: Timestamp,
    /// The redemption.
    pub redeemed: Option<Redeemed>,
}

/// The result of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostedResult {
    /// A check was passed.
    Passed(PassedCheck),
    /// A factor was enrolled.
    Enrolled(PassedCheck),
    /// The person has finished managing factors.
    Managed,
}

/// The redemption of a session by the back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// Its time.
    pub at: Timestamp,
    /// The id of its receipt.
    pub jti: [u8; 16],
}

impl DoneSession {
    /// Whether this browser may get another code in place of the one that it has lost, or that a person did not use while
    /// they wrote down their recovery codes. This ends with the session's token.
    #[must_use]
    pub fn gives_code_again(&self, browser: NonceDigest, epoch: Epoch) -> bool {
        self.redeemed.is_none() && self.browser == Some(browser) && self.epoch == epoch
    }
}

impl OpenSession {
    /// Whether it opens such a request. A session for a check enrols nothing but the passkey that it offers.
    #[must_use]
    pub fn opens(&self, step: Step) -> bool {
        let is_offered = match &self.offer {
            Offer::Made(_) => step == Step::Enroll,
            Offer::None | Offer::AfterCheck => false,
        };
        is_offered || self.purpose.opens(step)
    }

    /// Whether it is over. It is also over if the clock has stepped back so far that it would live longer.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires_at || now.plus(HOSTED_SECONDS).is_far_behind(self.expires_at)
    }
}

/// The identity of a request in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSession {
    /// The session.
    pub id: HostedId,
    /// The digest of the browser's secret.
    pub browser: NonceDigest,
}
