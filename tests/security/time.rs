//! A clock that steps: no wait is longer than its delay, and no step gives back tries or messages.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::tools::totp;
use crate::rig::{Client, World, enroll_app, enroll_email, enroll_phone};

/// Steps back of the clock, in seconds: one second, 59 seconds, an hour, a year, eight thousand years.
const STEPS: [i64; 5] = [1, 59, 3_600, 31_536_000, 252_288_000_000];

/// Asserts that a refused request has to wait for at most `longest` seconds, whatever the clock did, and passes after
/// exactly the wait in its answer.
async fn passes_after_its_wait(world: &World, longest: u64, case: &str, ask: impl AsyncFn() -> crate::rig::Reply) {
    let refused = ask().await;
    let wait = refused.retry_after().unwrap_or_else(|| panic!("{case}: it is refused: {}", refused.json()));
    assert!(wait <= longest, "{case}: {wait} s");
    world.pass(i64::try_from(wait).unwrap() - 1);
    if wait > 1 {
        assert_eq!(ask().await.retry_after(), Some(1), "{case}: a second before the wait is over");
    }
    world.pass(1);
    let reply = ask().await;
    assert!(passed(&reply), "{case}: {}", reply.json());
}

pub(super) async fn a_clock_step_back_does_not_lengthen_an_apps_delay_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    for step in STEPS {
        let alice = world.user(&format!("alice-{step}"));
        world.pass(step);
        let (secret, ..) = enroll_app(&alice, "App").await;
        for wrong in 0..12 {
            world.pass(if wrong < 5 { 0 } else { 900 });
            expect(&verify(&alice, &world.wrong_code(&secret)).await, 400, "incorrect_code");
        }
        world.pass(-step);
        let refused = verify(&alice, &totp(&secret, world.now())).await;
        expect(&refused, 429, "too_many_attempts");
        let wait = refused.retry_after().unwrap();
        assert!(wait <= 256, "a step of {step} s: {wait} s");
        world.pass(i64::try_from(wait).unwrap());
        // The app's code is compared. After a long step back it counts as used, because a later one was used.
        let reply = verify(&alice, &totp(&secret, world.now())).await;
        assert_eq!(reply.retry_after(), None, "a step of {step} s: {}", reply.json());
    }
}

/// Free tries stay free. They were once refused for up to thousands of years.
pub(super) async fn a_clock_step_back_takes_away_no_free_try_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    for step in STEPS {
        let alice = world.user(&format!("alice-{step}"));
        world.pass(step);
        let (secret, ..) = enroll_app(&alice, "App").await;
        expect(&verify(&alice, &world.wrong_code(&secret)).await, 400, "incorrect_code");
        world.pass(-step);
        for _ in 0..4 {
            expect(&verify(&alice, &world.wrong_code(&secret)).await, 400, "incorrect_code");
        }
        expect(&verify(&alice, &world.wrong_code(&secret)).await, 429, "too_many_attempts");
    }
}

/// A clock that is set back and forth does not make a used code pass again.
pub(super) async fn a_used_totp_code_stays_spent_whichever_way_the_clock_steps_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    for step in STEPS {
        let alice = world.user(&format!("alice-{step}"));
        let (secret, _, codes) = enroll_app(&alice, "App").await;
        let code = world.next_code(&secret);
        verify(&alice, &code).await.expect(200);
        for _ in 0..2 {
            world.pass(-step);
            let other = verify(&alice, &totp(&secret, world.now().max(0))).await;
            let again = verify(&alice, &code).await;
            world.pass(step);
            let forth = verify(&alice, &code).await;
            for reply in [other, again, forth] {
                assert!(!passed(&reply), "a step of {step} s: {}", reply.json());
            }
        }
        // A recovery code lets the owner in meanwhile.
        verify(&alice, &codes[0]).await.expect(200);
    }
}

pub(super) async fn a_clock_step_back_does_not_lengthen_the_wait_for_a_message_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    for (number, step) in STEPS.into_iter().enumerate() {
        let alice = world.user(&format!("alice-{step}"));
        world.pass(step);
        let phone = enroll_phone(&alice, &format!("+861380013800{number}")).await;
        let ask = async || alice.post(CHALLENGE, json!({"factorId": phone})).await;
        ask().await.expect(201);
        world.pass(-step);
        passes_after_its_wait(&world, 20, &format!("a resend, a step of {step} s"), ask).await;

        let (bob, address) = (world.user(&format!("bob-{step}")), format!("{number}@example.com"));
        world.pass(step);
        let begin = async || bob.post(ENROLL, json!({"factorType": "email", "email": address})).await;
        begin().await.expect(201);
        world.pass(-step);
        passes_after_its_wait(&world, 60, &format!("a new address, a step of {step} s"), begin).await;
    }
}

