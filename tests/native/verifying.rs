//! `POST /v1/me/verify`.

use serde_json::{Value, json};

use super::{CHALLENGES, FACTORS, VERIFY, factor};
use crate::rig::enroll::native::ENROLL;
use crate::rig::{Client, Plan, Transcript, World, enroll_app, enroll_email, enroll_phone};

async fn challenge(client: &Client) -> String {
    client.post(CHALLENGES, json!({})).await.expect(201).text("/challengeId")
}

#[tokio::test]
async fn an_app_is_named_by_its_id_by_its_type_or_not_at_all() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let (phone, phone_id, _) = enroll_app(&alice, "Phone").await;
    log.post("the only app", &alice, VERIFY, json!({"code": world.next_code(&phone)})).await;
    let by_type = json!({"code": world.next_code(&phone), "factorType": "totp"});
    log.post("by its type", &alice, VERIFY, by_type).await;
    let (tablet, tablet_id, _) = enroll_app(&alice, "Tablet").await;
    log.post("by its id", &alice, VERIFY, json!({"code": world.next_code(&phone), "factorId": phone_id})).await;
    let id_first = json!({"code": world.next_code(&tablet), "factorId": tablet_id, "factorType": "sms"});
    log.post("the id comes first", &alice, VERIFY, id_first).await;
    log.post("with two apps", &alice, VERIFY, json!({"code": world.next_code(&phone)})).await;
    let by_type = json!({"code": world.next_code(&phone), "factorType": "totp"});
    log.post("with two apps, by their type", &alice, VERIFY, by_type).await;
    let others = json!({"code": world.next_code(&tablet), "factorId": phone_id});
    log.post("the other app's code", &alice, VERIFY, others).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_totp_code_may_contain_spaces_and_hyphens() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    for (before, between) in [("", " "), (" ", "-"), ("", "\u{a0}")] {
        let code = world.next_code(&secret);
        let spelt = format!("{before}{}{between}{}", &code[..3], &code[3..]);
        alice.post(VERIFY, json!({"code": spelt})).await.expect(200);
    }
}

