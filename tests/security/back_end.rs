//! The back end: its rights over a user's account, and the effect of its requests on others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign::store::{Commit, Key, Store, StoreError, Stored, Value as Attribute};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

use super::given::*;
use crate::rig::tools::totp;
use crate::rig::{Client, Observed, Plan, World, enroll_app, enroll_email, enroll_phone};

/// The path of a user. The back end's client calls `/v1/users/{userId}` instead.
const USER: &str = "/v1/me";

fn new_app() -> Value {
    json!({"factorType": "totp", "label": "New"})
}

async fn factors(client: &Client) -> usize {
    client.get(FACTORS).await.expect(200).json()["factors"].as_array().unwrap().len()
}

pub(super) async fn enrollments_and_checks_by_the_back_end_give_no_session_a_recent_check_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (alice, back_end) = (world.user("alice"), world.back_end("alice"));
    // Its enrolments give no session a recent check.
    let begun = back_end.post(ENROLL, json!({"factorType": "totp"})).await.expect(201);
    let secret = begun.text("/totp/secret");
    let confirmed = confirm(&back_end, &begun.text("/enrollmentToken"), &world.next_code(&secret)).await.expect(201);
    expect(&alice.post(ENROLL, new_app()).await, 403, "step_up_required");
    let phone = enroll_phone(&back_end, "+8613800138000").await;
    // Its checks give none either.
    back_end.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    verify(&back_end, &confirmed.text("/recoveryCodes/0")).await.expect(200);
    let (id, code) = challenge(&back_end, &phone).await;
    answer(&back_end, &id, &code).await.expect(200);
    let body = json!({"factorType": "totp", "label": "New", "code": world.next_code(&secret)});
    back_end.post(ENROLL, body).await.expect(201);
    for session in ["alice-1", "alice-2", ""] {
        let alice = world.session("alice", &format!("{session}."));
        expect(&alice.post(ENROLL, new_app()).await, 403, "step_up_required");
    }
    expect(&alice.delete(&format!("{FACTORS}/{phone}"), Value::Null).await, 403, "step_up_required");
    expect(&alice.post(CODES, Value::Null).await, 403, "step_up_required");
}

pub(super) async fn a_change_by_the_back_end_ends_every_sessions_recent_check_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (alice, back_end) = (world.user("alice"), world.back_end("alice"));
    let (secret, ..) = enroll_app(&alice, "App").await;
    let phone = enroll_phone(&alice, "+8613800138000").await;
    alice.post(ENROLL, new_app()).await.expect(201);
    back_end.delete(&format!("{FACTORS}/{phone}"), Value::Null).await.expect(204);
    expect(&alice.post(ENROLL, new_app()).await, 403, "step_up_required");
    verify(&alice, &world.next_code(&secret)).await.expect(200);
    alice.post(ENROLL, new_app()).await.expect(201);
    back_end.post(CODES, Value::Null).await.expect(201);
    expect(&alice.post(ENROLL, new_app()).await, 403, "step_up_required");
}

pub(super) async fn an_enrollment_from_before_one_by_the_back_end_needs_a_recent_check_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (thief, back_end) = (world.session("alice", "thief"), world.back_end("alice"));
    let (token, code) = begin_email(&thief, "thief@example.com").await;
    enroll_phone(&back_end, "+8613800138000").await;
    let (pending, secret) = begin_app(&back_end, "App").await;
    // An enrolment without authority does not replace the back end's.
    let refused = thief.post(logto::SECRET, Value::Null).await;
    expect(&refused, 403, "session.mfa.require_mfa_verification");
    expect(&confirm(&thief, &token, &code).await, 403, "step_up_required");
    // The next change also ends the back end's own enrolment. It begins another.
    enroll_email(&back_end, "alice@example.com").await;
    expect(&confirm(&back_end, &pending, &world.next_code(&secret)).await, 410, "expired");
    let (pending, secret) = begin_app(&back_end, "App").await;
    confirm(&back_end, &pending, &world.next_code(&secret)).await.expect(201);
    assert_eq!(factors(&back_end).await, 3);
}

/// Gives a user everything that a user can have; returns the app's secret, its id, the recovery codes and the phone's
/// id.
async fn with_everything(world: &World, user: &str, number: &str) -> (String, String, Vec<String>, String) {
    let client = world.user(user);
    let (secret, app, codes) = enroll_app(&client, "App").await;
    let phone = enroll_phone(&client, number).await;
    (secret, app, codes, phone)
}

