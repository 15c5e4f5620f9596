//! Errors as RFC 9457 problems.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::FactorReply;
use crate::domain::error::Error;
use crate::http::dialect::Context;
use crate::http::failure::{Failure, FieldProblem};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<FieldReply<'a>>>,
    /// The factors with which the person can pass a check.
    #[serde(skip_serializing_if = "Option::is_none")]
    factors: Option<Vec<FactorReply>>,
}

#[derive(Serialize)]
struct FieldReply<'a> {
    field: &'a str,
    problem: &'static str,
}

/// The answer to a failed request.
pub(super) fn respond(failure: &Failure, context: &Context) -> Response {
    let (status, title) = describe(failure);
    let code = failure.code();
    let remaining_attempts = match failure {
        Failure::Refused(Error::IncorrectCode { remaining, .. }) => *remaining,
        Failure::Refused(Error::TransactionMismatch { remaining }) => Some(*remaining),
        Failure::Refused(_) | Failure::Invalid(_) | Failure::UnsupportedMediaType | Failure::PayloadTooLarge(_) => None,
    };
    let factors = if let Failure::Refused(Error::StepUpRequired { available }) = failure {
        Some(available.iter().cloned().map(FactorReply::from).collect())
    } else {
        None
    };
    let errors = if let Failure::Invalid(problems) = failure {
        Some(problems.iter().map(|FieldProblem { field, problem }| FieldReply { field, problem }).collect())
    } else {
        None
    };
    let problem = Problem {
        r#type: format!("urn:countersign:problem:{code}"),
        title,
        status: status.as_u16(),
        detail: failure.to_string(),
        code,
        request_id: &context.request_id,
        retry_after: failure.retry_after(),
        remaining_attempts,
        errors,
        factors,
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = (status, Body::from(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// Status and title of every failure.
fn describe(failure: &Failure) -> (StatusCode, &'static str) {
    match failure {
        Failure::Invalid(_) => (StatusCode::BAD_REQUEST, "Invalid request"),
        Failure::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
        Failure::PayloadTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "Payload too large"),
        Failure::Refused(error) => describe_refusal(error),
    }
}

fn describe_refusal(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::ChallengeRequired | Error::NotChallengeable | Error::TransactionRefused(_) => {
            (StatusCode::BAD_REQUEST, "Invalid request")
        }
        Error::TransactionMismatch { .. } => (StatusCode::BAD_REQUEST, "Transaction mismatch"),
        Error::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
        Error::FactorRequired | Error::NotEnrolled(Some(_)) => (StatusCode::BAD_REQUEST, "Factor required"),
        Error::IncorrectCode { .. } => (StatusCode::BAD_REQUEST, "Incorrect code"),
        Error::CodeAlreadyUsed => (StatusCode::BAD_REQUEST, "Code already used"),
        Error::StepUpRequired { .. } => (StatusCode::FORBIDDEN, "Step-up required"),
        Error::ContactRequired => (StatusCode::FORBIDDEN, "Contact required"),
        Error::ConsentRequired => (StatusCode::BAD_REQUEST, "Consent required"),
        Error::OtherFactorRequired => (StatusCode::FORBIDDEN, "Other factor required"),
        Error::PhotoUnclear(_) => (StatusCode::BAD_REQUEST, "Photo unclear"),
        Error::FactorLocked => (StatusCode::FORBIDDEN, "Factor locked"),
        Error::DestinationRefused => (StatusCode::FORBIDDEN, "Destination refused"),
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "Not found"),
        Error::NotEnrolled(None) => (StatusCode::NOT_FOUND, "Not enrolled"),
        Error::AlreadyEnrolled(_) => (StatusCode::CONFLICT, "Already enrolled"),
        Error::TooManyFactors => (StatusCode::CONFLICT, "Too many factors"),
        Error::AlreadyUsed(_) => (StatusCode::CONFLICT, "Already used"),
        Error::NotVerified => (StatusCode::CONFLICT, "Not verified"),
        Error::NothingToBind => (StatusCode::CONFLICT, "Nothing to bind"),
        Error::Expired(_) => (StatusCode::GONE, "Expired"),
        Error::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts"),
        Error::TooManyMessages { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many messages"),
        Error::TooManyComparisons { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many comparisons"),
        Error::ChannelNotConfigured(_) => (StatusCode::NOT_IMPLEMENTED, "Channel not configured"),
        Error::DeliveryFailed => (StatusCode::BAD_GATEWAY, "Delivery failed"),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Busy"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
    }
}
