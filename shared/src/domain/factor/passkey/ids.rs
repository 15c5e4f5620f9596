//! Challenges, credential ids, user handles and transports.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use subtle::ConstantTimeEq;

use crate::domain::error::Error;
use crate::domain::random::{self, Randomness};
use crate::domain::transaction::TransactionHash;

/// The challenge of a ceremony (section 13.4.3): a nonce of 128 random bits, then the digest of the transaction that it
/// confirms, if any.
#[derive(Clone)]
pub struct Challenge(Vec<u8>);

impl Challenge {
    /// The least length in bytes (section 13.4.3).
    const MIN: usize = 16;

    /// A new challenge.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(transaction: Option<&TransactionHash>, randomness: &dyn Randomness) -> Result<Self, Error> {
        random::bytes(randomness).map(|nonce| Self::of(nonce, transaction))
    }

    /// The challenge of a nonce.
    #[must_use]
    pub fn of(nonce: [u8; 16], transaction: Option<&TransactionHash>) -> Self {
        let hash = transaction.map(|TransactionHash(hash)| hash.as_slice()).unwrap_or_default();
        Self([&nonce, hash].concat())
    }

    /// A challenge from the store. `None` if it has less than 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::MIN).then(|| Self(bytes.to_vec()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The form in options and in client data: base64url without padding.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// Whether a text is this challenge, in constant time.
    pub(super) fn is(&self, text: &str) -> bool {
        self.encode().as_bytes().ct_eq(text.as_bytes()).into()
    }
}

/// A challenge is open until it is answered, so it is not printed.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(…)")
    }
}

/// The id of a credential, which its authenticator chose: 1 to 1023 bytes (section 7.1, step 25).
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialId(Vec<u8>);

impl CredentialId {
    /// The greatest length in bytes.
    pub const MAX: usize = 1023;

    /// Reads an id. `None` if it is empty or too long.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        (1..=Self::MAX).contains(&bytes.len()).then(|| Self(bytes.to_vec()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The form in JSON: base64url without padding.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

/// A credential id is the same wherever a person uses the credential, so it is not printed.
impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialId(…)")
    }
}

/// The id of a user for authenticators, which keep it beside each discoverable credential: 256 random bits. It says
/// nothing about the person (section 14.6.1), so it is never the user id.
#[derive(Clone, PartialEq, Eq)]
pub struct UserHandle([u8; UserHandle::LENGTH]);

impl UserHandle {
    /// Length in bytes.
    pub const LENGTH: usize = 32;

    /// A new handle.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(randomness: &dyn Randomness) -> Result<Self, Error> {
        random::bytes(randomness).map(Self)
    }

    /// A handle from the store. `None` if the length is wrong.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The form in JSON: base64url without padding.
    #[must_use]
    pub fn encode(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }
}

/// A user handle stands for a person, so it is not printed.
impl fmt::Debug for UserHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserHandle(…)")
    }
}

/// The ways in which a client may reach an authenticator (section 5.8.4), as a set. They are hints: the empty set means
/// that nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transports(u8);

impl Transports {
    /// The names, in the order of their bits.
    const NAMES: [&str; 6] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

    /// The set with these names. A name that is not known makes the set empty, because a set with some of an
    /// authenticator's transports would mislead a client.
    pub(super) fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let bit = |name: &str| Self::NAMES.iter().position(|known| *known == name).map(|bit| 1 << bit);
        let bits = names.into_iter().try_fold(0, |bits, name| Some(bits | bit(name)?));
        Self(bits.unwrap_or(0))
    }

    /// The set in one byte.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// A set from the store. A bit without a name makes it empty.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        if bits >> Self::NAMES.len() == 0 { Self(bits) } else { Self(0) }
    }

    /// The names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| name)
    }

    /// The set as a JSON array.
    pub(super) fn to_json(self) -> Value {
        self.names().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_its_nonce_and_the_digest_of_its_transaction_t34() {
        let hash = TransactionHash([7; 32]);
        let bound = Challenge::of([1; 16], Some(&hash));
        assert_eq!(bound.as_bytes(), [&[1; 16][..], &[7; 32]].concat());
        assert_eq!(Challenge::of([1; 16], None).as_bytes(), [1; 16]);
        assert!(bound.is(&bound.encode()));
        for other in [Challenge::of([1; 16], None), Challenge::of([1; 16], Some(&TransactionHash([8; 32])))] {
            assert!(!bound.is(&other.encode()) && !other.is(&bound.encode()));
        }
    }

    #[test]
    fn a_challenge_has_at_least_16_bytes_t43() {
        for (length, fits) in [(0, false), (15, false), (16, true), (48, true)] {
            assert_eq!(Challenge::from_bytes(&vec![1; length]).is_some(), fits, "{length}");
        }
    }

    #[test]
    fn transports_are_kept_in_a_byte() {
        let names = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];
        let all = Transports::from_names(names);
        assert_eq!(Transports::from_bits(all.bits()), all);
        assert_eq!(all.names().collect::<Vec<_>>(), names);
        assert_eq!(
            Transports::from_names(["internal", "hybrid", "internal"]).to_json(),
            serde_json::json!(["hybrid", "internal"])
        );
        assert_eq!(Transports::from_names(["usb", "telepathy"]), Transports::default());
        assert_eq!(Transports::from_bits(0x41), Transports::default());
    }
}
