//! Passkeys: registrations and assertions are verified as WebAuthn Level 3 says (T43).

mod assertions;
mod flips;
mod given;
mod judges;
mod options;
mod recorded;
mod registrations;
mod responses;
mod vectors;
