//! A new key version: old factors still pass, and use moves them to the new key.

use std::sync::Arc;

use serde_json::json;

use crate::rig::{Plan, TestKeys, World, enrol_app, enrol_phone};

/// The same accounts and the same time, with other keys.
fn with_keys(world: &World, versions: &[u8]) -> World {
    let keys = TestKeys::of_versions(versions);
    Plan { store: Arc::clone(&world.store), clock: Arc::clone(&world.clock), keys, seed: 2, ..Plan::with(&[]) }.build()
}

#[tokio::test]
async fn a_factor_passes_before_and_after_a_rotation_and_is_sealed_anew_by_use() {
    let first = with_keys(&World::new(), &[1]);
    let (secret, app, recovery) = enrol_app(&first.user("alice"), "Phone").await;
    let phone = enrol_phone(&first.user("alice"), "+8613800138000").await;

    // While functions of both settings run, nothing is refused.
    let rotated = with_keys(&first, &[2, 1]);
    let check = json!({"code": rotated.next_code(&secret)});
    rotated.user("alice").post("/v1/me/verify", check).await.expect(200);
    rotated.user("alice").post("/v1/me/verify", json!({"code": recovery[0]})).await.expect(200);
    let sent = rotated.user("alice").post("/v1/me/challenges", json!({"factorId": phone})).await.expect(201);
    let answer = json!({"challengeId": sent.text("/challengeId"), "code": rotated.postbox.code()});
    rotated.user("alice").post("/v1/me/verify", answer).await.expect(200);

    // With the old key gone, what was used is still there, and what was not says so.
    let retired = with_keys(&first, &[2]);
    let check = json!({"factorId": app, "code": retired.next_code(&secret)});
    retired.user("alice").post("/v1/me/verify", check).await.expect(200);
    retired.user("alice").get("/v1/me/factors").await.expect(200);
    retired.user("alice").post("/v1/me/verify", json!({"code": recovery[1]})).await.expect(500);
}

#[tokio::test]
async fn keys_that_fail_at_first_are_tried_again_by_the_next_request() {
    let world = Plan { keys: TestKeys::failing(1), ..Plan::with(&[]) }.build();
    let alice = world.user("alice");
    let reply = alice.get("/v1/me/factors").await.expect(503);
    assert_eq!(reply.text("/code"), "busy");
    alice.get("/v1/me/factors").await.expect(200);
}
