//! HTTP: the route table, the caller, request bodies, and one module per dialect. A handler decodes, makes one call and
//! encodes.

mod body;
pub mod caller;
pub mod dialect;
pub mod edge;
pub mod failure;
mod genauth;
mod logto;
mod native;
mod page;
mod passkeys;
mod photos;
mod profile;
pub mod routes;
pub mod well_known;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};

use crate::delivery::Language;
use crate::domain::contact::{ContactProblem, Destination, EmailAddress, PhoneNumber};
use crate::domain::error::{Error, Subject};
use crate::domain::factor::face::ConsentVersion;
use crate::domain::factor::totp::Parameters;
use crate::domain::ids::FactorId;
use crate::domain::otpauth::{ParameterOrder, otpauth_uri};
use crate::domain::secret::Code;
use crate::domain::terms::Terms;
use crate::domain::token::EnrollmentToken;
use crate::flows::enroll::{self, Offer};
use crate::flows::receipt::Receipt;
use crate::flows::{AccountName, Caller, Service};
use crate::qr;
use body::Fields;
use failure::Failure;
use zeroize::Zeroizing;

pub use body::{MAX_BYTES, MAX_PHOTO_BYTES};

/// The language header of a request: `x-authing-lang`, else `accept-language`.
struct Accepts(Option<String>);

impl FromRequestParts<Arc<Service>> for Accepts {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Service>) -> Result<Self, Self::Rejection> {
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

/// The header of an answer with the receipt of a check, in dialects whose bodies have no place for it. No receipt, no
/// header.
struct ReceiptHeader(Option<Receipt>);

/// The name of the header of an answer with a receipt. Browsers show it to a page only if CORS exposes it.
pub const RECEIPT: HeaderName = HeaderName::from_static("countersign-receipt");

impl IntoResponseParts for ReceiptHeader {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        // A JWT in compact form has letters, digits, `-`, `_` and `.` only, so it is always a valid value.
        if let Some(value) = self.0.and_then(|receipt| HeaderValue::try_from(receipt.0).ok()) {
            parts.headers_mut().insert(RECEIPT, value);
        }
        Ok(parts)
    }
}

/// The factor id in a route's path. A malformed id is refused as not found.
struct PathId(FactorId);

impl FromRequestParts<Arc<Service>> for PathId {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Failure> {
        let id = path_parameter(parts, service, "id").await;
        Ok(Self(factor_id(id.as_deref().unwrap_or_default())?))
    }
}

/// A parameter of the route's path, percent-decoded. `None` if it is missing or not UTF-8.
async fn path_parameter(parts: &mut Parts, service: &Arc<Service>, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, service).await.ok()?;
    parameters.iter().find(|(each, _)| *each == name).map(|(_, value)| value.to_owned())
}

/// Parses a factor id from outside.
fn factor_id(text: &str) -> Result<FactorId, Error> {
    FactorId::parse(text).ok_or(Error::NotFound(Subject::Factor))
}

impl Fields {
    /// A required phone number. A number without a country code gets `country_code`, or else the default one.
    fn phone_number(&self, service: &Service, name: &str, country_code: Option<&str>) -> Result<Destination, Failure> {
        let country_code = country_code.unwrap_or(&service.settings().default_country_code);
        let number = PhoneNumber::parse(self.text(name)?, Some(country_code)).map_err(|problem| match problem {
            ContactProblem::NotASmsNumber => Error::DestinationRefused.into(),
            problem => self.problem(name, problem.as_str()),
        });
        number.map(Destination::Phone)
    }

    /// A required e-mail address.
    fn email_address(&self, name: &str) -> Result<Destination, Failure> {
        let address = EmailAddress::parse(self.text(name)?);
        address.map(Destination::Email).map_err(|problem| self.problem(name, problem.as_str()))
    }

    /// The consent to keep a photo of a face: `{"version": "…"}`.
    fn consent(&self) -> Result<Option<ConsentVersion>, Failure> {
        let Some(consent) = self.optional_object("consent")? else { return Ok(None) };
        consent.require_only(&["version"])?;
        consent.required("version", ConsentVersion::RULE, ConsentVersion::parse).map(Some)
    }

    /// A required code of any form. Genauth, logto and profile use it: they treat a malformed code as a wrong one.
    fn code(&self, name: &str) -> Result<Code, Failure> {
        self.text(name).map(Code::parse)
    }
}

/// The secret for an authenticator app, in the forms that replies contain.
struct AppOffer {
    secret: Zeroizing<String>,
    uri: String,
    qr_code: String,
}

impl AppOffer {
    /// The URI of a new secret, and its QR code as a data URL.
    fn new(
        service: &Service,
        account: &AccountName,
        secret: Zeroizing<String>,
        parameters: Parameters,
        order: ParameterOrder,
    ) -> Result<Self, Error> {
        let (issuer, account) = (&service.settings().product, account.as_str());
        let digits = u32::from(parameters.digits);
        let uri = otpauth_uri(issuer, account, &secret, digits, parameters.algorithm.name(), order);
        let qr_code = qr::png_data_url(&uri).map_err(|_| Error::Internal("a QR code could not be drawn"))?;
        Ok(Self { secret, uri: uri.to_string(), qr_code })
    }

    /// Begins the enrolment of an app, for a route that enrols nothing else.
    async fn begin(
        service: &Service,
        caller: &Caller,
        terms: Terms,
        order: ParameterOrder,
    ) -> Result<(EnrollmentToken, Self), Error> {
        let enrolled = service.enroll(caller, &enroll::Request::app(terms)).await?;
        match enrolled.offer {
            Offer::App { secret, parameters, .. } => {
                Ok((enrolled.token, Self::new(service, &caller.account_name, secret, parameters, order)?))
            }
            Offer::Sent(_) | Offer::Passkey(_) | Offer::Face => {
                Err(Error::Internal("an app was to be enrolled, and a code was sent"))
            }
        }
    }
}
