//! The use cases, one file each. A use case is pure: it names the documents that it reads, and decides on them. The
//! `engine` reads, commits and sends for all of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::{Clock, Deadline};
use crate::delivery::messages::Wording;
use crate::delivery::transaction_texts::TransactionTexts;
use crate::delivery::{Channel, Delivery};
use crate::domain::actor::Actor;
use crate::domain::contact::PhoneNumber;
use crate::domain::error::Error;
use crate::domain::factor::passkey::RelyingParty;
use crate::domain::hosted::InSession;
use crate::domain::ids::{Session, UserId};
use crate::domain::policy::Policy;
use crate::domain::random::{self, Randomness};
use crate::domain::receipt_keys::PublishedKeys;
use crate::domain::time::Timestamp;
use crate::judge::Judge;
use crate::keys::{Keyring, Keys};
use crate::photo_link::PhotoLinks;
use crate::store::{Commit, Key, Put, Store, StoreError, Stored, Version};

pub mod brand;
pub mod challenge;
mod check;
pub mod confirm;
mod engine;
pub mod enroll;
pub mod faces;
pub mod factors;
mod forget;
pub mod hosted;
pub mod needed;
mod notice;
pub mod passkeys;
pub mod receipt;
#[cfg(test)]
mod tests;
pub mod verify;

use brand::Brand;
use faces::FaceSettings;
use receipt::{HeldSigner, ReceiptSettings};

/// The most attempts at one call to the store, the first included.
const CALLS: u32 = 4;

/// The service: the use cases over a store, keys, delivery, a clock and randomness.
pub struct Service {
    store: Arc<dyn Store>,
    keys: Arc<dyn Keys>,
    keyring: Mutex<Option<Arc<Keyring>>>,
    signer: Mutex<HeldSigner>,
    /// The public keys of receipts, and when they were read.
    published: Mutex<Option<(Timestamp, PublishedKeys)>>,
    delivery: Arc<dyn Delivery>,
    faces: Option<FaceSeams>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    settings: Settings,
}

/// The operator's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Times, limits and counts.
    pub policy: Policy,
    /// The life of an enrolment, in seconds.
    pub enrollment_seconds: u64,
    /// The life of an enrolment in the genauth dialect, in seconds.
    pub genauth_enrollment_seconds: u64,
    /// Recovery codes in a set of the profile dialect.
    pub profile_recovery_codes: usize,
    /// The name that people see: issuer of authenticator apps, sender of messages.
    pub product: String,
    /// The text of messages.
    pub wording: Wording,
    /// The country code of numbers that come without one, as `+86`.
    pub default_country_code: String,
    /// The countries that SMS may go to.
    pub countries: Countries,
    /// The claim of an access token that contains the user id. It must not be one that users can edit: they could
    /// become other users.
    pub user_id_claim: String,
    /// Web origins that may call from a browser. Behind a gateway, the gateway decides instead.
    pub allowed_origins: Vec<String>,
    /// Receipts; `None` for none.
    pub receipts: Option<ReceiptSettings>,
    /// The URL of the page of hosted sessions. `None`: it is beside the keys of receipts.
    pub page_url: Option<String>,
    /// The operator's brand on that page.
    pub brand: Brand,
    /// The URLs to which hosted sessions return; empty for no sessions.
    pub return_urls: ReturnUrls,
    /// The relying party of passkeys; `None` for no passkeys.
    pub relying_party: Option<RelyingParty>,
    /// Faces; `None` for none.
    pub faces: Option<FaceSettings>,
    /// The types of transactions that can be confirmed.
    pub transactions: TransactionTexts,
    /// Whether a code of an authenticator app confirms a transaction, although the app does not show it.
    pub transactions_by_app: bool,
}

/// The URLs to which hosted sessions return, without queries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReturnUrls(pub Vec<String>);

impl ReturnUrls {
    /// Whether a session may return to this URL. Its origin and path must be one of the list, character by character;
    /// it may have a query without the parameters that the result adds, and no fragment.
    #[must_use]
    pub fn allow(&self, url: &str) -> bool {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let is_added = |parameter: &str| {
            let name = parameter.split('=').next().unwrap_or_default();
            ["session", "code"].into_iter().any(|added| is_encoding_of(name, added))
        };
        let is_allowed = is_plain(place) && is_plain(query) && self.0.iter().any(|allowed| allowed == place);
        is_allowed && url.len() <= 2000 && !query.split(['&', ';']).any(is_added)
    }
}

