//! Recent checks: the sessions that may change factors, and for how long.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::http::caller::Identity;
use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::tools::totp;
use crate::rig::{Client, World, enroll_app, enroll_email, enroll_phone};

/// A client of the session with these claims and this token.
fn caller(world: &World, claims: &[(&str, &str)], token: &str) -> Client {
    let claims: BTreeMap<_, _> = claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Client::new(world, Some(Identity::user(claims, token)))
}

fn new_app() -> Value {
    json!({"factorType": "totp", "label": "New"})
}

pub(super) async fn adding_a_factor_needs_a_recent_check_in_every_dialect_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let owner = world.user("alice");
    enroll_email(&owner, "alice@example.com").await;
    let messages = world.postbox.calls();
    let other = world.session("alice", "other");
    for request in [new_app(), json!({"factorType": "sms", "phoneNumber": "+8613800138000"})] {
        expect(&other.post(ENROLL, request).await, 403, "step_up_required");
    }
    for (factor_type, profile) in [("OTP", json!({})), ("SMS", json!({"phoneNumber": "13800138000"}))] {
        let request = json!({"factorType": factor_type, "profile": profile});
        expect(&other.post(genauth::SEND, request).await, 403, "9005");
    }
    assert_eq!(
        other.post(profile::TWO_FA, Value::Null).await.expect(400).text("/message"),
        "Pass a check in this session first."
    );
    assert_eq!(world.postbox.calls(), messages, "nothing was sent");
    // Logto's dialect needs the check only when the factor is bound.
    let (id, secret) = logto::begin(&other).await;
    logto::verify(&other, &id, &world.next_code(&secret)).await.expect(200);
    let refused = logto::bind(&other, &id).await;
    expect(&refused, 403, "session.mfa.require_mfa_verification");
    assert_eq!(refused.json()["data"]["availableFactors"], json!(["EmailVerificationCode"]));
    assert_eq!(owner.get(FACTORS).await.json()["factors"].as_array().unwrap().len(), 1);

    // After a passed check the session may bind it.
    let (challenge_id, code) = challenge(&other, owner.get(FACTORS).await.text("/factors/0/id").as_str()).await;
    answer(&other, &challenge_id, &code).await.expect(200);
    logto::bind(&other, &id).await.expect(204);
    other.post(ENROLL, new_app()).await.expect(201);
}

pub(super) async fn a_recent_check_counts_only_for_its_own_session_and_user_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let usual = [("iss", "https://issuer.example"), ("client_id", "app"), ("sub", "alice"), ("sid", "s"), ("jti", "j")];
    let with = |name: &'static str, value: &'static str| {
        let mut claims = usual.to_vec();
        claims.retain(|(each, _)| *each != name);
        claims.push((name, value));
        caller(&world, &claims, "token")
    };
    let without = |names: &[&str], token: &str| {
        let claims: Vec<_> = usual.into_iter().filter(|(name, _)| !names.contains(name)).collect();
        caller(&world, &claims, token)
    };
    let owner = caller(&world, &usual, "token");
    enroll_app(&owner, "App").await;
    enroll_app(&caller(&world, &[("sub", "bob"), ("sid", "s")], "token"), "App").await;

    let others = [
        with("sid", "other"),
        with("client_id", "other"),
        with("iss", "https://other.example"),
        with("sub", "bob"),
        without(&["sid"], "token"),
        without(&["sid", "jti"], "token"),
        without(&["client_id"], "token"),
        without(&["iss"], "token"),
    ];
    for (number, other) in others.iter().enumerate() {
        assert_eq!(other.post(ENROLL, new_app()).await.status, 403, "other session {number}");
    }
    // The same session with a token that was renewed.
    for same in [with("jti", "renewed"), caller(&world, &usual, "renewed")] {
        same.post(ENROLL, new_app()).await.expect(201);
    }
}

pub(super) async fn a_recent_check_expires_after_ten_minutes_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    world.pass(599);
    alice.post(ENROLL, new_app()).await.expect(201);
    world.pass(1);
    expect(&alice.post(ENROLL, new_app()).await, 403, "step_up_required");
    verify(&alice, &world.next_code(&secret)).await.expect(200);
    world.pass(599);
    alice.post(ENROLL, new_app()).await.expect(201);
    world.pass(1);
    expect(&alice.post(ENROLL, new_app()).await, 403, "step_up_required");
}

pub(super) async fn a_code_in_the_request_replaces_a_recent_check_once_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    let (first, second) = (world.session("alice", "first"), world.session("alice", "second"));
    let code = world.next_code(&secret);
    let with_code = |code: &str| json!({"factorType": "totp", "label": "New", "code": code});
    expect(&first.post(ENROLL, with_code(&world.wrong_code(&secret))).await, 400, "incorrect_code");
    first.post(ENROLL, with_code(&code)).await.expect(201);
    expect(&second.post(ENROLL, with_code(&code)).await, 400, "code_already_used");
    expect(&second.post(ENROLL, new_app()).await, 403, "step_up_required");
    // The code passed a check, so the session now has a recent check.
    first.post(ENROLL, new_app()).await.expect(201);
}

