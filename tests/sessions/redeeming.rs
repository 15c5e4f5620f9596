//! The redemption of a session's result.

use std::sync::Arc;

use countersign::domain::ids::{HostedId, UserId};
use countersign::store::records::hosted_key;
use countersign::store::{Commit, Item, Put, Replaces, Store, Version};
use serde_json::{Value, json};

use super::given::*;
use crate::rig::enroll_app;

/// The attack for which sessions are made: a thief signs in with the owner's password, creates a session through the
/// application, and sends the owner its genuine link.
pub(super) async fn only_the_code_of_the_browser_that_passed_redeems_the_result_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let thiefs = check_session(&world).await;
    let owners = check_session(&world).await;
    let code = pass(&thiefs, &secret).await;
    // The code is in the owner's browser. The thief's back-end session knows the id alone, which says nothing.
    assert_eq!(status(&world, &thiefs.id).await, "done");
    for guess in [owners.token.as_str(), "AAAAAAAAAAAAAAAAAAAAAA", &thiefs.id, &code[..21], "no code"] {
        refused(&redeem(&world, &thiefs.id, guess).await, 404, "not_found");
    }
    // The back end compares the id in the URL with the id in its own cookie: for the owner it is another one.
    refused(&redeem(&world, &owners.id, &code).await, 404, "not_found");
    let bob = world.back_end("bob").post(&format!("/v1/me/sessions/{}/redeem", thiefs.id), json!({"code": code})).await;
    refused(&bob, 404, "not_found");
    redeem(&world, &thiefs.id, &code).await.expect(200);
}

pub(super) async fn a_result_is_redeemed_once_within_two_minutes_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let late = check_session(&world).await;
    let code = pass(&late, &secret).await;
    world.pass(120);
    refused(&redeem(&world, &late.id, &code).await, 410, "expired");

    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    world.pass(119);
    redeem(&world, &begun.id, &code).await.expect(200);
    world.pass(60);
    refused(&redeem(&world, &begun.id, &code).await, 409, "already_used");
}

pub(super) async fn a_lost_answer_to_a_redemption_is_given_again_with_the_same_receipt_t40(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    let first = redeem(&world, &begun.id, &code).await.expect(200).json();
    world.pass(59);
    let again = redeem(&world, &begun.id, &code).await.expect(200).json();
    assert_eq!(first, again, "the same receipt, with the same jti");

    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    redeem(&world, &begun.id, &code).await.expect(200);
    world.back_end("alice").post(CODES, Value::Null).await.expect(201);
    refused(&redeem(&world, &begun.id, &code).await, 410, "expired");
}

pub(super) async fn a_change_after_the_pass_voids_the_result_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    world.back_end("alice").post(CODES, Value::Null).await.expect(201);
    refused(&redeem(&world, &begun.id, &code).await, 410, "expired");
}

pub(super) async fn of_two_redemptions_at_once_one_counts_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (world, id, code) = (world.clone(), begun.id.clone(), code.clone());
            tokio::spawn(async move { redeem(&world, &id, &code).await })
        })
        .collect();
    let mut receipts = Vec::new();
    for task in tasks {
        let reply = task.await.unwrap();
        if reply.status == 200 {
            receipts.push(reply.text("/receipt"));
        } else {
            refused(&reply, 503, "busy");
        }
    }
    receipts.dedup();
    assert_eq!(receipts.len(), 1, "every answer is the same one");
}

pub(super) async fn a_person_who_leaves_gets_no_code_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let next = begun.person.post(LEAVE, Value::Null).await.expect(200).text("/next");
    assert_eq!(next, format!("{RETURN}?session={}", begun.id));
    assert_eq!(status(&world, &begun.id).await, "canceled");
    refused(&begun.person.post(VERIFY, json!({"code": world.next_code(&secret)})).await, 410, "expired");

    // The back end may end one too, even after the pass.
    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    world.back_end("alice").delete(&format!("/v1/me/sessions/{}", begun.id), Value::Null).await.expect(204);
    refused(&redeem(&world, &begun.id, &code).await, 404, "not_found");
}

/// An instance from before the way back was given again kept no browser with a result.
pub(super) async fn a_result_of_a_version_that_kept_no_browser_is_redeemed_t46(store: Arc<dyn Store>) {
    let world = world(Arc::clone(&store));
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    let key = hosted_key(&UserId::parse("alice").unwrap(), &HostedId::parse(&begun.id).unwrap());
    let stored = store.get(&key).await.unwrap().unwrap();
    let others = stored.item.iter().filter(|(name, _)| *name != "browser");
    let item: Item = others.map(|(name, value)| (name.to_owned(), value.clone())).collect();
    let put = Put { key, replaces: Replaces::Version(stored.version), item, ttl: None };
    store.commit(&Commit { version: Version([7; Version::LENGTH]), puts: vec![put] }).await.unwrap();

    assert_eq!(status(&world, &begun.id).await, "done");
    // Nobody knows which browser it was, so none gets another code.
    refused(&begun.person.get(VIEW).await, 409, "already_used");
    redeem(&world, &begun.id, &code).await.expect(200);
}
