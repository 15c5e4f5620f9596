//! Conversion between aggregates and items: their keys, their attributes, and the time when the store may delete them.
//!
//! Types, labels, times and counts are readable to an operator. Secrets, destinations and digests are binary. An
//! attribute with its usual value is left out, because a write costs by the kilobyte.

use data_encoding::HEXLOWER;

use super::{Item, ItemError, Key, Value};

mod faces;
mod passkeys;

pub use faces::{comparisons_key, reference_key};

use crate::domain::account::Account;
use crate::domain::actor::Actor;
use crate::domain::challenge::{Awaited, Challenge, ChallengeState, OpenChallenge};
use crate::domain::contact::ContactOfRecord;
use crate::domain::enrollment::{Draft, Enrollment, Ticket};
use crate::domain::factor::totp::{Algorithm, Parameters, Step};
use crate::domain::factor::{Candidate, Channel, Factor, FactorType, Method, Setup, face, passcode, passkey, totp};
use crate::domain::grant::{Allowed, Epoch, Grant};
use crate::domain::hosted::{
    DoneSession, Hosted, HostedPurpose, HostedResult, Offer, OpenSession, Redeemed, SessionContact,
};
use crate::domain::ids::{FactorId, HostedId, Label, Session, UserId};
use crate::domain::limits::{Attempts, DestinationLimit, Moment, SendLog, Tries, UserTag};
use crate::domain::policy::Policy;
use crate::domain::possession::{Evidence, Possession};
use crate::domain::receipt::{FirstFactor, Level, PassedCheck};
use crate::domain::receipt_keys::{PublicKey, PublishedKeys, SigningKey, SigningKeys};
use crate::domain::recovery::RecoverySet;
use crate::domain::secret::{Digest, KeyVersion, Sealed};
use crate::domain::time::Timestamp;
use crate::domain::token::{NonceDigest, Realm};

/// The schema that this code reads and writes. A release that reads a new schema must be deployed before one that
/// writes it.
const SCHEMA: u32 = 1;

/// Seconds from the last moment at which an item matters to its time to live. Until then "expired" stays
/// distinguishable from "unknown". The store may delete the item even later.
const KEPT_SECONDS: u64 = 86_400;

/// Seconds for which the epoch of an account without factors is kept: longer than an enrolment that began before can
/// live.
const EMPTY_ACCOUNT_SECONDS: u64 = 7 * 86_400;

/// An aggregate that is stored as one item.
pub trait Record: Default {
    /// The item with its attributes.
    fn write(&self) -> Item;

    /// Reads the aggregate from its item.
    ///
    /// # Errors
    /// [`ItemError`] if the item is damaged or of another schema.
    fn read(item: &Item) -> Result<Self, ItemError>;

    /// When the store may delete it, in Unix seconds; `None` keeps it.
    fn ttl(&self, now: Timestamp, policy: &Policy) -> Option<i64>;
}

/// The key of a user's account.
#[must_use]
pub fn account_key(user: &UserId) -> Key {
    Key::new('a', &[user.as_str()])
}

/// The key of a user's enrolment of a type.
#[must_use]
pub fn enrollment_key(user: &UserId, factor_type: FactorType) -> Key {
    Key::new('e', &[user.as_str(), factor_type.name()])
}

/// The key of the challenge to a user's factor.
#[must_use]
pub fn challenge_key(user: &UserId, factor: &FactorId) -> Key {
    Key::new('c', &[user.as_str(), factor.as_str()])
}

/// The key of a user's hosted session.
#[must_use]
pub fn hosted_key(user: &UserId, id: &HostedId) -> Key {
    Key::new('s', &[user.as_str(), id.as_str()])
}

/// The key of a destination's limit, by the destination's index digest.
#[must_use]
pub fn destination_key(index: [u8; 16]) -> Key {
    Key::new('l', &[&HEXLOWER.encode(&index)])
}

/// The key of the keys that sign receipts.
#[must_use]
pub fn signing_keys_key() -> Key {
    Key::new('k', &["receipt"])
}

