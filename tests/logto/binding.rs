//! `profile/mfa`, and the order of its errors: recent check, id, verification, enrolled factors.

use serde_json::{Value, json};

use super::{BIND, VERIFY, bound, enrol_app, make_secret, verified_secret};
use crate::rig::{Client, Plan, Transcript, World, enrol_email, enrol_phone};

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
    enrol_phone(&phone, "+41791234567").await;
    let (unverified, _) = make_secret(&laptop).await;
    for request in [
        bound(&unverified),
        bound("id"),
        bound("el.totp.AAAAAAAAAAAAAAAAAAAAAA"),
        bound("vl..AAAAAAAAAAAAAAAAAAAAAA"),
        json!({"type": "WebAuthn", "verificationId": "id"}),
    ] {
        let refused = laptop.post(BIND, request.clone()).await;
        assert_eq!(refused.outcome(), (403, "session.mfa.require_mfa_verification".to_owned()), "{request}");
    }
    let (verified, _) = verified_secret(&laptop).await;
    let mut log = Transcript::default();
    log.post("a verified secret is no recent check", &laptop, BIND, bound(&verified)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_refusal_lists_the_factors_that_can_pass_a_check() {
    let world = World::new();
    let alice = world.session("alice", "phone");
    crate::rig::enrol_app(&alice, "Phone").await;
    enrol_phone(&alice, "+41791234567").await;
    enrol_email(&alice, "alice@example.com").await;
    crate::rig::enrol_app(&alice, "Tablet").await;
    let mut log = Transcript::default();
    log.post("another session", &world.session("alice", "laptop"), BIND, bound("id")).await;
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
    enrol_phone(&world.session("alice", "phone"), "+41791234567").await;
    let (id, _) = verified_secret(&laptop).await;
    laptop.post(BIND, bound(&id)).await.expect(403);
    let answer = json!({"challengeId": challenge(&laptop).await, "code": world.postbox.code()});
    laptop.post("/v1/me/verify", answer).await.expect(200);
    laptop.post(BIND, bound(&id)).await.expect(204);
}

#[tokio::test]
async fn an_unknown_unverified_or_expired_id_is_not_bound() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let (id, _) = make_secret(&alice).await;
    let mut log = Transcript::default();
    log.post("no id at all", &alice, BIND, bound("id")).await;
    log.post("another user's", &bob, BIND, bound(&id)).await;
    log.post("one that is not verified", &alice, BIND, bound(&id)).await;
    world.pass(600);
    log.post("one that has expired", &alice, BIND, bound(&id)).await;
    let native = alice.post("/v1/me/enrollments", json!({"factorType": "totp"})).await.text("/enrollmentToken");
    log.post("a native token", &alice, BIND, bound(&native)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_verified_secret_expires_ten_minutes_after_its_creation() {
    let world = World::new();
    let alice = world.user("alice");
    let (id, _) = verified_secret(&alice).await;
    world.pass(600);
    let refused = alice.post(BIND, bound(&id)).await;
    assert_eq!(refused.outcome(), (400, "session.verification_expired".to_owned()));
}

#[tokio::test]
async fn a_second_app_is_not_bound() {
    let world = World::new();
    let alice = world.user("alice");
    let secret = enrol_app(&alice).await;
    let (id, _) = make_secret(&alice).await;
    let mut log = Transcript::default();
    log.post("a second app, not verified", &alice, BIND, bound(&id)).await;
    let (id, _) = verified_secret(&alice).await;
    log.post("a second app", &alice, BIND, bound(&id)).await;
    let check = alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    log.post("the id of a check", &alice, BIND, bound(&check.text("/verificationId"))).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_factor_beyond_max_factors_is_refused() {
    let world = Plan::with(&[("MAX_FACTORS", "1")]).build();
    let alice = world.user("alice");
    enrol_phone(&alice, "+41791234567").await;
    let (id, _) = verified_secret(&alice).await;
    let mut log = Transcript::default();
    log.post("one more", &alice, BIND, bound(&id)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_enrollment_from_before_the_first_factor_needs_a_check() {
    let world = World::new();
    let (first, second) = (world.session("alice", "first"), world.session("alice", "second"));
    let (id, _) = verified_secret(&first).await;
    enrol_phone(&second, "+41791234567").await;
    first.post(BIND, bound(&id)).await.expect(403);
    // A session with a recent check can't bind an enrolment that another session began.
    second.post(BIND, bound(&id)).await.expect(404);
    let check = json!({"challengeId": challenge(&first).await, "code": world.postbox.code()});
    first.post("/v1/me/verify", check).await.expect(200);
    first.post(BIND, bound(&id)).await.expect(204);
    assert_eq!(second.get("/v1/me/factors").await.json()["factors"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_first_binding_is_a_recent_check() {
    let world = World::new();
    let alice = world.user("alice");
    enrol_app(&alice).await;
    alice.post("/v1/me/recovery-codes", Value::Null).await.expect(201);
}
