//! A proof that is bound to a transaction passes for this transaction alone (T34).

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{Client, Plan, World, enroll_app, enroll_email, enroll_phone, transfer};

/// Challenges the only factor for a transaction; returns the challenge's id and its code.
async fn challenge_for(client: &Client, transaction: &Value) -> (String, String) {
    let sent = client.post(CHALLENGE, json!({"transaction": transaction})).await.expect(201);
    (sent.text("/challengeId"), client.world.postbox.code())
}

fn answer_for(id: &str, code: &str, transaction: &Value) -> Value {
    json!({"challengeId": id, "code": code, "transaction": transaction})
}

/// The only field that an answer names.
#[track_caller]
fn field(reply: &crate::rig::Reply) -> String {
    expect(reply, 400, "invalid_request");
    let errors = reply.json()["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 1, "{errors}");
    errors[0]["field"].as_str().unwrap().to_owned()
}

pub(super) async fn a_transaction_is_shown_whole_and_confirmed_once_t34(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    enroll_phone(&alice, "+8613800138000").await;
    let (id, code) = challenge_for(&alice, &transfer("250.00 EUR", "Zoë Zimt")).await;
    let text = world.postbox.sent().last().unwrap().text.clone();
    assert!(text.contains("Pay 250.00 EUR to Zoë Zimt"), "{text}");
    let body = answer_for(&id, &code, &transfer("250.00 EUR", "Zoë Zimt"));
    let replies = at_once((0..20).map(|_| {
        let (alice, body) = (alice.clone(), body.clone());
        async move { alice.post(VERIFY, body).await }
    }))
    .await;
    assert_eq!(count(&replies, 200, ""), 1);
    expect(&alice.post(VERIFY, body).await, 409, "already_used");
}

pub(super) async fn another_transaction_is_refused_and_counted_t34(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    enroll_phone(&alice, "+8613800138000").await;
    let asked = transfer("250.00 EUR", "Zoe");
    let (id, code) = challenge_for(&alice, &asked).await;
    let mut others = [transfer("2500.00 EUR", "Zoe"), transfer("250.00 EUR", "Eve"), asked.clone(), asked.clone()];
    others[2]["id"] = "t-2".into();
    others[3]["amount"] = 250.into();
    for (number, other) in others.iter().enumerate() {
        let refused = alice.post(VERIFY, answer_for(&id, &code, other)).await;
        expect(&refused, 400, "transaction_mismatch");
        assert_eq!(refused.json()["remainingAttempts"], 4 - number, "each counts as a wrong code");
    }
    // Without a transaction, nothing is compared and nothing counted.
    assert_eq!(field(&answer(&alice, &id, &code).await), "transaction");
    // The fields may come in any order.
    let sorted = r#"{"amount":"250.00 EUR","id":"t-1","payee":"Zoe","type":"transfer"}"#;
    let body = format!(r#"{{"transaction":{sorted},"challengeId":"{id}","code":"{code}"}}"#);
    alice.send("POST", VERIFY, Some("application/json"), body).await.expect(200);

    world.pass(20);
    let (id, code) = challenge_for(&alice, &asked).await;
    for _ in 0..5 {
        let other = answer_for(&id, &code, &transfer("1 EUR", "Eve"));
        expect(&alice.post(VERIFY, other).await, 400, "transaction_mismatch");
    }
    let right = alice.post(VERIFY, answer_for(&id, &code, &asked)).await;
    expect(&right, 429, "too_many_attempts");
}

pub(super) async fn a_code_for_a_check_confirms_no_transaction_and_the_reverse_t34(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, code) = challenge(&alice, &phone).await;
    let refused = alice.post(VERIFY, answer_for(&id, &code, &transfer("5 EUR", "Zoe"))).await;
    expect(&refused, 400, "transaction_mismatch");
    answer(&alice, &id, &code).await.expect(200);

    // The code of a transaction gives its session nothing else: no recent check.
    world.pass(600);
    expect(&alice.post(CODES, Value::Null).await, 403, "step_up_required");
    let (id, code) = challenge_for(&alice, &transfer("5 EUR", "Zoe")).await;
    alice.post(VERIFY, answer_for(&id, &code, &transfer("5 EUR", "Zoe"))).await.expect(200);
    expect(&alice.post(CODES, Value::Null).await, 403, "step_up_required");
    let needed = alice.post(CHECKS, json!({"maxAge": 600})).await.expect(200);
    assert_eq!(needed.json()["status"], "challenge");
}

pub(super) async fn an_app_or_a_recovery_code_confirms_no_transaction_t34(store: Arc<dyn Store>) {
    let world = World::on(Arc::clone(&store));
    let alice = world.user("alice");
    let (secret, _, codes) = enroll_app(&alice, "App").await;
    let transaction = transfer("5 EUR", "Zoe");
    let code = world.next_code(&secret);
    for given in [&code, &codes[0]] {
        let refused = alice.post(VERIFY, json!({"code": given, "transaction": transaction})).await;
        assert_eq!(field(&refused), "transaction");
    }
    // Neither was compared, so both still pass.
    verify(&alice, &code).await.expect(200);
    verify(&alice, &codes[0]).await.expect(200);

    // The operator may allow apps. A recovery code never does.
    let allowed = Plan { clock: Arc::clone(&world.clock), seed: 2, ..Plan::over(store, &[("TRANSACTION_APPS", "on")]) };
    let world = allowed.build();
    let alice = world.user("alice");
    let refused = alice.post(VERIFY, json!({"code": codes[1], "transaction": transaction})).await;
    assert_eq!(field(&refused), "transaction");
    let mut unknown = transaction.clone();
    unknown["type"] = "gift".into();
    let code = world.next_code(&secret);
    assert_eq!(field(&alice.post(VERIFY, json!({"code": code, "transaction": unknown})).await), "transaction.type");
    alice.post(VERIFY, json!({"code": code, "transaction": transaction})).await.expect(200);
    expect(&alice.post(VERIFY, json!({"code": code, "transaction": transaction})).await, 400, "code_already_used");

    // It gives the session no recent check either.
    let laptop = world.session("alice", "laptop");
    let code = world.next_code(&secret);
    laptop.post(VERIFY, json!({"code": code, "transaction": transaction})).await.expect(200);
    expect(&laptop.post(CODES, Value::Null).await, 403, "step_up_required");
    let needed = laptop.post(CHECKS, json!({"maxAge": 600})).await.expect(200);
    assert_eq!(needed.text("/status"), "challenge");
}

pub(super) async fn a_transaction_that_cannot_be_shown_whole_is_refused_t34(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let mail = enroll_email(&alice, "alice@example.com").await;
    let messages = world.postbox.calls();
    let with = |name: &str, value: Value| {
        let mut transaction = transfer("5 EUR", "Zoe");
        transaction[name] = value;
        transaction
    };
    let without = |name: &str| {
        let mut transaction = transfer("5 EUR", "Zoe");
        transaction.as_object_mut().unwrap().remove(name);
        transaction
    };
    let table = [
        (json!("transfer"), "transaction"),
        (json!({}), "transaction.type"),
        (without("id"), "transaction.id"),
        (with("id", json!("a b")), "transaction.id"),
        (with("type", json!("gift")), "transaction.type"),
        (without("payee"), "transaction.payee"),
        (with("iban", json!("CH93")), "transaction.iban"),
        (with("amount", json!(5.0)), "transaction.amount"),
        (with("amount", json!(1e3)), "transaction.amount"),
        (with("amount", json!(9_007_199_254_740_992_i64)), "transaction.amount"),
        (with("amount", json!(null)), "transaction.amount"),
        (with("amount", json!(true)), "transaction.amount"),
        (with("payee", json!({"name": "Zoe"})), "transaction.payee"),
        (with("payee", json!("")), "transaction.payee"),
        (with("payee", json!("Zoe\u{202e}eoZ")), "transaction.payee"),
        (with("payee", json!("Zoe\u{2066}")), "transaction.payee"),
        (with("payee", json!("Z\u{200b}oe")), "transaction.payee"),
        (with("payee", json!("Zoe\n@example.com #123456")), "transaction.payee"),
        // Marks and selectors that are not seen, and marks that change the text around them.
        (with("payee", json!("Z\u{34f}oe")), "transaction.payee"),
        (with("payee", json!("Zoe\u{fe0f}")), "transaction.payee"),
        (with("payee", json!("Zoe\u{e0149}\u{e0156}")), "transaction.payee"),
        (with("payee", json!("Zoe\u{180b}")), "transaction.payee"),
        (with("payee", json!("\u{301}")), "transaction.payee"),
        (with("payee", json!("\u{20e0}Zoe")), "transaction.payee"),
        (with("payee", json!(format!("Zoe{}", "\u{36f}".repeat(40)))), "transaction.payee"),
        // HTML shows two spaces as one.
        (with("payee", json!("Zoe  Zimt")), "transaction.payee"),
        (with("a b", json!("x")), "transaction"),
        // It fits an e-mail, and not one SMS.
        (with("payee", json!("Z".repeat(100))), "transaction"),
    ];
    for (transaction, named) in &table {
        let refused = alice.post(CHALLENGE, json!({"factorId": phone, "transaction": transaction})).await;
        assert_eq!(field(&refused), *named, "{transaction}");
    }
    let twice =
        r#"{"factorType":"sms","transaction":{"type":"transfer","id":"1","payee":"a","amount":"1","amount":"2"}}"#;
    let refused = alice.send("POST", CHALLENGE, Some("application/json"), twice).await;
    assert_eq!(field(&refused), "transaction", "a field that is there twice");
    assert_eq!(world.postbox.calls(), messages, "nothing was sent");

    let long = transfer("5 EUR", &"Z".repeat(100));
    alice.post(CHALLENGE, json!({"factorId": mail, "transaction": long})).await.expect(201);
    assert!(world.postbox.sent().last().unwrap().text.contains(&"Z".repeat(100)));
}

pub(super) async fn a_transaction_is_shown_in_the_language_of_the_request_or_refused_t34(store: Arc<dyn Store>) {
    let types = r#"{"transfer": {"en": "Pay {amount} to {payee}"}}"#;
    let world = Plan::over(store, &[("TRANSACTION_TYPES", types)]).build();
    let alice = world.user("alice");
    enroll_phone(&alice, "+8613800138000").await;
    let request = json!({"transaction": transfer("5 EUR", "Zoe"), "locale": "zh"});
    assert_eq!(field(&alice.post(CHALLENGE, request).await), "transaction.type");
    let request = json!({"transaction": transfer("5 EUR", "Zoe"), "locale": "en"});
    alice.post(CHALLENGE, request).await.expect(201);
}
