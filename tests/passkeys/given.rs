//! Common preparations of the tests.

use countersign::domain::factor::passkey::{
    Asserted, AuthenticationResponse, Challenge, Credential, Demands, Expected, Refused, Registered,
    RegistrationResponse, RelyingParty, UserHandle, verify_assertion, verify_registration,
};
use serde_json::{Value, json};

use crate::rig::authenticator::{Authenticator, Key};

pub(super) const ORIGIN: &str = "https://login.example.com";

/// A relying party, a challenge and a user.
pub(super) struct Given {
    pub(super) relying_party: RelyingParty,
    pub(super) challenge: Challenge,
    pub(super) user_handle: UserHandle,
    pub(super) demands: Demands,
}

impl Given {
    pub(super) fn new() -> Self {
        Self {
            relying_party: RelyingParty::new("example.com", "Example", &["https://example.com", ORIGIN]).unwrap(),
            challenge: Challenge::of([7; 16], None),
            user_handle: UserHandle::from_bytes(&[9; 32]).unwrap(),
            demands: Demands::SECOND_FACTOR,
        }
    }

    /// The parts of creation and of request options that the authenticator reads.
    pub(super) fn options(&self) -> Value {
        json!({
            "rp": {"id": "example.com"},
            "rpId": "example.com",
            "user": {"id": self.user_handle.encode()},
            "challenge": self.challenge.encode(),
        })
    }

    pub(super) fn expected(&self) -> Expected<'_> {
        Expected { relying_party: &self.relying_party, challenge: &self.challenge, demands: &self.demands }
    }

    pub(super) fn register(&self, json: &Value) -> Result<Registered, Refused> {
        verify_registration(&self.expected(), &RegistrationResponse::parse(json).unwrap())
    }

    pub(super) fn assert(&self, credential: &Credential, json: &Value) -> Result<Asserted, Refused> {
        let response = AuthenticationResponse::parse(json).unwrap();
        verify_assertion(&self.expected(), credential, &self.user_handle, &response)
    }

    /// Registers the authenticator.
    pub(super) fn credential(&self, authenticator: &mut Authenticator) -> Credential {
        credential_of(self.register(&authenticator.create(&self.options(), ORIGIN).json()).unwrap())
    }
}

/// The record of a registered credential.
pub(super) fn credential_of(registered: Registered) -> Credential {
    let Registered { credential_id: id, public_key, counter, backup_eligible, .. } = registered;
    Credential { id, public_key, counter, backup_eligible }
}

/// A key of each algorithm.
pub(super) fn keys() -> [Key; 3] {
    [Key::es256(1), Key::eddsa(1), Key::rs256()]
}
