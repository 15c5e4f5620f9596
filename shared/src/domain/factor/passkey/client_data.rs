//! Client data (section 5.8.1): what the browser states about the call.

use serde_json::Value;

use super::{Challenge, Refused, RelyingParty};
use crate::json;

/// The ceremony of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    Registration,
    Assertion,
}

/// Verifies client data (7.1 steps 5 to 11, 7.2 steps 8 to 14). Members that the standard does not name are ignored,
/// because browsers may add some.
pub(super) fn verify(
    json: &[u8],
    ceremony: Ceremony,
    challenge: &Challenge,
    relying_party: &RelyingParty,
) -> Result<(), Refused> {
    // "UTF-8 decode" of the Encoding Standard removes a byte order mark.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let Ok(Value::Object(members)) = json::parse(json) else { return Err(Refused::ClientData) };
    let text = |name: &str| members.get(name).and_then(Value::as_str).ok_or(Refused::ClientData);
    let expected = match ceremony {
        Ceremony::Registration => "webauthn.create",
        Ceremony::Assertion => "webauthn.get",
    };
    if text("type")? != expected {
        return Err(Refused::Type);
    }
    if !challenge.is(text("challenge")?) {
        return Err(Refused::Challenge);
    }
    if !relying_party.has_origin(text("origin")?) {
        return Err(Refused::Origin);
    }
    match (members.get("crossOrigin"), members.get("topOrigin")) {
        (None | Some(Value::Bool(false)), None) => Ok(()),
        _ => Err(Refused::CrossOrigin),
    }
}
