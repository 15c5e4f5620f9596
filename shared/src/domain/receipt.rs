//! Receipts: short-lived signed JWTs (RFC 7519) that state who passed a check, with what, and when.
//!
//! A receipt claims what was seen and no more. The same fact stands in three claims, because verifiers differ in what
//! they can ask for: `amr` is a list, `acr` one word, `scope` words of which API Gateway asks for one.

use super::factor::passkey::Asserted;
use super::factor::{Factor, FactorType, Method};
use super::ids::FactorId;
use super::time::Timestamp;
use super::transaction::Confirmation;

/// The life of a receipt, in seconds.
pub const RECEIPT_SECONDS: u64 = 300;

/// The level of a check: what it was passed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// A code of an authenticator app.
    App,
    /// A code sent by SMS.
    Sms,
    /// A code sent by e-mail.
    Email,
    /// A recovery code.
    Recovery,
    /// A passkey, which resists phishing.
    Passkey,
    /// A photo of a face. It is no check: it adds to one that another factor has passed.
    Face,
    /// Nothing: a factor was just enrolled. It is no check: a thief with the password who enrols first gets this level.
    Enrolled,
}

impl Level {
    /// The levels that a check can have, in the order of the documents.
    pub const OF_CHECKS: [Self; 5] = [Self::Passkey, Self::App, Self::Sms, Self::Email, Self::Recovery];

    /// The level of a check with a factor of this type.
    #[must_use]
    pub const fn of(factor_type: FactorType) -> Self {
        match factor_type {
            FactorType::Totp => Self::App,
            FactorType::Sms => Self::Sms,
            FactorType::Email => Self::Email,
            FactorType::Passkey => Self::Passkey,
            FactorType::Face => Self::Face,
        }
    }

    /// Whether a check of this level is one with a second factor. E-mail is none (NIST SP 800-63B-4, section
    /// 3.1.3.1), and enrolling is no check.
    #[must_use]
    pub const fn is_second_factor(self) -> bool {
        match self {
            Self::Passkey | Self::App | Self::Sms | Self::Recovery => true,
            Self::Email | Self::Face | Self::Enrolled => false,
        }
    }

    /// Whether a check of this level changes no account that has a second factor. An enrolment is not weak: its session
    /// has bound every factor of the account.
    #[must_use]
    pub const fn is_weak(self) -> bool {
        match self {
            Self::Email | Self::Face => true,
            Self::Passkey | Self::App | Self::Sms | Self::Recovery | Self::Enrolled => false,
        }
    }

    /// Authentication method references (RFC 8176, section 2).
    #[must_use]
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::App | Self::Email | Self::Recovery => &["otp"],
            Self::Sms => &["sms"],
            Self::Passkey => &["pop", "user"],
            Self::Face => &["face"],
            Self::Enrolled => &[],
        }
    }

    /// The authentication context class reference (OpenID Connect Core 1.0, section 2). `phr` is OpenID's word for
    /// resistance to phishing (EAP ACR Values 1.0). `phrh` would claim hardware, which needs attestation.
    #[must_use]
    pub const fn acr(self) -> &'static str {
        match self {
            Self::App => "otp",
            Self::Sms => "sms",
            Self::Email => "email",
            Self::Recovery => "recovery",
            Self::Passkey => "phr",
            Self::Face => "face",
            Self::Enrolled => "enrolled",
        }
    }

    /// The level of a check with this `acr`.
    #[must_use]
    pub fn from_acr(acr: &str) -> Option<Self> {
        Self::OF_CHECKS.into_iter().find(|level| level.acr() == acr)
    }

    /// Scopes (RFC 6749, section 3.3), separated by spaces.
    #[must_use]
    pub const fn scope(self) -> &'static str {
        match self {
            Self::App => "second_factor otp",
            Self::Sms => "second_factor sms",
            Self::Email => "email",
            Self::Recovery => "second_factor recovery",
            Self::Passkey => "second_factor phr",
            Self::Face => "face",
            Self::Enrolled => "enrolled",
        }
    }
}

/// A check that was passed, or an enrolment: what a grant keeps and a receipt states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedCheck {
    /// What it was passed with.
    pub level: Level,
    /// The factor; `None` for a recovery code.
    pub factor: Option<FactorId>,
    /// The time when the factor was enrolled, or the set of recovery codes was issued. `None` for a set of an earlier
    /// release.
    pub bound_at: Option<Timestamp>,
    /// The time of the check.
    pub at: Timestamp,
    /// The passkey's own statements, if it was passed with one.
    pub passkey: Option<PasskeyUse>,
}

/// The statements of a passkey in an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasskeyUse {
    /// Whether the authenticator verified its user, by a PIN or a biometric.
    pub user_verified: bool,
    /// Whether the passkey may be copied to other devices of its owner.
    pub backup_eligible: bool,
}

impl PassedCheck {
    /// A check that this factor passed.
    #[must_use]
    pub fn with(factor: &Factor, at: Timestamp) -> Self {
        let level = Level::of(factor.factor_type());
        Self { level, factor: Some(factor.id().clone()), bound_at: Some(factor.created_at()), at, passkey: None }
    }