/// The key of the public halves of the keys that sign receipts.
#[must_use]
pub fn published_keys_key() -> Key {
    Key::new('k', &["jwks"])
}

impl Record for Account {
    fn write(&self) -> Item {
        let grants: Vec<_> = self.grants.iter().map(write_grant).collect();
        new_item()
            .with("epoch", self.epoch.0)
            .with("factors", self.factors.iter().map(write_factor).collect::<Vec<_>>())
            .with_some("recovery", self.recovery.as_ref().map(write_set))
            .with_some("grants", (!grants.is_empty()).then_some(grants))
            .with_some("contact", self.contact.as_ref().map(write_contact))
            .with_some("handle", self.user_handle.as_ref().map(|handle| handle.as_bytes().to_vec()))
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        Ok(Self {
            epoch: Epoch(item.number("epoch")?),
            factors: item.maps("factors")?.into_iter().map(read_factor).collect::<Result<_, _>>()?,
            recovery: item.map("recovery")?.map(read_set).transpose()?,
            grants: item
                .maps("grants")?
                .into_iter()
                .filter_map(|grant| read_grant(grant).transpose())
                .collect::<Result<_, _>>()?,
            contact: item.map("contact")?.map(read_contact).transpose()?,
            user_handle: item.optional_bytes("handle")?.map(passkeys::read_handle).transpose()?,
        })
    }

    fn ttl(&self, now: Timestamp, _: &Policy) -> Option<i64> {
        self.factors.is_empty().then(|| now.plus(EMPTY_ACCOUNT_SECONDS).unix())
    }
}

impl Record for Enrollment {
    fn write(&self) -> Item {
        match self {
            Self::None => new_item().with("state", "none"),
            Self::Pending(draft) => write_draft(draft, "pending"),
            Self::Verified(draft, possession) => write_evidence(write_draft(draft, "verified"), possession.evidence()),
            Self::Confirmed { ticket, expires_at, tries } => {
                let item =
                    write_ticket(new_item(), ticket).with("state", "confirmed").with("expires", expires_at.unix());
                write_wrong(item, tries.wrong, tries.last)
            }
        }
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        Ok(match item.text("state")? {
            "none" => Self::None,
            "pending" => Self::Pending(read_draft(item)?),
            "verified" => {
                let draft = read_draft(item)?;
                let evidence = read_evidence(item, &draft.candidate.setup)?;
                Self::Verified(draft, Possession::recorded(evidence))
            }
            "confirmed" => Self::Confirmed {
                ticket: read_ticket(item)?,
                expires_at: time(item, "expires")?,
                tries: read_tries(item)?,
            },
            _ => return Err(ItemError("state")),
        })
    }

    fn ttl(&self, now: Timestamp, policy: &Policy) -> Option<i64> {
        Some(self.deadline(policy).unwrap_or(now).plus(KEPT_SECONDS).unix())
    }
}

impl Record for Challenge {
    fn write(&self) -> Item {
        let item = write_sent(new_item(), &self.sent);
        match &self.state {
            ChallengeState::None => item.with("state", "none"),
            ChallengeState::Open(OpenChallenge { ticket, allowed, awaited, transaction, expires_at, tries }) => {
                // An earlier release does not know transactions. It can't read this state, so it lets nobody pass without
                // the transaction.
                let state = if transaction.is_some() { "bound" } else { "open" };
                let item = write_allowed(write_ticket(item, ticket), *allowed)
                    .with("state", state)
                    .with("expires", expires_at.unix());
                let item = match awaited {
                    Awaited::Passcode(code) => item.with("code", versioned(code.version, &code.bytes)),
                    Awaited::Passkey(nonce) => item.with("passkey", nonce.as_slice()),
                };
                let item =
                    item.with_some("transaction", transaction.map(|digest| versioned(digest.version, &digest.bytes)));
                write_wrong(item, tries.wrong, tries.last)
            }
            ChallengeState::Passed { ticket, expires_at } => {
                write_ticket(item, ticket).with("state", "passed").with("expires", expires_at.unix())
            }
        }
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        let state = match item.text("state")? {
            "none" => ChallengeState::None,
            state @ ("open" | "bound") => ChallengeState::Open(OpenChallenge {
                ticket: read_ticket(item)?,
                allowed: read_allowed(item)?,
                awaited: match item.optional_bytes("passkey")? {
                    Some(_) => Awaited::Passkey(array(item, "passkey")?),
                    None => Awaited::Passcode(read_digest(item, "code")?),
                },
                transaction: (state == "bound").then(|| read_digest(item, "transaction")).transpose()?,
                expires_at: time(item, "expires")?,
                tries: read_tries(item)?,
            }),
            "passed" => ChallengeState::Passed { ticket: read_ticket(item)?, expires_at: time(item, "expires")? },
            _ => return Err(ItemError("state")),
        };
        Ok(Self { sent: read_sent(item)?, state })
    }

