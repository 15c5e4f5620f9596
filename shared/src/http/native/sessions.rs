//! Hosted sessions: the back end creates, ends and redeems them; the page shows and leaves them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::{Map, Value};

use super::brand::BrandReply;
use super::fields::{first_factor, given_account_name, levels, platform, transaction};
use super::{FactorReply, RemainingReply, Reply};
use crate::delivery::Language;
use crate::domain::contact::Destination;
use crate::domain::error::{Error, Subject};
use crate::domain::factor::{Channel, FactorType};
use crate::domain::hosted::{HostedPurpose, HostedResult};
use crate::domain::ids::HostedId;
use crate::domain::receipt::Statement;
use crate::domain::secret::Code;
use crate::domain::token::Nonce;
use crate::domain::transaction::Transaction;
use crate::flows::hosted::{Brief, BriefContact, ContactSent, NextUrl, Page, Redemption, Request, SendContactCode};
use crate::flows::{Caller, Service};
use crate::http::Accepts;
use crate::http::body::Fields;
use crate::http::failure::Failure;
use crate::http::path_parameter;

/// The id of a session in a route's path. A malformed one is refused as not found.
pub(super) struct PathSession(HostedId);

impl FromRequestParts<Arc<Service>> for PathSession {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Failure> {
        let id = path_parameter(parts, service, "id").await;
        let id = HostedId::parse(id.as_deref().unwrap_or_default());
        id.map(Self).ok_or_else(|| Error::NotFound(Subject::Session).into())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedReply {
    id: String,
    url: String,
    expires_at: String,
}

const FIELDS: [&str; 9] = [
    "purpose",
    "returnUrl",
    "transaction",
    "acrValues",
    "firstFactor",
    "offerPasskey",
    "contact",
    "accountName",
    "locale",
];

pub(super) async fn create(State(service): State<Arc<Service>>, caller: Caller, fields: Fields) -> Reply<CreatedReply> {
    fields.require_only(&FIELDS)?;
    let settings = service.settings();
    let page = settings.page().ok_or(Error::ChannelNotConfigured("The page"))?;
    let purpose = fields.required("purpose", "must be check, enroll or manage", HostedPurpose::from_name)?;
    let return_url = fields.text("returnUrl")?;
    if !settings.return_urls.allow(return_url) {
        return Err(fields.problem(
            "returnUrl",
            "must have the origin and the path of one of RETURN_URLS, and no session or code in its query",
        ));
    }
    let (transaction, levels, first_factor) = (transaction(&fields)?, levels(&fields)?, first_factor(&fields)?);
    let offers_passkey = fields.flag("offerPasskey")?;
    let of_checks =
        [("transaction", transaction.is_some()), ("acrValues", !levels.is_empty()), ("offerPasskey", offers_passkey)];
    for (name, is_there) in of_checks {
        if is_there && purpose != HostedPurpose::Check {
            return Err(fields.problem(name, "is for the purpose check alone"));
        }
    }
    if offers_passkey && transaction.is_some() {
        return Err(fields.problem("offerPasskey", "can't be combined with a transaction"));
    }
    let contact = contact(&service, &fields)?;
    if contact.is_some() && purpose == HostedPurpose::Check {
        return Err(fields.problem("contact", "is for the purposes enroll and manage"));
    }
    let account_name = given_account_name(&fields)?;
    let locale = fields.optional("locale", "must be a language tag of at most 35 characters", |tag| {
        let is_tag = tag.len() <= 35 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_tag.then(|| tag.to_owned())
    })?;
    let brief = Brief {
        return_url: return_url.to_owned(),
        transaction,
        account_name: account_name.map(|name| name.as_str().to_owned()),
        locale,
        contact: contact.as_ref().map(BriefContact::from),
    };
    let request = Request { purpose, levels, first_factor, offers_passkey, brief };
    let created = service.create_session(&caller, &request).await.map_err(|error| match error {
        Error::TransactionRefused(problem) => super::fields::transaction_problem(&fields, &problem),
        error => error.into(),
    })?;
    let token = service.encode_token(&caller, &created)?;
    let reply = CreatedReply {
        id: created.id.as_str().to_owned(),
        url: format!("{page}#{token}"),
        expires_at: created.expires_at.to_string(),
    };
    Ok((StatusCode::CREATED, Json(reply)))
}

/// The contact of record: `{"email": …}` or `{"phoneNumber": …}`.
fn contact(service: &Service, fields: &Fields) -> Result<Option<Destination>, Failure> {
    let Some(contact) = fields.optional_object("contact")? else { return Ok(None) };
    contact.require_only(&["email", "phoneNumber"])?;
    match (contact.optional_text("email")?, contact.optional_text("phoneNumber")?) {
        (Some(_), None) => contact.email_address("email").map(Some),
        (None, Some(_)) => contact.phone_number(service, "phoneNumber", None).map(Some),
        (Some(_), Some(_)) | (None, None) => Err(fields.problem("contact", "must have an email or a phoneNumber")),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContactReply {
    sent_to: String,
    expires_at: String,
}

pub(super) async fn send_contact_code(
    State(service): State<Arc<Service>>,
    caller: Caller,
    accepts: Accepts,
    fields: Fields,
) -> Reply<ContactReply> {
    fields.require_only(&["locale", "platform"])?;
    let language = accepts.language(fields.optional_text("locale")?);
    let request = SendContactCode { language, platform: platform(&fields)? };
    let ContactSent { sent_to, expires_at } = service.send_contact_code(&caller, &request).await?;
    let reply = ContactReply { sent_to: sent_to.to_string(), expires_at: expires_at.to_string() };
    Ok((StatusCode::CREATED, Json(reply)))
}

pub(super) async fn confirm_contact(
    State(service): State<Arc<Service>>,
    caller: Caller,
    accepts: Accepts,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    fields.require_only(&["code", "locale"])?;
    let language = accepts.language(fields.optional_text("locale")?);
    let code = fields.required("code", "must be 8 digits", |text| match Code::parse(text) {
        Code::Digits(digits) => Some(digits),
        Code::Recovery(_) | Code::Other => None,
    })?;
    service.confirm_contact(&caller, &code, language).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
pub(super) struct StatusReply {
    status: &'static str,
}

pub(super) async fn status(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathSession(id): PathSession,
) -> Reply<StatusReply> {
    let status = service.session_status(&caller, &id).await?;
    Ok((StatusCode::OK, Json(StatusReply { status: status.name() })))
}

pub(super) async fn end(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathSession(id): PathSession,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    fields.require_only(&[])?;
    service.end_session(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RedeemReply {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<Transaction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

pub(super) async fn redeem(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathSession(id): PathSession,
    fields: Fields,
) -> Reply<RedeemReply> {
    fields.require_only(&["code"])?;
    // A text of another form is no code of any session.
    let code = Nonce::decode(fields.text("code")?).ok_or(Error::NotFound(Subject::Session))?;
    let Redemption { result, statement, receipt, .. } = service.redeem(&caller, &id, &code).await?;
    let status = match result {
        HostedResult::Passed(_) => "passed",
        HostedResult::Enrolled(_) => "enrolled",
        HostedResult::Managed => "managed",
    };
    let statement = statement.as_ref();
    let reply = RedeemReply {
        status,
        factor_id: statement.map(|statement| statement.check.factor_id().to_owned()),
        amr: statement.map(Statement::amr),
        acr: statement.map(|statement| statement.check.level.acr()),
        transaction: statement
            .and_then(|statement| statement.transaction.as_ref())
            .map(|confirmed| confirmed.transaction.clone()),
        receipt: receipt.map(|receipt| receipt.0),
    };
    Ok((StatusCode::OK, Json(reply)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ViewContact {
    r#type: &'static str,
    masked_destination: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ViewReply {
    purpose: &'static str,
    needs: &'static str,
    product: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    brand: Option<BrandReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    expires_at: String,
    /// The contact of record that must be confirmed first.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<ViewContact>,
    /// The types of factors that can be enrolled.
    types: Vec<&'static str>,
    factors: Vec<FactorReply>,
    recovery_codes: RemainingReply,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<Transaction>,
    /// The text of the transaction, by language.
    #[serde(skip_serializing_if = "Map::is_empty")]
    transaction_text: Map<String, Value>,
}

/// The answer to the page: what there is to do, or the way back.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum PageReply {
    Open(Box<ViewReply>),
    Done { needs: &'static str, next: String },
}

pub(super) async fn show(State(service): State<Arc<Service>>, caller: Caller) -> Reply<PageReply> {
    let view = match service.view_session(&caller).await? {
        Page::Open(view) => *view,
        Page::Done(NextUrl(next)) => return Ok((StatusCode::OK, Json(PageReply::Done { needs: "done", next }))),
    };
    let settings = service.settings();
    let is_offered = |factor_type: &FactorType| match factor_type {
        FactorType::Totp => true,
        FactorType::Sms => service.is_configured(Channel::Sms),
        FactorType::Email => service.is_configured(Channel::Email),
        FactorType::Passkey => settings.relying_party.is_some(),
        // The page takes no photos.
        FactorType::Face => false,
    };
    let texts = view.brief.transaction.iter().flat_map(|transaction| {
        let text = |language: Language| {
            let text = settings.transactions.text(transaction, language).ok()?;
            Some((language.tag().to_owned(), Value::String(text)))
        };
        Language::ALL.into_iter().filter_map(text).collect::<Vec<_>>()
    });
    let reply = ViewReply {
        purpose: view.purpose.name(),
        needs: view.needs.name(),
        product: settings.product.clone(),
        brand: BrandReply::new(&settings.brand),
        locale: view.brief.locale.clone(),
        expires_at: view.expires_at.to_string(),
        contact: view.contact.map(|(channel, destination)| ViewContact {
            r#type: FactorType::from(channel).name(),
            masked_destination: destination.to_string(),
        }),
        types: FactorType::ALL.into_iter().filter(is_offered).map(FactorType::name).collect(),
        transaction_text: texts.collect(),
        factors: view.factors.into_iter().map(FactorReply::from).collect(),
        recovery_codes: RemainingReply { remaining: view.remaining_recovery_codes },
        transaction: view.brief.transaction,
    };
    Ok((StatusCode::OK, Json(PageReply::Open(Box::new(reply)))))
}

#[derive(Serialize)]
pub(super) struct LeaveReply {
    next: String,
}

pub(super) async fn leave(State(service): State<Arc<Service>>, caller: Caller, fields: Fields) -> Reply<LeaveReply> {
    fields.require_only(&[])?;
    Ok((StatusCode::OK, Json(LeaveReply { next: service.leave_session(&caller).await?.0 })))
}