/// Whether a text is this name, some letters of which may be percent-encoded.
fn is_encoding_of(text: &str, name: &str) -> bool {
    let rest = name.chars().try_fold(text, |rest, letter| {
        let after_encoded = || {
            let (encoded, after) = rest.split_at_checked(3)?;
            encoded.eq_ignore_ascii_case(&format!("%{:02x}", u32::from(letter))).then_some(after)
        };
        rest.strip_prefix(letter).or_else(after_encoded)
    });
    rest.is_some_and(str::is_empty)
}

impl Settings {
    /// The relying party of passkeys.
    ///
    /// # Errors
    /// [`Error::ChannelNotConfigured`] without one.
    pub fn relying_party(&self) -> Result<&RelyingParty, Error> {
        self.relying_party.as_ref().ok_or(Error::ChannelNotConfigured("A passkey"))
    }

    /// The URL of the page of hosted sessions. `None` if there are no sessions.
    #[must_use]
    pub fn page(&self) -> Option<String> {
        let beside_keys = || Some(format!("{}/page", self.receipts.as_ref()?.issuer.trim_end_matches('/')));
        if self.return_urls.0.is_empty() { None } else { self.page_url.clone().or_else(beside_keys) }
    }
}

/// Countries that SMS may go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Countries {
    /// Every country.
    #[default]
    All,
    /// Only these: ISO 3166-1 codes of two letters. An empty list turns SMS off.
    Only(Vec<String>),
}

impl Countries {
    /// Whether an SMS may go to a number. A number of no known country (satellites, networks) is never allowed.
    #[must_use]
    pub fn allow(&self, number: &PhoneNumber) -> bool {
        match (self, number.country()) {
            (_, None) => false,
            (Self::All, Some(_)) => true,
            (Self::Only(allowed), Some(country)) => allowed.iter().any(|each| each == country),
        }
    }
}

/// The caller of a request, as the authorizer identified them, with the keys and the deadline of the request.
#[derive(Clone)]
pub struct Caller {
    /// The user.
    pub user: UserId,
    /// The actor on the user's account: the user in a session, or the back end.
    pub actor: Actor,
    /// The name of the account in an authenticator app.
    pub account_name: AccountName,
    /// The client of the access token, if it names one.
    pub client_id: Option<String>,
    /// The hosted session of the request, if it is in one.
    pub in_session: Option<InSession>,
    /// The keys, fetched once per request.
    keyring: Arc<Keyring>,
    /// The deadline of the request.
    deadline: Deadline,
}

impl Caller {
    /// A caller whose identity was checked before.
    #[must_use]
    pub fn new(
        user: UserId,
        actor: Actor,
        account_name: AccountName,
        keyring: Arc<Keyring>,
        deadline: Deadline,
    ) -> Self {
        Self { user, actor, account_name, client_id: None, in_session: None, keyring, deadline }
    }

    /// The same caller with the client of its access token.
    #[must_use]
    pub fn of_client(self, client_id: Option<String>) -> Self {
        Self { client_id, ..self }
    }
}

/// Neither keys nor names are printed.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("actor", &self.actor).finish_non_exhaustive()
    }
}

/// The name of the account in an authenticator app. It is often an address, so it is not printed.
#[derive(Clone)]
pub struct AccountName(String);

impl AccountName {
    /// The most bytes of a name in an app's URI. A byte takes up to three characters there. The URI also has the
    /// product's name twice; with the longest product name, a QR code has room for no more.
    const MAX_BYTES: usize = 128;

    /// The name from a visible text, cut to the length that a QR code has room for.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.get(..text.floor_char_boundary(Self::MAX_BYTES)).unwrap_or_default().to_owned())
    }

    /// The name as an app shows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AccountName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountName(…)")
    }
}

/// The seams of faces.
#[derive(Clone)]
pub struct FaceSeams {
    /// Compares faces.
    pub judge: Arc<dyn Judge>,
    /// Fetches photos. `None`: a photo is part of the request.
    pub links: Option<Arc<dyn PhotoLinks>>,
}

