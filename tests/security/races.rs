//! Races: the rules that hold for any number of parallel requests.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::tools::totp;
use crate::rig::{Client, Reply, World, enroll_app, enroll_email, enroll_phone};

const RACERS: usize = 100;

/// Makes as many parallel requests as the requirement says.
async fn race<F: Future<Output = Reply> + Send + 'static>(request: impl FnMut(usize) -> F) -> Vec<Reply> {
    at_once((0..RACERS).map(request)).await
}

pub(super) async fn a_totp_code_passes_once_under_concurrent_requests_t03(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    for _ in 0..3 {
        let code = world.next_code(&secret);
        let replies = race(|racer| {
            // Through every route that takes the code, each from another session.
            let (client, code) = (world.session("alice", &format!("alice-{racer}")), code.clone());
            async move {
                match racer % 3 {
                    0 => verify(&client, &code).await,
                    1 => client.post(GENAUTH_VERIFY, json!({"totp": code})).await,
                    _ => client.post(logto::VERIFY, json!({"code": code})).await,
                }
            }
        });
        let replies = replies.await;
        assert_eq!(replies.iter().filter(|reply| passed(reply)).count(), 1, "one of a hundred passes");
        assert!(replies.iter().all(|reply| outcome(reply).0 < 500), "and nobody is turned away");
    }
}

pub(super) async fn a_totp_code_passes_once_over_concurrent_different_operations_t03(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, app, _) = enroll_app(&alice, "App").await;
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let code = world.next_code(&secret);
    let replies = race(|racer| {
        // The sessions have no recent check, so the code alone decides.
        let client = world.session("alice", &format!("other-{racer}"));
        let (code, app, phone) = (code.clone(), app.clone(), phone.clone());
        async move {
            match racer % 5 {
                0 => verify(&client, &code).await,
                1 => client.delete(&format!("{FACTORS}/{phone}"), json!({"code": code})).await,
                2 => client.patch(&format!("{FACTORS}/{app}"), json!({"label": "Renamed", "code": code})).await,
                3 => client.post(CODES, json!({"code": code})).await,
                _ => client.post(ENROLL, json!({"factorType": "totp", "label": "New", "code": code})).await,
            }
        }
    })
    .await;
    assert_eq!(replies.iter().filter(|reply| passed(reply)).count(), 1, "one of a hundred passes");
}

pub(super) async fn a_passcode_passes_once_under_concurrent_requests_t03(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, code) = challenge(&alice, &phone).await;
    let replies = race(|_| {
        let (alice, id, code) = (alice.clone(), id.clone(), code.clone());
        async move { answer(&alice, &id, &code).await }
    })
    .await;
    assert_eq!((count(&replies, 200, ""), count(&replies, 409, "already_used")), (1, RACERS - 1));
}

pub(super) async fn a_recovery_code_passes_once_under_concurrent_requests_t03(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (_, _, codes) = enroll_app(&alice, "App").await;
    let replies = race(|racer| {
        let (alice, code) = (alice.clone(), codes[0].clone());
        async move {
            match racer % 2 {
                0 => verify(&alice, &code).await,
                _ => alice.post(GENAUTH_VERIFY, json!({"totp": code})).await,
            }
        }
    })
    .await;
    assert_eq!(replies.iter().filter(|reply| passed(reply)).count(), 1, "one of a hundred passes");
    let listed = alice.get(FACTORS).await.json();
    assert_eq!(listed["recoveryCodes"]["remaining"], codes.len() - 1, "and one code is spent");
}

