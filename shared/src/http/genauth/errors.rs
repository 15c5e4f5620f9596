//! Errors in GenAuth's envelope: HTTP 200, the status in the body, and an `apiCode` where the error is a business one.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::VERIFY_PATH;
use crate::domain::error::{CodeKind, Error};
use crate::domain::factor::FactorType;
use crate::http::dialect::Context;
use crate::http::failure::Failure;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    status_code: u16,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_code: Option<u16>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

/// The one way of this dialect to pass a check.
const STEP_UP: &str =
    "Pass a check in this session first: send a code of the app, or the recovery code, to mfa-totp-verify.";

/// The answer to a failed request.
pub(super) fn respond(failure: &Failure, context: &Context) -> Response {
    let (status_code, api_code) = describe(failure);
    // The Node client throws on any error without `data`. With it, its `mfaOtpVerify` reads `verified` instead.
    let is_verdict = matches!(
        failure,
        Failure::Refused(Error::IncorrectCode { .. } | Error::CodeAlreadyUsed | Error::NotEnrolled(_))
    );
    let data = (is_verdict && context.route == VERIFY_PATH).then(|| json!({"verified": false}));
    let message = match failure {
        Failure::Refused(Error::StepUpRequired { .. }) => STEP_UP.to_owned(),
        _ => failure.to_string(),
    };
    Json(Envelope { status_code, message, api_code, request_id: &context.request_id, data }).into_response()
}

/// `statusCode` and `apiCode` of every failure. The `apiCode`s from 9001 on are ours, because GenAuth documents none.
fn describe(failure: &Failure) -> (u16, Option<u16>) {
    match failure {
        Failure::Invalid(problems) if problems.iter().any(|each| each.field == "totp") => (400, Some(6003)),
        Failure::Invalid(problems) if problems.iter().any(|each| each.field == "enrollmentData.photo") => {
            (400, Some(1700))
        }
        Failure::Invalid(_) | Failure::UnsupportedMediaType => (400, None),
        Failure::PayloadTooLarge(_) => (413, None),
        Failure::Refused(error) => describe_refusal(error),
    }
}

fn describe_refusal(error: &Error) -> (u16, Option<u16>) {
    match error {
        Error::ChallengeRequired
        | Error::NotChallengeable
        | Error::TransactionRefused(_)
        | Error::TransactionMismatch { .. } => (400, None),
        Error::Unauthorized => (401, Some(2020)),
        Error::IncorrectCode { kind: CodeKind::Totp, .. } | Error::CodeAlreadyUsed | Error::NotEnrolled(_) => {
            (422, Some(6001))
        }
        Error::IncorrectCode { kind: CodeKind::Recovery, .. } => (422, Some(6002)),
        Error::IncorrectCode { kind: CodeKind::Sms | CodeKind::Email | CodeKind::Passkey, .. } => (422, Some(9001)),
        Error::IncorrectCode { kind: CodeKind::Face, .. } | Error::PhotoUnclear(_) => (422, Some(1702)),
        Error::OtherFactorRequired => (422, Some(1703)),
        Error::AlreadyEnrolled(FactorType::Face) => (409, Some(1706)),
        Error::ConsentRequired => (400, Some(9016)),
        Error::TooManyComparisons { .. } => (429, Some(9017)),
        Error::Expired(_) => (422, Some(9002)),
        Error::AlreadyUsed(_) => (422, Some(9003)),
        Error::NotVerified | Error::NothingToBind | Error::FactorRequired => (400, Some(9004)),
        Error::StepUpRequired { .. } => (403, Some(9005)),
        Error::FactorLocked => (403, Some(9006)),
        Error::DestinationRefused => (403, Some(9007)),
        Error::NotFound(_) => (404, Some(9008)),
        Error::AlreadyEnrolled(_) => (409, Some(9009)),
        Error::TooManyFactors => (409, Some(9010)),
        Error::TooManyAttempts { .. } => (429, Some(9011)),
        Error::TooManyMessages { .. } => (429, Some(9012)),
        Error::ChannelNotConfigured(_) => (501, Some(9013)),
        Error::DeliveryFailed => (502, Some(9014)),
        Error::ContactRequired => (403, Some(9015)),
        Error::Busy => (503, None),
        Error::Internal(_) => (500, None),
    }
}