pub(super) async fn a_reset_by_the_back_end_does_not_touch_other_users_t19(store: Arc<dyn Store>) {
    let world = Plan::over(store, &[("LOCK_AFTER", "10")]).build();
    let (secret, app, _, phone) = with_everything(&world, "alice", "+8613800138000").await;
    for _ in 0..10 {
        expect(&verify(&world.user("alice"), &world.wrong_code(&secret)).await, 400, "incorrect_code");
        world.pass(65);
    }
    // Names that are as similar as possible.
    let others = ["alice2", "alic", "alice.", "alice:totp", "alice~", "ALICE"];
    let mut kept = Vec::new();
    for (number, user) in others.into_iter().enumerate() {
        let (secret, _, codes, phone) = with_everything(&world, user, &format!("+861380013801{number}")).await;
        let (id, code) = challenge(&world.user(user), &phone).await;
        let (token, mailed) = begin_email(&world.user(user), &format!("{number}@example.com")).await;
        kept.push((world.user(user), secret, codes, (id, code), (token, mailed)));
    }
    let stranger = world.session("alice", "stranger");
    expect(&verify(&stranger, &world.next_code(&secret)).await, 403, "factor_locked");
    for id in [&app, &phone] {
        expect(&stranger.delete(&format!("{FACTORS}/{id}"), Value::Null).await, 403, "step_up_required");
    }
    let back_end = world.back_end("alice");
    back_end.delete(&format!("{FACTORS}/{app}"), Value::Null).await.expect(204);
    assert_eq!(factors(&back_end).await, 1, "a locked factor is removed");
    back_end.delete(USER, Value::Null).await.expect(204);
    assert_eq!(factors(&back_end).await, 0);

    for (user, secret, codes, (id, code), (token, mailed)) in kept {
        assert_eq!(factors(&user).await, 2);
        confirm(&user, &token, &mailed).await.expect(201);
        answer(&user, &id, &code).await.expect(200);
        verify(&user, &world.next_code(&secret)).await.expect(200);
        verify(&user, &codes[0]).await.expect(200);
    }
    // A user does not reach the route.
    expect(&world.user("bob").delete("/v1/users/alice2", Value::Null).await, 401, "unauthorized");
}

pub(super) async fn a_forgotten_user_leaves_only_tombstones_and_destination_limits_t20(store: Arc<dyn Store>) {
    let store = Observed::new(store);
    let world = World::on(store.clone());
    let alice = world.user("alice");
    let (secret, _, codes, phone) = with_everything(&world, "alice", "+8613800138000").await;
    enroll_email(&alice, "alice@example.com").await;
    let (id, code) = challenge(&alice, &phone).await;
    verify(&alice, &world.wrong_code(&secret)).await.expect(400);
    world.pass(60);
    let (address, mailed) = begin_email(&alice, "alice@elsewhere.example").await;
    let (app, new_secret) = begin_app(&alice, "New").await;
    let before = store.items().await;
    world.back_end("alice").delete(USER, Value::Null).await.expect(204);

    let after = store.items().await;
    let mut kinds: Vec<_> = after.keys().map(|key| &key.as_str()[..1]).collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["a", "c", "c", "c", "e", "e", "e", "e", "e", "l", "l", "l"],
        "nothing is deleted, and every challenge is closed, that of a contact of record too"
    );
    for (key, stored) in &after {
        if key.as_str().starts_with('l') {
            assert_eq!(stored, &before[key], "a limit is the destination's");
            continue;
        }
        assert!(stored.ttl.is_some(), "{key:?} is swept some day");
        let names: Vec<_> = stored.item.iter().map(|(name, _)| name).collect();
        let left =
            if key.as_str().starts_with('a') { vec!["epoch", "factors", "schema"] } else { vec!["schema", "state"] };
        assert_eq!(names, left, "{key:?}");
        for (_, value) in stored.item.iter() {
            assert!(!matches!(value, Attribute::Bytes(_)), "{key:?}");
            assert!(!matches!(value, Attribute::List(values) if !values.is_empty()), "{key:?}");
        }
    }

    expect(&confirm(&alice, &address, &mailed).await, 404, "not_found");
    expect(&confirm(&alice, &app, &world.next_code(&new_secret)).await, 404, "not_found");
    expect(&answer(&alice, &id, &code).await, 404, "not_found");
    expect(&verify(&alice, &codes[0]).await, 404, "not_enrolled");
    expect(&verify(&alice, &world.next_code(&secret)).await, 404, "not_enrolled");
    // The recent check is over, but none is needed: the account is empty again.
    let (_, _, codes) = enroll_app(&alice, "App").await;
    assert_eq!(codes.len(), 10);
}

