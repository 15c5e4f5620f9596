//! Codes: their randomness, the time in which they pass, and the user and purpose that they pass for.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign::clock::SystemRandomness;
use countersign::config::{self, ConfigError};
use countersign::domain::error::Error;
use countersign::domain::random::Randomness;
use countersign::store::Store;
use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::tools::totp;
use crate::rig::{Plan, World, enroll_app, enroll_email, enroll_phone};

pub(super) async fn totp_secrets_are_160_random_bits_and_never_repeat_t01(store: Arc<dyn Store>) {
    const ENROLLMENTS: usize = 1000;
    // Six standard deviations of fair bits: 500 ± 95 for each bit, 80,000 ± 1,200 for all.
    const SPREAD_OF_ONE: usize = 95;
    const SPREAD_OF_ALL: usize = 1200;
    let world = Plan { store, randomness: Some(Arc::new(SystemRandomness)), ..Plan::with(&[]) }.build();
    let mut secrets = BTreeSet::new();
    // Four parallel enrolments for each user, and no more at once than every store can serve in time.
    for hundred in 0..ENROLLMENTS / 100 {
        let enrollments = (0..100).map(|number| {
            let client = world.user(&format!("user-{hundred}-{}", number / 4));
            async move { begin_app(&client, "App").await.1 }
        });
        secrets.extend(at_once(enrollments).await);
    }
    assert_eq!(secrets.len(), ENROLLMENTS, "no secret is given twice");

    let mut ones = [0_usize; 160];
    for secret in secrets {
        let bytes = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        assert_eq!(bytes.len(), 20);
        for (bit, ones) in ones.iter_mut().enumerate() {
            *ones += usize::from(bytes[bit / 8] >> (bit % 8) & 1);
        }
    }
    for (bit, ones) in ones.iter().enumerate() {
        assert!(ones.abs_diff(ENROLLMENTS / 2) < SPREAD_OF_ONE, "bit {bit} is one {ones} times");
    }
    assert!(ones.iter().sum::<usize>().abs_diff(ENROLLMENTS * 80) < SPREAD_OF_ALL);
}

pub(super) async fn a_totp_code_keeps_its_leading_zeros_t02(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    let code = (0..500).map(|_| world.next_code(&secret)).find(|code| code.starts_with('0')).unwrap();
    let cut = code.trim_start_matches('0');
    expect(&verify(&alice, cut).await, 400, "invalid_request");
    expect(&alice.post(VERIFY, json!({"code": cut.parse::<u32>().unwrap()})).await, 400, "invalid_request");
    verify(&alice, &code).await.expect(200);
}

pub(super) async fn a_passcode_keeps_its_leading_zeros_t02(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    for _ in 0..200 {
        let (id, code) = challenge(&alice, &phone).await;
        assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        if code.starts_with('0') {
            expect(&answer(&alice, &id, code.trim_start_matches('0')).await, 400, "invalid_request");
            answer(&alice, &id, &code).await.expect(200);
            return;
        }
        answer(&alice, &id, &code).await.expect(200);
        // The limit is twenty messages a day.
        world.pass(86_400 / 20);
    }
    panic!("of 200 codes none begins with a zero");
}

pub(super) async fn a_json_number_is_not_accepted_as_a_code_in_any_dialect_t02(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, app, _) = enroll_app(&alice, "App").await;
    let code = world.next_code(&secret);
    let other = world.session("alice", "alice-2");
    // JSON numbers, one too short and one with the digits of the right code: neither is a code, and neither is counted.
    for number in [json!(12_345), json!(code.parse::<u32>().unwrap())] {
        for _ in 0..4 {
            let reply = alice.post(VERIFY, json!({"code": number})).await;
            expect(&reply, 400, "invalid_request");
            assert_eq!(reply.json()["errors"][0]["field"], "code");
            expect(&other.delete(&format!("{FACTORS}/{app}"), json!({"code": number})).await, 400, "invalid_request");
            expect(&alice.post(GENAUTH_VERIFY, json!({"totp": number})).await, 400, "6003");
            expect(&alice.post(logto::VERIFY, json!({"code": number})).await, 400, "guard.invalid_input");
            alice.patch(PROFILE_DISABLE, json!({"code": number})).await.expect(400);
        }
    }
    // In the dialects that accept any text, five digits are a wrong code that can't be right, so they are not counted
    // either.
    for _ in 0..6 {
        expect(&verify(&alice, "12345").await, 400, "invalid_request");
        expect(&alice.post(GENAUTH_VERIFY, json!({"totp": "12345"})).await, 422, "6001");
    }
    verify(&alice, &code).await.expect(200);
}

pub(super) async fn a_setting_cannot_make_codes_shorter_than_six_digits_t02(_: Arc<dyn Store>) {
    for name in ["TOTP_DIGITS", "PASSCODE_DIGITS"] {
        let read = |digits: &str| config::read(|each| (each == name).then(|| digits.to_owned()));
        assert!(read("6").is_ok());
        let ConfigError(problems) = read("5").unwrap_err();
        assert!(problems[0].contains(name), "{problems:?}");
    }
}

