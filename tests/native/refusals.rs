//! Refusals before a flow begins, and answers while the keys can't be reached.

use countersign::http::caller::Identity;
use countersign::http::routes::{Method, routes};
use serde_json::{Value, json};

use super::{FACTORS, VERIFY};
use crate::bodies::given::well_meant;
use crate::rig::enroll::native::ENROLL;
use crate::rig::{Client, Plan, TestKeys, Transcript, World};

#[tokio::test]
async fn without_an_identity_of_a_user_nothing_is_done() {
    let world = World::new();
    let mut log = Transcript::default();
    log.get("nobody", &world.nobody(), FACTORS).await;
    let back_end = Client::new(&world, Some(Identity::BackEnd));
    log.get("the back end", &back_end, FACTORS).await;
    log.get("a token without a subject", &world.claiming(&[("email", "alice@example.com")]), FACTORS).await;
    log.get("a token with an empty one", &world.claiming(&[("sub", "")]), FACTORS).await;
    log.get("a subject that is no user id", &world.claiming(&[("sub", "alice/../bob")]), FACTORS).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn the_user_id_comes_from_the_configured_claim() {
    let world = Plan::with(&[("USER_ID_CLAIM", "oid")]).build();
    world.claiming(&[("oid", "alice")]).get(FACTORS).await.expect(200);
    world.claiming(&[("sub", "alice")]).get(FACTORS).await.expect(401);
}

#[tokio::test]
async fn a_user_in_the_body_or_a_header_is_not_looked_at() {
    let world = World::new();
    crate::rig::enroll_app(&world.user("alice"), "Phone").await;
    let bob = world.user("bob");
    let request = bob.request("GET", FACTORS).header("x-user-id", "alice").body(r#"{"userId":"alice"}"#.into());
    assert_eq!(world.send(request.unwrap()).await.expect(200).json()["factors"], json!([]));
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    for (says, content_type, body) in [
        ("a form", "application/x-www-form-urlencoded", "code=123456".to_owned()),
        ("JSON as text", "text/plain", r#"{"code":"123456"}"#.to_owned()),
        ("no JSON", "application/json", "code".to_owned()),
        ("a list", "application/json", "[]".to_owned()),
        ("a text", "application/json", "\"code\"".to_owned()),
        ("null", "application/json", "null".to_owned()),
        ("a byte over 256 KiB", "application/json", " ".repeat(256 * 1024 + 1)),
    ] {
        let reply = alice.send("POST", VERIFY, Some(content_type), body).await;
        log.note(says, "POST", VERIFY, &reply);
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_field_that_is_none_of_the_request_is_refused_by_its_name() {
    let world = World::new();
    let mut log = Transcript::default();
    let mut seen = 0;
    for route in routes().into_iter().filter(|route| route.dialect.name == "native" && route.method != Method::Get) {
        let client = world.caller(&route, "alice");
        let path = route.path.replace("/v1/users/{userId}", "/v1/me").replace("{id}", "aaaaaaaaaaaaaaaa");
        let known = well_meant(&route).into_iter().next().unwrap_or_else(|| json!({}));
        for (name, value) in [("phone", json!("+41791234567")), ("transaction", Value::Null), ("Code", json!("123456"))]
        {
            let mut body = known.clone();
            body[name] = value;
            let reply = client.call(route.method.as_str(), &path, body).await.expect(400);
            let problem = json!([{"field": name, "problem": "is not a field of this request"}]);
            assert_eq!((reply.outcome().1.as_str(), &reply.json()["errors"]), ("invalid_request", &problem), "{path}");
            seen += 1;
        }
    }
    assert_eq!(seen, 15 * 3, "routes that take a body");
    assert_eq!(world.postbox.calls(), 0);
    let alice = world.user("alice");
    let several = json!({"factortype": "totp", "label": "Phone", "x": 1, "y": 2});
    log.post("several at once", &alice, ENROLL, several).await;
    let value = json!({"factorType": "totp", "123456": ""});
    log.post("a value in the place of a name", &alice, ENROLL, value).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn the_other_dialects_ignore_what_they_do_not_know() {
    let world = World::new();
    let alice = world.user("alice");
    for (method, path, body) in [
        ("POST", "/api/v3/send-enroll-factor-request", json!({"factorType": "OTP", "phone": 1})),
        ("POST", "/api/experience/verification/totp/secret", json!({"phone": 1})),
        ("POST", "/profile/two-fa", json!({"phone": 1})),
    ] {
        let reply = alice.call(method, path, body).await;
        assert!(reply.status.is_success() && !reply.json().to_string().contains("not valid"), "{path}");
    }
}

#[tokio::test]
async fn a_body_of_256_kib_is_read_and_so_is_one_without_a_type() {
    let world = World::new();
    let alice = world.user("alice");
    let body = r#"{"factorType":"totp"}"#;
    let padded = format!("{body}{}", " ".repeat(256 * 1024 - body.len()));
    alice.send("POST", ENROLL, Some("Application/JSON; charset=utf-8"), padded).await.expect(201);
    alice.send("POST", ENROLL, None, body).await.expect(201);
    alice.send("POST", ENROLL, Some("application/x-www-form-urlencoded"), "").await.expect(400);
}

#[tokio::test]
async fn a_route_that_is_not_there_is_answered_as_the_gateway_does() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.get("an unknown path", &alice, "/v1/me").await;
    log.step("an unknown method", &alice, "PUT", FACTORS, Value::Null).await;
    log.get("a slash too many", &alice, "/v1/me/factors/").await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn without_keys_the_service_is_busy_and_then_works() {
    let world = Plan { keys: TestKeys::failing(1), ..Plan::with(&[]) }.build();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.get("the keys fail", &alice, FACTORS).await;
    log.get("and are there again", &alice, FACTORS).await;
    insta::assert_snapshot!(log.text());
}
