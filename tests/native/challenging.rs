//! `POST /v1/me/challenges`.

use serde_json::{Value, json};

use super::{CHALLENGES, VERIFY, factor};
use crate::rig::enroll::native::ENROLL;
use crate::rig::{Client, Fate, Plan, Transcript, World, enroll_app, enroll_email, enroll_phone};

/// Challenges by these fields; returns the challenge's id.
async fn challenge(client: &Client, request: Value) -> String {
    client.post(CHALLENGES, request).await.expect(201).text("/challengeId")
}

#[tokio::test]
async fn a_factor_is_named_by_its_id_by_its_type_or_not_at_all() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    enroll_app(&alice, "Phone").await;
    let number = enroll_phone(&alice, "+41791234567").await;
    log.post("the only one that can be sent to", &alice, CHALLENGES, json!({})).await;
    world.pass(20);
    log.post("by its id", &alice, CHALLENGES, json!({"factorId": number})).await;
    let address = enroll_email(&alice, "alice@example.com").await;
    log.post("by its type", &alice, CHALLENGES, json!({"factorType": "email"})).await;
    world.pass(20);
    log.post("the id comes first", &alice, CHALLENGES, json!({"factorId": address, "factorType": "sms"})).await;
    log.post("with two that can be sent to", &alice, CHALLENGES, json!({})).await;
    enroll_phone(&alice, "+41791234568").await;
    log.post("with two of the type", &alice, CHALLENGES, json!({"factorType": "sms"})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_factor_that_is_not_there_cannot_be_challenged() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let mut log = Transcript::default();
    log.post("without any factor", &bob, CHALLENGES, json!({})).await;
    log.post("without one of the type", &bob, CHALLENGES, json!({"factorType": "sms"})).await;
    let number = enroll_phone(&alice, "+41791234567").await;
    log.post("another user's", &bob, CHALLENGES, json!({"factorId": number})).await;
    log.post("no id at all", &bob, CHALLENGES, json!({"factorId": "../alice"})).await;
    alice.delete(&factor(&number), Value::Null).await.expect(204);
    log.post("one that was removed", &alice, CHALLENGES, json!({"factorId": number})).await;
    enroll_app(&bob, "Phone").await;
    log.post("with an app alone", &bob, CHALLENGES, json!({})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_invalid_field_is_named_in_the_error() {
    let world = World::new();
    let alice = world.user("alice");
    let (_, app, _) = enroll_app(&alice, "Phone").await;
    enroll_phone(&alice, "+41791234567").await;
    let mut log = Transcript::default();
    let requests = [
        ("an app, by its id", json!({"factorId": app})),
        ("an app, by its type", json!({"factorType": "totp"})),
        ("a voice", json!({"factorType": "voice"})),
        ("an id that is a number", json!({"factorId": 1})),
        ("a type that is none", json!({"factorType": "SMS"})),
        ("a locale that is a number", json!({"locale": 1})),
        ("a platform that is none", json!({"platform": "ios"})),
    ];
    for (says, request) in requests {
        log.post(says, &alice, CHALLENGES, request).await;
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn messages_use_the_language_and_platform_of_the_request() {
    let world = Plan::with(&[("WEB_DOMAIN", "example.com")]).build();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    challenge(&alice, json!({"locale": "zh", "platform": "web"})).await;
    let sent = world.postbox.sent();
    insta::assert_snapshot!(sent[1].text);
}

#[tokio::test]
async fn a_new_challenge_voids_the_one_before() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let old = challenge(&alice, json!({})).await;
    let old_code = world.postbox.code();
    world.pass(20);
    let new = challenge(&alice, json!({})).await;
    let mut log = Transcript::default();
    log.post("the old code for the old id", &alice, VERIFY, json!({"challengeId": old, "code": old_code})).await;
    log.post("the old code for the new id", &alice, VERIFY, json!({"challengeId": new, "code": old_code})).await;
    alice.post(VERIFY, json!({"challengeId": new, "code": world.postbox.code()})).await.expect(200);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_code_is_sent_again_after_twenty_seconds() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let id = challenge(&alice, json!({})).await;
    world.pass(5);
    let mut log = Transcript::default();
    log.post("too soon", &alice, CHALLENGES, json!({})).await;
    alice.post(VERIFY, json!({"challengeId": id, "code": world.postbox.code()})).await.expect(200);
    world.pass(14);
    log.post("too soon, though the first was answered", &alice, CHALLENGES, json!({})).await;
    assert_eq!(world.postbox.calls(), 2, "one for the enrolment, one challenge");
    world.pass(1);
    log.post("twenty seconds after the first", &alice, CHALLENGES, json!({})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn five_codes_are_sent_in_ten_minutes_answered_or_not() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    for _ in 0..4 {
        challenge(&alice, json!({})).await;
        world.pass(20);
    }
    let id = challenge(&alice, json!({})).await;
    world.pass(10);
    let mut log = Transcript::default();
    log.post("the sixth", &alice, CHALLENGES, json!({})).await;
    alice.post(VERIFY, json!({"challengeId": id, "code": world.postbox.code()})).await.expect(200);
    log.post("after an answer", &alice, CHALLENGES, json!({})).await;
    assert_eq!(world.postbox.calls(), 6, "one for the enrolment, five challenges");
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn the_sixth_code_is_sent_ten_minutes_after_the_first() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    for _ in 0..5 {
        challenge(&alice, json!({})).await;
        world.pass(20);
    }
    world.pass(499);
    let refused = alice.post(CHALLENGES, json!({})).await;
    assert_eq!((refused.outcome(), refused.retry_after()), ((429, "too_many_messages".to_owned()), Some(1)));
    world.pass(1);
    challenge(&alice, json!({})).await;
}

#[tokio::test]
async fn five_wrong_answers_stop_new_codes() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let mut log = Transcript::default();
    for _ in 0..5 {
        world.pass(20);
        let id = challenge(&alice, json!({})).await;
        alice.post(VERIFY, json!({"challengeId": id, "code": world.postbox.wrong_code()})).await.expect(400);
    }
    log.post("a new code", &alice, CHALLENGES, json!({})).await;
    world.pass(15 * 60);
    log.post("a quarter of an hour later", &alice, CHALLENGES, json!({})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_refused_message_leaves_the_open_challenge_answerable() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let id = challenge(&alice, json!({})).await;
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    world.pass(20);
    let mut log = Transcript::default();
    world.postbox.fate(Fate::Refused);
    log.post("refused", &alice, CHALLENGES, json!({})).await;
    world.postbox.fate(Fate::NotConfigured);
    log.post("not set up", &alice, CHALLENGES, json!({})).await;
    alice.post(VERIFY, answer).await.expect(200);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_message_that_may_have_been_sent_voids_the_open_challenge() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let id = challenge(&alice, json!({})).await;
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    world.pass(20);
    let mut log = Transcript::default();
    world.postbox.fate(Fate::Lost);
    log.post("no answer of the delivery", &alice, CHALLENGES, json!({})).await;
    log.post("the code of the challenge before", &alice, VERIFY, answer).await;
    world.postbox.fate(Fate::Arrives);
    log.post("too soon, for the message counts", &alice, CHALLENGES, json!({})).await;
    world.pass(20);
    let id = challenge(&alice, json!({})).await;
    alice.post(VERIFY, json!({"challengeId": id, "code": world.postbox.code()})).await.expect(200);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_unanswered_challenge_gives_no_recent_check() {
    let world = World::new();
    let phone = world.session("alice", "phone");
    enroll_phone(&phone, "+41791234567").await;
    let laptop = world.session("alice", "laptop");
    challenge(&laptop, json!({})).await;
    let refused = laptop.post(ENROLL, json!({"factorType": "totp"})).await;
    assert_eq!(refused.outcome(), (403, "step_up_required".to_owned()));
}
