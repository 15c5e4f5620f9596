//! The responses of authenticators in the JSON forms of the standard: `RegistrationResponseJSON` and
//! `AuthenticationResponseJSON` (section 5.1), which `PublicKeyCredential.toJSON()` makes.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::{CredentialId, Transports};

/// The response of `navigator.credentials.create()`. Only what is verified is read: the copies of the public key and of
/// the authenticator data beside the attestation object are left out, and so are the extensions' results.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistrationResponse {
    pub(super) id: CredentialId,
    pub(super) client_data: Vec<u8>,
    pub(super) attestation_object: Vec<u8>,
    pub(super) transports: Transports,
}

/// The response of `navigator.credentials.get()`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthenticationResponse {
    pub(super) id: CredentialId,
    pub(super) client_data: Vec<u8>,
    pub(super) authenticator_data: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) user_handle: Option<Vec<u8>>,
}

/// A member of a response and its problem, without the member's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseProblem {
    /// The member's path, as `response.clientDataJSON`; empty for the whole response.
    pub field: &'static str,
    /// The problem, worded as the end of a sentence that begins with the member.
    pub problem: &'static str,
}

/// The longest client data in bytes. Browsers send about 130 and a long origin.
const CLIENT_DATA: usize = 4 * 1024;
/// The longest attestation object in bytes. One with the certificates of a TPM has about 5,000.
const ATTESTATION_OBJECT: usize = 16 * 1024;
/// The longest authenticator data of an assertion in bytes: 37, and extensions.
const AUTHENTICATOR_DATA: usize = 2 * 1024;
/// The longest signature in bytes: one of RSA with 4096 bits.
const SIGNATURE: usize = 512;
/// The longest user handle in bytes (section 5.4.3).
const USER_HANDLE: usize = 64;

impl RegistrationResponse {
    /// Reads a `RegistrationResponseJSON`. Members that are not named here are ignored.
    ///
    /// # Errors
    /// The first member that is missing or wrong.
    pub fn parse(json: &Value) -> Result<Self, ResponseProblem> {
        Ok(Self {
            id: credential_id(json)?,
            client_data: bytes(json, "response.clientDataJSON", CLIENT_DATA)?,
            attestation_object: bytes(json, "response.attestationObject", ATTESTATION_OBJECT)?,
            transports: transports(json)?,
        })
    }
}

impl AuthenticationResponse {
    /// Reads an `AuthenticationResponseJSON`. Members that are not named here are ignored.
    ///
    /// # Errors
    /// The first member that is missing or wrong.
    pub fn parse(json: &Value) -> Result<Self, ResponseProblem> {
        Ok(Self {
            id: credential_id(json)?,
            client_data: bytes(json, "response.clientDataJSON", CLIENT_DATA)?,
            authenticator_data: bytes(json, "response.authenticatorData", AUTHENTICATOR_DATA)?,
            signature: bytes(json, "response.signature", SIGNATURE)?,
            user_handle: optional_bytes(json, "response.userHandle", USER_HANDLE)?,
        })
    }

    /// The id of the credential that the response claims to be of, by which the credential is looked up.
    #[must_use]
    pub fn credential_id(&self) -> &CredentialId {
        &self.id
    }
}

/// A response belongs to one person and one challenge, so it is not printed.
impl fmt::Debug for RegistrationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistrationResponse(…)")
    }
}

impl fmt::Debug for AuthenticationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticationResponse(…)")
    }
}

/// The id, of a credential whose `type`, `id` and `rawId` agree.
fn credential_id(json: &Value) -> Result<CredentialId, ResponseProblem> {
    if !json.is_object() {
        return Err(ResponseProblem { field: "", problem: "must be an object" });
    }
    if text(json, "type")? != "public-key" {
        return Err(ResponseProblem { field: "type", problem: "must be public-key" });
    }
    let id = bytes(json, "id", CredentialId::MAX)?;
    if text(json, "rawId")? != text(json, "id")? {
        return Err(ResponseProblem { field: "rawId", problem: "must be the same as `id`" });
    }
    CredentialId::from_bytes(&id).ok_or(ResponseProblem { field: "id", problem: "is empty" })
}

fn transports(json: &Value) -> Result<Transports, ResponseProblem> {
    let problem = ResponseProblem { field: "response.transports", problem: "must be an array of strings" };
    match member(json, problem.field) {
        None | Some(Value::Null) => Ok(Transports::default()),
        Some(Value::Array(names)) => {
            let names: Option<Vec<_>> = names.iter().map(Value::as_str).collect();
            Ok(Transports::from_names(names.ok_or(problem)?))
        }
        Some(_) => Err(problem),
    }
}

fn bytes(json: &Value, field: &'static str, max: usize) -> Result<Vec<u8>, ResponseProblem> {
    optional_bytes(json, field, max)?.ok_or(ResponseProblem { field, problem: "is missing" })
}

/// The bytes of an optional member. Its length is checked before it is decoded.
fn optional_bytes(json: &Value, field: &'static str, max: usize) -> Result<Option<Vec<u8>>, ResponseProblem> {
    if matches!(member(json, field), None | Some(Value::Null)) {
        return Ok(None);
    }
    let text = text(json, field)?;
    if text.len() > BASE64URL_NOPAD.encode_len(max) {
        return Err(ResponseProblem { field, problem: "is too long" });
    }
    let decoded = BASE64URL_NOPAD.decode(text.as_bytes());
    decoded.map(Some).map_err(|_| ResponseProblem { field, problem: "must be base64url without padding" })
}

fn text<'a>(json: &'a Value, field: &'static str) -> Result<&'a str, ResponseProblem> {
    match member(json, field) {
        None | Some(Value::Null) => Err(ResponseProblem { field, problem: "is missing" }),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ResponseProblem { field, problem: "must be a string" }),
    }
}

fn member<'a>(json: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(json, |value, name| value.get(name))
}
