//! SMS and e-mail: a passcode is sent to a number or an address, and the person types it in.

use super::super::contact::Destination;
use super::super::error::Error;
use super::super::ids::FactorId;
use super::super::possession::{Attempt, Evidence};
use super::super::secret::{Digest, Passcode, Sealed};
use super::super::token::NonceDigest;
use super::super::transaction::TransactionHash;
use super::super::vault::{Purpose, Vault};
use super::Channel;

/// The data that a candidate's passcode is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The channel and the destination of passcodes.
    pub method: Method,
    /// The keyed digest of the passcode that was sent.
    pub awaited: Digest,
}

/// The channel and the destination of an enrolled factor's passcodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The channel.
    pub channel: Channel,
    /// The destination, sealed for this user and factor.
    pub destination: Sealed,
}

impl Method {
    /// The method of a factor whose passcodes go to a destination.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn new(vault: &dyn Vault, id: &FactorId, destination: &Destination) -> Result<Self, Error> {
        let sealed = vault.seal(Purpose::Destination, id, destination.as_str().as_bytes())?;
        Ok(Self { channel: destination.channel(), destination: sealed })
    }

    /// Opens the destination.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open(&self, vault: &dyn Vault, id: &FactorId) -> Result<Destination, Error> {
        const DAMAGED: Error = Error::Internal("a stored destination is not one");
        let bytes = vault.open(Purpose::Destination, id, &self.destination)?;
        let text = str::from_utf8(&bytes).map_err(|_| DAMAGED)?;
        Destination::restore(self.channel, text).ok_or(DAMAGED)
    }
}

/// Compares a passcode with the one that was sent under a nonce, and for a transaction if there is any, in constant time.
///
/// # Errors
/// As [`Vault::open`].
pub fn compare(
    vault: &dyn Vault,
    id: &FactorId,
    nonce: NonceDigest,
    transaction: Option<&TransactionHash>,
    awaited: &Digest,
    given: &Passcode,
) -> Result<Attempt, Error> {
    let given = vault.passcode_digest(awaited.version, id, nonce, transaction, given)?;
    Ok(if *awaited == given { Attempt::right(Evidence::Passcode) } else { Attempt::Wrong })
}
