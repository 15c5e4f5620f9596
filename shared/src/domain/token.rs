//! Tokens and ids that a client holds for a while: what they are for is in them, typed by purpose and realm, and a
//! nonce whose digest is stored.
//!
//! They are no secrets of their own weight: each works only for the user it was made for.

use aws_lc_rs::digest::{SHA256, digest};

use super::error::{Error, Subject};
use super::factor::FactorType;
use super::ids::{FactorId, TOKEN_ENCODING};
use super::random::{self, Randomness};
use subtle::ConstantTimeEq;

/// Where a token or an id counts: one letter, opaque to the rules. What was made in one realm means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realm(char);

impl Realm {
    /// The realm of a letter.
    #[must_use]
    pub const fn new(letter: char) -> Self {
        Self(letter)
    }

    /// Its letter, in tokens and items.
    #[must_use]
    pub const fn letter(self) -> char {
        self.0
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

/// The token of an enrolment: `e` realm `.` type `.` nonce.
#[derive(Clone)]
pub struct EnrollmentToken {
    /// The realm it was made in.
    pub realm: Realm,
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
    pub fn random(realm: Realm, factor_type: FactorType, randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self { realm, factor_type, nonce: Nonce::random(randomness)? })
    }

    /// Reads a token of this realm.
    ///
    /// # Errors
    /// [`Error::NotFound`] for anything else: also for an id of another purpose or realm.
    pub fn parse(text: &str, realm: Realm) -> Result<Self, Error> {
        let unknown = Error::NotFound(Subject::Enrollment(FactorType::Totp));
        let (factor_type, nonce) = split(text, 'e', realm).ok_or(unknown.clone())?;
        let factor_type = FactorType::from_name(factor_type).ok_or(unknown)?;
        let nonce = Nonce::decode(nonce).ok_or(Error::NotFound(Subject::Enrollment(factor_type)))?;
        Ok(Self { realm, factor_type, nonce })
    }

    /// The token as the client holds it.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("e{}.{}.{}", self.realm.letter(), self.factor_type.name(), self.nonce.encode())
    }
}

/// The id of a challenge: `c` realm `.` factor `.` nonce.
#[derive(Clone)]
pub struct ChallengeId {
    /// The realm it was made in.
    pub realm: Realm,
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
    pub fn random(realm: Realm, factor: FactorId, randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self { realm, factor, nonce: Nonce::random(randomness)? })
    }

    /// Reads an id of this realm.
    ///
    /// # Errors
    /// [`Error::NotFound`] for anything else.
    pub fn parse(text: &str, realm: Realm) -> Result<Self, Error> {
        split(text, 'c', realm)
            .and_then(|(factor, nonce)| {
                Some(Self { realm, factor: FactorId::parse(factor)?, nonce: Nonce::decode(nonce)? })
            })
            .ok_or(Error::NotFound(Subject::Challenge))
    }

    /// The id as the client holds it.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("c{}.{}.{}", self.realm.letter(), self.factor.as_str(), self.nonce.encode())
    }
}

/// The id of a passed check, for dialects that want one: `v` realm `.` nonce. Nothing is stored under it.
pub struct CheckId;

impl CheckId {
    /// A new id, as the client holds it.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(realm: Realm, randomness: &dyn Randomness) -> Result<String, Error> {
        Ok(format!("v{}..{}", realm.letter(), Nonce::random(randomness)?.encode()))
    }

    /// Whether the text has the shape of such an id.
    #[must_use]
    pub fn is_one(text: &str, realm: Realm) -> bool {
        split(text, 'v', realm).is_some_and(|(subject, nonce)| subject.is_empty() && Nonce::decode(nonce).is_some())
    }
}

/// Takes `purpose realm . subject . nonce` apart.
fn split(text: &str, purpose: char, realm: Realm) -> Option<(&str, &str)> {
    text.strip_prefix(purpose)?.strip_prefix(realm.letter())?.strip_prefix('.')?.split_once('.')
}
