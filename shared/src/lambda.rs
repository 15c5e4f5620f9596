//! The Lambda adapter: it passes API Gateway's events to the router and returns the answers.
//!
//! The route comes from `routeKey` and `pathParameters`, encoded again; the event's path is never used. An HTTP API
//! passes the path decoded and `lambda_http` parses it again, so `..`, `#` or `?` in it could lead to another route
//! than the one that the authorizer allowed.

use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::sync::Arc;

use aws_config::BehaviorVersion;
use axum::Router;
use axum::http::{HeaderMap, Method, Uri, header};
use data_encoding::BASE64;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequest};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent, Service as _, service_fn};
use tower::ServiceExt;

use crate::clients::Clients;
use crate::clock::{SystemClock, SystemRandomness};
use crate::config::{self, ConfigError, Deployment};
use crate::delivery::aws::AwsDelivery;
use crate::flows::FaceSeams;
use crate::flows::{Seams, Service};
use crate::http::caller::Identity;
use crate::http::edge::RequestId;
use crate::http::routes::{Function, router};
use crate::judge::rekognition::Rekognition;
use crate::keys::kms::KmsKeys;
use crate::photo_link::https::HttpsPhotoLinks;
use crate::store::dynamodb::DynamoDbStore;
use crate::telemetry;

#[cfg(debug_assertions)]
pub mod watch;

/// Headers from which `lambda_http` would build a URL. A client can set them, so they are removed.
const NOT_FROM_OUTSIDE: [&str; 4] = ["host", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];

/// Serves one function until Lambda ends the process. If settings are missing or invalid, it logs all of them and
/// returns a failure.
#[must_use]
pub fn run(function: Function) -> ExitCode {
    telemetry::start();
    let deployment = match config::read_deployment(|name| std::env::var(name).ok()) {
        Ok(deployment) => deployment,
        Err(ConfigError(problems)) => {
            for problem in problems {
                tracing::error!(function = function.name(), "can't start: {problem}");
            }
            return ExitCode::FAILURE;
        }
    };
    // One thread: a function serves one request at a time, and a second thread would cost more than it gains.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(serve(function, deployment)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function = function.name(), "the Lambda runtime failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(function: Function, deployment: Deployment) -> Result<(), lambda_http::Error> {
    let service = Arc::new(service(deployment).await);
    // Done during init, where Lambda does not limit the CPU as it does for requests.
    match function {
        // It may read the public keys and nothing else.
        Function::Page => drop(service.keys_for_anyone().await),
        Function::Verify => tokio::join!(service.warm_up(), service.warm_up_receipts()).0,
        Function::EnrollRequest | Function::CreateTotp | Function::Challenge | Function::Factors => {
            service.warm_up().await;
        }
    }
    let router = router(Some(function), &service);
    #[cfg(debug_assertions)]
    if watch::is_on() {
        tracing::warn!("tokens are not checked: use this with `cargo lambda watch` only");
        return lambda_runtime::run(service_fn(move |event| answer(router.clone(), watch::completed(event)))).await;
    }
    lambda_runtime::run(service_fn(move |event| answer(router.clone(), event))).await
}

/// The application with AWS's services as its store, keys and delivery.
async fn service(deployment: Deployment) -> Service {
    let Deployment { settings, table, keys, sms, email } = deployment;
    let Clients { dynamodb, kms, sns, ses, rekognition } =
        Clients::load(aws_config::defaults(BehaviorVersion::latest()), settings.faces.is_some()).await;
    let faces = rekognition.map(|client| FaceSeams {
        judge: Arc::new(Rekognition::new(client)),
        links: Some(Arc::new(HttpsPhotoLinks::new())),
    });
    let seams = Seams {
        store: Arc::new(DynamoDbStore::new(dynamodb, table)),
        keys: Arc::new(KmsKeys::new(kms, keys)),
        delivery: Arc::new(AwsDelivery::new(sns, ses, sms, email)),
        faces,
        clock: Arc::new(SystemClock),
        randomness: Arc::new(SystemRandomness),
    };
    Service::new(seams, settings)
}

/// Answers one event.
///
/// # Errors
/// None: a router always answers.
pub async fn answer(
    router: Router,
    event: LambdaEvent<LambdaRequest>,
) -> Result<impl serde::Serialize, std::convert::Infallible> {
    let LambdaEvent { payload, context } = event;
    let (payload, route) = match payload {
        LambdaRequest::ApiGatewayV2(mut request) => {
            let route = TrustedParts::take(&mut request);
            (LambdaRequest::ApiGatewayV2(request), route)
        }
        // Other kinds of events have no `routeKey`, and so no route.
        other => (other, TrustedParts::nowhere()),
    };
    let inner = service_fn(move |mut request: lambda_http::Request| {
        let router = router.clone();
        route.put_into(&mut request);
        router.oneshot(request)
    });
    Adapter::from(inner).call(LambdaEvent::new(payload, context)).await
}

