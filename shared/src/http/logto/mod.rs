//! Logto's Experience API, as far as authenticator apps go.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::AppOffer;
use super::body::{Fields, Ignored};
use super::edge::Failure;
use super::routes::{Function, Method, Route};
use crate::domain::error::Error;
use crate::domain::otpauth::ParameterOrder;
use crate::domain::token::{CheckId, Dialect, EnrollmentToken};
use crate::flows::verify::{Answers, Apps};
use crate::flows::{App, Caller};

pub(super) mod errors;

pub(super) fn routes() -> Vec<Route> {
    use Function::{CreateTotp, Verify};
    let (d, post) = (Dialect::Logto, Method::Post);
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

async fn totp_secret(State(app): State<Arc<App>>, caller: Caller, _: Ignored) -> Result<Json<SecretReply>, Failure> {
    let (token, offer) = AppOffer::begin(&app, &caller, Dialect::Logto, ParameterOrder::SecretFirst).await?;
    let AppOffer { secret, qr_code, .. } = offer;
    let verification_id = token.encode();
    Ok(Json(SecretReply { verification_id, secret: secret.to_string(), secret_qr_code: qr_code }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerificationReply {
    verification_id: String,
}

/// With an id, the code of a new secret; without, of the enrolled app.
async fn totp_verify(
    State(app): State<Arc<App>>,
    caller: Caller,
    fields: Fields,
) -> Result<Json<VerificationReply>, Failure> {
    let code = fields.code("code")?;
    let verification_id = if let Some(id) = fields.optional_text("verificationId")? {
        app.verify_candidate(&caller, &EnrollmentToken::parse(id, Dialect::Logto)?, &code).await?;
        id.to_owned()
    } else {
        app.verify(&caller, &code, &Answers::App(Apps::Any)).await?;
        CheckId::random(Dialect::Logto, app.randomness())?
    };
    Ok(Json(VerificationReply { verification_id }))
}

async fn bind_mfa(State(app): State<Arc<App>>, caller: Caller, fields: Fields) -> Result<StatusCode, Failure> {
    fields.required(
        "type",
        "must be Totp, BackupCode, EmailVerificationCode, PhoneVerificationCode or WebAuthn",
        |it| {
            ["Totp", "BackupCode", "EmailVerificationCode", "PhoneVerificationCode", "WebAuthn"]
                .contains(&it)
                .then_some(())
        },
    )?;
    let id = fields.text("verificationId")?;
    let token = match fields.text("type")? {
        "Totp" if CheckId::is_one(id, Dialect::Logto) => Err(Error::NothingToBind),
        "Totp" => EnrollmentToken::parse(id, Dialect::Logto),
        _ => Err(Error::ChannelNotConfigured("This factor")),
    };
    match token {
        Ok(token) => app.bind(&caller, &token).await?,
        // Logto asks for a check before it looks at the id.
        Err(error) => {
            app.require_presence(&caller).await?;
            return Err(error.into());
        }
    };
    Ok(StatusCode::NO_CONTENT)
}
