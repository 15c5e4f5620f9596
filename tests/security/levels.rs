//! E-mail is no second factor: a check by e-mail claims no more than it is, and opens no stronger account (T13).

use std::sync::Arc;

use countersign::store::records::account_key;
use countersign::store::{Item, Store};
use serde_json::{Value, json};

use super::given::*;
use super::secrets::{item, plant, user};
use crate::rig::{World, enroll_app, enroll_email, enroll_phone};

pub(super) async fn a_check_by_email_changes_no_account_with_a_second_factor_t13(store: Arc<dyn Store>) {
    let world = World::on(store);
    let owner = world.user("alice");
    let (secret, app, _) = enroll_app(&owner, "App").await;
    let mail = enroll_email(&owner, "alice@example.com").await;
    // A thief with the password and the mailbox.
    let thief = world.session("alice", "thief");
    let (id, code) = challenge(&thief, &mail).await;
    answer(&thief, &id, &code).await.expect(200);
    let messages = world.postbox.calls();
    for (method, path, body) in [
        ("POST", CODES.to_owned(), Value::Null),
        ("POST", ENROLL.to_owned(), json!({"factorType": "totp", "label": "Thief"})),
        ("POST", ENROLL.to_owned(), json!({"factorType": "sms", "phoneNumber": "+8613800138000"})),
        ("DELETE", format!("{FACTORS}/{app}"), Value::Null),
        ("DELETE", format!("{FACTORS}/{mail}"), Value::Null),
        ("PATCH", format!("{FACTORS}/{app}"), json!({"label": "Mine"})),
    ] {
        let refused = thief.call(method, &path, body).await;
        expect(&refused, 403, "step_up_required");
        assert_eq!(refused.json()["factors"].as_array().unwrap().len(), 1, "{method} {path}: the app alone would do");
    }
    let number = json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000"}});
    expect(&thief.post(genauth::SEND, number).await, 403, "9005");
    expect(&thief.post("/api/v3/reset-factor", json!({"factorId": app})).await, 403, "9005");
    let (verified, _) = logto::begin_verified(&thief).await;
    expect(&logto::bind(&thief, &verified).await, 403, "session.mfa.require_mfa_verification");
    assert_eq!(world.postbox.calls(), messages, "nothing was sent");

    // The owner's check by the app is not weakened by one by e-mail after it.
    verify(&owner, &world.next_code(&secret)).await.expect(200);
    world.pass(20);
    let (id, code) = challenge(&owner, &mail).await;
    answer(&owner, &id, &code).await.expect(200);
    owner.post(CODES, Value::Null).await.expect(201);
}

pub(super) async fn a_check_by_email_changes_an_account_without_a_second_factor_t13(store: Arc<dyn Store>) {
    let world = World::on(store);
    let mail = enroll_email(&world.user("alice"), "alice@example.com").await;
    let (laptop, phone) = (world.session("alice", "laptop"), world.session("alice", "phone"));
    let checked_at = world.now();
    for session in [&laptop, &phone] {
        let (id, code) = challenge(session, &mail).await;
        answer(session, &id, &code).await.expect(200);
        world.pass(20);
    }
    // The session that binds the first stronger factor may go on, for as long as it could have before.
    enroll_app(&laptop, "App").await;
    laptop.post(CODES, Value::Null).await.expect(201);
    enroll_phone(&laptop, "+8613800138000").await;
    expect(&phone.post(CODES, Value::Null).await, 403, "step_up_required");
    // It counts from the check by e-mail, not from the binding.
    world.pass(checked_at - world.now() + 599);
    laptop.post(CODES, Value::Null).await.expect(201);
    world.pass(1);
    expect(&laptop.post(CODES, Value::Null).await, 403, "step_up_required");
    // Afterwards a check by e-mail does no longer.
    let (id, code) = challenge(&laptop, &mail).await;
    answer(&laptop, &id, &code).await.expect(200);
    expect(&laptop.post(CODES, Value::Null).await, 403, "step_up_required");
}