    /// A check that this passkey passed with an assertion.
    #[must_use]
    pub fn with_passkey(factor: &Factor, asserted: Asserted, at: Timestamp) -> Self {
        let backup_eligible = match factor.method() {
            Method::Passkey(method) => method.credential.backup_eligible,
            Method::Totp(_) | Method::Passcode(_) | Method::Face(_) => false,
        };
        let passkey = Some(PasskeyUse { user_verified: asserted.user_verified, backup_eligible });
        Self { passkey, ..Self::with(factor, at) }
    }

    /// The enrolment of a factor.
    #[must_use]
    pub const fn enrolled(factor: FactorId, at: Timestamp) -> Self {
        Self { level: Level::Enrolled, factor: Some(factor), bound_at: Some(at), at, passkey: None }
    }

    /// The factor's id, or the word that stands for a recovery code. A factor's id has 16 characters.
    #[must_use]
    pub fn factor_id(&self) -> &str {
        self.factor.as_ref().map_or("recovery", FactorId::as_str)
    }
}

/// The first factor of a sign-in, as the back end states it. Countersign does not see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstFactor(Vec<&'static str>);

impl FirstFactor {
    /// Its authentication method references.
    #[must_use]
    pub fn amr(&self) -> &[&'static str] {
        &self.0
    }

    /// The rule for its values, worded as the end of a sentence.
    pub const RULE: &str =
        "must be values of RFC 8176, section 2, with one of face, fpt, iris, kba, pin, pwd, retina, vbm among them";

    /// Methods by what the person knows or is. Every factor here is a thing that the person has, so the two differ in kind.
    const KNOWN_OR_INHERENT: [&str; 8] = ["face", "fpt", "iris", "kba", "pin", "pwd", "retina", "vbm"];

    /// The other registered values, but for `mfa`, which is a conclusion.
    const OTHERS: [&str; 12] = ["geo", "hwk", "mca", "otp", "pop", "rba", "sc", "sms", "swk", "tel", "user", "wia"];

    /// The first factor with these authentication method references. `None` for values that break
    /// [`FirstFactor::RULE`].
    #[must_use]
    pub fn parse(amr: &[&str]) -> Option<Self> {
        let registered = || Self::KNOWN_OR_INHERENT.into_iter().chain(Self::OTHERS);
        let are_registered = amr.iter().all(|given| registered().any(|known| known == *given));
        let is_of_another_kind = amr.iter().any(|given| Self::KNOWN_OR_INHERENT.contains(given));
        let amr = registered().filter(|known| amr.contains(known)).collect();
        (are_registered && is_of_another_kind).then_some(Self(amr))
    }
}

/// The content of a receipt about its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The check, or the enrolment.
    pub check: PassedCheck,
    /// The first factor, if the back end stated it.
    pub first_factor: Option<FirstFactor>,
    /// The transaction that the check confirmed.
    pub transaction: Option<Confirmation>,
    /// Whether a photo of the person's face was found similar after the check, in the same session.
    pub with_face: bool,
    /// The time of issue.
    pub issued_at: Timestamp,
}

impl Statement {
    /// The statement of a check without anything else.
    #[must_use]
    pub const fn of(check: PassedCheck, issued_at: Timestamp) -> Self {
        Self { check, first_factor: None, transaction: None, with_face: false, issued_at }
    }

    /// Scopes (RFC 6749, section 3.3), separated by spaces. A receipt of a transaction must open nothing else, so its
    /// scope is none that a route could ask for as proof of a second factor. A confirmation by e-mail has a scope of its
    /// own, because a mailbox is no second factor.
    #[must_use]
    pub fn scope(&self) -> String {
        let of_check = match self.transaction {
            Some(_) if self.check.level.is_second_factor() => "transaction",
            Some(_) => "email_transaction",
            None if self.is_user_verified() => "second_factor phr uv",
            None => self.check.level.scope(),
        };
        if self.with_face { format!("{of_check} {}", Level::Face.scope()) } else { of_check.to_owned() }
    }

    /// Whether a passkey verified its user. This is a second factor by itself: something that the person knows or is.
    const fn is_user_verified(&self) -> bool {
        matches!(self.check.passkey, Some(PasskeyUse { user_verified: true, .. }))
    }

    /// Authentication method references (RFC 8176, section 2). They contain the first factor only if the back end stated it
    /// and the check was with a second one. They contain `mfa` in the same case, and if a passkey verified its user.
    #[must_use]
    pub fn amr(&self) -> Vec<&'static str> {
        let face = if self.with_face { Level::Face.amr() } else { &[] };
        let own = [self.check.level.amr(), face].concat();
        match &self.first_factor {
            Some(FirstFactor(first)) if self.check.level.is_second_factor() => {
                let further = own.iter().copied().filter(|method| !first.contains(method));
                first.iter().copied().chain(further).chain(["mfa"]).collect()
            }
            Some(_) | None if self.is_user_verified() => own.into_iter().chain(["mfa"]).collect(),
            Some(_) | None => own,
        }
    }
}
