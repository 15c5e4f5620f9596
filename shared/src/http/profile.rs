//! The two-factor page of a plain web application: show the state, generate, verify, disable.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::body::{Fields, Ignored};
use super::dialect::{Context, Dialect};
use super::failure::Failure;
use super::routes::{Function, Method, Route};
use super::{AppOffer, ReceiptHeader};
use crate::domain::enrollment::Claim;
use crate::domain::error::{Error, Subject};
use crate::domain::factor::FactorType;
use crate::domain::otpauth::ParameterOrder;
use crate::domain::secret::RecoveryCode;
use crate::domain::terms::{AppsAllowed, CheckNeeded, RecoveryHandout, Terms};
use crate::domain::token::Realm;
use crate::flows::confirm::Given;
use crate::flows::{Caller, Service, Settings};

type Reply<T> = Result<(StatusCode, Json<Body<T>>), Failure>;

pub(super) static DIALECT: Dialect = Dialect { name: "profile", terms, routes, respond };

fn terms(settings: &Settings) -> Terms {
    Terms {
        realm: Realm::new('p'),
        enrollment_seconds: settings.enrollment_seconds,
        check_needed: CheckNeeded::ToBegin,
        apps: AppsAllowed::One,
        // The page shows the codes of the reply when two-factor is turned on. An empty list would show a page without
        // codes.
        recovery: RecoveryHandout::WithEveryFactor(settings.profile_recovery_codes),
    }
}

fn routes() -> Vec<Route> {
    use Function::{CreateTotp, Factors, Verify};
    let d = &DIALECT;
    vec![
        Route::new(CreateTotp, d, Method::Post, "/profile/two-fa", generate),
        Route::new(Verify, d, Method::Patch, "/profile/two-fa", enable),
        Route::new(Factors, d, Method::Get, "/profile/two-fa", state),
        Route::new(Factors, d, Method::Patch, "/profile/two-fa/disable", disable),
    ]
}

#[derive(Serialize)]
struct Body<T> {
    status: &'static str,
    message: String,
    /// `null` if there is no data.
    data: Option<T>,
}

fn success<T>(status: StatusCode, message: &str, data: Option<T>) -> (StatusCode, Json<Body<T>>) {
    (status, Json(Body { status: "success", message: message.to_owned(), data }))
}

/// The state that the page shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// Whether an authenticator app is enrolled.
    enabled: bool,
    remaining_recovery_codes: usize,
}

async fn state(State(service): State<Arc<Service>>, caller: Caller) -> Reply<Shown> {
    let overview = service.overview(&caller).await?;
    let enabled = overview.factors.iter().any(|factor| factor.factor_type == FactorType::Totp);
    let message = if enabled { "2FA is enabled on your account" } else { "2FA is disabled on your account" };
    let data = Shown { enabled, remaining_recovery_codes: overview.remaining_recovery_codes };
    Ok(success(StatusCode::OK, message, Some(data)))
}

#[derive(Serialize)]
struct Generated {
    #[serde(rename = "otpAuthURL")]
    otp_auth_url: String,
    #[serde(rename = "qrCodeImage")]
    qr_code_image: String,
}

async fn generate(State(service): State<Arc<Service>>, caller: Caller, _: Ignored) -> Reply<Generated> {
    let (_, offer) = AppOffer::begin(&service, &caller, DIALECT.terms(&service), ParameterOrder::SecretLast).await?;
    let data = Generated { otp_auth_url: offer.uri, qr_code_image: offer.qr_code };
    Ok(success(StatusCode::CREATED, "Successfully generated 2FA code", Some(data)))
}

async fn enable(
    State(service): State<Arc<Service>>,
    caller: Caller,
    fields: Fields,
) -> Result<(ReceiptHeader, (StatusCode, Json<Body<Vec<String>>>)), Failure> {
    let code = fields.code("code")?;
    // The page holds no token, so it means the user's only pending app.
    let terms = DIALECT.terms(&service);
    let claim = Claim { realm: terms.realm, factor_type: FactorType::Totp, nonce: None };
    let confirmed = service.confirm(&caller, &terms, claim, &Given::Code(code)).await?;
    let codes = confirmed.recovery_codes.0.iter().map(RecoveryCode::grouped).collect();
    Ok((ReceiptHeader(confirmed.receipt), success(StatusCode::OK, "Successfully enabled 2FA", Some(codes))))
}

async fn disable(State(service): State<Arc<Service>>, caller: Caller, fields: Fields) -> Reply<()> {
    service.remove_apps(&caller, &fields.code("code")?).await?;
    Ok(success(StatusCode::OK, "Successfully disabled 2FA", None))
}

/// The answer to a failed request.
fn respond(failure: &Failure, _: &Context) -> Response {
    let (status, message) = describe(failure);
    (status, Json(Body::<()> { status: "error", message: message.unwrap_or_else(|| failure.to_string()), data: None }))
        .into_response()
}

/// Status of every failure, and the page's own words where it has some.
fn describe(failure: &Failure) -> (StatusCode, Option<String>) {
    match failure {
        Failure::Invalid(_) | Failure::UnsupportedMediaType => (StatusCode::BAD_REQUEST, None),
        Failure::PayloadTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, None),
        Failure::Refused(error) => describe_refusal(error),
    }
}

fn describe_refusal(error: &Error) -> (StatusCode, Option<String>) {
    let own = |message: &str| (StatusCode::BAD_REQUEST, Some(message.to_owned()));
    match error {
        Error::IncorrectCode { .. } => own("Incorrect 2FA code."),
        Error::AlreadyEnrolled(_) | Error::AlreadyUsed(_) => own("2FA is already enabled on your account"),
        Error::NotEnrolled(_) => own("2FA is already disabled on your account"),
        Error::NotFound(Subject::Enrollment(_)) => own("Generate a 2FA code first."),
        Error::CodeAlreadyUsed
        | Error::FactorRequired
        | Error::ChallengeRequired
        | Error::NotChallengeable
        | Error::TransactionRefused(_)
        | Error::TransactionMismatch { .. }
        | Error::StepUpRequired { .. }
        | Error::ContactRequired
        | Error::ConsentRequired
        | Error::OtherFactorRequired
        | Error::PhotoUnclear(_)
        | Error::FactorLocked
        | Error::DestinationRefused
        | Error::NotFound(_)
        | Error::TooManyFactors
        | Error::Expired(_)
        | Error::NotVerified
        | Error::NothingToBind => (StatusCode::BAD_REQUEST, None),
        Error::Unauthorized => (StatusCode::UNAUTHORIZED, None),
        Error::TooManyAttempts { .. } | Error::TooManyMessages { .. } | Error::TooManyComparisons { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, None)
        }
        Error::ChannelNotConfigured(_) => (StatusCode::NOT_IMPLEMENTED, None),
        Error::DeliveryFailed => (StatusCode::BAD_GATEWAY, None),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, None),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
    }
}
