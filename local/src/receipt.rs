//! The command `receipt`: checks a receipt as its verifiers do, and says what it means.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use countersign::clock::{Clock, SystemClock};
use countersign::domain::time::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use ureq::Agent;

/// The limit for one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The claims of a receipt.
type Claims = Map<String, Value>;

/// A receipt, and what a verifier expects of it.
pub(crate) struct Asked {
    /// The receipt.
    pub(crate) token: String,
    /// The issuer that is trusted. The token's own claim is never used to find keys.
    pub(crate) issuer: String,
    /// The audience that the verifier is.
    pub(crate) audience: String,
}

/// Fetches the issuer's keys, checks the receipt and prints its meaning.
///
/// # Errors
/// The issuer does not answer, or the receipt is not valid.
pub(crate) fn run(asked: &Asked) -> Result<(), Box<dyn Error>> {
    let agent = Agent::config_builder().timeout_global(Some(PATIENCE)).build().new_agent();
    let issuer = asked.issuer.trim_end_matches('/');
    let fetch = |url: &str| -> Result<Value, Box<dyn Error>> {
        let mut answer = agent.get(url).call().map_err(|error| format!("{url}: {error}"))?;
        Ok(answer.body_mut().read_json()?)
    };
    let configuration = fetch(&format!("{issuer}/.well-known/openid-configuration"))?;
    let jwks_uri = configuration.get("jwks_uri").and_then(Value::as_str).ok_or("the issuer names no jwks_uri")?;
    let keys: JwkSet = serde_json::from_value(fetch(jwks_uri)?)?;
    let now = SystemClock.now();
    let claims = check(asked, &keys, now).map_err(|problem| format!("the receipt is not valid: {problem}"))?;
    write!(io::stdout().lock(), "{}", meaning(&claims, now))?;
    Ok(())
}

/// The claims of a valid receipt (RFC 8725 names these checks).
fn check(asked: &Asked, keys: &JwkSet, now: Timestamp) -> Result<Claims, String> {
    let header = decode_header(&asked.token).map_err(|_| "it is not a JWT")?;
    // An explicit type keeps tokens of other kinds out (RFC 8725, section 3.11).
    if header.typ.as_deref() != Some("receipt+jwt") {
        return Err("its type is not receipt+jwt".to_owned());
    }
    if header.alg != Algorithm::RS256 {
        return Err("its algorithm is not RS256".to_owned());
    }
    let key = keys.find(header.kid.as_deref().unwrap_or_default()).ok_or("the issuer does not publish its key")?;
    let key = DecodingKey::from_jwk(key).map_err(|_| "the issuer's key is not usable")?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[&asked.issuer]);
    validation.set_audience(&[&asked.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
    validation.leeway = 0;
    let claims = decode::<Claims>(&asked.token, &key, &validation).map_err(|error| problem(&error).to_owned())?.claims;
    if claims.get("iat").and_then(Value::as_i64).is_none_or(|at| at > now.unix()) {
        return Err("it was issued in the future".to_owned());
    }
    Ok(claims)
}

/// The reason for a refusal, worded as a sentence about the receipt.
fn problem(error: &jsonwebtoken::errors::Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::InvalidAudience => "it is for another audience",
        ErrorKind::InvalidIssuer => "it is of another issuer",
        ErrorKind::MissingRequiredClaim(_) => "it lacks a claim",
        _ => "it is damaged",
    }
}

