//! The caller's identity, as the authorizers of an API Gateway HTTP API establish it.
//!
//! A user is checked as by the JWT authorizer: an RS256 signature by a known key, issuer, audience or client, and
//! times. The token comes bare or after `Bearer`. The back end is known by the AWS signature of its requests (`SigV4`),
//! which counts only from this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use countersign::clock::{Clock, SystemClock, SystemRandomness};
use countersign::domain::random;
use countersign::http::caller::{Identity, bare};
use countersign::http::edge::RequestId;
use data_encoding::HEXLOWER;
use jsonwebtoken::errors::{Error as TokenError, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value, json};

use crate::issuer::{CLIENT, ISSUER, Issuer};
use crate::loopback::is_from_this_machine;
use crate::signature::Verifier;

/// The largest body of an HTTP API, in bytes.
const LARGEST_BODY: usize = 10 * 1024 * 1024;

/// The header of a 403 with the reason. The gateway has none.
const REASON: HeaderName = HeaderName::from_static("countersign-reason");

/// The value of `www-authenticate` for a token that is not valid.
macro_rules! invalid_token {
    ($description:literal) => {
        concat!("Bearer scope=\"\" error=\"invalid_token\" error_description=\"", $description, "\"")
    };
}

/// The reason why a request has no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no token.
    NoToken,
    /// It is not a JWT, or its header is none.
    Malformed,
    /// It was signed by another algorithm than RS256.
    Algorithm,
    /// It names a key that the issuer does not have.
    UnknownKey,
    /// Its signature does not match.
    Signature,
    /// It has another type than `at+jwt` (RFC 9068).
    Type,
    /// It has expired.
    Expired,
    /// It becomes valid later.
    NotYetValid,
    /// It has another issuer.
    Issuer,
    /// It is for another audience or client.
    Audience,
    /// A claim is missing or has the wrong form.
    Claim,
}

impl Refusal {
    /// The header `www-authenticate` (RFC 6750, section 3), in the form of API Gateway. Its texts about the audience and
    /// about the expiry are the gateway's; the others are similar.
    fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::NoToken => "Bearer",
            Self::Malformed => invalid_token!("the token is malformed"),
            Self::Algorithm => invalid_token!("the token is not signed with RS256"),
            Self::UnknownKey => invalid_token!("the token is not signed with a key of this issuer"),
            Self::Signature => invalid_token!("the token does not have a valid signature"),
            Self::Type => invalid_token!("the token is not an access token"),
            Self::Expired => invalid_token!("the token has expired"),
            Self::NotYetValid => invalid_token!("the token is not valid yet"),
            Self::Issuer => invalid_token!("the token does not have a valid issuer"),
            Self::Audience => invalid_token!("the token does not have a valid audience"),
            Self::Claim => invalid_token!("a claim of the token is missing or has the wrong form"),
        })
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error.kind() {
            ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Self::Algorithm,
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::NotYetValid,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Self::Claim,
            _ => Self::Malformed,
        }
    }
}

/// Checks the access tokens of one issuer.
pub(crate) struct Authorizer {
    kid: String,
    key: DecodingKey,
    validation: Validation,
}

impl Authorizer {
    /// An authorizer that trusts this issuer.
    pub(crate) fn of(issuer: &Issuer) -> Self {
        let key = issuer.public_key();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        // Checked below: instead of an audience, a token may name its client.
        validation.validate_aud = false;
        let decoding = DecodingKey::from_rsa_raw_components(&key.modulus, &key.exponent);
        Self { kid: key.kid, key: decoding, validation }
    }

