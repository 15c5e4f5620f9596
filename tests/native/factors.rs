//! `/v1/me/factors`.

use serde_json::{Value, json};

use super::{FACTORS, VERIFY, factor};
use crate::rig::enroll::native::ENROLL;
use crate::rig::{Transcript, World, enroll_app, enroll_email, enroll_phone};

#[tokio::test]
async fn factors_are_listed_and_shown_to_their_owner() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.get("nothing yet", &alice, FACTORS).await;
    let (_, app, _) = enroll_app(&alice, "Phone").await;
    let number = enroll_phone(&alice, "+8613800138000").await;
    enroll_email(&alice, "alice@example.com").await;
    log.get("all of them", &alice, FACTORS).await;
    log.get("an app", &alice, &factor(&app)).await;
    log.get("a number", &alice, &factor(&number)).await;
    log.get("another user's", &world.user("bob"), &factor(&app)).await;
    log.get("no id at all", &alice, &factor("F1")).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_malformed_or_unknown_factor_id_is_not_found() {
    let world = World::new();
    let alice = world.user("alice");
    for id in
        ["%ff", "%00", "%2e%2e", "%F0%9F%98%80", "a%2Fb", "AAAAAAAAAAAAAAAA", "aaaaaaaaaaaaaaaa", "%61aaaaaaaaaaaaaaa"]
    {
        let path = factor(id);
        for reply in [
            alice.get(&path).await,
            alice.patch(&path, json!({"label": "Phone"})).await,
            alice.delete(&path, Value::Null).await,
        ] {
            assert_eq!(reply.outcome(), (404, "not_found".to_owned()), "{id}");
        }
    }
}

#[tokio::test]
async fn a_factor_is_renamed() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, app, _) = enroll_app(&alice, "Phone").await;
    let (_, tablet, _) = enroll_app(&alice, "Tablet").await;
    let number = enroll_phone(&alice, "+41791234567").await;
    let mut log = Transcript::default();
    log.patch("an app", &alice, &factor(&app), json!({"label": " Old phone "})).await;
    log.patch("to the label it has", &alice, &factor(&app), json!({"label": "Old phone"})).await;
    log.patch("to another app's label", &alice, &factor(&tablet), json!({"label": "Old phone"})).await;
    log.patch("a number, to an app's label", &alice, &factor(&number), json!({"label": "Old phone"})).await;
    log.patch("without a label", &alice, &factor(&app), json!({})).await;
    log.patch("to a number", &alice, &factor(&app), json!({"label": 1})).await;
    log.patch("to nothing", &alice, &factor(&app), json!({"label": " "})).await;
    log.patch("to something too long", &alice, &factor(&app), json!({"label": "l".repeat(65)})).await;
    log.patch("another user's", &world.user("bob"), &factor(&app), json!({"label": "Mine"})).await;

    let laptop = world.session("alice", "laptop");
    log.patch("in another session", &laptop, &factor(&app), json!({"label": "Phone"})).await;
    let wrong = json!({"label": "Phone", "code": world.wrong_code(&secret)});
    log.patch("with a wrong code", &laptop, &factor(&app), wrong).await;
    let right = json!({"label": "Phone", "code": world.next_code(&secret)});
    log.patch("with its code", &laptop, &factor(&app), right).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_factor_is_removed_in_a_session_that_passed_a_check() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "Phone").await;
    let number = enroll_phone(&alice, "+41791234567").await;
    let laptop = world.session("alice", "laptop");
    let mut log = Transcript::default();
    log.delete("in another session", &laptop, &factor(&number), Value::Null).await;
    log.delete("another user's", &world.user("bob"), &factor(&number), Value::Null).await;
    log.delete("a number", &alice, &factor(&number), Value::Null).await;
    log.delete("once more", &alice, &factor(&number), Value::Null).await;
    log.delete("the last one", &alice, &factor(&app), json!({})).await;
    log.get("nothing is left", &alice, FACTORS).await;
    log.post("not even recovery codes", &alice, VERIFY, json!({"code": codes[0]})).await;
    log.post("the app's code is worth nothing", &alice, VERIFY, json!({"code": world.next_code(&secret)})).await;
    alice.post(ENROLL, json!({"factorType": "totp"})).await.expect(201);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_factor_is_removed_with_a_code() {
    let world = World::new();
    let alice = world.user("alice");
    let (phone, phone_id, codes) = enroll_app(&alice, "Phone").await;
    let (tablet, tablet_id, _) = enroll_app(&alice, "Tablet").await;
    let number = enroll_phone(&alice, "+41791234567").await;
    let address = enroll_email(&alice, "alice@example.com").await;
    // Each removal has its own session, because a code that passes gives its session a recent check.
    let session = |name: &str| world.session("alice", name);
    let mut log = Transcript::default();
    let code = json!({"code": world.wrong_code(&phone)});
    log.delete("a wrong code", &session("a"), &factor(&phone_id), code).await;
    let code = json!({"code": world.next_code(&tablet)});
    log.delete("another app's code", &session("b"), &factor(&phone_id), code).await;
    let code = json!({"code": 123_456});
    log.delete("a code that is a number", &session("c"), &factor(&phone_id), code).await;
    let code = json!({"code": world.next_code(&phone)});
    log.delete("a number, with an app's code of two", &session("d"), &factor(&number), code.clone()).await;
    log.delete("an app, with its own", &session("e"), &factor(&phone_id), code.clone()).await;
    let code = json!({"code": world.next_code(&tablet)});
    log.delete("a number, with the only app's code", &session("f"), &factor(&number), code.clone()).await;
    log.delete("the same code for another", &session("g"), &factor(&address), code).await;
    let code = json!({"code": codes[0]});
    log.delete("an address, with a recovery code", &session("h"), &factor(&address), code).await;
    let left = alice.get(FACTORS).await.json();
    assert_eq!(left["factors"].as_array().unwrap().len(), 1);
    assert_eq!(left["factors"][0]["id"], tablet_id);
    assert_eq!(left["recoveryCodes"]["remaining"], 9);
    insta::assert_snapshot!(log.text());
}
