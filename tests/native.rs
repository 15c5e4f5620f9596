//! Countersign's own dialect: every route, every answer, every error.

use serde_json::{Value, json};

use crate::rig::{Transcript, World};

#[tokio::test]
async fn an_app_is_enrolled_and_passes_a_check() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let begun =
        log.step("begin", &alice, "POST", "/v1/me/enrollments", json!({"factorType": "totp", "label": "Phone"})).await;
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    let wrong = json!({"enrollmentToken": token, "code": world.wrong_code(&secret)});
    log.step("a wrong code", &alice, "POST", "/v1/me/enrollments/confirm", wrong).await;
    let right = json!({"enrollmentToken": token, "code": world.next_code(&secret)});
    log.step("the right code", &alice, "POST", "/v1/me/enrollments/confirm", right.clone()).await;
    log.step("once more", &alice, "POST", "/v1/me/enrollments/confirm", right).await;
    let check = json!({"code": world.next_code(&secret)});
    log.step("a check", &alice, "POST", "/v1/me/verify", check.clone()).await;
    log.step("the same code again", &alice, "POST", "/v1/me/verify", check).await;
    log.step("a wrong code", &alice, "POST", "/v1/me/verify", json!({"code": world.wrong_code(&secret)})).await;
    log.step("the list", &alice, "GET", "/v1/me/factors", Value::Null).await;
    insta::assert_snapshot!(log.text());
}
