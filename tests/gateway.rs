//! API Gateway's events through `lambda_http`'s own types: the answers of the functions, also to unusual events.

use std::path::PathBuf;

use axum::Router;
use countersign::http::routes::{Route, router};
use countersign::lambda::answer;
use data_encoding::BASE64;
use lambda_http::request::LambdaRequest;
use lambda_http::{Context, LambdaEvent};
use serde_json::{Value, json};

use crate::rig::World;
use crate::sync;

mod content;
mod events;
mod headers;
mod identity;
mod paths;

/// The folder of the events.
fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "events"].iter().collect()
}

fn event(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// The name of a route's event.
fn name_of(route: &Route) -> String {
    sync::name_of(&sync::Row::from(route))
}

/// A function's answer to API Gateway.
#[derive(Debug)]
struct Answer {
    status: u64,
    headers: Value,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The status, and the code in the answer's dialect.
    fn outcome(&self) -> (u64, String) {
        let has_none = self.body.is_empty() || self.body.starts_with('<');
        let json = if has_none { Value::Null } else { self.json() };
        match json.get("statusCode").and_then(Value::as_u64) {
            Some(status) => (status, json.get("apiCode").map(Value::to_string).unwrap_or_default()),
            None => (self.status, json.get("code").and_then(Value::as_str).unwrap_or_default().to_owned()),
        }
    }

    /// Whether this is API Gateway's answer to an unknown route.
    fn is_of_no_route(&self) -> bool {
        self.status == 404 && self.json() == json!({"message": "Not Found"})
    }
}

/// Runs an event as Lambda does: `lambda_http` parses it, the router answers, and the answer is serialised.
async fn run(router: &Router, event: &Value) -> Answer {
    let request: LambdaRequest = serde_json::from_str(&event.to_string()).unwrap();
    let response = answer(router.clone(), LambdaEvent::new(request, Context::default())).await.unwrap();
    let response = serde_json::to_value(response).unwrap();
    let mut body = response["body"].as_str().unwrap_or_default().to_owned();
    // API Gateway decodes an answer in Base64, and the browser decompresses it.
    let is_compressed = response["headers"]["content-encoding"] == "br";
    assert_eq!(response["isBase64Encoded"], is_compressed, "{response}");
    if is_compressed {
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &*BASE64.decode(body.as_bytes()).unwrap(), &mut plain).unwrap();
        body = String::from_utf8(plain).unwrap();
    }
    Answer { status: response["statusCode"].as_u64().unwrap(), headers: response["headers"].clone(), body }
}

/// The routes of all functions in one router, so that a wrong route would be found.
fn every_function(world: &World) -> Router {
    router(None, &world.service)
}

/// The event with another body.
fn with_body(mut event: Value, body: &Value) -> Value {
    event["body"] = body.to_string().into();
    event
}

/// The event with another user.
fn of_user(mut event: Value, user: &str) -> Value {
    event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user.into();
    event
}

/// The back end's event for another user.
fn for_user(mut event: Value, user: &str) -> Value {
    event["pathParameters"]["userId"] = user.into();
    event
}

/// Enrols an app by events; returns its secret and the factor's id.
async fn enroll_app(world: &World, user: &str) -> (String, String) {
    let router = every_function(world);
    let begin = with_body(of_user(event("native-post-enrollments"), user), &json!({"factorType": "totp"}));
    let begun = run(&router, &begin).await.json();
    let secret = begun["totp"]["secret"].as_str().unwrap().to_owned();
    let confirm = json!({"enrollmentToken": begun["enrollmentToken"], "code": world.next_code(&secret)});
    let confirm = with_body(of_user(event("native-post-enrollments-confirm"), user), &confirm);
    let confirmed = run(&router, &confirm).await;
    assert_eq!(confirmed.status, 201, "{confirmed:?}");
    (secret, confirmed.json()["factor"]["id"].as_str().unwrap().to_owned())
}
