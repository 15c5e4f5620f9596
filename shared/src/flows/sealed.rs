//! Opening what is sealed in an account: secrets, numbers, addresses.

use crate::domain::account::Account;
use crate::domain::contact::{EmailAddress, PhoneNumber};
use crate::domain::error::Error;
use crate::domain::factor::{Channel, Factor, FactorSummary, MaskedDestination, Method};
use crate::domain::ids::{FactorId, UserId};
use crate::domain::random::Randomness;
use crate::domain::secret::{Sealed, TotpSecret};
use crate::keys::{Keyring, Purpose};

/// Where a code is sent.
pub(super) enum Destination {
    Phone(PhoneNumber),
    Email(EmailAddress),
}

impl Destination {
    /// What is sealed of it.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Phone(number) => number.e164(),
            Self::Email(address) => address.as_typed(),
        }
    }

    /// What limits count: alike for every spelling of one address.
    pub(super) fn limit_form(&self) -> String {
        match self {
            Self::Phone(number) => number.e164().to_owned(),
            Self::Email(address) => address.limit_form(),
        }
    }

    pub(super) fn channel(&self) -> Channel {
        match self {
            Self::Phone(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }

    pub(super) fn masked(&self) -> MaskedDestination {
        match self {
            Self::Phone(number) => MaskedDestination::Phone {
                country_code: number.country_code().to_owned(),
                national: number.masked_national(),
            },
            Self::Email(address) => MaskedDestination::Email(address.masked()),
        }
    }

    /// Whether messages to both end in one place.
    fn is_same(&self, other: &Self) -> bool {
        self.limit_form() == other.limit_form()
    }
}

/// A destination that was sealed for a user's factor.
pub(super) fn open_destination(
    keys: &Keyring,
    user: &UserId,
    factor: &FactorId,
    channel: Channel,
    sealed: &Sealed,
) -> Result<Destination, Error> {
    const DAMAGED: Error = Error::Internal("a stored destination is not one");
    let bytes = keys.open(Purpose::Destination, user, factor, sealed)?;
    let text = str::from_utf8(&bytes).map_err(|_| DAMAGED)?;
    match channel {
        Channel::Sms => PhoneNumber::restore(text).map(Destination::Phone).map_err(|_| DAMAGED),
        Channel::Email => EmailAddress::parse(text).map(Destination::Email).map_err(|_| DAMAGED),
    }
}

/// An authenticator app's secret that was sealed for a user's factor.
pub(super) fn open_secret(
    keys: &Keyring,
    user: &UserId,
    factor: &FactorId,
    sealed: &Sealed,
) -> Result<TotpSecret, Error> {
    let bytes = keys.open(Purpose::TotpSecret, user, factor, sealed)?;
    TotpSecret::from_bytes(&bytes).ok_or(Error::Internal("a stored secret has a wrong length"))
}

/// Seals a factor's secret or destination anew if a newer key does so now: use moves what is stored to the newest key.
pub(super) fn reseal(
    keys: &Keyring,
    user: &UserId,
    factor: &mut Factor,
    randomness: &dyn Randomness,
) -> Result<(), Error> {
    if factor.sealed().version == keys.current() {
        return Ok(());
    }
    let purpose = match factor.method() {
        Method::Totp { .. } => Purpose::TotpSecret,
        Method::Sent { .. } => Purpose::Destination,
    };
    let plain = keys.open(purpose, user, factor.id(), factor.sealed())?;
    let sealed = keys.seal(purpose, user, factor.id(), &plain, randomness)?;
    factor.reseal(sealed);
    Ok(())
}

/// A factor as its owner may see it.
pub(super) fn summarize(keys: &Keyring, user: &UserId, factor: &Factor) -> Result<FactorSummary, Error> {
    let destination = match factor.method() {
        Method::Totp { .. } => None,
        Method::Sent { channel, destination } => {
            Some(open_destination(keys, user, factor.id(), *channel, destination)?.masked())
        }
    };
    Ok(FactorSummary {
        id: factor.id().clone(),
        factor_type: factor.factor_type(),
        label: factor.label().clone(),
        destination,
        created_at: factor.created_at(),
        last_used_at: factor.last_used_at(),
    })
}

/// Every factor as its owner may see it.
pub(super) fn summarize_all(keys: &Keyring, user: &UserId, account: &Account) -> Result<Vec<FactorSummary>, Error> {
    account.factors().iter().map(|factor| summarize(keys, user, factor)).collect()
}

/// Whether no factor of the account is sent to the same destination.
pub(super) fn require_new(
    keys: &Keyring,
    user: &UserId,
    account: &Account,
    destination: &Destination,
) -> Result<(), Error> {
    for factor in account.factors() {
        if let Method::Sent { channel, destination: sealed } = factor.method()
            && *channel == destination.channel()
            && open_destination(keys, user, factor.id(), *channel, sealed)?.is_same(destination)
        {
            return Err(Error::AlreadyEnrolled(factor.factor_type()));
        }
    }
    Ok(())
}

/// The refusal of a session that has not passed a check lately, with what it could pass one with.
pub(super) fn step_up_required(keys: &Keyring, user: &UserId, account: &Account) -> Error {
    match summarize_all(keys, user, account) {
        Ok(available) => Error::PresenceRequired { available },
        Err(error) => error,
    }
}