    fn ttl(&self, now: Timestamp, policy: &Policy) -> Option<i64> {
        Some(self.deadline(policy).unwrap_or(now).plus(KEPT_SECONDS).unix())
    }
}

impl Record for Hosted {
    fn write(&self) -> Item {
        match self {
            Self::None => new_item().with("state", "none"),
            Self::Open(open) => {
                let levels = open.levels.iter().map(|level| level.acr()).collect::<Vec<_>>().join(" ");
                let (contact, language) = match &open.contact {
                    SessionContact::NotGiven => (None, None),
                    SessionContact::Given => (Some("given"), None),
                    SessionContact::Confirmed { language } => (Some("confirmed"), Some(language.as_str())),
                };
                let (offer, check) = match &open.offer {
                    Offer::None => (None, None),
                    Offer::AfterCheck => (Some("asked"), None),
                    Offer::Made(check) => (Some("made"), Some(check)),
                };
                write_first_factor(new_item(), open.first_factor.as_ref())
                    .with("state", "open")
                    .with("purpose", open.purpose.name())
                    .with("epoch", open.epoch.0)
                    .with_some("levels", (!levels.is_empty()).then_some(levels.as_str()))
                    .with("brief", versioned(open.brief.version, &open.brief.bytes))
                    .with_some("contact", contact)
                    .with_some("confirmedIn", language)
                    .with_some("offer", offer)
                    .with_some("check", check.map(write_check))
                    .with_some("browser", open.browser.map(|browser| browser.0.to_vec()))
                    .with("expires", open.expires_at.unix())
            }
            Self::Done(done) => {
                let (result, check) = match &done.result {
                    HostedResult::Passed(check) => ("passed", Some(check)),
                    HostedResult::Enrolled(check) => ("enrolled", Some(check)),
                    HostedResult::Managed => ("managed", None),
                };
                write_first_factor(new_item(), done.first_factor.as_ref())
                    .with("state", "done")
                    .with("result", result)
                    .with_some("check", check.map(write_check))
                    .with("code", done.code.0.as_slice())
                    .with_some("browser", done.browser.map(|browser| browser.0.to_vec()))
                    .with("epoch", done.epoch.0)
                    .with("brief", versioned(done.brief.version, &done.brief.bytes))
                    .with("at", done.at.unix())
                    .with_some("redeemed", done.redeemed.map(|redeemed| redeemed.at.unix()))
                    .with_some("jti", done.redeemed.map(|redeemed| redeemed.jti.to_vec()))
            }
            Self::Canceled { expires_at } => new_item().with("state", "canceled").with("expires", expires_at.unix()),
        }
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        let check = || item.map("check")?.ok_or(ItemError("check")).and_then(read_check);
        Ok(match item.text("state")? {
            "none" => Self::None,
            "open" => {
                let levels = item.optional_text("levels")?.unwrap_or_default().split_whitespace();
                Self::Open(OpenSession {
                    purpose: HostedPurpose::from_name(item.text("purpose")?).ok_or(ItemError("purpose"))?,
                    epoch: Epoch(item.number("epoch")?),
                    levels: levels.map(Level::from_acr).collect::<Option<_>>().ok_or(ItemError("levels"))?,
                    first_factor: read_first_factor(item)?,
                    brief: read_sealed(item, "brief")?,
                    contact: match item.optional_text("contact")? {
                        None => SessionContact::NotGiven,
                        Some("given") => SessionContact::Given,
                        Some("confirmed") => {
                            SessionContact::Confirmed { language: item.text("confirmedIn")?.to_owned() }
                        }
                        Some(_) => return Err(ItemError("contact")),
                    },
                    offer: match item.optional_text("offer")? {
                        None => Offer::None,
                        Some("asked") => Offer::AfterCheck,
                        Some("made") => Offer::Made(check()?),
                        Some(_) => return Err(ItemError("offer")),
                    },
                    browser: read_browser(item)?,
                    expires_at: time(item, "expires")?,
                })
            }
            "done" => {
                let result = match item.text("result")? {
                    "passed" => HostedResult::Passed(check()?),
                    "enrolled" => HostedResult::Enrolled(check()?),
                    "managed" => HostedResult::Managed,
                    _ => return Err(ItemError("result")),
                };
                let redeemed = match optional_time(item, "redeemed")? {
                    Some(at) => Some(Redeemed { at, jti: array(item, "jti")? }),
                    None => None,
                };
                Self::Done(DoneSession {
                    result,
                    code: NonceDigest(array(item, "code")?),
                    browser: read_browser(item)?,
                    epoch: Epoch(item.number("epoch")?),
                    first_factor: read_first_factor(item)?,
                    brief: read_sealed(item, "brief")?,
                    at: time(item, "at")?,
                    redeemed,
                })
            }
            "canceled" => Self::Canceled { expires_at: time(item, "expires")? },
            _ => return Err(ItemError("state")),
        })
    }

