//! Names of things: users, factors, sessions, labels. Each has one constructor, which checks it.

use std::fmt;

use data_encoding::{BASE32_NOPAD, Encoding};

use super::error::Error;
use super::random::{self, Randomness};

/// A user, as the identity provider names them: `[A-Za-z0-9._~:@|+=-]{1,128}`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// Reads a user id.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is empty, longer than 128 characters, or has others than the allowed ones.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:@|+=-".contains(&byte);
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::field("userId", "must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ | + = -"))
        }
    }

    /// The id as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user id may be an address, so it is not printed.
impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// A factor's id: 80 random bits in 16 lower-case Base32 characters. Fixed when the enrolment begins, because the
/// sealed secret is bound to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorId(String);

impl FactorId {
    /// A new id.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self(BASE32_NOPAD.encode(&random::bytes::<10>(randomness)?).to_ascii_lowercase()))
    }

    /// An id from outside or from the store: 16 characters, letters and digits. Anything else names no factor.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plausible = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        plausible.then(|| Self(text.to_owned()))
    }

    /// The id as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A label that a person gave a factor: 1 to 64 characters, no control characters, trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// Reads a label.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty, long or unprintable one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::field("label", "must be 1 to 64 printable characters"))
        }
    }

    /// The label as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A session of a user: a truncated digest of who issued it, for which client, and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session(pub [u8; 16]);

/// A number that every change of an account's factors raises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(pub u32);

/// Encodes and decodes tokens: URL-safe Base64 without padding.
pub(super) const TOKEN_ENCODING: Encoding = data_encoding::BASE64URL_NOPAD;
