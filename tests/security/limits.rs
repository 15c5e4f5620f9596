//! Limits on guesses.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::tools::totp;
use crate::rig::{Client, World, enroll_app, enroll_phone};

/// Gives wrong codes for the only app, each of which is compared.
async fn guess(client: &Client, secret: &str, times: usize) {
    for _ in 0..times {
        expect(&verify(client, &client.world.wrong_code(secret)).await, 400, "incorrect_code");
    }
}

pub(super) async fn five_wrong_codes_are_free_then_delays_double_and_a_hundred_lock_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    for remaining in (0..5).rev() {
        let reply = verify(&alice, &world.wrong_code(&secret)).await;
        expect(&reply, 400, "incorrect_code");
        assert_eq!(reply.json()["remainingAttempts"], remaining);
    }
    let delays = [2, 4, 8, 16, 32, 64, 128, 256, 512].into_iter().chain(std::iter::repeat(900));
    for (wrong, delay) in (5..100).zip(delays) {
        let reply = verify(&alice, &totp(&secret, world.now())).await;
        expect(&reply, 429, "too_many_attempts");
        assert_eq!(reply.retry_after(), Some(delay), "after {wrong} wrong ones");
        assert_eq!(reply.json()["retryAfter"], delay);
        world.pass(i64::try_from(delay).unwrap() - 1);
        let reply = verify(&alice, &totp(&secret, world.now())).await;
        assert_eq!(reply.retry_after(), Some(1), "a second before the delay is over");
        world.pass(1);
        expect(&verify(&alice, &world.wrong_code(&secret)).await, 400, "incorrect_code");
    }
    for _ in 0..2 {
        expect(&verify(&alice, &totp(&secret, world.now())).await, 403, "factor_locked");
        expect(&alice.post(GENAUTH_VERIFY, json!({"totp": totp(&secret, world.now())})).await, 403, "9006");
        world.pass(1_000_000);
    }

    // The owner's last way in: a recovery code, then a new app.
    verify(&alice, &codes[0]).await.expect(200);
    alice.delete(&format!("{FACTORS}/{app}"), Value::Null).await.expect(204);
    let (secret, ..) = enroll_app(&alice, "App").await;
    verify(&alice, &world.next_code(&secret)).await.expect(200);
}

pub(super) async fn a_right_code_is_refused_but_not_spent_during_a_delay_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    let code = world.next_code(&secret);
    guess(&alice, &secret, 5).await;
    for _ in 0..20 {
        expect(&verify(&alice, &code).await, 429, "too_many_attempts");
    }
    world.pass(1);
    assert_eq!(verify(&alice, &code).await.retry_after(), Some(1), "what is refused does not lengthen the delay");
    world.pass(1);
    verify(&alice, &code).await.expect(200);
}

pub(super) async fn a_right_code_resets_the_count_of_wrong_codes_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    for _ in 0..5 {
        guess(&alice, &secret, 4).await;
        verify(&alice, &world.next_code(&secret)).await.expect(200);
    }
}

/// A lockout shared by all factors would let an attacker lock the owner out.
pub(super) async fn a_delayed_factor_delays_no_other_factor_and_no_other_user_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let (_, closed, codes) = enroll_app(&alice, "Closed").await;
    let (secret, open, _) = enroll_app(&alice, "Open").await;
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (bobs, ..) = enroll_app(&bob, "App").await;
    let wrong = world.wrong_code(&secret);
    for _ in 0..5 {
        alice.post(VERIFY, json!({"factorId": closed, "code": wrong})).await.expect(400);
    }
    expect(&alice.post(VERIFY, json!({"factorId": closed, "code": wrong})).await, 429, "too_many_attempts");

    let (id, code) = challenge(&alice, &phone).await;
    answer(&alice, &id, &code).await.expect(200);
    verify(&alice, &codes[0]).await.expect(200);
    verify(&bob, &totp(&bobs, world.now() + 30)).await.expect(200);
    // This also holds in a dialect without factor ids: the app that is not delayed passes.
    expect(&alice.post(GENAUTH_VERIFY, json!({"totp": totp(&secret, world.now() + 30)})).await, 200, "");
    expect(&alice.post(VERIFY, json!({"factorId": closed, "code": wrong})).await, 429, "too_many_attempts");
    world.pass(60);
    alice.post(VERIFY, json!({"factorId": open, "code": totp(&secret, world.now())})).await.expect(200);
}

