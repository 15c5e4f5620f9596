//! Tokens and ids that a client holds for a while. Each contains its purpose, its realm, its subject and a nonce. The
//! store keeps only the nonce's digest.
//!
//! A token alone gives no access: it works only for the user it was made for.

use aws_lc_rs::digest::{SHA256, digest};

use super::error::{Error, Subject};
use super::factor::FactorType;
use super::ids::{FactorId, TOKEN_ENCODING};
use super::random::{self, Randomness};
use subtle::ConstantTimeEq;

/// The realm in which a token or an id is valid: one letter, opaque to the rules. A token of one realm is unknown in
/// every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realm(char);

impl Realm {
    /// The realm with this letter.
    #[must_use]
    pub const fn new(letter: char) -> Self {
        Self(letter)
    }

    /// The letter of the realm, as it is in tokens and items.
    #[must_use]
    pub const fn letter(self) -> char {
        self.0
    }
}

/// The random part of a token, 128 bits.
#[derive(Clone, Copy)]
pub struct Nonce([u8; 16]);

/// The stored digest of a nonce: SHA-256, truncated to 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceDigest(pub [u8; 16]);

impl Nonce {
    /// A new nonce.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self(random::bytes(randomness)?))
    }

    /// The digest that the store keeps.
    #[must_use]
    pub fn digest(&self) -> NonceDigest {
        let mut kept = [0; 16];
        for (to, from) in kept.iter_mut().zip(digest(&SHA256, &self.0).as_ref()) {
            *to = *from;
        }
        NonceDigest(kept)
    }

    /// The nonce as a client holds it: 22 characters.
    #[must_use]
    pub fn encode(self) -> String {
        TOKEN_ENCODING.encode(&self.0)
    }

    /// Reads a nonce. `None` for any other text.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
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
    /// The type of the factor that is being enrolled.
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
    /// [`Error::NotFound`] for any other text, such as a token of another purpose or realm.
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
    /// [`Error::NotFound`] for any other text.
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

/// The id of a passed check, for dialects whose replies need one: `v` realm `..` nonce. Nothing is stored for it.
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

/// Splits `purpose realm . subject . nonce` and returns the subject and the nonce.
fn split(text: &str, purpose: char, realm: Realm) -> Option<(&str, &str)> {
    text.strip_prefix(purpose)?.strip_prefix(realm.letter())?.strip_prefix('.')?.split_once('.')
}
