//! Deadlines: a request is answered before Lambda would end its function, and does not begin to send a message that it
//! can't wait for. The runtime's clock is paused here and moves on only when every task waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::store::embedded::EmbeddedStore;
use countersign::store::{Commit, Key, Store, StoreError, Stored};
use serde_json::json;
use tokio::time::Instant;

use crate::rig::{Plan, TestClock, World, enroll_app};

/// A store that takes `milliseconds` for each call.
struct Slow {
    inner: EmbeddedStore,
    milliseconds: AtomicU64,
}

impl Slow {
    fn by(milliseconds: u64) -> Arc<Self> {
        Arc::new(Self { inner: EmbeddedStore::in_memory().unwrap(), milliseconds: AtomicU64::new(milliseconds) })
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(self.milliseconds.load(Ordering::SeqCst))).await;
    }
}

#[async_trait::async_trait]
impl Store for Slow {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.pause().await;
        self.inner.get(key).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.pause().await;
        self.inner.commit(commit).await
    }
}

/// A world over a slow store, whose deadlines follow the runtime's clock.
fn slow(store: Arc<Slow>) -> World {
    Plan { clock: TestClock::of_the_runtime(), ..Plan::over(store, &[]) }.build()
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_in_its_dialect_before_the_lambda_timeout() {
    let world = slow(Slow::by(60_000));
    let alice = world.user("alice");
    let began = Instant::now();
    let native = alice.get("/v1/me/factors").await;
    assert_eq!(native.outcome(), (503, "busy".to_owned()));
    let genauth = alice.get("/api/v3/list-enrolled-factors").await;
    assert_eq!(genauth.json()["statusCode"], 503);
    assert_eq!(began.elapsed().as_secs(), 2 * 9, "the template gives a function ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_message_is_not_sent_or_charged_without_time_to_await_its_outcome_t35() {
    let store = Slow::by(2600);
    let world = slow(store.clone());
    let alice = world.user("alice");
    let request = json!({"factorType": "sms", "phoneNumber": "+41791234567"});
    let late = alice.post("/v1/me/enrollments", request.clone()).await;
    assert_eq!(late.outcome(), (503, "busy".to_owned()));
    assert!(world.postbox.sent().is_empty());

    // With a slightly faster store there is time for the message, and no minute to wait for.
    store.milliseconds.store(2400, Ordering::SeqCst);
    alice.post("/v1/me/enrollments", request).await.expect(201);
    assert_eq!(world.postbox.sent().len(), 1);
}

/// A thief could make the table slow with a flood of requests, and then make a change.
#[tokio::test(start_paused = true)]
async fn a_slow_table_makes_no_change_a_silent_one_t52() {
    let store = Slow::by(0);
    let settings =
        [("RECEIPT_ISSUER", "https://countersign.example"), ("RETURN_URLS", "https://shop.example/signed-in")];
    let world = Plan { clock: TestClock::of_the_runtime(), ..Plan::over(store.clone(), &settings) }.build();
    let contact = json!({"email": "alice@example.com"});
    let request = json!({"purpose": "enroll", "returnUrl": "https://shop.example/signed-in", "contact": contact});
    let url = world.back_end("alice").post("/v1/me/sessions", request).await.expect(201).text("/url");
    let person = world.in_session(url.split_once('#').unwrap().1, "AAAAAAAAAAAAAAAAAAAAAA");
    person.post("/v1/session/contact", json!({})).await.expect(201);
    person.post("/v1/session/contact/confirm", json!({"code": world.postbox.code()})).await.expect(204);
    enroll_app(&person, "Phone").await;

    let heard = world.postbox.calls();
    store.milliseconds.store(2600, Ordering::SeqCst);
    world.back_end("alice").post("/v1/me/recovery-codes", json!({})).await.expect(201);
    assert_eq!(world.postbox.calls(), heard + 1);
}
