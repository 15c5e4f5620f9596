//! `POST /v1/me/recovery-codes`.

use serde_json::{Value, json};

use super::{FACTORS, RECOVERY_CODES, VERIFY};
use crate::rig::{Plan, Transcript, World, enroll_app};

#[tokio::test]
async fn a_new_set_voids_the_old() {
    let world = World::new();
    let alice = world.user("alice");
    let (_, _, old) = enroll_app(&alice, "Phone").await;
    alice.post(VERIFY, json!({"code": old[0]})).await.expect(200);
    let mut log = Transcript::default();
    let new = log.post("a new set", &alice, RECOVERY_CODES, Value::Null).await.text("/recoveryCodes/0");
    log.post("an old code", &alice, VERIFY, json!({"code": old[1]})).await;
    log.post("a new code", &alice, VERIFY, json!({"code": new})).await;
    assert_eq!(alice.get(FACTORS).await.json()["recoveryCodes"]["remaining"], 9);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_new_set_needs_a_factor_and_a_check() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.post("without a factor", &alice, RECOVERY_CODES, json!({})).await;
    let (secret, _, codes) = enroll_app(&alice, "Phone").await;
    let laptop = world.session("alice", "laptop");
    log.post("in another session", &laptop, RECOVERY_CODES, json!({})).await;
    let wrong = json!({"code": world.wrong_code(&secret)});
    log.post("with a wrong code", &laptop, RECOVERY_CODES, wrong).await;
    log.post("with a code that is a number", &laptop, RECOVERY_CODES, json!({"code": 123_456})).await;
    let last_of_the_old = json!({"code": codes[0]});
    log.post("with one of the old", &laptop, RECOVERY_CODES, last_of_the_old).await;
    let tablet = world.session("alice", "tablet");
    log.post("with the app's code", &tablet, RECOVERY_CODES, json!({"code": world.next_code(&secret)})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_set_has_as_many_codes_as_the_operator_wants() {
    let world = Plan::with(&[("RECOVERY_CODES", "3")]).build();
    let alice = world.user("alice");
    let (.., first) = enroll_app(&alice, "Phone").await;
    let second = alice.post(RECOVERY_CODES, Value::Null).await.expect(201).json();
    assert_eq!((first.len(), second["recoveryCodes"].as_array().unwrap().len()), (3, 3));
}
