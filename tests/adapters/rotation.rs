//! A rotation of the master key in KMS in its three phases: `1`, then `1,2`, then `2,1`. Functions of one phase and the
//! next run side by side for a while, with no effect for users.

use std::sync::Arc;

use serde_json::{Value, json};

use super::keys::kms_keys;
use crate::rig::moto::{self, hmac_key};
use crate::rig::{Client, Plan, World, enroll_app, enroll_phone};

const ENROLL: &str = "/v1/me/enrollments";
const CONFIRM: &str = "/v1/me/enrollments/confirm";
const VERIFY: &str = "/v1/me/verify";
const CHALLENGE: &str = "/v1/me/challenges";

/// Functions with these key versions, over the data of another phase.
async fn phase(before: &World, keys: &[String; 2], versions: &[u8]) -> World {
    let arns: Vec<_> = versions.iter().map(|version| (*version, keys[usize::from(*version) - 1].clone())).collect();
    let keys = kms_keys(moto::endpoint().unwrap(), &arns).await;
    let seed = versions.iter().fold(10, |seed, version| seed * 10 + u64::from(*version));
    let (store, clock, postbox) = (Arc::clone(&before.store), Arc::clone(&before.clock), Arc::clone(&before.postbox));
    Plan { store, clock, postbox, keys, seed, ..Plan::with(&[]) }.build()
}

/// The functions of the three phases, and functions without the old key.
async fn phases() -> Option<[World; 4]> {
    moto::endpoint()?;
    let (nothing, keys) = (World::new(), [hmac_key(), hmac_key()]);
    Some([
        phase(&nothing, &keys, &[1]).await,
        phase(&nothing, &keys, &[1, 2]).await,
        phase(&nothing, &keys, &[2, 1]).await,
        phase(&nothing, &keys, &[2]).await,
    ])
}

async fn check(client: &Client, secret: &str, status: u16) {
    let code = client.world.next_code(secret);
    client.post(VERIFY, json!({"code": code})).await.expect(status);
}

/// Does each flow in two halves: `one` begins, `other` finishes.
async fn share_everything(one: &World, other: &World, name: &str) {
    let (here, there) = (one.user(name), other.user(name));
    let begun = here.post(ENROLL, json!({"factorType": "totp"})).await.expect(201);
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    let confirm = json!({"enrollmentToken": token, "code": one.next_code(&secret)});
    let codes = there.post(CONFIRM, confirm).await.expect(201).json()["recoveryCodes"].clone();
    check(&here, &secret, 200).await;
    check(&there, &secret, 200).await;
    there.post(VERIFY, json!({"code": codes[0]})).await.expect(200);
    here.post(VERIFY, json!({"code": codes[1]})).await.expect(200);

    let address = json!({"factorType": "email", "email": format!("{name}@example.com")});
    let token = here.post(ENROLL, address.clone()).await.expect(201).text("/enrollmentToken");
    there.post(ENROLL, address).await.expect(429);
    there.post(CONFIRM, json!({"enrollmentToken": token, "code": one.postbox.wrong_code()})).await.expect(400);
    there.post(CONFIRM, json!({"enrollmentToken": token, "code": one.postbox.code()})).await.expect(201);
    for (asks, answers) in [(&here, &there), (&there, &here)] {
        let id = asks.post(CHALLENGE, json!({"factorType": "email"})).await.expect(201).text("/challengeId");
        answers.post(VERIFY, json!({"challengeId": id, "code": one.postbox.code()})).await.expect(200);
        one.pass(20);
    }
    // A recent check counts in both.
    here.post("/v1/me/recovery-codes", Value::Null).await.expect(201);
}

#[tokio::test]
async fn functions_of_adjacent_rotation_phases_can_finish_each_others_flows() {
    let Some([first, second, third, _]) = phases().await else { return };
    let mut names = (0..).map(|number| format!("alice-{number}"));
    for (one, other) in [(&first, &second), (&second, &first), (&second, &third), (&third, &second)] {
        share_everything(one, other, &names.next().unwrap()).await;
    }
}

/// The reason for the phase in which the new key opens and does not seal.
#[tokio::test]
async fn functions_of_the_first_rotation_phase_cannot_open_data_of_the_third() {
    let Some([first, _, third, _]) = phases().await else { return };
    let (secret, ..) = enroll_app(&third.user("alice"), "App").await;
    check(&first.user("alice"), &secret, 500).await;
    check(&third.user("alice"), &secret, 200).await;
}

#[tokio::test]
async fn factors_work_in_every_rotation_phase_and_use_reseals_them() {
    let Some([first, second, third, retired]) = phases().await else { return };
    let alice = first.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let unused = enroll_phone(&alice, "+8613800138001").await;
    for world in [&first, &second, &third] {
        check(&world.user("alice"), &secret, 200).await;
    }
    let challenged = third.user("alice").post(CHALLENGE, json!({"factorId": phone})).await.expect(201);
    let answer = json!({"challengeId": challenged.text("/challengeId"), "code": third.postbox.code()});
    third.user("alice").post(VERIFY, answer).await.expect(200);

    // Without the old key, factors that were used meanwhile still work, the others report an error, and the rest of the
    // account is not affected.
    let alice = retired.user("alice");
    retired.pass(20);
    let code = retired.next_code(&secret);
    alice.post(VERIFY, json!({"factorId": app, "code": code})).await.expect(200);
    alice.post(CHALLENGE, json!({"factorId": phone})).await.expect(201);
    alice.post(CHALLENGE, json!({"factorId": unused})).await.expect(500);
    alice.post(VERIFY, json!({"code": codes[0]})).await.expect(500);
    // The user can recover from that.
    alice.post("/v1/me/recovery-codes", Value::Null).await.expect(201);
    alice.delete(&format!("/v1/me/factors/{unused}"), Value::Null).await.expect(204);
}

/// Recent checks and limits are stored under the lowest key version.
#[tokio::test]
async fn recent_checks_and_limits_survive_a_rotation_until_the_old_key_is_gone() {
    let Some([first, second, third, retired]) = phases().await else { return };
    let (secret, ..) = enroll_app(&first.user("alice"), "App").await;
    let to_bob = json!({"factorType": "sms", "phoneNumber": "+8613800138000"});
    first.user("bob").post(ENROLL, to_bob.clone()).await.expect(201);
    for world in [&first, &second, &third] {
        world.user("alice").post("/v1/me/recovery-codes", Value::Null).await.expect(201);
        world.user("bob").post(ENROLL, to_bob.clone()).await.expect(429);
    }
    check(&third.user("alice"), &secret, 200).await;
    retired.user("bob").post(ENROLL, to_bob.clone()).await.expect(201);
    retired.user("bob").post(ENROLL, to_bob).await.expect(429);
    retired.user("alice").post("/v1/me/recovery-codes", Value::Null).await.expect(403);
    check(&retired.user("alice"), &secret, 200).await;
    retired.user("alice").post("/v1/me/recovery-codes", Value::Null).await.expect(201);
}