    fn ttl(&self, now: Timestamp, _: &Policy) -> Option<i64> {
        let end = match self {
            Self::None => now,
            Self::Open(OpenSession { expires_at, .. }) | Self::Canceled { expires_at } => *expires_at,
            Self::Done(done) => done.at,
        };
        Some(end.plus(KEPT_SECONDS).unix())
    }
}

fn read_browser(item: &Item) -> Result<Option<NonceDigest>, ItemError> {
    let browser = item.optional_bytes("browser")?.map(|bytes| bytes.try_into().map(NonceDigest));
    browser.transpose().map_err(|_| ItemError("browser"))
}

fn write_sent(item: Item, log: &SendLog) -> Item {
    let sent: Vec<i64> = log.sent.iter().map(|(at, ())| at.unix()).collect();
    item.with_some("sent", (!sent.is_empty()).then_some(sent))
        .with_some("sentRewound", log.rewound.map(Timestamp::unix))
}

fn read_sent(item: &Item) -> Result<SendLog, ItemError> {
    let sent = item.numbers("sent")?.into_iter().map(|at| (Timestamp::from_unix(at), ())).collect();
    Ok(SendLog { sent, rewound: optional_time(item, "sentRewound")? })
}

fn write_contact(contact: &ContactOfRecord) -> Item {
    let item = Item::default()
        .with("type", FactorType::from(contact.method.channel).name())
        .with("language", contact.language.as_str());
    write_sent(write_destination(item, &contact.method), &contact.notices)
}

fn read_contact(item: &Item) -> Result<ContactOfRecord, ItemError> {
    let channel = match read_type(item)? {
        FactorType::Sms => Channel::Sms,
        FactorType::Email => Channel::Email,
        FactorType::Totp | FactorType::Passkey | FactorType::Face => return Err(ItemError("type")),
    };
    let (method, language) = (read_destination(item, channel)?, item.text("language")?.to_owned());
    Ok(ContactOfRecord { method, language, notices: read_sent(item)? })
}

fn write_first_factor(item: Item, first: Option<&FirstFactor>) -> Item {
    let first = first.map(|first| first.amr().join(" "));
    item.with_some("first", first.as_deref())
}

