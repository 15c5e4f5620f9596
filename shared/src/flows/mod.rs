//! The use cases, one file each: load, decide, commit, send.
//!
//! A flow loads what it needs in one round trip, decides with the domain's rules, commits the outcome under the versions
//! it read, and only then tells it. Where another request was there first, the verdict is thrown away and the flow runs
//! again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::delivery::messages::Wording;
use crate::delivery::{Channel, Delivery};
use crate::domain::account::Account;
use crate::domain::actor::Actor;
use crate::domain::error::Error;
use crate::domain::ids::{Session, UserId};
use crate::domain::policy::Policy;
use crate::domain::random::{self, Randomness};
use crate::domain::time::Timestamp;
use crate::keys::{Keyring, Keys};
use crate::store::records::{Record, account_key};
use crate::store::{Commit, Key, Put, Replaces, Store, StoreError, Version};

pub mod challenge;
mod check;
pub mod clock;
pub mod confirm;
pub mod enroll;
pub mod factors;
pub mod forget;
mod sealed;
pub mod verify;

use clock::Clock;

/// How often a flow decides anew because another request was there first.
const ROUNDS: u32 = 10;

/// How often one call to the store is made, all in all, while it does not answer.
const CALLS: u32 = 4;

/// How long after its beginning a request may still send a message: it must be answered nine seconds after, and a send may
/// take three.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// Everything that the flows work with.
pub struct App {
    store: Arc<dyn Store>,
    keys: Arc<dyn Keys>,
    keyring: Mutex<Option<Arc<Keyring>>>,
    delivery: Arc<dyn Delivery>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    settings: Settings,
}

/// What an operator sets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Times, limits and counts.
    pub policy: Policy,
    /// The name that people see: issuer of authenticator apps, sender of messages.
    pub product: String,
    /// The text of messages.
    pub wording: Wording,
    /// The country code of numbers that come without one, as `+86`.
    pub default_country_code: String,
    /// Where SMS may go.
    pub countries: Countries,
    /// The claim of an access token that names the user. One that users can edit would be a hole.
    pub user_id_claim: String,
    /// Web origins that may call from a browser. Where a gateway is in front, it decides.
    pub allowed_origins: Vec<String>,
}

/// Countries that SMS may go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Countries {
    /// Everywhere.
    #[default]
    All,
    /// To these alone: ISO 3166-1 codes of two letters. Without any, SMS is off.
    Only(Vec<String>),
}

/// Who calls, as the authorizer saw them: a user in a session, or the back end for a user.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: UserId,
    /// Who acts on the user's account.
    pub actor: Actor,
    /// What an authenticator app shows for the account.
    pub account_name: AccountName,
}

/// The name an authenticator app shows: often an address, so it is not printed.
#[derive(Clone)]
pub struct AccountName(pub String);

impl std::fmt::Debug for AccountName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountName(…)")
    }
}