#[tokio::test]
async fn a_factor_that_is_not_there_verifies_nothing() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let mut log = Transcript::default();
    let (secret, app, codes) = enroll_app(&alice, "Phone").await;
    let code = world.next_code(&secret);
    log.post("another user's code", &bob, VERIFY, json!({"code": code})).await;
    log.post("another user's app", &bob, VERIFY, json!({"code": code, "factorId": app})).await;
    log.post("another user's recovery code", &bob, VERIFY, json!({"code": codes[0]})).await;
    log.post("no id at all", &alice, VERIFY, json!({"code": code, "factorId": "F1"})).await;
    let number = enroll_phone(&alice, "+41791234567").await;
    let id = challenge(&alice).await;
    let answer = json!({"code": world.postbox.code(), "challengeId": id});
    log.post("another user's challenge", &bob, VERIFY, answer.clone()).await;
    log.post("no challenge at all", &alice, VERIFY, json!({"code": code, "challengeId": "C1"})).await;
    alice.delete(&factor(&number), Value::Null).await.expect(204);
    log.post("a challenge whose factor was removed", &alice, VERIFY, answer).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn without_a_factor_that_could_be_meant_the_user_is_not_enrolled() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let mut log = Transcript::default();
    for (says, body) in [
        ("no factor at all", json!({"code": "123456"})),
        ("no factor at all, by a type", json!({"code": "123456", "factorType": "totp"})),
        ("no factor at all, with a recovery code", json!({"code": "0000-0000-0000-0000"})),
    ] {
        log.post(says, &bob, VERIFY, body).await;
    }
    enroll_email(&alice, "alice@example.com").await;
    for factor_type in ["totp", "sms"] {
        let body = json!({"code": "123456", "factorType": factor_type});
        log.post("none of the type", &alice, VERIFY, body).await;
    }
    let other_session = world.session("alice", "laptop");
    let body = json!({"factorType": "totp", "code": "123456"});
    log.post("in place of a recent check", &other_session, ENROLL, body).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_passcode_passes_only_with_its_challenge_id() {
    let world = World::new();
    let alice = world.user("alice");
    let number = enroll_phone(&alice, "+41791234567").await;
    challenge(&alice).await;
    let code = world.postbox.code();
    let mut log = Transcript::default();
    log.post("by its factor", &alice, VERIFY, json!({"code": code, "factorId": number})).await;
    log.post("by its type", &alice, VERIFY, json!({"code": code, "factorType": "sms"})).await;
    log.post("by nothing", &alice, VERIFY, json!({"code": code})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_challenge_lives_ten_minutes() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let in_time = json!({"challengeId": challenge(&alice).await, "code": world.postbox.code()});
    world.pass(599);
    alice.post(VERIFY, in_time).await.expect(200);
    let late = json!({"challengeId": challenge(&alice).await, "code": world.postbox.code()});
    world.pass(600);
    let mut log = Transcript::default();
    log.post("ten minutes later", &alice, VERIFY, late).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_challenge_allows_five_wrong_answers() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    let id = challenge(&alice).await;
    let right = world.postbox.code();
    let mut log = Transcript::default();
    for number in ["first", "second", "third", "fourth", "fifth"] {
        let wrong = json!({"challengeId": id, "code": world.postbox.wrong_code()});
        log.post(&format!("the {number} wrong answer"), &alice, VERIFY, wrong).await;
    }
    log.post("the right one", &alice, VERIFY, json!({"challengeId": id, "code": right})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_any_factor_once() {
    let world = World::new();
    let alice = world.user("alice");
    let (_, app, codes) = enroll_app(&alice, "Phone").await;
    enroll_phone(&alice, "+41791234567").await;
    let id = challenge(&alice).await;
    let mut log = Transcript::default();
    log.post("alone", &alice, VERIFY, json!({"code": codes[0]})).await;
    log.post("again", &alice, VERIFY, json!({"code": codes[0]})).await;
    log.post("for an app", &alice, VERIFY, json!({"code": codes[1], "factorId": app})).await;
    log.post("for a challenge", &alice, VERIFY, json!({"code": codes[2], "challengeId": id})).await;
    let shouted = codes[3].to_uppercase().replace('-', " ");
    log.post("as somebody wrote it down", &alice, VERIFY, json!({"code": shouted})).await;
    let joined = codes[4].replace('-', "");
    log.post("in one piece", &alice, VERIFY, json!({"code": joined})).await;
    log.post("for a number, by its type", &alice, VERIFY, json!({"code": codes[5], "factorType": "sms"})).await;
    assert_eq!(alice.get(FACTORS).await.json()["recoveryCodes"]["remaining"], 4);
    alice.post(VERIFY, json!({"code": world.postbox.code(), "challengeId": id})).await.expect(200);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn wrong_codes_of_an_app_are_delayed() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    world.next_code(&secret);
    let mut log = Transcript::default();
    for number in ["first", "second", "third", "fourth", "fifth"] {
        let wrong = json!({"code": world.wrong_code(&secret)});
        log.post(&format!("the {number} wrong code"), &alice, VERIFY, wrong).await;
    }
    let right = json!({"code": crate::rig::tools::totp(&secret, world.now())});
    log.post("the right code", &alice, VERIFY, right.clone()).await;
    world.pass(2);
    log.post("the sixth wrong code", &alice, VERIFY, json!({"code": world.wrong_code(&secret)})).await;
    log.post("the right code", &alice, VERIFY, right.clone()).await;
    world.pass(4);
    log.post("the right code, after the delay", &alice, VERIFY, right).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn wrong_recovery_codes_are_neither_delayed_nor_counted() {
    let world = World::new();
    let alice = world.user("alice");
    let (.., codes) = enroll_app(&alice, "Phone").await;
    let wrong = json!({"code": "0000-0000-0000-0000"});
    let mut log = Transcript::default();
    let first = log.post("a wrong recovery code", &alice, VERIFY, wrong.clone()).await;
    for _ in 0..200 {
        let reply = alice.post(VERIFY, wrong.clone()).await.expect(400);
        assert_eq!((reply.json(), reply.retry_after()), (first.json(), None), "every one is told the same");
    }
    log.post("a right one", &alice, VERIFY, json!({"code": codes[0]})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn too_many_wrong_codes_lock_only_that_factor() {
    let world = Plan::with(&[("LOCK_AFTER", "10")]).build();
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "Phone").await;
    let address = enroll_email(&alice, "alice@example.com").await;
    for _ in 0..10 {
        world.pass(15 * 60);
        alice.post(VERIFY, json!({"code": world.wrong_code(&secret)})).await.expect(400);
    }
    world.pass(24 * 60 * 60);
    let mut log = Transcript::default();
    log.post("the right code", &alice, VERIFY, json!({"code": world.next_code(&secret)})).await;
    let with_it = json!({"code": world.next_code(&secret)});
    log.delete("removing it with its code", &alice, &factor(&app), with_it).await;
    let id = challenge(&alice).await;
    alice.post(VERIFY, json!({"challengeId": id, "code": world.postbox.code()})).await.expect(200);
    alice.post(VERIFY, json!({"code": codes[0]})).await.expect(200);
    alice.delete(&factor(&app), Value::Null).await.expect(204);
    alice.get(&factor(&address)).await.expect(200);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_locked_number_is_not_challenged() {
    let world = Plan::with(&[("LOCK_AFTER", "10")]).build();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    for _ in 0..10 {
        world.pass(15 * 60);
        let id = challenge(&alice).await;
        alice.post(VERIFY, json!({"challengeId": id, "code": world.postbox.wrong_code()})).await.expect(400);
    }
    world.pass(15 * 60);
    let mut log = Transcript::default();
    log.post("a challenge", &alice, CHALLENGES, json!({})).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_invalid_field_is_named_in_the_error() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice, "Phone").await;
    let mut log = Transcript::default();
    let requests = [
        ("no code", json!({})),
        ("an empty code", json!({"code": ""})),
        ("a code that is a number", json!({"code": 12345})),
        ("a code of five digits", json!({"code": "12345"})),
        ("a code of other digits", json!({"code": "١٢٣٤٥٦"})),
        ("a challenge that is a number", json!({"code": "123456", "challengeId": 1})),
        ("a factor that is a list", json!({"code": "123456", "factorId": ["a"]})),
        ("a type that is none", json!({"code": "123456", "factorType": "phone"})),
        ("a voice", json!({"code": "123456", "factorType": "voice"})),
    ];
    for (says, request) in requests {
        log.post(says, &alice, VERIFY, request).await;
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_timestamp_from_the_client_is_ignored() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    let later = world.now() + 3600;
    let request = alice.request("POST", VERIFY).header("date", "Fri, 15 Jan 2027 09:00:00 GMT");
    let body = json!({"code": crate::rig::tools::totp(&secret, later)}).to_string();
    let refused = world.send(request.body(body.into()).unwrap()).await;
    assert_eq!(refused.outcome(), (400, "incorrect_code".to_owned()));
}

/// A back end may let in a user who is not enrolled. It often passes on the type that a browser chose.
#[tokio::test]
async fn a_user_with_a_factor_is_never_reported_as_not_enrolled() {
    let world = World::new();
    enroll_app(&world.user("alice"), "Phone").await;
    enroll_email(&world.user("bob"), "bob@example.com").await;
    let mut reported = Vec::new();
    for (user, factor_type) in [("alice", "email"), ("alice", "sms"), ("bob", "totp"), ("bob", "sms")] {
        let back_end = world.back_end(user);
        let verify = json!({"code": "123456", "factorType": factor_type});
        for (path, body) in [("verify", verify), ("challenges", json!({"factorType": factor_type}))] {
            let reply = back_end.post(&format!("/v1/me/{path}"), body).await;
            if reply.outcome() == (404, "not_enrolled".to_owned()) {
                reported.push(format!("{path} of {user} by {factor_type}"));
            }
        }
    }
    assert!(reported.is_empty(), "{reported:?}");
}

/// A request that asks for an app must not be passed with a code that was sent by e-mail.
#[tokio::test]
async fn a_request_that_names_an_app_is_not_passed_by_email() {
    let world = World::new();
    let alice = world.user("alice");
    let (_, app, _) = enroll_app(&alice, "Phone").await;
    enroll_email(&alice, "alice@example.com").await;
    let back_end = world.back_end("alice");
    for asked in [json!({"factorType": "totp"}), json!({"factorId": app})] {
        world.pass(60);
        let sent = back_end.post("/v1/me/challenges", json!({"factorType": "email"})).await.expect(201);
        let mut body = asked.clone();
        body["challengeId"] = sent.text("/challengeId").into();
        body["code"] = world.postbox.code().into();
        let checked = back_end.post("/v1/me/verify", body).await;
        assert_eq!(checked.outcome(), (400, "invalid_request".to_owned()), "{asked}");
    }
}