fn read_first_factor(item: &Item) -> Result<Option<FirstFactor>, ItemError> {
    let Some(first) = item.optional_text("first")? else { return Ok(None) };
    let amr: Vec<_> = first.split_whitespace().collect();
    FirstFactor::parse(&amr).map(Some).ok_or(ItemError("first"))
}

impl Record for DestinationLimit {
    fn write(&self) -> Item {
        let sent =
            self.sent.iter().map(|(at, user)| Item::default().with("at", at.unix()).with("user", user.0.as_slice()));
        let sent: Vec<_> = sent.collect();
        new_item().with("sent", sent).with_some("sentRewound", self.rewound.map(Timestamp::unix))
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        let sent = item.maps("sent")?.into_iter();
        let sent = sent.map(|sent| Ok((time(sent, "at")?, UserTag(array(sent, "user")?)))).collect::<Result<_, _>>()?;
        Ok(Self { sent, rewound: optional_time(item, "sentRewound")? })
    }

    fn ttl(&self, now: Timestamp, _: &Policy) -> Option<i64> {
        Some(self.deadline().unwrap_or(now).plus(KEPT_SECONDS).unix())
    }
}

impl Record for SigningKeys {
    fn write(&self) -> Item {
        let keys = self.0.iter().map(|key| {
            write_public(&key.public)
                .with("private", versioned(key.private.version, &key.private.bytes))
                .with("generation", key.generation)
                .with("from", key.signs_from.unix())
        });
        new_item().with("keys", keys.collect::<Vec<_>>())
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        let key = |item: &Item| {
            let (private, generation) = (read_sealed(item, "private")?, item.number("generation")?);
            Ok(SigningKey { public: read_public(item)?, private, generation, signs_from: time(item, "from")? })
        };
        Ok(Self(item.maps("keys")?.into_iter().map(key).collect::<Result<_, _>>()?))
    }

    fn ttl(&self, _: Timestamp, _: &Policy) -> Option<i64> {
        None
    }
}

impl Record for PublishedKeys {
    fn write(&self) -> Item {
        new_item().with("keys", self.0.iter().map(write_public).collect::<Vec<_>>())
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        Ok(Self(item.maps("keys")?.into_iter().map(read_public).collect::<Result<_, _>>()?))
    }

    fn ttl(&self, _: Timestamp, _: &Policy) -> Option<i64> {
        None
    }
}

fn write_grant(Grant { epoch, session, check }: &Grant) -> Item {
    write_check(check).with("epoch", epoch.0).with("session", session.0.as_slice())
}

fn write_check(check: &PassedCheck) -> Item {
    Item::default()
        .with("at", check.at.unix())
        .with("level", check.level.acr())
        .with_some("factor", check.factor.as_ref().map(FactorId::as_str))
        .with_some("bound", check.bound_at.map(Timestamp::unix))
        .with_some("passkey", check.passkey.map(passkeys::use_number))
}

/// Reads a grant. One of another release may have no level or an unknown one, and then counts for nothing.
fn read_grant(item: &Item) -> Result<Option<Grant>, ItemError> {
    if level(item)?.is_none() {
        return Ok(None);
    }
    let (epoch, session) = (Epoch(item.number("epoch")?), Session(array(item, "session")?));
    Ok(Some(Grant { epoch, session, check: read_check(item)? }))
}

/// The level of a check, if this release knows it.
fn level(item: &Item) -> Result<Option<Level>, ItemError> {
    let level = item.optional_text("level")?;
    let mut known = Level::OF_CHECKS.into_iter().chain([Level::Enrolled]);
    Ok(known.find(|known| Some(known.acr()) == level))
}

fn read_check(item: &Item) -> Result<PassedCheck, ItemError> {
    let level = level(item)?.ok_or(ItemError("level"))?;
    let factor = item.optional_text("factor")?.map(|id| FactorId::parse(id).ok_or(ItemError("factor"))).transpose()?;
    let passkey = item.optional_number("passkey")?.map(passkeys::read_use);
    Ok(PassedCheck { level, factor, bound_at: optional_time(item, "bound")?, at: time(item, "at")?, passkey })
}

