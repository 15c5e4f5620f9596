//! Enrolled factors, and candidates that wait for their first proof. Each kind of factor has its own module. The enums
//! here are matched exhaustively, so that the compiler finds every place that a new kind needs.

use super::contact::{Destination, MaskedDestination};
use super::error::{CodeKind, Error};
use super::ids::{FactorId, Label};
use super::limits::Attempts;
use super::policy::Policy;
use super::possession::{Attempt, Evidence, Possession};
use super::secret::{Passcode, Sealed, TotpSecret};
use super::time::Timestamp;
use super::token::NonceDigest;
use super::vault::{Purpose, Vault};

pub mod face;
pub mod passcode;
pub mod passkey;
pub mod totp;

pub use super::contact::Channel;

/// The type of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorType {
    /// An authenticator app.
    Totp,
    /// A phone number.
    Sms,
    /// An e-mail address.
    Email,
    /// A passkey.
    Passkey,
    /// A face, which adds to a check with another factor and is never one itself.
    Face,
}

impl FactorType {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::Totp, Self::Sms, Self::Email, Self::Passkey, Self::Face];

    /// The name in tokens and items.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Passkey => "passkey",
            Self::Face => "face",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor_type| factor_type.name() == name)
    }

    /// The label of a factor for which the client gave none.
    #[must_use]
    pub const fn default_label(self) -> &'static str {
        match self {
            Self::Totp => "Authenticator app",
            Self::Sms => "SMS",
            Self::Email => "E-mail",
            Self::Passkey => "Passkey",
            Self::Face => "Face",
        }
    }

    /// The kind of challenge of this type.
    #[must_use]
    pub const fn challenge(self) -> ChallengeKind {
        match self {
            Self::Totp | Self::Face => ChallengeKind::None,
            Self::Sms => ChallengeKind::Passcode(Channel::Sms),
            Self::Email => ChallengeKind::Passcode(Channel::Email),
            Self::Passkey => ChallengeKind::Passkey,
        }
    }
}

/// The kind of challenge of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// The factor is not challenged: it makes its own codes, or it is a face.
    None,
    /// A passcode is sent by this channel.
    Passcode(Channel),
    /// The browser gets a challenge that any passkey of the user signs.
    Passkey,
}

impl From<Channel> for FactorType {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Sms => Self::Sms,
            Channel::Email => Self::Email,
        }
    }
}

/// A factor that waits for its first proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The id it will have.
    pub id: FactorId,
    /// The label it will have.
    pub label: Label,
    /// The data that its proof is checked against.
    pub setup: Setup,
}

/// The data that a candidate's proof is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    /// An authenticator app's secret.
    Totp(totp::Setup),
    /// A passcode that was sent.
    Passcode(passcode::Setup),
    /// The challenge of a passkey's registration.
    Passkey(passkey::Setup),
    /// A face's consent.
    Face(face::Setup),
}

/// A proof for a candidate.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// A code of digits.
    Digits(&'a Passcode),
    /// The registration of a passkey.
    Registration {
        /// The browser's answer.
        response: &'a passkey::RegistrationResponse,
        /// The relying party.
        relying_party: &'a passkey::RelyingParty,
        /// The demands of the options.
        demands: &'a passkey::Demands,
    },
    /// The judge's verdict on the photo of a face, and the least similarity.
    Face(face::Verdict, face::Similarity),
}

/// The opened secret or destination of a candidate. A decision opens it once and uses it several times.
pub enum Opened {
    /// An authenticator app's secret.
    Totp(TotpSecret),
    /// A number or an address.
    Passcode(Destination),
    /// A passkey, which has nothing to open.
    Passkey,
    /// A face, whose reference is a document of its own.
    Face,
}

impl Opened {
    /// The place that the candidate takes in an account.
    #[must_use]
    pub fn place<'a>(&'a self, label: &'a Label) -> Place<'a> {
        match self {
            Self::Totp(_) => Place::App(label),
            Self::Passcode(destination) => Place::Destination(destination),
            Self::Passkey => Place::Passkey,
            Self::Face => Place::Face,
        }
    }
}

