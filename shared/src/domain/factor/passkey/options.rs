//! The options of both ceremonies in the JSON forms of the standard: `PublicKeyCredentialCreationOptionsJSON` and
//! `PublicKeyCredentialRequestOptionsJSON` (section 5.1), which `PublicKeyCredential.parseCreationOptionsFromJSON()`
//! and `parseRequestOptionsFromJSON()` read.

use serde_json::{Value, json};

use super::{Algorithm, Challenge, CredentialId, RelyingParty, Transports, UserHandle};

/// The degree to which a discoverable credential (section 5.4.6) or user verification (section 5.8.6) is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// The ceremony fails without it.
    Required,
    /// The client tries to have it.
    Preferred,
    /// The client avoids it.
    Discouraged,
}

impl Requirement {
    const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Discouraged => "discouraged",
        }
    }
}

/// The demands on credentials. Options state them and verification holds responses to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demands {
    /// The accepted algorithms, the most wanted one first.
    pub algorithms: &'static [Algorithm],
    /// Whether a new credential is discoverable. Only the client knows the result.
    pub resident_key: Requirement,
    /// Whether the authenticator verifies its user.
    pub user_verification: Requirement,
}

impl Demands {
    /// A second factor. A discoverable credential is preferred, because phones synchronise no other. ES256 is first: every
    /// authenticator except those of older Windows has it, and those take RS256. `EdDSA` is for an authenticator that has
    /// nothing else.
    pub const SECOND_FACTOR: Self = Self {
        algorithms: &[Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256],
        resident_key: Requirement::Preferred,
        user_verification: Requirement::Preferred,
    };

    /// A credential that signs a person in on its own: discoverable, and its user is verified.
    pub const SOLE_FACTOR: Self = Self {
        algorithms: &[Algorithm::Es256, Algorithm::Rs256],
        resident_key: Requirement::Required,
        user_verification: Requirement::Required,
    };
}

/// The kind of authenticator that the client should offer first (section 5.8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A security key.
    SecurityKey,
    /// The device that the client runs on.
    ClientDevice,
    /// A phone, by a QR code.
    Hybrid,
}

impl Hint {
    const fn name(self) -> &'static str {
        match self {
            Self::SecurityKey => "security-key",
            Self::ClientDevice => "client-device",
            Self::Hybrid => "hybrid",
        }
    }
}

/// A credential as options name it (section 5.8.3).
#[derive(Clone, Copy, Debug)]
pub struct Descriptor<'a> {
    /// Its id.
    pub id: &'a CredentialId,
    /// The ways to reach its authenticator.
    pub transports: Transports,
}

impl Descriptor<'_> {
    fn to_json(self) -> Value {
        let mut json = json!({"type": "public-key", "id": self.id.encode()});
        // An unknown set is left out, so that the client tries every way.
        if let (Value::Object(members), true) = (&mut json, self.transports != Transports::default()) {
            members.insert("transports".to_owned(), self.transports.to_json());
        }
        json
    }
}

/// The options of a registration.
#[derive(Clone, Copy, Debug)]
pub struct CreationOptions<'a> {
    /// The relying party.
    pub relying_party: &'a RelyingParty,
    /// The user's handle.
    pub user_handle: &'a UserHandle,
    /// The name of the account, such as an address. Authenticators show it and may keep it.
    pub user_name: &'a str,
    /// The person's name.
    pub display_name: &'a str,
    /// The challenge.
    pub challenge: &'a Challenge,
    /// The demands.
    pub demands: &'a Demands,
    /// The user's credentials. An authenticator that has one of them makes no second one.
    pub exclude: &'a [Descriptor<'a>],
    /// The time that the client gives the person, in milliseconds.
    pub timeout_ms: u32,
    /// The kinds of authenticators to offer first, if any.
    pub hints: &'a [Hint],
}

impl CreationOptions<'_> {
    /// The options as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let demands = self.demands;
        let algorithms =
            demands.algorithms.iter().map(|algorithm| json!({"type": "public-key", "alg": algorithm.id()}));
        json!({
            "rp": {"id": self.relying_party.id(), "name": self.relying_party.name()},
            "user": {"id": self.user_handle.encode(), "name": self.user_name, "displayName": self.display_name},
            "challenge": self.challenge.encode(),
            "pubKeyCredParams": algorithms.collect::<Value>(),
            "timeout": self.timeout_ms,
            "excludeCredentials": descriptors(self.exclude),
            "authenticatorSelection": {
                "residentKey": demands.resident_key.name(),
                // Clients of WebAuthn Level 1 read this one.
                "requireResidentKey": demands.resident_key == Requirement::Required,
                "userVerification": demands.user_verification.name(),
            },
            "hints": hints(self.hints),
            "attestation": "none",
        })
    }
}

/// The options of an assertion.
#[derive(Clone, Copy, Debug)]
pub struct RequestOptions<'a> {
    /// The relying party.
    pub relying_party: &'a RelyingParty,
    /// The challenge.
    pub challenge: &'a Challenge,
    /// The demands.
    pub demands: &'a Demands,
    /// The user's credentials, any of which may answer.
    pub allow: &'a [Descriptor<'a>],
    /// The time that the client gives the person, in milliseconds.
    pub timeout_ms: u32,
    /// The kinds of authenticators to offer first, if any.
    pub hints: &'a [Hint],
}

impl RequestOptions<'_> {
    /// The options as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "challenge": self.challenge.encode(),
            "timeout": self.timeout_ms,
            "rpId": self.relying_party.id(),
            "allowCredentials": descriptors(self.allow),
            "userVerification": self.demands.user_verification.name(),
            "hints": hints(self.hints),
        })
    }
}

fn descriptors(descriptors: &[Descriptor<'_>]) -> Value {
    descriptors.iter().map(|descriptor| descriptor.to_json()).collect()
}

fn hints(hints: &[Hint]) -> Value {
    hints.iter().map(|hint| hint.name()).collect()
}
