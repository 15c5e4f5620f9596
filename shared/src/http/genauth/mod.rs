//! GenAuth's factor API (Authing v3). The clients `authing-node-sdk` and `authing` work if their host is set to ours.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;
use serde_json::{Value, json};

use super::body::Fields;
use super::dialect::Dialect;
use super::edge::RequestId;
use super::failure::Failure;
use super::routes::{Function, Method, Route};
use super::{Accepts, AppOffer, ReceiptHeader, factor_id, photos};
use crate::domain::contact::MaskedDestination;
use crate::domain::enrollment::Claim;
use crate::domain::error::{Error, Subject};
use crate::domain::factor::{Channel, FactorSummary, FactorType};
use crate::domain::otpauth::ParameterOrder;
use crate::domain::secret::RecoveryCode;
use crate::domain::terms::{AppsAllowed, CheckNeeded, RecoveryHandout, Terms};
use crate::domain::token::{EnrollmentToken, Realm};
use crate::flows::confirm::Given;
use crate::flows::enroll::{self, Offer, Target};
use crate::flows::verify::{Answers, Apps, Binding};
use crate::flows::{Caller, Service, Settings};

mod errors;

const REALM: Realm = Realm::new('g');

pub(super) static DIALECT: Dialect = Dialect { name: "genauth", terms, routes, respond: errors::respond };

fn terms(settings: &Settings) -> Terms {
    Terms {
        realm: REALM,
        enrollment_seconds: settings.genauth_enrollment_seconds,
        check_needed: CheckNeeded::ToBegin,
        apps: AppsAllowed::One,
        recovery: RecoveryHandout::ShownAtBeginning,
    }
}

type Reply<T> = Result<Json<Envelope<T>>, Failure>;

/// The path whose failures have `data.verified`, because its clients read that field.
const VERIFY_PATH: &str = "/api/v3/mfa-totp-verify";

fn routes() -> Vec<Route> {
    use Function::{EnrollRequest, Factors, Verify};
    use Method::{Get, Post};
    let d = &DIALECT;
    vec![
        Route::new(EnrollRequest, d, Post, "/api/v3/send-enroll-factor-request", send_enroll_factor_request),
        Route::new(Verify, d, Post, "/api/v3/enroll-factor", enroll_factor).with_photos(),
        Route::new(Verify, d, Post, VERIFY_PATH, mfa_totp_verify),
        Route::new(Factors, d, Get, "/api/v3/list-enrolled-factors", list_enrolled_factors),
        Route::new(Factors, d, Get, "/api/v3/get-factor", get_factor),
        Route::new(Factors, d, Get, "/api/v3/get-factors", get_factor),
        Route::new(Factors, d, Get, "/api/v3/list-factors-to-enroll", list_factors_to_enroll),
        Route::new(Factors, d, Post, "/api/v3/reset-factor", reset_factor),
    ]
}

/// The envelope of every answer. A success has no `apiCode`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<T> {
    status_code: u16,
    message: &'static str,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
}

