//! Tokens and ids that a client holds for a while: what they are for is in them, typed by purpose and dialect, and a
//! nonce whose digest is stored.
//!
//! They are no secrets of their own weight: each works only for the user it was made for.

use aws_lc_rs::digest::{SHA256, digest};

use super::error::{Error, Subject};
use super::factor::FactorType;
use super::ids::{FactorId, TOKEN_ENCODING};
use super::random::{self, Randomness};
use subtle::ConstantTimeEq;

/// The wire format that made a token: one made in one dialect means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Countersign's own.
    Native,
    /// GenAuth (Authing v3).
    Genauth,
    /// Logto's Experience API.
    Logto,
    /// A profile page.
    Profile,
}

impl Dialect {
    /// One letter, in tokens and items.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Native => "n",
            Self::Genauth => "g",
            Self::Logto => "l",
            Self::Profile => "p",
        }
    }

    /// The dialect of a letter.
    #[must_use]
    pub fn from_letter(letter: &str) -> Option<Self> {
        [Self::Native, Self::Genauth, Self::Logto, Self::Profile].into_iter().find(|dialect| dialect.letter() == letter)
    }
}

/// The random part of a token, 128 bits.
#[derive(Clone, Copy)]
pub struct Nonce([u8; 16]);

/// What is stored of a nonce: SHA-256, truncated to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceDigest(pub [u8; 16]);

impl Nonce {
    fn random(randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self(random::bytes(randomness)?))
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> NonceDigest {
        let mut kept = [0; 16];
        for (to, from) in kept.iter_mut().zip(digest(&SHA256, &self.0).as_ref()) {
            *to = *from;
        }
        NonceDigest(kept)
    }

    fn encode(self) -> String {
        TOKEN_ENCODING.encode(&self.0)
    }

    fn decode(text: &str) -> Option<Self> {
        TOKEN_ENCODING.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl NonceDigest {
    /// Whether the nonce is the one that was stored, in constant time.
    #[must_use]
    pub fn is_of(&self, nonce: &Nonce) -> bool {
        self.0.ct_eq(&nonce.digest().0).into()
    }
}

/// The token of an enrolment: `e` dialect `.` type `.` nonce.
#[derive(Clone)]
pub struct EnrollmentToken {
    /// The dialect it was made in.
    pub dialect: Dialect,
    /// The type of factor on its way in.
    pub factor_type: FactorType,
    /// Its random part.
    pub nonce: Nonce,
}

impl EnrollmentToken {
    /// A new token.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(dialect: Dialect, factor_type: FactorType, randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self { dialect, factor_type, nonce: Nonce::random(randomness)? })
    }

    /// Reads a token that this dialect made.
    ///
    /// # Errors
    /// [`Error::NotFound`] for anything else: also for an id of another purpose or dialect.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, Error> {
        let unknown = Error::NotFound(Subject::Enrollment(FactorType::Totp));
        let (factor_type, nonce) = split(text, 'e', dialect).ok_or(unknown.clone())?;
        let factor_type = FactorType::from_word(factor_type).ok_or(unknown)?;
        let nonce = Nonce::decode(nonce).ok_or(Error::NotFound(Subject::Enrollment(factor_type)))?;
        Ok(Self { dialect, factor_type, nonce })
    }

    /// The token as the client holds it.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("e{}.{}.{}", self.dialect.letter(), self.factor_type.word(), self.nonce.encode())
    }
}

/// The id of a challenge: `c` dialect `.` factor `.` nonce.
#[derive(Clone)]
pub struct ChallengeId {
    /// The dialect it was made in.
    pub dialect: Dialect,
    /// The factor it challenges.
    pub factor: FactorId,
    /// Its random part.
    pub nonce: Nonce,
}

impl ChallengeId {
    /// A new id.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(dialect: Dialect, factor: FactorId, randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self { dialect, factor, nonce: Nonce::random(randomness)? })
    }

    /// Reads an id that this dialect made.
    ///
    /// # Errors
    /// [`Error::NotFound`] for anything else.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, Error> {
        split(text, 'c', dialect)
            .and_then(|(factor, nonce)| {
                Some(Self { dialect, factor: FactorId::parse(factor)?, nonce: Nonce::decode(nonce)? })
            })
            .ok_or(Error::NotFound(Subject::Challenge))
    }

    /// The id as the client holds it.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("c{}.{}.{}", self.dialect.letter(), self.factor.as_str(), self.nonce.encode())
    }
}

/// The id of a passed check, for dialects that want one: `v` dialect `.` nonce. Nothing is stored under it.
pub struct CheckId;

impl CheckId {
    /// A new id, as the client holds it.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(dialect: Dialect, randomness: &dyn Randomness) -> Result<String, Error> {
        Ok(format!("v{}..{}", dialect.letter(), Nonce::random(randomness)?.encode()))
    }

    /// Whether the text has the shape of such an id.
    #[must_use]
    pub fn is_one(text: &str, dialect: Dialect) -> bool {
        split(text, 'v', dialect).is_some_and(|(subject, nonce)| subject.is_empty() && Nonce::decode(nonce).is_some())
    }
}

/// Takes `purpose dialect . subject . nonce` apart.
fn split(text: &str, purpose: char, dialect: Dialect) -> Option<(&str, &str)> {
    text.strip_prefix(purpose)?.strip_prefix(dialect.letter())?.strip_prefix('.')?.split_once('.')
}
