//! HTTP: the route table, who calls, bodies, and one module per dialect. A handler decodes, makes one call, encodes.

mod body;
pub mod caller;
pub mod edge;
mod genauth;
mod logto;
mod native;
mod profile;
pub mod qr;
pub mod routes;

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::delivery::Language;
use crate::domain::contact::{ContactProblem, EmailAddress, PhoneNumber};
use crate::domain::error::{Error, Subject};
use crate::domain::ids::FactorId;
use crate::domain::otpauth::{ParameterOrder, otpauth_uri};
use crate::domain::secret::Code;
use crate::domain::token::{Dialect, EnrollmentToken};
use crate::domain::totp::Parameters;
use crate::flows::enroll::{self, Offer};
use crate::flows::{App, Caller};
use body::Fields;
use edge::Failure;
use zeroize::Zeroizing;

pub use body::MAX_BYTES;

/// What a browser or a client says of its language, besides the body.
struct Accepts(Option<String>);

impl FromRequestParts<Arc<App>> for Accepts {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Self::Rejection> {
        let text = |headers: &HeaderMap, name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let headers = &parts.headers;
        Ok(Self(text(headers, "x-authing-lang").or_else(|| text(headers, header::ACCEPT_LANGUAGE.as_str()))))
    }
}

impl Accepts {
    /// The language to write in; the body's `locale` comes first.
    fn language(&self, locale: Option<&str>) -> Language {
        Language::pick(locale, self.0.as_deref())
    }
}

/// The factor id in a route's path. What can't be one names no factor.
struct PathId(FactorId);

impl FromRequestParts<Arc<App>> for PathId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let id = path_parameter(parts, app, "id").await;
        Ok(Self(factor_id(id.as_deref().unwrap_or_default())?))
    }
}

/// A parameter of the route's path, percent-decoded. `None` where it is no text.
async fn path_parameter(parts: &mut Parts, app: &Arc<App>, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, app).await.ok()?;
    parameters.iter().find(|(each, _)| *each == name).map(|(_, value)| value.to_owned())
}

/// A factor id from outside.
fn factor_id(text: &str) -> Result<FactorId, Error> {
    FactorId::parse(text).ok_or(Error::NotFound(Subject::Factor))
}

impl Fields {
    /// A phone number, with the country code of another field or the default one.
    fn phone_number(&self, app: &App, name: &str, country_code: Option<&str>) -> Result<PhoneNumber, Error> {
        let country_code = country_code.unwrap_or(&app.settings().default_country_code);
        PhoneNumber::parse(self.text(name)?, Some(country_code)).map_err(|problem| match problem {
            ContactProblem::NotASmsNumber => Error::DestinationRefused,
            problem => self.problem(name, problem.as_str()),
        })
    }

    /// An e-mail address.
    fn email_address(&self, name: &str) -> Result<EmailAddress, Error> {
        EmailAddress::parse(self.text(name)?).map_err(|problem| self.problem(name, problem.as_str()))
    }

    /// A code of any shape, as the dialects of others take it: one that can't be right is a wrong one.
    fn code(&self, name: &str) -> Result<Code, Error> {
        self.text(name).map(Code::parse)
    }
}

/// What an authenticator app is given.
struct AppOffer {
    secret: Zeroizing<String>,
    uri: String,
    qr_code: String,
}

impl AppOffer {
    /// The URI of a new secret, and its QR code as a data URL.
    fn new(
        app: &App,
        caller: &Caller,
        secret: Zeroizing<String>,
        parameters: Parameters,
        order: ParameterOrder,
    ) -> Result<Self, Error> {
        let (issuer, account) = (&app.settings().product, &caller.account_name.0);
        let digits = u32::from(parameters.digits);
        let uri = otpauth_uri(issuer, account, &secret, digits, parameters.algorithm.name(), order);
        let qr_code = qr::png_data_url(&uri).map_err(|_| Error::Internal("a QR code could not be drawn"))?;
        Ok(Self { secret, uri: uri.to_string(), qr_code })
    }

    /// Begins to enrol an app by a route that enrols nothing else.
    async fn begin(
        app: &App,
        caller: &Caller,
        dialect: Dialect,
        order: ParameterOrder,
    ) -> Result<(EnrollmentToken, Self), Error> {
        let enrolled = app.enroll(caller, enroll::Request::app(dialect)).await?;
        let Offer::App { secret, parameters, .. } = enrolled.offer else {
            return Err(Error::Internal("an app was to be enrolled, and a code was sent"));
        };
        Ok((enrolled.token, Self::new(app, caller, secret, parameters, order)?))
    }
}
