//! What every answer looks like in each dialect, whatever was asked.

use countersign::http::routes::Route;
use serde_json::{Map, Value};

use crate::rig::Reply;

/// Checks an answer's shape; returns the dialect's status, which in GenAuth is in the body.
#[track_caller]
pub fn status_of(route: &Route, reply: &Reply) -> u16 {
    let name = format!("{} {}", route.method.as_str(), route.path);
    let shown = String::from_utf8_lossy(&reply.bytes).into_owned();
    assert_eq!(reply.headers["cache-control"], "no-store", "{name}");
    assert_eq!(reply.headers["x-request-id"], "request-1", "{name}");
    let http = reply.status.as_u16();
    if http == 204 {
        assert!(reply.bytes.is_empty(), "{name}: {shown}");
        return http;
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(&reply.bytes) else { panic!("{name}: {http} {shown}") };
    let is_success = reply.status.is_success();
    let content_type =
        if route.dialect.name == "native" && !is_success { "application/problem+json" } else { "application/json" };
    assert_eq!(reply.headers["content-type"], content_type, "{name}: {shown}");
    let status = match (route.dialect.name, is_success) {
        ("native" | "logto", true) => http,
        ("native", false) => {
            has_texts(&body, &["type", "title", "detail", "code", "requestId"]);
            let others = ["status", "retryAfter", "remainingAttempts", "errors", "factors"];
            has_no_others(&body, &[&["type", "title", "detail", "code", "requestId"][..], &others[..]].concat());
            assert_eq!(body["status"], http, "{name}: {shown}");
            assert_eq!(body.get("retryAfter").and_then(Value::as_u64), reply.retry_after(), "{name}: {shown}");
            http
        }
        ("genauth", _) => {
            assert_eq!(http, 200, "{name}: {shown}");
            has_texts(&body, &["message", "requestId"]);
            assert_eq!(body["requestId"], "request-1", "{name}: {shown}");
            assert_eq!(body["statusCode"] == 200, body["message"] == "Operation successful", "{name}: {shown}");
            has_no_others(&body, &["statusCode", "message", "apiCode", "requestId", "data"]);
            let status = body["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
            assert!(status != 200 || !body.contains_key("apiCode"), "{name}: {shown}");
            status
        }
        ("logto", false) => {
            has_texts(&body, &["code", "message"]);
            has_no_others(&body, &["code", "message", "data", "details"]);
            http
        }
        ("profile", _) => {
            has_texts(&body, &["status", "message"]);
            has_no_others(&body, &["status", "message", "data"]);
            assert_eq!(body["status"], if is_success { "success" } else { "error" }, "{name}: {shown}");
            assert!(is_success || body["data"].is_null(), "{name}: {shown}");
            http
        }
        (other, _) => panic!("the shape of {other} is not known here"),
    };
    if [429, 503].contains(&status) {
        assert!(reply.retry_after().is_some_and(|seconds| seconds > 0), "{name}: {shown}");
    }
    status
}

#[track_caller]
fn has_texts(body: &Map<String, Value>, names: &[&str]) {
    for name in names {
        assert!(body.get(*name).is_some_and(|value| value.as_str().is_some_and(|text| !text.is_empty())), "{name}");
    }
}

#[track_caller]
fn has_no_others(body: &Map<String, Value>, names: &[&str]) {
    for name in body.keys() {
        assert!(names.contains(&name.as_str()), "{name}");
    }
}
