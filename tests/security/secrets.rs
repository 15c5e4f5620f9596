//! An attacker who can read the table, or write to it, gains nothing.

use std::sync::Arc;

use countersign::domain::factor::FactorType;
use countersign::domain::ids::{FactorId, UserId};
use countersign::store::records::{account_key, challenge_key, enrollment_key};
use countersign::store::{Commit, Item, Key, Put, Replaces, Store, Value as Attribute, Version};
use serde_json::{Value, json};

use super::given::*;
use crate::rig::tour::{self, Tour};
use crate::rig::{Client, Plan, Recorded, World, enroll_app, enroll_phone, transfer};

pub(super) async fn no_stored_item_ever_contains_a_plain_secret_t15_t22(store: Arc<dyn Store>) {
    let recorded = Recorded::new(store);
    let world = Plan::over(recorded.clone(), tour::SETTINGS).build();
    let tour = Tour::of_every_flow(&world).await;
    let dump = recorded.dump();
    assert!(dump.contains("Anna's telephone") && dump.contains("\npending\n"), "what is readable can be found");
    let secrets = tour.secrets();
    assert!(secrets.len() > 300, "{}", secrets.len());
    for secret in &secrets {
        assert!(!dump.contains(secret), "found in the store: {secret:?}");
    }
    for never in ["otpauth", "secret=", "access-token-of-", "claimed.example", "Specimen of", "session-of-"] {
        assert!(!dump.contains(never), "found in the store: {never}");
    }
}

pub(super) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn id(factor: &str) -> FactorId {
    FactorId::parse(factor).unwrap()
}

pub(super) async fn item(store: &dyn Store, key: &Key) -> Item {
    store.get(key).await.unwrap().unwrap().item
}

/// Writes an item, as an attacker with write access to the table does.
pub(super) async fn plant(store: &dyn Store, key: Key, item: Item) {
    let replaces = match store.get(&key).await.unwrap() {
        Some(stored) => Replaces::Version(stored.version),
        None => Replaces::Nothing,
    };
    let commit = Commit { version: Version([7; Version::LENGTH]), puts: vec![Put { key, replaces, item, ttl: None }] };
    store.commit(&commit).await.unwrap();
}

pub(super) async fn a_sealed_secret_opens_only_for_its_own_user_and_factor_t22(store: Arc<dyn Store>) {
    let world = World::on(Arc::clone(&store));
    let (alice, bob, carol) = (world.user("alice"), world.user("bob"), world.user("carol"));
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    let phone = enroll_phone(&alice, "+8613800138000").await;
    enroll_app(&bob, "App").await;
    let (token, pending_secret) = begin_app(&carol, "App").await;
    let (_, mallorys) = begin_app(&world.user("mallory"), "App").await;

    // Alice's account is copied to Bob's: neither her app, nor her number, nor her recovery codes work for him.
    let of_alice = item(&*store, &account_key(&user("alice"))).await;
    plant(&*store, account_key(&user("bob")), of_alice.clone()).await;
    let code = world.next_code(&secret);
    expect(&bob.post(VERIFY, json!({"factorId": app, "code": code})).await, 500, "internal");
    expect(&bob.post(GENAUTH_VERIFY, json!({"totp": code})).await, 500, "");
    expect(&verify(&bob, &codes[0]).await, 400, "incorrect_code");
    let messages = world.postbox.calls();
    assert!(!passed(&bob.post(CHALLENGE, json!({"factorId": phone})).await));
    assert_eq!(world.postbox.calls(), messages, "nothing is sent to her number");
    let shown = bob.get(FACTORS).await.expect(200).json();
    let shown = shown["factors"].as_array().unwrap();
    assert!(shown.iter().all(|factor| factor["unreadable"] == true), "{shown:?}");
    assert!(shown.iter().all(|factor| factor.get("maskedDestination").is_none()), "nor is it shown: {shown:?}");

    // A pending secret is copied to another user's enrolment.
    let of_mallory = item(&*store, &enrollment_key(&user("mallory"), FactorType::Totp)).await;
    let of_carol = item(&*store, &enrollment_key(&user("carol"), FactorType::Totp)).await;
    let sealed = Attribute::from(of_mallory.bytes("secret").unwrap());
    plant(&*store, enrollment_key(&user("carol"), FactorType::Totp), of_carol.with("secret", sealed)).await;
    for secret in [&pending_secret, &mallorys] {
        let code = world.next_code(secret);
        expect(&confirm(&carol, &token, &code).await, 500, "internal");
    }

    // A secret of one factor is copied to another factor of the same user.
    let factors = of_alice.maps("factors").unwrap();
    let (begun, own) = (begin_app(&alice, "Second").await, factors[0].bytes("secret").unwrap());
    let second = item(&*store, &enrollment_key(&user("alice"), FactorType::Totp)).await;
    plant(&*store, enrollment_key(&user("alice"), FactorType::Totp), second.with("secret", Attribute::from(own))).await;
    expect(&confirm(&alice, &begun.0, &world.next_code(&secret)).await, 500, "internal");

    // Other users are served as before.
    verify(&alice, &world.next_code(&secret)).await.expect(200);
}

