//! Refusals before a flow begins, and answers while the keys can't be reached.

use serde_json::Value;

use crate::rig::enroll::logto::{SECRET, VERIFY};
use crate::rig::{Plan, TestKeys, Transcript, World};

#[tokio::test]
async fn who_is_not_signed_in_is_told_so() {
    let world = World::new();
    let mut log = Transcript::default();
    log.post("nobody", &world.nobody(), SECRET, Value::Null).await;
    log.post("a subject that is no user id", &world.claiming(&[("sub", "a b")]), SECRET, Value::Null).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    for (says, content_type, body) in [
        ("a form", "application/x-www-form-urlencoded", "code=123456".to_owned()),
        ("no JSON", "application/json", "code".to_owned()),
        ("a list", "application/json", "[]".to_owned()),
        ("a byte over 256 KiB", "application/json", " ".repeat(256 * 1024 + 1)),
    ] {
        let reply = alice.send("POST", VERIFY, Some(content_type), body).await;
        log.note(says, "POST", VERIFY, &reply);
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn without_keys_the_service_is_busy_and_then_works() {
    let world = Plan { keys: TestKeys::failing(1), ..Plan::with(&[]) }.build();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.post("the keys fail", &alice, SECRET, Value::Null).await;
    log.post("and are there again", &alice, SECRET, Value::Null).await;
    insta::assert_snapshot!(log.text());
}
