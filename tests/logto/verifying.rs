//! `verification/totp/verify`.

use serde_json::json;

use crate::rig::enroll::logto::{self, BIND, VERIFY, binding, enroll_app};
use crate::rig::{self, Plan, Transcript, World};

#[tokio::test]
async fn the_key_path_of_an_invalid_field_is_named_in_the_error() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    for (says, request) in [
        ("no fields", json!({})),
        ("a code that is a number", json!({"code": 12345})),
        ("an id that is a number", json!({"code": "123456", "verificationId": 1})),
    ] {
        log.post(says, &alice, VERIFY, request).await;
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn without_an_app_no_code_is_right() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.post("an app's code", &alice, VERIFY, json!({"code": "123456"})).await;
    log.post("a code of no shape", &alice, VERIFY, json!({"code": "12345"})).await;
    log.post("a recovery code", &alice, VERIFY, json!({"code": "0000-0000-0000-0000"})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_verification_id_of_another_user_or_dialect_is_unknown() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let (id, secret) = logto::begin(&alice).await;
    let code = world.next_code(&secret);
    let native = bob.post("/v1/me/enrollments", json!({"factorType": "totp"})).await.text("/enrollmentToken");
    let mut log = Transcript::default();
    log.post("no id at all", &alice, VERIFY, json!({"code": code, "verificationId": "id"})).await;
    log.post("another user's", &bob, VERIFY, json!({"code": code, "verificationId": id})).await;
    log.post("a native token", &bob, VERIFY, json!({"code": code, "verificationId": native})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_id_lives_ten_minutes() {
    let world = World::new();
    let alice = world.user("alice");
    let (id, secret) = logto::begin(&alice).await;
    world.pass(600);
    let late = json!({"code": world.next_code(&secret), "verificationId": id});
    let mut log = Transcript::default();
    log.post("ten minutes later", &alice, VERIFY, late).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_new_secret_allows_five_wrong_codes() {
    let world = World::new();
    let alice = world.user("alice");
    let (id, secret) = logto::begin(&alice).await;
    for _ in 0..5 {
        let wrong = json!({"code": world.wrong_code(&secret), "verificationId": id});
        let refused = alice.post(VERIFY, wrong).await;
        assert_eq!(refused.outcome(), (400, "session.mfa.invalid_totp_code".to_owned()));
    }
    let right = json!({"code": world.next_code(&secret), "verificationId": id});
    let mut log = Transcript::default();
    log.post("the right code", &alice, VERIFY, right).await;
    enroll_app(&alice).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn wrong_codes_of_an_app_are_delayed() {
    let world = World::new();
    let alice = world.user("alice");
    let secret = enroll_app(&alice).await;
    let right = json!({"code": world.next_code(&secret)});
    for _ in 0..5 {
        alice.post(VERIFY, json!({"code": world.wrong_code(&secret)})).await.expect(400);
    }
    let mut log = Transcript::default();
    log.post("the right code", &alice, VERIFY, right.clone()).await;
    world.pass(2);
    alice.post(VERIFY, right).await.expect(200);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn too_many_wrong_codes_lock_the_app() {
    let world = Plan::with(&[("LOCK_AFTER", "10")]).build();
    let alice = world.user("alice");
    let secret = enroll_app(&alice).await;
    for _ in 0..10 {
        world.pass(15 * 60);
        alice.post(VERIFY, json!({"code": world.wrong_code(&secret)})).await.expect(400);
    }
    let mut log = Transcript::default();
    log.post("the right code", &alice, VERIFY, json!({"code": world.next_code(&secret)})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_recovery_code_is_recognised_by_its_format() {
    let world = World::new();
    let alice = world.user("alice");
    let (.., codes) = rig::enroll_app(&alice, "Phone").await;
    let mut log = Transcript::default();
    log.post("a recovery code", &alice, VERIFY, json!({"code": codes[0]})).await;
    log.post("again", &alice, VERIFY, json!({"code": codes[0]})).await;
    let (id, _) = logto::begin(&alice).await;
    let for_secret = json!({"code": codes[1], "verificationId": id});
    log.post("for a new secret", &alice, VERIFY, for_secret).await;
    log.post("which it does not verify", &alice, BIND, binding(&id)).await;
    insta::assert_snapshot!(log.text());
}
