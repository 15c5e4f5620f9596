//! The fields of native requests that have a form of their own.

use crate::delivery::messages::Platform;
use crate::domain::actor::Actor;
use crate::domain::factor::{Channel, FactorType};
use crate::domain::ids::{FactorId, Label};
use crate::domain::secret::Code;
use crate::flows::enroll::Target;
use crate::flows::{AccountName, Caller, Service};
use crate::http::body::Fields;
use crate::http::factor_id;
use crate::http::failure::Failure;

/// The name that the app shows for the account, after a check that each field is one of an enrolment. The back end knows
/// the person's name or address. A user's own token tells it, so a user has no such field. The name is part of the app's
/// URI and is not stored.
pub(super) fn account_name(caller: &Caller, fields: &Fields) -> Result<AccountName, Failure> {
    let of_user = ["factorType", "phoneNumber", "email", "label", "locale", "platform", "code"];
    match caller.actor {
        Actor::Session(_) => {
            fields.require_only(&of_user)?;
            Ok(caller.account_name.clone())
        }
        Actor::BackEnd => {
            fields.require_only(&[&of_user[..], &["accountName"]].concat())?;
            // An authenticator app ends the issuer at the first colon.
            let parse = |text: &str| Label::parse(text).filter(|name| !name.as_str().contains(':'));
            let given =
                fields.optional("accountName", "must be 1 to 64 printable characters without a colon", parse)?;
            if given.is_some() && fields.optional_text("factorType")? != Some(FactorType::Totp.name()) {
                return Err(fields.problem("accountName", "is for an authenticator app alone"));
            }
            Ok(given.map_or_else(|| caller.account_name.clone(), |name| AccountName::new(name.as_str())))
        }
    }
}

/// The app or the destination that `factorType` and its field name.
pub(super) fn target(service: &Service, fields: &Fields) -> Result<Target, Failure> {
    let factor_type = factor_type(service, fields)?.ok_or_else(|| fields.problem("factorType", "is missing"))?;
    Ok(match factor_type {
        FactorType::Totp => Target::App,
        FactorType::Sms => Target::Destination(fields.phone_number(service, "phoneNumber", None)?),
        FactorType::Email => Target::Destination(fields.email_address("email")?),
    })
}

pub(super) fn factor_type(service: &Service, fields: &Fields) -> Result<Option<FactorType>, Failure> {
    // The message offers only what is set up. A type that exists and is not set up is another refusal, from the flow.
    let offered = match (service.is_configured(Channel::Sms), service.is_configured(Channel::Email)) {
        (true, true) => "must be totp, sms or email",
        (true, false) => "must be totp or sms",
        (false, true) => "must be totp or email",
        (false, false) => "must be totp",
    };
    fields.optional("factorType", offered, FactorType::from_name)
}

pub(super) fn optional_factor_id(fields: &Fields) -> Result<Option<FactorId>, Failure> {
    Ok(fields.optional_text("factorId")?.map(factor_id).transpose()?)
}

pub(super) fn platform(fields: &Fields) -> Result<Option<Platform>, Failure> {
    fields.optional("platform", "must be web or android", |platform| match platform {
        "web" => Some(Platform::Web),
        "android" => Some(Platform::Android),
        _ => None,
    })
}

const CODE_SHAPE: &str = "must be 6 to 8 digits, or a recovery code";

pub(super) fn code(fields: &Fields) -> Result<Code, Failure> {
    fields.required("code", CODE_SHAPE, parse_code)
}

pub(super) fn optional_code(fields: &Fields) -> Result<Option<Code>, Failure> {
    fields.optional("code", CODE_SHAPE, parse_code)
}

fn parse_code(text: &str) -> Option<Code> {
    match Code::parse(text) {
        Code::Other => None,
        code => Some(code),
    }
}
