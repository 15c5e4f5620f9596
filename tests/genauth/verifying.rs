//! `mfa-totp-verify`: a wrong code is answered with `data.verified`, which the Node client reads instead of throwing.

use serde_json::json;

use super::{RESET, VERIFY, outcome};
use crate::rig::enroll::genauth::{enroll_app, enroll_sent};
use crate::rig::{self, Plan, Transcript, World, tools};

#[tokio::test]
async fn a_missing_or_malformed_code_is_refused() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice).await;
    let mut log = Transcript::default();
    log.post("no fields", &alice, VERIFY, json!({})).await;
    log.post("an empty code", &alice, VERIFY, json!({"totp": ""})).await;
    log.post("a code that is a number", &alice, VERIFY, json!({"totp": 12345})).await;
    log.post("a code of no shape", &alice, VERIFY, json!({"totp": "12345"})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn without_an_app_no_code_is_right() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.post("an app's code", &alice, VERIFY, json!({"totp": "123456"})).await;
    log.post("a recovery code", &alice, VERIFY, json!({"totp": "e7ad-aaa4-da75-fa37-57d1-5141"})).await;
    enroll_sent(&alice, "EMAIL", json!({"email": "alice@example.com"})).await;
    assert_eq!(outcome(&alice.post(VERIFY, json!({"totp": "123456"})).await), (422, 6001));
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn wrong_codes_of_an_app_are_delayed_and_recovery_codes_are_not() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, recovery_code) = enroll_app(&alice).await;
    let right = json!({"totp": world.next_code(&secret)});
    for _ in 0..5 {
        assert_eq!(outcome(&alice.post(VERIFY, json!({"totp": world.wrong_code(&secret)})).await), (422, 6001));
        let wrong = json!({"totp": "0000-0000-0000-0000-0000-0000"});
        assert_eq!(outcome(&alice.post(VERIFY, wrong).await), (422, 6002));
    }
    let mut log = Transcript::default();
    log.post("the right code", &alice, VERIFY, right.clone()).await;
    log.post("the right recovery code", &alice, VERIFY, json!({"totp": recovery_code})).await;
    world.pass(2);
    log.post("the right code, after the delay", &alice, VERIFY, right).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn too_many_wrong_codes_lock_the_app() {
    let world = Plan::with(&[("LOCK_AFTER", "10")]).build();
    let alice = world.user("alice");
    let (secret, recovery_code) = enroll_app(&alice).await;
    for _ in 0..10 {
        world.pass(15 * 60);
        alice.post(VERIFY, json!({"totp": world.wrong_code(&secret)})).await;
    }
    let mut log = Transcript::default();
    log.post("the right code", &alice, VERIFY, json!({"totp": world.next_code(&secret)})).await;
    log.post("the recovery code", &alice, VERIFY, json!({"totp": recovery_code})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_code_is_compared_and_counted_against_each_of_two_apps() {
    let world = World::new();
    let alice = world.user("alice");
    let (phone, ..) = rig::enroll_app(&alice, "Phone").await;
    let (tablet, tablet_id, _) = rig::enroll_app(&alice, "Tablet").await;
    for secret in [&phone, &tablet] {
        assert_eq!(outcome(&alice.post(VERIFY, json!({"totp": world.next_code(secret)})).await), (200, 0));
    }
    for _ in 0..5 {
        // A code that is right for neither of them.
        let wrong = (0..).map(|number| format!("{number:06}")).find(|code| {
            let shown = |secret: &String, step: i64| tools::totp(secret, world.now() + step * 30);
            (-2..=2).all(|step| shown(&phone, step) != *code && shown(&tablet, step) != *code)
        });
        assert_eq!(outcome(&alice.post(VERIFY, json!({"totp": wrong})).await), (422, 6001));
    }
    let right = json!({"code": tools::totp(&tablet, world.now() + 30), "factorId": tablet_id});
    assert_eq!(alice.post("/v1/me/verify", right).await.outcome().0, 429, "the other is charged too");
}

#[tokio::test]
async fn a_native_recovery_code_passes_once() {
    let world = World::new();
    let alice = world.user("alice");
    let (.., codes) = rig::enroll_app(&alice, "Phone").await;
    assert_eq!(outcome(&alice.post(VERIFY, json!({"totp": codes[0]})).await), (200, 0));
    assert_eq!(outcome(&alice.post(VERIFY, json!({"totp": codes[0]})).await), (422, 6002));
}

#[tokio::test]
async fn an_error_without_a_verdict_has_no_data_field() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice).await;
    for (path, request) in [(VERIFY, json!({"totp": 1})), (RESET, json!({"factorId": "F1"}))] {
        assert!(alice.post(path, request).await.json().get("data").is_none(), "{path}");
    }
}
