//! The route table: every route there is, which function serves it, in which dialect, and who may call. Routers, the
//! template and the tests are made from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use super::{edge, genauth, logto, native, profile};
pub use crate::domain::actor::Access;
use crate::domain::token::Dialect;
use crate::flows::App;

/// A Lambda function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// Begins enrolments.
    EnrollRequest,
    /// Makes secrets for the dialects that have a route of their own for it.
    CreateTotp,
    /// Checks codes.
    Verify,
    /// Sends challenges.
    Challenge,
    /// Lists and changes factors.
    Factors,
}

impl Function {
    /// Every function there is.
    pub const ALL: [Self; 5] = [Self::EnrollRequest, Self::CreateTotp, Self::Verify, Self::Challenge, Self::Factors];

    /// Its name, which is its binary's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnrollRequest => "enroll-request",
            Self::CreateTotp => "create-totp",
            Self::Verify => "verify",
            Self::Challenge => "challenge",
            Self::Factors => "factors",
        }
    }
}

/// An HTTP method of the table.
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
    /// As it is written.
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

/// A route.
pub struct Route {
    /// The function that serves it.
    pub function: Function,
    /// The wire format it speaks.
    pub dialect: Dialect,
    /// Who may call. Others are refused, whatever let them through.
    pub access: Access,
    /// Its method.
    pub method: Method,
    /// Its path, with parameters as `{id}`, as both axum and API Gateway write them.
    pub path: &'static str,
    handler: MethodRouter<Arc<App>>,
}

impl Route {
    /// A route of users.
    pub(super) fn new<T: 'static>(
        function: Function,
        dialect: Dialect,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, Arc<App>>,
    ) -> Self {
        Self { function, dialect, access: Access::User, method, path, handler: on(method.filter(), handler) }
    }

    /// The same, as a route of the back end.
    pub(super) fn for_back_end(self) -> Self {
        Self { access: Access::BackEnd, ..self }
    }
}

/// Every route.
#[must_use]
pub fn routes() -> Vec<Route> {
    [native::routes(), genauth::routes(), logto::routes(), profile::routes()].into_iter().flatten().collect()
}

/// The router of one function, or of all with `None`.
pub fn router(function: Option<Function>, app: &Arc<App>) -> Router {
    router_behind(function, app, |_, handler| handler)
}

/// A router whose handlers stand behind something by who may call, as an authorizer. What no route takes does not come
/// that far: it is unknown to whoever asks.
pub fn router_behind(
    function: Option<Function>,
    app: &Arc<App>,
    behind: impl Fn(Access, MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>>,
) -> Router {
    let mut paths: BTreeMap<&'static str, MethodRouter<Arc<App>>> = BTreeMap::new();
    for route in routes().into_iter().filter(|route| function.is_none_or(|function| route.function == function)) {
        let inside = from_fn_with_state((route.dialect, route.access), edge::edge);
        let handler = behind(route.access, route.handler.layer(inside));
        let methods = paths.remove(route.path).unwrap_or_default().merge(handler);
        paths.insert(route.path, methods);
    }
    let mut router = Router::new();
    for (path, methods) in paths {
        router = router.route(path, methods.fallback(unknown_route));
    }
    router.fallback(unknown_route).with_state(Arc::clone(app))
}

/// What API Gateway answers where it has no such route.
async fn unknown_route(_: Request) -> Response {
    (StatusCode::NOT_FOUND, axum::Json(serde_json::json!({"message": "Not Found"}))).into_response()
}
