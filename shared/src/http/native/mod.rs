//! Countersign's own dialect: JSON, and RFC 9457 problems. Users call it, and the application's back end calls it for
//! them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::body::Fields;
use super::dialect::Dialect;
use super::failure::Failure;
use super::routes::{Function, Method, Route};
use super::{Accepts, AppOffer, PathId, passkeys, photos};
use crate::domain::enrollment::Claim;
use crate::domain::error::Error;
use crate::domain::factor::passkey::Demands;
use crate::domain::factor::{FactorSummary, FactorType};
use crate::domain::ids::Label;
use crate::domain::otpauth::ParameterOrder;
use crate::domain::secret::RecoveryCode;
use crate::domain::terms::{AppsAllowed, CheckNeeded, RecoveryHandout, Terms};
use crate::domain::token::{ChallengeId, EnrollmentToken, Realm};
use crate::flows::challenge;
use crate::flows::confirm::{Given, NewCodes};
use crate::flows::enroll::{self, Offer};
use crate::flows::needed::Demand;
use crate::flows::verify::{Answers, Apps, Binding, Passed};
use crate::flows::{self, Caller, Service, Settings};

mod brand;
mod errors;
mod fields;
mod sessions;

use fields::{
    account_name, code, factor_type, fields_for, first_factor, levels, optional_code, optional_factor_id, platform,
    target, transaction, transaction_problem,
};

const REALM: Realm = Realm::new('n');

pub(super) static DIALECT: Dialect = Dialect { name: "native", terms, routes, respond: errors::respond };

fn terms(settings: &Settings) -> Terms {
    Terms {
        realm: REALM,
        enrollment_seconds: settings.enrollment_seconds,
        check_needed: CheckNeeded::ToBegin,
        apps: AppsAllowed::Several,
        recovery: RecoveryHandout::WithFirstFactor(settings.policy.recovery_codes),
    }
}

type Reply<T> = Result<(StatusCode, Json<T>), Failure>;

/// The paths of a user's own route, of the back end's, and of a hosted session's.
macro_rules! everywhere {
    ($path:literal) => {
        [concat!("/v1/me", $path), concat!("/v1/users/{userId}", $path), concat!("/v1/session", $path)]
    };
}

fn routes() -> Vec<Route> {
    use Function::{Challenge, EnrollRequest, Factors, Verify};
    use Method::{Delete, Get, Patch, Post};
    let routes = [
        for_all(EnrollRequest, Post, everywhere!("/enrollments"), enroll),
        for_all(Verify, Post, everywhere!("/enrollments/confirm"), confirm).map(Route::with_photos),
        for_all(Challenge, Post, everywhere!("/challenges"), challenge),
        for_all(Verify, Post, everywhere!("/verify"), verify).map(Route::with_photos),
        for_all(Verify, Post, everywhere!("/checks"), checks),
        for_all(Factors, Get, everywhere!("/factors"), list),
        for_all(Factors, Get, everywhere!("/factors/{id}"), get),
        for_all(Factors, Patch, everywhere!("/factors/{id}"), rename),
        for_all(Factors, Delete, everywhere!("/factors/{id}"), remove),
        for_all(Factors, Post, everywhere!("/recovery-codes"), new_recovery_codes),
    ];
    let d = &DIALECT;
    let others = [
        Route::new(Factors, d, Delete, "/v1/users/{userId}", forget).for_back_end(),
        Route::new(Factors, d, Post, "/v1/users/{userId}/sessions", sessions::create).for_back_end(),
        Route::new(Factors, d, Get, "/v1/users/{userId}/sessions/{id}", sessions::status).for_back_end(),
        Route::new(Factors, d, Delete, "/v1/users/{userId}/sessions/{id}", sessions::end).for_back_end(),
        Route::new(Verify, d, Post, "/v1/users/{userId}/sessions/{id}/redeem", sessions::redeem).for_back_end(),
        Route::new(Verify, d, Get, "/v1/session", sessions::show).for_session(),
        Route::new(Challenge, d, Post, "/v1/session/contact", sessions::send_contact_code).for_session(),
        Route::new(Verify, d, Post, "/v1/session/contact/confirm", sessions::confirm_contact).for_session(),
        Route::new(Verify, d, Post, "/v1/session/cancel", sessions::leave).for_session(),
    ];
    routes.into_iter().flatten().chain(others).collect()
}

