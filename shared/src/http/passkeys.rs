//! Passkeys: their options and their answers in the W3C's JSON forms.

use serde_json::Value;

use crate::domain::error::Error;
use crate::domain::factor::passkey::{
    AuthenticationResponse, CreationOptions, Demands, Descriptor, Method, RegistrationResponse, RequestOptions,
    ResponseProblem,
};
use crate::flows::enroll::PasskeyOffer;
use crate::flows::passkeys::PasskeyChallenge;
use crate::flows::{AccountName, Service};

use super::body::Fields;
use super::failure::Failure;

/// The time that a client gives the person, in milliseconds (section 5.4: 300 to 600 seconds where the user is verified).
const TIMEOUT_MS: u32 = 300_000;

fn descriptors(methods: &[Method]) -> Vec<Descriptor<'_>> {
    let of_method = methods.iter();
    of_method.map(|method| Descriptor { id: &method.credential.id, transports: method.transports }).collect()
}

/// The options of a registration.
pub(super) fn creation(
    service: &Service,
    name: &AccountName,
    offer: &PasskeyOffer,
    demands: &Demands,
) -> Result<Value, Error> {
    let options = CreationOptions {
        relying_party: service.settings().relying_party()?,
        user_handle: &offer.user_handle,
        user_name: name.as_str(),
        display_name: name.as_str(),
        challenge: &offer.challenge,
        demands,
        exclude: &descriptors(&offer.exclude),
        timeout_ms: TIMEOUT_MS,
        hints: &[],
    };
    Ok(options.to_json())
}

/// The options of an assertion.
pub(super) fn request(service: &Service, challenge: &PasskeyChallenge, demands: &Demands) -> Result<Value, Error> {
    let options = RequestOptions {
        relying_party: service.settings().relying_party()?,
        challenge: &challenge.challenge,
        demands,
        allow: &descriptors(&challenge.allow),
        timeout_ms: TIMEOUT_MS,
        hints: &[],
    };
    Ok(options.to_json())
}

/// The registration of a passkey in this field of the body. `prepare` may change its JSON first.
pub(super) fn registration(
    fields: &Fields,
    name: &str,
    prepare: impl Fn(&mut Value),
) -> Result<RegistrationResponse, Failure> {
    answer(fields, name, prepare, RegistrationResponse::parse)
}

/// The assertion of a passkey in this field of the body. `prepare` may change its JSON first.
pub(super) fn assertion(
    fields: &Fields,
    name: &str,
    prepare: impl Fn(&mut Value),
) -> Result<AuthenticationResponse, Failure> {
    answer(fields, name, prepare, AuthenticationResponse::parse)
}

fn answer<T>(
    fields: &Fields,
    name: &str,
    prepare: impl Fn(&mut Value),
    parse: impl Fn(&Value) -> Result<T, ResponseProblem>,
) -> Result<T, Failure> {
    let Some(object) = fields.optional_object(name)? else { return Err(fields.problem(name, "is missing")) };
    let mut json = object.into_json();
    prepare(&mut json);
    parse(&json).map_err(|ResponseProblem { field, problem }| {
        let path = if field.is_empty() { name.to_owned() } else { format!("{name}.{field}") };
        fields.problem(&path, problem)
    })
}
