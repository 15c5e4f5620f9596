//! The offer of a passkey to a person who passed a check with something else.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::json;

use super::given::*;
use crate::rig::authenticator::{Authenticator, Key};
use crate::rig::{Client, Reply, World, enroll_app, enroll_email, transfer};

const ORIGIN: &str = "https://login.example.com";

async fn offering(world: &World) -> Begun {
    begin(world, json!({"purpose": "check", "offerPasskey": true})).await
}

/// Passes the check of a session that offers a passkey then.
async fn pass_to_offer(begun: &Begun, code: &str) {
    let passed = begun.person.post(VERIFY, json!({"code": code})).await.expect(200);
    assert_eq!(passed.json().get("next"), None);
}

/// The next thing that the page asks for.
async fn needs(begun: &Begun) -> String {
    begun.person.get(VIEW).await.expect(200).text("/needs")
}

/// Adds a passkey.
async fn add(client: &Client, phone: &mut Authenticator) -> Reply {
    let offer = client.post(ENROLL, json!({"factorType": "passkey"})).await.expect(201);
    let credential = phone.create(&offer.json()["passkey"]["publicKey"], ORIGIN).json();
    client.post(CONFIRM, json!({"enrollmentToken": offer.text("/enrollmentToken"), "credential": credential})).await
}

fn phone() -> Authenticator {
    Authenticator::phone(Key::es256(1))
}

pub(super) async fn a_passkey_is_offered_after_the_check_and_the_result_is_the_check_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, app, _) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = offering(&world).await;
    assert_eq!(needs(&begun).await, "check");
    refused(&begun.person.post(ENROLL, json!({"factorType": "passkey"})).await, 401, "unauthorized");
    pass_to_offer(&begun, &world.next_code(&secret)).await;
    let view = begun.person.get(VIEW).await.expect(200).json();
    assert_eq!(json!([view["needs"], view["factors"]]), json!(["passkey", []]));
    assert_eq!(status(&world, &begun.id).await, "open");

    // Nothing but the passkey is enrolled, and nothing is managed.
    refused(&begun.person.post(ENROLL, json!({"factorType": "totp", "label": "New"})).await, 401, "unauthorized");
    refused(&begun.person.get(FACTORS).await, 401, "unauthorized");
    refused(&begun.person.post(CODES, json!({})).await, 401, "unauthorized");
    let other = world.in_session(&begun.token, OTHER);
    refused(&other.post(ENROLL, json!({"factorType": "passkey"})).await, 401, "unauthorized");

    let confirmed = add(&begun.person, &mut phone()).await.expect(201);
    assert_eq!(confirmed.json()["factor"]["type"], "passkey");
    let code = code_in(&confirmed.text("/next"), &begun.id);
    refused(&begun.person.post(ENROLL, json!({"factorType": "passkey"})).await, 409, "already_used");
    let redeemed = redeem(&world, &begun.id, &code).await.expect(200).json();
    let expected = json!(["passed", "otp", ["otp"], app]);
    assert_eq!(json!([redeemed["status"], redeemed["acr"], redeemed["amr"], redeemed["factorId"]]), expected);
}

pub(super) async fn who_does_not_want_the_passkey_has_passed_all_the_same_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (_, _, codes) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = offering(&world).await;
    pass_to_offer(&begun, &codes[0]).await;
    // A browser that has lost the answer finds the offer again.
    assert_eq!(needs(&begun).await, "passkey");
    let left = begun.person.post(LEAVE, json!({})).await.expect(200);
    let code = code_in(&left.text("/next"), &begun.id);
    let redeemed = redeem(&world, &begun.id, &code).await.expect(200).json();
    assert_eq!(json!([redeemed["status"], redeemed["acr"]]), json!(["passed", "recovery"]));
}

pub(super) async fn an_offer_lasts_no_longer_than_its_check_t18(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, _, _) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = offering(&world).await;
    pass_to_offer(&begun, &world.next_code(&secret)).await;
    world.pass(601);
    refused(&begun.person.post(ENROLL, json!({"factorType": "passkey"})).await, 403, "step_up_required");
    // The page is sent on.
    let view = begun.person.get(VIEW).await.expect(200);
    assert_eq!(view.text("/needs"), "done");
    redeem(&world, &begun.id, &code_in(&view.text("/next"), &begun.id)).await.expect(200);

    // A change by another session ends it too.
    let begun = offering(&world).await;
    pass_to_offer(&begun, &world.next_code(&secret)).await;
    world.back_end("alice").post(CODES, json!({})).await.expect(201);
    refused(&begun.person.post(ENROLL, json!({"factorType": "passkey"})).await, 410, "expired");
    refused(&begun.person.post(LEAVE, json!({})).await, 410, "expired");
}

pub(super) async fn nobody_is_offered_a_passkey_in_vain_t46(store: Arc<dyn Store>) {
    let plan = |settings: &[(&str, &str)]| {
        let all = [SETTINGS, settings].concat();
        crate::rig::Plan::over(Arc::clone(&store), &all).build()
    };
    // There is no relying party.
    let world = plan(&[("RP_ID", ""), ("RP_ORIGINS", "")]);
    let (secret, _, _) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = offering(&world).await;
    pass(&begun, &secret).await;

    // The check was one by passkey.
    let world = plan(&[("MAX_FACTORS", "3")]);
    world.pass(60);
    let alice = world.user("alice");
    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let mut phone = phone();
    add(&alice, &mut phone).await.expect(201);
    let begun = offering(&world).await;
    let challenge = begun.person.post(CHALLENGE, json!({"factorType": "passkey"})).await.expect(201);
    let credential = phone.get(&challenge.json()["passkey"]["publicKey"], ORIGIN).json();
    let body = json!({"challengeId": challenge.text("/challengeId"), "credential": credential});
    code_in(&begun.person.post(VERIFY, body).await.expect(200).text("/next"), &begun.id);

    // A check by e-mail does not let a session change the factors of an account that has a stronger one.
    let address = enroll_email(&alice, "alice@example.com").await;
    let begun = offering(&world).await;
    let sent = begun.person.post(CHALLENGE, json!({"factorId": address})).await.expect(201);
    let body = json!({"challengeId": sent.text("/challengeId"), "code": world.postbox.code()});
    code_in(&begun.person.post(VERIFY, body).await.expect(200).text("/next"), &begun.id);

    // The account has no room.
    let begun = offering(&world).await;
    pass(&begun, &secret).await;
}

