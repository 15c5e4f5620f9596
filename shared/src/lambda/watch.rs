//! Completes the events of `cargo lambda watch`, which lack the route and the identity. Only debug builds contain this
//! module.
//!
//! There is no API Gateway under `cargo lambda watch`, so nothing checks tokens. With `UNCHECKED_TOKENS=accept` in the
//! environment, a debug build accepts a token's claims unchecked.

use std::collections::HashMap;

use data_encoding::BASE64URL_NOPAD;
use lambda_http::LambdaEvent;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequest};
use lambda_http::request::LambdaRequest;
use serde_json::{Map, Value, json};

use crate::http::caller::bare;
use crate::http::routes::routes;

/// The environment variable and its only valid value.
const SETTING: (&str, &str) = ("UNCHECKED_TOKENS", "accept");

/// Whether the environment has `UNCHECKED_TOKENS=accept`.
#[must_use]
pub fn is_on() -> bool {
    std::env::var(SETTING.0).is_ok_and(|value| value == SETTING.1)
}

/// Adds the route and the identity that API Gateway would have added. An event that has either stays as it is.
#[must_use]
pub fn completed(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload
        && request.route_key.as_deref() == Some("$default")
        && request.request_context.authorizer.is_none()
    {
        complete(request);
    }
    event
}

fn complete(request: &mut ApiGatewayV2httpRequest) {
    let method = request.request_context.http.method.as_str();
    let path = request.raw_path.as_deref().unwrap_or_default();
    let mut routes = routes().into_iter().filter(|route| route.method.as_str() == method);
    let found = routes.find_map(|route| Some((route.path, matched(route.path, path)?)));
    if let Some((template, parameters)) = found {
        request.route_key = Some(format!("{method} {template}"));
        request.path_parameters = parameters;
    }
    let authorization = request.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    request.request_context.authorizer = authorizer(authorization);
}

/// The parameters of a path; `None` if the path does not match the template.
fn matched(template: &str, path: &str) -> Option<HashMap<String, String>> {
    let (mut templates, mut segments) = (template.split('/'), path.split('/'));
    let mut parameters = HashMap::new();
    loop {
        match (templates.next(), segments.next()) {
            (None, None) => return Some(parameters),
            (Some(template), Some(segment)) => {
                match template.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    Some(name) if !segment.is_empty() => parameters.insert(name.to_owned(), decoded(segment)?),
                    None if template == segment => None,
                    _ => return None,
                };
            }
            _ => return None,
        }
    }
}

/// A segment, percent-decoded; `None` if its encoding is invalid or not UTF-8.
fn decoded(segment: &str) -> Option<String> {
    let mut parts = segment.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The identity that a token or a signature claims, unchecked.
fn authorizer(authorization: &str) -> Option<ApiGatewayRequestAuthorizer> {
    let context = if authorization.starts_with("AWS4-HMAC-SHA256 ") {
        json!({"iam": {"userArn": "arn:aws:iam::000000000000:user/unchecked"}})
    } else {
        let payload = bare(authorization).split('.').nth(1)?;
        let claims: Map<String, Value> =
            serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?).ok()?;
        let as_text = |(name, value): (String, Value)| match value {
            Value::String(text) => (name, Value::String(text)),
            value => (name, Value::String(value.to_string())),
        };
        json!({"jwt": {"claims": claims.into_iter().map(as_text).collect::<Map<_, _>>(), "scopes": null}})
    };
    serde_json::from_value(context).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_matched_segment_by_segment() {
        let parameters = |path| matched("/v1/users/{userId}/factors/{id}", path);
        let found = parameters("/v1/users/auth0%7Cabc/factors/F1").unwrap();
        assert_eq!((found["userId"].as_str(), found["id"].as_str()), ("auth0|abc", "F1"));
        for other in
            ["/v1/users/a/factors", "/v1/users/a/factors/", "/v1/users/a/factors/F1/x", "/v1/users/%zz/factors/F1"]
        {
            assert!(parameters(other).is_none(), "{other}");
        }
    }
}