/// The seams of the service: everything that it calls.
pub struct Seams {
    /// Keeps the items.
    pub store: Arc<dyn Store>,
    /// Guards the master keys.
    pub keys: Arc<dyn Keys>,
    /// Sends messages.
    pub delivery: Arc<dyn Delivery>,
    /// What faces need. `None`: there are none.
    pub faces: Option<FaceSeams>,
    /// Tells the time. [`crate::clock::SystemClock`] is the machine's.
    pub clock: Arc<dyn Clock>,
    /// Makes secrets, codes and nonces. [`crate::clock::SystemRandomness`] is the operating system's.
    pub randomness: Arc<dyn Randomness>,
}

impl Service {
    /// A service over its adapters. It makes no call yet.
    #[must_use]
    pub fn new(seams: Seams, settings: Settings) -> Self {
        let Seams { store, keys, delivery, faces, clock, randomness } = seams;
        let (keyring, signer, published) = Default::default();
        Self { store, keys, keyring, signer, published, delivery, faces, clock, randomness, settings }
    }

    /// Fetches the keys and makes the connections that a request needs. If this fails, the first request tries again.
    pub async fn warm_up(&self) {
        // Every function may read account keys, and no account has this one.
        let nobody = Key::new('a', &[""]);
        let (_, read) = tokio::join!(self.keyring(), self.store.get(&nobody));
        if let Err(error) = read {
            tracing::warn!(store.error = ?error, "the store can't be reached");
        }
    }

    /// Reads the keys of receipts, and makes the first one. If this fails, the first request tries again.
    pub async fn warm_up_receipts(&self) {
        let signer = match self.keyring().await {
            Ok(keyring) => self.signer(&keyring).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = signer {
            tracing::warn!(error.code = error.code(), "the keys of receipts can't be read");
        }
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The source of randomness.
    #[must_use]
    pub fn randomness(&self) -> &dyn Randomness {
        self.randomness.as_ref()
    }

    /// The clock of the rules and of deadlines.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Whether messages can be sent by a channel.
    #[must_use]
    pub fn is_configured(&self, channel: Channel) -> bool {
        self.channels().contains(&channel)
    }

    /// The keys. They are fetched once. If that failed or a key is missing, the next request fetches them again.
    ///
    /// # Errors
    /// [`Error::Busy`] if they can't be reached and were never fetched.
    pub async fn keyring(&self) -> Result<Arc<Keyring>, Error> {
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

    /// The session of a token's issuer, client and session id: a digest of these parts under the index key.
    ///
    /// # Errors
    /// [`Error::Internal`] never in practice.
    pub fn session(keyring: &Keyring, parts: &[&str]) -> Result<Session, Error> {
        keyring.index("session", parts).map(Session)
    }

    /// Reads one item.
    async fn get(&self, key: &Key) -> Result<Option<Stored>, Error> {
        self.call(|| self.store.get(key)).await?.map_err(unanswered)
    }

    /// Commits puts under a new version. `Ok(None)` is a conflict: the request must decide again.
    async fn commit(&self, puts: Vec<Put>) -> Result<Option<Version>, Error> {
        let commit = Commit { version: Version(random::bytes(self.randomness())?), puts };
        // Every attempt sends the same commit: if an earlier attempt was applied, the store recognises its version.
        match self.call(|| self.store.commit(&commit)).await? {
            Ok(()) => Ok(Some(commit.version)),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(unanswered(error)),
        }
    }

    /// Calls the store until it answers, at most [`CALLS`] times. The pause grows with each attempt, because a store
    /// that is throttled or still at work needs time.
    async fn call<T, F>(&self, call: impl Fn() -> F + Send) -> Result<Result<T, StoreError>, Error>
    where
        F: Future<Output = Result<T, StoreError>> + Send,
    {
        for calls in 1..CALLS {
            match call().await {
                Err(StoreError::Unavailable | StoreError::Unknown) => self.pause(10 * 3_u32.pow(calls)).await?,
                answer => return Ok(answer),
            }
        }
        Ok(call().await)
    }

    /// Sleeps a random 1 to `at_most_ms` ms, so that colliding writers spread out.
    async fn pause(&self, at_most_ms: u32) -> Result<(), Error> {
        let milliseconds = 1 + random::below(self.randomness(), at_most_ms)?;
        self.clock.sleep(Duration::from_millis(u64::from(milliseconds))).await;
        Ok(())
    }
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