/// In each dialect: a thief begins while the account is empty, the owner enrols, and the thief tries to finish.
pub(super) async fn an_enrollment_from_before_the_first_factor_needs_a_recent_check_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let users = |name: &str| (world.session(name, "owner"), world.session(name, "thief"));

    let (owner, thief) = users("native");
    let (token, secret) = begin_app(&thief, "Thief's").await;
    enroll_email(&owner, "native@example.com").await;
    expect(&confirm(&thief, &token, &world.next_code(&secret)).await, 403, "step_up_required");
    world.pass(60);

    let (owner, thief) = users("genauth");
    let begun = genauth::begin(&thief, "OTP", Value::Null).await;
    enroll_email(&owner, "genauth@example.com").await;
    let code = world.next_code(&genauth::secret(&begun));
    expect(&genauth::confirm(&thief, "OTP", &begun.text("/data/enrollmentToken"), &code).await, 403, "9005");
    // The recovery code that was shown with it does not pass either.
    let recovery_code = begun.text("/data/otpData/recoveryCode");
    expect(&thief.post(GENAUTH_VERIFY, json!({"totp": recovery_code})).await, 422, "6002");

    let (owner, thief) = users("logto");
    let (id, secret) = logto::begin(&thief).await;
    logto::verify(&thief, &id, &world.next_code(&secret)).await.expect(200);
    enroll_email(&owner, "logto@example.com").await;
    expect(&logto::bind(&thief, &id).await, 403, "session.mfa.require_mfa_verification");

    let (owner, thief) = users("profile");
    let secret = profile::begin(&thief).await;
    enroll_email(&owner, "profile@example.com").await;
    profile::confirm(&thief, &world.next_code(&secret)).await.expect(400);

    for name in ["native", "genauth", "logto", "profile"] {
        let factors = world.session(name, "owner").get(FACTORS).await.json();
        assert_eq!(factors["factors"].as_array().unwrap().len(), 1, "{name}");
    }
}

/// The account is empty again, as at the beginning, but its epoch has changed.
pub(super) async fn an_enrollment_from_before_a_removal_cannot_be_confirmed_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (owner, thief) = (world.session("alice", "owner"), world.session("alice", "thief"));
    let (token, secret) = begin_app(&thief, "Thief's").await;
    let mail = enroll_email(&owner, "alice@example.com").await;
    owner.delete(&format!("{FACTORS}/{mail}"), Value::Null).await.expect(204);
    // A check would not help: there is no factor to pass one with.
    let reply = confirm(&thief, &token, &world.next_code(&secret)).await;
    expect(&reply, 410, "expired");
}

pub(super) async fn removing_a_factor_needs_a_recent_check_or_its_own_code_t19(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (first, first_id, _) = enroll_app(&alice, "First").await;
    let (second, second_id, _) = enroll_app(&alice, "Second").await;
    let other = world.session("alice", "other");
    let path = format!("{FACTORS}/{second_id}");
    expect(&other.delete(&path, Value::Null).await, 403, "step_up_required");
    expect(&other.post("/api/v3/reset-factor", json!({"factorId": second_id})).await, 403, "9005");
    let code = world.next_code(&first);
    let refused = other.delete(&path, json!({"code": code})).await;
    expect(&refused, 400, "incorrect_code");
    assert_eq!(refused.json()["remainingAttempts"], 4, "another factor's code is not its own");
    alice.get(&path).await.expect(200);
    other.delete(&path, json!({"code": totp(&second, world.now())})).await.expect(204);
    alice.get(&path).await.expect(404);
    // Another user's recent check does not count.
    let bob = world.user("bob");
    enroll_app(&bob, "App").await;
    expect(&bob.delete(&format!("{FACTORS}/{first_id}"), Value::Null).await, 404, "not_found");
    let reset = json!({"factorId": first_id});
    expect(&bob.post("/api/v3/reset-factor", reset.clone()).await, 404, "9008");
    expect(&other.post("/api/v3/reset-factor", reset).await, 200, "");
}

pub(super) async fn renaming_disabling_and_new_recovery_codes_need_a_recent_check_or_code_t19(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    let other = world.session("alice", "other");
    let path = format!("{FACTORS}/{app}");
    expect(&other.patch(&path, json!({"label": "Other"})).await, 403, "step_up_required");
    expect(&other.post(CODES, Value::Null).await, 403, "step_up_required");
    assert_eq!(alice.get(&path).await.text("/label"), "App");
    verify(&alice, &codes[0]).await.expect(200);
    other.patch(&path, json!({"label": "Other", "code": world.next_code(&secret)})).await.expect(200);
    // A profile page turns its app off with a code alone, never without.
    world.session("alice", "third").patch(PROFILE_DISABLE, Value::Null).await.expect(400);
    world.session("alice", "third").patch(PROFILE_DISABLE, json!({"code": ""})).await.expect(400);
    alice.get(&path).await.expect(200);
}

pub(super) async fn a_removed_factor_and_its_challenges_stop_at_once_t20(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, code) = challenge(&alice, &phone).await;
    alice.delete(&format!("{FACTORS}/{phone}"), Value::Null).await.expect(204);
    expect(&answer(&alice, &id, &code).await, 404, "not_found");
    expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 404, "not_found");
    // The same number enrolled again is another factor, so the old challenge is not found.
    world.pass(60);
    enroll_phone(&alice, "+8613800138000").await;
    expect(&answer(&alice, &id, &code).await, 404, "not_found");

    alice.delete(&format!("{FACTORS}/{app}"), Value::Null).await.expect(204);
    let code = world.next_code(&secret);
    expect(&verify(&alice, &code).await, 400, "invalid_request");
    expect(&alice.post(VERIFY, json!({"factorId": app, "code": code})).await, 404, "not_found");
    assert!(!passed(&alice.post(GENAUTH_VERIFY, json!({"totp": code})).await));
    assert!(!passed(&alice.post(logto::VERIFY, json!({"code": code})).await));

    // The recovery codes and the recent checks are removed with the last factor.
    let bob = world.user("bob");
    let (secret, _, bobs) = enroll_app(&bob, "App").await;
    bob.patch(PROFILE_DISABLE, json!({"code": world.next_code(&secret)})).await.expect(200);
    expect(&verify(&bob, &bobs[0]).await, 404, "not_enrolled");
    verify(&alice, &codes[0]).await.expect(200);
}
