//! Aggregates as items and back: which attribute holds what, under which key, and when it may be swept.
//!
//! Types, labels, times and counts stay readable to an operator; what is secret or personal is binary. An attribute
//! that has its usual value is left out, because a write costs by the kilobyte.

use data_encoding::HEXLOWER;

use super::{Item, ItemError, Key, Value};
use crate::domain::account::{Account, Authorization, Presence};
use crate::domain::actor::Access;
use crate::domain::challenge::{Challenge, ChallengeState, OpenChallenge};
use crate::domain::enrollment::{Enrollment, Pending, Ticket};
use crate::domain::factor::{Candidate, Channel, Credential, Factor, FactorType, Method};
use crate::domain::ids::{Epoch, FactorId, Label, Session, UserId};
use crate::domain::limits::{Attempts, DestinationLimit, SendLog, Tries, UserTag};
use crate::domain::policy::Policy;
use crate::domain::possession::Possession;
use crate::domain::recovery::RecoverySet;
use crate::domain::secret::{Digest, KeyVersion, Sealed};
use crate::domain::time::Timestamp;
use crate::domain::token::{Dialect, NonceDigest};
use crate::domain::totp::{Algorithm, Parameters, Step};

/// The form that this code writes. Readers of a new form ship before its writers.
const SCHEMA: u32 = 1;

/// Between the last moment at which an item matters and its time to live: the store deletes late, and "expired" must
/// stay distinguishable from "unknown".
const KEPT_SECONDS: u64 = 86_400;

/// How long the epoch of an account without factors is kept: longer than any enrolment begun before could live.
const EMPTY_ACCOUNT_SECONDS: u64 = 7 * 86_400;

/// An aggregate that is one item.
pub trait Record: Sized {
    /// Its attributes.
    fn write(&self) -> Item;

    /// The aggregate of an item.
    ///
    /// # Errors
    /// [`ItemError`] when the item is damaged or of a later schema.
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
    Key::new('e', &[user.as_str(), factor_type.word()])
}

/// The key of the challenge to a user's factor.
#[must_use]
pub fn challenge_key(user: &UserId, factor: &FactorId) -> Key {
    Key::new('c', &[user.as_str(), factor.as_str()])
}

/// The key of a destination's limit, by the destination's index digest.
#[must_use]
pub fn destination_key(index: [u8; 16]) -> Key {
    Key::new('l', &[&HEXLOWER.encode(&index)])
}

impl Record for Account {
    fn write(&self) -> Item {
        let presences = self.presences.iter().map(|Presence { session, at }| {
            Item::default().with("session", session.0.as_slice()).with("at", at.unix())
        });
        new_item()
            .with("epoch", self.epoch.0)
            .with("factors", self.factors.iter().map(write_factor).collect::<Vec<_>>())
            .with_some("recovery", self.recovery.as_ref().map(write_set))
            .with_some("presences", (!self.presences.is_empty()).then(|| presences.collect::<Vec<_>>()))
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        Ok(Self {
            epoch: Epoch(item.number("epoch")?),
            factors: item.maps("factors")?.into_iter().map(read_factor).collect::<Result<_, _>>()?,
            recovery: item.map("recovery")?.map(read_set).transpose()?,
            presences: item
                .maps("presences")?
                .into_iter()
                .map(|presence| {
                    Ok(Presence { session: Session(array(presence, "session")?), at: time(presence, "at")? })
                })
                .collect::<Result<_, _>>()?,
        })
    }

    fn ttl(&self, now: Timestamp, _: &Policy) -> Option<i64> {
        self.factors.is_empty().then(|| now.plus(EMPTY_ACCOUNT_SECONDS).unix())
    }
}

impl Record for Enrollment {
    fn write(&self) -> Item {
        match self {
            Self::Pending(pending) => write_pending(pending, "pending"),
            Self::Verified(pending, possession) => {
                let step = possession.step().map(|Step(step)| i64::try_from(step).unwrap_or(i64::MAX));
                write_pending(pending, "verified").with_some("step", step)
            }
            Self::Confirmed { ticket, expires_at, tries } => {
                let item =
                    write_ticket(new_item(), ticket).with("state", "confirmed").with("expires", expires_at.unix());
                write_wrong(item, tries.wrong, tries.last)
            }
            Self::Void { since } => new_item().with("state", "void").with("since", since.unix()),
        }
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        Ok(match item.text("state")? {
            "pending" => Self::Pending(read_pending(item)?),
            "verified" => {
                let step = item.optional_number("step")?.map(Step);
                Self::Verified(read_pending(item)?, step.map_or_else(Possession::of_sent, Possession::of_app))
            }
            "confirmed" => Self::Confirmed {
                ticket: read_ticket(item)?,
                expires_at: time(item, "expires")?,
                tries: read_tries(item)?,
            },
            "void" => Self::Void { since: time(item, "since")? },
            _ => return Err(ItemError("state")),
        })
    }

