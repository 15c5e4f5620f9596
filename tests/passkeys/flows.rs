//! Passkeys through the routes: enrolled, checked, bound to a transaction, managed, revoked.

use std::sync::Arc;

use countersign::store::Store;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

use crate::rig::authenticator::{Authenticator, BS, Key, UP, UV};
use crate::rig::{Client, CutOff, Observed, Plan, Reply, World, enroll_app, enroll_email, transfer};

const ENROLL: &str = "/v1/me/enrollments";
const CONFIRM: &str = "/v1/me/enrollments/confirm";
const CHALLENGE: &str = "/v1/me/challenges";
const VERIFY: &str = "/v1/me/verify";
const FACTORS: &str = "/v1/me/factors";
const CODES: &str = "/v1/me/recovery-codes";
const ORIGIN: &str = "https://login.example.com";
const BROWSER: &str = "AAAAAAAAAAAAAAAAAAAAAA";

const SETTINGS: &[(&str, &str)] = &[
    ("RP_ID", "example.com"),
    ("RP_ORIGINS", "https://login.example.com,https://countersign.example"),
    ("RECEIPT_ISSUER", "https://countersign.example"),
];

fn world(store: Arc<dyn Store>) -> World {
    Plan::over(store, SETTINGS).build()
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.outcome(), (status, code.to_owned()), "{}", reply.json());
}

fn phone(seed: u8) -> Authenticator {
    Authenticator::phone(Key::es256(seed))
}

/// Begins to enrol a passkey; returns the token and the options.
pub(crate) async fn begin(client: &Client) -> (String, Value) {
    let begun = client.post(ENROLL, json!({"factorType": "passkey"})).await.expect(201);
    (begun.text("/enrollmentToken"), begun.json()["passkey"]["publicKey"].clone())
}

async fn confirm(client: &Client, token: &str, credential: Value) -> Reply {
    client.post(CONFIRM, json!({"enrollmentToken": token, "credential": credential})).await
}

/// Enrols a passkey; returns the answer.
pub(crate) async fn enroll(client: &Client, authenticator: &mut Authenticator) -> Reply {
    let (token, options) = begin(client).await;
    let credential = authenticator.create(&options, ORIGIN).json();
    confirm(client, &token, credential).await.expect(201)
}

/// Asks for a challenge; returns its id and the options.
pub(crate) async fn challenge(client: &Client, more: Value) -> (String, Value) {
    let mut body = json!({"factorType": "passkey"});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let made = client.post(CHALLENGE, body).await.expect(201);
    (made.text("/challengeId"), made.json()["passkey"]["publicKey"].clone())
}

fn answer(id: &str, credential: &Value) -> Value {
    json!({"challengeId": id, "credential": credential})
}

/// Passes a check with a passkey; returns the answer.
pub(crate) async fn pass(client: &Client, authenticator: &mut Authenticator) -> Reply {
    let (id, options) = challenge(client, Value::Null).await;
    let credential = authenticator.get(&options, ORIGIN).json();
    client.post(VERIFY, answer(&id, &credential)).await
}

/// The claims of a receipt.
fn claims(reply: &Reply) -> Value {
    let receipt = reply.text("/receipt");
    serde_json::from_slice(&BASE64URL_NOPAD.decode(receipt.split('.').nth(1).unwrap().as_bytes()).unwrap()).unwrap()
}

pub(super) async fn a_passkey_is_enrolled_and_passes_checks_t43(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let mut key = phone(1);
    let (_, options) = begin(&alice).await;
    assert_eq!(options["rp"], json!({"id": "example.com", "name": "Countersign"}));
    let confirmed = enroll(&alice, &mut key).await.json();
    assert_eq!(json!([confirmed["factor"]["type"], confirmed["factor"]["label"]]), json!(["passkey", "Passkey"]));
    assert_eq!(confirmed["recoveryCodes"].as_array().unwrap().len(), 10);

    let passed = pass(&alice, &mut key).await.expect(200);
    let json = passed.json();
    let expected = json!([true, confirmed["factor"]["id"], "phr", ["pop", "user", "mfa"]]);
    assert_eq!(json!([json["verified"], json["factorId"], json["acr"], json["amr"]]), expected);
    let claims = claims(&passed);
    let expected = json!(["phr", "second_factor phr uv", ["pop", "user", "mfa"], true]);
    assert_eq!(json!([claims["acr"], claims["scope"], claims["amr"], claims["backup_eligible"]]), expected);
    let listed = alice.get(FACTORS).await.expect(200).json();
    assert!(listed["factors"][0]["lastUsedAt"].is_string());
    // The back end asks for the user too.
    let back_end = world.back_end("alice");
    pass(&back_end, &mut key).await.expect(200);
}