pub(super) async fn a_clock_step_forth_and_back_allows_no_extra_message_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let ask = async || alice.post(CHALLENGE, json!({"factorId": phone})).await;
    let send_all = async || {
        let mut sent = 0;
        while ask().await.status == 201 {
            world.pass(20);
            sent += 1;
        }
        sent
    };
    assert_eq!(send_all().await, 5);
    // With the clock an hour ahead the ten minutes are over. After the step back they are not over a second time.
    world.pass(3_600);
    assert_eq!(send_all().await, 5);
    world.pass(-3_600);
    assert_eq!(send_all().await, 0);
    let wait = ask().await.retry_after().unwrap();
    assert!(wait <= 86_400, "{wait}");
}

pub(super) async fn a_clock_step_back_does_not_lengthen_the_wait_for_new_tries_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    for (number, step) in [1, 30, 59].into_iter().enumerate() {
        let alice = world.user(&format!("alice-{number}"));
        let (token, code) = begin_email(&alice, &format!("{number}@example.com")).await;
        for _ in 0..5 {
            expect(&confirm(&alice, &token, &world.postbox.wrong_code()).await, 400, "incorrect_code");
        }
        world.pass(-step);
        let refused = confirm(&alice, &token, &code).await;
        expect(&refused, 429, "too_many_attempts");
        assert_eq!(refused.retry_after(), Some(900), "a step of {step} s");
        world.pass(900);
        let (token, code) = begin_email(&alice, &format!("{number}@example.com")).await;
        confirm(&alice, &token, &code).await.expect(201);
    }
}

/// A recent check of a stolen session, or a sent code, must not live for a year because a clock was wrong for a second.
pub(super) async fn a_long_clock_step_back_ends_checks_enrollments_and_challenges_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    for (number, step) in [3_600, 31_536_000].into_iter().enumerate() {
        let alice = world.user(&format!("alice-{number}"));
        let mail = enroll_email(&alice, &format!("{number}@example.com")).await;
        let (token, secret) = begin_app(&alice, "New").await;
        let (id, code) = challenge(&alice, &mail).await;
        world.pass(-step);
        expect(&alice.delete(&format!("{FACTORS}/{mail}"), Value::Null).await, 403, "step_up_required");
        expect(&confirm(&alice, &token, &totp(&secret, world.now())).await, 410, "expired");
        expect(&answer(&alice, &id, &code).await, 410, "expired");
        world.pass(step);
    }
    // A small difference between the clocks of two instances ends nothing.
    let client: Client = world.user("bob");
    enroll_email(&client, "bob@example.com").await;
    world.pass(-1);
    client.post(CODES, Value::Null).await.expect(201);
}

/// With one clock among others an hour slow, or one that is set back and forth, nobody gets more guesses or messages.
pub(super) async fn a_swinging_clock_allows_no_extra_tries_or_messages_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (token, code) = begin_email(&alice, "alice@example.com").await;
    let mut looked_at = 0;
    for _ in 0..20 {
        looked_at += usize::from(confirm(&alice, &token, &world.postbox.wrong_code()).await.status == 400);
        world.pass(-30);
        looked_at += usize::from(confirm(&alice, &token, &world.postbox.wrong_code()).await.status == 400);
        world.pass(30);
    }
    assert_eq!(looked_at, 5);
    expect(&confirm(&alice, &token, &code).await, 429, "too_many_attempts");

    let owner = world.user("bob");
    let phone = enroll_phone(&owner, "+8613800138000").await;
    let start = world.now();
    let mut sent = 0;
    while world.now() < start + 1_200 {
        for step in [-3_600, 3_600, 86_400, -86_400] {
            sent += usize::from(owner.post(CHALLENGE, json!({"factorId": phone})).await.status == 201);
            world.pass(step);
        }
        world.pass(20);
    }
    assert!(sent <= 20, "{sent} messages, and a day has twenty");
}

/// An enrolment, a challenge or a recent check that a step back has ended stays ended after the clock has caught up.
pub(super) async fn checks_and_codes_ended_by_a_clock_step_back_stay_ended_t49(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let mail = enroll_email(&alice, "alice@example.com").await;
    let (token, secret) = begin_app(&alice, "New").await;
    let (id, code) = challenge(&alice, &mail).await;
    world.pass(-3_600);
    expect(&answer(&alice, &id, &code).await, 410, "expired");
    expect(&confirm(&alice, &token, &totp(&secret, world.now())).await, 410, "expired");
    world.pass(3_700);
    expect(&alice.post(CODES, Value::Null).await, 403, "step_up_required");
    expect(&answer(&alice, &id, &code).await, 410, "expired");
    expect(&confirm(&alice, &token, &totp(&secret, world.now())).await, 410, "expired");
}
