//! Refusals before a flow begins, and answers while the keys can't be reached.

use serde_json::json;

use super::{LIST, RESET, VERIFY, outcome};
use crate::rig::enroll::genauth::{SEND, enroll_app};
use crate::rig::{Plan, TestKeys, Transcript, World};

#[tokio::test]
async fn who_is_not_signed_in_is_told_so() {
    let world = World::new();
    let mut log = Transcript::default();
    log.get("nobody", &world.nobody(), LIST).await;
    log.get("a subject that is no user id", &world.claiming(&[("sub", "alice bob")]), LIST).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_refusal_without_a_recent_check_names_the_way_to_one() {
    let world = World::new();
    let (phone, laptop) = (world.session("alice", "phone"), world.session("alice", "laptop"));
    let (secret, _) = enroll_app(&phone).await;
    let mut log = Transcript::default();
    let email = json!({"factorType": "EMAIL", "profile": {"email": "alice@example.com"}});
    log.post("without a check", &laptop, SEND, email.clone()).await;
    log.post("the way that the message names", &laptop, VERIFY, json!({"totp": world.next_code(&secret)})).await;
    log.post("after it", &laptop, SEND, email).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    for (says, content_type, body) in [
        ("a form", "application/x-www-form-urlencoded", "totp=123456".to_owned()),
        ("no JSON", "application/json", "totp".to_owned()),
        ("a list", "application/json", "[]".to_owned()),
        ("a byte over 256 KiB", "application/json", " ".repeat(256 * 1024 + 1)),
    ] {
        let reply = alice.send("POST", VERIFY, Some(content_type), body).await;
        log.note(says, "POST", VERIFY, &reply);
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn no_body_may_have_any_type_and_has_no_fields() {
    let world = World::new();
    let alice = world.user("alice");
    for path in [SEND, VERIFY, RESET] {
        let reply = alice.send("POST", path, Some("application/x-www-form-urlencoded"), "").await;
        assert_eq!(outcome(&reply).0, 400, "{path}");
    }
}

#[tokio::test]
async fn the_headers_that_clients_send_change_nothing() {
    let world = World::new();
    let request = world.user("alice").request("GET", LIST);
    let request = [
        ("authorization", "token"),
        ("x-authing-app-id", "app"),
        ("x-authing-sdk-version", "node:4.0.1"),
        ("x-authing-request-from", "sdk"),
        ("x-authing-lang", "\u{fffd}"),
        ("x-real-ip", "::1"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", "0"),
    ]
    .into_iter()
    .fold(request, |request, (name, value)| request.header(name, value));
    assert_eq!(outcome(&world.send(request.body("".into()).unwrap()).await), (200, 0));
}

#[tokio::test]
async fn without_keys_the_service_is_busy_and_then_works() {
    let world = Plan { keys: TestKeys::failing(1), ..Plan::with(&[]) }.build();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.get("the keys fail", &alice, LIST).await;
    log.get("and are there again", &alice, LIST).await;
    insta::assert_snapshot!(log.text());
}
