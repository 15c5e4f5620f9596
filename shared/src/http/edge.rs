//! The boundary of every route: a failure becomes the dialect's answer, and the request becomes one line of the log.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{genauth, logto, native, profile};
use crate::domain::actor::Access;
use crate::domain::error::Error;
use crate::domain::token::Dialect;

/// How long a request may take. A function is ended after ten seconds, without an answer: this is before that.
const LONGEST: Duration = Duration::from_secs(9);

/// The header that names the request in the answer of every route.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What names this request in logs and errors.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// What a dialect knows of the request whose failure it words.
pub struct Context {
    /// The request's id.
    pub request_id: String,
    /// The path of the route, with its parameters' names.
    pub route: String,
}

/// An error on its way to the edge, where the dialect words it.
#[derive(Clone, Debug)]
pub struct Failure(pub Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Runs a route, which is told who may call it, words its failure, and logs it.
pub(super) async fn edge(
    State((dialect, access)): State<(Dialect, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let request_id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    request.extensions_mut().insert(access);

    // Cut off in the middle is as good as killed there: what was committed stands, what was not never was.
    let response = tokio::time::timeout(LONGEST, next.run(request)).await;
    let response = response.unwrap_or_else(|_| Failure(Error::Busy).into_response());
    let failure = response.extensions().get::<Failure>().cloned();
    let error = failure.map(|failure| failure.0);
    let context = Context { request_id, route };
    let mut response = match &error {
        Some(error) => word(dialect, error, &context),
        None => response,
    };
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // Codes, secrets and tokens are in these answers: no cache keeps them.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    log(method.as_str(), &context, response.status(), error.as_ref(), started);
    response
}

fn word(dialect: Dialect, error: &Error, context: &Context) -> Response {
    let mut response = match dialect {
        Dialect::Native => native::errors::word(error, context),
        Dialect::Genauth => genauth::errors::word(error, context),
        Dialect::Logto => logto::errors::word(error),
        Dialect::Profile => profile::word(error),
    };
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// One line a request, without anything personal.
fn log(method: &str, context: &Context, status: StatusCode, error: Option<&Error>, started: Instant) {
    let route = context.route.as_str();
    let request_id = context.request_id.as_str();
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let code = error.map(Error::word);
    if let Some(Error::Internal(detail)) = error {
        tracing::error!(
            http.method = method,
            http.route = route,
            http.status = status.as_u16(),
            request.id = request_id,
            error.code = code,
            error.detail = detail,
            duration_ms,
            "request failed"
        );
    } else {
        tracing::info!(
            http.method = method,
            http.route = route,
            http.status = status.as_u16(),
            request.id = request_id,
            error.code = code,
            duration_ms,
            "request"
        );
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;
    use crate::domain::error::CodeKind::{Email, Recovery, Sms, Totp};
    use crate::domain::error::Subject;
    use crate::domain::factor::FactorType;

    const DIALECTS: [Dialect; 4] = [Dialect::Native, Dialect::Genauth, Dialect::Logto, Dialect::Profile];

    /// What only the log may tell.
    const INSIDE: &str = "a pipe burst";

    /// Every error, in each kind that is worded apart, and what it is called: natively, in GenAuth, Logto and profile.
    fn table() -> Vec<(Error, &'static str)> {
        let enrollment = Subject::Enrollment(FactorType::Totp);
        let incorrect = |kind| Error::IncorrectCode { kind, remaining: Some(4) };
        let too_many = |kind| Error::TooManyAttempts { kind, retry_after: 7 };
        vec![
            (Error::field("code", "is missing"), "400 invalid_request | 400 - | 400 guard.invalid_input | 400"),
            (Error::field("totp", "is missing"), "400 invalid_request | 400 6003 | 400 guard.invalid_input | 400"),
            (Error::UnsupportedMediaType, "415 unsupported_media_type | 400 - | 415 guard.invalid_input | 400"),
            (Error::PayloadTooLarge, "413 payload_too_large | 413 - | 413 guard.invalid_input | 413"),
            (Error::Unauthorized, "401 unauthorized | 401 2020 | 401 auth.unauthorized | 401"),
            (Error::FactorRequired, "400 factor_required | 400 9004 | 400 guard.invalid_input | 400"),
            (incorrect(Totp), "400 incorrect_code | 422 6001 | 400 session.mfa.invalid_totp_code | 400"),
            (incorrect(Sms), "400 incorrect_code | 422 9001 | 400 verification_code.code_mismatch | 400"),
            (incorrect(Email), "400 incorrect_code | 422 9001 | 400 verification_code.code_mismatch | 400"),
            (incorrect(Recovery), "400 incorrect_code | 422 6002 | 400 session.mfa.invalid_backup_code | 400"),
            (Error::CodeAlreadyUsed, "400 code_already_used | 422 6001 | 400 session.mfa.invalid_totp_code | 400"),
            (
                Error::PresenceRequired { available: Vec::new() },
                "403 step_up_required | 403 9005 | 403 session.mfa.require_mfa_verification | 400",
            ),
            (
                Error::FactorLocked,
                "403 factor_locked | 403 9006 | 400 session.verification_blocked_too_many_attempts | 400",
            ),
            (Error::DestinationRefused, "403 destination_refused | 403 9007 | 403 connector.not_found | 400"),
            (
                Error::NotFound(enrollment),
                "404 not_found | 404 9008 | 404 session.verification_session_not_found | 400",
            ),
            (
                Error::NotFound(Subject::Challenge),
                "404 not_found | 404 9008 | 404 session.verification_session_not_found | 400",
            ),
            (
                Error::NotFound(Subject::Factor),
                "404 not_found | 404 9008 | 404 session.verification_session_not_found | 400",
            ),
            (
                Error::AlreadyEnrolled(FactorType::Totp),
                "409 already_enrolled | 409 9009 | 422 user.totp_already_in_use | 400",
            ),
            (
                Error::AlreadyEnrolled(FactorType::Sms),
                "409 already_enrolled | 409 9009 | 422 user.totp_already_in_use | 400",
            ),
            (Error::TooManyFactors, "409 too_many_factors | 409 9010 | 422 user.totp_already_in_use | 400"),
            (
                Error::NotEnrolled(FactorType::Totp),
                "404 not_found | 422 6001 | 400 session.mfa.invalid_totp_code | 400",
            ),
            (
                Error::NotEnrolled(FactorType::Email),
                "404 not_found | 422 6001 | 400 session.mfa.mfa_factor_not_enabled | 400",
            ),
            (Error::AlreadyUsed(enrollment), "409 already_used | 422 9003 | 422 user.totp_already_in_use | 400"),
            (
                Error::AlreadyUsed(Subject::Challenge),
                "409 already_used | 422 9003 | 404 session.verification_session_not_found | 400",
            ),
            (Error::Expired(enrollment), "410 expired | 422 9002 | 400 session.verification_expired | 400"),
            (Error::Expired(Subject::Challenge), "410 expired | 422 9002 | 400 verification_code.expired | 400"),
            (Error::NotVerified, "409 not_verified | 400 9004 | 400 session.verification_failed | 400"),
            (Error::NothingToBind, "409 nothing_to_bind | 400 9004 | 400 session.mfa.pending_info_not_found | 400"),
            (
                too_many(Totp),
                "429 too_many_attempts | 429 9011 | 400 session.verification_blocked_too_many_attempts | 429",
            ),
            (too_many(Sms), "429 too_many_attempts | 429 9011 | 400 verification_code.exceed_max_try | 429"),
            (
                too_many(Recovery),
                "429 too_many_attempts | 429 9011 | 400 session.verification_blocked_too_many_attempts | 429",
            ),
            (
                Error::TooManyMessages { retry_after: 7 },
                "429 too_many_messages | 429 9012 | 429 request.message_rate_limited | 429",
            ),
            (
                Error::ChannelNotConfigured("Face"),
                "501 channel_not_configured | 501 9013 | 501 connector.not_found | 501",
            ),
            (Error::DeliveryFailed, "502 delivery_failed | 502 9014 | 502 connector.general | 502"),
            (Error::Busy, "503 busy | 503 - | 503 entity.db_busy | 503"),
            (Error::Internal(INSIDE), "500 internal | 500 - | 500 entity.internal | 500"),
        ]
    }

    /// A new error gets a row above, too.
    fn has_a_row(error: &Error) -> bool {
        match error {
            Error::Invalid(_)
            | Error::UnsupportedMediaType
            | Error::PayloadTooLarge
            | Error::Unauthorized
            | Error::FactorRequired
            | Error::IncorrectCode { .. }
            | Error::CodeAlreadyUsed
            | Error::PresenceRequired { .. }
            | Error::FactorLocked
            | Error::DestinationRefused
            | Error::NotFound(_)
            | Error::AlreadyEnrolled(_)
            | Error::TooManyFactors
            | Error::NotEnrolled(_)
            | Error::AlreadyUsed(_)
            | Error::Expired(_)
            | Error::NotVerified
            | Error::NothingToBind
            | Error::TooManyAttempts { .. }
            | Error::TooManyMessages { .. }
            | Error::ChannelNotConfigured(_)
            | Error::DeliveryFailed
            | Error::Busy
            | Error::Internal(_) => true,
        }
    }

    /// An error's status and name in a dialect, and the whole body.
    async fn worded(dialect: Dialect, error: &Error) -> (String, Value) {
        let context = Context { request_id: "request-1".to_owned(), route: "/api/v3/mfa-totp-verify".to_owned() };
        let response = word(dialect, error, &context);
        let http = response.status().as_u16();
        let retry_after = response.headers().get(header::RETRY_AFTER).cloned();
        assert_eq!(retry_after, error.retry_after().map(HeaderValue::from), "{dialect:?} {error:?}");
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
        let number = |name: &str| body.get(name).and_then(Value::as_u64).map(|number| number.to_string());
        let called = match dialect {
            Dialect::Native | Dialect::Logto => format!("{http} {}", body["code"].as_str().unwrap()),
            Dialect::Genauth => {
                assert_eq!(http, 200);
                format!("{} {}", number("statusCode").unwrap(), number("apiCode").unwrap_or_else(|| "-".to_owned()))
            }
            Dialect::Profile => http.to_string(),
        };
        (called, body)
    }

    #[tokio::test]
    async fn every_error_has_its_name_in_every_dialect() {
        for (error, names) in table() {
            assert!(has_a_row(&error));
            let mut called = Vec::new();
            for dialect in DIALECTS {
                called.push(worded(dialect, &error).await.0);
            }
            assert_eq!(called.join(" | "), names, "{error:?}");
        }
    }

    #[tokio::test]
    async fn every_error_has_a_sentence_for_a_person_and_none_tells_what_is_inside() {
        for (error, _) in table() {
            for dialect in DIALECTS {
                let body = worded(dialect, &error).await.1;
                let sentence = body.get("detail").or_else(|| body.get("message")).and_then(Value::as_str).unwrap();
                assert!(sentence.chars().next().unwrap().is_uppercase() || sentence.starts_with("2FA"), "{sentence}");
                assert!(!body.to_string().contains(INSIDE), "{dialect:?}: {body}");
            }
        }
    }
}
