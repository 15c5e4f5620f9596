//! The purposes of sessions, and what each opens.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{enroll_app, enroll_email, enroll_phone, transfer};

pub(super) async fn a_check_is_passed_and_its_result_redeemed_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, app, _) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    assert_eq!(status(&world, &begun.id).await, "open");
    let view = begun.person.get(VIEW).await.expect(200).json();
    let expected = json!(["check", "check", "Countersign", [app]]);
    let factors: Vec<_> = view["factors"].as_array().unwrap().iter().map(|factor| factor["id"].clone()).collect();
    assert_eq!(json!([view["purpose"], view["needs"], view["product"], factors]), expected);

    refused(&begun.person.post(VERIFY, json!({"code": world.wrong_code(&secret)})).await, 400, "incorrect_code");
    let code = pass(&begun, &secret).await;
    assert_eq!(status(&world, &begun.id).await, "done");
    let redeemed = redeem(&world, &begun.id, &code).await.expect(200).json();
    let expected = json!(["passed", "otp", ["otp"], app]);
    assert_eq!(json!([redeemed["status"], redeemed["acr"], redeemed["amr"], redeemed["factorId"]]), expected);
    assert_eq!(redeemed["receipt"].as_str().unwrap().split('.').count(), 3);
}

pub(super) async fn each_purpose_opens_what_it_needs_and_no_more_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, app, _) = enroll_app(&world.user("alice"), "Phone").await;
    let factor = format!("{FACTORS}/{app}");
    let table = [
        ("GET", FACTORS, Value::Null, [false, false, true]),
        ("GET", &factor, Value::Null, [false, false, true]),
        ("PATCH", &factor, json!({"label": "Old"}), [false, false, true]),
        ("POST", CODES, json!({}), [false, false, true]),
        ("POST", ENROLL, json!({"factorType": "totp", "label": "New"}), [false, true, true]),
        ("POST", "/v1/me/checks", json!({"maxAge": 600}), [true, true, true]),
    ];
    for (index, purpose) in ["check", "enroll", "manage"].into_iter().enumerate() {
        for (method, path, body, opens) in &table {
            let begun = begin(&world, json!({"purpose": purpose})).await;
            // A session of the purpose check would be finished by its check.
            if purpose != "check" {
                begun.person.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
            }
            let reply = begun.person.call(method, path, body.clone()).await;
            let is_opened = reply.status.is_success();
            assert_eq!(is_opened, opens[index], "{purpose} {method} {path}: {}", reply.json());
            if !is_opened {
                refused(&reply, 401, "unauthorized");
            }
        }
    }
}

pub(super) async fn a_check_of_another_level_does_not_finish_the_session_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "Phone").await;
    enroll_email(&alice, "alice@example.com").await;
    let begun = begin(&world, json!({"purpose": "check", "acrValues": ["otp"]})).await;
    let view = begun.person.get(VIEW).await.expect(200).json();
    assert_eq!((&view["factors"][0]["id"], view["factors"].as_array().unwrap().len()), (&json!(app), 1));
    assert_eq!(view["recoveryCodes"]["remaining"], 0);
    let weaker = begun.person.post(VERIFY, json!({"code": codes[0]})).await.expect(200);
    assert_eq!(weaker.json().get("next"), None);
    assert_eq!(status(&world, &begun.id).await, "open");
    let code = pass(&begun, &secret).await;
    redeem(&world, &begun.id, &code).await.expect(200);
}

pub(super) async fn one_factor_is_enrolled_after_a_check_t46(store: Arc<dyn Store>) {
    let world = world(store);
    // Without a factor, no check is needed.
    let begun = begin(&world, json!({"purpose": "enroll", "accountName": "alice@shop"})).await;
    assert_eq!(begun.person.get(VIEW).await.expect(200).text("/needs"), "enroll");
    let made = begun.person.post(ENROLL, json!({"factorType": "totp"})).await.expect(201);
    assert!(made.text("/totp/uri").contains(":alice%40shop?"), "{}", made.text("/totp/uri"));
    let secret = made.text("/totp/secret");
    let body = json!({"enrollmentToken": made.text("/enrollmentToken"), "code": world.next_code(&secret)});
    let confirmed = begun.person.post(CONFIRM, body).await.expect(201);
    assert_eq!(confirmed.json()["recoveryCodes"].as_array().unwrap().len(), 10);
    let code = code_in(&confirmed.text("/next"), &begun.id);
    // It was for one factor.
    refused(&begun.person.post(ENROLL, json!({"factorType": "totp"})).await, 409, "already_used");
    let redeemed = redeem(&world, &begun.id, &code).await.expect(200).json();
    assert_eq!((&redeemed["status"], &redeemed["acr"]), (&json!("enrolled"), &json!("enrolled")));

    let begun = begin(&world, json!({"purpose": "enroll"})).await;
    assert_eq!(begun.person.get(VIEW).await.expect(200).text("/needs"), "check");
    let request = json!({"factorType": "sms", "phoneNumber": "+8613800138000"});
    refused(&begun.person.post(ENROLL, request.clone()).await, 403, "step_up_required");
    let checked = begun.person.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    assert_eq!(checked.json().get("next"), None);
    let view = begun.person.get(VIEW).await.expect(200).json();
    assert_eq!((&view["needs"], &view["factors"]), (&json!("enroll"), &json!([])));
    let token = begun.person.post(ENROLL, request).await.expect(201).text("/enrollmentToken");
    let body = json!({"enrollmentToken": token, "code": world.postbox.code()});
    let next = begun.person.post(CONFIRM, body).await.expect(201).text("/next");
    redeem(&world, &begun.id, &code_in(&next, &begun.id)).await.expect(200);
}

