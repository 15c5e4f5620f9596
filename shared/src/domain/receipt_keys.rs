//! The keys that sign receipts, and their life.
//!
//! ```text
//!          published 3 h before            newest of those        kept until no receipt
//!          it signs                        that may sign          of it is valid
//!   make ───────────────────▶ next ──────▶ active ──────▶ retired ───────────────────▶ dropped
//!    │                                       ▲
//!    └── no key yet, or a new generation ────┘
//! ```
//! A gateway keeps published keys for up to two hours (API Gateway, *Control access with JWT authorizers*). A key that
//! signed before every gateway knows it would have its receipts refused.

use super::receipt::RECEIPT_SECONDS;
use super::secret::Sealed;
use super::time::Timestamp;

/// Seconds for which a key is published before it signs.
pub const PUBLISHED_BEFORE_SECONDS: u64 = 3 * 3600;

/// Seconds after which an instance reads the keys again. It is shorter than [`PUBLISHED_BEFORE_SECONDS`], so every
/// instance knows the next key before it signs.
pub const REREAD_SECONDS: u64 = 3600;

/// Seconds for which a retired key stays published: the time that an instance may not have noticed, and the life of a
/// receipt.
const RETIRED_SECONDS: u64 = REREAD_SECONDS + RECEIPT_SECONDS;

/// The public half of an RSA key (RFC 8017, section 3.1): big-endian integers without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The key's id: its JWK thumbprint (RFC 7638).
    pub kid: String,
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The public exponent.
    pub exponent: Vec<u8>,
}

/// A signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The public half.
    pub public: PublicKey,
    /// The private key, sealed: PKCS #8 (RFC 5958) in DER.
    pub private: Sealed,
    /// The operator's generation in which it was made.
    pub generation: u32,
    /// The time from which it signs.
    pub signs_from: Timestamp,
}

/// Every key that is known, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningKeys(pub Vec<SigningKey>);

/// The public halves, as verifiers read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedKeys(pub Vec<PublicKey>);

/// The operator's rules for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Raised by the operator when a key may be stolen: every key of a lower generation is dropped at once.
    pub generation: u32,
    /// Seconds for which a key signs before the next one takes its place.
    pub after_seconds: u64,
}

impl SigningKeys {
    /// The key that signs: the newest of those whose time has come. If the clock has stepped back behind all of them,
    /// it is the oldest one.
    #[must_use]
    pub fn active(&self, now: Timestamp) -> Option<&SigningKey> {
        self.0.iter().rfind(|key| key.signs_from <= now).or(self.0.first())
    }

    /// The time from which a key that must be made now will sign; `None` if no key must be made.
    #[must_use]
    pub fn due(&self, now: Timestamp, rotation: Rotation) -> Option<Timestamp> {
        match self.0.iter().rfind(|key| key.generation >= rotation.generation) {
            None => Some(now),
            Some(newest) if newest.signs_from.plus(rotation.after_seconds) <= now => {
                Some(now.plus(PUBLISHED_BEFORE_SECONDS))
            }
            Some(_) => None,
        }
    }

    /// Adds a key, and drops the keys that are no longer needed.
    pub fn add(&mut self, key: SigningKey, now: Timestamp, rotation: Rotation) {
        self.0.push(key);
        self.drop_unneeded(now, rotation);
    }

    /// Drops keys of a lower generation, and retired keys of which no receipt is valid any more.
    pub fn drop_unneeded(&mut self, now: Timestamp, rotation: Rotation) {
        self.0.retain(|key| key.generation >= rotation.generation);
        let successors: Vec<_> = self.0.iter().skip(1).map(|key| key.signs_from).collect();
        let mut successors = successors.into_iter();
        self.0.retain(|_| successors.next().is_none_or(|signs_from| signs_from.plus(RETIRED_SECONDS) > now));
    }

    /// The public halves of all keys.
    #[must_use]
    pub fn published(&self) -> PublishedKeys {
        PublishedKeys(self.0.iter().map(|key| key.public.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::KeyVersion;

    const DAY: u64 = 86_400;
    const RULES: Rotation = Rotation { generation: 1, after_seconds: 90 * DAY };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix(1_800_000_000).plus(seconds)
    }

    fn key(kid: &str, generation: u32, signs_from: Timestamp) -> SigningKey {
        let public = PublicKey { kid: kid.to_owned(), modulus: vec![1], exponent: vec![3] };
        SigningKey { public, private: Sealed { version: KeyVersion(1), bytes: vec![] }, generation, signs_from }
    }

    fn kids(keys: &SigningKeys) -> Vec<&str> {
        keys.0.iter().map(|key| key.public.kid.as_str()).collect()
    }

    #[test]
    fn the_first_key_signs_at_once() {
        assert_eq!(SigningKeys::default().due(at(0), RULES), Some(at(0)));
        let keys = SigningKeys(vec![key("a", 1, at(0))]);
        assert_eq!(keys.active(at(0)).unwrap().public.kid, "a");
        assert_eq!(keys.due(at(90 * DAY - 1), RULES), None);
    }

    #[test]
    fn the_next_key_is_published_three_hours_before_it_signs() {
        let mut keys = SigningKeys(vec![key("a", 1, at(0))]);
        let signs_from = keys.due(at(90 * DAY), RULES).unwrap();
        assert_eq!(signs_from, at(90 * DAY + 3 * 3600));
        keys.add(key("b", 1, signs_from), at(90 * DAY), RULES);
        assert_eq!(kids(&keys), ["a", "b"]);
        assert_eq!(keys.due(at(90 * DAY + 1), RULES), None, "one next key is enough");
        assert_eq!(keys.active(at(90 * DAY + 3 * 3600 - 1)).unwrap().public.kid, "a");
        assert_eq!(keys.active(at(90 * DAY + 3 * 3600)).unwrap().public.kid, "b");
    }

    #[test]
    fn a_retired_key_stays_published_while_a_receipt_of_it_may_be_valid() {
        let mut keys = SigningKeys(vec![key("a", 1, at(0)), key("b", 1, at(1000))]);
        keys.drop_unneeded(at(1000 + RETIRED_SECONDS - 1), RULES);
        assert_eq!(kids(&keys), ["a", "b"]);
        keys.drop_unneeded(at(1000 + RETIRED_SECONDS), RULES);
        assert_eq!(kids(&keys), ["b"]);
    }

    #[test]
    fn a_new_generation_drops_every_older_key_at_once() {
        let mut keys = SigningKeys(vec![key("a", 1, at(0)), key("b", 1, at(1000))]);
        let rules = Rotation { generation: 2, ..RULES };
        assert_eq!(keys.due(at(2000), rules), Some(at(2000)));
        keys.add(key("c", 2, at(2000)), at(2000), rules);
        assert_eq!(kids(&keys), ["c"]);
        assert_eq!(keys.due(at(2001), RULES), None, "a lower setting makes no key");
        assert_eq!(keys.active(at(0)).unwrap().public.kid, "c", "also while the clock is behind");
    }
}