pub(super) async fn a_user_is_forgotten_completely_under_concurrent_requests_t20(store: Arc<dyn Store>) {
    let world = World::on(store);
    for round in 0..50 {
        let name = format!("alice-{round}");
        let (alice, back_end) = (world.user(&name), world.back_end(&name));
        let (secret, app, codes, phone) = with_everything(&world, &name, &format!("+86138001380{round:02}")).await;
        let (id, code) = challenge(&alice, &phone).await;
        let (token, mailed) = begin_email(&alice, &format!("{name}@example.com")).await;
        let (pending, new_secret) = begin_app(&back_end, "New").await;
        let app_code = world.next_code(&secret);
        let new_code = totp(&new_secret, world.now());
        let requests = [
            (&back_end, "DELETE", USER.to_owned(), Value::Null),
            (&alice, "POST", VERIFY.to_owned(), json!({"factorId": app, "code": app_code})),
            (&alice, "POST", VERIFY.to_owned(), json!({"code": codes[0]})),
            (&alice, "POST", VERIFY.to_owned(), json!({"challengeId": id, "code": code})),
            (&alice, "POST", CONFIRM.to_owned(), json!({"enrollmentToken": token, "code": mailed})),
            (&back_end, "POST", CONFIRM.to_owned(), json!({"enrollmentToken": pending, "code": new_code})),
            (&alice, "PATCH", format!("{FACTORS}/{app}"), json!({"label": "Old"})),
        ];
        // The order of the requests differs in every round.
        let mut requests = requests.map(|(client, method, path, body)| (client.clone(), method, path, body));
        requests.rotate_left(round % 7);
        let replies =
            at_once(requests.map(|(client, method, path, body)| async move { client.call(method, &path, body).await }))
                .await;
        assert_eq!(count(&replies, 204, ""), 1, "round {round}");

        let listed = back_end.get(FACTORS).await.expect(200).json();
        assert_eq!(listed, json!({"factors": [], "recoveryCodes": {"remaining": 0}}), "round {round}");
        expect(&confirm(&alice, &token, &mailed).await, 404, "not_found");
        expect(&confirm(&back_end, &pending, &totp(&new_secret, world.now())).await, 404, "not_found");
        expect(&answer(&alice, &id, &code).await, 404, "not_found");
        expect(&verify(&alice, &codes[1]).await, 404, "not_enrolled");
        // The recent check was removed with the factors: after another session has enrolled, this one has to pass a
        // check.
        enroll_app(&world.session(&name, "new"), "New").await;
        expect(&alice.post(ENROLL, new_app()).await, 403, "step_up_required");
    }
}

/// There is no account item yet whose version could cause a conflict.
pub(super) async fn a_concurrent_first_enrollment_does_not_survive_forgetting_the_user_t20(store: Arc<dyn Store>) {
    let world = World::on(store);
    for round in 0..50 {
        let name = format!("alice-{round}");
        let (alice, back_end) = (world.user(&name), world.back_end(&name));
        let (token, secret) = begin_app(&alice, "App").await;
        let code = world.next_code(&secret);
        let forget = (back_end.clone(), "DELETE", USER, Value::Null);
        let finish = (alice.clone(), "POST", CONFIRM, json!({"enrollmentToken": token, "code": code}));
        let requests = if round % 2 == 0 { [forget, finish] } else { [finish, forget] };
        let replies =
            at_once(requests.map(|(client, method, path, body)| async move { client.call(method, path, body).await }))
                .await;
        assert_eq!(count(&replies, 204, ""), 1);
        // Account and enrolment are read in parallel. If only the account was read after the user was forgotten, the
        // enrolment has expired.
        let told = [(201, ""), (404, "not_found"), (410, "expired")];
        let outcomes: Vec<_> = replies.iter().map(outcome).collect();
        let finished = told.iter().map(|(status, code)| count(&replies, *status, code)).sum::<usize>();
        assert_eq!(finished, 1, "round {round}: {outcomes:?}");
        assert_eq!(factors(&alice).await, 0, "round {round}");
        expect(&confirm(&alice, &token, &code).await, 404, "not_found");
        enroll_app(&alice, "App").await;
    }
}

/// A store that reads no enrolment until it is released.
struct Held {
    inner: Arc<dyn Store>,
    account_was_read: Notify,
    gate: Semaphore,
}

#[async_trait::async_trait]
impl Store for Held {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        if key.as_str().starts_with('e') {
            // Closing the semaphore releases it: there never is a permit.
            let _ = self.gate.acquire().await;
        }
        let stored = self.inner.get(key).await;
        if key.as_str().starts_with('a') {
            self.account_was_read.notify_one();
        }
        stored
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.inner.commit(commit).await
    }
}