fn write_public(key: &PublicKey) -> Item {
    Item::default().with("kid", key.kid.as_str()).with("n", key.modulus.as_slice()).with("e", key.exponent.as_slice())
}

fn read_public(item: &Item) -> Result<PublicKey, ItemError> {
    let (kid, modulus, exponent) = (item.text("kid")?.to_owned(), item.bytes("n")?.to_vec(), item.bytes("e")?.to_vec());
    Ok(PublicKey { kid, modulus, exponent })
}

fn new_item() -> Item {
    Item::default().with("schema", SCHEMA)
}

fn check_schema(item: &Item) -> Result<(), ItemError> {
    if item.number::<u32>("schema")? == SCHEMA { Ok(()) } else { Err(ItemError("schema")) }
}

fn write_factor(factor: &Factor) -> Item {
    let item = Item::default()
        .with("id", factor.id().as_str())
        .with("type", factor.factor_type().name())
        .with("label", factor.label().as_str())
        .with("created", factor.created_at().unix())
        .with_some("used", factor.last_used_at().map(Timestamp::unix));
    let item = write_wrong(item, factor.attempts().wrong, factor.attempts().last);
    match factor.method() {
        Method::Totp(totp::Method { setup, used }) => write_app(item, setup).with("step", step_number(*used)),
        Method::Passcode(method) => write_destination(item, method),
        Method::Passkey(method) => passkeys::write_method(item, method),
        Method::Face(method) => faces::write_consent(item, &method.consent),
    }
}

fn read_factor(item: &Item) -> Result<Factor, ItemError> {
    let method = match read_type(item)? {
        FactorType::Totp => Method::Totp(totp::Method { setup: read_app(item)?, used: Step(item.number("step")?) }),
        FactorType::Sms => Method::Passcode(read_destination(item, Channel::Sms)?),
        FactorType::Email => Method::Passcode(read_destination(item, Channel::Email)?),
        FactorType::Passkey => Method::Passkey(passkeys::read_method(item)?),
        FactorType::Face => Method::Face(face::Method { consent: faces::read_consent(item)? }),
    };
    let Tries { wrong, last } = read_tries(item)?;
    Ok(Factor::recorded(
        read_id(item)?,
        read_label(item)?,
        time(item, "created")?,
        optional_time(item, "used")?,
        Attempts { wrong, last },
        method,
    ))
}

fn write_draft(draft: &Draft, state: &'static str) -> Item {
    let Draft { ticket, candidate, allowed, expires_at, tries, recovery } = draft;
    let item = write_allowed(write_ticket(new_item(), ticket), *allowed)
        .with("state", state)
        .with("id", candidate.id.as_str())
        .with("type", candidate.factor_type().name())
        .with("label", candidate.label.as_str())
        .with("expires", expires_at.unix())
        .with_some("recovery", recovery.as_ref().map(write_set));
    let item = write_wrong(item, tries.wrong, tries.last);
    match &candidate.setup {
        Setup::Totp(setup) => write_app(item, setup),
        Setup::Passcode(passcode::Setup { method, awaited }) => {
            write_destination(item, method).with("code", versioned(awaited.version, &awaited.bytes))
        }
        Setup::Passkey(setup) => passkeys::write_setup(item, setup),
        Setup::Face(setup) => faces::write_consent(item, &setup.consent),
    }
}

fn read_draft(item: &Item) -> Result<Draft, ItemError> {
    let setup = match read_type(item)? {
        FactorType::Totp => Setup::Totp(read_app(item)?),
        FactorType::Sms => Setup::Passcode(read_passcode(item, Channel::Sms)?),
        FactorType::Email => Setup::Passcode(read_passcode(item, Channel::Email)?),
        FactorType::Passkey => Setup::Passkey(passkeys::read_setup(item)?),
        FactorType::Face => Setup::Face(face::Setup { consent: faces::read_consent(item)? }),
    };
    Ok(Draft {
        ticket: read_ticket(item)?,
        candidate: Candidate { id: read_id(item)?, label: read_label(item)?, setup },
        allowed: read_allowed(item)?,
        expires_at: time(item, "expires")?,
        tries: read_tries(item)?,
        recovery: item.map("recovery")?.map(read_set).transpose()?,
    })
}

