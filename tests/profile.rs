//! The profile page's dialect: every route, every message.

use serde_json::{Value, json};

use crate::rig::enroll::profile::{TWO_FA, enroll_app};
use crate::rig::{self, Client, Plan, Reply, Transcript, World};

const DISABLE: &str = "/profile/two-fa/disable";

/// The secret at the end of a generated URI, cut off in the way that pages do it.
fn secret(generated: &Reply) -> String {
    generated.text("/data/otpAuthURL").split("secret=").nth(1).unwrap().to_owned()
}

/// The types of the enrolled factors.
async fn enrolled_types(client: &Client) -> Vec<Value> {
    let factors = client.get("/v1/me/factors").await.json()["factors"].as_array().unwrap().clone();
    factors.into_iter().map(|factor| factor["type"].clone()).collect()
}

#[tokio::test]
async fn two_fa_is_generated_enabled_and_disabled() {
    let world = World::new();
    let alice = world.claiming(&[("sub", "alice"), ("jti", "1"), ("email", "alice@example.com")]);
    let mut log = Transcript::default();
    log.get("the state before", &alice, TWO_FA).await;
    let secret = secret(&log.post("generate", &alice, TWO_FA, Value::Null).await);
    log.get("the state while it is pending", &alice, TWO_FA).await;
    log.patch("a wrong code", &alice, TWO_FA, json!({"code": world.wrong_code(&secret)})).await;
    log.patch("the right code", &alice, TWO_FA, json!({"code": world.next_code(&secret)})).await;
    log.get("the state after", &alice, TWO_FA).await;
    log.patch("enable again", &alice, TWO_FA, json!({"code": world.next_code(&secret)})).await;
    log.post("generate again", &alice, TWO_FA, Value::Null).await;
    log.patch("disable with a wrong code", &alice, DISABLE, json!({"code": world.wrong_code(&secret)})).await;
    let spent = json!({"code": world.next_code(&secret)});
    alice.post("/v1/me/verify", spent.clone()).await.expect(200);
    log.patch("disable with a code that was used", &alice, DISABLE, spent).await;
    log.patch("disable", &alice, DISABLE, json!({"code": world.next_code(&secret)})).await;
    log.patch("disable again", &alice, DISABLE, json!({"code": world.next_code(&secret)})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn the_uri_ends_in_the_secret_whatever_the_operator_sets() {
    for settings in [&[][..], &[("TOTP_DIGITS", "8"), ("TOTP_ALGORITHM", "SHA512"), ("PRODUCT_NAME", "A & B")]] {
        let world = Plan::with(settings).build();
        let secret = secret(&world.user("alice").post(TWO_FA, Value::Null).await);
        assert_eq!(secret.len(), 32);
        assert!(secret.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)), "{secret}");
    }
}

#[tokio::test]
async fn there_are_as_many_recovery_codes_as_the_operator_wants_and_twelve_by_default() {
    let world = World::new();
    let (_, codes) = enroll_app(&world.user("alice")).await;
    assert_eq!(codes.len(), 12);
    let world = Plan::with(&[("PROFILE_RECOVERY_CODES", "3")]).build();
    assert_eq!(enroll_app(&world.user("alice")).await.1.len(), 3);
}

#[tokio::test]
async fn generating_again_replaces_the_pending_secret() {
    let world = World::new();
    let alice = world.user("alice");
    let old = secret(&alice.post(TWO_FA, Value::Null).await.expect(201));
    let new = secret(&alice.post(TWO_FA, Value::Null).await.expect(201));
    assert_ne!(old, new);
    alice.patch(TWO_FA, json!({"code": world.next_code(&old)})).await.expect(400);
    alice.patch(TWO_FA, json!({"code": world.next_code(&new)})).await.expect(200);
}

#[tokio::test]
async fn two_fa_is_disabled_with_a_recovery_code() {
    let world = World::new();
    let alice = world.user("alice");
    let (_, codes) = enroll_app(&alice).await;
    let mut log = Transcript::default();
    log.patch("a wrong recovery code", &alice, DISABLE, json!({"code": "0000-0000-0000-0000"})).await;
    log.patch("a right one", &alice, DISABLE, json!({"code": codes[11]})).await;
    assert!(enrolled_types(&alice).await.is_empty());
    enroll_app(&alice).await;
    log.patch("one of the old set", &alice, DISABLE, json!({"code": codes[0]})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn disabling_removes_every_app_and_no_other_factor() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice).await;
    rig::enroll_phone(&alice, "+41791234567").await;
    rig::enroll_email(&alice, "alice@example.com").await;
    let (tablet, ..) = rig::enroll_app(&alice, "Tablet").await;
    alice.patch(DISABLE, json!({"code": world.next_code(&tablet)})).await.expect(200);
    assert_eq!(enrolled_types(&alice).await, ["sms", "email"]);
    let left = alice.get("/v1/me/factors").await.json()["recoveryCodes"]["remaining"].clone();
    assert_eq!(left, 12, "recovery codes are the other factors' too");
}

