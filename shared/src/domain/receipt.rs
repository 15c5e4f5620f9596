//! Receipts: short-lived signed JWTs (RFC 7519) that state who passed a check, with what, and when.
//!
//! A receipt claims what was seen and no more. The same fact stands in three claims, because verifiers differ in what
//! they can ask for: `amr` is a list, `acr` one word, `scope` words of which API Gateway asks for one.

use super::factor::FactorType;
use super::time::Timestamp;

/// The life of a receipt, in seconds.
pub const RECEIPT_SECONDS: u64 = 300;

/// How a check was passed, in the vocabularies of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Authentication method references (RFC 8176, section 2). Without `mfa`: the first factor is not known here.
    pub amr: &'static [&'static str],
    /// The authentication context class reference (OpenID Connect Core 1.0, section 2).
    pub acr: &'static str,
    /// Scopes (RFC 6749, section 3.3), separated by spaces.
    pub scope: &'static str,
}

impl Level {
    /// A check passed with a factor of this type. E-mail is no second factor (NIST SP 800-63B-4, section 3.1.3.1), so
    /// its scope does not contain `second_factor`.
    #[must_use]
    pub const fn of(factor_type: FactorType) -> Self {
        match factor_type {
            FactorType::Totp => Self { amr: &["otp"], acr: "otp", scope: "second_factor otp" },
            FactorType::Sms => Self { amr: &["sms"], acr: "sms", scope: "second_factor sms" },
            FactorType::Email => Self { amr: &["otp"], acr: "email", scope: "email" },
        }
    }

    /// A check passed with a recovery code.
    pub const RECOVERY: Self = Self { amr: &["otp"], acr: "recovery", scope: "second_factor recovery" };

    /// A factor that was just enrolled. It is no check: a thief with the password who enrols first gets this receipt.
    pub const ENROLLED: Self = Self { amr: &[], acr: "enrolled", scope: "enrolled" };
}

/// The content of a receipt about its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The level of the check.
    pub level: Level,
    /// The id of the factor, or [`RECOVERY_CODE`].
    pub factor_id: String,
    /// The time when the factor was enrolled, or the set of recovery codes was issued. `None` for a set of an earlier
    /// release.
    pub bound_at: Option<Timestamp>,
    /// The time of the check.
    pub at: Timestamp,
}

/// The id that stands for a recovery code in place of a factor's. A factor's id has 16 characters.
pub const RECOVERY_CODE: &str = "recovery";