pub(super) async fn what_is_not_verified_is_not_claimed_t28(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let mut key = Authenticator::security_key(Key::es256(2));
    enroll(&alice, &mut key).await;
    let passed = pass(&alice, &mut key).await.expect(200);
    let claims = claims(&passed);
    let expected = json!(["second_factor phr", ["pop", "user"], false]);
    assert_eq!(json!([claims["scope"], claims["amr"], claims["backup_eligible"]]), expected);
    // The back end knows the first factor.
    let back_end = world.back_end("alice");
    let (id, options) = challenge(&back_end, Value::Null).await;
    let mut body = answer(&id, &key.get(&options, ORIGIN).json());
    body["firstFactor"] = json!({"amr": ["pwd"]});
    let passed = back_end.post(VERIFY, body).await.expect(200);
    assert_eq!(passed.json()["amr"], json!(["pwd", "pop", "user", "mfa"]));
    assert_eq!(claims.get("hwk"), None);
}

pub(super) async fn a_level_can_be_asked_for_and_is_kept_by_the_recent_check_t34(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let mut key = phone(1);
    enroll(&alice, &mut key).await;
    let demand = json!({"acrValues": ["phr"], "maxAge": 600});
    let needed = alice.post("/v1/me/checks", demand.clone()).await.expect(200).json();
    assert_eq!(json!([needed["status"], needed["factors"][0]["type"]]), json!(["challenge", "passkey"]));
    pass(&alice, &mut key).await.expect(200);
    let needed = alice.post("/v1/me/checks", demand).await.expect(200);
    assert_eq!(needed.text("/status"), "passed");
    assert_eq!(claims(&needed)["scope"], "second_factor phr uv");
}

pub(super) async fn an_answer_passes_once_and_for_its_challenge_alone_t03_t12(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let (mut key, mut bobs) = (phone(1), phone(2));
    enroll(&alice, &mut key).await;
    enroll(&bob, &mut bobs).await;
    let (id, options) = challenge(&alice, Value::Null).await;
    let credential = key.get(&options, ORIGIN).json();
    // Another user, another actor, another id, a code in its place.
    refused(&bob.post(VERIFY, answer(&id, &credential)).await, 404, "not_found");
    refused(&world.back_end("alice").post(VERIFY, answer(&id, &credential)).await, 404, "not_found");
    let wrong = alice.post(VERIFY, answer(&id, &bobs.get(&options, ORIGIN).json())).await;
    refused(&wrong, 400, "incorrect_code");
    assert_eq!(wrong.json()["remainingAttempts"], 4);
    refused(&alice.post(VERIFY, json!({"challengeId": id, "code": "123456"})).await, 404, "not_found");
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (alice, body) = (alice.clone(), answer(&id, &credential));
            tokio::spawn(async move { alice.post(VERIFY, body).await.status.as_u16() })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        match task.await.unwrap() {
            200 => passed += 1,
            status => assert!([409, 503].contains(&status), "{status}"),
        }
    }
    assert_eq!(passed, 1);
    refused(&alice.post(VERIFY, answer(&id, &credential)).await, 409, "already_used");
    // A new challenge voids the one before.
    let (old, options) = challenge(&alice, Value::Null).await;
    let late = key.get(&options, ORIGIN).json();
    let (new, _) = challenge(&alice, Value::Null).await;
    refused(&alice.post(VERIFY, answer(&old, &late)).await, 404, "not_found");
    refused(&alice.post(VERIFY, answer(&new, &late)).await, 400, "incorrect_code");
    // Ten minutes later it has expired.
    let (id, options) = challenge(&alice, Value::Null).await;
    world.pass(601);
    refused(&alice.post(VERIFY, answer(&id, &key.get(&options, ORIGIN).json())).await, 410, "expired");
}