pub(super) async fn binding_a_second_factor_keeps_the_stronger_check_of_its_session_t13(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (token, code) = begin_email(&alice, "alice@example.com").await;
    let confirmed = confirm(&alice, &token, &code).await.expect(201);
    let mail = confirmed.text("/factor/id");
    verify(&alice, &confirmed.text("/recoveryCodes/0")).await.expect(200);
    world.pass(20);
    let (id, code) = challenge(&alice, &mail).await;
    answer(&alice, &id, &code).await.expect(200);
    enroll_app(&alice, "App").await;
    for (level, status) in [("recovery", "passed"), ("email", "challenge"), ("otp", "challenge")] {
        let needed = alice.post(CHECKS, json!({"acrValues": [level], "maxAge": 600})).await.expect(200);
        assert_eq!(needed.text("/status"), status, "{level}");
    }
}

pub(super) async fn a_grant_of_another_release_counts_for_nothing_t13(store: Arc<dyn Store>) {
    let world = World::on(Arc::clone(&store));
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    let key = account_key(&user("alice"));
    for level in [None, Some("phrh")] {
        verify(&alice, &world.next_code(&secret)).await.expect(200);
        let account = item(&*store, &key).await;
        let [grant] = account.maps("grants").unwrap()[..] else { panic!("one session has one grant") };
        let (epoch, at): (u32, i64) = (grant.number("epoch").unwrap(), grant.number("at").unwrap());
        let other = Item::default().with("epoch", epoch).with("at", at).with_some("level", level);
        let other = other.with("session", grant.bytes("session").unwrap());
        plant(&*store, key.clone(), account.clone().with("grants", vec![other])).await;
        expect(&alice.post(CODES, Value::Null).await, 403, "step_up_required");
        let needed = alice.post(CHECKS, json!({"maxAge": 600})).await.expect(200);
        assert_eq!(needed.text("/status"), "challenge", "{level:?}");
    }
}

pub(super) async fn an_enrollment_begun_after_a_check_by_email_ends_with_a_second_factor_t13(store: Arc<dyn Store>) {
    let world = World::on(store);
    let owner = world.user("alice");
    let mail = enroll_email(&owner, "alice@example.com").await;
    let thief = world.session("alice", "thief");
    let (id, code) = challenge(&thief, &mail).await;
    answer(&thief, &id, &code).await.expect(200);
    let (token, secret) = begin_app(&thief, "Thief").await;
    enroll_phone(&owner, "+8613800138000").await;
    let code = world.next_code(&secret);
    expect(&confirm(&thief, &token, &code).await, 403, "step_up_required");
    // Another check by e-mail does not help.
    world.pass(20);
    let (id, sent) = challenge(&thief, &mail).await;
    answer(&thief, &id, &sent).await.expect(200);
    expect(&confirm(&thief, &token, &world.next_code(&secret)).await, 403, "step_up_required");
}

