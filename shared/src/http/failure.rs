//! The failure of a request, which the edge gives to the dialect: the form of the request is wrong, or the rules refuse
//! it.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::body::MAX_BYTES;
use crate::domain::error::Error;

/// The reason that a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Fields of the request are missing, of a wrong type, or invalid.
    Invalid(Vec<FieldProblem>),
    /// The body is not JSON by its content type.
    UnsupportedMediaType,
    /// The body is larger than this many bytes.
    PayloadTooLarge(usize),
    /// The rules refuse it.
    Refused(Error),
}

/// A field and its problem, without the field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's path, as `profile.phoneNumber`; empty for the whole body.
    pub field: String,
    /// The problem, worded as the end of a sentence that begins with the field.
    pub problem: &'static str,
}

impl Failure {
    /// One field with a problem.
    #[must_use]
    pub fn field(field: impl Into<String>, problem: &'static str) -> Self {
        Self::Invalid(vec![FieldProblem { field: field.into(), problem }])
    }

    /// The `error.code` of the log, and the `code` of the native dialect.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::PayloadTooLarge(_) => "payload_too_large",
            Self::Refused(error) => error.code(),
        }
    }

    /// Seconds after which the same request may succeed.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Invalid(_) | Self::UnsupportedMediaType | Self::PayloadTooLarge(_) => None,
            Self::Refused(error) => error.retry_after(),
        }
    }
}

/// A sentence for a person, without internals and without values.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(problems) => {
                f.write_str("The request is not valid")?;
                for (index, FieldProblem { field, problem }) in problems.iter().enumerate() {
                    f.write_str(if index == 0 { ": " } else { ", " })?;
                    if field.is_empty() { write!(f, "the body {problem}")? } else { write!(f, "`{field}` {problem}")? }
                }
                f.write_str(".")
            }
            Self::UnsupportedMediaType => f.write_str("The body must be application/json."),
            Self::PayloadTooLarge(MAX_BYTES) => f.write_str("The body is larger than 256 KiB."),
            Self::PayloadTooLarge(most) => write!(f, "The body is larger than {most} bytes."),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// A response that carries the failure to the edge, where the dialect makes the answer.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
