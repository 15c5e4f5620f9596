//! Factors that are enrolled, and candidates on their way in.

use super::error::{CodeKind, Error};
use super::ids::{FactorId, Label};
use super::limits::Attempts;
use super::policy::Policy;
use super::possession::Possession;
use super::secret::{Digest, Sealed};
use super::time::Timestamp;
use super::totp::{Parameters, Step};

/// What a factor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorType {
    /// An authenticator app.
    Totp,
    /// A phone number.
    Sms,
    /// An e-mail address.
    Email,
}

impl FactorType {
    /// Every type there is.
    pub const ALL: [Self; 3] = [Self::Totp, Self::Sms, Self::Email];

    /// The word on the wire and in items.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }

    /// The type of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor_type| factor_type.word() == word)
    }

    /// The label of a factor that was given none.
    #[must_use]
    pub const fn default_label(self) -> &'static str {
        match self {
            Self::Totp => "Authenticator app",
            Self::Sms => "SMS",
            Self::Email => "E-mail",
        }
    }

    /// Authentication method references of a check passed with it (RFC 8176 section 2).
    #[must_use]
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Totp | Self::Email => &["otp", "mfa"],
            Self::Sms => &["sms", "mfa"],
        }
    }
}

/// A factor that waits for its first code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The id it will have.
    pub id: FactorId,
    /// The label it will have.
    pub label: Label,
    /// What its code is checked against.
    pub credential: Credential,
}

/// What a candidate's code is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The app's secret.
    Totp {
        /// Sealed for this user and factor.
        secret: Sealed,
        /// How codes are made.
        parameters: Parameters,
    },
    /// A code sent to a number or an address.
    Sent {
        /// By which way.
        channel: Channel,
        /// Where to, sealed for this user and factor.
        destination: Sealed,
        /// The digest of the code.
        passcode: Digest,
    },
}

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A text message to a phone number.
    Sms,
    /// An e-mail.
    Email,
}

impl From<Channel> for FactorType {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Sms => Self::Sms,
            Channel::Email => Self::Email,
        }
    }
}

impl Candidate {
    /// Its type.
    #[must_use]
    pub fn factor_type(&self) -> FactorType {
        match &self.credential {
            Credential::Totp { .. } => FactorType::Totp,
            Credential::Sent { channel, .. } => (*channel).into(),
        }
    }
}

/// How an enrolled factor is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// By an authenticator app's code.
    Totp {
        /// Sealed for this user and factor.
        secret: Sealed,
        /// How codes are made.
        parameters: Parameters,
        /// The latest step whose code was used.
        used: Step,
    },
    /// By a code sent to a number or an address.
    Sent {
        /// By which way.
        channel: Channel,
        /// Where to, sealed for this user and factor.
        destination: Sealed,
    },
}

/// An enrolled factor. Made from a [`Candidate`] and a [`Possession`], or read back from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    id: FactorId,
    label: Label,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    attempts: Attempts,
    method: Method,
}

impl Factor {
    /// The factor that a candidate becomes once its code was right.
    pub(super) fn bound(candidate: Candidate, possession: &Possession, now: Timestamp) -> Result<Self, Error> {
        let Candidate { id, label, credential } = candidate;
        let method = match (credential, possession.step()) {
            (Credential::Totp { secret, parameters }, Some(used)) => Method::Totp { secret, parameters, used },
            (Credential::Sent { channel, destination, .. }, None) => Method::Sent { channel, destination },
            _ => return Err(Error::Internal("the possession of one factor would have made another")),
        };
        Ok(Self { id, label, created_at: now, last_used_at: None, attempts: Attempts::default(), method })
    }

    /// A factor as the store has it.
    pub(crate) fn recorded(
        id: FactorId,
        label: Label,
        created_at: Timestamp,
        last_used_at: Option<Timestamp>,
        attempts: Attempts,
        method: Method,
    ) -> Self {
        Self { id, label, created_at, last_used_at, attempts, method }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &FactorId {
        &self.id
    }

    /// Its label.
    #[must_use]
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// When it was enrolled.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When a check was last passed with it.
    #[must_use]
    pub fn last_used_at(&self) -> Option<Timestamp> {
        self.last_used_at
    }

    /// Wrong codes in a row.
    #[must_use]
    pub fn attempts(&self) -> Attempts {
        self.attempts
    }

    /// How it is checked.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its type.
    #[must_use]
    pub fn factor_type(&self) -> FactorType {
        match &self.method {
            Method::Totp { .. } => FactorType::Totp,
            Method::Sent { channel, .. } => (*channel).into(),
        }
    }

    /// Its secret or destination, as it is stored.
    #[must_use]
    pub fn sealed(&self) -> &Sealed {
        match &self.method {
            Method::Totp { secret, .. } => secret,
            Method::Sent { destination, .. } => destination,
        }
    }

    /// The same secret or destination, sealed under a newer key.
    pub fn reseal(&mut self, sealed: Sealed) {
        match &mut self.method {
            Method::Totp { secret, .. } => *secret = sealed,
            Method::Sent { destination, .. } => *destination = sealed,
        }
    }

    /// Gives it another label.
    pub fn rename(&mut self, label: Label) {
        self.label = label;
    }

    /// Whether a code for it may be looked at now.
    ///
    /// # Errors
    /// As [`Attempts::admit`].
    pub fn admit(&self, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        self.attempts.admit(CodeKind::from(self.factor_type()), now, policy)
    }

    /// A check was passed: failures are forgotten, and the step can't be used again.
    pub fn passed(&mut self, possession: &Possession, now: Timestamp) {
        self.attempts = Attempts::default();
        self.last_used_at = Some(now);
        if let (Method::Totp { used, .. }, Some(step)) = (&mut self.method, possession.step()) {
            *used = step.max(*used);
        }
    }

    /// A check was failed.
    pub fn failed(&mut self, now: Timestamp) {
        self.attempts = self.attempts.and_wrong(now);
    }
}

/// A factor as its owner may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorSummary {
    /// Its id.
    pub id: FactorId,
    /// Its type.
    pub factor_type: FactorType,
    /// Its label.
    pub label: Label,
    /// Where codes are sent to, most of it hidden; an app has none.
    pub destination: Option<MaskedDestination>,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When a check was last passed with it.
    pub last_used_at: Option<Timestamp>,
}

/// A destination with most of it hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskedDestination {
    /// A phone number.
    Phone {
        /// As `+86`.
        country_code: String,
        /// The number within the country, masked.
        national: String,
    },
    /// An e-mail address, masked.
    Email(String),
}

impl std::fmt::Display for MaskedDestination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Phone { country_code, national } => write!(f, "{country_code} {national}"),
            Self::Email(address) => f.write_str(address),
        }
    }
}
