//! Passkeys: their options and their answers in the W3C's JSON forms.

use serde::Serialize;
use serde_json::Value;

use crate::domain::error::Error;
use crate::domain::factor::passkey::{
    AuthenticationResponse, CreationOptions, Demands, Descriptor, Method, RegistrationResponse, RelyingParty,
    RequestOptions, ResponseProblem,
};
use crate::flows::enroll::PasskeyOffer;
use crate::flows::passkeys::PasskeyChallenge;
use crate::flows::{AccountName, Service};
use crate::http::body::Fields;
use crate::http::failure::Failure;

/// The time that a client gives the person, in milliseconds (section 5.4: 300 to 600 seconds where the user is verified).
const TIMEOUT_MS: u32 = 300_000;

/// The options for the browser.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PasskeyReply {
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON`.
    public_key: Value,
}

fn relying_party(service: &Service) -> Result<&RelyingParty, Error> {
    service.settings().relying_party.as_ref().ok_or(Error::ChannelNotConfigured("A passkey"))
}

fn descriptors(methods: &[Method]) -> Vec<Descriptor<'_>> {
    let of_method = methods.iter();
    of_method.map(|method| Descriptor { id: &method.credential.id, transports: method.transports }).collect()
}

/// The options of a registration.
pub(super) fn creation(service: &Service, name: &AccountName, offer: &PasskeyOffer) -> Result<PasskeyReply, Error> {
    let options = CreationOptions {
        relying_party: relying_party(service)?,
        user_handle: &offer.user_handle,
        user_name: name.as_str(),
        display_name: name.as_str(),
        challenge: &offer.challenge,
        demands: &Demands::SECOND_FACTOR,
        exclude: &descriptors(&offer.exclude),
        timeout_ms: TIMEOUT_MS,
        hints: &[],
    };
    Ok(PasskeyReply { public_key: options.to_json() })
}

/// The options of an assertion.
pub(super) fn request(service: &Service, challenge: &PasskeyChallenge) -> Result<PasskeyReply, Error> {
    let options = RequestOptions {
        relying_party: relying_party(service)?,
        challenge: &challenge.challenge,
        demands: &Demands::SECOND_FACTOR,
        allow: &descriptors(&challenge.allow),
        timeout_ms: TIMEOUT_MS,
        hints: &[],
    };
    Ok(PasskeyReply { public_key: options.to_json() })
}

const CREDENTIAL: &str = "credential";

/// Whether the body has a passkey's answer in place of a code.
pub(super) fn is_given(fields: &Fields) -> Result<bool, Failure> {
    let is_given = fields.optional_object(CREDENTIAL)?.is_some();
    match (is_given, fields.optional_text("code")?) {
        (true, Some(_)) => Err(fields.problem(CREDENTIAL, "must not stand beside `code`")),
        (is_given, _) => Ok(is_given),
    }
}

/// The registration of a passkey in the body.
pub(super) fn registration(fields: &Fields) -> Result<RegistrationResponse, Failure> {
    credential(fields, RegistrationResponse::parse)
}

/// The assertion of a passkey in the body.
pub(super) fn assertion(fields: &Fields) -> Result<AuthenticationResponse, Failure> {
    credential(fields, AuthenticationResponse::parse)
}

fn credential<T>(fields: &Fields, parse: impl Fn(&Value) -> Result<T, ResponseProblem>) -> Result<T, Failure> {
    let Some(object) = fields.optional_object(CREDENTIAL)? else {
        return Err(fields.problem(CREDENTIAL, "is missing"));
    };
    parse(&object.into_json()).map_err(|ResponseProblem { field, problem }| {
        let path = if field.is_empty() { CREDENTIAL.to_owned() } else { format!("{CREDENTIAL}.{field}") };
        fields.problem(&path, problem)
    })
}
