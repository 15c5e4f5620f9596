//! The boundary of every route. It starts the request's deadlines, turns a failure into the dialect's answer, and logs
//! one line per request.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::dialect::{Context, Dialect};
use super::failure::Failure;
use crate::clock::Deadline;
use crate::domain::actor::Access;
use crate::domain::error::Error;
use crate::flows::Service;

/// The header with the request's id, in the answer of every route.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, as the platform gave it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Without an id from the platform it is empty.
impl FromRequestParts<Arc<Service>> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(String::new())))
    }
}

/// The data of a route that the edge needs.
#[derive(Clone)]
pub(super) struct Edge {
    pub(super) service: Arc<Service>,
    pub(super) dialect: &'static Dialect,
    pub(super) access: Access,
}

/// Runs a route with its allowed kind of caller and its deadline, answers a failure, and logs the request.
pub(super) async fn edge(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let clock = edge.service.clock().as_ref();
    let deadline = Deadline::starting_now(clock);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let request_id = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    request.extensions_mut().insert(edge.access);
    request.extensions_mut().insert(deadline);

    // Every line that is logged during the request has its id.
    let span = tracing::info_span!("request", request.id = request_id.as_str());
    // A request that takes too long is dropped, as if the function was killed: a finished commit stays, and nothing
    // more is done.
    let response = tokio::select! {
        biased;
        response = next.run(request).instrument(span) => response,
        () = clock.sleep(Deadline::ANSWER_WITHIN) => Failure::Refused(Error::Busy).into_response(),
    };
    let failure = response.extensions().get::<Failure>().cloned();
    let context = Context { request_id, route };
    let mut response = match &failure {
        Some(failure) => respond(edge.dialect, failure, &context),
        None => response,
    };
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    // Answers contain codes, secrets and tokens, so no cache may keep them. Only an answer with public data has its own
    // header.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    // Tenths of a millisecond: more digits would look like codes.
    let duration_ms = (deadline.elapsed(clock).as_secs_f64() * 10_000.0).round() / 10.0;
    log(method.as_str(), &context, response.status(), failure.as_ref(), duration_ms);
    response
}

fn respond(dialect: &Dialect, failure: &Failure, context: &Context) -> Response {
    let mut response = (dialect.respond)(failure, context);
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Logs one line per request, without personal data.
fn log(method: &str, context: &Context, status: StatusCode, failure: Option<&Failure>, duration_ms: f64) {
    let route = context.route.as_str();
    let request_id = context.request_id.as_str();
    let code = failure.map(Failure::code);
    if let Some(Failure::Refused(Error::Internal(detail))) = failure {
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
#[path = "edge_tests.rs"]
mod tests;
