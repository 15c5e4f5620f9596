//! The keys that sign receipts: made once, published before they sign, replaced, and sealed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::store::{Commit, Item, Key, Put, Replaces, Store, StoreError, Stored, Value as Attribute, Version};
use serde_json::json;
use tokio::sync::Notify;

use super::{
    SETTINGS, claims, instance, instance_on, instance_with, kid, memory, published, receipt_of, world, world_on,
};
use crate::rig::{Asked, Client, CutOff, Faults, Observed, Plan, TestKeys, Trouble, World, enroll_app};

const DAY: i64 = 86_400;
const HOUR: i64 = 3600;

/// The settings with the next generation of keys.
fn raised() -> Vec<(&'static str, &'static str)> {
    SETTINGS.iter().copied().chain([("RECEIPT_KEY_GENERATION", "2")]).collect()
}

/// Passes a check with an app; returns the receipt.
async fn check(client: &Client, secret: &str) -> String {
    let body = json!({"code": client.world.next_code(secret)});
    receipt_of(&client.post("/v1/me/verify", body).await.expect(200)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_that_start_at_once_agree_on_one_key() {
    let first = world();
    let others: Vec<_> = (2..8).map(|seed| instance(&first, seed)).collect();
    let started = others.iter().map(|world| {
        let service = Arc::clone(&world.service);
        tokio::spawn(async move { service.warm_up_receipts().await })
    });
    for started in started.collect::<Vec<_>>() {
        started.await.unwrap();
    }
    let kids = published(&first).await;
    assert_eq!(kids.len(), 1, "{kids:?}");
    let (secret, _, _) = enroll_app(&first.user("alice"), "Phone").await;
    for world in &others {
        assert_eq!(kid(&check(&world.user("alice"), &secret).await), kids[0]);
    }
}

#[tokio::test]
async fn the_next_key_is_published_three_hours_before_it_signs() {
    let old = world();
    let (secret, _, _) = enroll_app(&old.user("alice"), "Phone").await;
    let first = kid(&check(&old.user("alice"), &secret).await);
    old.pass(90 * DAY);
    let new = instance(&old, 2);
    let before = check(&new.user("alice"), &secret).await;
    assert_eq!(kid(&before), first, "the new key does not sign yet");
    let both = published(&new).await;
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], first);

    // Within an hour the older instance knows the next key. Then both change over at the same time.
    old.pass(HOUR);
    assert_eq!(kid(&check(&old.user("alice"), &secret).await), first);
    old.pass(2 * HOUR - 120);
    assert_eq!(kid(&check(&old.user("alice"), &secret).await), first);
    let last = check(&new.user("alice"), &secret).await;
    assert_eq!(kid(&last), first);
    old.pass(120);
    for world in [&old, &new] {
        assert_eq!(kid(&check(&world.user("alice"), &secret).await), both[1]);
    }
    assert!(claims(&new, &last).await.is_some(), "a receipt of the retired key is still valid");

    // The retired key goes once no receipt of it can be valid.
    assert_eq!(published(&new).await, both);
    old.pass(HOUR + 360);
    check(&new.user("alice"), &secret).await;
    assert_eq!(published(&new).await, both[1..]);
}

#[tokio::test]
async fn a_new_generation_replaces_every_key_at_once() {
    let old = world();
    let (secret, _, _) = enroll_app(&old.user("alice"), "Phone").await;
    let stolen = check(&old.user("alice"), &secret).await;
    let new = instance_with(&old, &raised(), 2);
    let receipt = check(&new.user("alice"), &secret).await;
    assert_eq!(published(&new).await, [kid(&receipt)]);
    assert_ne!(kid(&receipt), kid(&stolen));
    assert!(claims(&new, &stolen).await.is_none(), "the old key is not published any more");
    // An instance that still has the old setting makes no key of its own.
    old.pass(2 * HOUR);
    assert_eq!(kid(&check(&old.user("alice"), &secret).await), kid(&receipt));
}

