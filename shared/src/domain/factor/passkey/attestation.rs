//! Attestation objects (section 6.5) and attestation statements (section 8).

use super::Refused;
use super::authenticator_data::{AttestedCredential, AuthenticatorData};
use super::cbor::{self, Item};

/// An attestation object.
#[derive(Debug)]
pub(super) struct AttestationObject<'a> {
    format: &'a str,
    statement: Item<'a>,
    authenticator_data: &'a [u8],
}

impl<'a> AttestationObject<'a> {
    /// Reads the whole of `bytes`.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refused> {
        let object = cbor::read(bytes).map_err(|_| Refused::AttestationObject)?;
        let member = |name| object.get(&Item::Text(name));
        match (&object, member("fmt"), member("attStmt"), member("authData")) {
            (Item::Map(members), Some(Item::Text(format)), Some(statement), Some(Item::Bytes(authenticator_data)))
                if members.len() == 3 =>
            {
                Ok(Self { format, statement: statement.clone(), authenticator_data })
            }
            _ => Err(Refused::AttestationObject),
        }
    }

    /// The authenticator data and the credential in it.
    pub(super) fn data(&self) -> Result<(AuthenticatorData<'a>, AttestedCredential<'a>), Refused> {
        let mut data = AuthenticatorData::read(self.authenticator_data)?;
        let attested = data.attested.take().ok_or(Refused::AuthenticatorData)?;
        Ok((data, attested))
    }

    /// Verifies the statement (7.1 steps 21 and 22), without trust in anything it says. The formats are those of the IANA
    /// registry. `client_data` is the hash of the client data.
    pub(super) fn verify(&self, attested: &AttestedCredential<'_>, client_data: &[u8]) -> Result<(), Refused> {
        let verified = match self.format {
            "none" => self.statement == Item::Map(Vec::new()),
            "packed" => self.verify_packed(attested, client_data),
            "android-key" | "android-safetynet" | "apple" | "fido-u2f" | "tpm" => {
                matches!(self.statement, Item::Map(_))
            }
            // Several statements (section 8.9).
            "compound" => matches!(self.statement, Item::Array(_)),
            _ => false,
        };
        if verified { Ok(()) } else { Err(Refused::AttestationStatement) }
    }

    /// Packed attestation (section 8.2): the signature of a self attestation is verified, of a certificate only the form.
    fn verify_packed(&self, attested: &AttestedCredential<'_>, client_data: &[u8]) -> bool {
        let Item::Map(members) = &self.statement else { return false };
        let member = |name| self.statement.get(&Item::Text(name));
        match (member("alg"), member("sig"), member("x5c"), members.len()) {
            (Some(Item::Integer(algorithm)), Some(Item::Bytes(signature)), None, 2) => {
                *algorithm == attested.public_key.algorithm().id().into()
                    && attested.public_key.verifies(&[self.authenticator_data, client_data].concat(), signature)
            }
            (Some(Item::Integer(_)), Some(Item::Bytes(_)), Some(Item::Array(certificates)), 3) => {
                !certificates.is_empty() && certificates.iter().all(|item| matches!(item, Item::Bytes(_)))
            }
            _ => false,
        }
    }
}
