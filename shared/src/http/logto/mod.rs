//! Logto's Experience API: the part for authenticator apps and passkeys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::body::{Fields, Ignored};
use super::dialect::Dialect;
use super::failure::Failure;
use super::routes::{Function, Method, Route};
use super::{AppOffer, ReceiptHeader, passkeys};
use crate::domain::error::{Error, Subject};
use crate::domain::factor::FactorType;
use crate::domain::factor::passkey::Demands;
use crate::domain::otpauth::ParameterOrder;
use crate::domain::terms::{AppsAllowed, CheckNeeded, RecoveryHandout, Terms};
use crate::domain::token::{ChallengeId, CheckId, EnrollmentToken, Realm};
use crate::flows::confirm::Given;
use crate::flows::enroll::{self, Offer, Target};
use crate::flows::verify::{Answers, Apps, Binding};
use crate::flows::{self, Caller, Service, Settings};

mod errors;

const REALM: Realm = Realm::new('l');

pub(super) static DIALECT: Dialect = Dialect { name: "logto", terms, routes, respond: errors::respond };

fn terms(settings: &Settings) -> Terms {
    Terms {
        realm: REALM,
        enrollment_seconds: settings.enrollment_seconds,
        check_needed: CheckNeeded::ToBind,
        apps: AppsAllowed::One,
        recovery: RecoveryHandout::OnRequest,
    }
}

