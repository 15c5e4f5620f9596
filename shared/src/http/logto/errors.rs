//! Errors with Logto's codes and statuses.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::error::{CodeKind, Error, Subject};
use crate::domain::factor::{FactorSummary, FactorType};
use crate::http::dialect::Context;
use crate::http::failure::{Failure, FieldProblem};

#[derive(Serialize)]
struct Body {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
}

/// The factors with which the person can pass a check.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    available_factors: Vec<&'static str>,
    masked_identifiers: BTreeMap<&'static str, String>,
}

/// The answer to a failed request.
pub(super) fn respond(failure: &Failure, _: &Context) -> Response {
    let (status, code) = describe(failure);
    let data = match failure {
        Failure::Refused(Error::StepUpRequired { available }) => Some(Data::from(available.as_slice())),
        _ => None,
    };
    let details = if let Failure::Invalid(problems) = failure { Some(details(problems)) } else { None };
    (status, Json(Body { code, message: failure.to_string(), data, details })).into_response()
}

fn details(problems: &[FieldProblem]) -> String {
    let lines = problems.iter().map(|each| format!("Error in key path \"{}\": {}", each.field, each.problem));
    lines.collect::<Vec<_>>().join("\n")
}

impl From<&[FactorSummary]> for Data {
    fn from(available: &[FactorSummary]) -> Self {
        let is_there = |each: &FactorType| available.iter().any(|factor| factor.factor_type == *each);
        let available_factors = FactorType::ALL.into_iter().filter(is_there).filter_map(mfa_factor).collect();
        let masked_identifiers = available
            .iter()
            .filter_map(|factor| Some((mfa_factor(factor.factor_type)?, factor.destination.as_ref()?.to_string())))
            .collect();
        Self { available_factors, masked_identifiers }
    }
}

/// Logto's name of a type. It has none for faces.
fn mfa_factor(factor_type: FactorType) -> Option<&'static str> {
    match factor_type {
        FactorType::Totp => Some("Totp"),
        FactorType::Sms => Some("PhoneVerificationCode"),
        FactorType::Email => Some("EmailVerificationCode"),
        FactorType::Passkey => Some("WebAuthn"),
        FactorType::Face => None,
    }
}

/// Status and code of every failure.
fn describe(failure: &Failure) -> (StatusCode, &'static str) {
    match failure {
        Failure::Invalid(_) => (StatusCode::BAD_REQUEST, "guard.invalid_input"),
        Failure::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "guard.invalid_input"),
        Failure::PayloadTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "guard.invalid_input"),
        Failure::Refused(error) => describe_refusal(error),
    }
}

fn describe_refusal(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::FactorRequired
        | Error::ChallengeRequired
        | Error::NotChallengeable
        | Error::TransactionRefused(_)
        | Error::TransactionMismatch { .. }
        // Logto has no faces.
        | Error::IncorrectCode { kind: CodeKind::Face, .. }
        | Error::ConsentRequired
        | Error::OtherFactorRequired
        | Error::PhotoUnclear(_) => (StatusCode::BAD_REQUEST, "guard.invalid_input"),
        Error::Unauthorized => (StatusCode::UNAUTHORIZED, "auth.unauthorized"),
        Error::IncorrectCode { kind: CodeKind::Totp, .. }
        | Error::CodeAlreadyUsed
        | Error::NotEnrolled(Some(FactorType::Totp) | None) => {
            (StatusCode::BAD_REQUEST, "session.mfa.invalid_totp_code")
        }
        Error::IncorrectCode { kind: CodeKind::Recovery, .. } => {
            (StatusCode::BAD_REQUEST, "session.mfa.invalid_backup_code")
        }
        Error::IncorrectCode { kind: CodeKind::Sms | CodeKind::Email, .. } => {
            (StatusCode::BAD_REQUEST, "verification_code.code_mismatch")
        }
        Error::TooManyComparisons { .. } => (StatusCode::TOO_MANY_REQUESTS, "guard.invalid_input"),
        Error::IncorrectCode { kind: CodeKind::Passkey, .. } => {
            (StatusCode::BAD_REQUEST, "session.mfa.webauthn_verification_failed")
        }
        Error::NotEnrolled(Some(FactorType::Passkey)) => {
            (StatusCode::BAD_REQUEST, "session.mfa.webauthn_verification_not_found")
        }
        Error::NotEnrolled(Some(FactorType::Sms | FactorType::Email | FactorType::Face)) => {
            (StatusCode::BAD_REQUEST, "session.mfa.mfa_factor_not_enabled")
        }
        Error::StepUpRequired { .. } => (StatusCode::FORBIDDEN, "session.mfa.require_mfa_verification"),
        Error::ContactRequired => (StatusCode::FORBIDDEN, "auth.forbidden"),
        Error::FactorLocked
        | Error::TooManyAttempts {
            kind: CodeKind::Totp | CodeKind::Recovery | CodeKind::Passkey | CodeKind::Face,
            ..
        } => (StatusCode::BAD_REQUEST, "session.verification_blocked_too_many_attempts"),
        Error::TooManyAttempts { kind: CodeKind::Sms | CodeKind::Email, .. } => {
            (StatusCode::BAD_REQUEST, "verification_code.exceed_max_try")
        }
        Error::AlreadyEnrolled(_) | Error::TooManyFactors | Error::AlreadyUsed(Subject::Enrollment(_)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "user.totp_already_in_use")
        }
        Error::AlreadyUsed(_) | Error::NotFound(_) => (StatusCode::NOT_FOUND, "session.verification_session_not_found"),
        Error::NotVerified => (StatusCode::BAD_REQUEST, "session.verification_failed"),
        Error::NothingToBind => (StatusCode::BAD_REQUEST, "session.mfa.pending_info_not_found"),
        Error::Expired(Subject::Challenge) => (StatusCode::BAD_REQUEST, "verification_code.expired"),
        Error::Expired(_) => (StatusCode::BAD_REQUEST, "session.verification_expired"),
        Error::DestinationRefused => (StatusCode::FORBIDDEN, "connector.not_found"),
        Error::TooManyMessages { .. } => (StatusCode::TOO_MANY_REQUESTS, "request.message_rate_limited"),
        Error::ChannelNotConfigured(_) => (StatusCode::NOT_IMPLEMENTED, "connector.not_found"),
        Error::DeliveryFailed => (StatusCode::BAD_GATEWAY, "connector.general"),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "entity.db_busy"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "entity.internal"),
    }
}