pub(super) async fn an_enrollment_is_confirmed_once_under_concurrent_requests_t03(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (token, secret) = begin_app(&alice, "App").await;
    let code = world.next_code(&secret);
    let replies = race(|_| {
        let (alice, token, code) = (alice.clone(), token.clone(), code.clone());
        async move { confirm(&alice, &token, &code).await }
    })
    .await;
    // A request that reads the enrolment before the winner's commit and the account after it finds the label enrolled.
    let refused = count(&replies, 409, "already_used") + count(&replies, 409, "already_enrolled");
    assert_eq!((count(&replies, 201, ""), refused), (1, RACERS - 1));

    let bob = world.user("bob");
    let (id, secret) = logto::begin(&bob).await;
    logto::verify(&bob, &id, &world.next_code(&secret)).await.expect(200);
    let replies = race(|_| {
        let (bob, id) = (bob.clone(), id.clone());
        async move { logto::bind(&bob, &id).await }
    })
    .await;
    assert_eq!(count(&replies, 204, ""), 1);
    assert_eq!(bob.get(FACTORS).await.json()["factors"].as_array().unwrap().len(), 1);
}

/// A service that reads the count, compares, and only then counts would compare all of them.
pub(super) async fn parallel_guesses_at_an_app_are_all_counted_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    let code = world.next_code(&secret);
    let wrong = world.wrong_code(&secret);
    let replies = race(|_| {
        let (alice, wrong) = (alice.clone(), wrong.clone());
        async move { verify(&alice, &wrong).await }
    })
    .await;
    assert_five_were_looked_at(&replies);
    expect(&verify(&alice, &code).await, 429, "too_many_attempts");
}

pub(super) async fn parallel_guesses_at_a_passcode_are_all_counted_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, code) = challenge(&alice, &phone).await;
    let wrong = world.postbox.wrong_code();
    let replies = race(|_| {
        let (alice, id, wrong) = (alice.clone(), id.clone(), wrong.clone());
        async move { answer(&alice, &id, &wrong).await }
    })
    .await;
    assert_five_were_looked_at(&replies);
    expect(&answer(&alice, &id, &code).await, 429, "too_many_attempts");
}

pub(super) async fn parallel_guesses_at_an_enrollment_are_all_counted_t07(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (token, code) = begin_email(&alice, "alice@example.com").await;
    let wrong = world.postbox.wrong_code();
    let replies = race(|_| {
        let (alice, token, wrong) = (alice.clone(), token.clone(), wrong.clone());
        async move { confirm(&alice, &token, &wrong).await }
    })
    .await;
    assert_five_were_looked_at(&replies);
    expect(&confirm(&alice, &token, &code).await, 429, "too_many_attempts");
}

#[track_caller]
fn assert_five_were_looked_at(replies: &[Reply]) {
    let looked_at = replies.iter().filter(|reply| outcome(reply).1 == "incorrect_code");
    let mut remaining: Vec<_> = looked_at.map(|reply| reply.json()["remainingAttempts"].as_u64().unwrap()).collect();
    remaining.sort_unstable();
    assert_eq!(remaining, [0, 1, 2, 3, 4], "each of five guesses is counted");
    assert_eq!(count(replies, 429, "too_many_attempts"), replies.len() - 5, "the others are not looked at");
}

pub(super) async fn a_flood_on_one_factor_neither_locks_nor_starves_another_t09(store: Arc<dyn Store>) {
    const FLOOD: usize = 50;
    let world = World::on(store);
    for round in 0..4 {
        let alice = world.user(&format!("alice-{round}"));
        let (_, flooded, _) = enroll_app(&alice, "Flooded").await;
        let (secret, quiet, _) = enroll_app(&alice, "Quiet").await;
        let phone = enroll_phone(&alice, &format!("+861380013800{round}")).await;
        let (id, _) = challenge(&alice, &phone).await;
        let code = world.next_code(&secret);
        let wrong = if code == "000000" { "000001" } else { "000000" };

        let flood = (0..FLOOD).map(|drop| {
            let (stranger, flooded, id) =
                (world.session(&format!("alice-{round}"), "stranger"), flooded.clone(), id.clone());
            tokio::spawn(async move {
                for _ in 0..10 {
                    match drop % 3 {
                        0 => answer(&stranger, &id, wrong).await,
                        1 => verify(&stranger, "0000-0000-0000-0000").await,
                        _ => stranger.post(VERIFY, json!({"factorId": flooded, "code": wrong})).await,
                    };
                }
            })
        });
        let flood: Vec<_> = flood.collect();
        let check = json!({"factorId": quiet, "code": code});
        let mut reply = alice.post(VERIFY, check.clone()).await;
        if outcome(&reply).0 == 503 {
            reply = alice.post(VERIFY, check).await;
        }
        expect(&reply, 200, "");
        for drop in flood {
            drop.await.unwrap();
        }
        // The guesses did count: the factor is delayed now.
        let again = alice.post(VERIFY, json!({"factorId": flooded, "code": wrong})).await;
        expect(&again, 429, "too_many_attempts");
    }
}

