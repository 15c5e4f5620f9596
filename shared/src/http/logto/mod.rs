//! Logto's Experience API: the part for authenticator apps.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::body::{Fields, Ignored};
use super::dialect::Dialect;
use super::failure::Failure;
use super::routes::{Function, Method, Route};
use super::{AppOffer, ReceiptHeader};
use crate::domain::error::Error;
use crate::domain::otpauth::ParameterOrder;
use crate::domain::terms::{AppsAllowed, CheckNeeded, RecoveryHandout, Terms};
use crate::domain::token::{CheckId, EnrollmentToken, Realm};
use crate::flows::confirm::Given;
use crate::flows::verify::{Answers, Apps, Binding};
use crate::flows::{Caller, Service, Settings};

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

/// A factor that Logto binds.
enum MfaFactor {
    Totp,
    /// One that is not bound here.
    Other,
}

impl MfaFactor {
    const NAMES: &str = "must be Totp, BackupCode, EmailVerificationCode, PhoneVerificationCode or WebAuthn";

    fn parse(name: &str) -> Option<Self> {
        match name {
            "Totp" => Some(Self::Totp),
            "BackupCode" | "EmailVerificationCode" | "PhoneVerificationCode" | "WebAuthn" => Some(Self::Other),
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
        MfaFactor::Totp => EnrollmentToken::parse(id, REALM),
        MfaFactor::Other => Err(Error::ChannelNotConfigured("This factor")),
    };
    let confirmed = service.bind(&caller, &DIALECT.terms(&service), &token).await?;
    Ok((StatusCode::NO_CONTENT, ReceiptHeader(confirmed.receipt), ()))
}