/// The property that must be unique among the factors of an account.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// The label of an authenticator app.
    App(&'a Label),
    /// A number or an address.
    Destination(&'a Destination),
    /// A passkey. Its credential is known once it is registered.
    Passkey,
    /// A face. An account has one.
    Face,
}

impl Candidate {
    /// Its type.
    #[must_use]
    pub fn factor_type(&self) -> FactorType {
        match &self.setup {
            Setup::Totp(_) => FactorType::Totp,
            Setup::Passcode(setup) => setup.method.channel.into(),
            Setup::Passkey(_) => FactorType::Passkey,
            Setup::Face(_) => FactorType::Face,
        }
    }

    /// Opens its secret or destination.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open(&self, vault: &dyn Vault) -> Result<Opened, Error> {
        match &self.setup {
            Setup::Totp(setup) => setup.open(vault, &self.id).map(Opened::Totp),
            Setup::Passcode(setup) => setup.method.open(vault, &self.id).map(Opened::Passcode),
            Setup::Passkey(_) => Ok(Opened::Passkey),
            Setup::Face(_) => Ok(Opened::Face),
        }
    }

    /// Compares a proof with what the candidate expects. `shown` is the evidence of an earlier right code.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn attempt(
        &self,
        opened: &Opened,
        vault: &dyn Vault,
        nonce: NonceDigest,
        given: Proof<'_>,
        now: Timestamp,
        shown: Option<&Evidence>,
    ) -> Result<Attempt, Error> {
        match (&self.setup, opened, given) {
            (Setup::Totp(setup), Opened::Totp(secret), Proof::Digits(digits)) => {
                let used = match shown {
                    Some(Evidence::Totp(step)) => Some(*step),
                    Some(Evidence::Passcode | Evidence::Registered(_) | Evidence::Asserted(_) | Evidence::Face)
                    | None => None,
                };
                Ok(totp::check(secret, setup.parameters, digits, now, used))
            }
            (Setup::Passcode(setup), Opened::Passcode(_), Proof::Digits(digits)) => {
                passcode::compare(vault, &self.id, nonce, None, &setup.awaited, digits)
            }
            (Setup::Passkey(setup), Opened::Passkey, Proof::Registration { response, relying_party, demands }) => {
                Ok(setup.register(relying_party, demands, response))
            }
            // The client chooses the form of its proof.
            (Setup::Face(_), Opened::Face, Proof::Face(verdict, least)) => Ok(face::Setup::register(verdict, least)),
            (Setup::Totp(_) | Setup::Passcode(_), _, Proof::Registration { .. } | Proof::Face(..))
            | (Setup::Passkey(_), _, Proof::Digits(_) | Proof::Face(..))
            | (Setup::Face(_), _, Proof::Digits(_) | Proof::Registration { .. }) => Ok(Attempt::Wrong),
            (Setup::Totp(_), Opened::Passcode(_) | Opened::Passkey | Opened::Face, _)
            | (Setup::Passcode(_), Opened::Totp(_) | Opened::Passkey | Opened::Face, _)
            | (Setup::Passkey(_), Opened::Totp(_) | Opened::Passcode(_) | Opened::Face, _)
            | (Setup::Face(_), Opened::Totp(_) | Opened::Passcode(_) | Opened::Passkey, _) => Err(OTHER_KIND),
        }
    }
}

const OTHER_KIND: Error = Error::Internal("the evidence of one kind of factor met another kind");

/// The data that an enrolled factor is checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// An authenticator app: its secret, and the last time step that was used.
    Totp(totp::Method),
    /// A passcode that is sent: its channel and destination.
    Passcode(passcode::Method),
    /// A passkey: its credential.
    Passkey(passkey::Method),
    /// A face: its consent.
    Face(face::Method),
}

impl Method {
    /// The sealed secret or destination, and the purpose of the seal. A passkey has none: its public key is no secret. The
    /// reference of a face is in a document of its own.
    fn sealed(&mut self) -> Option<(Purpose, &mut Sealed)> {
        match self {
            Self::Totp(method) => Some((Purpose::TotpSecret, &mut method.setup.secret)),
            Self::Passcode(method) => Some((Purpose::Destination, &mut method.destination)),
            Self::Passkey(_) | Self::Face(_) => None,
        }
    }
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
    /// The factor that a candidate becomes once its proof was right.
    pub(super) fn bound(candidate: Candidate, possession: &Possession, now: Timestamp) -> Result<Self, Error> {
        let Candidate { id, label, setup } = candidate;
        let method = match (setup, possession.evidence()) {
            (Setup::Totp(setup), Evidence::Totp(used)) => Method::Totp(totp::Method { setup, used: *used }),
            (Setup::Passcode(setup), Evidence::Passcode) => Method::Passcode(setup.method),
            (Setup::Passkey(_), Evidence::Registered(registered)) => Method::Passkey(passkey::Method::new(registered)),
            (Setup::Face(setup), Evidence::Face) => Method::Face(face::Method { consent: setup.consent }),
            (Setup::Totp(_) | Setup::Passcode(_) | Setup::Passkey(_) | Setup::Face(_), _) => return Err(OTHER_KIND),
        };
        Ok(Self { id, label, created_at: now, last_used_at: None, attempts: Attempts::default(), method })
    }

    /// A factor from the store.
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

    /// The data that it is checked with.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its type.
    #[must_use]
    pub fn factor_type(&self) -> FactorType {
        match &self.method {
            Method::Totp(_) => FactorType::Totp,
            Method::Passcode(method) => method.channel.into(),
            Method::Passkey(_) => FactorType::Passkey,
            Method::Face(_) => FactorType::Face,
        }
    }

    /// Whether a code is sent for it.
    #[must_use]
    pub fn is_challengeable(&self) -> bool {
        matches!(self.factor_type().challenge(), ChallengeKind::Passcode(_))
    }