#[tokio::test]
async fn the_private_key_is_sealed_and_sealed_anew_under_a_new_master_key_t22() {
    let observed = Observed::new(memory());
    let first = world_on(observed.clone());
    let (secret, _, _) = enroll_app(&first.user("alice"), "Phone").await;
    let signed_by = kid(&check(&first.user("alice"), &secret).await);
    let sealed_by = async || {
        let items = observed.items().await;
        let keys = items[&Key::new('k', &["receipt"])].item.maps("keys").unwrap().into_iter().cloned();
        keys.map(|key: Item| key.bytes("private").unwrap()[0]).collect::<Vec<_>>()
    };
    assert_eq!(sealed_by().await, [1]);
    // PKCS #8 begins with a version and the object identifier of RSA. No item has it.
    let rsa = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    for (_, stored) in observed.items().await {
        for bytes in all_bytes(&stored.item) {
            assert!(!bytes.windows(rsa.len()).any(|window| window == rsa));
        }
    }
    let keys = TestKeys::of_versions(&[2, 1]);
    let plan = Plan { clock: Arc::clone(&first.clock), keys, seed: 2, ..Plan::over(observed.clone(), SETTINGS) };
    let rotated = plan.build();
    assert_eq!(kid(&check(&rotated.user("alice"), &secret).await), signed_by, "the key is the same");
    assert_eq!(sealed_by().await, [2]);
}

fn all_bytes(item: &Item) -> Vec<Vec<u8>> {
    fn of(value: &Attribute) -> Vec<Vec<u8>> {
        match value {
            Attribute::Bytes(bytes) => vec![bytes.clone()],
            Attribute::List(values) => values.iter().flat_map(of).collect(),
            Attribute::Map(item) => all_bytes(item),
            Attribute::Text(_) | Attribute::Number(_) => Vec::new(),
        }
    }
    item.iter().flat_map(|(_, value)| of(value)).collect()
}

#[tokio::test]
async fn a_key_whose_master_key_is_gone_is_replaced() {
    let first = world();
    let (secret, _, _) = enroll_app(&first.user("alice"), "Phone").await;
    let lost = kid(&check(&first.user("alice"), &secret).await);
    let keys = TestKeys::of_versions(&[2]);
    let plan =
        Plan { clock: Arc::clone(&first.clock), keys, seed: 2, ..Plan::over(Arc::clone(&first.store), SETTINGS) };
    let other = plan.build();
    let (secret, _, _) = enroll_app(&other.user("bob"), "Phone").await;
    let receipt = check(&other.user("bob"), &secret).await;
    assert_ne!(kid(&receipt), lost);
    assert_eq!(published(&other).await, [kid(&receipt)]);
}

/// Replaces an item, as an accident would.
async fn overwrite(world: &World, key: Key, item: Item) {
    let stored = world.store.get(&key).await.unwrap().unwrap();
    let put = Put { key, replaces: Replaces::Version(stored.version), item, ttl: None };
    world.store.commit(&Commit { version: Version([7; Version::LENGTH]), puts: vec![put] }).await.unwrap();
}

#[tokio::test]
async fn damaged_keys_are_replaced_and_keys_of_a_later_release_are_left_alone() {
    let first = world();
    let (secret, _, _) = enroll_app(&first.user("alice"), "Phone").await;
    let lost = kid(&check(&first.user("alice"), &secret).await);
    let damaged = Item::default().with("schema", 1_u32).with("keys", "none");
    overwrite(&first, Key::new('k', &["receipt"]), damaged).await;
    let next = instance(&first, 2);
    let receipt = check(&next.user("alice"), &secret).await;
    assert_ne!(kid(&receipt), lost);
    assert_eq!(published(&next).await, [kid(&receipt)]);

    let later = Item::default().with("schema", 2_u32);
    overwrite(&first, Key::new('k', &["receipt"]), later.clone()).await;
    let older = instance(&first, 3);
    let body = json!({"code": older.next_code(&secret)});
    older.user("alice").post("/v1/me/verify", body).await.expect(500);
    assert_eq!(first.store.get(&Key::new('k', &["receipt"])).await.unwrap().unwrap().item, later);
}