fn success<T>(RequestId(request_id): RequestId, data: Option<T>) -> Json<Envelope<T>> {
    Json(Envelope { status_code: 200, message: "Operation successful", request_id, data })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnrollReply {
    enrollment_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    otp_data: Option<OtpData>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OtpData {
    qr_code_uri: String,
    qr_code_data_url: String,
    recovery_code: String,
}

async fn send_enroll_factor_request(
    State(service): State<Arc<Service>>,
    caller: Caller,
    id: RequestId,
    accepts: Accepts,
    fields: Fields,
) -> Reply<EnrollReply> {
    let profile = fields.object("profile")?;
    let target = match factor_type(&service, &fields)? {
        FactorType::Totp => Target::App,
        FactorType::Sms => {
            let country_code = profile.optional_text("phoneCountryCode")?;
            Target::Destination(profile.phone_number(&service, "phoneNumber", country_code)?)
        }
        FactorType::Email => Target::Destination(profile.email_address("email")?),
        // Its clients know no passkeys, and `factor_type` has refused the word.
        FactorType::Passkey => Target::Passkey,
        // One of its clients can't send a field that it does not know, but in the profile.
        FactorType::Face => {
            let consent = [profile.consent()?, fields.consent()?].into_iter().flatten().next();
            Target::Face(consent.ok_or(Error::ConsentRequired)?)
        }
    };
    let language = accepts.language(None);
    let request =
        enroll::Request { terms: DIALECT.terms(&service), target, label: None, code: None, language, platform: None };
    let enrolled = service.enroll(&caller, &request).await?;
    let otp_data = match enrolled.offer {
        Offer::Sent(_) | Offer::Passkey(_) | Offer::Face => None,
        Offer::App { secret, parameters, recovery_code } => {
            let AppOffer { uri, qr_code, .. } =
                AppOffer::new(&service, &caller.account_name, secret, parameters, ParameterOrder::SecretFirst)?;
            let recovery_code = recovery_code.as_ref().map(RecoveryCode::grouped).unwrap_or_default();
            Some(OtpData { qr_code_uri: uri, qr_code_data_url: qr_code, recovery_code })
        }
    };
    Ok(success(id, Some(EnrollReply { enrollment_token: enrolled.token.encode(), otp_data })))
}

async fn enroll_factor(
    State(service): State<Arc<Service>>,
    caller: Caller,
    id: RequestId,
    fields: Fields,
) -> Result<(ReceiptHeader, Json<Envelope<Value>>), Failure> {
    let factor_type = factor_type(&service, &fields)?;
    let token = EnrollmentToken::parse(fields.text("enrollmentToken")?, REALM)?;
    if token.factor_type != factor_type {
        return Err(Error::NotFound(Subject::Enrollment(factor_type)).into());
    }
    let data = fields.object("enrollmentData")?;
    let proof = match factor_type {
        FactorType::Face if data.flag("isExternalPhoto")? => {
            Given::Photo(photos::from_link(&service, &data, "photo").await?)
        }
        FactorType::Face => Given::Photo(photos::from_data_url(&data, "photo").await?),
        FactorType::Totp | FactorType::Sms | FactorType::Email | FactorType::Passkey => {
            Given::Code(data.code("passCode")?)
        }
    };
    let confirmed = service.confirm(&caller, &DIALECT.terms(&service), Claim::from(&token), &proof).await?;
    Ok((ReceiptHeader(confirmed.receipt), success(id, None)))
}

async fn mfa_totp_verify(
    State(service): State<Arc<Service>>,
    caller: Caller,
    id: RequestId,
    fields: Fields,
) -> Result<(ReceiptHeader, Json<Envelope<Value>>), Failure> {
    let passed = service.verify(&caller, &fields.code("totp")?, &Answers::App(Apps::Any), &Binding::default()).await?;
    Ok((ReceiptHeader(passed.receipt), success(id, Some(json!({"verified": true})))))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FactorReply {
    factor_id: String,
    factor_type: &'static str,
    profile: Profile,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_country_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl FactorReply {
    /// `None` for a factor of a type that GenAuth does not know.
    fn of(factor: FactorSummary) -> Option<Self> {
        let factor_type = type_name(factor.factor_type)?;
        let profile = match factor.destination {
            None => Profile::default(),
            Some(MaskedDestination::Email(email)) => Profile { email: Some(email), ..Profile::default() },
            Some(MaskedDestination::Phone { country_code, national }) => {
                Profile { phone_number: Some(national), phone_country_code: Some(country_code), ..Profile::default() }
            }
        };
        let factor_id = factor.id.as_str().to_owned();
        Some(Self { factor_id, factor_type, profile })
    }
}

async fn list_enrolled_factors(
    State(service): State<Arc<Service>>,
    caller: Caller,
    id: RequestId,
) -> Reply<Vec<FactorReply>> {
    let factors = service.overview(&caller).await?.factors;
    Ok(success(id, Some(factors.into_iter().filter_map(FactorReply::of).collect())))
}

async fn get_factor(
    State(service): State<Arc<Service>>,
    caller: Caller,
    id: RequestId,
    query: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Reply<FactorReply> {
    let factor = query.as_ref().ok().and_then(|query| query.get("factorId"));
    let factor = factor.ok_or_else(|| Failure::field("factorId", "is missing"))?;
    let found = FactorReply::of(service.factor(&caller, &factor_id(factor)?).await?);
    Ok(success(id, Some(found.ok_or(Error::NotFound(Subject::Factor))?)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypeReply {
    factor_type: &'static str,
}

async fn list_factors_to_enroll(
    State(service): State<Arc<Service>>,
    caller: Caller,
    id: RequestId,
) -> Reply<Vec<TypeReply>> {
    let bound = service.overview(&caller).await?.factors;
    let configured = |factor_type: FactorType| match factor_type {
        FactorType::Totp => true,
        FactorType::Sms => service.is_configured(Channel::Sms),
        FactorType::Email => service.is_configured(Channel::Email),
        FactorType::Passkey => false,
        FactorType::Face => service.faces().is_some() && !bound.is_empty(),
    };
    let open = FactorType::ALL
        .into_iter()
        .filter(|each| configured(*each) && !bound.iter().any(|factor| factor.factor_type == *each))
        .filter_map(type_name)
        .map(|factor_type| TypeReply { factor_type });
    Ok(success(id, Some(open.collect())))
}

async fn reset_factor(
    State(service): State<Arc<Service>>,
    caller: Caller,
    id: RequestId,
    fields: Fields,
) -> Reply<Value> {
    service.remove_factor(&caller, &factor_id(fields.text("factorId")?)?, None).await?;
    Ok(success(id, None))
}

/// GenAuth's name of a type. It has none for passkeys.
fn type_name(factor_type: FactorType) -> Option<&'static str> {
    match factor_type {
        FactorType::Totp => Some("OTP"),
        FactorType::Sms => Some("SMS"),
        FactorType::Email => Some("EMAIL"),
        FactorType::Face => Some("FACE"),
        FactorType::Passkey => None,
    }
}

fn factor_type(service: &Service, fields: &Fields) -> Result<FactorType, Failure> {
    if fields.optional_text("factorType")? == Some("FACE") && service.faces().is_none() {
        return Err(Error::ChannelNotConfigured("Face").into());
    }
    fields.required("factorType", "must be OTP, SMS, EMAIL or FACE", |text| {
        FactorType::ALL.into_iter().find(|factor_type| type_name(*factor_type) == Some(text))
    })
}
