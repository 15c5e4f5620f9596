//! Messages: to whom, how often, and what is left when one is not sent.

use std::sync::Arc;
use std::time::Duration;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{Client, Fate, Plan, Reply, World, enrol_phone};

fn to_phone(number: &str) -> Value {
    json!({"factorType": "sms", "phoneNumber": number})
}

pub(super) async fn t30_a_destination_is_sent_to_once_a_minute_however_it_is_written(store: Arc<dyn Store>) {
    let world = World::on(store);
    let phone = ["+8613800138000", "13800138000", "+86 138-0013-8000", "(+86) 138.0013.8000"].map(to_phone);
    let mail = ["alice@example.com", "Alice@Example.COM", "alice+bank@example.com", "ALICE+a+b@example.com"]
        .map(|address| json!({"factorType": "email", "email": address}));
    let genauth = [
        json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000"}}),
        json!({"factorType": "EMAIL", "profile": {"email": "aLice+x@example.com"}}),
    ];
    for (first, (spellings, genauth)) in [phone, mail].iter().zip(genauth).enumerate() {
        let messages = world.postbox.calls();
        world.user(&format!("first-{first}")).post(ENROLL, spellings[0].clone()).await.expect(201);
        for wait in [0, 59] {
            world.pass(wait);
            for (number, spelling) in spellings.iter().enumerate() {
                // Whoever asks.
                for user in [format!("first-{first}"), format!("other-{first}-{number}")] {
                    let reply = world.user(&user).post(ENROLL, spelling.clone()).await;
                    expect(&reply, 429, "too_many_messages");
                    assert_eq!(reply.retry_after(), Some(60 - u64::try_from(wait).unwrap()));
                }
            }
            expect(&world.user("genauth").post(GENAUTH_ENROLL, genauth.clone()).await, 429, "9012");
        }
        assert_eq!(world.postbox.calls(), messages + 1);
        world.pass(1);
        world.user("second").post(ENROLL, spellings[1].clone()).await.expect(201);
        world.user("second").post(ENROLL, spellings[0].clone()).await.expect(429);
    }
}

pub(super) async fn t30_a_strangers_messages_do_not_block_the_owners_challenge(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (owner, stranger) = (world.user("owner"), world.user("stranger"));
    let phone = enrol_phone(&owner, "+8613800138000").await;
    for _ in 0..5 {
        world.pass(60);
        stranger.post(ENROLL, to_phone("+8613800138000")).await.expect(201);
        stranger.post(ENROLL, to_phone("+8613800138000")).await.expect(429);
        let (id, code) = challenge(&owner, &phone).await;
        answer(&owner, &id, &code).await.expect(200);
    }
}

pub(super) async fn t30_a_country_that_is_not_allowed_is_not_sent_to(store: Arc<dyn Store>) {
    let plan = Plan::with(&[("ALLOWED_COUNTRIES", "CH,DE")]);
    let world = Plan { store, ..plan }.build();
    let alice = world.user("alice");
    expect(&alice.post(ENROLL, to_phone("+8613800138000")).await, 403, "destination_refused");
    let request = json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000"}});
    expect(&alice.post(GENAUTH_ENROLL, request).await, 403, "9007");
    // Numbers that no SMS should go to at all: a premium rate, voice over IP.
    for number in ["+41900123456", "+4932123456789"] {
        expect(&alice.post(ENROLL, to_phone(number)).await, 403, "destination_refused");
    }
    assert_eq!(world.postbox.calls(), 0);
    alice.post(ENROLL, to_phone("+41791234567")).await.expect(201);
}

pub(super) async fn t35_a_refused_message_leaves_nothing_behind(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    world.postbox.fate(Fate::Refused);
    expect(&alice.post(ENROLL, to_phone("+8613800138000")).await, 502, "delivery_failed");
    let request = json!({"factorType": "EMAIL", "profile": {"email": "alice@example.com"}});
    expect(&alice.post(GENAUTH_ENROLL, request.clone()).await, 502, "9014");
    assert_eq!((world.postbox.calls(), world.postbox.sent().len()), (2, 0), "a send is tried once");
    world.postbox.fate(Fate::NotConfigured);
    expect(&alice.post(ENROLL, to_phone("+8613800138000")).await, 501, "channel_not_configured");
    assert_eq!(world.postbox.calls(), 2);

    // Again at once, by anyone.
    world.postbox.fate(Fate::Arrives);
    world.user("bob").post(ENROLL, to_phone("+8613800138001")).await.expect(201);
    let token = alice.post(ENROLL, to_phone("+8613800138000")).await.expect(201).text("/enrollmentToken");
    confirm(&alice, &token, &world.postbox.code()).await.expect(201);
    expect(&alice.post(GENAUTH_ENROLL, request).await, 200, "");
}