    /// The claims of a valid token as text.
    ///
    /// # Errors
    /// The [`Refusal`] of any other token.
    pub(crate) fn check(&self, token: &str) -> Result<BTreeMap<String, String>, Refusal> {
        if token.is_empty() || token.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::NoToken);
        }
        let head = decode_header(token)?;
        if head.alg != Algorithm::RS256 {
            return Err(Refusal::Algorithm);
        }
        if head.kid.as_deref() != Some(&self.kid) {
            return Err(Refusal::UnknownKey);
        }
        if head.typ.as_deref() != Some("at+jwt") {
            return Err(Refusal::Type);
        }
        let claims = decode::<Map<String, Value>>(token, &self.key, &self.validation)?.claims;
        if let Some(issued_at) = claims.get("iat") {
            let issued_at = issued_at.as_i64().ok_or(Refusal::Claim)?;
            if issued_at > SystemClock.now().unix() {
                return Err(Refusal::NotYetValid);
            }
        }
        let names_us = |claim: &str| match claims.get(claim) {
            Some(Value::String(text)) => text == CLIENT,
            Some(Value::Array(texts)) => texts.iter().any(|text| text == CLIENT),
            _ => false,
        };
        if !(names_us("aud") || (!claims.contains_key("aud") && names_us("client_id"))) {
            return Err(Refusal::Audience);
        }
        let text = |value| match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        Ok(claims.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
    }
}

/// Passes a request on with the identity of its token, or answers 401 as API Gateway does, with the reason in
/// `www-authenticate`.
pub(crate) async fn authorize(State(authorizer): State<Arc<Authorizer>>, request: Request, next: Next) -> Response {
    let authorization = authorization(&request).to_owned();
    match authorizer.check(bare(&authorization)) {
        Ok(claims) => run_as(Identity::user(claims, &authorization), request, next).await,
        Err(refusal) => {
            let body = Json(json!({"message": "Unauthorized"}));
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, refusal.challenge())], body).into_response()
        }
    }
}

/// Passes a request of the back end on, or answers 403 as API Gateway does without IAM permission: an HTTP API gives no
/// reason. The log has it, and so has a header.
pub(crate) async fn authorize_back_end(
    State(verifier): State<Arc<Verifier>>,
    request: Request,
    next: Next,
) -> Response {
    if !is_from_this_machine(request.headers()) {
        return forbidden("the request must be to 127.0.0.1 or localhost, and from no page of another site");
    }
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        let body = Json(json!({"message": "Request Entity Too Large"}));
        return (StatusCode::PAYLOAD_TOO_LARGE, body).into_response();
    };
    match verifier.check(&head, &body, SystemClock.now()) {
        Ok(()) => run_as(Identity::BackEnd, Request::from_parts(head, Body::from(body)), next).await,
        Err(refusal) => forbidden(refusal.reason()),
    }
}

fn forbidden(reason: &'static str) -> Response {
    tracing::warn!(signature.refusal = reason, "a request for the back end's routes was refused");
    let reason = HeaderValue::from_static(reason);
    (StatusCode::FORBIDDEN, [(REASON, reason)], Json(json!({"message": "Forbidden"}))).into_response()
}

/// The header `authorization`; empty if it is missing. A header that is no text counts as a malformed token.
fn authorization(request: &Request) -> &str {
    request.headers().get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap_or("?"))
}

async fn run_as(identity: Identity, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(identity);
    name_request(request, next).await
}

