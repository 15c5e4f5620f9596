//! The caller of a request, from the identity that an authorizer found. Only the source of this identity differs
//! between Lambda and the local server. The user id is the token's, or for the back end the path's. A user id in a body
//! or a header is never read.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, header};

use super::failure::Failure;
use super::path_parameter;
use crate::clock::Deadline;
use crate::domain::actor::{Access, Actor};
use crate::domain::error::Error;
use crate::domain::ids::{UserId, visible};
use crate::domain::token::Nonce;
use crate::flows::hosted::HostedToken;
use crate::flows::{AccountName, Caller, Service};

/// An identity that was checked before. The code that checked it, or received it from the gateway, puts it into the
/// request's extensions.
#[derive(Clone)]
pub enum Identity {
    /// A user with an access token.
    User {
        /// The token's claims, as text.
        claims: BTreeMap<String, String>,
        /// The token itself. It identifies the session if no claim does.
        token: String,
    },
    /// The application's back end, authenticated by AWS IAM.
    BackEnd,
}

impl Identity {
    /// A user, from the claims of a checked token and its `authorization` header, with or without `Bearer`.
    #[must_use]
    pub fn user(claims: BTreeMap<String, String>, authorization: &str) -> Self {
        Self::User { claims, token: bare(authorization).to_owned() }
    }
}

/// The token of an `authorization` header, with or without `Bearer`: some clients send it bare, and API Gateway takes
/// both.
#[must_use]
pub fn bare(authorization: &str) -> &str {
    match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => authorization.trim(),
    }
}

/// Neither the claims nor their names are printed.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User { .. } => "Identity::User(…)",
            Self::BackEnd => "Identity::BackEnd",
        })
    }
}

/// The header with the browser's secret: 128 random bits that the page made, in Base64url.
pub const BROWSER: HeaderName = HeaderName::from_static("countersign-browser");

/// The caller of a route of hosted sessions. The token is checked without the store.
async fn in_session(parts: &Parts, service: &Service, deadline: Deadline) -> Result<Caller, Failure> {
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let browser = Nonce::decode(header(BROWSER)).ok_or(Error::Unauthorized)?;
    let token = bare(header(header::AUTHORIZATION));
    if token.is_empty() {
        return Err(Error::Unauthorized.into());
    }
    let keyring = service.keyring().await?;
    let token = HostedToken::decode(token, service.clock().now(), &keyring)?;
    Ok(Caller::hosted(token, browser.digest(), keyring, deadline)?)
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Failure> {
        let deadline = parts.extensions.get::<Deadline>().copied();
        let deadline = deadline.unwrap_or_else(|| Deadline::starting_now(service.clock().as_ref()));
        let (access, identity) = (parts.extensions.get::<Access>(), parts.extensions.get::<Identity>());
        let (claims, token) = match (access, identity) {
            (Some(Access::User), Some(Identity::User { claims, token })) => (claims, token),
            (Some(Access::BackEnd), Some(Identity::BackEnd)) => {
                let user = path_parameter(parts, service, "userId").await;
                let user = UserId::parse(user.as_deref().unwrap_or_default());
                let user = user.ok_or_else(|| Failure::field("userId", UserId::RULE))?;
                let account_name = AccountName::new(user.as_str());
                let keyring = service.keyring().await?;
                return Ok(Self::new(user, Actor::BackEnd, account_name, keyring, deadline));
            }
            (Some(Access::Hosted), _) => return in_session(parts, service, deadline).await,
            _ => return Err(Error::Unauthorized.into()),
        };
        let claim = |name: &str| claims.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let first = |names: &[&str]| names.iter().copied().find_map(claim);

        let user = claim(&service.settings().user_id_claim).ok_or(Error::Unauthorized)?;
        let user = UserId::parse(user).ok_or_else(|| Failure::field("userId", UserId::RULE))?;
        // Sessions without an id would all be the same session.
        let session = first(&["sid", "origin_jti", "jti"]).unwrap_or(token);
        if session.is_empty() {
            return Err(Error::Unauthorized.into());
        }
        if service.settings().receipts.as_ref().is_some_and(|receipts| receipts.is_receipt(&claim)) {
            return Err(Error::Unauthorized.into());
        }
        let client_id = first(&["client_id", "azp"]).map(str::to_owned);
        let client = first(&["client_id", "azp", "aud"]).unwrap_or_default();
        let keyring = service.keyring().await?;
        let session = Service::session(&keyring, &[claim("iss").unwrap_or_default(), client, session])?;
        let names = ["name", "email", "phone_number", "preferred_username", "username"];
        let shown = names.into_iter().filter_map(claim).map(|name| visible(name).trim().to_owned());
        let name = shown.filter(|name| !name.is_empty()).chain([user.as_str().to_owned()]).next().unwrap_or_default();
        let account_name = AccountName::new(&name);
        Ok(Self::new(user, Actor::Session(session), account_name, keyring, deadline).of_client(client_id))
    }
}
