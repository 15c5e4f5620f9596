//! The verification of a registration (section 7.1).

use aws_lc_rs::digest::{SHA256, digest};

use super::attestation::AttestationObject;
use super::client_data::{self, Ceremony};
use super::{Algorithm, CredentialId, Expected, PublicKey, Refused, RegistrationResponse, Transports};

/// A verified registration: what a credential record is made of (section 7.1, step 27).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The credential's id. It must not be registered for any other user yet (7.1 step 26).
    pub credential_id: CredentialId,
    /// Its public key.
    pub public_key: PublicKey,
    /// The signature counter. 0: the authenticator has none.
    pub counter: u32,
    /// Whether the authenticator verified its user, by a PIN or a biometric.
    pub user_verified: bool,
    /// Whether the credential may be backed up, as a synchronised passkey is.
    pub backup_eligible: bool,
    /// Whether the credential is backed up now.
    pub backed_up: bool,
    /// The ways to reach the authenticator, as the client states.
    pub transports: Transports,
}

impl Registered {
    /// The algorithm of the public key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.public_key.algorithm()
    }
}

/// Verifies a registration.
///
/// No attestation is trusted: no root certificates are known, the options ask for none, and most browsers then send
/// none. A statement of `none` must be empty. A statement of `packed` must have its form, and a self attestation's
/// signature must be right, because it costs nothing more to verify and proves possession of the key. Of every other
/// registered format only the structure is checked, and the credential is registered all the same: step 24 allows that, and
/// security keys on some platforms send their statement unasked.
///
/// # Errors
/// Any [`Refused`] with a step of section 7.1.
pub fn verify_registration(expected: &Expected<'_>, response: &RegistrationResponse) -> Result<Registered, Refused> {
    client_data::verify(&response.client_data, Ceremony::Registration, expected.challenge, expected.relying_party)?;
    let object = AttestationObject::read(&response.attestation_object)?;
    let (data, attested) = object.data()?;
    data.verify(expected.relying_party, expected.demands)?;
    if !expected.demands.algorithms.contains(&attested.public_key.algorithm()) {
        return Err(Refused::Algorithm);
    }
    object.verify(&attested, digest(&SHA256, &response.client_data).as_ref())?;
    if attested.id != response.id.as_bytes() {
        return Err(Refused::CredentialId);
    }
    Ok(Registered {
        credential_id: response.id.clone(),
        public_key: attested.public_key,
        counter: data.counter,
        user_verified: data.flags.user_verified(),
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
        transports: response.transports,
    })
}
