//! T42: a request gets an answer whatever headers a proxy adds.

use serde_json::{Value, json};

use super::{event, every_function, run};
use crate::rig::World;

/// Headers that must not change the answer.
const HEADERS: [(&str, &str); 45] = [
    ("x-forwarded-proto", "https, http"),
    ("x-forwarded-proto", "https,http"),
    ("x-forwarded-proto", ""),
    ("x-forwarded-proto", "://"),
    ("x-forwarded-proto", "1http"),
    ("x-forwarded-proto", "javascript:alert(1)"),
    ("host", ""),
    ("host", "a b"),
    ("host", "a/b"),
    ("host", "evil.example/v1/me/recovery-codes?"),
    ("host", "evil.example#"),
    ("host", "user:password@evil.example"),
    ("host", "host:port"),
    ("host", "host:99999"),
    ("host", "[::1"),
    ("host", "[::1]:443, host"),
    ("host", "%"),
    ("host", "größe.example"),
    ("host", "\u{202e}"),
    ("host", "a, b"),
    ("x-forwarded-host", "a b, c"),
    ("x-forwarded-port", "443, 80"),
    ("x-forwarded-port", "none"),
    ("x-forwarded-for", "203.0.113.7, unknown, [::1]:80"),
    ("forwarded", "for=\"[2001:db8::1]\";proto=;host=\""),
    ("x-original-url", "/v1/me/recovery-codes"),
    ("x-rewrite-url", "/v1/me/recovery-codes"),
    ("authorization", ""),
    ("authorization", "Bearer"),
    ("authorization", "Bearer "),
    ("authorization", "Basic YWxpY2U6c2VjcmV0"),
    ("authorization", "größe"),
    ("accept-language", "größe;q=NaN, *;q=, ;;,"),
    ("x-authing-lang", ""),
    ("cookie", "a=b; größe=\"; ;"),
    ("content-length", "-1"),
    ("content-length", "99999999999999999999"),
    ("content-length", "3, 4"),
    ("transfer-encoding", "chunked, chunked"),
    ("content-encoding", "gzip"),
    ("expect", "100-continue"),
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("x-amzn-trace-id", "größe"),
    ("te", "trailers, deflate;q=0.5"),
];

#[tokio::test]
async fn unusual_or_malformed_headers_do_not_change_the_answer_t42() {
    let world = World::new();
    let router = every_function(&world);
    let plain = run(&router, &event("native-get-factors")).await;
    assert_eq!(plain.status, 200);
    let long = "x".repeat(9000);
    for (name, value) in HEADERS.into_iter().chain([("host", long.as_str()), ("x-forwarded-proto", long.as_str())]) {
        for value in [json!(value), json!([value, value])] {
            let mut event = event("native-get-factors");
            event["headers"][name] = value.clone();
            let answer = run(&router, &event).await;
            assert_eq!((answer.status, &answer.body), (200, &plain.body), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn an_event_with_missing_or_malformed_metadata_is_answered_t42() {
    let world = World::new();
    let router = every_function(&world);
    let changes: [(&str, Value); 17] = [
        ("/headers", Value::Null),
        ("/headers", json!({})),
        ("/cookies", json!(["größe=1", "\n", ""])),
        ("/cookies", json!([])),
        ("/queryStringParameters", Value::Null),
        ("/pathParameters", Value::Null),
        ("/stageVariables", json!({"größe": ""})),
        ("/version", json!("1.0")),
        ("/requestContext/domainName", json!("a b/c?d#e")),
        ("/requestContext/domainName", Value::Null),
        ("/requestContext/domainPrefix", json!("..")),
        ("/requestContext/requestId", json!("größe\n")),
        ("/requestContext/requestId", Value::Null),
        ("/requestContext/time", Value::Null),
        ("/requestContext/http/protocol", json!("")),
        ("/requestContext/http/sourceIp", json!("unknown")),
        ("/requestContext/http/userAgent", Value::Null),
    ];
    for (pointer, value) in changes {
        let mut event = event("native-get-factors");
        event["cookies"] = json!([]);
        event["queryStringParameters"] = json!({});
        event["pathParameters"] = json!({});
        event["stageVariables"] = json!({});
        *event.pointer_mut(pointer).unwrap() = value.clone();
        let answer = run(&router, &event).await;
        assert_eq!(answer.status, 200, "{pointer}: {value}: {answer:?}");
    }
}

#[tokio::test]
async fn only_json_content_types_are_accepted_through_the_gateway_t42() {
    let world = World::new();
    let router = every_function(&world);
    let json_types = [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;",
        " application/json ",
    ];
    let others = [
        "",
        ";",
        "text/plain",
        "application/x-www-form-urlencoded",
        "größe",
        "application/json, text/plain",
        "*/*",
        "multipart/form-data; boundary=\"",
    ];
    let outcomes = [
        ("native-post-verify", 415, "unsupported_media_type"),
        ("genauth-post-mfa-totp-verify", 400, ""),
        ("logto-post-verification-totp-verify", 415, "guard.invalid_input"),
        ("profile-patch-two-fa", 400, ""),
    ];
    for (name, status, code) in outcomes {
        let plain = run(&router, &event(name)).await;
        for content_type in json_types {
            let mut event = event(name);
            event["headers"]["content-type"] = content_type.into();
            assert_eq!(run(&router, &event).await.body, plain.body, "{name}: {content_type}");
        }
        for content_type in others {
            let mut event = event(name);
            event["headers"]["content-type"] = content_type.into();
            let answer = run(&router, &event).await;
            assert_eq!(answer.outcome(), (status, code.to_owned()), "{name}: {content_type:?}: {answer:?}");
        }
    }
}
