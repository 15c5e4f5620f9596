//! Recovery codes: single use, stored as keyed digests, limited by delays but never locked.

use super::error::{CodeKind, Error};
use super::limits::{Attempts, HardStop};
use super::policy::Policy;
use super::secret::{Digest, KeyVersion};
use super::time::Timestamp;

/// The unused codes of one set. They were issued together, so they share a key version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoverySet {
    version: KeyVersion,
    unused: Vec<[u8; Digest::LENGTH]>,
}

impl RecoverySet {
    /// A set of so many codes' digests under one key version.
    #[must_use]
    pub fn new(version: KeyVersion, unused: Vec<[u8; Digest::LENGTH]>) -> Self {
        Self { version, unused }
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

    /// Takes a code out of the set; says whether it was in it. Every code is compared, each in constant time.
    #[must_use]
    pub fn spend(&mut self, given: &Digest) -> bool {
        let before = self.unused.len();
        let version = self.version;
        self.unused.retain(|bytes| Digest { version, bytes: *bytes } != *given);
        self.unused.len() < before
    }
}

/// An account's recovery codes and the wrong guesses at them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The current set.
    pub set: Option<RecoverySet>,
    /// Wrong codes in a row.
    pub attempts: Attempts,
}

impl Recovery {
    /// How many codes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.set.as_ref().map_or(0, |set| set.unused.len())
    }

    /// Whether a code may be looked at now.
    ///
    /// # Errors
    /// As [`Attempts::admit`].
    pub fn admit(&self, now: Timestamp, policy: &Policy) -> Result<(), Error> {
        self.attempts.admit(CodeKind::Recovery, HardStop::Never, now, policy)
    }
}
