//! Logto's dialect, the part for authenticator apps: every route, every answer, every error.

use serde_json::{Value, json};

use crate::rig::enroll::logto::{BIND, SECRET, VERIFY, binding};
use crate::rig::{Transcript, World};

mod binding;
mod passkeys;
mod secrets;
mod verifying;

#[tokio::test]
async fn an_app_is_enrolled_and_passes_a_check() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let made = log.post("a secret", &alice, SECRET, Value::Null).await;
    let (id, secret) = (made.text("/verificationId"), made.text("/secret"));
    let wrong = json!({"code": world.wrong_code(&secret), "verificationId": id});
    log.post("a wrong code", &alice, VERIFY, wrong).await;
    log.post("bound too soon", &alice, BIND, binding(&id)).await;
    let right = json!({"code": world.next_code(&secret), "verificationId": id});
    log.post("the right code", &alice, VERIFY, right.clone()).await;
    log.post("the same code again", &alice, VERIFY, right.clone()).await;
    log.post("bound", &alice, BIND, binding(&id)).await;
    log.post("bound again", &alice, BIND, binding(&id)).await;
    log.post("the code that was used before it was bound", &alice, VERIFY, json!({"code": right["code"]})).await;
    let check = json!({"code": world.next_code(&secret)});
    let check_id = log.post("a check", &alice, VERIFY, check.clone()).await.text("/verificationId");
    log.post("the same code again", &alice, VERIFY, check).await;
    log.post("a wrong code", &alice, VERIFY, json!({"code": world.wrong_code(&secret)})).await;
    log.post("a check is nothing to bind", &alice, BIND, binding(&check_id)).await;
    insta::assert_snapshot!(log.text());
}