pub(super) async fn a_demand_is_met_by_a_young_check_of_this_session_and_of_a_level_alone_t13(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let status =
        async |client: &crate::rig::Client, body: Value| client.post(CHECKS, body).await.expect(200).text("/status");
    assert_eq!(status(&alice, json!({})).await, "enroll");
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    let mail = enroll_email(&alice, "alice@example.com").await;
    assert_eq!(status(&alice, json!({"maxAge": 600})).await, "challenge", "enrolling is no check");

    let (id, code) = challenge(&alice, &mail).await;
    answer(&alice, &id, &code).await.expect(200);
    world.pass(60);
    for (demand, expected) in [
        (json!({"maxAge": 61}), "passed"),
        (json!({"maxAge": 61, "acrValues": ["email", "otp"]}), "passed"),
        (json!({"maxAge": 60}), "challenge"),
        (json!({"maxAge": 61, "acrValues": ["otp", "sms"]}), "challenge"),
        (json!({"maxAge": 61, "acrValues": ["sms"]}), "enroll"),
        (json!({"maxAge": 0}), "challenge"),
        (json!({"acrValues": ["email"]}), "challenge"),
        (json!({}), "challenge"),
    ] {
        assert_eq!(status(&alice, demand.clone()).await, expected, "{demand}");
    }
    let needed = alice.post(CHECKS, json!({"acrValues": ["recovery"]})).await.expect(200).json();
    assert_eq!((&needed["status"], &needed["factors"]), (&json!("challenge"), &json!([])));
    assert_eq!(needed["recoveryCodes"]["remaining"], 10, "a recovery code alone would be enough");
    for nothing in [json!([]), json!(["enrolled"]), json!(["otp", "phrh"]), json!("otp")] {
        expect(&alice.post(CHECKS, json!({"acrValues": nothing})).await, 400, "invalid_request");
    }
    let needed = alice.post(CHECKS, json!({"acrValues": ["otp"]})).await.expect(200).json();
    assert_eq!((&needed["factors"][0]["id"], needed["factors"].as_array().unwrap().len()), (&json!(app), 1));
    assert_eq!(needed["recoveryCodes"]["remaining"], 0, "a recovery code would not be enough");

    verify(&alice, &world.next_code(&secret)).await.expect(200);
    assert_eq!(status(&alice, json!({"maxAge": 60, "acrValues": ["otp"]})).await, "passed");
    for other in [world.session("alice", "other"), world.back_end("alice")] {
        assert_eq!(status(&other, json!({"maxAge": 600})).await, "challenge");
    }
    // No check is young enough for 0 seconds, even one that an instance with a faster clock has just noted.
    world.pass(-30);
    assert_eq!(status(&alice, json!({"maxAge": 0})).await, "challenge");
    assert_eq!(status(&alice, json!({"maxAge": 1})).await, "passed");
    world.pass(30);
    // Another session's change ends it.
    let tablet = world.session("alice", "tablet");
    verify(&tablet, &codes[0]).await.expect(200);
    tablet.post(CODES, Value::Null).await.expect(201);
    assert_eq!(status(&alice, json!({"maxAge": 600, "acrValues": ["otp"]})).await, "challenge");
}

pub(super) async fn a_user_cannot_state_the_first_factor_t28(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    let first = json!({"amr": ["pwd"]});
    let code = world.next_code(&secret);
    expect(&alice.post(VERIFY, json!({"code": code, "firstFactor": first})).await, 400, "invalid_request");
    expect(&alice.post(CHECKS, json!({"firstFactor": first})).await, 400, "invalid_request");
    let back_end = world.back_end("alice");
    for amr in
        [json!([]), json!(["sms"]), json!(["pwd", "mfa"]), json!(["password"]), json!("pwd"), json!([1]), json!(null)]
    {
        let refused = back_end.post(VERIFY, json!({"code": code, "firstFactor": {"amr": amr}})).await;
        expect(&refused, 400, "invalid_request");
        assert_eq!(refused.json()["errors"][0]["field"], "firstFactor.amr", "{amr}");
    }
    let passed = back_end.post(VERIFY, json!({"code": code, "firstFactor": first})).await.expect(200);
    assert_eq!(passed.json()["amr"], json!(["pwd", "otp", "mfa"]));

    let code = world.next_code(&secret);
    let first_two = json!({"amr": ["otp", "pwd", "otp"]});
    let passed = back_end.post(VERIFY, json!({"code": code, "firstFactor": first_two})).await.expect(200);
    assert_eq!(passed.json()["amr"], json!(["pwd", "otp", "mfa"]), "each value once");

    // E-mail beside a password is no second factor.
    let mail = enroll_email(&alice, "alice@example.com").await;
    let sent = back_end.post(CHALLENGE, json!({"factorId": mail})).await.expect(201);
    let body = json!({"challengeId": sent.text("/challengeId"), "code": world.postbox.code(), "firstFactor": first});
    let passed = back_end.post(VERIFY, body).await.expect(200);
    assert_eq!((&passed.json()["amr"], &passed.json()["acr"]), (&json!(["otp"]), &json!("email")));
    let needed = back_end.post(CHECKS, json!({"firstFactor": first})).await.expect(200).json();
    assert_eq!(needed["factors"].as_array().unwrap().len(), 1, "e-mail is not among them: {needed}");
}
