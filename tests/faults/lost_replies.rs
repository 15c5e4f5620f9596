//! The answer to a commit is lost after the commit was applied, and other requests write before it is sent again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use countersign::store::embedded::EmbeddedStore;
use countersign::store::{Commit, Key, Put, Replaces, Store, StoreError, Stored, Version};
use serde_json::{Value, json};

use super::bench::{Prepared, told, with_every_flow};
use crate::rig::{World, enroll_app, enroll_phone};

/// The writes of other requests between a commit and the loss of its answer.
type Others = Box<dyn FnOnce(Commit) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A store that applies commits, lets others write, and loses the answer.
pub(super) struct Losing {
    inner: Arc<dyn Store>,
    losses: Mutex<VecDeque<Others>>,
}

impl Losing {
    pub(super) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, losses: Mutex::default() })
    }

    /// Loses one more of the next answers, after `others` have run.
    fn lose<F>(&self, others: impl FnOnce(Commit) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.losses.lock().unwrap().push_back(Box::new(|commit| Box::pin(others(commit))));
    }

    /// Loses the next answer after `writers` others have written over every item of the commit without changing its
    /// content.
    fn lose_under(&self, writers: usize) {
        let store = Arc::clone(&self.inner);
        self.lose(async move |commit: Commit| {
            for put in commit.puts {
                for _ in 0..writers {
                    touch(store.as_ref(), &put.key).await;
                }
            }
        });
    }
}

#[async_trait::async_trait]
impl Store for Losing {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.inner.get(key).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        let loss = self.losses.lock().unwrap().pop_front();
        self.inner.commit(commit).await?;
        if let Some(others) = loss {
            others(commit.clone()).await;
            return Err(StoreError::Unknown);
        }
        Ok(())
    }
}

/// Writes an item unchanged, under a new version.
pub(crate) async fn touch(store: &dyn Store, key: &Key) {
    static MINTED: AtomicU64 = AtomicU64::new(1);
    let mut version = [8; Version::LENGTH];
    version[..8].copy_from_slice(&MINTED.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let Stored { item, version: read, ttl } = store.get(key).await.unwrap().unwrap();
    let put = Put { key: key.clone(), replaces: Replaces::Version(read), item, ttl };
    store.commit(&Commit { version: Version(version), puts: vec![put] }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_is_recovered_under_up_to_three_other_writers_t40() {
    with_every_flow(async |flow: &'static Prepared| {
        // The number of writers before each loss in a row.
        for writers in [&[0][..], &[1], &[2], &[3], &[1, 1, 1], &[0, 0, 3], &[3, 0, 0]] {
            let how = format!("its answer lost under {writers:?} writers");
            let bench = flow.bench().await;
            writers.iter().for_each(|writers| bench.losing.lose_under(*writers));
            let told = told(&flow.ask(&bench).await);
            bench.losing.losses.lock().unwrap().clear();
            assert_eq!(told, flow.usual.told, "{}, {how}", flow.name);
            assert_eq!(bench.world.postbox.calls(), flow.usual.sent, "{}, {how}: messages", flow.name);
            assert_eq!(flow.goes_on(&bench, &how).await, flow.usual.stands, "{}, {how}", flow.name);
        }
    })
    .await;
}

/// With more writers than an item keeps versions, an applied commit can't be recognised, so the request decides again.
/// A code that passed is then refused as used, which is the safe side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_under_four_other_writers_acts_at_most_like_a_repeat_t40() {
    with_every_flow(async |flow: &'static Prepared| {
        let how = "its answer lost under four writers";
        let bench = flow.bench().await;
        bench.losing.lose_under(4);
        let told = told(&flow.ask(&bench).await);
        bench.losing.losses.lock().unwrap().clear();
        assert!(told == flow.usual.told || told == flow.usual.again, "{}, {how}: told {told}", flow.name);
        let shape = bench.shape().await;
        let usual = [&flow.usual.after, &flow.usual.after_again];
        assert!(usual.contains(&&shape), "{}, {how}: {shape:#?}", flow.name);
        flow.go_on(&bench, how).await;
    })
    .await;
}

