//! Passkeys: the relying party's side of Web Authentication Level 3 (<https://www.w3.org/TR/webauthn-3/>, the
//! "standard" below). A registration is verified as section 7.1 says, an assertion as section 7.2 says.
//!
//! ```text
//! CreationOptions ──▶ browser ──▶ RegistrationResponse ──▶ verify_registration ──▶ Registered   (stored as a Credential)
//! RequestOptions  ──▶ browser ──▶ AuthenticationResponse ─▶ verify_assertion ────▶ Asserted     (its counter is stored)
//! ```
//!
//! This module refuses wherever the standard leaves a choice: responses from a frame of another origin, a counter that
//! does not grow, a credential that changes its backup eligibility, CBOR in a form that is not canonical. There are two
//! exceptions, because nothing here depends on them: extensions are read and ignored, and attestation is not trusted (see
//! [`verify_registration`]).
//!
//! Challenges, credential ids, user handles, public keys and responses are never printed.

mod assertion;
mod attestation;
mod authenticator_data;
mod cbor;
mod client_data;
mod cose;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ids;
mod kind;
mod options;
mod refused;
mod registration;
mod relying_party;
mod response;

pub use assertion::{Asserted, Credential, verify_assertion};
pub use cose::{Algorithm, PublicKey};
pub use ids::{Challenge, CredentialId, Transports, UserHandle};
pub use kind::{Method, NONCE_LENGTH, Setup, assert};
pub use options::{CreationOptions, Demands, Descriptor, Hint, RequestOptions, Requirement};
pub use refused::Refused;
pub use registration::{Registered, verify_registration};
pub use relying_party::RelyingParty;
pub use response::{AuthenticationResponse, RegistrationResponse, ResponseProblem};

/// The context that a response is verified in.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The relying party.
    pub relying_party: &'a RelyingParty,
    /// The challenge of the options.
    pub challenge: &'a Challenge,
    /// The demands of the options.
    pub demands: &'a Demands,
}
