//! The attributes of passkeys. A public key and a credential id are no secrets, so they are not sealed.

use super::{Item, ItemError, array};
use crate::domain::factor::passkey::{
    Credential, CredentialId, Method, PublicKey, Registered, Setup, Transports, UserHandle,
};
use crate::domain::possession::Evidence;
use crate::domain::receipt::PasskeyUse;

/// The bit of a passkey that may be copied to other devices.
const BACKUP_ELIGIBLE: u32 = 1;
/// The bit of a check in which the authenticator verified its user.
const USER_VERIFIED: u32 = 2;

/// Writes the credential. The counter and the flags of most passkeys are 0, and then they are left out.
pub(super) fn write_method(item: Item, method: &Method) -> Item {
    let Credential { id, public_key, counter, backup_eligible } = &method.credential;
    let transports = u32::from(method.transports.bits());
    item.with("credential", id.as_bytes())
        .with("key", public_key.to_bytes())
        .with_some("counter", (*counter > 0).then_some(*counter))
        .with_some("flags", backup_eligible.then_some(BACKUP_ELIGIBLE))
        .with_some("transports", (transports > 0).then_some(transports))
}

pub(super) fn read_method(item: &Item) -> Result<Method, ItemError> {
    let flags: u32 = item.optional_number("flags")?.unwrap_or_default();
    let credential = Credential {
        id: CredentialId::from_bytes(item.bytes("credential")?).ok_or(ItemError("credential"))?,
        public_key: PublicKey::from_bytes(item.bytes("key")?).ok_or(ItemError("key"))?,
        counter: item.optional_number("counter")?.unwrap_or_default(),
        backup_eligible: flags & BACKUP_ELIGIBLE != 0,
    };
    let transports: u32 = item.optional_number("transports")?.unwrap_or_default();
    Ok(Method { credential, transports: Transports::from_bits(u8::try_from(transports).unwrap_or_default()) })
}

pub(super) fn write_setup(item: Item, setup: &Setup) -> Item {
    item.with("challenge", setup.nonce.as_slice()).with("handle", setup.user_handle.as_bytes())
}

pub(super) fn read_setup(item: &Item) -> Result<Setup, ItemError> {
    Ok(Setup { nonce: array(item, "challenge")?, user_handle: read_handle(item.bytes("handle")?)? })
}

pub(super) fn read_handle(bytes: &[u8]) -> Result<UserHandle, ItemError> {
    UserHandle::from_bytes(bytes).ok_or(ItemError("handle"))
}

/// The evidence of a verified registration that is not bound yet.
pub(super) fn read_evidence(item: &Item) -> Result<Evidence, ItemError> {
    let Method { credential, transports } = read_method(item)?;
    let Credential { id, public_key, counter, backup_eligible } = credential;
    Ok(Evidence::Registered(Box::new(Registered {
        credential_id: id,
        public_key,
        counter,
        // The factor keeps neither of these: each assertion says them anew.
        user_verified: false,
        backup_eligible,
        backed_up: false,
        transports,
    })))
}

/// The statements of a passkey in a check, as a number.
pub(super) fn use_number(used: PasskeyUse) -> u32 {
    let bit = |is_set: bool, bit: u32| if is_set { bit } else { 0 };
    bit(used.backup_eligible, BACKUP_ELIGIBLE) | bit(used.user_verified, USER_VERIFIED)
}

pub(super) fn read_use(number: u32) -> PasskeyUse {
    let has = |bit| number & bit != 0;
    PasskeyUse { user_verified: has(USER_VERIFIED), backup_eligible: has(BACKUP_ELIGIBLE) }
}