impl App {
    /// An application over its seams. Nothing is called yet.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        keys: Arc<dyn Keys>,
        delivery: Arc<dyn Delivery>,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
        settings: Settings,
    ) -> Self {
        Self { store, keys, keyring: Mutex::new(None), delivery, clock, randomness, settings }
    }

    /// Fetches the keys and makes the connections that a request needs. What fails here is tried again by the first one.
    pub async fn warm_up(&self) {
        // A key of the kind that every function may read, and that no account has.
        let nobody = Key::new('a', &[""]);
        let (_, read) = tokio::join!(self.keyring(), self.store.get(&nobody));
        if let Err(error) = read {
            tracing::warn!(store.error = ?error, "the store can't be reached");
        }
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Random bytes for ids that a dialect makes up.
    #[must_use]
    pub fn randomness(&self) -> &dyn Randomness {
        self.randomness.as_ref()
    }

    /// The session that these parts name: a digest of them, under the index key.
    ///
    /// # Errors
    /// [`Error::Busy`] while the keys can't be reached.
    pub async fn session(&self, parts: &[&str]) -> Result<Session, Error> {
        self.keyring().await?.index("session", parts).map(Session)
    }

    fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The keys: fetched once, tried again by the next request where that failed, or where one is missing.
    async fn keyring(&self) -> Result<Arc<Keyring>, Error> {
        let mut held = self.keyring.lock().await;
        match held.as_ref() {
            Some(keyring) if keyring.is_whole() => return Ok(Arc::clone(keyring)),
            _ => {}
        }
        match (Keyring::load(self.keys.as_ref()).await, held.as_ref()) {
            (Ok(keyring), _) => Ok(Arc::clone(held.insert(Arc::new(keyring)))),
            (Err(_), Some(keyring)) => Ok(Arc::clone(keyring)),
            (Err(error), None) => {
                tracing::warn!(keys.error = error.0, "the keys can't be reached");
                Err(Error::Busy)
            }
        }
    }

    /// Whether messages can be sent by a channel.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`].
    pub fn require_channel(&self, channel: Channel) -> Result<(), Error> {
        let may_go_nowhere = channel == Channel::Sms && self.settings.countries == Countries::Only(Vec::new());
        if self.delivery.configured(channel) && !may_go_nowhere { Ok(()) } else { Err(not_configured(channel)) }
    }

    /// Reads one aggregate.
    async fn load<T: Record>(&self, key: Key) -> Result<Loaded<T>, Error> {
        let mut calls = 1;
        let stored = loop {
            match self.store.get(&key).await {
                Ok(stored) => break stored,
                Err(StoreError::Unavailable | StoreError::Unknown) if calls < CALLS => {}
                Err(error) => return Err(unanswered(error)),
            }
            self.pause(10 * 3_u32.pow(calls)).await?;
            calls += 1;
        };
        let Some(stored) = stored else { return Ok(Loaded { key, replaces: Replaces::Nothing, value: None }) };
        let value = T::read(&stored.item).map_err(|error| {
            tracing::error!(item.attribute = error.0, "an item can't be read");
            Error::Internal("an item can't be read")
        })?;
        Ok(Loaded { key, replaces: Replaces::Version(stored.version), value: Some(value) })
    }

    async fn load_account(&self, user: &UserId) -> Result<Loaded<Account>, Error> {
        self.load(account_key(user)).await
    }

    /// Commits puts under a new version. `Ok(None)` is a conflict: decide again.
    async fn commit(&self, puts: Vec<Put>) -> Result<Option<Version>, Error> {
        let version = Version(random::bytes(self.randomness.as_ref())?);
        let commit = Commit { version, puts };
        let mut calls = 1;
        loop {
            match self.store.commit(&commit).await {
                Ok(()) => return Ok(Some(version)),
                Err(StoreError::Conflict) => return Ok(None),
                // The same commit once more: if it was applied after all, the store knows its version.
                Err(StoreError::Unavailable | StoreError::Unknown) if calls < CALLS => {}
                Err(error) => return Err(unanswered(error)),
            }
            // What is throttled, or still at work on it, needs more time with each call.
            self.pause(10 * 3_u32.pow(calls)).await?;
            calls += 1;
        }
    }

    /// Waits a little, never the same: what collided must not collide again.
    async fn pause(&self, at_most_ms: u32) -> Result<(), Error> {
        let milliseconds = 1 + random::below(self.randomness.as_ref(), at_most_ms)?;
        tokio::time::sleep(Duration::from_millis(u64::from(milliseconds))).await;
        Ok(())
    }

    /// Runs rounds of load and decide until one is committed.
    fn rounds(&self) -> Rounds<'_> {
        Rounds { app: self, done: 0, began: Instant::now() }
    }
}

fn not_configured(channel: Channel) -> Error {
    Error::ChannelNotConfigured(match channel {
        Channel::Sms => "SMS",
        Channel::Email => "E-mail",
    })
}

fn unanswered(error: StoreError) -> Error {
    match error {
        StoreError::Conflict | StoreError::Unavailable | StoreError::Unknown => {
            tracing::warn!(store.error = ?error, "the store does not answer");
            Error::Busy
        }
        StoreError::Rejected(reason) => {
            tracing::error!(store.error = reason, "the store rejects a call");
            Error::Internal("the store rejects a call")
        }
    }
}

/// An aggregate as it was read, or its absence.
struct Loaded<T> {
    key: Key,
    replaces: Replaces,
    value: Option<T>,
}

impl<T: Record> Loaded<T> {
    /// Replaces what was read.
    fn put(&self, value: &T, now: Timestamp, policy: &Policy) -> Put {
        Put { key: self.key.clone(), replaces: self.replaces, item: value.write(), ttl: value.ttl(now, policy) }
    }

    /// Puts back what was read, over what was committed since under this version; `nothing` where there was nothing.
    fn restore(self, version: Version, nothing: T, now: Timestamp, policy: &Policy) -> Put {
        let Self { key, value, .. } = self;
        Loaded { key, replaces: Replaces::Version(version), value: None }.put(&value.unwrap_or(nothing), now, policy)
    }
}

struct Rounds<'a> {
    app: &'a App,
    done: u32,
    began: Instant,
}

impl Rounds<'_> {
    /// Whether too little time is left to begin what takes three seconds and can't be undone.
    fn is_late(&self) -> bool {
        self.began.elapsed() > SEND_WITHIN
    }

    /// Commits what was decided, after which it may be told. `None`: another request was there first, decide again.
    ///
    /// # Errors
    /// [`Error::Busy`] after too many conflicts, or when the store does not answer. Nothing was counted
    /// then, unless it was the answer alone that was lost.
    async fn settle(&mut self, puts: Vec<Put>) -> Result<Option<Version>, Error> {
        if let Some(version) = self.app.commit(puts).await? {
            return Ok(Some(version));
        }
        self.done += 1;
        if self.done >= ROUNDS {
            return Err(Error::Busy);
        }
        self.app.pause(8 * self.done).await?;
        Ok(None)
    }

    /// Commits a refusal and returns it as the error. `Ok`: another request was there first, decide again.
    ///
    /// # Errors
    /// The refusal, once it is committed; else as [`Self::settle`].
    async fn refuse(&mut self, puts: Vec<Put>, refusal: Error) -> Result<(), Error> {
        match self.settle(puts).await? {
            Some(_) => Err(refusal),
            None => Ok(()),
        }
    }
}