pub(super) async fn factors_are_managed_after_a_check_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, app, _) = enroll_app(&alice, "Phone").await;
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let begun = begin(&world, json!({"purpose": "manage"})).await;
    assert_eq!(begun.person.get(VIEW).await.expect(200).text("/needs"), "check");
    refused(&begun.person.get(FACTORS).await, 403, "step_up_required");
    begun.person.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    assert_eq!(begun.person.get(VIEW).await.expect(200).text("/needs"), "nothing");
    // Its own changes keep it open.
    begun.person.patch(&format!("{FACTORS}/{app}"), json!({"label": "Old"})).await.expect(200);
    begun.person.delete(&format!("{FACTORS}/{phone}"), Value::Null).await.expect(204);
    begun.person.post(CODES, json!({})).await.expect(201);
    assert_eq!(begun.person.get(FACTORS).await.expect(200).json()["factors"].as_array().unwrap().len(), 1);
    let next = begun.person.post(LEAVE, Value::Null).await.expect(200).text("/next");
    let redeemed = redeem(&world, &begun.id, &code_in(&next, &begun.id)).await.expect(200).json();
    assert_eq!(redeemed, json!({"status": "managed"}));
}

pub(super) async fn a_transaction_of_the_session_is_confirmed_by_its_check_t34(store: Arc<dyn Store>) {
    let world = world(store);
    enroll_phone(&world.user("alice"), "+8613800138000").await;
    let transaction = transfer("250.00 EUR", "Zoe");
    let begun = begin(&world, json!({"purpose": "check", "transaction": transaction})).await;
    let view = begun.person.get(VIEW).await.expect(200).json();
    assert_eq!((&view["transaction"], &view["transactionText"]["en"]), (&transaction, &json!("Pay 250.00 EUR to Zoe")));
    for path in [CHALLENGE, VERIFY] {
        let named = json!({"code": "123456", "transaction": transaction});
        refused(&begun.person.post(path, named).await, 400, "invalid_request");
    }
    let id = begun.person.post(CHALLENGE, json!({})).await.expect(201).text("/challengeId");
    assert!(world.postbox.sent().last().unwrap().text.contains("Pay 250.00 EUR to Zoe"));
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    let next = begun.person.post(VERIFY, answer).await.expect(200).text("/next");
    let redeemed = redeem(&world, &begun.id, &code_in(&next, &begun.id)).await.expect(200).json();
    assert_eq!((&redeemed["transaction"], &redeemed["acr"]), (&transaction, &json!("sms")));

    let back_end = world.back_end("alice");
    let mut unknown = transaction;
    unknown["type"] = "gift".into();
    let request = json!({"purpose": "check", "returnUrl": RETURN, "transaction": unknown});
    refused(&back_end.post("/v1/me/sessions", request).await, 400, "invalid_request");
}

pub(super) async fn the_first_factor_of_a_session_makes_mfa_t28(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    enroll_email(&alice, "alice@example.com").await;
    let begun = begin(&world, json!({"purpose": "check", "firstFactor": {"amr": ["pwd"]}})).await;
    // E-mail beside a password is no second factor.
    let id = begun.person.post(CHALLENGE, json!({})).await.expect(201).text("/challengeId");
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    assert_eq!(begun.person.post(VERIFY, answer).await.expect(200).json().get("next"), None);
    let code = pass(&begun, &secret).await;
    let redeemed = redeem(&world, &begun.id, &code).await.expect(200).json();
    assert_eq!(redeemed["amr"], json!(["pwd", "otp", "mfa"]));
}

pub(super) async fn a_user_without_factors_has_no_session_for_a_check_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let request = json!({"purpose": "check", "returnUrl": RETURN});
    refused(&world.back_end("alice").post("/v1/me/sessions", request).await, 404, "not_enrolled");
}