fn write_app(item: Item, setup: &totp::Setup) -> Item {
    write_parameters(item, setup.parameters).with("secret", versioned(setup.secret.version, &setup.secret.bytes))
}

fn read_app(item: &Item) -> Result<totp::Setup, ItemError> {
    Ok(totp::Setup { secret: read_sealed(item, "secret")?, parameters: read_parameters(item)? })
}

fn write_destination(item: Item, method: &passcode::Method) -> Item {
    item.with("to", versioned(method.destination.version, &method.destination.bytes))
}

fn read_destination(item: &Item, channel: Channel) -> Result<passcode::Method, ItemError> {
    Ok(passcode::Method { channel, destination: read_sealed(item, "to")? })
}

fn read_passcode(item: &Item, channel: Channel) -> Result<passcode::Setup, ItemError> {
    Ok(passcode::Setup { method: read_destination(item, channel)?, awaited: read_digest(item, "code")? })
}

fn write_evidence(item: Item, evidence: &Evidence) -> Item {
    match evidence {
        Evidence::Totp(step) => item.with("step", step_number(*step)),
        Evidence::Registered(registered) => passkeys::write_method(item, &passkey::Method::new(registered)),
        // An assertion is of an enrolled passkey, and verifies no enrolment.
        Evidence::Passcode | Evidence::Asserted(_) | Evidence::Face => item,
    }
}

fn read_evidence(item: &Item, setup: &Setup) -> Result<Evidence, ItemError> {
    Ok(match setup {
        Setup::Totp(_) => Evidence::Totp(Step(item.number("step")?)),
        Setup::Passcode(_) => Evidence::Passcode,
        Setup::Passkey(_) => passkeys::read_evidence(item)?,
        Setup::Face(_) => Evidence::Face,
    })
}

fn step_number(Step(step): Step) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

/// Writes the authority of an enrolment or a challenge: no attribute for [`Allowed::NotYet`], else the epoch, and
/// `anySession` for [`Allowed::AnySession`].
fn write_allowed(item: Item, allowed: Allowed) -> Item {
    match allowed {
        Allowed::NotYet => item,
        Allowed::AnySession(epoch) => item.with("epoch", epoch.0).with("anySession", 1_u32),
        Allowed::Beginner(epoch) => item.with("epoch", epoch.0),
    }
}

fn read_allowed(item: &Item) -> Result<Allowed, ItemError> {
    let Some(epoch) = item.optional_number("epoch")?.map(Epoch) else { return Ok(Allowed::NotYet) };
    let any_session = item.optional_number::<u32>("anySession")?.is_some();
    Ok(if any_session { Allowed::AnySession(epoch) } else { Allowed::Beginner(epoch) })
}

/// Writes all digests of a set into one attribute, after the key version that they share.
fn write_set(set: &RecoverySet) -> Item {
    Item::default()
        .with("codes", versioned(set.version(), &set.unused().concat()))
        .with_some("at", set.issued_at().map(Timestamp::unix))
}

fn read_set(item: &Item) -> Result<RecoverySet, ItemError> {
    let (version, bytes) = read_versioned(item, "codes")?;
    let (digests, rest) = bytes.as_chunks::<{ Digest::LENGTH }>();
    if !rest.is_empty() {
        return Err(ItemError("codes"));
    }
    Ok(RecoverySet::recorded(version, digests.to_vec(), optional_time(item, "at")?))
}

/// Writes a ticket's realm, nonce digest and session. A ticket without a session is the back end's.
fn write_ticket(item: Item, ticket: &Ticket) -> Item {
    let session = match ticket.by {
        Actor::Session(session) => Some(session.0.to_vec()),
        Actor::BackEnd => None,
    };
    item.with("realm", ticket.realm.letter().to_string().as_str())
        .with("nonce", ticket.nonce.0.as_slice())
        .with_some("session", session)
}

