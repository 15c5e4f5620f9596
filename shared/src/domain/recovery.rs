//! Recovery codes: single use, stored as keyed digests, neither delayed nor locked.
//!
//! NIST SP 800-63B-4 section 3.2.2 asks for a limit on wrong guesses. Recovery codes have none on purpose. A code has
//! at least 64 random bits, so guessing is hopeless at any rate. A delay would let a stolen session keep the owner out.

use super::secret::{Digest, KeyVersion};
use super::time::Timestamp;

/// The unused codes of one set. They were issued together, so they share a key version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoverySet {
    version: KeyVersion,
    unused: Vec<[u8; Digest::LENGTH]>,
    /// `None` for a set of an earlier release.
    issued_at: Option<Timestamp>,
}

impl RecoverySet {
    /// A new set from the digests of its codes, all under one key version.
    #[must_use]
    pub fn new(version: KeyVersion, unused: Vec<[u8; Digest::LENGTH]>, issued_at: Timestamp) -> Self {
        Self { version, unused, issued_at: Some(issued_at) }
    }

    /// A set from the store.
    pub(crate) fn recorded(
        version: KeyVersion,
        unused: Vec<[u8; Digest::LENGTH]>,
        issued_at: Option<Timestamp>,
    ) -> Self {
        Self { version, unused, issued_at }
    }

    /// The time when the set was issued, if it is known.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// The key version of the digests.
    #[must_use]
    pub fn version(&self) -> KeyVersion {
        self.version
    }

    /// The digests.
    #[must_use]
    pub fn unused(&self) -> &[[u8; Digest::LENGTH]] {
        &self.unused
    }

    /// The number of codes that are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.unused.len()
    }

    /// Removes a code from the set and returns whether the set had it. Every code is compared, each in constant time.
    #[must_use]
    pub fn spend(&mut self, given: &Digest) -> bool {
        let before = self.unused.len();
        let version = self.version;
        self.unused.retain(|bytes| Digest { version, bytes: *bytes } != *given);
        self.unused.len() < before
    }
}