pub(super) async fn the_count_of_wrong_codes_survives_new_challenges_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, _) = challenge(&alice, &phone).await;
    for _ in 0..5 {
        expect(&answer(&alice, &id, &world.postbox.wrong_code()).await, 400, "incorrect_code");
    }
    // The challenge's tries are reset after a while; the factor's count is not.
    world.pass(900);
    let (id, code) = challenge(&alice, &phone).await;
    expect(&answer(&alice, &id, &world.postbox.wrong_code()).await, 400, "incorrect_code");
    let reply = answer(&alice, &id, &code).await;
    expect(&reply, 429, "too_many_attempts");
    assert_eq!(reply.retry_after(), Some(4), "the sixth in a row");
    expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 429, "too_many_attempts");
    world.pass(4);
    answer(&alice, &id, &code).await.expect(200);
}

/// Every route that takes a code counts by the same rule.
pub(super) async fn every_route_that_takes_a_code_shares_one_count_of_wrong_codes_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, app, _) = enroll_app(&alice, "App").await;
    let stranger = world.session("alice", "stranger");
    let code = world.next_code(&secret);
    let wrong = world.wrong_code(&secret);
    let path = format!("{FACTORS}/{app}");
    let rename = json!({"label": "Mine", "code": wrong});
    let enroll = json!({"factorType": "totp", "label": "Mine", "code": wrong});
    let doors = [
        ("POST", VERIFY, json!({"code": wrong})),
        ("POST", VERIFY, json!({"factorId": app, "code": wrong})),
        ("POST", GENAUTH_VERIFY, json!({"totp": wrong})),
        ("POST", logto::VERIFY, json!({"code": wrong})),
        ("PATCH", PROFILE_DISABLE, json!({"code": wrong})),
        ("DELETE", &path, json!({"code": wrong})),
        ("PATCH", &path, rename),
        ("POST", CODES, json!({"code": wrong})),
        ("POST", ENROLL, enroll),
    ];
    for start in 0..doors.len() {
        // After five wrong codes, through any mixture of routes, no route compares the next one.
        for (method, path, body) in doors.iter().cycle().skip(start).take(5) {
            let reply = stranger.call(method, path, body.clone()).await;
            assert!(!passed(&reply) && reply.retry_after().is_none(), "{path}: {}", reply.json());
        }
        for (method, path, body) in &doors {
            let reply = stranger.call(method, path, body.clone()).await;
            assert_eq!(reply.retry_after(), Some(2), "{path}: {}", reply.json());
        }
        world.pass(2);
        let code = if start == 0 { code.clone() } else { world.next_code(&secret) };
        verify(&alice, &code).await.expect(200);
    }
}

/// Another service compared all five hundred.
pub(super) async fn six_of_500_guesses_in_four_seconds_are_compared_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    let mut looked_at = 0;
    for _second in 0..4 {
        let wrong = world.wrong_code(&secret);
        let replies = at_once((0..125).map(|_| {
            let (alice, wrong) = (alice.clone(), wrong.clone());
            async move { verify(&alice, &wrong).await }
        }))
        .await;
        looked_at += count(&replies, 400, "incorrect_code");
        world.pass(1);
    }
    assert_eq!(looked_at, 6);
}

