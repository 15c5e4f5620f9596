//! Public documents: the page of hosted sessions, the origins that may use passkeys, and two by which verifiers of
//! receipts find the keys. These two are the key set (RFC 7517, section 5) and the discovery document (OpenID Connect
//! Discovery 1.0, section 3), of which verifiers read `issuer` and `jwks_uri`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

use super::dialect::Dialect;
use super::failure::Failure;
use super::routes::{Function, Method, Route};
use super::{native, page};
use crate::domain::error::Error;
use crate::domain::receipt_keys::{PublicKey, PublishedKeys};
use crate::flows::Service;

pub(super) static DIALECT: Dialect =
    Dialect { name: "well-known", terms: native::DIALECT.terms, routes, respond: native::DIALECT.respond };

/// The path of the key set below the issuer.
const KEY_SET: &str = "/.well-known/jwks.json";

/// A key is published three hours before it signs, so a cache of five minutes is never too old. Related origins change
/// only with a deployment.
const CACHED: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));

type Reply<T> = Result<([(HeaderName, HeaderValue); 1], Json<T>), Failure>;

fn routes() -> Vec<Route> {
    let d = &DIALECT;
    vec![
        Route::new(Function::Page, d, Method::Get, KEY_SET, key_set).for_anyone(),
        Route::new(Function::Page, d, Method::Get, "/.well-known/openid-configuration", configuration).for_anyone(),
        Route::new(Function::Page, d, Method::Get, "/.well-known/webauthn", related_origins).for_anyone(),
        page::route(d),
    ]
}

/// A JSON Web Key Set (RFC 7517, section 5).
#[derive(Serialize)]
pub struct KeySet {
    keys: Vec<Jwk>,
}

/// A public key as a JSON Web Key (RFC 7517, section 4; RFC 7518, section 6.3.1).
#[derive(Serialize)]
struct Jwk {
    kty: &'static str,
    r#use: &'static str,
    alg: &'static str,
    kid: String,
    n: String,
    e: String,
}

impl KeySet {
    /// The set of these keys, which sign with RS256.
    #[must_use]
    pub fn of(keys: Vec<PublicKey>) -> Self {
        let jwk = |key: PublicKey| Jwk {
            kty: "RSA",
            r#use: "sig",
            alg: "RS256",
            kid: key.kid,
            n: BASE64URL_NOPAD.encode(&key.modulus),
            e: BASE64URL_NOPAD.encode(&key.exponent),
        };
        Self { keys: keys.into_iter().map(jwk).collect() }
    }
}

async fn key_set(State(service): State<Arc<Service>>) -> Reply<KeySet> {
    let PublishedKeys(keys) = published(&service).await?;
    Ok(([CACHED], Json(KeySet::of(keys))))
}

/// A discovery document (OpenID Connect Discovery 1.0, section 3), with the fields that a verifier of tokens reads.
#[derive(Serialize)]
pub struct Configuration {
    issuer: String,
    jwks_uri: String,
    id_token_signing_alg_values_supported: [&'static str; 1],
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
}

impl Configuration {
    /// The document of an issuer that signs with RS256.
    #[must_use]
    pub fn new(issuer: String, jwks_uri: String) -> Self {
        Self {
            issuer,
            jwks_uri,
            id_token_signing_alg_values_supported: ["RS256"],
            response_types_supported: ["token"],
            subject_types_supported: ["public"],
        }
    }
}

/// The discovery document. It is not answered before there is a key: a gateway that asked meanwhile would keep an empty
/// key set for hours.
async fn configuration(State(service): State<Arc<Service>>) -> Reply<Configuration> {
    published(&service).await?;
    let issuer = service.settings().receipts.as_ref().map(|receipts| receipts.issuer.clone()).unwrap_or_default();
    let jwks_uri = format!("{}{KEY_SET}", issuer.trim_end_matches('/'));
    Ok(([CACHED], Json(Configuration::new(issuer, jwks_uri))))
}

/// The origins that may use the passkeys of a relying party (WebAuthn Level 3, section 5.11.1). A browser reads this
/// document on the host of the relying party's id, if a page of another domain asks for a passkey.
#[derive(Serialize)]
struct RelatedOrigins {
    origins: Vec<String>,
}

/// The related origins. An origin of an Android app is no URL with a host, so browsers have no use for it.
async fn related_origins(State(service): State<Arc<Service>>) -> Reply<RelatedOrigins> {
    let party = service.settings().relying_party.as_ref();
    let party = party.ok_or(Error::ChannelNotConfigured("The relying party"))?;
    let of_web = party.origins().iter().filter(|origin| !origin.starts_with("android:"));
    Ok(([CACHED], Json(RelatedOrigins { origins: of_web.cloned().collect() })))
}

/// The published keys.
///
/// # Errors
/// [`Error::Busy`] while there is none, [`Error::ChannelNotConfigured`] if the operator has no receipts.
async fn published(service: &Service) -> Result<PublishedKeys, Failure> {
    if service.settings().receipts.is_none() {
        return Err(Error::ChannelNotConfigured("Receipts").into());
    }
    match service.keys_for_anyone().await? {
        PublishedKeys(keys) if keys.is_empty() => Err(Error::Busy.into()),
        keys => Ok(keys),
    }
}
