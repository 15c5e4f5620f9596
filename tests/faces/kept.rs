//! What is kept of a face, and for how long.

use std::sync::Arc;

use countersign::domain::ids::UserId;
use countersign::store::Store;
use countersign::store::records::{account_key, reference_key};
use serde_json::{Value, json};

use super::given::*;
use crate::rig::faces::photo;
use crate::rig::{Plan, Recorded, TestKeys, World, enroll_app, enroll_email};

fn alice() -> UserId {
    UserId::parse("alice").unwrap()
}

/// The bytes of the stored reference. `None`: it was destroyed.
pub(super) async fn reference(world: &World) -> Option<Vec<u8>> {
    let stored = world.store.get(&reference_key(&alice())).await.unwrap().expect("an item stays");
    stored.item.optional_bytes("photo").unwrap().map(<[u8]>::to_vec)
}

pub(super) async fn consent_comes_first_and_is_kept_with_its_time_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    pass(&alice, &secret).await;
    refused(&alice.post(ENROLL, json!({"factorType": "face"})).await, 400, "consent_required");
    for wrong in
        [json!({}), json!({"version": ""}), json!({"version": "a b"}), json!({"version": "1".repeat(33)}), json!("yes")]
    {
        let refusal = alice.post(ENROLL, json!({"factorType": "face", "consent": wrong})).await;
        refused(&refusal, 400, "invalid_request");
    }
    let begun_at = world.now();
    let token = begin(&alice).await;
    world.pass(60);
    confirm(&alice, &token, &photo(ALICE)).await.expect(201);
    let account = world.store.get(&account_key(&self::alice())).await.unwrap().unwrap().item;
    let face = account.maps("factors").unwrap()[1];
    assert_eq!(face.text("consent").unwrap(), "2027-01");
    assert_eq!(face.number::<i64>("consentAt").unwrap(), begun_at);
}

pub(super) async fn a_face_is_never_the_only_factor_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    refused(&alice.post(ENROLL, consent()).await, 403, "other_factor_required");
    refused(&world.back_end("alice").post(ENROLL, consent()).await, 403, "other_factor_required");
    let (alice, _, app, _) = with_face(&world).await;
    enroll_email(&alice, "alice@example.com").await;
    alice.delete(&format!("{FACTORS}/{app}"), json!({})).await.expect(204);
    let types =
        |json: Value| json["factors"].as_array().unwrap().iter().map(|each| each["type"].clone()).collect::<Vec<_>>();
    assert_eq!(types(alice.get(FACTORS).await.expect(200).json()), ["face", "email"]);
    // The last other factor takes the face with it.
    let email = alice.get(FACTORS).await.expect(200).json()["factors"][1]["id"].as_str().unwrap().to_owned();
    world.back_end("alice").delete(&format!("{FACTORS}/{email}"), json!({})).await.expect(204);
    assert_eq!(types(alice.get(FACTORS).await.expect(200).json()), Vec::<Value>::new());
    assert_eq!(reference(&world).await, None);
}

pub(super) async fn the_reference_is_sealed_and_goes_with_its_factor_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, secret, _, face) = with_face(&world).await;
    let sealed = reference(&world).await.unwrap();
    assert!(sealed.len() > 500, "{}", sealed.len());
    for part in [&b"JFIF"[..], &[0xFF, 0xD8, 0xFF]] {
        assert!(!sealed.windows(part.len()).any(|bytes| bytes == part));
    }
    alice.delete(&format!("{FACTORS}/{face}"), json!({})).await.expect(204);
    assert_eq!(reference(&world).await, None);

    // By GenAuth's way too.
    let face = enroll_face(&alice).await;
    alice.post("/api/v3/reset-factor", json!({"factorId": face})).await.expect(200);
    assert_eq!(reference(&world).await, None);
    // And by the profile page's, which removes the apps: the face would be left alone.
    enroll_face(&alice).await;
    alice.patch("/profile/two-fa/disable", json!({"code": world.next_code(&secret)})).await.expect(200);
    assert_eq!(reference(&world).await, None);
}

pub(super) async fn the_reference_goes_with_its_user_t20(store: Arc<dyn Store>) {
    let world = world(store);
    with_face(&world).await;
    assert!(reference(&world).await.is_some());
    world.back_end("alice").delete("/v1/users/alice", Value::Null).await.expect(204);
    assert_eq!(reference(&world).await, None);
}

pub(super) async fn a_reference_without_use_is_over_t45(store: Arc<dyn Store>) {
    let world = plan(&store, &[("FACE_KEEP_DAYS", "30")]).build();
    let (alice, secret, _, face) = with_face(&world).await;
    for _ in 0..2 {
        world.pass(29 * 86_400);
        pass(&alice, &secret).await;
        show(&alice, ALICE).await.expect(200);
    }
    // The store deletes it at the same time. Until then the rule alone refuses it.
    world.pass(32 * 86_400);
    pass(&alice, &secret).await;
    let calls = world.judge.calls();
    let over = show(&alice, ALICE).await;
    refused(&over, 410, "expired");
    assert_eq!(over.text("/detail"), "The photo of this face was deleted: remove it, and enroll it again.");
    assert_eq!(world.judge.calls(), calls);
    alice.delete(&format!("{FACTORS}/{face}"), json!({})).await.expect(204);
    enroll_face(&alice).await;
    show(&alice, ALICE).await.expect(200);
}

pub(super) async fn a_reference_is_sealed_again_under_a_new_key_t45(store: Arc<dyn Store>) {
    let world = world(Arc::clone(&store));
    let (_, secret, _, _) = with_face(&world).await;
    let before = reference(&world).await.unwrap();
    let rotated =
        Plan { keys: TestKeys::of_versions(&[2, 1]), clock: world.clock.clone(), ..plan(&store, &[]) }.build();
    let alice = rotated.user("alice");
    pass(&alice, &secret).await;
    show(&alice, ALICE).await.expect(200);
    let after = reference(&rotated).await.unwrap();
    assert_eq!((before[0], after[0]), (1, 2));
    let without_old =
        Plan { keys: TestKeys::of_versions(&[2]), clock: world.clock.clone(), ..plan(&store, &[]) }.build();
    let alice = without_old.user("alice");
    pass(&alice, &secret).await;
    show(&alice, ALICE).await.expect(200);
}

pub(super) async fn no_photo_reaches_the_table_or_an_answer_t45(store: Arc<dyn Store>) {
    let recorded = Recorded::new(store);
    let world = plan(&(recorded.clone() as Arc<dyn Store>), &[]).build();
    let (alice, _, _, _) = with_face(&world).await;
    let sent = photo(ALICE);
    let part = &sent[200..260];
    for reply in [show(&alice, ALICE).await, show(&alice, MALLORY).await, alice.get(FACTORS).await] {
        assert!(!reply.json().to_string().contains(part));
    }
    let dump = recorded.dump();
    // Every state of the table has the consent in plain words, and no picture: no JPEG begins anywhere.
    assert!(dump.contains("2027-01"));
    assert!(!dump.contains("\u{ff}\u{d8}\u{ff}") && !dump.contains("JFIF") && !dump.contains(part));
}
