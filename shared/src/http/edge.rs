//! The boundary of every route: a failure becomes the dialect's answer, and the request becomes one line of the log.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{genauth, logto, native, profile};
use crate::domain::error::Error;
use crate::domain::token::Dialect;

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

/// Runs a route, words its failure, and logs it.
pub(super) async fn edge(State(dialect): State<Dialect>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let request_id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());

    let response = next.run(request).await;
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
