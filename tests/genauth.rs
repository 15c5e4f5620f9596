//! GenAuth's dialect: every route, every answer, every error. HTTP is always 200; the status is in the body.

use serde_json::{Value, json};

use crate::rig::enroll::genauth::{ENROLL, SEND, confirmation, secret};
use crate::rig::{Reply, Transcript, World};

mod enrolling;
mod factors;
mod verifying;

const VERIFY: &str = "/api/v3/mfa-totp-verify";
const LIST: &str = "/api/v3/list-enrolled-factors";
const GET: &str = "/api/v3/get-factor";
const TO_ENROLL: &str = "/api/v3/list-factors-to-enroll";
const RESET: &str = "/api/v3/reset-factor";

/// The status in the body, and the `apiCode`; 0 is none.
fn outcome(reply: &Reply) -> (u64, u64) {
    assert_eq!(reply.status, 200);
    let json = reply.json();
    let number = |name: &str| json.get(name).and_then(Value::as_u64).unwrap_or(0);
    (number("statusCode"), number("apiCode"))
}

#[tokio::test]
async fn an_app_is_enrolled_and_passes_a_check() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let begun = log.post("begin", &alice, SEND, json!({"factorType": "OTP", "profile": {}})).await;
    let (token, secret) = (begun.text("/data/enrollmentToken"), secret(&begun));
    let recovery_code = begun.text("/data/otpData/recoveryCode");
    let too_soon = json!({"totp": recovery_code});
    log.post("the recovery code, before the confirmation", &alice, VERIFY, too_soon).await;
    let wrong = confirmation("OTP", &token, &world.wrong_code(&secret));
    log.post("a wrong code", &alice, ENROLL, wrong).await;
    let right = confirmation("OTP", &token, &world.next_code(&secret));
    log.post("the right code", &alice, ENROLL, right.clone()).await;
    log.post("once more", &alice, ENROLL, right).await;
    let check = json!({"totp": world.next_code(&secret)});
    log.post("a check", &alice, VERIFY, check.clone()).await;
    log.post("the same code again", &alice, VERIFY, check).await;
    log.post("a wrong code", &alice, VERIFY, json!({"totp": world.wrong_code(&secret)})).await;
    log.post("the recovery code", &alice, VERIFY, json!({"totp": recovery_code})).await;
    log.post("the recovery code again", &alice, VERIFY, json!({"totp": recovery_code})).await;
    log.get("the list", &alice, LIST).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_number_and_an_address_are_enrolled() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let number = json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000"}});
    let token = log.post("a number", &alice, SEND, number).await.text("/data/enrollmentToken");
    let wrong = confirmation("SMS", &token, &world.postbox.wrong_code());
    log.post("a wrong code", &alice, ENROLL, wrong).await;
    let right = confirmation("SMS", &token, &world.postbox.code());
    log.post("the right code", &alice, ENROLL, right).await;
    let address = json!({"factorType": "EMAIL", "profile": {"email": "alice@example.com"}});
    let token = log.post("an address", &alice, SEND, address).await.text("/data/enrollmentToken");
    let right = confirmation("EMAIL", &token, &world.postbox.code());
    log.post("the right code", &alice, ENROLL, right).await;
    log.get("the list", &alice, LIST).await;
    insta::assert_snapshot!(log.text());
}