/// Twenty known bytes for a secret, and the system's randomness for everything else.
struct KnownSecret;

impl Randomness for KnownSecret {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        if bytes.len() == 20 {
            bytes.copy_from_slice(b"12345678901234567890");
            return Ok(());
        }
        SystemRandomness.fill(bytes)
    }
}

/// RFC 6238, appendix B, for SHA-1.
pub(super) async fn totp_codes_match_the_vectors_of_rfc_6238_t02(store: Arc<dyn Store>) {
    let vectors = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];
    let plan = Plan::with(&[("TOTP_DIGITS", "8")]);
    let world = Plan { store, randomness: Some(Arc::new(KnownSecret)), ..plan }.build();
    for (time, code) in vectors {
        world.pass(time - world.now());
        let user = world.user(&format!("user-{time}"));
        let (token, _) = begin_app(&user, "App").await;
        expect(&confirm(&user, &token, &code[2..]).await, 400, "incorrect_code");
        confirm(&user, &token, code).await.expect(201);
    }
}

/// The widest window: the code is used one step early, and tried again until one step late.
pub(super) async fn a_used_totp_code_is_remembered_for_its_whole_window_t03(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    world.pass(90);
    let code = totp(&secret, world.now() + 30);
    verify(&alice, &code).await.expect(200);
    for _ in 0..8 {
        expect(&verify(&alice, &code).await, 400, "code_already_used");
        world.pass(11);
    }
    world.pass(1);
    expect(&verify(&alice, &code).await, 400, "code_already_used");
    world.pass(1);
    expect(&verify(&alice, &code).await, 400, "incorrect_code");
}

pub(super) async fn a_totp_code_older_than_the_last_used_one_is_refused_t04(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    world.pass(90);
    let [before, current, after] = [-30, 0, 30].map(|shift| totp(&secret, world.now() + shift));
    verify(&alice, &current).await.expect(200);
    expect(&verify(&alice, &before).await, 400, "code_already_used");
    expect(&alice.post(GENAUTH_VERIFY, json!({"totp": before})).await, 422, "6001");
    alice.post(logto::VERIFY, json!({"code": before})).await.expect(400);
    alice.patch(PROFILE_DISABLE, json!({"code": before})).await.expect(400);
    verify(&alice, &after).await.expect(200);
    expect(&verify(&alice, &current).await, 400, "code_already_used");
}

pub(super) async fn the_totp_code_that_confirmed_an_app_is_spent_t04(store: Arc<dyn Store>) {
    let world = World::on(store);
    let native = world.user("native");
    let (token, secret) = begin_app(&native, "App").await;
    let code = world.next_code(&secret);
    confirm(&native, &token, &code).await.expect(201);
    expect(&verify(&native, &code).await, 400, "code_already_used");

    let of_genauth = world.user("genauth");
    let begun = genauth::begin(&of_genauth, "OTP", Value::Null).await;
    let code = world.next_code(&genauth::secret(&begun));
    expect(&genauth::confirm(&of_genauth, "OTP", &begun.text("/data/enrollmentToken"), &code).await, 200, "");
    expect(&of_genauth.post(GENAUTH_VERIFY, json!({"totp": code})).await, 422, "6001");

    let page = world.user("profile");
    let code = world.next_code(&profile::begin(&page).await);
    profile::confirm(&page, &code).await.expect(200);
    page.patch(PROFILE_DISABLE, json!({"code": code})).await.expect(400);
}

pub(super) async fn a_totp_code_passes_one_time_step_off_but_not_two_t05(store: Arc<dyn Store>) {
    let world = World::on(store);
    for (shift, passes) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
        // The first and the last second of a step.
        for second in [0, 29] {
            let user = world.user(&format!("user{shift}-{second}"));
            let (secret, ..) = enroll_app(&user, "App").await;
            world.pass(300 + second);
            let code = totp(&secret, world.now() + shift);
            let reply = verify(&user, &code).await;
            assert_eq!(passed(&reply), passes, "{shift} s, second {second}: {}", reply.json());
        }
    }
}

pub(super) async fn a_timestamp_from_the_client_is_ignored_t05(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    world.pass(3600);
    let then = world.now() - 300;
    let request = alice
        .request("POST", VERIFY)
        .header("content-type", "application/json")
        .header("date", "Fri, 15 Jan 2027 08:56:00 GMT")
        .header("x-timestamp", then)
        .header("x-amz-date", "20270115T085600Z")
        .body(json!({"code": totp(&secret, then)}).to_string().into());
    expect(&world.send(request.unwrap()).await, 400, "incorrect_code");
    let body = json!({"totp": totp(&secret, then), "timestamp": then, "time": then, "now": then, "date": then});
    assert!(!passed(&alice.post(GENAUTH_VERIFY, body).await));
}

