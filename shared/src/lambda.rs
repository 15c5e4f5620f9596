//! In Lambda: API Gateway's events to the router and back.
//!
//! An HTTP API hands the path over decoded, and `lambda_http` parses it again, so that `..`, `#` and `?` in it would make
//! another route of it than the one that the authorizer let pass. Here the route is `routeKey` with `pathParameters`,
//! encoded afresh, and the path that came is never looked at.

use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::sync::Arc;

use aws_config::BehaviorVersion;
use axum::Router;
use axum::http::{HeaderMap, Method, Uri, header};
use data_encoding::BASE64;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequest};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent, Service, service_fn};
use tower::ServiceExt;

use crate::clients::Clients;
use crate::config::{self, ConfigError, Deployment};
use crate::delivery::aws::AwsDelivery;
use crate::flows::App;
use crate::flows::clock::{SystemClock, SystemRandomness};
use crate::http::caller::Identity;
use crate::http::edge::RequestId;
use crate::http::routes::{Function, router};
use crate::keys::kms::KmsKeys;
use crate::store::dynamodb::DynamoDbStore;
use crate::telemetry;

#[cfg(debug_assertions)]
pub mod watch;

/// Headers that a proxy may send and `lambda_http` would build a URL from.
const NOT_FROM_OUTSIDE: [&str; 4] = ["host", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];

/// Serves one function until Lambda ends it. Says what is missing or makes no sense, all at once, and fails.
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
    // One thread: a function has one request at a time, and a second thread would cost more than it gives.
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
    let app = Arc::new(app(deployment).await);
    // During init, which is not throttled as requests are.
    app.warm_up().await;
    let router = router(Some(function), &app);
    #[cfg(debug_assertions)]
    if watch::is_on() {
        tracing::warn!("tokens are not checked: use this with `cargo lambda watch` only");
        return lambda_runtime::run(service_fn(move |event| answer(router.clone(), watch::completed(event)))).await;
    }
    lambda_runtime::run(service_fn(move |event| answer(router.clone(), event))).await
}

/// The application over AWS.
async fn app(deployment: Deployment) -> App {
    let Deployment { settings, table, keys, sms, email } = deployment;
    let Clients { dynamodb, kms, sns, ses } = Clients::load(aws_config::defaults(BehaviorVersion::latest())).await;
    App::new(
        Arc::new(DynamoDbStore::new(dynamodb, table)),
        Arc::new(KmsKeys::new(kms, keys)),
        Arc::new(AwsDelivery::new(sns, ses, sms, email)),
        Arc::new(SystemClock),
        Arc::new(SystemRandomness),
        settings,
    )
}

/// Answers one event.
///
/// # Errors
/// None but those of the runtime's own types: a router always answers.
pub async fn answer(
    router: Router,
    event: LambdaEvent<LambdaRequest>,
) -> Result<impl serde::Serialize, std::convert::Infallible> {
    let LambdaEvent { payload, context } = event;
    let (payload, route) = match payload {
        LambdaRequest::ApiGatewayV2(mut request) => {
            let route = Washed::take(&mut request);
            (LambdaRequest::ApiGatewayV2(request), route)
        }
        // Another kind of event has no `routeKey`, and so no route.
        other => (other, Washed::nowhere()),
    };
    let inner = service_fn(move |mut request: lambda_http::Request| {
        let router = router.clone();
        route.put_into(&mut request);
        router.oneshot(request)
    });
    Adapter::from(inner).call(LambdaEvent::new(payload, context)).await
}

/// What is trusted of an event: what API Gateway found itself.
#[derive(Clone)]
struct Washed {
    /// None for `ANY`.
    method: Option<Method>,
    uri: Uri,
    identity: Option<Identity>,
    request_id: String,
}

impl Washed {
    fn nowhere() -> Self {
        Self { method: None, uri: Uri::from_static("/"), identity: None, request_id: String::new() }
    }

    /// Takes route and identity out of an event, and leaves in it nothing that `lambda_http` could stumble over.
    fn take(event: &mut ApiGatewayV2httpRequest) -> Self {
        let context = &mut event.request_context;
        let route_key = event.route_key.as_deref().or(context.route_key.as_deref()).unwrap_or_default();
        let path = path_of(route_key, &event.path_parameters).unwrap_or_else(|| "/".to_owned());
        let query = event.raw_query_string.take().map(|query| visible(&query)).unwrap_or_default();
        let uri = if query.is_empty() { path } else { format!("{path}?{query}") };
        let washed = Self {
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
            // Encoded anew: what one decoder takes, another may not, and theirs panics.
            let decoded = event.body.as_ref().map(|body| BASE64.decode(body.as_bytes()));
            match decoded {
                Some(Ok(bytes)) => event.body = Some(BASE64.encode(&bytes)),
                Some(Err(_)) => event.is_base64_encoded = false,
                None => {}
            }
        }
        washed
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

/// The method of `POST /v1/me/factors/{id}`; none of `ANY /v1/me/factors/{id}`.
fn method_of(route_key: &str) -> Option<Method> {
    let (method, _) = route_key.split_once(' ')?;
    if method == "ANY" { None } else { method.parse().ok() }
}

/// The path of `POST /v1/me/factors/{id}` with its parameters filled in.
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

/// Percent-encoded but for letters and digits: a parameter stays one segment, whatever is in it.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded + &char::from(byte).to_string()
        } else {
            encoded + &format!("%{byte:02X}")
        }
    })
}

/// A query string without what no query string can have.
fn visible(query: &str) -> String {
    query.chars().filter(|c| c.is_ascii_graphic() && !"#<>\"`{}|\\^".contains(*c)).collect()
}

/// The identity that the authorizer found.
fn identity(authorizer: Option<&ApiGatewayRequestAuthorizer>, headers: &HeaderMap) -> Option<Identity> {
    let authorizer = authorizer?;
    if let Some(jwt) = &authorizer.jwt {
        let claims = jwt.claims.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>();
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        return Some(Identity::user(claims, authorization.unwrap_or_default()));
    }
    // Credentials of a Cognito identity pool are an end user's.
    let back_end = authorizer.iam.as_ref().filter(|iam| iam.user_arn.is_some() && iam.cognito_identity.is_none());
    back_end.map(|_| Identity::BackEnd)
}