/// The user's own route, the back end's route for any user, and the route of hosted sessions, with the same handler.
fn for_all<T: 'static>(
    function: Function,
    method: Method,
    [of_user, of_back_end, of_session]: [&'static str; 3],
    handler: impl Handler<T, Arc<Service>>,
) -> [Route; 3] {
    let d = &DIALECT;
    [
        Route::new(function, d, method, of_user, handler.clone()),
        Route::new(function, d, method, of_back_end, handler.clone()).for_back_end(),
        Route::new(function, d, method, of_session, handler).for_session(),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnrollReply {
    enrollment_token: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totp: Option<TotpReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey: Option<PasskeyReply>,
}

/// The options for the browser.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PasskeyReply {
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON`.
    public_key: Value,
}

const CREDENTIAL: &str = "credential";
const PHOTO: &str = "photo";

/// The demands on passkeys, of the options and of their answers.
const DEMANDS: &Demands = &Demands::SECOND_FACTOR;

/// The kind of proof in a body.
enum ProofField {
    Code,
    Credential,
    Photo,
}

/// The kind of proof in the body. It is exactly one.
fn proof_field(service: &Service, fields: &Fields) -> Result<ProofField, Failure> {
    let has_code = fields.optional_text("code")?.is_some();
    let has_credential = fields.optional_object(CREDENTIAL)?.is_some();
    match (has_credential, photos::is_given(service, fields, PHOTO)?) {
        (true, _) if has_code => Err(fields.problem(CREDENTIAL, "must not stand beside `code`")),
        (_, true) if has_code => Err(fields.problem(PHOTO, "must not stand beside `code`")),
        (true, true) => Err(fields.problem(PHOTO, "must not stand beside `credential`")),
        (true, false) => Ok(ProofField::Credential),
        (false, true) => Ok(ProofField::Photo),
        (false, false) => Ok(ProofField::Code),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TotpReply {
    secret: String,
    uri: String,
    qr_code: String,
}

async fn enroll(
    State(service): State<Arc<Service>>,
    caller: Caller,
    accepts: Accepts,
    fields: Fields,
) -> Reply<EnrollReply> {
    let account_name = account_name(&caller, &fields)?;
    let request = enroll::Request {
        terms: DIALECT.terms(&service),
        target: target(&service, &fields)?,
        label: fields.optional("label", Label::RULE, Label::parse)?,
        code: optional_code(&fields)?,
        language: accepts.language(fields.optional_text("locale")?),
        platform: platform(&fields)?,
    };
    let enrolled = service.enroll(&caller, &request).await.map_err(|error| app_needed(&fields, error))?;
    let account_name = enrolled.account_name.as_ref().unwrap_or(&account_name);
    let (sent_to, totp, passkey) = match enrolled.offer {
        Offer::Sent(destination) => (Some(destination.to_string()), None, None),
        Offer::Face => (None, None, None),
        Offer::Passkey(offer) => {
            let public_key = passkeys::creation(&service, account_name, &offer, DEMANDS)?;
            (None, None, Some(PasskeyReply { public_key }))
        }
        Offer::App { secret, parameters, .. } => {
            let AppOffer { secret, uri, qr_code } =
                AppOffer::new(&service, account_name, secret, parameters, ParameterOrder::SecretFirst)?;
            (None, Some(TotpReply { secret: secret.to_string(), uri, qr_code }), None)
        }
    };
    let enrollment_token = enrolled.token.encode();
    let expires_at = enrolled.expires_at.to_string();
    Ok((StatusCode::CREATED, Json(EnrollReply { enrollment_token, expires_at, sent_to, totp, passkey })))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfirmReply {
    factor: FactorReply,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn confirm(State(service): State<Arc<Service>>, caller: Caller, fields: Fields) -> Reply<ConfirmReply> {
    fields.require_only(&["enrollmentToken", "code", "credential", "photo"])?;
    let token = EnrollmentToken::parse(fields.text("enrollmentToken")?, REALM)?;
    let proof = match proof_field(&service, &fields)? {
        ProofField::Credential => {
            let response = Box::new(passkeys::registration(&fields, CREDENTIAL, |_| {})?);
            Given::Registration { response, demands: DEMANDS }
        }
        ProofField::Photo => Given::Photo(photos::from_data_url(&fields, PHOTO).await?),
        ProofField::Code if token.factor_type == FactorType::Face => {
            return Err(fields.problem(PHOTO, "is missing"));
        }
        ProofField::Code => Given::Code(code(&fields)?),
    };
    let confirmed = service.confirm(&caller, &DIALECT.terms(&service), Claim::from(&token), &proof).await?;
    let recovery_codes = Some(confirmed.recovery_codes.0).filter(|codes| !codes.is_empty());
    let reply = ConfirmReply {
        factor: confirmed.factor.into(),
        recovery_codes: recovery_codes.map(|codes| grouped(&codes)),
        receipt: confirmed.receipt.map(|receipt| receipt.0),
        next: confirmed.next.map(|url| url.0),
    };
    Ok((StatusCode::CREATED, Json(reply)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChallengeReply {
    challenge_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_to: Option<String>,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey: Option<PasskeyReply>,
}

async fn challenge(
    State(service): State<Arc<Service>>,
    caller: Caller,
    accepts: Accepts,
    fields: Fields,
) -> Reply<ChallengeReply> {
    fields.require_only(&without_transaction(
        &caller,
        &["factorId", "factorType", "locale", "platform", "transaction"],
    ))?;
    if factor_type(&service, &fields)? == Some(FactorType::Passkey) && optional_factor_id(&fields)?.is_none() {
        let request = flows::passkeys::Request { realm: REALM, transaction: transaction(&fields)? };
        let made =
            service.challenge_passkeys(&caller, &request).await.map_err(|error| transaction_refused(&fields, error))?;
        let reply = ChallengeReply {
            challenge_id: made.id.encode(),
            factor_id: None,
            sent_to: None,
            expires_at: made.expires_at.to_string(),
            passkey: Some(PasskeyReply { public_key: passkeys::request(&service, &made, DEMANDS)? }),
        };
        return Ok((StatusCode::CREATED, Json(reply)));
    }
    let (target, named_by) = match (optional_factor_id(&fields)?, factor_type(&service, &fields)?) {
        (Some(id), _) => (challenge::Target::Factor(id), "factorId"),
        (None, Some(factor_type)) => (challenge::Target::OnlyOf(factor_type), "factorType"),
        (None, None) => (challenge::Target::Only, "factorType"),
    };
    let language = accepts.language(fields.optional_text("locale")?);
    let (platform, transaction) = (platform(&fields)?, transaction(&fields)?);
    let request = challenge::Request { realm: REALM, target, language, platform, transaction };
    let sent = service.challenge(&caller, &request).await.map_err(|error| match error {
        Error::NotChallengeable => fields.problem(
            named_by,
            "is no factor that a code is sent to: an app makes its own codes, and passkeys are meant by the factorType \
             passkey",
        ),
        error => transaction_refused(&fields, error),
    })?;
    let reply = ChallengeReply {
        factor_id: Some(sent.id.factor.as_str().to_owned()),
        challenge_id: sent.id.encode(),
        sent_to: Some(sent.sent_to.to_string()),
        expires_at: sent.expires_at.to_string(),
        passkey: None,
    };
    Ok((StatusCode::CREATED, Json(reply)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifyReply {
    verified: bool,
    factor_id: String,
    amr: Vec<&'static str>,
    acr: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
    /// The URL to go to, if the check has finished a hosted session.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_recovery_codes: Option<usize>,
}

async fn verify(State(service): State<Arc<Service>>, caller: Caller, fields: Fields) -> Reply<VerifyReply> {
    fields.require_only(&fields_for(&caller, &without_transaction(&caller, &VERIFY_FIELDS), "firstFactor"))?;
    let binding = Binding { first_factor: first_factor(&fields)?, transaction: transaction(&fields)? };
    match proof_field(&service, &fields)? {
        ProofField::Credential => verify_passkey(&service, &caller, &fields, &binding).await,
        ProofField::Photo => verify_face(&service, &caller, &fields).await,
        ProofField::Code => verify_code(&service, &caller, &fields, &binding).await,
    }
}

async fn verify_passkey(service: &Service, caller: &Caller, fields: &Fields, binding: &Binding) -> Reply<VerifyReply> {
    let response = passkeys::assertion(fields, CREDENTIAL, |_| {})?;
    for field in ["factorId", "factorType"] {
        if fields.optional_text(field)?.is_some() {
            return Err(fields.problem(field, BESIDE_CHALLENGE));
        }
    }
    let id = ChallengeId::parse(fields.text("challengeId")?, REALM)?;
    let passed = service.verify_passkey(caller, &response, DEMANDS, &id, binding).await;
    Ok(verified(passed.map_err(|error| transaction_refused(fields, error))?))
}

/// Checks a photo. It is bound to no transaction and answers no challenge.
async fn verify_face(service: &Service, caller: &Caller, fields: &Fields) -> Reply<VerifyReply> {
    for field in ["challengeId", "transaction", "firstFactor"] {
        if fields.has(field) {
            return Err(fields.problem(field, "must not stand beside `photo`"));
        }
    }
    let id = optional_factor_id(fields)?;
    if factor_type(service, fields)?.is_some_and(|factor_type| factor_type != FactorType::Face) {
        return Err(fields.problem("factorType", "must be face beside `photo`"));
    }
    let photo = photos::from_data_url(fields, PHOTO).await?;
    Ok(verified(service.verify_face(caller, &photo, id.as_ref()).await?))
}

async fn verify_code(service: &Service, caller: &Caller, fields: &Fields, binding: &Binding) -> Reply<VerifyReply> {
    if factor_type(service, fields)? == Some(FactorType::Face) {
        return Err(fields.problem(PHOTO, "is missing"));
    }
    let code = code(fields)?;
    let answers =
        match (fields.optional_text("challengeId")?, optional_factor_id(fields)?, factor_type(service, fields)?) {
            (Some(id), None, None) => Answers::Challenge(ChallengeId::parse(id, REALM)?),
            // A caller that demands an app must not be passed by a challenge of another factor.
            (Some(_), Some(_), _) => return Err(fields.problem("factorId", BESIDE_CHALLENGE)),
            (Some(_), None, Some(_)) => return Err(fields.problem("factorType", BESIDE_CHALLENGE)),
            (None, Some(id), _) => Answers::App(Apps::One(id)),
            (None, None, Some(factor_type)) => Answers::App(Apps::OnlyOf(factor_type)),
            (None, None, None) => Answers::App(Apps::Only),
        };
    let passed = service.verify(caller, &code, &answers, binding).await.map_err(|error| match error {
        Error::ChallengeRequired => challenge_needed(fields),
        Error::NotChallengeable => fields.problem(PHOTO, "is missing"),
        error => transaction_refused(fields, error),
    })?;
    Ok(verified(passed))
}

fn transaction_refused(fields: &Fields, error: Error) -> Failure {
    match error {
        Error::TransactionRefused(problem) => transaction_problem(fields, &problem),
        error => error.into(),
    }
}

/// The answer to a passed check.
fn verified(passed: Passed) -> (StatusCode, Json<VerifyReply>) {
    let reply = VerifyReply {
        verified: true,
        factor_id: passed.statement.check.factor_id().to_owned(),
        amr: passed.statement.amr(),
        acr: passed.statement.check.level.acr(),
        receipt: passed.receipt.map(|receipt| receipt.0),
        next: passed.next.map(|url| url.0),
        remaining_recovery_codes: passed.remaining_recovery_codes,
    };
    (StatusCode::OK, Json(reply))
}

const VERIFY_FIELDS: [&str; 7] =
    ["code", "credential", "photo", "challengeId", "factorId", "factorType", "transaction"];

/// A hosted session has the transaction that its back end gave it, and takes none from the page.
fn without_transaction<'a>(caller: &Caller, fields: &[&'a str]) -> Vec<&'a str> {
    fields.iter().copied().filter(|field| caller.in_session.is_none() || *field != "transaction").collect()
}

const BESIDE_CHALLENGE: &str = "must not stand beside `challengeId`, which names its factor";

fn challenge_needed(fields: &Fields) -> Failure {
    fields.problem("challengeId", "is needed for a factor whose code is sent")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NeededReply {
    status: &'static str,
    factors: Vec<FactorReply>,
    recovery_codes: RemainingReply,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

async fn checks(State(service): State<Arc<Service>>, caller: Caller, fields: Fields) -> Reply<NeededReply> {
    fields.require_only(&fields_for(&caller, &["acrValues", "maxAge"], "firstFactor"))?;
    let demand = Demand {
        levels: levels(&fields)?,
        max_age: fields.optional_integer("maxAge", "must be a whole number of seconds, 0 or more")?,
        first_factor: first_factor(&fields)?,
    };
    let needed = service.needed(&caller, &demand).await?;
    let reply = NeededReply {
        status: needed.status.name(),
        factors: needed.factors.into_iter().map(FactorReply::from).collect(),
        recovery_codes: RemainingReply { remaining: needed.remaining_recovery_codes },
        receipt: needed.receipt.map(|receipt| receipt.0),
    };
    Ok((StatusCode::OK, Json(reply)))
}

/// The refusal of a `code` in place of a recent check, where the account has no app that it could be of.
fn app_needed(fields: &Fields, error: Error) -> Failure {
    match error {
        Error::ChallengeRequired => {
            fields.problem("code", "is of no authenticator app and no recovery code: answer a challenge first")
        }
        error => error.into(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FactorReply {
    id: String,
    r#type: &'static str,
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    masked_destination: Option<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unreadable: bool,
}

impl From<FactorSummary> for FactorReply {
    fn from(factor: FactorSummary) -> Self {
        Self {
            id: factor.id.as_str().to_owned(),
            r#type: factor.factor_type.name(),
            label: factor.label.as_str().to_owned(),
            masked_destination: factor.destination.map(|destination| destination.to_string()),
            created_at: factor.created_at.to_string(),
            last_used_at: factor.last_used_at.map(|time| time.to_string()),
            unreadable: !factor.is_readable,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListReply {
    factors: Vec<FactorReply>,
    recovery_codes: RemainingReply,
}

#[derive(Serialize)]
struct RemainingReply {
    remaining: usize,
}

async fn list(State(service): State<Arc<Service>>, caller: Caller) -> Reply<ListReply> {
    let overview = service.overview(&caller).await?;
    let reply = ListReply {
        factors: overview.factors.into_iter().map(FactorReply::from).collect(),
        recovery_codes: RemainingReply { remaining: overview.remaining_recovery_codes },
    };
    Ok((StatusCode::OK, Json(reply)))
}

async fn get(State(service): State<Arc<Service>>, caller: Caller, PathId(id): PathId) -> Reply<FactorReply> {
    let factor = service.factor(&caller, &id).await?;
    Ok((StatusCode::OK, Json(factor.into())))
}

async fn rename(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathId(id): PathId,
    fields: Fields,
) -> Reply<FactorReply> {
    fields.require_only(&["label", "code"])?;
    let label = fields.required("label", Label::RULE, Label::parse)?;
    let code = optional_code(&fields)?;
    let factor = service.rename_factor(&caller, &id, &label, code.as_ref()).await;
    let factor = factor.map_err(|error| app_needed(&fields, error))?;
    Ok((StatusCode::OK, Json(factor.into())))
}

async fn remove(
    State(service): State<Arc<Service>>,
    caller: Caller,
    PathId(id): PathId,
    fields: Fields,
) -> Result<StatusCode, Failure> {
    fields.require_only(&["code"])?;
    let code = optional_code(&fields)?;
    service.remove_factor(&caller, &id, code.as_ref()).await.map_err(|error| app_needed(&fields, error))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecoveryReply {
    recovery_codes: Vec<String>,
}

async fn new_recovery_codes(
    State(service): State<Arc<Service>>,
    caller: Caller,
    fields: Fields,
) -> Reply<RecoveryReply> {
    fields.require_only(&["code"])?;
    let made = service.new_recovery_codes(&caller, optional_code(&fields)?.as_ref()).await;
    let NewCodes(codes) = made.map_err(|error| app_needed(&fields, error))?;
    Ok((StatusCode::CREATED, Json(RecoveryReply { recovery_codes: grouped(&codes) })))
}

/// Forgets the user. A body with fields is refused: they may be conditions that would not be met.
async fn forget(State(service): State<Arc<Service>>, caller: Caller, fields: Fields) -> Result<StatusCode, Failure> {
    fields.require_only(&[])?;
    service.forget(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn grouped(codes: &[RecoveryCode]) -> Vec<String> {
    codes.iter().map(RecoveryCode::grouped).collect()
}
