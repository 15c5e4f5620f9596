//! The sealed part of a session, and its token.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::actor::Actor;
use crate::domain::contact::{Channel, Destination};
use crate::domain::error::Error;
use crate::domain::hosted::InSession;
use crate::domain::ids::{HostedId, Session, UserId};
use crate::domain::secret::{KeyVersion, Sealed};
use crate::domain::time::Timestamp;
use crate::domain::token::NonceDigest;
use crate::domain::transaction::Transaction;
use crate::domain::vault::Vault;
use crate::flows::{AccountName, Caller, Service};
use crate::keys::Keyring;
use data_encoding::BASE64URL_NOPAD;

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
    /// The contact of record. An earlier release knows none.
    #[serde(default)]
    pub contact: Option<BriefContact>,
}

/// A contact of record in a brief.
#[derive(Clone, Serialize, Deserialize)]
pub struct BriefContact {
    is_phone: bool,
    destination: String,
}

impl From<&Destination> for BriefContact {
    fn from(destination: &Destination) -> Self {
        Self { is_phone: destination.channel() == Channel::Sms, destination: destination.as_str().to_owned() }
    }
}

impl BriefContact {
    /// The destination.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is damaged.
    pub fn destination(&self) -> Result<Destination, Error> {
        let channel = if self.is_phone { Channel::Sms } else { Channel::Email };
        let restored = Destination::restore(channel, &self.destination);
        restored.ok_or(Error::Internal("the contact of a session is not one"))
    }
}

/// It is not printed.
impl std::fmt::Debug for Brief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Brief(…)")
    }
}

impl Brief {
    pub(super) fn seal(&self, id: &HostedId, vault: &dyn Vault) -> Result<Sealed, Error> {
        let plain = serde_json::to_vec(self).map(Zeroizing::new);
        vault.seal_for_session(id, &plain.map_err(|_| Error::Internal("a session can't be written"))?)
    }

    pub(super) fn open(id: &HostedId, sealed: &Sealed, vault: &dyn Vault) -> Result<Self, Error> {
        let plain = vault.open_for_session(id, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Error::Internal("a session can't be read"))
    }
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
    pub(super) fn encode(&self, expires_at: Timestamp, keyring: &Keyring, service: &Service) -> Result<String, Error> {
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
