//! Who calls, from what the authorizer found. Where that comes from is the one difference between Lambda and the local
//! server. A user id is the token's, or for the back end the path's: one in a body or a header is never looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::failure::Failure;
use super::path_parameter;
use crate::domain::actor::{Access, Actor};
use crate::domain::error::Error;
use crate::domain::ids::{UserId, visible};
use crate::flows::clock::Deadline;
use crate::flows::{AccountName, Caller, Service};

/// Bytes of an account's name that an authenticator app is given. Its URI takes three for each, and beside the longest
/// name of a product, which is in it twice, a QR code has room for no more.
const ACCOUNT_NAME_BYTES: usize = 128;

/// An identity that was checked before the request came here, put into the request's extensions by whoever checked it.
#[derive(Clone)]
pub enum Identity {
    /// A user with an access token.
    User {
        /// The token's claims, as text.
        claims: BTreeMap<String, String>,
        /// The token itself, which names the session where no claim does.
        token: String,
    },
    /// The application's back end, by AWS IAM.
    BackEnd,
}

impl Identity {
    /// A user, by a checked token's claims and the `authorization` header that brought it, bare or after `Bearer`.
    #[must_use]
    pub fn user(claims: BTreeMap<String, String>, authorization: &str) -> Self {
        Self::User { claims, token: bare(authorization).to_owned() }
    }
}

/// The token of an `authorization` header: some clients send it bare, and API Gateway takes both.
#[must_use]
pub fn bare(authorization: &str) -> &str {
    match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => authorization.trim(),
    }
}

/// Not even the claims' names are printed.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User { .. } => "Identity::User(…)",
            Self::BackEnd => "Identity::BackEnd",
        })
    }
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
                let account_name = AccountName(user.as_str().to_owned());
                let keyring = service.keyring().await?;
                return Ok(Self::new(user, Actor::BackEnd, account_name, keyring, deadline));
            }
            _ => return Err(Error::Unauthorized.into()),
        };
        let claim = |name: &str| claims.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let first = |names: &[&str]| names.iter().copied().find_map(claim);

        let user = claim(&service.settings().user_id_claim).ok_or(Error::Unauthorized)?;
        let user = UserId::parse(user).ok_or_else(|| Failure::field("userId", UserId::RULE))?;
        // Sessions without a name would all be one.
        let session = first(&["sid", "origin_jti", "jti"]).unwrap_or(token);
        if session.is_empty() {
            return Err(Error::Unauthorized.into());
        }
        let client = first(&["client_id", "azp", "aud"]).unwrap_or_default();
        let keyring = service.keyring().await?;
        let session = Service::session(&keyring, &[claim("iss").unwrap_or_default(), client, session])?;
        let names = ["name", "email", "phone_number", "preferred_username", "username"];
        let shown = names.into_iter().filter_map(claim).map(|name| visible(name).trim().to_owned());
        let name = shown.filter(|name| !name.is_empty()).chain([user.as_str().to_owned()]).next().unwrap_or_default();
        let name = name.get(..name.floor_char_boundary(ACCOUNT_NAME_BYTES)).unwrap_or_default();
        let account_name = AccountName(name.to_owned());
        Ok(Self::new(user, Actor::Session(session), account_name, keyring, deadline))
    }
}