pub(super) async fn t35_a_refused_message_leaves_what_was_there_before(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (token, code) = begin_email(&alice, "alice@example.com").await;
    for _ in 0..2 {
        expect(&confirm(&alice, &token, &world.postbox.wrong_code()).await, 400, "incorrect_code");
    }
    world.pass(60);
    world.postbox.fate(Fate::Refused);
    for _ in 0..10 {
        let reply = alice.post(ENROLL, json!({"factorType": "email", "email": "alice@example.com"})).await;
        expect(&reply, 502, "delivery_failed");
    }
    assert_eq!(confirm(&alice, &token, &world.postbox.wrong_code()).await.json()["remainingAttempts"], 2);
    confirm(&alice, &token, &code).await.expect(201);
}

pub(super) async fn t35_a_refused_challenge_costs_nothing(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enrol_phone(&alice, "+8613800138000").await;
    let refused = |alice: Client, phone: String| async move { alice.post(CHALLENGE, json!({"factorId": phone})).await };
    world.postbox.fate(Fate::Refused);
    for _ in 0..10 {
        expect(&refused(alice.clone(), phone.clone()).await, 502, "delivery_failed");
    }
    world.postbox.fate(Fate::Arrives);
    let (id, code) = challenge(&alice, &phone).await;
    world.postbox.fate(Fate::Refused);
    for _ in 0..10 {
        expect(&refused(alice.clone(), phone.clone()).await, 502, "delivery_failed");
    }
    answer(&alice, &id, &code).await.expect(200);
}

pub(super) async fn t35_an_unknown_outcome_keeps_its_charge(store: Arc<dyn Store>) {
    let world = World::on(store);
    for (fate, number) in [(Fate::Lost, "+8613800138000"), (Fate::AnswerLost, "+8613800138001")] {
        let alice = world.user(&format!("alice{number}"));
        world.postbox.fate(fate);
        let messages = world.postbox.calls();
        let reply = alice.post(ENROLL, to_phone(number)).await;
        expect(&reply, 502, "delivery_failed");
        assert!(reply.json().get("enrollmentToken").is_none());
        assert_eq!(world.postbox.calls(), messages + 1, "a send is tried once");
        world.postbox.fate(Fate::Arrives);
        assert_charged_for_a_minute(&alice, number).await;

        // A challenge that may have been sent is one of the five.
        let phone = alice.get(FACTORS).await.text("/factors/0/id");
        world.postbox.fate(fate);
        for _ in 0..5 {
            expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 502, "delivery_failed");
        }
        world.postbox.fate(Fate::Arrives);
        expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 429, "too_many_messages");
        world.pass(600);
        challenge(&alice, &phone).await;
    }
}

pub(super) async fn t35_a_request_killed_while_it_sends_keeps_its_charge(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    world.postbox.fate(Fate::Hangs);
    kill_while_sending(&world, alice.clone(), ENROLL, to_phone("+8613800138000")).await;
    world.postbox.fate(Fate::Arrives);
    assert_charged_for_a_minute(&alice, "+8613800138000").await;

    let phone = alice.get(FACTORS).await.text("/factors/0/id");
    let (id, code) = challenge(&alice, &phone).await;
    world.postbox.fate(Fate::Hangs);
    for _ in 0..4 {
        kill_while_sending(&world, alice.clone(), CHALLENGE, json!({"factorId": phone})).await;
    }
    world.postbox.fate(Fate::Arrives);
    expect(&answer(&alice, &id, &code).await, 404, "not_found");
    expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 429, "too_many_messages");
}

/// Makes a request and kills it once its message was handed over.
async fn kill_while_sending(world: &World, client: Client, path: &'static str, body: Value) {
    let messages = world.postbox.calls();
    let request = tokio::spawn(async move { client.post(path, body).await });
    while world.postbox.calls() == messages {
        assert!(!request.is_finished(), "it ended without sending");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
}

async fn assert_charged_for_a_minute(alice: &Client, number: &str) {
    let ask = || async move { alice.post(ENROLL, to_phone(number)).await };
    for wait in [0, 59] {
        alice.world.pass(wait);
        let reply: Reply = ask().await;
        expect(&reply, 429, "too_many_messages");
    }
    alice.world.pass(1);
    let token = ask().await.expect(201).text("/enrollmentToken");
    confirm(alice, &token, &alice.world.postbox.code()).await.expect(201);
}
