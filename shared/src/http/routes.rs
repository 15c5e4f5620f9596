//! The route table: every route with its function, its dialect and its kind of caller. The routers are made from it.
//! `tests/sync.rs` writes from it the routes of the template, the events, and the tables of the documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};

use super::body::TakesPhotos;
use super::dialect::{DIALECTS, Dialect};
use super::edge::{Edge, edge};
pub use crate::domain::actor::Access;
use crate::flows::Service;

/// A Lambda function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Begins an enrolment.
    EnrollRequest,
    /// Makes a secret, in the dialects with a separate route for it.
    CreateTotp,
    /// Checks a code, and confirms an enrolment.
    Verify,
    /// Sends a challenge.
    Challenge,
    /// Lists, changes and removes factors.
    Factors,
    /// Serves what is public: the keys of receipts, and the page of hosted sessions.
    Page,
}

impl Function {
    /// Every function.
    pub const ALL: [Self; 6] =
        [Self::EnrollRequest, Self::CreateTotp, Self::Verify, Self::Challenge, Self::Factors, Self::Page];

    /// The name of its binary.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnrollRequest => "enroll-request",
            Self::CreateTotp => "create-totp",
            Self::Verify => "verify",
            Self::Challenge => "challenge",
            Self::Factors => "factors",
            Self::Page => "page",
        }
    }
}

/// An HTTP method of the route table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// The method in capitals, as HTTP has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// One row of the route table.
pub struct Route {
    /// The function that serves it.
    pub function: Function,
    /// The wire format of its requests and replies.
    pub dialect: &'static Dialect,
    /// The kind of caller that is allowed. Any other is refused, even if an authorizer let it through.
    pub access: Access,
    /// The HTTP method.
    pub method: Method,
    /// Its path, with parameters in the form `{id}` that both axum and API Gateway use.
    pub path: &'static str,
    takes_photos: bool,
    handler: MethodRouter<Arc<Service>>,
}

impl Route {
    /// A route that users call.
    pub(super) fn new<T: 'static>(
        function: Function,
        dialect: &'static Dialect,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, Arc<Service>>,
    ) -> Self {
        let handler = on(method.filter(), handler);
        Self { function, dialect, access: Access::User, method, path, takes_photos: false, handler }
    }

    /// The same route with larger bodies, if faces are on.
    pub(super) fn with_photos(self) -> Self {
        Self { takes_photos: true, ..self }
    }

    /// The same route for the back end only.
    pub(super) fn for_back_end(self) -> Self {
        Self { access: Access::BackEnd, ..self }
    }

    /// The same route for a person in a hosted session.
    pub(super) fn for_session(self) -> Self {
        Self { access: Access::Hosted, ..self }
    }

    /// The same route for anyone, without an identity.
    pub(super) fn for_anyone(self) -> Self {
        Self { access: Access::Public, ..self }
    }
}

/// Every route of every dialect.
#[must_use]
pub fn routes() -> Vec<Route> {
    DIALECTS.iter().flat_map(|dialect| (dialect.routes)()).collect()
}

/// The router of one function; `None` gives the router of all functions.
pub fn router(function: Option<Function>, service: &Arc<Service>) -> Router {
    router_behind(function, service, |_, handler| handler)
}

/// A router in which `behind` wraps each route's handler by the kind of caller, for example in an authorizer. An
/// unknown path or method is answered 404 without `behind`.
pub fn router_behind(
    function: Option<Function>,
    service: &Arc<Service>,
    behind: impl Fn(Access, MethodRouter<Arc<Service>>) -> MethodRouter<Arc<Service>>,
) -> Router {
    let mut paths: BTreeMap<&'static str, MethodRouter<Arc<Service>>> = BTreeMap::new();
    for route in routes().into_iter().filter(|route| function.is_none_or(|function| route.function == function)) {
        let edge_of_route = Edge { service: Arc::clone(service), dialect: route.dialect, access: route.access };
        let inside = from_fn_with_state(edge_of_route, edge);
        let handler = if route.takes_photos { route.handler.layer(Extension(TakesPhotos)) } else { route.handler };
        let handler = behind(route.access, handler.layer(inside));
        let methods = paths.remove(route.path).unwrap_or_default().merge(handler);
        paths.insert(route.path, methods);
    }
    let mut router = Router::new();
    for (path, methods) in paths {
        router = router.route(path, methods.fallback(unknown_route));
    }
    router.fallback(unknown_route).with_state(Arc::clone(service))
}

/// The answer of API Gateway to an unknown route.
async fn unknown_route(_: Request) -> Response {
    (StatusCode::NOT_FOUND, axum::Json(serde_json::json!({"message": "Not Found"}))).into_response()
}