pub(super) async fn an_offer_is_for_checks_without_a_transaction_t46(store: Arc<dyn Store>) {
    let world = world(store);
    enroll_app(&world.user("alice"), "Phone").await;
    let cases = [
        json!({"purpose": "enroll", "offerPasskey": true}),
        json!({"purpose": "manage", "offerPasskey": true}),
        json!({"purpose": "check", "offerPasskey": "yes"}),
        json!({"purpose": "check", "offerPasskey": true, "transaction": transfer("250.00 EUR", "Zoe")}),
    ];
    for mut body in cases {
        body["returnUrl"] = RETURN.into();
        let reply = world.back_end("alice").post("/v1/me/sessions", body.clone()).await;
        refused(&reply, 400, "invalid_request");
        assert_eq!(reply.json()["errors"][0]["field"], "offerPasskey", "{body}");
    }
}

pub(super) async fn whatever_races_in_an_offer_its_result_is_redeemed_once_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, app, _) = enroll_app(&world.user("alice"), "Phone").await;
    for round in 0..3_u8 {
        let begun = offering(&world).await;
        pass_to_offer(&begun, &world.next_code(&secret)).await;
        let offer = begun.person.post(ENROLL, json!({"factorType": "passkey"})).await.expect(201);
        let mut phone = Authenticator::phone(Key::es256(round + 1));
        let credential = phone.create(&offer.json()["passkey"]["publicKey"], ORIGIN).json();
        let confirmation = json!({"enrollmentToken": offer.text("/enrollmentToken"), "credential": credential});
        let code = world.next_code(&secret);
        let requests = (0..64).map(|number| {
            let (person, confirmation, code) = (begun.person.clone(), confirmation.clone(), code.clone());
            tokio::spawn(async move {
                match number % 4 {
                    0 => person.post(LEAVE, json!({})).await,
                    1 => person.get(VIEW).await,
                    2 => person.post(VERIFY, json!({"code": code})).await,
                    _ => person.post(CONFIRM, confirmation).await,
                }
            })
        });
        let requests: Vec<_> = requests.collect();
        let mut codes = Vec::new();
        for request in requests {
            let reply = request.await.unwrap();
            assert!(reply.status.as_u16() != 500, "{}", reply.json());
            if let Some(next) = reply.json()["next"].as_str() {
                codes.push(code_in(next, &begun.id));
            }
        }
        assert!(!codes.is_empty());
        let redemptions = codes.into_iter().map(|code| {
            let (world, id) = (world.clone(), begun.id.clone());
            tokio::spawn(async move { redeem(&world, &id, &code).await })
        });
        let redemptions: Vec<_> = redemptions.collect();
        let mut outcomes = Vec::new();
        for redemption in redemptions {
            outcomes.push(redemption.await.unwrap());
        }
        let passed: Vec<_> = outcomes.iter().filter(|reply| reply.status == 200).map(Reply::json).collect();
        assert_eq!(passed.len(), 1, "{passed:?}");
        assert_eq!(
            json!([passed[0]["status"], passed[0]["acr"], passed[0]["factorId"]]),
            json!(["passed", "otp", app])
        );
        // The session is over.
        refused(&begun.person.post(ENROLL, json!({"factorType": "passkey"})).await, 409, "already_used");
    }
}

pub(super) async fn an_offer_gives_no_time_beyond_its_session_and_no_other_enrollment_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, _, _) = enroll_app(&world.user("alice"), "Phone").await;
    // A passkey that another session began is not finished under the offer, and the other way round.
    let alice = world.user("alice");
    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let begun = offering(&world).await;
    pass_to_offer(&begun, &world.next_code(&secret)).await;
    for (from, to) in [(&alice, &begun.person), (&begun.person, &alice)] {
        let offer = from.post(ENROLL, json!({"factorType": "passkey"})).await.expect(201);
        let credential = phone().create(&offer.json()["passkey"]["publicKey"], ORIGIN).json();
        let body = json!({"enrollmentToken": offer.text("/enrollmentToken"), "credential": credential});
        assert_ne!(to.post(CONFIRM, body).await.status, 201);
    }
    // Neither an app that another session began.
    let app = alice.post(ENROLL, json!({"factorType": "totp", "label": "New"})).await.expect(201);
    let code = crate::rig::tools::totp(&app.text("/totp/secret"), world.now());
    let body = json!({"enrollmentToken": app.text("/enrollmentToken"), "code": code});
    refused(&begun.person.post(CONFIRM, body).await, 404, "not_found");
    // Looking, and asking for options, keep nothing open.
    for _ in 0..5 {
        begun.person.post(ENROLL, json!({"factorType": "passkey"})).await;
        world.pass(200);
    }
    refused(&begun.person.post(LEAVE, json!({})).await, 401, "unauthorized");
    assert_eq!(status(&world, &begun.id).await, "expired");
}
