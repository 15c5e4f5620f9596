//! Receipts: reading, making and rotating the keys that sign them, and signing.
//!
//! Only the Lambda function `verify` may read the signing keys, so only its routes give receipts.

use std::sync::Arc;

use serde::Serialize;

use super::engine::UseCase;
use super::{Caller, Service};
use crate::domain::actor::Actor;
use crate::domain::error::Error;
use crate::domain::random;
use crate::domain::receipt::{RECEIPT_SECONDS, Statement};
use crate::domain::receipt_keys::{
    PUBLISHED_BEFORE_SECONDS, PublishedKeys, REREAD_SECONDS, Rotation, SigningKey, SigningKeys,
};
use crate::domain::time::Timestamp;
use crate::domain::transaction::{Confirmation, Shown, Transaction};
use crate::keys::Keyring;
use crate::keys::signing::RsaKey;
use crate::store::records::{Record, published_keys_key, signing_keys_key};
use crate::store::{Key, Put, Replaces};
use data_encoding::BASE64URL_NOPAD;

/// The most attempts at making a key. Each conflict means that another instance made one.
const ROUNDS: u32 = 5;

/// Seconds after a failed reading in which the keys are not read again. A reading that fails takes seconds.
const RETRY_SECONDS: u64 = 30;

/// Seconds for which the public keys are held for anyone who asks.
const HELD_SECONDS: u64 = 60;

/// The operator's settings of receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptSettings {
    /// The claim `iss`: the URL below which `/.well-known/openid-configuration` is.
    pub issuer: String,
    /// The claim `aud`: who takes receipts.
    pub audiences: Vec<String>,
    /// When a key is replaced.
    pub rotation: Rotation,
}

impl ReceiptSettings {
    /// Whether these claims are of a receipt: it has the issuer, or an audience, that no access token may have. A list
    /// of audiences is text in brackets, as API Gateway passes it on.
    pub fn is_receipt<'a>(&self, claim: &impl Fn(&str) -> Option<&'a str>) -> bool {
        let audiences = claim("aud").unwrap_or_default();
        let mut audiences = audiences.split(|c: char| c.is_whitespace() || "[],\"".contains(c));
        claim("iss") == Some(&self.issuer) || audiences.any(|one| self.audiences.iter().any(|ours| ours == one))
    }
}

/// A signed receipt in the compact form of a JWT. Whoever has it can show it, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receipt(…)")
    }
}

/// An answer that earns a receipt.
pub(super) trait Stated {
    /// The content of its receipt; `None` if it earns none.
    fn statement(&self) -> Option<Statement>;

    /// The id of its receipt, if it is a repetition. `None` for a new one.
    fn jti(&self) -> Option<[u8; 16]> {
        None
    }

    /// Adds the receipt.
    fn set_receipt(&mut self, receipt: Receipt);
}

/// The keys that sign, opened.
pub(super) struct Signer {
    keys: SigningKeys,
    opened: Vec<RsaKey>,
    read_at: Timestamp,
}

impl Signer {
    fn active(&self, now: Timestamp) -> Option<&RsaKey> {
        let kid = &self.keys.active(now)?.public.kid;
        self.opened.iter().find(|key| key.public().kid == *kid)
    }
}

/// The signer that is held between requests.
#[derive(Default)]
pub(super) struct HeldSigner {
    signer: Option<Arc<Signer>>,
    /// The last reading that failed.
    tried_at: Timestamp,
}

/// The claims of a receipt (RFC 7519, section 4; `auth_time`, `amr` and `acr` of OpenID Connect Core 1.0, section 2).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: Audience<'a>,
    sub: &'a str,
    iat: i64,
    exp: i64,
    jti: String,
    auth_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<&'static str>,
    acr: &'static str,
    scope: String,
    factor_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bound_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_eligible: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    /// A digest of the caller's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(flatten)]
    transaction: Option<TransactionClaims<'a>>,
}

/// The claims of a transaction: `txn` of RFC 8417, section 2.2, and `authorization_details` of RFC 9396, section 2.
#[derive(Serialize)]
struct TransactionClaims<'a> {
    txn: &'a str,
    transaction_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_shown: Option<&'static str>,
    authorization_details: [&'a Transaction; 1],
}

impl<'a> TransactionClaims<'a> {
    fn of(Confirmation { transaction, hash, shown }: &'a Confirmation) -> Self {
        Self {
            txn: transaction.id(),
            transaction_hash: BASE64URL_NOPAD.encode(&hash.0),
            transaction_shown: shown.map(Shown::name),
            authorization_details: [transaction],
        }
    }
}