/// Loses the next answer after these requests were made and answered with these statuses. Each names its session of
/// Alice.
fn losing_under(others: &[(&'static str, &'static str, &'static str, Value, u16)]) -> impl Fn(&Losing, &World) {
    let others = others.to_vec();
    move |losing, world| {
        let (others, world) = (others.clone(), world.clone());
        losing.lose(async move |_| {
            for (session, method, path, body, status) in others {
                world.session("alice", session).call(method, path, body).await.expect(status);
            }
        });
    }
}

fn losing_world() -> (Arc<Losing>, World) {
    let losing = Losing::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
    (Arc::clone(&losing), World::on(losing))
}

#[tokio::test]
async fn a_totp_code_passes_once_after_a_lost_reply_under_other_writers_t40() {
    for writers in 0..=3 {
        let (losing, world) = losing_world();
        let alice = world.user("alice");
        let (secret, id, recovery) = enroll_app(&alice, "Phone").await;
        let (code, wrong) = (world.next_code(&secret), world.wrong_code(&secret));
        let others = [
            ("alice-2", "POST", "/v1/me/verify", json!({"code": wrong}), 400),
            ("alice-3", "POST", "/v1/me/verify", json!({"code": recovery[0]}), 200),
            ("alice-1", "POST", "/v1/me/recovery-codes", Value::Null, 201),
        ];
        // Another request with the same code is refused meanwhile, and writes nothing.
        let replay = ("alice-4", "POST", "/v1/me/verify", json!({"code": code}), 400);
        losing_under(&[&others[..writers], &[replay]].concat())(&losing, &world);
        let passed = alice.post("/v1/me/verify", json!({"code": code})).await.expect(200);
        assert_eq!(passed.text("/factorId"), id, "under {writers} writers");
        let again = alice.post("/v1/me/verify", json!({"code": code})).await;
        assert_eq!(again.outcome(), (400, "code_already_used".to_owned()), "under {writers} writers");
    }
}

#[tokio::test]
async fn a_challenge_is_passed_once_after_a_lost_reply_under_other_writers_t40() {
    for writers in 0..=3 {
        let (losing, world) = losing_world();
        let alice = world.user("alice");
        let phone = enroll_phone(&alice, "+8613800138000").await;
        let challenge = alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(201);
        let answer = json!({"challengeId": challenge.text("/challengeId"), "code": world.postbox.code()});
        world.pass(20);
        // The first request writes over the challenge, the others over the account.
        let others = [
            ("alice-2", "POST", "/v1/me/challenges", json!({"factorId": phone}), 201),
            ("alice-1", "POST", "/v1/me/recovery-codes", Value::Null, 201),
            ("alice-1", "POST", "/v1/me/recovery-codes", Value::Null, 201),
        ];
        losing_under(&others[..writers])(&losing, &world);
        let passed = alice.post("/v1/me/verify", answer.clone()).await.expect(200);
        assert_eq!(passed.text("/factorId"), phone, "under {writers} writers");
        let again = alice.post("/v1/me/verify", answer).await;
        let spent = if writers == 0 { (409, "already_used") } else { (404, "not_found") };
        assert_eq!(again.outcome(), (spent.0, spent.1.to_owned()), "under {writers} writers");
    }
}

#[tokio::test]
async fn a_confirmation_adds_one_factor_after_a_lost_reply_under_other_writers_t40() {
    for writers in 0..=3 {
        let (losing, world) = losing_world();
        let alice = world.user("alice");
        let begun = alice.post("/v1/me/enrollments", json!({"factorType": "totp"})).await.expect(201);
        let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
        let code = world.next_code(&secret);
        // The first request writes over the enrolment, the others over the account.
        let others = [
            ("alice-1", "POST", "/v1/me/enrollments", json!({"factorType": "totp", "label": "Laptop"}), 201),
            ("alice-2", "POST", "/v1/me/verify", json!({"code": world.wrong_code(&secret)}), 400),
            ("alice-2", "POST", "/v1/me/verify", json!({"code": world.wrong_code(&secret)}), 400),
        ];
        losing_under(&others[..writers])(&losing, &world);
        let confirm = json!({"enrollmentToken": token, "code": code});
        let confirmed = alice.post("/v1/me/enrollments/confirm", confirm).await.expect(201);
        let factors = alice.get("/v1/me/factors").await.json()["factors"].clone();
        assert_eq!(factors.as_array().unwrap().len(), 1, "under {writers} writers");
        assert_eq!(factors[0]["id"], confirmed.text("/factor/id"), "under {writers} writers");
        let recovery = confirmed.text("/recoveryCodes/9");
        alice.post("/v1/me/verify", json!({"code": recovery})).await.expect(200);
    }
}

#[tokio::test]
async fn a_recovery_code_passes_once_after_a_lost_reply_under_other_writers_t40() {
    for writers in 0..=3 {
        let (losing, world) = losing_world();
        let alice = world.user("alice");
        let (secret, _, recovery) = enroll_app(&alice, "Phone").await;
        let others = [
            ("alice-2", "POST", "/v1/me/verify", json!({"code": recovery[1]}), 200),
            ("alice-3", "POST", "/v1/me/verify", json!({"code": world.wrong_code(&secret)}), 400),
            ("alice-4", "POST", "/v1/me/verify", json!({"code": recovery[2]}), 200),
        ];
        losing_under(&others[..writers])(&losing, &world);
        let passed = alice.post("/v1/me/verify", json!({"code": recovery[0]})).await.expect(200);
        assert_eq!(passed.json()["remainingRecoveryCodes"], 9, "as it was when it passed");
        alice.post("/v1/me/verify", json!({"code": recovery[0]})).await.expect(400);
        let left = alice.get("/v1/me/factors").await.json()["recoveryCodes"]["remaining"].clone();
        assert_eq!(left, [9, 8, 8, 7][writers], "under {writers} writers");
    }
}