/// The account is read before it exists, the enrolment after it was confirmed.
pub(super) async fn an_enrollment_confirmed_while_its_user_is_forgotten_does_not_survive_t20(store: Arc<dyn Store>) {
    let held = Arc::new(Held { inner: Arc::clone(&store), account_was_read: Notify::new(), gate: Semaphore::new(0) });
    let world = World::on(store);
    let alice = world.user("alice");
    let (token, secret) = begin_app(&alice, "App").await;
    let back_end = World::on(held.clone()).back_end("alice");
    let forgotten = tokio::spawn(async move { back_end.delete(USER, Value::Null).await });
    held.account_was_read.notified().await;
    confirm(&alice, &token, &world.next_code(&secret)).await.expect(201);
    held.gate.close();
    forgotten.await.unwrap().expect(204);
    assert_eq!(factors(&alice).await, 0);
}

pub(super) async fn users_and_the_back_end_cannot_finish_each_others_flows_t41(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (alice, back_end) = (world.user("alice"), world.back_end("alice"));
    for (begins, other) in [(&alice, &back_end), (&back_end, &alice)] {
        let (token, secret) = begin_app(begins, "App").await;
        let code = world.next_code(&secret);
        expect(&confirm(other, &token, &code).await, 404, "not_found");
        confirm(begins, &token, &code).await.expect(201);
        expect(&confirm(other, &token, &code).await, 404, "not_found");
        expect(&confirm(begins, &token, &code).await, 409, "already_used");
        back_end.delete(USER, Value::Null).await.expect(204);
    }
    // A session with a recent check, which may begin its own, can't finish it either.
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (token, secret) = begin_app(&back_end, "App").await;
    let code = world.next_code(&secret);
    expect(&confirm(&alice, &token, &code).await, 404, "not_found");
    profile::confirm(&alice, &code).await.expect(400);
    confirm(&back_end, &token, &code).await.expect(201);
    for (begins, other) in [(&alice, &back_end), (&back_end, &alice)] {
        world.pass(20);
        let (id, code) = challenge(begins, &phone).await;
        expect(&answer(other, &id, &code).await, 404, "not_found");
        answer(begins, &id, &code).await.expect(200);
        expect(&answer(other, &id, &code).await, 404, "not_found");
        expect(&answer(begins, &id, &code).await, 409, "already_used");
    }
    // A token works for one user only, even for the back end.
    let (token, secret) = begin_app(&back_end, "Alice's").await;
    expect(&confirm(&world.back_end("bob"), &token, &world.next_code(&secret)).await, 404, "not_found");
}

/// A request that began before a user is forgotten, and commits afterwards, leaves nothing and sends nothing.
pub(super) async fn a_request_in_flight_is_decided_again_after_its_user_is_forgotten_t20(store: Arc<dyn Store>) {
    let held = Arc::new(HeldCommit::new(store));
    let world = World::on(held.clone());
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    enroll_email(&alice, "alice@example.com").await;
    for (path, body, status) in [
        (CHALLENGE, json!({"factorId": phone}), 404),
        (ENROLL, json!({"factorType": "sms", "phoneNumber": "+8613800138001"}), 201),
    ] {
        let messages = world.postbox.calls();
        held.hold_next_commit();
        let begun = tokio::spawn({
            let (alice, path) = (alice.clone(), path.to_owned());
            async move { alice.post(&path, body).await }
        });
        held.reached().await;
        world.back_end("alice").delete(USER, Value::Null).await.expect(204);
        held.release();
        let reply = begun.await.unwrap();
        assert_eq!(reply.status.as_u16(), status, "{path}: {}", reply.json());
        // The enrolment decides again, on an account without factors, so it may begin.
        let sent = usize::from(status == 201);
        assert_eq!(world.postbox.calls(), messages + sent, "{path}");
        world.pass(60);
    }
}

/// A store that holds a commit until it is released.
struct HeldCommit {
    inner: Arc<dyn Store>,
    armed: AtomicBool,
    reached: Notify,
    released: Notify,
}

impl HeldCommit {
    fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, armed: false.into(), reached: Notify::new(), released: Notify::new() }
    }

    fn hold_next_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    async fn reached(&self) {
        self.reached.notified().await;
    }

    fn release(&self) {
        self.released.notify_one();
    }
}

#[async_trait::async_trait]
impl Store for HeldCommit {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.inner.get(key).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.reached.notify_one();
            self.released.notified().await;
        }
        self.inner.commit(commit).await
    }
}