/// A single audience is a text, several are a list (RFC 7519, section 4.1.3).
#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Several(&'a [String]),
}

impl Service {
    /// Runs a use case whose answer may earn a receipt. The receipt is signed after the commit, so none states what was not
    /// committed. A request in a hosted session earns none: its result is redeemed by the back end, and a receipt beside
    /// it would state the same check twice.
    ///
    /// # Errors
    /// As [`Service::run`] and [`Service::signer`].
    pub(super) async fn run_for_receipt<U>(&self, caller: &Caller, use_case: &U) -> Result<U::Reply, Error>
    where
        U: UseCase,
        U::Reply: Stated,
    {
        if caller.in_session.is_some() {
            return self.run(caller, use_case).await;
        }
        let Some(signer) = self.signer(&caller.keyring).await? else { return self.run(caller, use_case).await };
        // Drawn before the commit: nothing that can fail comes after it but the signature itself.
        let jti = random::bytes(self.randomness())?;
        let mut reply = self.run(caller, use_case).await?;
        if let Some(statement) = reply.statement() {
            reply.set_receipt(self.sign(&signer, caller, &statement, reply.jti().unwrap_or(jti))?);
        }
        Ok(reply)
    }

    /// The signer of receipts; `None` if the operator has no receipts. It is fetched before a check, so that nothing is
    /// spent by a check whose receipt can't be signed.
    ///
    /// # Errors
    /// [`Error::Busy`] if the keys can't be reached.
    pub(super) async fn signer(&self, keyring: &Keyring) -> Result<Option<Arc<Signer>>, Error> {
        let Some(settings) = &self.settings.receipts else { return Ok(None) };
        let mut held = self.signer.lock().await;
        let now = self.clock.now();
        // Keys that are held longer may be retired and no longer published.
        let usable = held.signer.clone().filter(|signer| now.is_within(PUBLISHED_BEFORE_SECONDS, signer.read_at));
        let was_just_tried = now.is_within(RETRY_SECONDS, held.tried_at);
        if let Some(signer) = &usable
            && (was_just_tried || now.is_within(REREAD_SECONDS, signer.read_at))
        {
            return Ok(usable);
        }
        match (self.read_signer(keyring, settings.rotation, now).await, usable) {
            (Ok(signer), _) => Ok(Some(Arc::clone(held.signer.insert(Arc::new(signer))))),
            (Err(error), Some(signer)) => {
                tracing::warn!(error.code = error.code(), "the keys of receipts can't be read again");
                held.tried_at = now;
                Ok(Some(signer))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Signs what a request has committed.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no key or the signature fails.
    fn sign(&self, signer: &Signer, caller: &Caller, statement: &Statement, jti: [u8; 16]) -> Result<Receipt, Error> {
        const NO_KEY: Error = Error::Internal("there is no key for receipts");
        let Some(settings) = &self.settings.receipts else { return Err(NO_KEY) };
        let check = &statement.check;
        let sid = match caller.actor {
            Actor::Session(session) => Some(BASE64URL_NOPAD.encode(&session.0)),
            Actor::BackEnd => None,
        };
        let claims = Claims {
            iss: &settings.issuer,
            aud: match settings.audiences.as_slice() {
                [one] => Audience::One(one),
                several => Audience::Several(several),
            },
            sub: caller.user.as_str(),
            iat: statement.issued_at.unix(),
            exp: statement.issued_at.plus(RECEIPT_SECONDS).unix(),
            jti: BASE64URL_NOPAD.encode(&jti),
            auth_time: check.at.unix(),
            amr: statement.amr(),
            acr: check.level.acr(),
            scope: statement.scope(),
            factor_id: check.factor_id(),
            bound_at: check.bound_at.map(Timestamp::unix),
            backup_eligible: check.passkey.map(|passkey| passkey.backup_eligible),
            client_id: caller.client_id.as_deref(),
            sid,
            transaction: statement.transaction.as_ref().map(TransactionClaims::of),
        };
        signer.active(statement.issued_at).ok_or(NO_KEY)?.sign("receipt+jwt", &claims).map(Receipt)
    }

    /// The public keys of receipts for anyone who asks. Keys that were read within a minute are not read again, so
    /// that a flood of requests does not reach the store. While the store does not answer, it is the keys read last.
    ///
    /// # Errors
    /// [`Error::Busy`] if the store does not answer and no key was read before.
    pub async fn keys_for_anyone(&self) -> Result<PublishedKeys, Error> {
        let mut held = self.published.lock().await;
        let now = self.clock.now();
        match &*held {
            Some((read_at, keys)) if now.is_within(HELD_SECONDS, *read_at) => return Ok(keys.clone()),
            _ => {}
        }
        match (self.published_keys().await, &*held) {
            (Ok(keys), _) => {
                // The first key may be made at any moment.
                *held = (!keys.0.is_empty()).then(|| (now, keys.clone()));
                Ok(keys)
            }
            (Err(_), Some((_, keys))) => Ok(keys.clone()),
            (Err(error), None) => Err(error),
        }
    }

    /// The public keys of receipts. Empty until the first key is made.
    ///
    /// # Errors
    /// [`Error::Busy`] if the store does not answer.
    pub async fn published_keys(&self) -> Result<PublishedKeys, Error> {
        self.record(&published_keys_key()).await.map(|(keys, _)| keys)
    }

    /// Reads the keys, makes one that is due, and drops those that are no longer needed.
    async fn read_signer(&self, keyring: &Keyring, rotation: Rotation, now: Timestamp) -> Result<Signer, Error> {
        let (signing, published) = (signing_keys_key(), published_keys_key());
        for _ in 0..ROUNDS {
            let ((stored, replaces), (known, replaces_known)) =
                futures_util::future::try_join(self.record(&signing), self.record::<PublishedKeys>(&published)).await?;
            let (mut keys, mut opened): (SigningKeys, _) = self.open(keyring, &stored)?;
            if let Some(signs_from) = keys.due(now, rotation) {
                let key = RsaKey::generate()?;
                let private =
                    keyring.seal_about(&["receipt-key", &key.public().kid], &key.pkcs8()?, self.randomness())?;
                let public = key.public().clone();
                keys.add(SigningKey { public, private, generation: rotation.generation, signs_from }, now, rotation);
                opened.push(key);
            } else {
                keys.drop_unneeded(now, rotation);
            }
            if keys == stored && keys.published() == known {
                return Ok(Signer { keys, opened, read_at: now });
            }
            // Always both: the two reads may be of different moments, and a commit over both items finds that out.
            let puts = vec![put(&signing, replaces, &keys), put(&published, replaces_known, &keys.published())];
            if self.commit(puts).await?.is_some() {
                return Ok(Signer { keys, opened, read_at: now });
            }
        }
        Err(Error::Busy)
    }

    /// Opens the private keys, and seals those anew that an older master key sealed. A key that can't be opened is left
    /// out, so that another one takes its place.
    fn open(&self, keyring: &Keyring, stored: &SigningKeys) -> Result<(SigningKeys, Vec<RsaKey>), Error> {
        let (mut keys, mut opened) = (SigningKeys::default(), Vec::new());
        for key in &stored.0 {
            let kid = &key.public.kid;
            let der = match keyring.open_about(&["receipt-key", kid], &key.private) {
                Err(Error::Busy) => return Err(Error::Busy),
                Err(_) => {
                    tracing::error!(receipt.kid = kid.as_str(), "a key of receipts can't be opened");
                    continue;
                }
                Ok(der) => der,
            };
            opened.push(RsaKey::from_pkcs8(&der)?);
            let mut key = key.clone();
            if key.private.version != keyring.current() {
                key.private = keyring.seal_about(&["receipt-key", kid], &der, self.randomness())?;
            }
            keys.0.push(key);
        }
        Ok((keys, opened))
    }

    /// Reads a record, with the precondition of its replacement. A damaged one is read as empty, so that a new key takes
    /// its place: otherwise one damaged item would refuse every check.
    ///
    /// # Errors
    /// [`Error::Internal`] for a record of a later release, which must not be replaced.
    async fn record<R: Record>(&self, key: &Key) -> Result<(R, Replaces), Error> {
        let Some(stored) = self.get(key).await? else { return Ok((R::default(), Replaces::Nothing)) };
        let record = match R::read(&stored.item) {
            Ok(record) => record,
            Err(error) => {
                tracing::error!(item.kind = ?key, item.attribute = error.0, "an item can't be read");
                if error.0 == "schema" {
                    return Err(Error::Internal("an item can't be read"));
                }
                R::default()
            }
        };
        Ok((record, Replaces::Version(stored.version)))
    }
}

fn put<R: Record>(key: &Key, replaces: Replaces, record: &R) -> Put {
    Put { key: key.clone(), replaces, item: record.write(), ttl: None }
}
