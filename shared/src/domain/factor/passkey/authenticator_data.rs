//! Authenticator data (section 6.1): what an authenticator states and signs.

use super::Refused;
use super::cbor::{self, Item};
use super::cose::PublicKey;
use super::{Demands, RelyingParty, Requirement};

/// The flags (section 6.1). Bits 1 and 5 are reserved, and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    /// UP: the user was present.
    fn user_present(self) -> bool {
        self.0 & 1 != 0
    }

    /// UV: the authenticator verified the user.
    pub(super) fn user_verified(self) -> bool {
        self.0 & 1 << 2 != 0
    }

    /// BE: the credential may be backed up.
    pub(super) fn backup_eligible(self) -> bool {
        self.0 & 1 << 3 != 0
    }

    /// BS: the credential is backed up.
    pub(super) fn backed_up(self) -> bool {
        self.0 & 1 << 4 != 0
    }

    /// AT: attested credential data follows.
    fn has_credential(self) -> bool {
        self.0 & 1 << 6 != 0
    }

    /// ED: extensions follow.
    fn has_extensions(self) -> bool {
        self.0 & 1 << 7 != 0
    }
}

/// Authenticator data.
#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    relying_party: &'a [u8],
    pub(super) flags: Flags,
    /// The signature counter.
    pub(super) counter: u32,
    pub(super) attested: Option<AttestedCredential<'a>>,
}

/// Attested credential data (section 6.5.1). The AAGUID is left out: without a trusted attestation it proves nothing.
#[derive(Debug)]
pub(super) struct AttestedCredential<'a> {
    pub(super) id: &'a [u8],
    pub(super) public_key: PublicKey,
}

impl<'a> AuthenticatorData<'a> {
    /// Reads the whole of `bytes`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        let split = |bytes: &'a [u8], at| bytes.split_at_checked(at).ok_or(Refused::AuthenticatorData);
        let (relying_party, rest) = split(bytes, 32)?;
        let (&flags, rest) = rest.split_first().ok_or(Refused::AuthenticatorData)?;
        let flags = Flags(flags);
        let (counter, rest) = rest.split_first_chunk().ok_or(Refused::AuthenticatorData)?;
        let (attested, rest) = if flags.has_credential() {
            let (_aaguid, rest) = split(rest, 16)?;
            let (length, rest) = rest.split_first_chunk().ok_or(Refused::AuthenticatorData)?;
            let (id, rest) = split(rest, u16::from_be_bytes(*length).into())?;
            let (key, rest) = cbor::read_first(rest).map_err(|_| Refused::AuthenticatorData)?;
            let public_key = PublicKey::from_cose(&key).ok_or(Refused::PublicKey)?;
            (Some(AttestedCredential { id, public_key }), rest)
        } else {
            (None, rest)
        };
        match cbor::read(rest) {
            Ok(Item::Map(_)) if flags.has_extensions() => {}
            _ if rest.is_empty() && !flags.has_extensions() => {}
            _ => return Err(Refused::AuthenticatorData),
        }
        Ok(Self { relying_party, flags, counter: u32::from_be_bytes(*counter), attested })
    }

    /// The checks that both ceremonies make (7.1 steps 14 to 17, 7.2 steps 15 to 18).
    pub(super) fn verify(&self, relying_party: &RelyingParty, demands: &Demands) -> Result<(), Refused> {
        if !relying_party.has_hash(self.relying_party) {
            return Err(Refused::RelyingParty);
        }
        if !self.flags.user_present() {
            return Err(Refused::UserPresence);
        }
        if demands.user_verification == Requirement::Required && !self.flags.user_verified() {
            return Err(Refused::UserVerification);
        }
        if self.flags.backed_up() && !self.flags.backup_eligible() {
            return Err(Refused::BackupState);
        }
        Ok(())
    }
}
