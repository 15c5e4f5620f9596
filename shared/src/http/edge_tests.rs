//! The answer to every failure, in every dialect.

use std::collections::BTreeSet;

use axum::body::to_bytes;
use serde_json::Value;

use super::*;
use crate::domain::error::CodeKind::{Email, Recovery, Sms, Totp};
use crate::domain::error::Subject;
use crate::domain::factor::FactorType;
use crate::domain::factor::face::Unclear;
use crate::domain::transaction::TransactionProblem;
use crate::http::body::MAX_BYTES;
use crate::http::dialect::DIALECTS;

/// An internal detail, which may appear only in the log.
const INSIDE: &str = "a pipe burst";

/// Every failure, with a row for each kind that has its own answer, and its status and code in native, genauth, logto
/// and profile.
fn table() -> Vec<(Failure, &'static str)> {
    let enrollment = Subject::Enrollment(FactorType::Totp);
    let incorrect = |kind| Error::IncorrectCode { kind, remaining: Some(4) };
    let too_many = |kind| Error::TooManyAttempts { kind, retry_after: 7 };
    let failures = [
        (Failure::field("code", "is missing"), "400 invalid_request | 400 - | 400 guard.invalid_input | 400"),
        (Failure::field("totp", "is missing"), "400 invalid_request | 400 6003 | 400 guard.invalid_input | 400"),
        (Failure::UnsupportedMediaType, "415 unsupported_media_type | 400 - | 415 guard.invalid_input | 400"),
        (Failure::PayloadTooLarge(MAX_BYTES), "413 payload_too_large | 413 - | 413 guard.invalid_input | 413"),
    ];
    let refusals = vec![
        (Error::Unauthorized, "401 unauthorized | 401 2020 | 401 auth.unauthorized | 401"),
        (Error::FactorRequired, "400 factor_required | 400 9004 | 400 guard.invalid_input | 400"),
        (incorrect(Totp), "400 incorrect_code | 422 6001 | 400 session.mfa.invalid_totp_code | 400"),
        (incorrect(Sms), "400 incorrect_code | 422 9001 | 400 verification_code.code_mismatch | 400"),
        (incorrect(Email), "400 incorrect_code | 422 9001 | 400 verification_code.code_mismatch | 400"),
        (incorrect(Recovery), "400 incorrect_code | 422 6002 | 400 session.mfa.invalid_backup_code | 400"),
        (Error::CodeAlreadyUsed, "400 code_already_used | 422 6001 | 400 session.mfa.invalid_totp_code | 400"),
        (
            Error::StepUpRequired { available: Vec::new() },
            "403 step_up_required | 403 9005 | 403 session.mfa.require_mfa_verification | 400",
        ),
        (
            Error::FactorLocked,
            "403 factor_locked | 403 9006 | 400 session.verification_blocked_too_many_attempts | 400",
        ),
        (Error::DestinationRefused, "403 destination_refused | 403 9007 | 403 connector.not_found | 400"),
        (Error::NotFound(enrollment), "404 not_found | 404 9008 | 404 session.verification_session_not_found | 400"),
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
        (Error::NotEnrolled(None), "404 not_enrolled | 422 6001 | 400 session.mfa.invalid_totp_code | 400"),
        (
            Error::NotEnrolled(Some(FactorType::Totp)),
            "400 factor_required | 422 6001 | 400 session.mfa.invalid_totp_code | 400",
        ),
        (
            Error::NotEnrolled(Some(FactorType::Email)),
            "400 factor_required | 422 6001 | 400 session.mfa.mfa_factor_not_enabled | 400",
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
        (too_many(Totp), "429 too_many_attempts | 429 9011 | 400 session.verification_blocked_too_many_attempts | 429"),
        (too_many(Sms), "429 too_many_attempts | 429 9011 | 400 verification_code.exceed_max_try | 429"),
        (
            too_many(Recovery),
            "429 too_many_attempts | 429 9011 | 400 session.verification_blocked_too_many_attempts | 429",
        ),
        (
            Error::TooManyMessages { retry_after: 7 },
            "429 too_many_messages | 429 9012 | 429 request.message_rate_limited | 429",
        ),
        (Error::ChannelNotConfigured("Face"), "501 channel_not_configured | 501 9013 | 501 connector.not_found | 501"),
        (Error::DeliveryFailed, "502 delivery_failed | 502 9014 | 502 connector.general | 502"),
        (Error::Busy, "503 busy | 503 - | 503 entity.db_busy | 503"),
        (Error::Internal(INSIDE), "500 internal | 500 - | 500 entity.internal | 500"),
        (Error::ChallengeRequired, "400 invalid_request | 400 - | 400 guard.invalid_input | 400"),
        (Error::NotChallengeable, "400 invalid_request | 400 - | 400 guard.invalid_input | 400"),
        (
            Error::TransactionRefused(TransactionProblem::new("", "is missing")),
            "400 invalid_request | 400 - | 400 guard.invalid_input | 400",
        ),
        (
            Error::TransactionMismatch { remaining: 4 },
            "400 transaction_mismatch | 400 - | 400 guard.invalid_input | 400",
        ),
        (Error::ContactRequired, "403 contact_required | 403 9015 | 403 auth.forbidden | 400"),
        (Error::ConsentRequired, "400 consent_required | 400 9016 | 400 guard.invalid_input | 400"),
        (Error::OtherFactorRequired, "403 other_factor_required | 422 1703 | 400 guard.invalid_input | 400"),
        (Error::PhotoUnclear(Unclear::NoFace), "400 photo_unclear | 422 1702 | 400 guard.invalid_input | 400"),
        (
            Error::TooManyComparisons { retry_after: 7 },
            "429 too_many_comparisons | 429 9017 | 429 guard.invalid_input | 429",
        ),
    ];
    let refusals = refusals.into_iter().map(|(error, names)| (Failure::Refused(error), names));
    failures.into_iter().chain(refusals).collect()
}

/// A number for each failure. The compiler demands one for a new failure.
fn number(failure: &Failure) -> usize {
    let error = match failure {
        Failure::Invalid(_) => return 0,
        Failure::UnsupportedMediaType => return 1,
        Failure::PayloadTooLarge(_) => return 2,
        Failure::Refused(error) => error,
    };
    match error {
        Error::Unauthorized => 3,
        Error::FactorRequired => 4,
        Error::ChallengeRequired => 5,
        Error::NotChallengeable => 6,
        Error::IncorrectCode { .. } => 7,
        Error::CodeAlreadyUsed => 8,
        Error::StepUpRequired { .. } => 9,
        Error::FactorLocked => 10,
        Error::DestinationRefused => 11,
        Error::NotFound(_) => 12,
        Error::AlreadyEnrolled(_) => 13,
        Error::TooManyFactors => 14,
        Error::NotEnrolled(_) => 15,
        Error::AlreadyUsed(_) => 16,
        Error::Expired(_) => 17,
        Error::NotVerified => 18,
        Error::NothingToBind => 19,
        Error::TooManyAttempts { .. } => 20,
        Error::TooManyMessages { .. } => 21,
        Error::ChannelNotConfigured(_) => 22,
        Error::DeliveryFailed => 23,
        Error::Busy => 24,
        Error::Internal(_) => 25,
        Error::TransactionRefused(_) => 26,
        Error::TransactionMismatch { .. } => 27,
        Error::ContactRequired => 28,
        Error::ConsentRequired => 29,
        Error::OtherFactorRequired => 30,
        Error::PhotoUnclear(_) => 31,
        Error::TooManyComparisons { .. } => 32,
    }
}

#[test]
fn the_table_of_answers_covers_every_failure() {
    let numbers: BTreeSet<_> = table().iter().map(|(failure, _)| number(failure)).collect();
    assert_eq!(numbers, (0..=32).collect());
}

/// A failure's status and name in a dialect, and the whole body.
async fn answered(dialect: &Dialect, failure: &Failure) -> (String, Value) {
    let context = Context { request_id: "request-1".to_owned(), route: "/api/v3/mfa-totp-verify".to_owned() };
    let response = respond(dialect, failure, &context);
    let http = response.status().as_u16();
    let retry_after = response.headers().get(header::RETRY_AFTER).cloned();
    assert_eq!(retry_after, failure.retry_after().map(HeaderValue::from), "{dialect:?} {failure:?}");
    let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
    let number = |name: &str| body.get(name).and_then(Value::as_u64).map(|number| number.to_string());
    let called = match (body.get("statusCode"), body.get("code")) {
        // GenAuth's envelope.
        (Some(status), _) => {
            assert_eq!(http, 200);
            format!("{status} {}", number("apiCode").unwrap_or_else(|| "-".to_owned()))
        }
        (None, Some(code)) => format!("{http} {}", code.as_str().unwrap()),
        (None, None) => http.to_string(),
    };
    (called, body)
}

#[tokio::test]
async fn every_failure_has_its_status_and_code_in_every_dialect() {
    for (failure, names) in table() {
        let mut called = Vec::new();
        for dialect in DIALECTS {
            called.push(answered(dialect, &failure).await.0);
        }
        // The public documents have the errors of the native dialect.
        let of_documents = called.pop().unwrap();
        assert_eq!(of_documents, called[0], "{failure:?}");
        assert_eq!(called.join(" | "), names, "{failure:?}");
    }
}

#[tokio::test]
async fn every_failure_has_a_readable_message_without_internal_details() {
    for (failure, _) in table() {
        for dialect in DIALECTS {
            let body = answered(dialect, &failure).await.1;
            let sentence = body.get("detail").or_else(|| body.get("message")).and_then(Value::as_str).unwrap();
            assert!(sentence.chars().next().unwrap().is_uppercase() || sentence.starts_with("2FA"), "{sentence}");
            assert!(!body.to_string().contains(INSIDE), "{dialect:?}: {body}");
        }
    }
}
