//! The JWT authorizer of `examples/guarded-api`, played as API Gateway's documentation describes it (*Developer Guide*,
//! "Control access to HTTP APIs with JWT authorizers in API Gateway", "Authorizing API requests").

use countersign::domain::receipt_keys::PublicKey;
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::{ISSUER, answer, receipt_of, world};
use crate::rig::{World, enroll_app, enroll_email, enroll_phone};

/// An authorizer with the scopes of a route.
struct JwtAuthorizer {
    issuer: String,
    audience: Vec<String>,
    scopes: Vec<String>,
}

impl JwtAuthorizer {
    /// The authorizer of the example. The template names its header and its scopes.
    fn of_the_example() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/guarded-api/template.yaml");
        let template = std::fs::read_to_string(path).unwrap();
        assert!(template.contains("IdentitySource: [$request.header.Countersign-Receipt]"));
        let (_, scopes) = template.split_once("AuthorizationScopes: [").unwrap();
        let scopes = scopes.split(']').next().unwrap().split(", ").map(str::to_owned).collect();
        Self { issuer: ISSUER.to_owned(), audience: vec!["shop".to_owned()], scopes }
    }

    /// Whether a request with this value of the identity source reaches the route.
    fn authorizes(&self, identity_source: &str, keys: &[PublicKey], now: i64) -> bool {
        // 1. The token, bare or after `Bearer`. 2. It is decoded.
        let token = identity_source.strip_prefix("Bearer ").unwrap_or(identity_source);
        let Ok(header) = decode_header(token) else { return false };
        // 3. The signature, by a key of the issuer's `jwks_uri`. RSA algorithms alone.
        let Some(key) = keys.iter().find(|key| Some(&key.kid) == header.kid.as_ref()) else { return false };
        if !format!("{:?}", header.alg).starts_with("RS") {
            return false;
        }
        let key = DecodingKey::from_rsa_raw_components(&key.modulus, &key.exponent);
        let mut validation = Validation::new(header.alg);
        (validation.validate_exp, validation.validate_aud) = (false, false);
        validation.set_required_spec_claims::<&str>(&[]);
        let Ok(token) = decode::<Value>(token, &key, &validation) else { return false };
        // 4. The claims. `client_id` counts only where there is no `aud`.
        let claims = token.claims;
        let audiences = match (&claims["aud"], &claims["client_id"]) {
            (Value::String(one), _) | (Value::Null, Value::String(one)) => vec![one.clone()],
            (Value::Array(several), _) => several.iter().filter_map(|one| Some(one.as_str()?.to_owned())).collect(),
            _ => Vec::new(),
        };
        let time = |name: &str| claims[name].as_i64();
        let scopes = claims["scope"].as_str().unwrap_or_default().split(' ');
        claims["iss"] == self.issuer.as_str()
            && audiences.iter().any(|one| self.audience.contains(one))
            && time("exp").is_some_and(|end| now < end)
            && time("nbf").is_none_or(|start| start <= now)
            && time("iat").is_some_and(|at| at <= now)
            && scopes.into_iter().any(|scope| self.scopes.iter().any(|each| each == scope))
    }
}

async fn keys(world: &World) -> Vec<PublicKey> {
    world.service.published_keys().await.unwrap().0
}

#[tokio::test]
async fn the_guarded_route_takes_an_app_and_refuses_weaker_checks_t13() {
    let world = world();
    let alice = world.user("alice");
    let authorizer = JwtAuthorizer::of_the_example();
    let begun = alice.post("/v1/me/enrollments", json!({"factorType": "totp"})).await.expect(201);
    let secret = begun.text("/totp/secret");
    let body = json!({"enrollmentToken": begun.text("/enrollmentToken"), "code": world.next_code(&secret)});
    let confirmed = alice.post("/v1/me/enrollments/confirm", body).await.expect(201);
    let recovery = confirmed.json()["recoveryCodes"][0].clone();
    let enrolled = receipt_of(&confirmed).unwrap();
    let phone = receipt_of(&answer(&alice, &enroll_phone(&alice, "+41791234567").await).await).unwrap();
    let email = receipt_of(&answer(&alice, &enroll_email(&alice, "alice@example.com").await).await).unwrap();
    let recovery = receipt_of(&alice.post("/v1/me/verify", json!({"code": recovery})).await.expect(200)).unwrap();
    let app = alice.post("/v1/me/verify", json!({"code": world.next_code(&secret)})).await.expect(200);
    let app = receipt_of(&app).unwrap();

    let (keys, now) = (keys(&world).await, world.now());
    assert!(authorizer.authorizes(&app, &keys, now));
    assert!(authorizer.authorizes(&format!("Bearer {app}"), &keys, now));
    for (name, weaker) in [("an enrolment", enrolled), ("SMS", phone), ("e-mail", email), ("a recovery code", recovery)]
    {
        assert!(!authorizer.authorizes(&weaker, &keys, now), "{name}");
    }
    assert!(!authorizer.authorizes(&app, &keys, now + 300), "expired");
    assert!(!authorizer.authorizes(&app, &[], now), "a key that is not published");
    let elsewhere = JwtAuthorizer { audience: vec!["ledger".to_owned()], ..JwtAuthorizer::of_the_example() };
    assert!(!elsewhere.authorizes(&app, &keys, now), "another audience");
    let foreign = JwtAuthorizer { issuer: "https://issuer.example".to_owned(), ..JwtAuthorizer::of_the_example() };
    assert!(!foreign.authorizes(&app, &keys, now), "another issuer");
}

#[tokio::test]
async fn the_documents_of_the_issuer_lead_to_the_keys_and_are_absent_before_the_first_key() {
    let world = world();
    let anyone = world.nobody();
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        let early = anyone.get(path).await.expect(503);
        assert_eq!((early.retry_after(), early.headers["cache-control"].to_str().unwrap()), (Some(1), "no-store"));
    }
    enroll_app(&world.user("alice"), "Phone").await;
    let configuration = anyone.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(configuration.text("/issuer"), ISSUER);
    assert_eq!(configuration.text("/jwks_uri"), format!("{ISSUER}/.well-known/jwks.json"));
    let set = anyone.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(set.headers["cache-control"], "public, max-age=300");
    let key = &keys(&world).await[0];
    let part = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    let expected = json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.kid, "n": part(&key.modulus), "e": part(&key.exponent),
    });
    assert_eq!(set.json(), json!({"keys": [expected]}), "the public half alone");
}