pub(super) async fn a_wrong_registration_becomes_no_factor_t43(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let mut key = phone(1);
    let (token, options) = begin(&alice).await;
    for origin in ["https://evil.example", "https://login.example.com.evil.example", "http://login.example.com"] {
        let reply = confirm(&alice, &token, key.create(&options, origin).json()).await;
        refused(&reply, 400, "incorrect_code");
    }
    let (mut unseen, mut copied) = (phone(1), phone(1));
    unseen.flags = UV;
    copied.flags = UP | BS;
    for bad in [&mut unseen, &mut copied] {
        refused(&confirm(&alice, &token, bad.create(&options, ORIGIN).json()).await, 400, "incorrect_code");
    }
    // Five tries: then no more, not even for the right one.
    refused(&confirm(&alice, &token, key.create(&options, ORIGIN).json()).await, 429, "too_many_attempts");
    world.pass(901);
    let (token, options) = begin(&alice).await;
    // The answer to another enrolment.
    let (_, newer) = begin(&alice).await;
    let credential = key.create(&options, ORIGIN).json();
    refused(&confirm(&alice, &token, credential.clone()).await, 404, "not_found");
    let (token, _) = begin(&alice).await;
    refused(&confirm(&alice, &token, credential).await, 400, "incorrect_code");
    assert_ne!(options["challenge"], newer["challenge"]);
    // A code is no registration, and a registration is no code.
    refused(&alice.post(CONFIRM, json!({"enrollmentToken": token, "code": "123456"})).await, 400, "incorrect_code");
    let app = alice.post(ENROLL, json!({"factorType": "totp"})).await.expect(201).text("/enrollmentToken");
    let (_, options) = begin(&alice).await;
    refused(&confirm(&alice, &app, key.create(&options, ORIGIN).json()).await, 400, "incorrect_code");
    assert_eq!(alice.get(FACTORS).await.expect(200).json()["factors"], json!([]));
    for (body, field) in [
        (json!({"credential": {}}), "credential.type"),
        (json!({"credential": "x"}), "credential"),
        (json!({"credential": {"type": "public-key", "id": "AQ", "rawId": "Ag"}}), "credential.rawId"),
        (json!({"credential": {"id": "AQ"}, "code": "123456"}), "credential"),
    ] {
        let mut body = body;
        body["enrollmentToken"] = token.clone().into();
        let reply = alice.post(CONFIRM, body).await;
        refused(&reply, 400, "invalid_request");
        assert_eq!(reply.json()["errors"][0]["field"], field);
    }
}

pub(super) async fn a_copied_or_changed_authenticator_is_refused_t43(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let mut key = Authenticator::security_key(Key::es256(1));
    enroll(&alice, &mut key).await;
    let mut copy = key.clone();
    pass(&alice, &mut key).await.expect(200);
    pass(&alice, &mut key).await.expect(200);
    refused(&pass(&alice, &mut copy).await, 400, "incorrect_code");
    pass(&alice, &mut key).await.expect(200);
    // It was never eligible for a backup, and now says that it is.
    let mut changed = key.clone();
    changed.flags |= crate::rig::authenticator::BE;
    refused(&pass(&alice, &mut changed).await, 400, "incorrect_code");
    pass(&alice, &mut key).await.expect(200);
}

pub(super) async fn several_passkeys_have_one_handle_that_is_not_the_user_t44(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (mut first, mut second) = (phone(1), phone(2));
    let (_, options) = begin(&alice).await;
    assert_eq!(options["excludeCredentials"], json!([]));
    enroll(&alice, &mut first).await;
    pass(&alice, &mut first).await.expect(200);
    let (token, options) = begin(&alice).await;
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    let handle = BASE64URL_NOPAD.decode(options["user"]["id"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(handle.len(), 32);
    assert!(!String::from_utf8_lossy(&handle).contains("alice"));
    // An authenticator that ignores the list of the enrolled ones.
    refused(&confirm(&alice, &token, first.create(&options, ORIGIN).json()).await, 409, "already_enrolled");
    enroll(&alice, &mut second).await;
    let (_, options) = challenge(&alice, Value::Null).await;
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 2);
    for key in [&mut first, &mut second] {
        pass(&alice, key).await.expect(200);
    }
    let other = begin(&world.user("bob")).await.1;
    assert_ne!(BASE64URL_NOPAD.decode(other["user"]["id"].as_str().unwrap().as_bytes()).unwrap(), handle);
    // The same credential for another user is another factor of theirs: nothing links the two.
    enroll(&world.user("bob"), &mut phone(1)).await;
}

pub(super) async fn a_removed_passkey_and_a_change_end_what_was_open_t18_t20(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, elsewhere) = (world.user("alice"), world.session("alice", "elsewhere"));
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let mut key = phone(1);
    let id = enroll(&alice, &mut key).await.text("/factor/id");
    // Another session's passkey, begun under a recent check, is not finished after the owner's change.
    elsewhere.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let (token, options) = begin(&elsewhere).await;
    let (open, asked) = challenge(&elsewhere, Value::Null).await;
    let open = answer(&open, &key.get(&asked, ORIGIN).json());
    alice.post(CODES, json!({})).await.expect(201);
    refused(&confirm(&elsewhere, &token, phone(2).create(&options, ORIGIN).json()).await, 403, "step_up_required");
    refused(&elsewhere.post(VERIFY, open).await, 410, "expired");
    // A removed one stops at once.
    let (open, asked) = challenge(&alice, Value::Null).await;
    let open = answer(&open, &key.get(&asked, ORIGIN).json());
    alice.patch(&format!("{FACTORS}/{id}"), json!({"label": "Laptop"})).await.expect(200);
    alice.delete(&format!("{FACTORS}/{id}"), Value::Null).await.expect(204);
    refused(&alice.post(VERIFY, open).await, 400, "incorrect_code");
    let none = alice.post(CHALLENGE, json!({"factorType": "passkey"})).await;
    refused(&none, 400, "factor_required");
    refused(&world.user("bob").post(CHALLENGE, json!({"factorType": "passkey"})).await, 404, "not_enrolled");
}