    fn ttl(&self, _: Timestamp, policy: &Policy) -> Option<i64> {
        Some(self.deadline(policy).plus(KEPT_SECONDS).unix())
    }
}

impl Record for Challenge {
    fn write(&self) -> Item {
        let sent: Vec<i64> = self.sent.times().iter().map(|at| at.unix()).collect();
        let item = new_item().with_some("sent", (!sent.is_empty()).then_some(sent));
        match &self.state {
            ChallengeState::None => item.with("state", "none"),
            ChallengeState::Open(OpenChallenge { ticket, passcode, expires_at, tries }) => {
                let item = write_ticket(item, ticket)
                    .with("state", "open")
                    .with("code", versioned(passcode.version, &passcode.bytes))
                    .with("expires", expires_at.unix());
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
            "open" => ChallengeState::Open(OpenChallenge {
                ticket: read_ticket(item)?,
                passcode: read_digest(item, "code")?,
                expires_at: time(item, "expires")?,
                tries: read_tries(item)?,
            }),
            "passed" => ChallengeState::Passed { ticket: read_ticket(item)?, expires_at: time(item, "expires")? },
            _ => return Err(ItemError("state")),
        };
        let sent = item.numbers("sent")?.into_iter().map(Timestamp::from_unix).collect();
        Ok(Self { sent: SendLog::of(sent), state })
    }

    fn ttl(&self, now: Timestamp, policy: &Policy) -> Option<i64> {
        Some(self.deadline(policy).unwrap_or(now).plus(KEPT_SECONDS).unix())
    }
}

impl Record for DestinationLimit {
    fn write(&self) -> Item {
        let sent =
            self.sent().iter().map(|(at, user)| Item::default().with("at", at.unix()).with("user", user.0.as_slice()));
        new_item().with("sent", sent.collect::<Vec<_>>())
    }

    fn read(item: &Item) -> Result<Self, ItemError> {
        check_schema(item)?;
        let sent = item.maps("sent")?.into_iter();
        Ok(Self::of(sent.map(|sent| Ok((time(sent, "at")?, UserTag(array(sent, "user")?)))).collect::<Result<_, _>>()?))
    }

