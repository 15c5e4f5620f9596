//! The fields of native requests that have a form of their own.

use std::collections::BTreeMap;

use crate::delivery::messages::Platform;
use crate::domain::actor::Actor;
use crate::domain::error::Error;
use crate::domain::factor::{Channel, FactorType};
use crate::domain::ids::{FactorId, Label};
use crate::domain::receipt::{FirstFactor, Level};
use crate::domain::secret::Code;
use crate::domain::transaction::{Transaction, TransactionProblem, Value};
use crate::flows::enroll::Target;
use crate::flows::{AccountName, Caller, Service};
use crate::http::body::Fields;
use crate::http::factor_id;
use crate::http::failure::Failure;
use crate::json::is_name;

/// The name that the app shows for the account, after a check that each field is one of an enrolment. The back end knows
/// the person's name or address. A user's own token tells it, so a user has no such field. The name is part of the app's
/// URI and is not stored.
pub(super) fn account_name(caller: &Caller, fields: &Fields) -> Result<AccountName, Failure> {
    let of_user = ["factorType", "phoneNumber", "email", "label", "locale", "platform", "code", "consent"];
    fields.require_only(&fields_for(caller, &of_user, "accountName"))?;
    match caller.actor {
        Actor::Session(_) => Ok(caller.account_name.clone()),
        Actor::BackEnd => {
            let given = given_account_name(fields)?;
            let named = [FactorType::Totp, FactorType::Passkey].map(|factor_type| Some(factor_type.name()));
            if given.is_some() && !named.contains(&fields.optional_text("factorType")?) {
                return Err(fields.problem("accountName", "is for an authenticator app or a passkey alone"));
            }
            Ok(given.map_or_else(|| caller.account_name.clone(), |name| AccountName::new(name.as_str())))
        }
    }
}

/// The account's name in the body.
pub(super) fn given_account_name(fields: &Fields) -> Result<Option<Label>, Failure> {
    // An authenticator app ends the issuer at the first colon.
    let parse = |text: &str| Label::parse(text).filter(|name| !name.as_str().contains(':'));
    fields.optional("accountName", "must be 1 to 64 printable characters without a colon", parse)
}

/// The fields that this caller may send: those of a user, and one more of the back end.
pub(super) fn fields_for<'a>(caller: &Caller, of_user: &[&'a str], of_back_end: &'a str) -> Vec<&'a str> {
    let further = match caller.actor {
        Actor::Session(_) => None,
        Actor::BackEnd => Some(of_back_end),
    };
    of_user.iter().copied().chain(further).collect()
}

/// The first factor that the back end states: `{"amr": […]}`. A user can't state it, because it is not the user who
/// knows.
pub(super) fn first_factor(fields: &Fields) -> Result<Option<FirstFactor>, Failure> {
    let Some(first) = fields.optional_object("firstFactor")? else { return Ok(None) };
    first.require_only(&["amr"])?;
    let amr = first.texts("amr")?.ok_or_else(|| first.problem("amr", "is missing"))?;
    FirstFactor::parse(&amr).map(Some).ok_or_else(|| first.problem("amr", FirstFactor::RULE))
}

/// The transaction that a check confirms.
pub(super) fn transaction(fields: &Fields) -> Result<Option<Transaction>, Failure> {
    let Some(object) = fields.optional_object(TRANSACTION)? else { return Ok(None) };
    let mut values = BTreeMap::new();
    for (name, value) in object.entries() {
        if !is_name(name) {
            return Err(fields.problem(TRANSACTION, "has a field whose name is not 1 to 32 letters, digits, _ or -"));
        }
        let value = match value {
            serde_json::Value::String(text) => Value::text(text),
            serde_json::Value::Number(number) => number.as_i64().and_then(Value::integer),
            _ => None,
        };
        values.insert(name.to_owned(), value.ok_or_else(|| object.problem(name, Value::RULE))?);
    }
    Transaction::new(values).map(Some).map_err(|problem| transaction_problem(fields, &problem))
}

/// The refusal of a transaction, with the path of its field.
pub(super) fn transaction_problem(fields: &Fields, problem: &TransactionProblem) -> Failure {
    let TransactionProblem { field, problem } = problem;
    let path = if field.is_empty() { TRANSACTION.to_owned() } else { format!("{TRANSACTION}.{field}") };
    fields.problem(&path, problem)
}

const TRANSACTION: &str = "transaction";

/// The levels in `acrValues`. An empty list asks for no level, so it is refused.
pub(super) fn levels(fields: &Fields) -> Result<Vec<Level>, Failure> {
    let Some(words) = fields.texts("acrValues")? else { return Ok(Vec::new()) };
    let levels: Option<Vec<_>> = words.iter().map(|word| Level::from_acr(word)).collect();
    let levels = levels.filter(|levels| !levels.is_empty());
    levels.ok_or_else(|| fields.problem("acrValues", "must be a list of phr, otp, sms, email and recovery"))
}

/// The app or the destination that `factorType` and its field name.
pub(super) fn target(service: &Service, fields: &Fields) -> Result<Target, Failure> {
    let factor_type = factor_type(service, fields)?.ok_or_else(|| fields.problem("factorType", "is missing"))?;
    Ok(match factor_type {
        FactorType::Totp => Target::App,
        FactorType::Sms => Target::Destination(fields.phone_number(service, "phoneNumber", None)?),
        FactorType::Email => Target::Destination(fields.email_address("email")?),
        FactorType::Passkey => Target::Passkey,
        FactorType::Face if service.faces().is_none() => return Err(Error::ChannelNotConfigured("A face").into()),
        FactorType::Face => Target::Face(fields.consent()?.ok_or(Error::ConsentRequired)?),
    })
}

pub(super) fn factor_type(service: &Service, fields: &Fields) -> Result<Option<FactorType>, Failure> {
    // The message offers only what is set up. A type that exists and is not set up is another refusal, from the flow.
    let has_passkeys = service.settings().relying_party.is_some();
    let is_face_on = service.faces().is_some();
    let offered = match (service.is_configured(Channel::Sms), service.is_configured(Channel::Email), has_passkeys) {
        _ if is_face_on => "must be totp, sms, email, passkey or face",
        (true, true, false) => "must be totp, sms or email",
        (true, false, false) => "must be totp or sms",
        (false, true, false) => "must be totp or email",
        (false, false, false) => "must be totp",
        (true, true, true) => "must be totp, sms, email or passkey",
        (true, false, true) => "must be totp, sms or passkey",
        (false, true, true) => "must be totp, email or passkey",
        (false, false, true) => "must be totp or passkey",
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
