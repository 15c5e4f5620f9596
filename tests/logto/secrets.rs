//! `verification/totp/secret`.

use crate::rig::enroll::logto::{self, SECRET, VERIFY, enroll_app};
use crate::rig::{Transcript, World, enroll_email};

#[tokio::test]
async fn a_session_without_a_recent_check_may_create_a_secret_but_not_bind_it() {
    let world = World::new();
    enroll_app(&world.session("alice", "phone")).await;
    let laptop = world.session("alice", "laptop");
    let (id, _) = logto::begin_verified(&laptop).await;
    let refused = logto::bind(&laptop, &id).await;
    assert_eq!(refused.outcome(), (403, "session.mfa.require_mfa_verification".to_owned()));
}

#[tokio::test]
async fn a_new_secret_replaces_the_one_before() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let (id, secret) = logto::begin(&alice).await;
    let (new_id, new_secret) = logto::begin(&alice).await;
    assert!(id != new_id && secret != new_secret);
    let old = serde_json::json!({"code": world.next_code(&secret), "verificationId": id});
    log.post("the old id", &alice, VERIFY, old).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn the_body_of_a_secret_request_is_ignored() {
    let world = World::new();
    let alice = world.user("alice");
    for body in ["", "{}", "null", "not JSON"] {
        alice.send("POST", SECRET, Some("application/x-www-form-urlencoded"), body).await.expect(200);
    }
}

#[tokio::test]
async fn an_app_brings_no_recovery_codes() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice).await;
    assert_eq!(alice.get("/v1/me/factors").await.json()["recoveryCodes"]["remaining"], 0);
}

#[tokio::test]
async fn an_app_leaves_the_recovery_codes_that_are_there() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_email(&alice, "alice@example.com").await;
    enroll_app(&alice).await;
    assert_eq!(alice.get("/v1/me/factors").await.json()["recoveryCodes"]["remaining"], 10);
}
