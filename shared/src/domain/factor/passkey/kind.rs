//! Passkeys as a kind of factor: the data of a candidate and of an enrolled passkey.

use super::{
    Asserted, AuthenticationResponse, Challenge, Credential, Demands, Expected, Registered, RegistrationResponse,
    RelyingParty, Transports, UserHandle, verify_assertion, verify_registration,
};
use crate::domain::possession::{Attempt, Evidence};

/// Length of the random part of a challenge, in bytes.
pub const NONCE_LENGTH: usize = 16;

/// The data that a candidate's registration is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The challenge that the registration contains.
    pub nonce: [u8; NONCE_LENGTH],
    /// The user's handle, the same for all passkeys of an account.
    pub user_handle: UserHandle,
}

impl Setup {
    /// Verifies a registration. Without attestation nothing in it is signed, so it proves only that the client answers
    /// this challenge. That is what an enrolment needs: the client chooses its own passkey.
    #[must_use]
    pub fn register(
        &self,
        relying_party: &RelyingParty,
        demands: &Demands,
        response: &RegistrationResponse,
    ) -> Attempt {
        let challenge = Challenge::of(self.nonce, None);
        let expected = Expected { relying_party, challenge: &challenge, demands };
        match verify_registration(&expected, response) {
            Ok(registered) => Attempt::right(Evidence::Registered(Box::new(registered))),
            Err(refused) => {
                tracing::info!(passkey.refused = ?refused, "the registration of a passkey was refused");
                Attempt::Wrong
            }
        }
    }
}

/// An enrolled passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its credential.
    pub credential: Credential,
    /// The ways to reach its authenticator, for the client.
    pub transports: Transports,
}

impl Method {
    /// The passkey that was registered.
    #[must_use]
    pub fn new(registered: &Registered) -> Self {
        let Registered { credential_id, public_key, counter, backup_eligible, transports, .. } = registered.clone();
        Self { credential: Credential { id: credential_id, public_key, counter, backup_eligible }, transports }
    }

    /// Keeps the counter of an assertion.
    pub fn used(&mut self, asserted: Asserted) {
        self.credential.counter = asserted.counter;
    }
}

/// Verifies the assertion of a passkey of the user with this handle.
#[must_use]
pub fn assert(
    method: &Method,
    expected: &Expected<'_>,
    user_handle: &UserHandle,
    response: &AuthenticationResponse,
) -> Attempt {
    match verify_assertion(expected, &method.credential, user_handle, response) {
        Ok(asserted) => Attempt::right(Evidence::Asserted(asserted)),
        Err(refused) => {
            tracing::info!(passkey.refused = ?refused, "the assertion of a passkey was refused");
            Attempt::Wrong
        }
    }
}