pub(super) async fn only_one_of_two_concurrent_first_enrollments_is_confirmed_t18(store: Arc<dyn Store>) {
    let world = World::on(store);
    for round in 0..20 {
        let name = format!("alice-{round}");
        let (owner, thief) = (world.session(&name, "owner"), world.session(&name, "thief"));
        let (thiefs, thiefs_code) = begin_email(&thief, &format!("thief{round}@example.com")).await;
        let (owners, secret) = begin_app(&owner, "App").await;
        let owners_code = world.next_code(&secret);
        let replies = at_once(
            [(owner, owners, owners_code), (thief, thiefs, thiefs_code)]
                .map(|(client, token, code)| async move { confirm(&client, &token, &code).await }),
        )
        .await;
        let outcomes = (count(&replies, 201, ""), count(&replies, 403, "step_up_required"));
        assert_eq!(outcomes, (1, 1), "who comes second finds an account that is not empty any more");
    }
}

pub(super) async fn a_concurrent_check_does_not_bring_a_removed_factor_back_t20(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "App").await;
    for round in 0..10 {
        let phone = enroll_phone(&alice, &format!("+861380013800{round}")).await;
        let (id, code) = challenge(&alice, &phone).await;
        let wrong = world.postbox.wrong_code();
        let mut requests = vec![Request::Remove(format!("{FACTORS}/{phone}"))];
        requests.extend(
            (0..16).map(|number| Request::Answer(id.clone(), if number == 8 { code.clone() } else { wrong.clone() })),
        );
        at_once(requests.into_iter().map(|request| {
            let alice = alice.clone();
            async move {
                match request {
                    Request::Remove(path) => drop(alice.delete(&path, Value::Null).await.expect(204)),
                    Request::Answer(id, code) => drop(answer(&alice, &id, &code).await),
                }
            }
        }))
        .await;
        expect(&answer(&alice, &id, &code).await, 404, "not_found");
        expect(&alice.get(&format!("{FACTORS}/{phone}")).await, 404, "not_found");
        world.pass(60);
        // The session renews its recent check.
        verify(&alice, &world.next_code(&secret)).await.expect(200);
    }
}

enum Request {
    Remove(String),
    Answer(String, String),
}

pub(super) async fn a_destination_gets_five_messages_under_concurrent_requests_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let replies = at_once((0..50).map(|number| {
        let user = world.user(&format!("user-{number}"));
        async move { user.post(ENROLL, json!({"factorType": "sms", "phoneNumber": "+8613800138000"})).await }
    }))
    .await;
    let refused = count(&replies, 429, "too_many_messages");
    let busy = count(&replies, 503, "busy");
    assert_eq!((count(&replies, 201, ""), refused + busy), (5, 45));
    assert_eq!(world.postbox.calls(), 5);
}

pub(super) async fn a_user_sends_to_a_destination_once_under_concurrent_requests_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let replies = at_once((0..50).map(|number| {
        let user = world.session("alice", &format!("alice-{number}"));
        async move { user.post(ENROLL, json!({"factorType": "sms", "phoneNumber": "+8613800138000"})).await }
    }))
    .await;
    let refused = count(&replies, 429, "too_many_messages");
    let busy = count(&replies, 503, "busy");
    assert_eq!((count(&replies, 201, ""), refused + busy), (1, 49));
    assert_eq!(world.postbox.calls(), 1);
}

