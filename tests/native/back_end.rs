//! `/v1/users/{userId}/…`: the same routes for any user, for the application's back end.

use serde_json::{Value, json};

use super::{CHALLENGES, FACTORS, RECOVERY_CODES, VERIFY, factor};
use crate::rig::enroll::native::{CONFIRM, ENROLL};
use crate::rig::{Transcript, World, enroll_app, enroll_email, enroll_phone};

/// The path of a user. The back end's client calls `/v1/users/{userId}` instead.
const USER: &str = "/v1/me";

#[tokio::test]
async fn an_app_is_enrolled_checked_and_removed_for_a_user() {
    let world = World::new();
    let back_end = world.back_end("alice@example.com");
    let mut log = Transcript::default();
    let request = json!({"factorType": "totp", "label": "Phone"});
    let begun = log.post("begin", &back_end, ENROLL, request).await;
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    let wrong = json!({"enrollmentToken": token, "code": world.wrong_code(&secret)});
    log.post("a wrong code", &back_end, CONFIRM, wrong).await;
    let right = json!({"enrollmentToken": token, "code": world.next_code(&secret)});
    let confirmed = log.post("the right code", &back_end, CONFIRM, right.clone()).await;
    log.post("once more", &back_end, CONFIRM, right).await;
    let check = json!({"code": world.next_code(&secret)});
    log.post("a check", &back_end, VERIFY, check.clone()).await;
    log.post("the same code again", &back_end, VERIFY, check).await;
    log.get("the list", &back_end, FACTORS).await;
    let app = confirmed.text("/factor/id");
    log.get("the factor", &back_end, &factor(&app)).await;
    log.patch("another label", &back_end, &factor(&app), json!({"label": "Old phone"})).await;
    log.post("new recovery codes", &back_end, RECOVERY_CODES, Value::Null).await;
    log.delete("it is removed", &back_end, &factor(&app), Value::Null).await;
    log.delete("once more", &back_end, &factor(&app), Value::Null).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_number_is_challenged_for_a_user() {
    let world = World::new();
    let back_end = world.back_end("alice");
    let mut log = Transcript::default();
    let number = json!({"factorType": "sms", "phoneNumber": "+41 79 123 45 67"});
    let token = log.post("begin", &back_end, ENROLL, number).await.text("/enrollmentToken");
    let right = json!({"enrollmentToken": token, "code": world.postbox.code()});
    log.post("the right code", &back_end, CONFIRM, right).await;
    let id = log.post("a challenge", &back_end, CHALLENGES, json!({})).await.text("/challengeId");
    let wrong = json!({"challengeId": id, "code": world.postbox.wrong_code()});
    log.post("a wrong answer", &back_end, VERIFY, wrong).await;
    let right = json!({"challengeId": id, "code": world.postbox.code()});
    log.post("the right answer", &back_end, VERIFY, right.clone()).await;
    log.post("the same answer again", &back_end, VERIFY, right).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn the_back_end_names_the_account_that_an_app_shows() {
    let world = World::new();
    let (alice, back_end) = (world.user("alice"), world.back_end("5f7c8ec7"));
    let request = |name: Value| json!({"factorType": "totp", "accountName": name});
    let widest = "😀".repeat(64);
    for (name, shown) in [
        (json!("zoë@example.com"), "Countersign:zo%C3%AB%40example.com?"),
        (json!(" Zoë Example "), "Countersign:Zo%C3%AB%20Example?"),
        (Value::Null, "Countersign:5f7c8ec7?"),
        (json!(widest), &format!("Countersign:{}?", "%F0%9F%98%80".repeat(32))),
    ] {
        let uri = back_end.post(ENROLL, request(name)).await.expect(201).text("/totp/uri");
        assert!(uri.contains(shown), "{uri}");
    }
    for name in [json!(1), json!("a:b"), json!("a\u{202e}b"), json!("x".repeat(65))] {
        let refused = back_end.post(ENROLL, request(name.clone())).await.expect(400);
        assert_eq!(refused.text("/errors/0/field"), "accountName", "{name}");
    }
    let refused = alice.post(ENROLL, request(json!("bob@example.com"))).await.expect(400);
    assert_eq!(refused.text("/errors/0/problem"), "is not a field of this request");
    let sms = json!({"factorType": "sms", "phoneNumber": "+41791234567", "accountName": "Alice"});
    assert_eq!(back_end.post("/v1/me/enrollments", sms).await.expect(400).text("/errors/0/field"), "accountName");
    let other_route = json!({"code": "123456", "accountName": "alice"});
    assert_eq!(back_end.post(VERIFY, other_route).await.expect(400).text("/errors/0/field"), "accountName");
}

#[tokio::test]
async fn the_back_end_needs_no_recent_check_but_a_given_code_must_be_right() {
    let world = World::new();
    let (alice, back_end) = (world.user("alice"), world.back_end("alice"));
    let (secret, app, codes) = enroll_app(&alice, "Phone").await;
    let number = enroll_phone(&alice, "+41791234567").await;
    let wrong = world.wrong_code(&secret);
    let mut log = Transcript::default();
    log.patch("a wrong code", &back_end, &factor(&app), json!({"label": "Old phone", "code": wrong})).await;
    log.delete("a wrong code", &back_end, &factor(&app), json!({"code": wrong})).await;
    log.post("a wrong recovery code", &back_end, RECOVERY_CODES, json!({"code": "0000-0000-0000-0000"})).await;
    log.delete("no code", &back_end, &factor(&number), json!({"code": 123_456})).await;
    let request = json!({"factorType": "totp", "label": "Tablet", "code": world.wrong_code(&secret)});
    log.post("a wrong code", &back_end, ENROLL, request).await;
    let right = json!({"label": "Old phone", "code": world.next_code(&secret)});
    log.patch("the right code", &back_end, &factor(&app), right.clone()).await;
    log.patch("the same again", &back_end, &factor(&app), right).await;
    log.delete("a recovery code", &back_end, &factor(&number), json!({"code": codes[0]})).await;
    log.get("what is left", &back_end, FACTORS).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_invalid_back_end_request_is_refused_with_the_native_errors() {
    let world = World::new();
    let back_end = world.back_end("alice");
    let mut log = Transcript::default();
    for user in ["alice%20bob", "%2Fme", "%2e%2e%2fme", &"a".repeat(129), "%ff"] {
        let path = format!("/v1/users/{user}/factors");
        log.get("a user id that is none", &back_end, &path).await;
    }
    log.get("a user without a factor", &back_end, FACTORS).await;
    log.get("an unknown factor", &back_end, &factor("aaaaaaaaaaaaaaaa")).await;
    log.get("no factor's id", &back_end, &factor("F1")).await;
    log.patch("an unknown factor", &back_end, &factor("aaaaaaaaaaaaaaaa"), json!({"label": "Phone"})).await;
    log.delete("an unknown factor", &back_end, &factor("aaaaaaaaaaaaaaaa"), Value::Null).await;
    log.post("no factor at all", &back_end, RECOVERY_CODES, Value::Null).await;
    log.post("no factor to challenge", &back_end, CHALLENGES, json!({"factorType": "sms"})).await;
    log.post("no factor to check", &back_end, VERIFY, json!({"code": "123456"})).await;
    log.post("no code", &back_end, VERIFY, json!({})).await;
    log.post("no type", &back_end, ENROLL, json!({})).await;
    let token = json!({"enrollmentToken": "en.totp.AAAAAAAAAAAAAAAAAAAAAA", "code": "123456"});
    log.post("an unknown token", &back_end, CONFIRM, token).await;
    log.get("by another user", &world.user("bob"), "/v1/users/alice/factors").await;
    log.get("by the user", &world.user("alice"), "/v1/users/alice/factors").await;
    let itself = world.back_end("me");
    log.get("the user whose name is me", &itself, FACTORS).await;
    log.get("no such route", &back_end, "/v1/users/alice").await;
    log.get("nor this", &back_end, "/v1/users").await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_user_is_forgotten() {
    let world = World::new();
    let (alice, back_end) = (world.user("alice"), world.back_end("alice"));
    let (secret, app, codes) = enroll_app(&alice, "Phone").await;
    let number = enroll_phone(&alice, "+41791234567").await;
    let mut log = Transcript::default();
    let sent = log.post("a challenge", &alice, CHALLENGES, json!({"factorId": number})).await;
    let answer = json!({"challengeId": sent.text("/challengeId"), "code": world.postbox.code()});
    let request = json!({"factorType": "email", "email": "alice@example.com"});
    let begun = log.post("an enrolment", &alice, ENROLL, request.clone()).await;
    let token = json!({"enrollmentToken": begun.text("/enrollmentToken"), "code": world.postbox.code()});

    log.delete("all of it goes", &back_end, USER, Value::Null).await;
    log.get("the list", &alice, FACTORS).await;
    log.get("a factor", &back_end, &factor(&app)).await;
    log.post("the app's code", &alice, VERIFY, json!({"factorId": app, "code": world.next_code(&secret)})).await;
    log.post("a recovery code", &alice, VERIFY, json!({"code": codes[0]})).await;
    log.post("the challenge", &alice, VERIFY, answer).await;
    log.post("the enrolment", &alice, CONFIRM, token).await;
    log.delete("once more", &back_end, USER, Value::Null).await;
    log.delete("a user who never was", &world.back_end("nobody"), USER, Value::Null).await;
    log.post("its limit is the address's", &alice, ENROLL, request).await;
    world.pass(60);
    enroll_email(&alice, "alice@example.com").await;
    let (.., codes) = enroll_app(&alice, "Phone").await;
    assert!(codes.is_empty(), "the address brought them");
    log.get("and all begins afresh", &alice, FACTORS).await;
    insta::assert_snapshot!(log.text());
}
