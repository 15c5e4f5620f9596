//! Recovery codes.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign::store::Store;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{Client, World, enrol_app};

pub(super) async fn t15_a_recovery_code_is_used_once(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (_, _, codes) = enrol_app(&alice, "App").await;
    // However it is typed.
    let typed = [codes[0].clone(), codes[0].to_uppercase(), codes[0].replace('-', ""), codes[0].replace('-', " ")];
    let reply = verify(&alice, &typed[1]).await.expect(200);
    assert_eq!(reply.json()["remainingRecoveryCodes"], 9);
    for again in &typed {
        expect(&verify(&alice, again).await, 400, "incorrect_code");
    }
    expect(&alice.post(GENAUTH_VERIFY, json!({"totp": typed[0]})).await, 422, "6002");
    world.pass(900);
    alice.patch(PROFILE_DISABLE, json!({"code": typed[0]})).await.expect(400);
    world.pass(900);
    assert_eq!(verify(&alice, &codes[1]).await.expect(200).json()["remainingRecoveryCodes"], 8);
}

pub(super) async fn t16_recovery_codes_have_at_least_64_bits(store: Arc<dyn Store>) {
    let world = World::on(store);
    let mut short = Vec::new();
    for number in 0..10 {
        let (_, _, codes) = enrol_app(&world.user(&format!("native-{number}")), "App").await;
        assert_eq!(codes.len(), 10);
        short.extend(codes);
        let page = world.user(&format!("profile-{number}"));
        let code = world.next_code(&begin_profile(&page).await);
        let codes = page.patch(PROFILE, json!({"code": code})).await.expect(200).json()["data"].clone();
        let codes: Vec<String> = serde_json::from_value(codes).unwrap();
        assert_eq!(codes.len(), 12);
        short.extend(codes);
    }
    let mut long = Vec::new();
    for number in 0..20 {
        let begun = begin_genauth(&world.user(&format!("genauth-{number}")), "OTP", Value::Null).await;
        long.push(begun.text("/data/otpData/recoveryCode"));
    }
    assert_all_bits_vary(&short, 8);
    assert_all_bits_vary(&long, 12);
}

/// Each code is so many bytes, none is there twice, and each bit is sometimes one and sometimes zero.
#[track_caller]
fn assert_all_bits_vary(codes: &[String], bytes: usize) {
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
    let mut ones = vec![0; bytes * 8];
    for code in codes {
        let decoded = HEXLOWER.decode(code.replace('-', "").as_bytes()).unwrap();
        assert_eq!(decoded.len(), bytes, "{code}");
        for (bit, ones) in ones.iter_mut().enumerate() {
            *ones += usize::from(decoded[bit / 8] >> (bit % 8) & 1);
        }
    }
    assert!(ones.iter().all(|ones| (1..codes.len()).contains(ones)), "{ones:?}");
}

pub(super) async fn t16_a_new_set_voids_the_old(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (_, _, old) = enrol_app(&alice, "App").await;
    let codes = |reply: crate::rig::Reply| -> Vec<String> {
        serde_json::from_value(reply.json()["recoveryCodes"].clone()).unwrap()
    };
    let new = codes(alice.post(CODES, Value::Null).await.expect(201));
    for code in &old {
        expect(&verify(&alice, code).await, 400, "incorrect_code");
        world.pass(900);
    }
    verify(&alice, &new[0]).await.expect(200);
    let newer = codes(alice.post(CODES, Value::Null).await.expect(201));
    expect(&verify(&alice, &new[1]).await, 400, "incorrect_code");
    verify(&alice, &newer[0]).await.expect(200);
    assert_eq!(alice.get(FACTORS).await.json()["recoveryCodes"]["remaining"], 9);
}

pub(super) async fn t16_the_code_shown_before_the_confirmation_lives_from_it_on(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let begun = begin_genauth(&alice, "OTP", Value::Null).await;
    let replaced = begun.text("/data/otpData/recoveryCode");
    let begun = begin_genauth(&alice, "OTP", Value::Null).await;
    let pending = begun.text("/data/otpData/recoveryCode");
    let try_code = |code: String| {
        let alice = alice.clone();
        async move { alice.post(GENAUTH_VERIFY, json!({"totp": code})).await }
    };
    expect(&try_code(pending.clone()).await, 422, "6002");
    let code = world.next_code(&secret_of(&begun.text("/data/otpData/qrCodeUri")));
    expect(&confirm_genauth(&alice, "OTP", &begun.text("/data/enrollmentToken"), &code).await, 200, "");
    expect(&try_code(replaced).await, 422, "6002");
    expect(&try_code(pending.clone()).await, 200, "");
    expect(&try_code(pending).await, 422, "6002");
}

async fn guess(client: &Client) -> crate::rig::Reply {
    verify(client, "0000-0000-0000-0000").await
}

pub(super) async fn t17_guesses_at_recovery_codes_are_delayed_but_never_locked(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (_, _, codes) = enrol_app(&alice, "App").await;
    for remaining in (0..5).rev() {
        let reply = guess(&alice).await;
        expect(&reply, 400, "incorrect_code");
        assert_eq!(reply.json()["remainingAttempts"], remaining);
    }
    let delays = [2, 4, 8, 16, 32, 64, 128, 256, 512].into_iter().chain(std::iter::repeat(900));
    for (_, delay) in (5..130).zip(delays) {
        let refused = verify(&alice, &codes[0]).await;
        expect(&refused, 429, "too_many_attempts");
        assert_eq!(refused.retry_after(), Some(delay));
        world.pass(i64::try_from(delay).unwrap());
        expect(&guess(&alice).await, 400, "incorrect_code");
    }
    world.pass(900);
    verify(&alice, &codes[0]).await.expect(200);
    // And success resets.
    assert_eq!(guess(&alice).await.json()["remainingAttempts"], 4);
}

pub(super) async fn t17_guesses_at_recovery_codes_do_not_delay_an_app(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, _, codes) = enrol_app(&alice, "App").await;
    for _ in 0..5 {
        guess(&alice).await.expect(400);
    }
    expect(&verify(&alice, &codes[0]).await, 429, "too_many_attempts");
    expect(&alice.post(GENAUTH_VERIFY, json!({"totp": codes[0]})).await, 429, "9011");
    alice.patch(PROFILE_DISABLE, json!({"code": codes[0]})).await.expect(429);
    verify(&alice, &world.next_code(&secret)).await.expect(200);
    // Nor do guesses at the app delay recovery codes.
    world.pass(10);
    for _ in 0..5 {
        verify(&alice, &world.wrong_code(&secret)).await.expect(400);
    }
    verify(&alice, &codes[0]).await.expect(200);
}