fn routes() -> Vec<Route> {
    use Function::{CreateTotp, Verify};
    let (d, post) = (&DIALECT, Method::Post);
    vec![
        Route::new(CreateTotp, d, post, "/api/experience/verification/totp/secret", totp_secret),
        Route::new(Verify, d, post, "/api/experience/verification/totp/verify", totp_verify),
        Route::new(Verify, d, post, "/api/experience/verification/web-authn/registration", registration),
        Route::new(Verify, d, post, "/api/experience/verification/web-authn/registration/verify", registration_verify),
        Route::new(Verify, d, post, "/api/experience/verification/web-authn/authentication", authentication),
        Route::new(
            Verify,
            d,
            post,
            "/api/experience/verification/web-authn/authentication/verify",
            authentication_verify,
        ),
        Route::new(Verify, d, post, "/api/experience/profile/mfa", bind_mfa),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretReply {
    verification_id: String,
    secret: String,
    secret_qr_code: String,
}

async fn totp_secret(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: Ignored,
) -> Result<Json<SecretReply>, Failure> {
    let (token, offer) =
        AppOffer::begin(&service, &caller, DIALECT.terms(&service), ParameterOrder::SecretFirst).await?;
    let AppOffer { secret, qr_code, .. } = offer;
    let verification_id = token.encode();
    Ok(Json(SecretReply { verification_id, secret: secret.to_string(), secret_qr_code: qr_code }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationReply {
    verification_id: String,
}

/// With a `verificationId`, the code is of a new secret; without one, of the enrolled app.
async fn totp_verify(
    State(service): State<Arc<Service>>,
    caller: Caller,
    fields: Fields,
) -> Result<(ReceiptHeader, Json<VerificationReply>), Failure> {
    let code = fields.code("code")?;
    let (verification_id, receipt) = if let Some(id) = fields.optional_text("verificationId")? {
        service.verify_candidate(&caller, &EnrollmentToken::parse(id, REALM)?, &Given::Code(code)).await?;
        (id.to_owned(), None)
    } else {
        let passed = service.verify(&caller, &code, &Answers::App(Apps::Any), &Binding::default()).await?;
        (CheckId::random(REALM, service.randomness())?, passed.receipt)
    };
    Ok((ReceiptHeader(receipt), Json(VerificationReply { verification_id })))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationReply {
    verification_id: String,
    registration_options: Value,
}

/// Logto demands a passkey that signs a person in on its own: discoverable, and its user is verified. Its server verifies
/// registrations and assertions with `requireUserVerification`.
const DEMANDS: &Demands = &Demands::SOLE_FACTOR;

async fn registration(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: Ignored,
) -> Result<Json<RegistrationReply>, Failure> {
    let request = enroll::Request { target: Target::Passkey, ..enroll::Request::app(DIALECT.terms(&service)) };
    let enrolled = service.enroll(&caller, &request).await?;
    let Offer::Passkey(offer) = enrolled.offer else {
        return Err(Error::Internal("a passkey was to be enrolled").into());
    };
    let registration_options = passkeys::creation(&service, &caller.account_name, &offer, DEMANDS)?;
    Ok(Json(RegistrationReply { verification_id: enrolled.token.encode(), registration_options }))
}

const PAYLOAD: &str = "payload";

/// The browser's answer in `payload`. Logto writes `WebAuthn` where the browser has written `public-key`.
fn with_the_browsers_type(payload: &mut Value) {
    if let Some(kind) = payload.get_mut("type").filter(|kind| **kind == "WebAuthn") {
        *kind = "public-key".into();
    }
}

async fn registration_verify(
    State(service): State<Arc<Service>>,
    caller: Caller,
    fields: Fields,
) -> Result<Json<VerificationReply>, Failure> {
    let id = fields.text("verificationId")?;
    let response = Box::new(passkeys::registration(&fields, PAYLOAD, with_the_browsers_type)?);
    let token = of_type(EnrollmentToken::parse(id, REALM)?, FactorType::Passkey)?;
    service.verify_candidate(&caller, &token, &Given::Registration { response, demands: DEMANDS }).await?;
    Ok(Json(VerificationReply { verification_id: id.to_owned() }))
}

/// The token, if it is of an enrolment of this type.
fn of_type(token: EnrollmentToken, factor_type: FactorType) -> Result<EnrollmentToken, Error> {
    if token.factor_type == factor_type { Ok(token) } else { Err(Error::NotFound(Subject::Enrollment(factor_type))) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticationReply {
    verification_id: String,
    authentication_options: Value,
}

async fn authentication(
    State(service): State<Arc<Service>>,
    caller: Caller,
    _: Ignored,
) -> Result<Json<AuthenticationReply>, Failure> {
    let request = flows::passkeys::Request { realm: REALM, transaction: None };
    let challenge = service.challenge_passkeys(&caller, &request).await.map_err(|error| match error {
        // Without any factor the answer is the same: there is no passkey.
        Error::NotEnrolled(_) => Error::NotEnrolled(Some(FactorType::Passkey)),
        error => error,
    })?;
    let authentication_options = passkeys::request(&service, &challenge, DEMANDS)?;
    Ok(Json(AuthenticationReply { verification_id: challenge.id.encode(), authentication_options }))
}

async fn authentication_verify(
    State(service): State<Arc<Service>>,
    caller: Caller,
    fields: Fields,
) -> Result<(ReceiptHeader, Json<VerificationReply>), Failure> {
    let id = fields.text("verificationId")?;
    let response = passkeys::assertion(&fields, PAYLOAD, with_the_browsers_type)?;
    let challenge = ChallengeId::parse(id, REALM)?;
    let passed = service.verify_passkey(&caller, &response, DEMANDS, &challenge, &Binding::default()).await?;
    Ok((ReceiptHeader(passed.receipt), Json(VerificationReply { verification_id: id.to_owned() })))
}

/// A factor that Logto binds.
enum MfaFactor {
    Totp,
    WebAuthn,
    /// One that is not bound here.
    Other,
}

impl MfaFactor {
    const NAMES: &str = "must be Totp, BackupCode, EmailVerificationCode, PhoneVerificationCode or WebAuthn";

    fn parse(name: &str) -> Option<Self> {
        match name {
            "Totp" => Some(Self::Totp),
            "WebAuthn" => Some(Self::WebAuthn),
            "BackupCode" | "EmailVerificationCode" | "PhoneVerificationCode" => Some(Self::Other),
            _ => None,
        }
    }
}

async fn bind_mfa(
    State(service): State<Arc<Service>>,
    caller: Caller,
    fields: Fields,
) -> Result<(StatusCode, ReceiptHeader, ()), Failure> {
    let factor = fields.required("type", MfaFactor::NAMES, MfaFactor::parse)?;
    let id = fields.text("verificationId")?;
    // A session without a recent check is told nothing of the id.
    let token = match factor {
        MfaFactor::Totp if CheckId::is_one(id, REALM) => Err(Error::NothingToBind),
        MfaFactor::Totp => EnrollmentToken::parse(id, REALM).and_then(|token| of_type(token, FactorType::Totp)),
        MfaFactor::WebAuthn => EnrollmentToken::parse(id, REALM).and_then(|token| of_type(token, FactorType::Passkey)),
        MfaFactor::Other => Err(Error::ChannelNotConfigured("This factor")),
    };
    let confirmed = service.bind(&caller, &DIALECT.terms(&service), &token).await?;
    Ok((StatusCode::NO_CONTENT, ReceiptHeader(confirmed.receipt), ()))
}
