//! A new key version: old factors still pass, and use moves them to the new key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::domain::secret::KeyVersion;
use countersign::keys::{Keys, KeysError, Root};
use serde_json::json;

use crate::rig::{Plan, TestKeys, World, enroll_app, enroll_phone};

/// The same accounts and the same time, with other keys.
fn with_keys(world: &World, versions: &[u8]) -> World {
    let keys = TestKeys::of_versions(versions);
    Plan { store: Arc::clone(&world.store), clock: Arc::clone(&world.clock), keys, seed: 2, ..Plan::with(&[]) }.build()
}

#[tokio::test]
async fn a_factor_passes_before_and_after_a_rotation_and_is_sealed_anew_by_use() {
    let first = with_keys(&World::new(), &[1]);
    let (secret, app, recovery) = enroll_app(&first.user("alice"), "Phone").await;
    let phone = enroll_phone(&first.user("alice"), "+8613800138000").await;

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

/// Keys of which the second is not permitted yet.
struct NotYet(Arc<TestKeys>, AtomicBool);

#[async_trait::async_trait]
impl Keys for NotYet {
    fn versions(&self) -> &[KeyVersion] {
        self.0.versions()
    }

    async fn derive(&self, version: KeyVersion, input: &[u8]) -> Result<Root, KeysError> {
        if version == KeyVersion(2) && !self.1.load(Ordering::SeqCst) {
            return Err(KeysError("not permitted yet"));
        }
        self.0.derive(version, input).await
    }
}

#[tokio::test]
async fn an_unavailable_new_key_makes_only_the_accounts_sealed_with_it_busy() {
    let keys = Arc::new(NotYet(TestKeys::of_versions(&[1, 2]), AtomicBool::new(false)));
    let world = Plan { keys: keys.clone(), ..Plan::with(&[]) }.build();
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    world.user("alice").post("/v1/me/verify", json!({"code": world.next_code(&secret)})).await.expect(200);

    // A function of the next phase seals with it already: that needs it, and is told to wait rather than that it is lost.
    let next = with_keys(&world, &[2, 1]);
    let (secret, ..) = enroll_app(&next.user("bob"), "Phone").await;
    let check = json!({"code": next.next_code(&secret)});
    assert_eq!(world.user("bob").post("/v1/me/verify", check.clone()).await.outcome(), (503, "busy".to_owned()));
    // A factor whose key is away is not called unreadable: the next request may read it.
    assert_eq!(world.user("bob").get("/v1/me/factors").await.outcome(), (503, "busy".to_owned()));
    keys.1.store(true, Ordering::SeqCst);
    world.user("bob").post("/v1/me/verify", check).await.expect(200);
}