#[tokio::test]
async fn disabling_needs_no_recent_check_besides_its_code() {
    let world = World::new();
    let (secret, _) = enroll_app(&world.session("alice", "phone")).await;
    let code = world.next_code(&secret);
    world.session("alice", "laptop").patch(DISABLE, json!({"code": code})).await.expect(200);
}

#[tokio::test]
async fn an_app_enrolled_natively_counts_as_enabled_two_fa() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, ..) = rig::enroll_app(&alice, "Phone").await;
    let mut log = Transcript::default();
    log.post("generate", &alice, TWO_FA, Value::Null).await;
    log.patch("enable", &alice, TWO_FA, json!({"code": world.next_code(&secret)})).await;
    log.patch("disable", &alice, DISABLE, json!({"code": world.next_code(&secret)})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_phone_number_alone_does_not_enable_two_fa() {
    let world = World::new();
    let alice = world.user("alice");
    rig::enroll_phone(&alice, "+41791234567").await;
    let refused = alice.patch(DISABLE, json!({"code": "123456"})).await.expect(400);
    assert_eq!(refused.text("/message"), "2FA is already disabled on your account");
    enroll_app(&alice).await;
    assert_eq!(enrolled_types(&alice).await, ["sms", "totp"]);
}

#[tokio::test]
async fn an_account_with_a_factor_needs_a_check_by_this_session() {
    let world = World::new();
    rig::enroll_phone(&world.session("alice", "phone"), "+41791234567").await;
    let mut log = Transcript::default();
    log.post("generate in another session", &world.session("alice", "laptop"), TWO_FA, Value::Null).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_enrollment_from_before_the_first_factor_needs_a_check() {
    let world = World::new();
    let first = world.session("alice", "first");
    let secret = secret(&first.post(TWO_FA, Value::Null).await);
    rig::enroll_phone(&world.session("alice", "second"), "+41791234567").await;
    let refused = first.patch(TWO_FA, json!({"code": world.next_code(&secret)})).await.expect(400);
    assert_eq!(refused.text("/message"), "Pass a check in this session first.");
}

#[tokio::test]
async fn enabling_needs_a_secret_generated_on_the_page_within_ten_minutes() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.patch("nothing generated", &alice, TWO_FA, json!({"code": "123456"})).await;
    let begun = alice.post("/v1/me/enrollments", json!({"factorType": "totp"})).await;
    let code = world.next_code(&begun.text("/totp/secret"));
    log.patch("begun natively", &alice, TWO_FA, json!({"code": code})).await;
    let secret = secret(&alice.post(TWO_FA, Value::Null).await);
    world.pass(600);
    log.patch("ten minutes later", &alice, TWO_FA, json!({"code": world.next_code(&secret)})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn wrong_codes_are_limited() {
    let world = World::new();
    let alice = world.user("alice");
    let pending = secret(&alice.post(TWO_FA, Value::Null).await);
    for _ in 0..5 {
        alice.patch(TWO_FA, json!({"code": world.wrong_code(&pending)})).await.expect(400);
    }
    let mut log = Transcript::default();
    log.patch("enable", &alice, TWO_FA, json!({"code": world.next_code(&pending)})).await;
    let (secret, codes) = enroll_app(&alice).await;
    let right = json!({"code": world.next_code(&secret)});
    for _ in 0..5 {
        alice.patch(DISABLE, json!({"code": world.wrong_code(&secret)})).await.expect(400);
    }
    log.patch("disable", &alice, DISABLE, right).await;
    alice.patch(DISABLE, json!({"code": codes[0]})).await.expect(200);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn too_many_wrong_codes_lock_the_app() {
    let world = Plan::with(&[("LOCK_AFTER", "10")]).build();
    let alice = world.user("alice");
    let (secret, _) = enroll_app(&alice).await;
    for _ in 0..10 {
        world.pass(15 * 60);
        alice.patch(DISABLE, json!({"code": world.wrong_code(&secret)})).await.expect(400);
    }
    let mut log = Transcript::default();
    log.patch("the right code", &alice, DISABLE, json!({"code": world.next_code(&secret)})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_missing_or_non_string_code_is_refused() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice).await;
    let mut log = Transcript::default();
    for (says, request) in [
        ("no fields", json!({})),
        ("a code that is a number", json!({"code": 12345})),
        ("a code that is null", json!({"code": null})),
    ] {
        log.patch(says, &alice, DISABLE, request).await;
    }
    let no_shape = alice.patch(DISABLE, json!({"code": "12345"})).await.expect(400);
    assert_eq!(no_shape.text("/message"), "Incorrect 2FA code.");
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_factor_beyond_max_factors_is_refused() {
    let world = Plan::with(&[("MAX_FACTORS", "1")]).build();
    let alice = world.user("alice");
    rig::enroll_phone(&alice, "+41791234567").await;
    let mut log = Transcript::default();
    log.post("generate", &alice, TWO_FA, Value::Null).await;
    insta::assert_snapshot!(log.text());
}
