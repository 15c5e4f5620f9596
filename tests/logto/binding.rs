//! `profile/mfa`, and the order of its errors: recent check, id, verification, enrolled factors.

use serde_json::{Value, json};

use crate::rig::enroll::logto::{self, BIND, VERIFY, binding, enroll_app};
use crate::rig::{Client, Plan, Transcript, World, enroll_email, enroll_phone};

#[tokio::test]
async fn the_key_path_of_an_invalid_field_is_named_in_the_error() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    for (says, request) in [
        ("no fields", json!({})),
        ("a type that is none", json!({"type": "totp", "verificationId": "id"})),
        ("a type that is a number", json!({"type": 1})),
        ("no id", json!({"type": "Totp"})),
        ("an id that is an object", json!({"type": "Totp", "verificationId": {}})),
    ] {
        log.post(says, &alice, BIND, request).await;
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn other_factors_are_not_set_up() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    for factor in ["BackupCode", "EmailVerificationCode", "PhoneVerificationCode", "WebAuthn"] {
        log.post(factor, &alice, BIND, json!({"type": factor, "verificationId": "id"})).await;
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_recent_check_is_required_before_the_id_is_examined() {
    let world = World::new();
    let phone = world.session("alice", "phone");
    let laptop = world.session("alice", "laptop");
    enroll_phone(&phone, "+41791234567").await;
    let (unverified, _) = logto::begin(&laptop).await;
    for request in [
        binding(&unverified),
        binding("id"),
        binding("el.totp.AAAAAAAAAAAAAAAAAAAAAA"),
        binding("vl..AAAAAAAAAAAAAAAAAAAAAA"),
        json!({"type": "WebAuthn", "verificationId": "id"}),
    ] {
        let refused = laptop.post(BIND, request.clone()).await;
        assert_eq!(refused.outcome(), (403, "session.mfa.require_mfa_verification".to_owned()), "{request}");
    }
    let (verified, _) = logto::begin_verified(&laptop).await;
    let mut log = Transcript::default();
    log.post("a verified secret is no recent check", &laptop, BIND, binding(&verified)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_refusal_lists_the_factors_that_can_pass_a_check() {
    let world = World::new();
    let alice = world.session("alice", "phone");
    crate::rig::enroll_app(&alice, "Phone").await;
    enroll_phone(&alice, "+41791234567").await;
    enroll_email(&alice, "alice@example.com").await;
    crate::rig::enroll_app(&alice, "Tablet").await;
    let mut log = Transcript::default();
    log.post("another session", &world.session("alice", "laptop"), BIND, binding("id")).await;
    insta::assert_snapshot!(log.text());
}

/// Challenges the only factor with sent codes.
async fn challenge(client: &Client) -> String {
    client.post("/v1/me/challenges", json!({})).await.text("/challengeId")
}

#[tokio::test]
async fn after_a_check_of_an_enrolled_factor_a_new_one_is_bound() {
    let world = World::new();
    let laptop = world.session("alice", "laptop");
    enroll_phone(&world.session("alice", "phone"), "+41791234567").await;
    let (id, _) = logto::begin_verified(&laptop).await;
    laptop.post(BIND, binding(&id)).await.expect(403);
    let answer = json!({"challengeId": challenge(&laptop).await, "code": world.postbox.code()});
    laptop.post("/v1/me/verify", answer).await.expect(200);
    laptop.post(BIND, binding(&id)).await.expect(204);
}

#[tokio::test]
async fn an_unknown_unverified_or_expired_id_is_not_bound() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let (id, _) = logto::begin(&alice).await;
    let mut log = Transcript::default();
    log.post("no id at all", &alice, BIND, binding("id")).await;
    log.post("another user's", &bob, BIND, binding(&id)).await;
    log.post("one that is not verified", &alice, BIND, binding(&id)).await;
    world.pass(600);
    log.post("one that has expired", &alice, BIND, binding(&id)).await;
    let native = alice.post("/v1/me/enrollments", json!({"factorType": "totp"})).await.text("/enrollmentToken");
    log.post("a native token", &alice, BIND, binding(&native)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_verified_secret_expires_ten_minutes_after_its_creation() {
    let world = World::new();
    let alice = world.user("alice");
    let (id, _) = logto::begin_verified(&alice).await;
    world.pass(600);
    let refused = alice.post(BIND, binding(&id)).await;
    assert_eq!(refused.outcome(), (400, "session.verification_expired".to_owned()));
}

#[tokio::test]
async fn a_second_app_is_not_bound() {
    let world = World::new();
    let alice = world.user("alice");
    let secret = enroll_app(&alice).await;
    let (id, _) = logto::begin(&alice).await;
    let mut log = Transcript::default();
    log.post("a second app, not verified", &alice, BIND, binding(&id)).await;
    let (id, _) = logto::begin_verified(&alice).await;
    log.post("a second app", &alice, BIND, binding(&id)).await;
    let check = alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    log.post("the id of a check", &alice, BIND, binding(&check.text("/verificationId"))).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_factor_beyond_max_factors_is_refused() {
    let world = Plan::with(&[("MAX_FACTORS", "1")]).build();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let (id, _) = logto::begin_verified(&alice).await;
    let mut log = Transcript::default();
    log.post("one more", &alice, BIND, binding(&id)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_enrollment_from_before_the_first_factor_needs_a_check() {
    let world = World::new();
    let (first, second) = (world.session("alice", "first"), world.session("alice", "second"));
    let (id, _) = logto::begin_verified(&first).await;
    enroll_phone(&second, "+41791234567").await;
    first.post(BIND, binding(&id)).await.expect(403);
    // A session with a recent check can't bind an enrolment that another session began.
    second.post(BIND, binding(&id)).await.expect(404);
    let check = json!({"challengeId": challenge(&first).await, "code": world.postbox.code()});
    first.post("/v1/me/verify", check).await.expect(200);
    first.post(BIND, binding(&id)).await.expect(204);
    assert_eq!(second.get("/v1/me/factors").await.json()["factors"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_first_binding_is_a_recent_check() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice).await;
    alice.post("/v1/me/recovery-codes", Value::Null).await.expect(201);
}