pub(super) async fn a_factor_is_challenged_once_under_concurrent_requests_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let phone = enroll_phone(&world.user("alice"), "+8613800138000").await;
    for _ in 0..2 {
        let messages = world.postbox.calls();
        let replies = at_once((0..200).map(|number| {
            // In every way to name the factor, from ten sessions.
            let client = world.session("alice", &format!("alice-{}", number % 10));
            let request = [json!({"factorId": phone}), json!({"factorType": "sms"}), json!({})][number % 3].clone();
            async move { client.post(CHALLENGE, request).await }
        }))
        .await;
        let refused = count(&replies, 429, "too_many_messages");
        let busy = count(&replies, 503, "busy");
        assert_eq!((count(&replies, 201, ""), refused + busy), (1, 199));
        assert_eq!(world.postbox.calls(), messages + 1);
        let id = replies.iter().find(|reply| passed(reply)).unwrap().text("/challengeId");
        answer(&world.user("alice"), &id, &world.postbox.code()).await.expect(200);
        world.pass(20);
    }
}

/// Sixty-four requests of every kind to one account. Each answer says what really happened.
pub(super) async fn answers_to_64_concurrent_requests_match_the_final_account(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "App").await;
    let mail = enroll_email(&alice, "alice@example.com").await;
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, sent_code) = challenge(&alice, &mail).await;
    let (token, new_secret) = begin_app(&alice, "New").await;
    let code = world.next_code(&secret);
    let new_code = totp(&new_secret, world.now());
    let of_app = json!({"factorId": app, "code": code});

    let mut requests: Vec<(&str, String, Value)> = Vec::new();
    for number in 0..16 {
        requests.push(("POST", VERIFY.to_owned(), json!({"code": codes[number % 8]})));
        requests.push(("POST", VERIFY.to_owned(), of_app.clone()));
        requests.push(match number % 4 {
            0 => ("POST", VERIFY.to_owned(), json!({"challengeId": id, "code": sent_code})),
            1 => ("POST", CONFIRM.to_owned(), json!({"enrollmentToken": token, "code": new_code})),
            2 => ("DELETE", format!("{FACTORS}/{phone}"), Value::Null),
            _ => ("POST", ENROLL.to_owned(), json!({"factorType": "totp", "label": "Newer"})),
        });
        requests.push(("PATCH", format!("{FACTORS}/{app}"), json!({"label": format!("Label {number}")})));
    }
    assert_eq!(requests.len(), 64);
    let replies = at_once(requests.clone().into_iter().map(|(method, path, body)| {
        let alice = alice.clone();
        async move { told(&alice, method, &path, &body).await }
    }))
    .await;

    let successes = |kind: &dyn Fn(&(&str, String, Value)) -> bool| {
        requests.iter().zip(&replies).filter(|(request, reply)| kind(request) && passed(reply)).count()
    };
    for recovery_code in &codes[..8] {
        assert!(successes(&|(_, _, body)| body["code"] == **recovery_code) <= 1, "a recovery code passes once");
    }
    let recovered = successes(&|(_, _, body)| codes.iter().any(|code| body["code"] == **code));
    assert_eq!(successes(&|(_, _, body)| *body == of_app), 1, "the app's code passes once");
    assert_eq!(successes(&|(_, _, body)| body["challengeId"] == *id), 1, "the challenge is answered once");
    assert!(successes(&|(_, path, _)| path == CONFIRM) <= 1, "the enrollment is confirmed once, or was replaced");
    assert_eq!(successes(&|(method, ..)| *method == "DELETE"), 1, "the phone is removed once");
    assert_eq!(successes(&|(method, ..)| *method == "PATCH"), 16, "every label is set");

    let listed = alice.get(FACTORS).await.expect(200).json();
    let factors = 2 + successes(&|(_, path, _)| path == CONFIRM);
    assert_eq!(listed["factors"].as_array().unwrap().len(), factors);
    assert_eq!(listed["recoveryCodes"]["remaining"], codes.len() - recovered);
}

/// Repeats a request until its answer is not "busy", and returns the answer.
async fn told(client: &Client, method: &str, path: &str, body: &Value) -> Reply {
    loop {
        let reply = client.call(method, path, body.clone()).await;
        if outcome(&reply).0 != 503 {
            return reply;
        }
    }
}