/// Passes a request on with an id.
pub(crate) async fn name_request(mut request: Request, next: Next) -> Response {
    let request_id = random::bytes::<8>(&SystemRandomness).map(|bytes| HEXLOWER.encode(&bytes)).unwrap_or_default();
    request.extensions_mut().insert(RequestId(request_id));
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL_NOPAD;
    use tempfile::TempDir;

    fn issuer() -> Issuer {
        Issuer::open(TempDir::new().unwrap().path()).unwrap()
    }

    fn claims() -> Value {
        let now = SystemClock.now().unix();
        json!({"iss": ISSUER, "aud": CLIENT, "sub": "alice", "jti": "1", "iat": now, "nbf": now, "exp": now + 60})
    }

    fn with(mut value: Value, name: &str, changed: Value) -> Value {
        value.as_object_mut().unwrap().insert(name.to_owned(), changed);
        value
    }

    #[test]
    fn an_access_token_of_the_local_issuer_is_accepted_t28() {
        let issuer = issuer();
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": issuer.kid()});
        let authorizer = Authorizer::of(&issuer);
        let found = authorizer.check(&issuer.sign(&header, &claims()).unwrap()).unwrap();
        assert_eq!(found["sub"], "alice");
        let mut by_client = with(claims(), "client_id", json!(CLIENT));
        by_client.as_object_mut().unwrap().remove("aud");
        assert!(authorizer.check(&issuer.sign(&header, &by_client).unwrap()).is_ok());
        let several = with(claims(), "aud", json!(["another", CLIENT]));
        assert!(authorizer.check(&issuer.sign(&header, &several).unwrap()).is_ok());
    }

    #[test]
    fn a_forged_expired_or_foreign_access_token_is_refused_with_its_reason_t28() {
        let (issuer, stranger) = (issuer(), self::issuer());
        let authorizer = Authorizer::of(&issuer);
        let now = SystemClock.now().unix();
        let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": issuer.kid()});
        let signed = |header: &Value, claims: &Value| issuer.sign(header, claims).unwrap();
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let of_none = json!({"alg": "none", "typ": "at+jwt", "kid": issuer.kid()});
        // An HMAC with the public key as its secret.
        let confused = {
            let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": issuer.kid()});
            let text = format!("{}.{}", part(&header), part(&claims()));
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &issuer.public_key().modulus);
            let tag = aws_lc_rs::hmac::sign(&key, text.as_bytes());
            format!("{text}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
        };
        let genuine = signed(&header, &claims());
        let altered = {
            let mut parts: Vec<_> = genuine.split('.').map(str::to_owned).collect();
            parts[1] = part(&with(claims(), "sub", json!("bob")));
            parts.join(".")
        };
        let forged = [
            ("nothing", Refusal::NoToken, String::new()),
            ("no token", Refusal::Malformed, "alice".to_owned()),
            ("no signature", Refusal::Malformed, format!("{}.{}.", part(&of_none), part(&claims()))),
            ("alg none, signed", Refusal::Malformed, signed(&of_none, &claims())),
            ("key confusion", Refusal::Algorithm, confused),
            (
                "another RSA algorithm",
                Refusal::Algorithm,
                signed(&with(header.clone(), "alg", json!("RS512")), &claims()),
            ),
            (
                "an unknown algorithm",
                Refusal::Malformed,
                signed(&with(header.clone(), "alg", json!("rs256")), &claims()),
            ),
            ("claims altered", Refusal::Signature, altered),
            ("another issuer's key", Refusal::Signature, stranger.sign(&header, &claims()).unwrap()),
            ("unknown kid", Refusal::UnknownKey, signed(&with(header.clone(), "kid", json!("another")), &claims())),
            ("no kid", Refusal::UnknownKey, signed(&json!({"alg": "RS256", "typ": "at+jwt"}), &claims())),
            ("another type", Refusal::Type, signed(&with(header.clone(), "typ", json!("receipt+jwt")), &claims())),
            (
                "another issuer",
                Refusal::Issuer,
                signed(&header, &with(claims(), "iss", json!("https://issuer.example"))),
            ),
            ("no audience", Refusal::Audience, signed(&header, &with(claims(), "aud", json!([])))),
            ("another audience, though our client", Refusal::Audience, {
                let claims = with(with(claims(), "aud", json!("another")), "client_id", json!(CLIENT));
                signed(&header, &claims)
            }),
            ("another audience", Refusal::Audience, signed(&header, &with(claims(), "aud", json!("another")))),
            ("expired", Refusal::Expired, signed(&header, &with(claims(), "exp", json!(now - 1)))),
            ("issued in the future", Refusal::NotYetValid, signed(&header, &with(claims(), "iat", json!(now + 60)))),
            ("issued at no time", Refusal::Claim, signed(&header, &with(claims(), "iat", json!("now")))),
            ("not yet valid", Refusal::NotYetValid, signed(&header, &with(claims(), "nbf", json!(now + 60)))),
            ("no subject", Refusal::Claim, {
                let mut claims = claims();
                claims.as_object_mut().unwrap().remove("sub");
                signed(&header, &claims)
            }),
        ];
        for (what, refusal, token) in forged {
            assert_eq!(authorizer.check(&token), Err(refusal), "{what}");
        }
        assert!(authorizer.check(&genuine).is_ok());
    }
}
