//! Errors as RFC 9457 problems.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::error::{Error, FieldProblem};
use crate::http::edge::Context;

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
}

#[derive(Serialize)]
struct FieldReply<'a> {
    field: &'a str,
    problem: &'static str,
}

/// The answer to a failed request.
pub(in crate::http) fn word(error: &Error, context: &Context) -> Response {
    let (status, title) = describe(error);
    let code = error.word();
    let remaining_attempts = if let Error::IncorrectCode { remaining, .. } = error { *remaining } else { None };
    let errors = if let Error::Invalid(problems) = error {
        Some(problems.iter().map(|FieldProblem { field, problem }| FieldReply { field, problem }).collect())
    } else {
        None
    };
    let problem = Problem {
        r#type: format!("urn:countersign:problem:{code}"),
        title,
        status: status.as_u16(),
        detail: error.to_string(),
        code,
        request_id: &context.request_id,
        retry_after: error.retry_after(),
        remaining_attempts,
        errors,
    };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = (status, Body::from(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// Status and title of every error.
fn describe(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Invalid(_) => (StatusCode::BAD_REQUEST, "Invalid request"),
        Error::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
        Error::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Payload too large"),
        Error::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
        Error::FactorRequired => (StatusCode::BAD_REQUEST, "Factor required"),
        Error::IncorrectCode { .. } => (StatusCode::BAD_REQUEST, "Incorrect code"),
        Error::CodeAlreadyUsed => (StatusCode::BAD_REQUEST, "Code already used"),
        Error::PresenceRequired { .. } => (StatusCode::FORBIDDEN, "Step-up required"),
        Error::FactorLocked => (StatusCode::FORBIDDEN, "Factor locked"),
        Error::DestinationRefused => (StatusCode::FORBIDDEN, "Destination refused"),
        Error::NotFound(_) | Error::NotEnrolled(_) => (StatusCode::NOT_FOUND, "Not found"),
        Error::AlreadyEnrolled(_) => (StatusCode::CONFLICT, "Already enrolled"),
        Error::TooManyFactors => (StatusCode::CONFLICT, "Too many factors"),
        Error::AlreadyUsed(_) => (StatusCode::CONFLICT, "Already used"),
        Error::NotVerified => (StatusCode::CONFLICT, "Not verified"),
        Error::NothingToBind => (StatusCode::CONFLICT, "Nothing to bind"),
        Error::Expired(_) => (StatusCode::GONE, "Expired"),
        Error::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts"),
        Error::TooManyMessages { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many messages"),
        Error::ChannelNotConfigured(_) => (StatusCode::NOT_IMPLEMENTED, "Channel not configured"),
        Error::DeliveryFailed => (StatusCode::BAD_GATEWAY, "Delivery failed"),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Busy"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
    }
}
