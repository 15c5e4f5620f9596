//! The keyring bound to one user.

use zeroize::Zeroizing;

use super::Keyring;
use crate::domain::error::Error;
use crate::domain::ids::{FactorId, HostedId, UserId};
use crate::domain::limits::UserTag;
use crate::domain::random::Randomness;
use crate::domain::secret::{Digest, KeyVersion, Passcode, RecoveryCode, Sealed};
use crate::domain::token::NonceDigest;
use crate::domain::transaction::TransactionHash;
use crate::domain::vault::{Purpose, Vault};

/// Seals, opens and digests for one user. It can't open another user's values.
pub struct UserVault<'a> {
    /// The keys.
    pub keyring: &'a Keyring,
    /// The user.
    pub user: &'a UserId,
    /// The source of the nonces of sealed values.
    pub randomness: &'a dyn Randomness,
}

impl Vault for UserVault<'_> {
    fn current(&self) -> KeyVersion {
        self.keyring.current()
    }

    fn seal(&self, purpose: Purpose, factor: &FactorId, plain: &[u8]) -> Result<Sealed, Error> {
        self.keyring.seal(purpose, self.user, factor, plain, self.randomness)
    }

    fn open(&self, purpose: Purpose, factor: &FactorId, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.keyring.open(purpose, self.user, factor, sealed)
    }

    fn seal_for_session(&self, session: &HostedId, plain: &[u8]) -> Result<Sealed, Error> {
        self.keyring.seal_about(&["session", self.user.as_str(), session.as_str()], plain, self.randomness)
    }

    fn open_for_session(&self, session: &HostedId, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.keyring.open_about(&["session", self.user.as_str(), session.as_str()], sealed)
    }

    fn passcode_digest(
        &self,
        version: KeyVersion,
        factor: &FactorId,
        nonce: NonceDigest,
        transaction: Option<&TransactionHash>,
        code: &Passcode,
    ) -> Result<Digest, Error> {
        self.keyring.passcode_digest(version, self.user, factor, nonce, transaction, code)
    }

    fn transaction_digest(
        &self,
        version: KeyVersion,
        factor: &FactorId,
        nonce: NonceDigest,
        transaction: &TransactionHash,
    ) -> Result<Digest, Error> {
        self.keyring.transaction_digest(version, self.user, factor, nonce, transaction)
    }

    fn recovery_digest(&self, version: KeyVersion, code: &RecoveryCode) -> Result<Digest, Error> {
        self.keyring.recovery_digest(version, self.user, code)
    }

    fn user_tag(&self) -> Result<UserTag, Error> {
        self.keyring.user_tag(self.user)
    }
}