/// The parts of an event that are trusted, because API Gateway itself found them.
#[derive(Clone)]
struct TrustedParts {
    /// `None` for a route of `ANY`.
    method: Option<Method>,
    uri: Uri,
    identity: Option<Identity>,
    request_id: String,
}

impl TrustedParts {
    fn nowhere() -> Self {
        Self { method: None, uri: Uri::from_static("/"), identity: None, request_id: String::new() }
    }

    /// Takes the route and the identity out of an event, and removes from it everything that `lambda_http` could fail
    /// on.
    fn take(event: &mut ApiGatewayV2httpRequest) -> Self {
        let context = &mut event.request_context;
        let route_key = event.route_key.as_deref().or(context.route_key.as_deref()).unwrap_or_default();
        let path = path_of(route_key, &event.path_parameters).unwrap_or_else(|| "/".to_owned());
        let query = event.raw_query_string.take().map(|query| printable(&query)).unwrap_or_default();
        let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
        let parts = Self {
            method: method_of(route_key),
            uri: uri.parse().unwrap_or_else(|_| Uri::from_static("/")),
            identity: identity(context.authorizer.as_ref(), &event.headers),
            request_id: context.request_id.clone().unwrap_or_default(),
        };
        event.raw_path = Some("/".to_owned());
        context.stage = None;
        context.domain_name = None;
        for name in NOT_FROM_OUTSIDE {
            event.headers.remove(name);
        }
        if event.is_base64_encoded {
            // Encoded again, because `lambda_http` panics on Base64 that it can't decode, and decoders differ in what
            // they accept.
            let decoded = event.body.as_ref().map(|body| BASE64.decode(body.as_bytes()));
            match decoded {
                Some(Ok(bytes)) => event.body = Some(BASE64.encode(&bytes)),
                Some(Err(_)) => event.is_base64_encoded = false,
                None => {}
            }
        }
        parts
    }

    fn put_into(&self, request: &mut lambda_http::Request) {
        if let Some(method) = &self.method {
            *request.method_mut() = method.clone();
        }
        *request.uri_mut() = self.uri.clone();
        request.extensions_mut().insert(RequestId(self.request_id.clone()));
        if let Some(identity) = self.identity.clone() {
            request.extensions_mut().insert(identity);
        }
    }
}

/// The method of a route key such as `POST /v1/me/factors/{id}`; `None` for `ANY`.
fn method_of(route_key: &str) -> Option<Method> {
    let (method, _) = route_key.split_once(' ')?;
    if method == "ANY" { None } else { method.parse().ok() }
}

/// The path of a route key such as `POST /v1/me/factors/{id}`, with its parameters filled in.
fn path_of(route_key: &str, parameters: &HashMap<String, String>) -> Option<String> {
    let (_, template) = route_key.split_once(' ')?;
    let segments = template.split('/').map(|segment| {
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            None => Some(segment.to_owned()),
            Some(name) => parameters.get(name).map(|value| encoded(value)),
        }
    });
    Some(segments.collect::<Option<Vec<_>>>()?.join("/"))
}

/// Percent-encodes everything but ASCII letters and digits, so that a parameter stays one segment.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded + &char::from(byte).to_string()
        } else {
            encoded + &format!("%{byte:02X}")
        }
    })
}

/// A query string without the characters that are not allowed in one.
fn printable(query: &str) -> String {
    query.chars().filter(|c| c.is_ascii_graphic() && !"#<>\"`{}|\\^".contains(*c)).collect()
}

/// The identity that the gateway's authorizer established: of a user by JWT, or of the back end by IAM.
fn identity(authorizer: Option<&ApiGatewayRequestAuthorizer>, headers: &HeaderMap) -> Option<Identity> {
    let authorizer = authorizer?;
    if let Some(jwt) = &authorizer.jwt {
        let claims = jwt.claims.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>();
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        return Some(Identity::user(claims, authorization.unwrap_or_default()));
    }
    // Credentials of a Cognito identity pool belong to an end user, not to the back end.
    let back_end = authorizer.iam.as_ref().filter(|iam| iam.user_arn.is_some() && iam.cognito_identity.is_none());
    back_end.map(|_| Identity::BackEnd)
}