fn read_ticket(item: &Item) -> Result<Ticket, ItemError> {
    let mut letters = item.text("realm")?.chars();
    let (Some(letter), None) = (letters.next(), letters.next()) else { return Err(ItemError("realm")) };
    let by = match item.optional_bytes("session")? {
        Some(_) => Actor::Session(Session(array(item, "session")?)),
        None => Actor::BackEnd,
    };
    Ok(Ticket { realm: Realm::new(letter), by, nonce: NonceDigest(array(item, "nonce")?) })
}

/// Writes the number of wrong codes and the time of the last one. No wrong codes is the usual case and writes nothing.
fn write_wrong(item: Item, wrong: u32, last: Moment) -> Item {
    if wrong == 0 {
        return item;
    }
    let item = item.with("wrong", wrong).with("wrongAt", last.at.unix());
    item.with_some("wrongRewound", last.rewound.map(Timestamp::unix))
}

fn read_tries(item: &Item) -> Result<Tries, ItemError> {
    let last = Moment {
        at: optional_time(item, "wrongAt")?.unwrap_or_default(),
        rewound: optional_time(item, "wrongRewound")?,
    };
    Ok(Tries { wrong: item.optional_number("wrong")?.unwrap_or(0), last })
}

/// Writes hash function and digits, unless they are the default.
fn write_parameters(item: Item, parameters: Parameters) -> Item {
    if parameters == Parameters::default() {
        return item;
    }
    item.with("algorithm", parameters.algorithm.name()).with("digits", u32::from(parameters.digits))
}

fn read_parameters(item: &Item) -> Result<Parameters, ItemError> {
    let Some(digits) = item.optional_number("digits")? else { return Ok(Parameters::default()) };
    let algorithm = Algorithm::from_name(item.text("algorithm")?).ok_or(ItemError("algorithm"))?;
    Ok(Parameters { algorithm, digits })
}

fn read_type(item: &Item) -> Result<FactorType, ItemError> {
    FactorType::from_name(item.text("type")?).ok_or(ItemError("type"))
}

fn read_id(item: &Item) -> Result<FactorId, ItemError> {
    FactorId::parse(item.text("id")?).ok_or(ItemError("id"))
}

fn read_label(item: &Item) -> Result<Label, ItemError> {
    item.text("label").map(Label::recorded)
}

fn time(item: &Item, name: &'static str) -> Result<Timestamp, ItemError> {
    item.number(name).map(Timestamp::from_unix)
}

fn optional_time(item: &Item, name: &'static str) -> Result<Option<Timestamp>, ItemError> {
    item.optional_number(name).map(|time| time.map(Timestamp::from_unix))
}

fn array<const N: usize>(item: &Item, name: &'static str) -> Result<[u8; N], ItemError> {
    item.bytes(name)?.try_into().map_err(|_| ItemError(name))
}

/// The key version in one byte, then the bytes.
fn versioned(version: KeyVersion, bytes: &[u8]) -> Value {
    let mut value = Vec::with_capacity(bytes.len() + 1);
    value.push(version.0);
    value.extend_from_slice(bytes);
    value.into()
}

fn read_versioned<'a>(item: &'a Item, name: &'static str) -> Result<(KeyVersion, &'a [u8]), ItemError> {
    let (version, bytes) = item.bytes(name)?.split_first().ok_or(ItemError(name))?;
    Ok((KeyVersion(*version), bytes))
}

fn read_sealed(item: &Item, name: &'static str) -> Result<Sealed, ItemError> {
    let (version, bytes) = read_versioned(item, name)?;
    Ok(Sealed { version, bytes: bytes.to_vec() })
}

fn read_digest(item: &Item, name: &'static str) -> Result<Digest, ItemError> {
    let (version, bytes) = read_versioned(item, name)?;
    Ok(Digest { version, bytes: bytes.try_into().map_err(|_| ItemError(name))? })
}
