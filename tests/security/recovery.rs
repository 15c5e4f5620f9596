//! Recovery codes.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign::store::Store;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{Asked, Client, Observed, World, enroll_app};

pub(super) async fn a_recovery_code_passes_once_in_any_spelling_t15(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (_, _, codes) = enroll_app(&alice, "App").await;
    // A code passes in every spelling.
    let typed = [codes[0].clone(), codes[0].to_uppercase(), codes[0].replace('-', ""), codes[0].replace('-', " ")];
    let reply = verify(&alice, &typed[1]).await.expect(200);
    assert_eq!(reply.json()["remainingRecoveryCodes"], 9);
    for again in &typed {
        expect(&verify(&alice, again).await, 400, "incorrect_code");
    }
    expect(&alice.post(GENAUTH_VERIFY, json!({"totp": typed[0]})).await, 422, "6002");
    alice.patch(PROFILE_DISABLE, json!({"code": typed[0]})).await.expect(400);
    assert_eq!(verify(&alice, &codes[1]).await.expect(200).json()["remainingRecoveryCodes"], 8);
}

pub(super) async fn recovery_codes_have_at_least_64_random_bits_t16(store: Arc<dyn Store>) {
    let world = World::on(store);
    let mut short = Vec::new();
    for number in 0..10 {
        let (_, _, codes) = enroll_app(&world.user(&format!("native-{number}")), "App").await;
        assert_eq!(codes.len(), 10);
        short.extend(codes);
        let page = world.user(&format!("profile-{number}"));
        let code = world.next_code(&profile::begin(&page).await);
        let codes = profile::confirm(&page, &code).await.expect(200).json()["data"].clone();
        let codes: Vec<String> = serde_json::from_value(codes).unwrap();
        assert_eq!(codes.len(), 12);
        short.extend(codes);
    }
    let mut long = Vec::new();
    for number in 0..20 {
        let begun = genauth::begin(&world.user(&format!("genauth-{number}")), "OTP", Value::Null).await;
        long.push(begun.text("/data/otpData/recoveryCode"));
    }
    assert_all_bits_vary(&short, 8);
    assert_all_bits_vary(&long, 12);
}

/// Asserts that each code has `bytes` bytes, that no code occurs twice, and that every bit is one in some codes and
/// zero in others.
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

pub(super) async fn a_new_set_of_recovery_codes_voids_the_old_one_t16(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (_, _, old) = enroll_app(&alice, "App").await;
    let codes = |reply: crate::rig::Reply| -> Vec<String> {
        serde_json::from_value(reply.json()["recoveryCodes"].clone()).unwrap()
    };
    let new = codes(alice.post(CODES, Value::Null).await.expect(201));
    for code in &old {
        expect(&verify(&alice, code).await, 400, "incorrect_code");
    }
    verify(&alice, &new[0]).await.expect(200);
    let newer = codes(alice.post(CODES, Value::Null).await.expect(201));
    expect(&verify(&alice, &new[1]).await, 400, "incorrect_code");
    verify(&alice, &newer[0]).await.expect(200);
    assert_eq!(alice.get(FACTORS).await.json()["recoveryCodes"]["remaining"], 9);
}

pub(super) async fn a_genauth_recovery_code_is_valid_only_after_its_confirmation_t16(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let begun = genauth::begin(&alice, "OTP", Value::Null).await;
    let replaced = begun.text("/data/otpData/recoveryCode");
    let begun = genauth::begin(&alice, "OTP", Value::Null).await;
    let pending = begun.text("/data/otpData/recoveryCode");
    let try_code = |code: String| {
        let alice = alice.clone();
        async move { alice.post(GENAUTH_VERIFY, json!({"totp": code})).await }
    };
    expect(&try_code(pending.clone()).await, 422, "6002");
    let code = world.next_code(&genauth::secret(&begun));
    expect(&genauth::confirm(&alice, "OTP", &begun.text("/data/enrollmentToken"), &code).await, 200, "");
    expect(&try_code(replaced).await, 422, "6002");
    expect(&try_code(pending.clone()).await, 200, "");
    expect(&try_code(pending).await, 422, "6002");
}

async fn guess(client: &Client) -> crate::rig::Reply {
    verify(client, "0000-0000-0000-0000").await
}

/// A stolen session guesses all the time, with many parallel requests. The owner's right code passes at the first try,
/// in every dialect.
pub(super) async fn a_flood_of_guesses_never_blocks_the_owners_recovery_code_t17(store: Arc<dyn Store>) {
    let store = Observed::new(store);
    let world = World::on(store.clone());
    let (alice, thief) = (world.user("alice"), world.session("alice", "thief"));
    let (_, _, codes) = enroll_app(&alice, "App").await;
    store.take();
    for round in 0..200 {
        let guesses = (0..50).map(|_| {
            let thief = thief.clone();
            async move { guess(&thief).await }
        });
        let replies = at_once(guesses).await;
        assert_eq!(count(&replies, 400, "incorrect_code"), 50, "round {round}");
        assert!(replies.iter().all(|reply| reply.json().get("remainingAttempts").is_none()));
    }
    assert!(store.take().iter().all(|asked| matches!(asked, Asked::Get(_))), "a wrong recovery code writes nothing");

    let flood = tokio::spawn(async move {
        loop {
            guess(&thief).await;
        }
    });
    verify(&alice, &codes[0]).await.expect(200);
    expect(&alice.post(GENAUTH_VERIFY, json!({"totp": codes[1]})).await, 200, "");
    alice.patch(PROFILE_DISABLE, json!({"code": codes[2]})).await.expect(200);
    flood.abort();
}

/// The attack as it was first found: a guess a minute for thirty hours.
pub(super) async fn a_guess_a_minute_never_blocks_the_owners_recovery_code_t17(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (alice, thief) = (world.user("alice"), world.session("alice", "thief"));
    enroll_app(&alice, "App").await;
    for minute in 0..30 * 60 {
        world.pass(60);
        expect(&guess(&thief).await, 400, "incorrect_code");
        if minute % 180 == 0 {
            let codes = world.back_end("alice").post(CODES, Value::Null).await.expect(201);
            verify(&alice, &codes.text("/recoveryCodes/0")).await.expect(200);
        }
    }
}

pub(super) async fn guesses_at_recovery_codes_and_at_an_app_do_not_delay_each_other_t17(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, _, codes) = enroll_app(&alice, "App").await;
    for _ in 0..20 {
        expect(&guess(&alice).await, 400, "incorrect_code");
    }
    verify(&alice, &world.next_code(&secret)).await.expect(200);
    // Guesses at the app do not delay recovery codes either.
    world.pass(10);
    for _ in 0..5 {
        verify(&alice, &world.wrong_code(&secret)).await.expect(400);
    }
    verify(&alice, &codes[0]).await.expect(200);
}
