//! Countersign's own dialect: every route, every answer, every error.

use serde_json::json;

use crate::rig::enroll::native::{CONFIRM, ENROLL, confirmation};
use crate::rig::{Transcript, World};

mod back_end;
mod challenging;
mod confirming;
mod enrolling;
mod factors;
mod recovery_codes;
mod verifying;

const CHALLENGES: &str = "/v1/me/challenges";
const VERIFY: &str = "/v1/me/verify";
const FACTORS: &str = "/v1/me/factors";
const RECOVERY_CODES: &str = "/v1/me/recovery-codes";

/// The path of one factor.
fn factor(id: &str) -> String {
    format!("{FACTORS}/{id}")
}

#[tokio::test]
async fn an_app_is_enrolled_and_passes_a_check() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let begun = log.post("begin", &alice, ENROLL, json!({"factorType": "totp", "label": "Phone"})).await;
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    let wrong = confirmation(&token, &world.wrong_code(&secret));
    log.post("a wrong code", &alice, CONFIRM, wrong).await;
    let right = confirmation(&token, &world.next_code(&secret));
    log.post("the right code", &alice, CONFIRM, right.clone()).await;
    log.post("once more", &alice, CONFIRM, right).await;
    let check = json!({"code": world.next_code(&secret)});
    log.post("a check", &alice, VERIFY, check.clone()).await;
    log.post("the same code again", &alice, VERIFY, check).await;
    log.post("a wrong code", &alice, VERIFY, json!({"code": world.wrong_code(&secret)})).await;
    log.get("the list", &alice, FACTORS).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_phone_number_is_enrolled_challenged_and_answers() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let number = json!({"factorType": "sms", "phoneNumber": "+41 79 123 45 67"});
    let token = log.post("begin", &alice, ENROLL, number).await.text("/enrollmentToken");
    let wrong = confirmation(&token, &world.postbox.wrong_code());
    log.post("a wrong code", &alice, CONFIRM, wrong).await;
    let right = confirmation(&token, &world.postbox.code());
    log.post("the right code", &alice, CONFIRM, right.clone()).await;
    log.post("once more", &alice, CONFIRM, right).await;

    let id = log.post("a challenge", &alice, CHALLENGES, json!({})).await.text("/challengeId");
    let wrong = json!({"challengeId": id, "code": world.postbox.wrong_code()});
    log.post("a wrong answer", &alice, VERIFY, wrong).await;
    let right = json!({"challengeId": id, "code": world.postbox.code()});
    log.post("the right answer", &alice, VERIFY, right.clone()).await;
    log.post("the same answer again", &alice, VERIFY, right).await;
    log.get("the list", &alice, FACTORS).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_address_is_enrolled_challenged_and_answers() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let address = json!({"factorType": "email", "email": "Alice+bank@Example.com", "label": "Private"});
    let token = log.post("begin", &alice, ENROLL, address).await.text("/enrollmentToken");
    let right = confirmation(&token, &world.postbox.code());
    log.post("the right code", &alice, CONFIRM, right).await;
    let id = log.post("a challenge", &alice, CHALLENGES, json!({"factorType": "email"})).await.text("/challengeId");
    let right = json!({"challengeId": id, "code": world.postbox.code()});
    log.post("the right answer", &alice, VERIFY, right).await;
    let to: Vec<_> = world.postbox.sent().into_iter().map(|message| message.to).collect();
    assert_eq!(to, ["Alice+bank@Example.com"; 2], "as it was typed");
    insta::assert_snapshot!(log.text());
}
