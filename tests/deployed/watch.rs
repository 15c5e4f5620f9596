//! Events of `cargo lambda watch`, without route and identity. A debug build completes them if it is configured to; a
//! release build never does.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::stack::{Reply, Stack, built_by_sam};

/// Sends a request in the form of `cargo lambda watch`.
fn watched(stack: &Stack, method: &str, path: &str, authorization: &str) -> Reply {
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"authorization": authorization, "host": "localhost"},
        "requestContext": {
            "accountId": null, "apiId": null, "domainName": "localhost", "requestId": "request-1", "routeKey": "$default",
            "stage": "$default", "http": {"method": method, "path": path, "protocol": "http", "sourceIp": "127.0.0.1"},
        },
        "isBase64Encoded": false,
    });
    stack.invoke("factors", &event)
}

fn token(user: &str) -> String {
    let part = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("Bearer {}.{}.none", part(json!({"alg": "none"})), part(json!({"sub": user, "sid": "s", "exp": 1})))
}

#[tokio::test]
async fn an_event_with_an_unchecked_token_is_refused_by_default_t28() {
    let Some(stack) = Stack::start(&[]).await else { return };
    let path = "/v1/me/factors";
    assert_eq!(watched(&stack, "GET", path, &token("alice")).status, 404, "there is no such route");
}

#[tokio::test]
async fn unchecked_tokens_are_accepted_only_by_a_debug_build_with_the_setting_t28() {
    let Some(stack) = Stack::start(&[("UNCHECKED_TOKENS", "accept")]).await else { return };
    let (mine, theirs) = ("/v1/me/factors", "/v1/users/auth0%7Calice/factors");
    let signed = "AWS4-HMAC-SHA256 Credential=none";
    if built_by_sam().is_some() {
        for (path, authorization) in [(mine, token("alice")), (theirs, signed.to_owned())] {
            assert_eq!(watched(&stack, "GET", path, &authorization).status, 404, "{path}");
        }
        return;
    }
    assert_eq!(watched(&stack, "GET", mine, &token("alice")).expect(200).body["factors"], json!([]));
    assert_eq!(watched(&stack, "GET", mine, "").status, 401);
    watched(&stack, "GET", theirs, signed).expect(200);
    assert_eq!(watched(&stack, "GET", theirs, &token("alice")).status, 401, "a user is no back end");
    assert_eq!(watched(&stack, "GET", "/v1/me/factors/F1", &token("alice")).status, 404);
}