pub(super) async fn a_passkey_signs_its_transaction_t34(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let mut key = phone(1);
    enroll(&alice, &mut key).await;
    let (zoe, eve) = (transfer("5.00 EUR", "Zoe"), transfer("5.00 EUR", "Eve"));
    let (id, options) = challenge(&alice, json!({"transaction": zoe})).await;
    let signed = BASE64URL_NOPAD.decode(options["challenge"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(signed.len(), 16 + 32, "the nonce and the hash");
    let mut body = answer(&id, &key.get(&options, ORIGIN).json());
    refused(&alice.post(VERIFY, body.clone()).await, 400, "invalid_request");
    body["transaction"] = eve.clone();
    refused(&alice.post(VERIFY, body.clone()).await, 400, "transaction_mismatch");
    body["transaction"] = zoe.clone();
    let passed = alice.post(VERIFY, body).await.expect(200);
    let claims = claims(&passed);
    // Nothing has shown it: the browser's dialog does not.
    assert_eq!(json!([claims["scope"], claims.get("transaction_shown")]), json!(["transaction", null]));
    // It gives no recent check.
    refused(&world.session("alice", "b").post(CODES, json!({})).await, 403, "step_up_required");
    // A check's answer confirms no transaction.
    let (id, options) = challenge(&alice, Value::Null).await;
    let mut body = answer(&id, &key.get(&options, ORIGIN).json());
    body["transaction"] = zoe;
    refused(&alice.post(VERIFY, body).await, 400, "transaction_mismatch");
}

pub(super) async fn a_session_offers_passkeys_and_its_transaction_is_signed_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let mut key = phone(1);
    let back_end = world.back_end("alice");
    let create = async |mut fields: Value| {
        fields["returnUrl"] = "https://shop.example/signed-in".into();
        let created = back_end.post("/v1/me/sessions", fields).await.expect(201);
        let token = created.text("/url").split_once('#').unwrap().1.to_owned();
        (created.text("/id"), world.in_session(&token, BROWSER))
    };
    let (_, person) = create(json!({"purpose": "enroll", "accountName": "alice@shop"})).await;
    let view = person.get("/v1/session").await.expect(200).json();
    assert!(view["types"].as_array().unwrap().contains(&json!("passkey")));
    let (token, options) = begin(&person).await;
    assert_eq!(options["user"]["name"], "alice@shop");
    confirm(&person, &token, key.create(&options, ORIGIN).json()).await.expect(201);

    let (id, person) = create(json!({"purpose": "check", "transaction": transfer("5.00 EUR", "Zoe")})).await;
    let view = person.get("/v1/session").await.expect(200).json();
    assert_eq!(view["factors"][0]["type"], "passkey");
    let (challenge_id, options) = challenge(&person, Value::Null).await;
    let passed = person.post(VERIFY, answer(&challenge_id, &key.get(&options, ORIGIN).json())).await.expect(200);
    let code = passed.text("/next").split_once("&code=").unwrap().1.to_owned();
    let redeemed = back_end.post(&format!("/v1/me/sessions/{id}/redeem"), json!({"code": code})).await.expect(200);
    assert_eq!(claims(&redeemed)["transaction_shown"], "signed");
    // A thief's session: the owner passes it with the owner's passkey, and the thief's browser has nothing.
    let (thiefs, owner) = create(json!({"purpose": "check", "acrValues": ["phr"]})).await;
    pass(&owner, &mut key).await.expect(200).text("/next");
    let status = back_end.get(&format!("/v1/me/sessions/{thiefs}")).await.expect(200);
    assert_eq!(status.json(), json!({"status": "done"}));
}

pub(super) async fn without_a_relying_party_there_are_no_passkeys(store: Arc<dyn Store>) {
    let with = world(Arc::clone(&store));
    let mut key = phone(1);
    enroll(&with.user("alice"), &mut key).await;
    // Without the settings of every other test.
    let without =
        Plan { seed: 2, clock: Arc::clone(&with.clock), ..Plan::over(store, &[("RP_ID", ""), ("RP_ORIGINS", "")]) }
            .build();
    let alice = without.user("alice");
    alice.post(VERIFY, json!({"code": "123456"})).await.expect(400);
    for (path, body) in [(ENROLL, json!({"factorType": "passkey"})), (CHALLENGE, json!({"factorType": "passkey"}))] {
        refused(&alice.post(path, body).await, 501, "channel_not_configured");
    }
    // The factor is listed, and another passkey can't be added.
    assert_eq!(alice.get(FACTORS).await.expect(200).json()["factors"][0]["type"], "passkey");
}

pub(super) async fn passkeys_are_no_factor_of_the_other_dialects(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let id = enroll(&alice, &mut phone(1)).await.text("/factor/id");
    let listed = alice.get("/api/v3/list-enrolled-factors").await.expect(200).json();
    assert_eq!(listed["data"], json!([]));
    let one = alice.get(&format!("/api/v3/get-factor?factorId={id}")).await.json();
    assert_eq!(one["statusCode"], 404);
    assert_eq!(alice.get("/profile/two-fa").await.expect(200).json()["data"]["enabled"], false);
    // It guards the account in every dialect: a thief with the password adds no app.
    let thief = world.session("alice", "thief");
    let begun = thief.post("/api/v3/send-enroll-factor-request", json!({"factorType": "OTP", "profile": {}})).await;
    assert_eq!(begun.json()["statusCode"], 403);
    let refusal = thief.post("/api/experience/profile/mfa", json!({"type": "Totp", "verificationId": "x"})).await;
    assert_eq!(refusal.json()["data"]["availableFactors"], json!(["WebAuthn"]));
}

pub(super) async fn an_account_keeps_public_parts_alone_t22(store: Arc<dyn Store>) {
    let observed = Observed::new(store);
    let world = Plan::over(observed.clone(), SETTINGS).build();
    let alice = world.user("alice");
    let mut key = phone(1);
    enroll(&alice, &mut key).await;
    enroll_email(&alice, "alice@example.com").await;
    pass(&alice, &mut key).await.expect(200);
    let items = format!("{:?}", observed.items().await);
    assert!(!items.contains("aaguid") && !items.contains("alice@example.com"));
    for form in [BASE64.encode(&key.credential_id), BASE64URL_NOPAD.encode(&key.credential_id)] {
        assert!(!items.contains(&form));
    }
}

pub(super) async fn every_step_counts_once_after_a_lost_reply_t40(store: Arc<dyn Store>) {
    let cut_off = CutOff::new(store);
    let world = Plan::over(cut_off.clone(), SETTINGS).build();
    for writers in 0..4_u8 {
        let user = world.user(&format!("alice-{writers}"));
        let mut key = Authenticator::security_key(Key::es256(writers));
        let (token, options) = begin(&user).await;
        let credential = key.create(&options, ORIGIN).json();
        cut_off.cut(writers.into());
        confirm(&user, &token, credential.clone()).await.expect(201);
        assert!(cut_off.was_cut());
        refused(&confirm(&user, &token, credential).await, 409, "already_used");
        let (id, options) = challenge(&user, Value::Null).await;
        let body = answer(&id, &key.get(&options, ORIGIN).json());
        cut_off.cut(writers.into());
        user.post(VERIFY, body.clone()).await.expect(200);
        assert!(cut_off.was_cut());
        refused(&user.post(VERIFY, body).await, 409, "already_used");
    }
}
