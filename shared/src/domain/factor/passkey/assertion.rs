//! The verification of an assertion (section 7.2).

use aws_lc_rs::digest::{SHA256, digest};

use super::authenticator_data::AuthenticatorData;
use super::client_data::{self, Ceremony};
use super::{AuthenticationResponse, CredentialId, Expected, PublicKey, Refused, UserHandle};

/// A registered credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// Its public key.
    pub public_key: PublicKey,
    /// The signature counter of the last assertion, or of the registration.
    pub counter: u32,
    /// Whether it may be backed up. This never changes (section 6.1.3).
    pub backup_eligible: bool,
}

/// A verified assertion. Its counter replaces the credential's (7.2 step 24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asserted {
    /// The signature counter.
    pub counter: u32,
    /// Whether the authenticator verified its user, by a PIN or a biometric.
    pub user_verified: bool,
    /// Whether the credential is backed up now.
    pub backed_up: bool,
}

/// Verifies an assertion by a credential of a user with this handle. The user is known before the ceremony.
///
/// A counter that does not grow is refused unless both are 0. Step 22 leaves that to the relying party: a refused user
/// still has the other factors, and a copied authenticator gets no further.
///
/// # Errors
/// Any [`Refused`] with a step of section 7.2.
pub fn verify_assertion(
    expected: &Expected<'_>,
    credential: &Credential,
    user_handle: &UserHandle,
    response: &AuthenticationResponse,
) -> Result<Asserted, Refused> {
    if response.id != credential.id {
        return Err(Refused::Credential);
    }
    if response.user_handle.as_ref().is_some_and(|given| given != user_handle.as_bytes()) {
        return Err(Refused::UserHandle);
    }
    client_data::verify(&response.client_data, Ceremony::Assertion, expected.challenge, expected.relying_party)?;
    let data = AuthenticatorData::read(&response.authenticator_data)?;
    if data.attested.is_some() {
        return Err(Refused::AuthenticatorData);
    }
    data.verify(expected.relying_party, expected.demands)?;
    if data.flags.backup_eligible() != credential.backup_eligible {
        return Err(Refused::BackupEligibility);
    }
    let client_data = digest(&SHA256, &response.client_data);
    let signed = [&response.authenticator_data, client_data.as_ref()].concat();
    if !credential.public_key.verifies(&signed, &response.signature) {
        return Err(Refused::Signature);
    }
    let counts = data.counter != 0 || credential.counter != 0;
    if counts && data.counter <= credential.counter {
        return Err(Refused::Counter);
    }
    Ok(Asserted { counter: data.counter, user_verified: data.flags.user_verified(), backed_up: data.flags.backed_up() })
}
