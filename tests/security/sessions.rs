//! Sessions of one user: none can affect another's enrolments or challenges in a way that needs a check.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{World, enroll_app, enroll_email};

pub(super) async fn a_recent_check_ends_when_its_factor_is_removed_t20(store: Arc<dyn Store>) {
    let world = World::on(store);
    let owner = world.user("alice");
    let (stolen, stolen_id, _) = enroll_app(&owner, "Stolen").await;
    let (_, other_id, _) = enroll_app(&owner, "Other").await;
    let thief = world.session("alice", "thief");
    let check = json!({"factorId": stolen_id, "code": world.next_code(&stolen)});
    thief.post(VERIFY, check).await.expect(200);
    owner.delete(&format!("{FACTORS}/{stolen_id}"), Value::Null).await.expect(204);
    let other = format!("{FACTORS}/{other_id}");
    expect(&thief.delete(&other, Value::Null).await, 403, "step_up_required");
    expect(&thief.post(ENROLL, json!({"factorType": "totp"})).await, 403, "step_up_required");
    // The session that removed the factor keeps its recent check.
    owner.patch(&other, json!({"label": "Mine"})).await.expect(200);
}

pub(super) async fn new_recovery_codes_end_a_recent_check_made_with_an_old_one_t16(store: Arc<dyn Store>) {
    let world = World::on(store);
    let owner = world.user("alice");
    let (_, id, codes) = enroll_app(&owner, "Phone").await;
    let thief = world.session("alice", "thief");
    thief.post(VERIFY, json!({"code": codes[0]})).await.expect(200);
    owner.post(CODES, Value::Null).await.expect(201);
    expect(&thief.delete(&format!("{FACTORS}/{id}"), Value::Null).await, 403, "step_up_required");
}

pub(super) async fn another_session_without_a_check_cannot_confirm_an_enrollment_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let owner = world.user("alice");
    enroll_email(&owner, "alice@example.com").await;
    let other = world.session("alice", "other");

    let (token, secret) = begin_app(&owner, "New").await;
    let confirm = json!({"enrollmentToken": token, "code": world.next_code(&secret)});
    expect(&other.post(CONFIRM, confirm.clone()).await, 403, "step_up_required");
    owner.post(CONFIRM, confirm).await.expect(201);

    // The profile page has no token, so only the session identifies the enrolment.
    let owner = world.user("bob");
    enroll_email(&owner, "bob@example.com").await;
    let secret = profile::begin(&owner).await;
    let enable = json!({"code": world.next_code(&secret)});
    let other = world.session("bob", "other");
    other.patch(profile::TWO_FA, enable.clone()).await.expect(400);
    assert_eq!(owner.patch(profile::TWO_FA, enable).await.expect(200).json()["data"].as_array().unwrap().len(), 12);
}

pub(super) async fn confirming_another_destination_does_not_reset_the_tries_t08(store: Arc<dyn Store>) {
    let world = World::on(store);
    let mallory = world.user("mallory");
    let (token, _) = begin_email(&mallory, "victim@example.com").await;
    for _ in 0..4 {
        let guess = json!({"enrollmentToken": token, "code": world.postbox.wrong_code()});
        expect(&mallory.post(CONFIRM, guess).await, 400, "incorrect_code");
    }
    let own = enroll_email(&mallory, "mallory@example.com").await;
    mallory.delete(&format!("{FACTORS}/{own}"), Value::Null).await.expect(204);
    world.pass(60);
    let (token, code) = begin_email(&mallory, "victim@example.com").await;
    let guess = json!({"enrollmentToken": token, "code": world.postbox.wrong_code()});
    let last = mallory.post(CONFIRM, guess).await;
    expect(&last, 400, "incorrect_code");
    assert_eq!(last.json()["remainingAttempts"], 0);
    let right = json!({"enrollmentToken": token, "code": code});
    expect(&mallory.post(CONFIRM, right).await, 429, "too_many_attempts");
}

pub(super) async fn a_session_without_a_recent_check_cannot_void_an_enrollment_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let owner = world.user("alice");
    enroll_email(&owner, "alice@example.com").await;
    let (token, secret) = begin_app(&owner, "New").await;
    let other = world.session("alice", "other");
    expect(&other.post(logto::SECRET, Value::Null).await, 403, "session.mfa.require_mfa_verification");
    let confirm = json!({"enrollmentToken": token, "code": world.next_code(&secret)});
    owner.post(CONFIRM, confirm).await.expect(201);
}

pub(super) async fn a_right_code_is_spent_even_if_the_request_is_refused_t03(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (secret, id, codes) = enroll_app(&world.user("alice"), "Phone").await;
    enroll_app(&world.user("alice"), "Tablet").await;
    let other = || world.session("alice", "other");
    let again = |code: &str| json!({"factorType": "totp", "label": "Phone", "code": code});
    expect(&other().post(ENROLL, again(&codes[0])).await, 409, "already_enrolled");
    let spent = json!({"code": codes[0]});
    expect(&world.session("alice", "third").post(VERIFY, spent).await, 400, "incorrect_code");

    let code = world.next_code(&secret);
    let taken = json!({"label": "Tablet", "code": code});
    let path = format!("{FACTORS}/{id}");
    expect(&world.session("alice", "fourth").patch(&path, taken).await, 409, "already_enrolled");
    let spent = json!({"factorId": id, "code": code});
    expect(&world.session("alice", "third").post(VERIFY, spent).await, 400, "code_already_used");
}