pub(super) async fn a_new_challenge_voids_the_earlier_passcode_t11(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (old_id, old_code) = challenge(&alice, &phone).await;
    world.pass(20);
    let (id, code) = challenge(&alice, &phone).await;
    expect(&answer(&alice, &old_id, &old_code).await, 404, "not_found");
    expect(&answer(&alice, &old_id, &code).await, 404, "not_found");
    expect(&answer(&alice, &id, &old_code).await, 400, "incorrect_code");
    answer(&alice, &id, &code).await.expect(200);
}

pub(super) async fn a_new_enrollment_voids_the_earlier_token_and_code_t11(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (old_token, old_code) = begin_email(&alice, "alice@example.com").await;
    world.pass(60);
    let (token, code) = begin_email(&alice, "alice@example.com").await;
    expect(&confirm(&alice, &old_token, &old_code).await, 404, "not_found");
    expect(&confirm(&alice, &old_token, &code).await, 404, "not_found");
    expect(&confirm(&alice, &token, &old_code).await, 400, "incorrect_code");
    confirm(&alice, &token, &code).await.expect(201);

    // A new secret for an app voids the one before it as well.
    let (old_token, old_secret) = begin_app(&alice, "App").await;
    let (token, secret) = begin_app(&alice, "App").await;
    let code = world.next_code(&old_secret);
    expect(&confirm(&alice, &old_token, &code).await, 404, "not_found");
    expect(&confirm(&alice, &token, &code).await, 400, "incorrect_code");
    confirm(&alice, &token, &totp(&secret, world.now())).await.expect(201);
}

pub(super) async fn a_code_passes_only_for_its_own_user_t12(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let (alices, alices_code) = begin_email(&alice, "alice@example.com").await;
    let (bobs, bobs_code) = begin_email(&bob, "bob@example.com").await;
    let refused = confirm(&bob, &bobs, &alices_code).await;
    expect(&refused, 400, "incorrect_code");
    assert_eq!(refused.json()["remainingAttempts"], 4, "it is counted");
    confirm(&alice, &alices, &alices_code).await.expect(201);
    confirm(&bob, &bobs, &bobs_code).await.expect(201);

    let (secret, ..) = enroll_app(&alice, "App").await;
    enroll_app(&bob, "App").await;
    let refused = verify(&bob, &world.next_code(&secret)).await;
    expect(&refused, 400, "incorrect_code");
    assert_eq!(refused.json()["remainingAttempts"], 4, "it is counted");
}

pub(super) async fn a_code_passes_only_for_its_own_factor_t12(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let mail = enroll_email(&alice, "alice@example.com").await;
    let (to_phone, phone_code) = challenge(&alice, &phone).await;
    let (to_mail, mail_code) = challenge(&alice, &mail).await;
    for (id, code) in [(&to_phone, &mail_code), (&to_mail, &phone_code)] {
        let refused = answer(&alice, id, code).await;
        expect(&refused, 400, "incorrect_code");
        assert_eq!(refused.json()["remainingAttempts"], 4, "it is counted");
    }
    answer(&alice, &to_phone, &phone_code).await.expect(200);
    answer(&alice, &to_mail, &mail_code).await.expect(200);

    let (first, ..) = enroll_app(&alice, "First").await;
    let (_, second, _) = enroll_app(&alice, "Second").await;
    let code = world.next_code(&first);
    expect(&alice.post(VERIFY, json!({"factorId": second, "code": code})).await, 400, "incorrect_code");
}

pub(super) async fn a_code_passes_only_for_its_own_purpose_t12(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (secret, ..) = enroll_app(&alice, "App").await;
    let (id, challenge_code) = challenge(&alice, &phone).await;
    let (token, enrollment_code) = begin_email(&alice, "alice@example.com").await;
    let app_code = world.next_code(&secret);

    expect(&confirm(&alice, &token, &challenge_code).await, 400, "incorrect_code");
    expect(&confirm(&alice, &token, &app_code).await, 400, "incorrect_code");
    expect(&answer(&alice, &id, &enrollment_code).await, 400, "incorrect_code");
    expect(&answer(&alice, &id, &app_code).await, 400, "incorrect_code");
    expect(&verify(&alice, &challenge_code).await, 400, "incorrect_code");
    expect(&verify(&alice, &enrollment_code).await, 400, "incorrect_code");

    // Each code is counted as wrong where it does not belong, and is right where it belongs.
    assert_eq!(confirm(&alice, &token, &challenge_code).await.json()["remainingAttempts"], 2);
    assert_eq!(answer(&alice, &id, &app_code).await.json()["remainingAttempts"], 2);
    assert_eq!(verify(&alice, &challenge_code).await.json()["remainingAttempts"], 2);
    confirm(&alice, &token, &enrollment_code).await.expect(201);
    answer(&alice, &id, &challenge_code).await.expect(200);
    verify(&alice, &app_code).await.expect(200);
}
