//! The receipt of a transaction, and what its level may open.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::{answer, claims, receipt_of, stated, world_on};
use crate::rig::{enroll_app, enroll_email, enroll_phone, transfer};

const CHALLENGES: &str = "/v1/me/challenges";
const CHECKS: &str = "/v1/me/checks";
const VERIFY: &str = "/v1/me/verify";

pub(super) async fn the_receipt_of_a_transaction_states_it_and_no_second_factor_t34(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    enroll_phone(&alice, "+8613800138000").await;
    let transaction = transfer("250.00 EUR", "Zoe");
    let sent = alice.post(CHALLENGES, json!({"transaction": transaction})).await.expect(201);
    let body = |transaction: &Value| json!({"challengeId": sent.text("/challengeId"), "code": world.postbox.code(), "transaction": transaction});
    let refused = alice.post(VERIFY, body(&transfer("250.00 EUR", "Eve"))).await.expect(400);
    assert_eq!(receipt_of(&refused), None);
    let claims = stated(&world, &alice.post(VERIFY, body(&transaction)).await.expect(200)).await;
    // printf '%s' 'countersign-transaction:{"amount":"250.00 EUR","id":"t-1","payee":"Zoe","type":"transfer"}' |
    // openssl dgst -sha256 -binary | basenc --base64url | tr -d =
    let expected = json!(["t-1", "ClORDtHitl9iLfoeHs7tcK4B-lwPB7HTug8EazJyl7Y", "message", [transaction]]);
    let stated = ["txn", "transaction_hash", "transaction_shown", "authorization_details"].map(|name| &claims[name]);
    assert_eq!(json!(stated), expected);
    assert_eq!((&claims["acr"], &claims["scope"]), (&json!("sms"), &json!("transaction")), "it opens nothing else");
}

pub(super) async fn a_transaction_by_email_has_a_scope_of_its_own_t13(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    enroll_email(&alice, "alice@example.com").await;
    let transaction = transfer("5 EUR", "Zoe");
    let sent = alice.post(CHALLENGES, json!({"transaction": transaction})).await.expect(201);
    let body =
        json!({"challengeId": sent.text("/challengeId"), "code": world.postbox.code(), "transaction": transaction});
    let claims = stated(&world, &alice.post(VERIFY, body).await.expect(200)).await;
    assert_eq!((&claims["acr"], &claims["scope"]), (&json!("email"), &json!("email_transaction")));
}

pub(super) async fn a_demand_is_not_met_by_what_the_account_has_lost_t13(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    enroll_phone(&alice, "+8613800138000").await;
    let status = async |demand: Value| alice.post(CHECKS, demand).await.expect(200).text("/status");
    alice.post(VERIFY, json!({"code": codes[0]})).await.expect(200);
    let by_recovery = json!({"maxAge": 600, "acrValues": ["recovery"]});
    assert_eq!(status(by_recovery.clone()).await, "passed");
    alice.post("/v1/me/recovery-codes", json!({})).await.expect(201);
    // The new set has another time, so the code of the old one counts no more.
    world.pass(1);
    alice.post("/v1/me/recovery-codes", json!({})).await.expect(201);
    assert_eq!(status(by_recovery).await, "challenge");

    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    assert_eq!(status(json!({"maxAge": 600, "acrValues": ["otp"]})).await, "passed");
    alice.delete(&format!("/v1/me/factors/{app}"), Value::Null).await.expect(204);
    assert_eq!(status(json!({"maxAge": 600, "acrValues": ["otp"]})).await, "enroll");
}

pub(super) async fn a_transaction_by_an_app_was_not_shown_t34(store: Arc<dyn Store>) {
    let settings = [super::SETTINGS, &[("TRANSACTION_APPS", "on")]].concat();
    let world = crate::rig::Plan::over(store, &settings).build();
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    let body = json!({"code": world.next_code(&secret), "transaction": transfer("5 EUR", "Zoe")});
    let claims = stated(&world, &alice.post(VERIFY, body).await.expect(200)).await;
    assert_eq!(claims.get("transaction_shown"), None);
    assert_eq!((&claims["txn"], &claims["scope"]), (&json!("t-1"), &json!("transaction")));
}

pub(super) async fn a_demand_that_is_met_gives_the_receipt_of_the_check_before_t13(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    let bound_at = world.now();
    let mail = enroll_email(&alice, "alice@example.com").await;
    world.pass(600);
    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let checked_at = world.now();
    world.pass(100);
    let met = stated(&world, &alice.post(CHECKS, json!({"maxAge": 101})).await.expect(200)).await;
    let expected = json!([checked_at, checked_at + 100, checked_at + 400, "otp", app, bound_at]);
    let names = ["auth_time", "iat", "exp", "acr", "factor_id", "bound_at"];
    assert_eq!(json!(names.map(|name| &met[name])), expected);
    let again = stated(&world, &alice.post(CHECKS, json!({"maxAge": 101})).await.expect(200)).await;
    assert_ne!(again["jti"], met["jti"]);
    for demand in [json!({}), json!({"maxAge": 100}), json!({"maxAge": 101, "acrValues": ["email"]})] {
        let unmet = alice.post(CHECKS, demand.clone()).await.expect(200);
        assert_eq!(receipt_of(&unmet), None, "{demand}");
    }

    // A check by e-mail stays one, and a recovery code stays one.
    answer(&alice, &mail).await;
    let demand = json!({"maxAge": 60, "acrValues": ["email"]});
    assert_eq!(stated(&world, &alice.post(CHECKS, demand).await.expect(200)).await["scope"], "email");
    alice.post(VERIFY, json!({"code": codes[0]})).await.expect(200);
    let demand = json!({"maxAge": 60, "acrValues": ["recovery"]});
    let recovered = stated(&world, &alice.post(CHECKS, demand).await.expect(200)).await;
    assert_eq!((&recovered["factor_id"], &recovered["acr"]), (&json!("recovery"), &json!("recovery")));
}

pub(super) async fn mfa_stands_only_where_the_back_end_stated_the_first_factor_t28(store: Arc<dyn Store>) {
    let world = world_on(store);
    let (secret, _, codes) = enroll_app(&world.user("alice"), "App").await;
    let back_end = world.back_end("alice");
    let first = json!({"amr": ["pwd"]});
    let body = json!({"code": world.next_code(&secret), "firstFactor": first});
    let checked = back_end.post(VERIFY, body).await.expect(200);
    assert_eq!(stated(&world, &checked).await["amr"], json!(["pwd", "otp", "mfa"]));
    let checked = back_end.post(VERIFY, json!({"code": codes[0]})).await.expect(200);
    assert_eq!(stated(&world, &checked).await["amr"], json!(["otp"]));
    let receipt = receipt_of(&checked).unwrap();
    assert!(receipt.len() < 900 && claims(&world, &receipt).await.is_some(), "{} bytes", receipt.len());
}