#[tokio::test]
async fn the_public_half_comes_back_if_it_is_lost() {
    let first = world();
    let (secret, _, _) = enroll_app(&first.user("alice"), "Phone").await;
    let receipt = check(&first.user("alice"), &secret).await;
    overwrite(&first, Key::new('k', &["jwks"]), Item::default().with("schema", 1_u32)).await;
    assert_eq!(published(&first).await, [""; 0]);
    instance(&first, 2).service.warm_up_receipts().await;
    assert_eq!(published(&first).await, [kid(&receipt)]);
}

#[tokio::test]
async fn a_fault_at_any_call_of_making_a_key_leaves_one_key_and_spends_no_code() {
    for trouble in [Trouble::Throttled, Trouble::Silence, Trouble::AnswerLost, Trouble::Conflict] {
        for first in 0..3 {
            let store = memory();
            let faults = Faults::new(Arc::clone(&store));
            // The account is enrolled where there are no receipts, so that the check makes the first key.
            let plain = World::on(Arc::clone(&store));
            let (secret, _, _) = enroll_app(&plain.user("alice"), "Phone").await;
            let world = instance_on(&(faults.clone() as Arc<dyn Store>), &plain.clock, SETTINGS, 2);
            // A read that is a conflict does not exist.
            let count = if trouble == Trouble::Conflict { 1 } else { usize::MAX };
            faults.plan(trouble, first, count);
            let code = world.next_code(&secret);
            let broken = world.user("alice").post("/v1/me/verify", json!({"code": code})).await;
            faults.heal();
            if broken.status != 200 {
                let again = world.user("alice").post("/v1/me/verify", json!({"code": code})).await;
                receipt_of(&again.expect(200)).unwrap();
            }
            assert_eq!(published(&world).await.len(), 1, "{trouble:?} from call {first}");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_new_key_is_recognised_whether_or_not_others_write() {
    for writers in 0..3 {
        let cut = CutOff::new(memory());
        let world = world_on(cut.clone());
        cut.cut(writers);
        world.service.warm_up_receipts().await;
        assert!(cut.was_cut());
        let kids = published(&world).await;
        assert_eq!(kids.len(), 1, "{writers} other writers: {kids:?}");
        let (secret, _, _) = enroll_app(&world.user("alice"), "Phone").await;
        assert_eq!(kid(&check(&world.user("alice"), &secret).await), kids[0]);
    }
}

#[tokio::test]
async fn a_receipt_adds_no_round_trip_but_once_an_hour() {
    let observed = Observed::new(memory());
    let world = world_on(observed.clone());
    let (secret, _, _) = enroll_app(&world.user("alice"), "Phone").await;
    let check = async || {
        observed.take();
        check(&world.user("alice"), &secret).await;
        let trips = observed.take_round_trips();
        trips.into_iter().map(|trip| trip.into_iter().map(|asked| kinds(&asked)).collect()).collect::<Vec<String>>()
    };
    assert_eq!(check().await, ["get a", "put a"]);
    world.pass(HOUR);
    assert_eq!(check().await, ["get kget k", "get a", "put a"], "the keys are read again");
    assert_eq!(check().await, ["get a", "put a"]);
}

/// A call to the store, with the kinds of its items.
fn kinds(asked: &Asked) -> String {
    match asked {
        Asked::Get(kind) => format!("get {kind}"),
        Asked::Commit(puts) => format!("put {}", puts.iter().map(|(kind, _)| *kind).collect::<String>()),
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_behind_the_first_key_still_signs() {
    let world = world();
    let (secret, _, _) = enroll_app(&world.user("alice"), "Phone").await;
    check(&world.user("alice"), &secret).await;
    let stepped_back = Plan::over(Arc::clone(&world.store), SETTINGS).build();
    assert!(stepped_back.now() < world.now());
    let (secret, _, _) = enroll_app(&stepped_back.user("bob"), "Phone").await;
    check(&stepped_back.user("bob"), &secret).await;
    assert_eq!(published(&world).await.len(), 1);
}

/// A store in which, once, another instance reads its keys anew between the two reads of this one. Its reads of keys
/// fail for as long as it is asked to.
struct Between {
    inner: Arc<dyn Store>,
    other: World,
    is_armed: AtomicBool,
    is_broken: AtomicBool,
    went: Notify,
}

impl Between {
    fn new(inner: &Arc<dyn Store>, other: World) -> Arc<Self> {
        let (is_armed, is_broken) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { inner: Arc::clone(inner), other, is_armed, is_broken, went: Notify::new() })
    }
}

#[async_trait::async_trait]
impl Store for Between {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        if key.as_str().starts_with('k') && self.is_broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable);
        }
        if *key == Key::new('k', &["receipt"]) && self.is_armed.load(Ordering::SeqCst) {
            let before = self.inner.get(key).await;
            self.other.service.warm_up_receipts().await;
            self.is_armed.store(false, Ordering::SeqCst);
            self.went.notify_one();
            return before;
        }
        if *key == Key::new('k', &["jwks"]) && self.is_armed.load(Ordering::SeqCst) {
            self.went.notified().await;
        }
        self.inner.get(key).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.inner.commit(commit).await
    }
}

/// The two items of keys are read by two calls. An instance with the old generation that reads one of them before a new
/// generation is made, and the other after it, publishes the stolen key again.
#[tokio::test]
async fn a_stolen_key_is_not_published_again_by_an_instance_of_the_old_generation() {
    let store = memory();
    let clock = Plan::with(&[]).clock;
    let between = Between::new(&store, instance_on(&store, &clock, &raised(), 2));
    let old = instance_on(&(between.clone() as Arc<dyn Store>), &clock, SETTINGS, 1);
    let (secret, _, _) = enroll_app(&old.user("alice"), "Phone").await;
    let stolen = kid(&check(&old.user("alice"), &secret).await);
    old.pass(HOUR);
    between.is_armed.store(true, Ordering::SeqCst);
    check(&old.user("alice"), &secret).await;
    let published = published(&old).await;
    assert!(!published.contains(&stolen), "the stolen key is published again: {published:?}");
}

/// An instance that can't read the keys for longer than a retired key is published goes on with it.
#[tokio::test]
async fn no_receipt_is_signed_with_a_key_that_is_no_longer_published() {
    let store = memory();
    let clock = Plan::with(&[]).clock;
    let new = instance_on(&store, &clock, SETTINGS, 2);
    let between = Between::new(&store, new.clone());
    let old = instance_on(&(between.clone() as Arc<dyn Store>), &clock, SETTINGS, 1);
    let (secret, _, _) = enroll_app(&old.user("alice"), "Phone").await;
    check(&old.user("alice"), &secret).await;
    old.pass(90 * DAY - HOUR - 600);
    check(&old.user("alice"), &secret).await;
    between.is_broken.store(true, Ordering::SeqCst);
    old.pass(HOUR + 600);
    new.service.warm_up_receipts().await;
    old.pass(4 * HOUR + 600);
    new.service.warm_up_receipts().await;
    let late = json!({"code": old.next_code(&secret)});
    let refused = old.user("alice").post("/v1/me/verify", late.clone()).await.expect(503);
    assert_eq!(receipt_of(&refused), None);
    between.is_broken.store(false, Ordering::SeqCst);
    let receipt = receipt_of(&old.user("alice").post("/v1/me/verify", late).await.expect(200)).unwrap();
    assert!(claims(&new, &receipt).await.is_some(), "nothing was spent, and the key is published");
}

/// Anyone may ask for the public keys. A flood must not read the table, whose partition accounts share.
#[tokio::test]
async fn a_flood_of_questions_for_the_public_keys_does_not_reach_the_table() {
    let observed = Observed::new(memory());
    let world = world_on(observed.clone());
    enroll_app(&world.user("alice"), "Phone").await;
    observed.take();
    for _ in 0..100 {
        world.nobody().get("/.well-known/jwks.json").await.expect(200);
    }
    let reads = observed.take().iter().filter(|asked| **asked == Asked::Get('k')).count();
    assert_eq!(reads, 1, "100 requests without an identity");
    world.pass(60);
    world.nobody().get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(observed.take(), [Asked::Get('k')], "the keys are read again after a minute");
}
