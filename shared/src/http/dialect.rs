//! Dialects: the wire formats over the same use cases. Each is a value in [`DIALECTS`]. Code outside a dialect's own
//! module does not depend on which dialect it serves.

use axum::response::Response;

use super::failure::Failure;
use super::routes::Route;
use super::{genauth, logto, native, profile, well_known};
use crate::domain::terms::Terms;
use crate::flows::{Service, Settings};

/// A wire format.
pub struct Dialect {
    /// Its name in documents and tests.
    pub name: &'static str,
    /// The terms of this dialect, from the settings.
    pub(super) terms: fn(&Settings) -> Terms,
    /// Its routes.
    pub(super) routes: fn() -> Vec<Route>,
    /// The answer to a failed request.
    pub(super) respond: fn(&Failure, &Context) -> Response,
}

/// Every dialect. A new one needs a module and a line here.
pub static DIALECTS: &[&Dialect] =
    &[&native::DIALECT, &genauth::DIALECT, &logto::DIALECT, &profile::DIALECT, &well_known::DIALECT];

impl Dialect {
    /// The terms of this dialect, from the service's settings.
    pub(super) fn terms(&self, service: &Service) -> Terms {
        (self.terms)(service.settings())
    }
}

impl std::fmt::Debug for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The data of a failed request that its answer may contain or depend on.
pub struct Context {
    /// The request's id.
    pub request_id: String,
    /// The path of the route, with its parameters' names.
    pub route: String,
}
