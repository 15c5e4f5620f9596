//! The contact of record: an address or a number that the back end knows to be the user's, from its own record.

use super::super::error::Error;
use super::super::factor::passcode::Method;
use super::super::ids::FactorId;
use super::super::limits::SendLog;
use super::super::vault::Vault;
use super::Destination;

/// The contact that was confirmed before the first factor of an account. It hears of every change of the factors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactOfRecord {
    /// The channel and the sealed destination.
    pub method: Method,
    /// The language of notices, as a BCP 47 tag.
    pub language: String,
    /// The notices sent, for their limits.
    pub notices: SendLog,
}

impl ContactOfRecord {
    /// Digits of the code that confirms a contact. A user without a factor has no lasting count of wrong codes, so the
    /// code itself must be hard to guess. The budgets allow 20 codes a day and 5 tries at each: a year of guesses is
    /// right with a chance of 1 in 2,700.
    pub const DIGITS: u8 = 8;

    /// A contact without notices.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn new(vault: &dyn Vault, destination: &Destination, language: &str) -> Result<Self, Error> {
        let method = Method::new(vault, &FactorId::contact_of_record(), destination)?;
        Ok(Self { method, language: language.to_owned(), notices: SendLog::default() })
    }

    /// Opens the destination.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open(&self, vault: &dyn Vault) -> Result<Destination, Error> {
        self.method.open(vault, &FactorId::contact_of_record())
    }
}
