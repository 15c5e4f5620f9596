//! `POST /v1/me/enrollments/confirm`.

use serde_json::{Value, json};

use super::{CHALLENGES, VERIFY, factor};
use crate::rig::enroll::native::{CONFIRM, begin_app, begin_sent, confirm, confirmation};
use crate::rig::{Plan, Transcript, World, enroll_app, enroll_email, enroll_phone};

fn address() -> Value {
    json!({"factorType": "email", "email": "alice@example.com"})
}

#[tokio::test]
async fn the_first_factor_brings_recovery_codes_and_the_second_none() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let (token, code) = begin_sent(&alice, address()).await;
    log.post("the first factor", &alice, CONFIRM, confirmation(&token, &code)).await;
    let (token, secret) = begin_app(&alice, "Phone").await;
    let right = confirmation(&token, &world.next_code(&secret));
    log.post("the second factor", &alice, CONFIRM, right).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_invalid_field_is_named_in_the_error() {
    let world = World::new();
    let alice = world.user("alice");
    let (token, _) = begin_sent(&alice, address()).await;
    let mut log = Transcript::default();
    let requests = [
        ("no fields", json!({})),
        ("a token that is a number", json!({"enrollmentToken": 1, "code": "123456"})),
        ("no code", json!({"enrollmentToken": token})),
        ("a code that is a number", json!({"enrollmentToken": token, "code": 12345})),
        ("a code of five digits", json!({"enrollmentToken": token, "code": "12345"})),
        ("a code of nine digits", json!({"enrollmentToken": token, "code": "123456789"})),
        ("a code of letters", json!({"enrollmentToken": token, "code": "secret"})),
    ];
    for (says, request) in requests {
        log.post(says, &alice, CONFIRM, request).await;
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_enrollment_allows_five_wrong_codes() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let (token, right) = begin_sent(&alice, address()).await;
    for number in ["first", "second", "third", "fourth", "fifth"] {
        let wrong = confirmation(&token, &world.postbox.wrong_code());
        log.post(&format!("the {number} wrong code"), &alice, CONFIRM, wrong).await;
        world.pass(1);
    }
    log.post("the right code", &alice, CONFIRM, confirmation(&token, &right)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_recovery_code_confirms_nothing() {
    let world = World::new();
    let alice = world.user("alice");
    let (.., codes) = enroll_app(&alice, "Phone").await;
    let (token, _) = begin_sent(&alice, address()).await;
    let refused = confirm(&alice, &token, &codes[0]).await;
    assert_eq!(refused.outcome(), (400, "incorrect_code".to_owned()));
}

#[tokio::test]
async fn a_token_lives_ten_minutes() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let (token, code) = begin_sent(&alice, address()).await;
    world.pass(599);
    confirm(&alice, &token, &code).await.expect(201);
    let (token, code) = begin_sent(&alice, json!({"factorType": "email", "email": "alice@example.org"})).await;
    world.pass(600);
    log.post("ten minutes later", &alice, CONFIRM, confirmation(&token, &code)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_token_of_another_user_type_or_dialect_or_a_replaced_one_is_unknown() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let mut log = Transcript::default();
    let (token, secret) = begin_app(&alice, "Phone").await;
    let with = |token: &str| confirmation(token, &world.next_code(&secret));
    log.post("no token at all", &alice, CONFIRM, with("token")).await;
    log.post("another user's token", &bob, CONFIRM, with(&token)).await;
    begin_app(&bob, "Phone").await;
    log.post("the same, with something pending", &bob, CONFIRM, with(&token)).await;
    let other_type = token.replace(".totp.", ".sms.");
    log.post("another type's token", &alice, CONFIRM, with(&other_type)).await;

    let of_genauth = json!({"factorType": "OTP"});
    let genauth = alice.post("/api/v3/send-enroll-factor-request", of_genauth).await.text("/data/enrollmentToken");
    log.post("GenAuth's token", &alice, CONFIRM, with(&genauth)).await;
    log.post("GenAuth's token, dressed up", &alice, CONFIRM, with(&genauth.replacen("eg", "en", 1))).await;
    let logto = alice.post("/api/experience/verification/totp/secret", Value::Null).await.text("/verificationId");
    log.post("Logto's id", &alice, CONFIRM, with(&logto)).await;
    log.post("a token that was replaced", &alice, CONFIRM, with(&token)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_challenge_id_confirms_no_enrollment() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let id = alice.post(CHALLENGES, json!({})).await.expect(201).text("/challengeId");
    let refused = confirm(&alice, &id, &world.postbox.code()).await;
    assert_eq!(refused.outcome(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn an_enrollment_from_before_the_first_factor_needs_a_check() {
    let world = World::new();
    let (first, second) = (world.session("alice", "first"), world.session("alice", "second"));
    let mut log = Transcript::default();
    let (token, code) = begin_sent(&first, address()).await;
    let (secret, ..) = enroll_app(&second, "Phone").await;
    log.post("another session was faster", &first, CONFIRM, confirmation(&token, &code)).await;
    first.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    log.post("after a check", &first, CONFIRM, confirmation(&token, &code)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_label_that_was_taken_meanwhile_is_refused() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let (_, tablet, _) = enroll_app(&alice, "Tablet").await;
    let (token, secret) = begin_app(&alice, "Phone").await;
    alice.patch(&factor(&tablet), json!({"label": "Phone"})).await.expect(200);
    let right = confirmation(&token, &world.next_code(&secret));
    log.post("an app whose label was taken", &alice, CONFIRM, right).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_confirmation_is_refused_once_the_account_is_full() {
    let world = Plan::with(&[("MAX_FACTORS", "2")]).build();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    enroll_email(&alice, "alice@example.org").await;
    let (token, secret) = begin_app(&alice, "Phone").await;
    enroll_phone(&alice, "+41791234567").await;
    let right = confirmation(&token, &world.next_code(&secret));
    log.post("the account is full", &alice, CONFIRM, right).await;
    insta::assert_snapshot!(log.text());
}