    fn ttl(&self, now: Timestamp, _: &Policy) -> Option<i64> {
        Some(self.deadline().unwrap_or(now).plus(KEPT_SECONDS).unix())
    }
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
        .with("type", factor.factor_type().word())
        .with("label", factor.label().as_str())
        .with("created", factor.created_at().unix())
        .with_some("used", factor.last_used_at().map(Timestamp::unix));
    let item = write_wrong(item, factor.attempts().wrong, factor.attempts().last);
    match factor.method() {
        Method::Totp { secret, parameters, used } => write_parameters(item, *parameters)
            .with("secret", versioned(secret.version, &secret.bytes))
            .with("step", i64::try_from(used.0).unwrap_or(i64::MAX)),
        Method::Sent { destination, .. } => item.with("to", versioned(destination.version, &destination.bytes)),
    }
}

fn read_factor(item: &Item) -> Result<Factor, ItemError> {
    let method = match sent_by(item)? {
        None => Method::Totp {
            secret: read_sealed(item, "secret")?,
            parameters: read_parameters(item)?,
            used: Step(item.number("step")?),
        },
        Some(channel) => Method::Sent { channel, destination: read_sealed(item, "to")? },
    };
    let Tries { wrong, last } = read_tries(item)?;
    Ok(Factor::recorded(
        read_id(item)?,
        read_label(item)?,
        time(item, "created")?,
        item.optional_number("used")?.map(Timestamp::from_unix),
        Attempts { wrong, last },
        method,
    ))
}

fn write_pending(pending: &Pending, state: &'static str) -> Item {
    let Pending { ticket, candidate, authorized, expires_at, tries, recovery } = pending;
    let item = write_ticket(new_item(), ticket)
        .with("state", state)
        .with("id", candidate.id.as_str())
        .with("type", candidate.factor_type().word())
        .with("label", candidate.label.as_str())
        .with("expires", expires_at.unix())
        .with_some("epoch", authorized.map(|allowed| allowed.epoch.0))
        .with_some("session", authorized.and_then(|allowed| allowed.session).map(|session| session.0.to_vec()))
        .with_some("recovery", recovery.as_ref().map(write_set));
    let item = write_wrong(item, tries.wrong, tries.last);
    match &candidate.credential {
        Credential::Totp { secret, parameters } => {
            write_parameters(item, *parameters).with("secret", versioned(secret.version, &secret.bytes))
        }
        Credential::Sent { destination, passcode, .. } => item
            .with("to", versioned(destination.version, &destination.bytes))
            .with("code", versioned(passcode.version, &passcode.bytes)),
    }
}

fn read_pending(item: &Item) -> Result<Pending, ItemError> {
    let credential = match sent_by(item)? {
        None => Credential::Totp { secret: read_sealed(item, "secret")?, parameters: read_parameters(item)? },
        Some(channel) => {
            Credential::Sent { channel, destination: read_sealed(item, "to")?, passcode: read_digest(item, "code")? }
        }
    };
    Ok(Pending {
        ticket: read_ticket(item)?,
        candidate: Candidate { id: read_id(item)?, label: read_label(item)?, credential },
        authorized: read_authorization(item)?,
        expires_at: time(item, "expires")?,
        tries: read_tries(item)?,
        recovery: item.map("recovery")?.map(read_set).transpose()?,
    })
}

fn read_authorization(item: &Item) -> Result<Option<Authorization>, ItemError> {
    let Some(epoch) = item.optional_number("epoch")?.map(Epoch) else { return Ok(None) };
    let session = item.optional_bytes("session")?.map(|_| array(item, "session").map(Session)).transpose()?;
    Ok(Some(Authorization { epoch, session }))
}

/// All digests of a set in one attribute, after the key version that they share.
fn write_set(set: &RecoverySet) -> Item {
    Item::default().with("codes", versioned(set.version(), &set.unused().concat()))
}

fn read_set(item: &Item) -> Result<RecoverySet, ItemError> {
    let (version, bytes) = read_versioned(item, "codes")?;
    let (digests, rest) = bytes.as_chunks::<{ Digest::LENGTH }>();
    if rest.is_empty() { Ok(RecoverySet::new(version, digests.to_vec())) } else { Err(ItemError("codes")) }
}

/// The ticket's dialect and nonce digest, and whose it is unless a user's.
fn write_ticket(item: Item, ticket: &Ticket) -> Item {
    let item = item.with("dialect", ticket.dialect.letter()).with("nonce", ticket.nonce.0.as_slice());
    item.with_some("by", ticket.access.word())
}

fn read_ticket(item: &Item) -> Result<Ticket, ItemError> {
    let dialect = Dialect::from_letter(item.text("dialect")?).ok_or(ItemError("dialect"))?;
    let access = Access::from_word(item.optional_text("by")?).ok_or(ItemError("by"))?;
    Ok(Ticket { dialect, access, nonce: NonceDigest(array(item, "nonce")?) })
}

/// Wrong codes in a row and the time of the last; none is the usual case.
fn write_wrong(item: Item, wrong: u32, last: Timestamp) -> Item {
    if wrong == 0 { item } else { item.with("wrong", wrong).with("wrongAt", last.unix()) }
}

fn read_tries(item: &Item) -> Result<Tries, ItemError> {
    let last = item.optional_number("wrongAt")?.map(Timestamp::from_unix).unwrap_or_default();
    Ok(Tries { wrong: item.optional_number("wrong")?.unwrap_or(0), last })
}

/// How codes are made, unless as every app makes them.
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

/// How codes of the item's factor type are sent; `None` for an app.
fn sent_by(item: &Item) -> Result<Option<Channel>, ItemError> {
    match FactorType::from_word(item.text("type")?) {
        Some(FactorType::Totp) => Ok(None),
        Some(FactorType::Sms) => Ok(Some(Channel::Sms)),
        Some(FactorType::Email) => Ok(Some(Channel::Email)),
        None => Err(ItemError("type")),
    }
}

fn read_id(item: &Item) -> Result<FactorId, ItemError> {
    FactorId::parse(item.text("id")?).ok_or(ItemError("id"))
}

fn read_label(item: &Item) -> Result<Label, ItemError> {
    Label::parse(item.text("label")?).map_err(|_| ItemError("label"))
}

fn time(item: &Item, name: &'static str) -> Result<Timestamp, ItemError> {
    item.number(name).map(Timestamp::from_unix)
}

fn array<const N: usize>(item: &Item, name: &'static str) -> Result<[u8; N], ItemError> {
    item.bytes(name)?.try_into().map_err(|_| ItemError(name))
}

/// Bytes after their key version.
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
