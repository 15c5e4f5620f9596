//! The vault: it seals, opens and digests with the keys of one user. [`crate::keys`] implements it.

use zeroize::Zeroizing;

use super::error::Error;
use super::ids::{FactorId, HostedId};
use super::limits::UserTag;
use super::secret::{Digest, KeyVersion, Passcode, RecoveryCode, Sealed};
use super::token::NonceDigest;
use super::transaction::TransactionHash;

/// The purpose of a sealed value. The value opens for no other purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An authenticator app's secret.
    TotpSecret,
    /// A phone number or an e-mail address.
    Destination,
    /// The photo of a face's enrolment.
    FaceReference,
}

/// Seals, opens and digests for one user.
pub trait Vault: Send + Sync {
    /// The key version for new sealed values and digests.
    fn current(&self) -> KeyVersion;

    /// Seals bytes for a factor of the user.
    ///
    /// # Errors
    /// [`Error::Internal`] when the cipher or the randomness fails.
    fn seal(&self, purpose: Purpose, factor: &FactorId, plain: &[u8]) -> Result<Sealed, Error>;

    /// Opens a value that was sealed for the same user, factor and purpose.
    ///
    /// # Errors
    /// [`Error::Internal`] for any other value; [`Error::Busy`] while the key version can't be used.
    fn open(&self, purpose: Purpose, factor: &FactorId, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error>;

    /// Seals bytes for a hosted session of the user.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    fn seal_for_session(&self, session: &HostedId, plain: &[u8]) -> Result<Sealed, Error>;

    /// Opens a value that was sealed for the same user and session.
    ///
    /// # Errors
    /// As [`Vault::open`].
    fn open_for_session(&self, session: &HostedId, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Error>;

    /// The digest of a passcode for one enrolment or challenge of the user, and for its transaction if it is for one.
    ///
    /// # Errors
    /// As [`Vault::open`].
    fn passcode_digest(
        &self,
        version: KeyVersion,
        factor: &FactorId,
        nonce: NonceDigest,
        transaction: Option<&TransactionHash>,
        code: &Passcode,
    ) -> Result<Digest, Error>;

    /// The digest of the transaction of one challenge of the user.
    ///
    /// # Errors
    /// As [`Vault::open`].
    fn transaction_digest(
        &self,
        version: KeyVersion,
        factor: &FactorId,
        nonce: NonceDigest,
        transaction: &TransactionHash,
    ) -> Result<Digest, Error>;

    /// The digest of a recovery code of the user.
    ///
    /// # Errors
    /// As [`Vault::open`].
    fn recovery_digest(&self, version: KeyVersion, code: &RecoveryCode) -> Result<Digest, Error>;

    /// The user's tag in the limit of a destination.
    ///
    /// # Errors
    /// [`Error::Internal`] never in practice.
    fn user_tag(&self) -> Result<UserTag, Error>;
}