    /// Opens its secret or destination. `None`: it is unreadable, because its bytes are damaged or its key version is not
    /// configured.
    ///
    /// # Errors
    /// [`Error::Busy`] while the key version can't be used. That says nothing of the factor.
    pub fn open(&self, vault: &dyn Vault) -> Result<Option<Opened>, Error> {
        let opened = match &self.method {
            Method::Totp(method) => method.setup.open(vault, &self.id).map(Opened::Totp),
            Method::Passcode(method) => method.open(vault, &self.id).map(Opened::Passcode),
            Method::Passkey(_) => Ok(Opened::Passkey),
            Method::Face(_) => Ok(Opened::Face),
        };
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(Error::Internal(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The summary of the factor, for its owner. An unreadable factor has one too.
    ///
    /// # Errors
    /// As [`Factor::open`].
    pub fn summary(&self, vault: &dyn Vault) -> Result<FactorSummary, Error> {
        Ok(match self.open(vault)? {
            Some(opened) => self.summary_of(&opened),
            None => FactorSummary { is_readable: false, ..self.summary_to(None) },
        })
    }

    /// The summary of a factor that a candidate has just become. `opened` is the candidate's opened secret or
    /// destination.
    #[must_use]
    pub fn summary_of(&self, opened: &Opened) -> FactorSummary {
        match opened {
            Opened::Totp(_) | Opened::Passkey | Opened::Face => self.summary_to(None),
            Opened::Passcode(destination) => self.summary_to(Some(destination)),
        }
    }

    fn summary_to(&self, destination: Option<&Destination>) -> FactorSummary {
        FactorSummary {
            id: self.id.clone(),
            factor_type: self.factor_type(),
            label: self.label.clone(),
            destination: destination.map(Destination::masked),
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            is_readable: true,
        }
    }

    /// Gives it another label.
    pub(super) fn rename(&mut self, label: Label) {
        self.label = label;
    }

    /// Checks that a code for it may be compared now.
    ///
    /// # Errors
    /// As [`Attempts::admit`].
    pub fn admit(&self, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        match &self.method {
            Method::Face(_) if self.attempts.wrong >= face::TRIES => Err(Error::FactorLocked),
            Method::Face(_) => Ok(()),
            Method::Totp(_) | Method::Passcode(_) | Method::Passkey(_) => {
                self.attempts.admit(CodeKind::from(self.factor_type()), now, policy)
            }
        }
    }

    /// Records a passed check. The count of wrong codes returns to 0, an app's step can't be used again, and a secret
    /// or destination that an older key sealed is sealed again under the current key.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn passed(&mut self, possession: &Possession, vault: &dyn Vault, now: Timestamp) -> Result<(), Error> {
        self.attempts = Attempts::default();
        self.last_used_at = Some(now);
        match (&mut self.method, possession.evidence()) {
            (Method::Totp(method), Evidence::Totp(step)) => method.used = (*step).max(method.used),
            (Method::Passcode(_), Evidence::Passcode) | (Method::Face(_), Evidence::Face) => {}
            (Method::Passkey(method), Evidence::Asserted(asserted)) => method.used(*asserted),
            (Method::Totp(_) | Method::Passcode(_) | Method::Passkey(_) | Method::Face(_), _) => {
                return Err(OTHER_KIND);
            }
        }
        if let Some((purpose, sealed)) = self.method.sealed()
            && sealed.version != vault.current()
        {
            let plain = vault.open(purpose, &self.id, sealed)?;
            *sealed = vault.seal(purpose, &self.id, &plain)?;
        }
        Ok(())
    }

    /// Records a failed check.
    pub fn failed(&mut self, now: Timestamp) {
        self.attempts = self.attempts.and_wrong(now);
    }

    /// Takes back a failed check that was counted before its proof was judged, and that was none.
    pub fn take_back(&mut self) {
        self.attempts = self.attempts.take_back();
    }

    /// As [`Attempts::rewind`]. The step that an app used stays as it is: a used code must not pass again.
    pub(super) fn rewind(&mut self, now: Timestamp) {
        self.attempts.rewind(now);
    }
}

/// The summary of a factor, for its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorSummary {
    /// Its id.
    pub id: FactorId,
    /// Its type.
    pub factor_type: FactorType,
    /// Its label.
    pub label: Label,
    /// The masked destination of its passcodes. `None` for any other kind.
    pub destination: Option<MaskedDestination>,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When a check was last passed with it.
    pub last_used_at: Option<Timestamp>,
    /// Whether its secret or destination can be opened. Without it the factor can only be renamed or removed.
    pub is_readable: bool,
}

/// The factors that a request without a factor id may mean: those that can be opened, so that an unreadable one is in
/// nobody's way. If none can be opened, it may mean any of them and fails when it opens one: it must never be told that
/// nothing is enrolled, because an application may let such a user in.
///
/// # Errors
/// As [`Factor::open`].
pub fn usable<'a>(factors: impl Iterator<Item = &'a Factor>, vault: &dyn Vault) -> Result<Vec<&'a Factor>, Error> {
    let factors: Vec<_> = factors.collect();
    if factors.len() < 2 {
        return Ok(factors);
    }
    let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
    for factor in factors {
        if factor.open(vault)?.is_some() { readable.push(factor) } else { unreadable.push(factor) }
    }
    Ok(if readable.is_empty() { unreadable } else { readable })
}