/// A value of a transaction.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The meaning of a receipt, one fact a line.
fn meaning(claims: &Claims, now: Timestamp) -> String {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = |name: &str| claims.get(name).and_then(Value::as_i64).map(Timestamp::from_unix);
    let passed = match text("acr") {
        "otp" => "a code of an authenticator app",
        "sms" => "a code sent by SMS",
        "email" => "a code sent by e-mail, which is no second factor",
        "recovery" => "a recovery code",
        "enrolled" => "nothing: a factor was enrolled, which is no check",
        other => other,
    };
    let mut lines = vec![
        ("user", text("sub").to_owned()),
        ("passed", passed.to_owned()),
        ("at", time("auth_time").map(|at| at.to_string()).unwrap_or_default()),
        ("factor", text("factor_id").to_owned()),
    ];
    if let Some(bound_at) = time("bound_at") {
        lines.push(("enrolled", bound_at.to_string()));
    }
    lines.push(("scopes", text("scope").to_owned()));
    if !text("client_id").is_empty() {
        lines.push(("client", text("client_id").to_owned()));
    }
    if let Some(Value::Object(transaction)) = claims.get("authorization_details").and_then(|details| details.get(0)) {
        let value = |name: &str| transaction.get(name).map(shown).unwrap_or_default();
        lines.push(("confirmed", format!("{} {}", value("type"), value("id"))));
        let further = transaction.iter().filter(|(name, _)| !["type", "id"].contains(&name.as_str()));
        lines.extend(further.map(|(name, value)| (name.as_str(), shown(value))));
        let shown_by = match text("transaction_shown") {
            "message" => "in the message with the code",
            "" => "not by Countersign",
            other => other,
        };
        lines.push(("shown", shown_by.to_owned()));
    }
    let left = time("exp").map_or(0, |end| now.until(end));
    lines.push(("valid for", format!("{left} s")));
    let lines: Vec<_> = lines.into_iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign::http::well_known::KeySet;
    use countersign::keys::signing::RsaKey;
    use data_encoding::BASE64URL_NOPAD;
    use serde_json::json;

    const ISSUER: &str = "https://countersign.example";

    fn jwks(key: &RsaKey) -> JwkSet {
        let set = serde_json::to_value(KeySet::of(vec![key.public().clone()])).unwrap();
        serde_json::from_value(set).unwrap()
    }

    fn claims() -> Value {
        let now = SystemClock.now().unix();
        json!({
            "iss": ISSUER, "aud": "shop", "sub": "alice", "iat": now, "exp": now + 300, "auth_time": now,
            "acr": "otp", "scope": "second_factor otp", "factor_id": "aaaaaaaaaaaaaaaa", "bound_at": now - 60,
        })
    }

    fn with(mut claims: Value, name: &str, value: Value) -> Value {
        claims[name] = value;
        claims
    }

    fn checked(token: String, keys: &JwkSet) -> Result<Claims, String> {
        check(&Asked { token, issuer: ISSUER.to_owned(), audience: "shop".to_owned() }, keys, SystemClock.now())
    }

    #[test]
    fn a_genuine_receipt_is_explained() {
        let key = RsaKey::generate().unwrap();
        let claims = checked(key.sign("receipt+jwt", &claims()).unwrap(), &jwks(&key)).unwrap();
        let meaning = meaning(&claims, SystemClock.now());
        for part in ["alice", "authenticator app", "second_factor otp", "aaaaaaaaaaaaaaaa"] {
            assert!(meaning.contains(part), "{meaning}");
        }
    }

    #[test]
    fn every_forged_receipt_is_refused_t28() {
        let (key, stranger) = (RsaKey::generate().unwrap(), RsaKey::generate().unwrap());
        let keys = jwks(&key);
        let now = SystemClock.now().unix();
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let unsigned = json!({"alg": "none", "typ": "receipt+jwt", "kid": key.public().kid});
        let confused = {
            let header = json!({"alg": "HS256", "typ": "receipt+jwt", "kid": key.public().kid});
            let text = format!("{}.{}", part(&header), part(&claims()));
            let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key.public().modulus);
            let tag = aws_lc_rs::hmac::sign(&secret, text.as_bytes());
            format!("{text}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
        };
        let genuine = key.sign("receipt+jwt", &claims()).unwrap();
        let altered = {
            let mut parts: Vec<_> = genuine.split('.').map(str::to_owned).collect();
            parts[1] = part(&with(claims(), "sub", json!("bob")));
            parts.join(".")
        };
        let signed = |claims: &Value| key.sign("receipt+jwt", claims).unwrap();
        let forged = [
            ("nothing", String::new()),
            ("alg none", format!("{}.{}.", part(&unsigned), part(&claims()))),
            ("key confusion", confused),
            ("altered claims", altered),
            ("another key", stranger.sign("receipt+jwt", &claims()).unwrap()),
            ("an access token of the same key", key.sign("at+jwt", &claims()).unwrap()),
            ("another issuer", signed(&with(claims(), "iss", json!("https://issuer.example")))),
            ("another audience", signed(&with(claims(), "aud", json!("ledger")))),
            ("expired", signed(&with(claims(), "exp", json!(now - 1)))),
            ("issued in the future", signed(&with(claims(), "iat", json!(now + 60)))),
        ];
        for (name, token) in forged {
            assert!(checked(token, &keys).is_err(), "{name}");
        }
        assert!(checked(genuine, &keys).is_ok());
    }
}
