//! A service that a function can't reach at start-up is tried again later. Until then the function answers busy, in the
//! dialect.

use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::proxy::Fault;
use crate::stack::{Caller, Stack};
use crate::walk::Deployed;

#[tokio::test]
async fn a_function_that_starts_without_kms_answers_busy_and_keeps_running_t35() {
    // Nothing listens there yet.
    let Some(mut stack) = Stack::start(&[("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")]).await else { return };
    let alice = Caller::User("alice");
    let refused = stack.call(alice, "GET /v1/me/factors", &[], &Value::Null).expect(503);
    assert_eq!(refused.text("/code"), "busy");
    assert_eq!(refused.headers["retry-after"], "1");
    let refused = stack.call(alice, "GET /api/v3/list-enrolled-factors", &[], &Value::Null).expect(200);
    assert_eq!(refused.body["statusCode"], 503);
    assert!(stack.runs("factors"), "it stays up");
    assert!(stack.log("factors").iter().any(|line| line.contains("the keys can't be reached")));
}

#[tokio::test]
async fn a_function_recovers_with_dynamodb_and_fetches_its_keys_only_once_t35() {
    let Some(stack) = Stack::start(&[]).await else { return };
    let alice = Caller::User("alice");
    stack.call(alice, "GET /v1/me/factors", &[], &Value::Null).expect(200);
    let keys_at_start = stack.others("factors").take().await;
    assert_eq!(keys_at_start.iter().filter(|seen| seen.name() == "GenerateMac").count(), 1, "once in its life");

    let dynamodb = stack.dynamodb("factors");
    dynamodb.plan(Fault::Cut, 0, usize::MAX);
    stack.call(alice, "GET /v1/me/factors", &[], &Value::Null).expect(503);
    dynamodb.heal();
    stack.call(alice, "GET /v1/me/factors", &[], &Value::Null).expect(200);
    assert_eq!(stack.others("factors").take().await.len(), 0, "no request needs a key again");
}

#[tokio::test]
async fn a_function_answers_before_the_lambda_timeout() {
    let Some(stack) = Stack::start(&[]).await else { return };
    let alice = Caller::User("alice");
    let dynamodb = stack.dynamodb("create-totp");
    // No call is answered in time.
    dynamodb.plan(Fault::Slow, 0, usize::MAX);
    let started = std::time::Instant::now();
    let refused = stack.call(alice, "POST /profile/two-fa", &[], &json!({})).expect(503);
    assert!(started.elapsed() < Duration::from_secs(10), "the template gives it ten seconds");
    assert_eq!(refused.body["status"], "error");
}