pub(super) async fn a_new_challenge_does_not_reset_the_count_of_tries_t08(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, _) = challenge(&alice, &phone).await;
    for _ in 0..3 {
        expect(&answer(&alice, &id, &world.postbox.wrong_code()).await, 400, "incorrect_code");
    }
    world.pass(20);
    let (id, code) = challenge(&alice, &phone).await;
    for remaining in [1, 0] {
        let reply = answer(&alice, &id, &world.postbox.wrong_code()).await;
        expect(&reply, 400, "incorrect_code");
        assert_eq!(reply.json()["remainingAttempts"], remaining);
    }
    expect(&answer(&alice, &id, &code).await, 429, "too_many_attempts");
    let messages = world.postbox.calls();
    let reply = alice.post(CHALLENGE, json!({"factorId": phone})).await;
    expect(&reply, 429, "too_many_attempts");
    assert_eq!((reply.retry_after(), world.postbox.calls()), (Some(900), messages), "nothing is sent meanwhile");
}

pub(super) async fn a_new_enrollment_does_not_reset_the_count_of_tries_t08(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (token, _) = begin_email(&alice, "alice@example.com").await;
    for _ in 0..3 {
        expect(&confirm(&alice, &token, &world.postbox.wrong_code()).await, 400, "incorrect_code");
    }
    // Another address gives no new tries either.
    let (token, code) = begin_email(&alice, "alice@example.org").await;
    for _ in 0..2 {
        expect(&confirm(&alice, &token, &world.postbox.wrong_code()).await, 400, "incorrect_code");
    }
    expect(&confirm(&alice, &token, &code).await, 429, "too_many_attempts");
    world.pass(100);
    let messages = world.postbox.calls();
    let reply = alice.post(ENROLL, json!({"factorType": "email", "email": "alice@example.net"})).await;
    expect(&reply, 429, "too_many_attempts");
    assert_eq!((reply.retry_after(), world.postbox.calls()), (Some(800), messages), "nothing is sent meanwhile");
    world.pass(800);
    let (token, code) = begin_email(&alice, "alice@example.com").await;
    confirm(&alice, &token, &code).await.expect(201);
}

pub(super) async fn another_dialect_does_not_reset_the_count_of_tries_t08(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (token, _) = begin_email(&alice, "alice@example.com").await;
    for _ in 0..3 {
        expect(&confirm(&alice, &token, &world.postbox.wrong_code()).await, 400, "incorrect_code");
    }
    let begun = genauth::begin(&alice, "EMAIL", json!({"email": "alice@example.org"})).await;
    let (token, code) = (begun.text("/data/enrollmentToken"), world.postbox.code());
    for _ in 0..2 {
        expect(&genauth::confirm(&alice, "EMAIL", &token, &world.postbox.wrong_code()).await, 422, "9001");
    }
    expect(&genauth::confirm(&alice, "EMAIL", &token, &code).await, 429, "9011");
}

pub(super) async fn a_challenge_has_five_tries_t29(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, code) = challenge(&alice, &phone).await;
    for _ in 0..5 {
        expect(&answer(&alice, &id, &world.postbox.wrong_code()).await, 400, "incorrect_code");
        // There is no delay between the five, and waiting gives no more of them.
    }
    for wait in [0, 10, 300, 280] {
        world.pass(wait);
        expect(&answer(&alice, &id, &code).await, 429, "too_many_attempts");
    }
    world.pass(10);
    expect(&answer(&alice, &id, &code).await, 410, "expired");
}

pub(super) async fn a_factor_is_sent_at_most_five_codes_in_ten_minutes_t29(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let mut last = (String::new(), String::new());
    for _ in 0..5 {
        last = challenge(&alice, &phone).await;
        world.pass(20);
    }
    let messages = world.postbox.calls();
    let (id, code) = last;
    for is_answered in [false, true] {
        if is_answered {
            answer(&alice, &id, &code).await.expect(200);
        }
        for request in [json!({"factorId": phone}), json!({"factorType": "sms"}), json!({})] {
            for asks in [world.user("alice"), world.session("alice", "other"), world.back_end("alice")] {
                let reply = asks.post(CHALLENGE, request.clone()).await;
                expect(&reply, 429, "too_many_messages");
                assert_eq!(reply.retry_after(), Some(500), "until ten minutes after the first");
            }
        }
    }
    assert_eq!(world.postbox.calls(), messages);
    world.pass(500);
    challenge(&alice, &phone).await;
}