pub(super) async fn a_digest_matches_only_for_its_own_user_t22(store: Arc<dyn Store>) {
    let world = World::on(Arc::clone(&store));
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let (_, _, alices_codes) = enroll_app(&alice, "App").await;
    let (_, _, bobs_codes) = enroll_app(&bob, "App").await;
    let alices = enroll_phone(&alice, "+8613800138000").await;
    let bobs = enroll_phone(&bob, "+8613800138001").await;

    // The digests of her recovery codes are copied to his account.
    let of_alice = item(&*store, &account_key(&user("alice"))).await;
    let of_bob = item(&*store, &account_key(&user("bob"))).await;
    let codes = of_alice.map("recovery").unwrap().unwrap().clone();
    plant(&*store, account_key(&user("bob")), of_bob.with("recovery", codes)).await;
    for code in [&alices_codes[0], &bobs_codes[0]] {
        expect(&verify(&bob, code).await, 400, "incorrect_code");
    }

    // Her challenge is copied to one of his factors.
    let (challenge_id, code) = challenge(&alice, &alices).await;
    let challenged = item(&*store, &challenge_key(&user("alice"), &id(&alices))).await;
    plant(&*store, challenge_key(&user("bob"), &id(&bobs)), challenged).await;
    let nonce = challenge_id.rsplit('.').next().unwrap();
    expect(&answer(&bob, &format!("cn.{bobs}.{nonce}"), &code).await, 400, "incorrect_code");
    answer(&alice, &challenge_id, &code).await.expect(200);
}

pub(super) async fn a_stored_challenge_neither_tells_nor_changes_its_transaction_t22_t34(store: Arc<dyn Store>) {
    let world = World::on(Arc::clone(&store));
    let (alice, mallory) = (world.user("alice"), world.user("mallory"));
    let alices = enroll_phone(&alice, "+8613800138000").await;
    let mallorys = enroll_phone(&mallory, "+8613800138001").await;
    let asked = async |client: &Client, transaction: &Value| {
        let sent = client.post(CHALLENGE, json!({"transaction": transaction})).await.expect(201);
        (sent.text("/challengeId"), world.postbox.code())
    };
    let (hers, his) = (transfer("250.00 EUR", "Zoe"), transfer("9000 EUR", "Mallory"));
    asked(&mallory, &his).await;
    let (id, code) = asked(&alice, &hers).await;
    let stored = item(&*store, &challenge_key(&user("alice"), &self::id(&alices))).await;

    // Amounts and payees are few: who could compute what is stored, could guess them.
    let hash = b"ClORDtHitl9iLfoeHs7tcK4B-lwPB7HTug8EazJyl7Y";
    let hash = data_encoding::BASE64URL_NOPAD.decode(hash).unwrap();
    assert!(!stored.bytes("transaction").unwrap().ends_with(&hash));

    // His transaction takes the place of hers.
    let of_mallory = item(&*store, &challenge_key(&user("mallory"), &self::id(&mallorys))).await;
    let planted = stored.clone().with("transaction", Attribute::from(of_mallory.bytes("transaction").unwrap()));
    plant(&*store, challenge_key(&user("alice"), &self::id(&alices)), planted).await;
    let body = |transaction: &Value| json!({"challengeId": id, "code": code, "transaction": transaction});
    expect(&alice.post(VERIFY, body(&his)).await, 400, "transaction_mismatch");

    // Her challenge becomes one for a plain check.
    plant(&*store, challenge_key(&user("alice"), &self::id(&alices)), stored.clone().with("state", "open")).await;
    expect(&answer(&alice, &id, &code).await, 400, "incorrect_code");

    plant(&*store, challenge_key(&user("alice"), &self::id(&alices)), stored).await;
    alice.post(VERIFY, body(&hers)).await.expect(200);
}
