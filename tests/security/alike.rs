//! An answer reveals nothing about other users: theirs and unknown things get the same answer and cost the same work.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{Asked, Client, Observed, Reply, World, enroll_app, enroll_email, enroll_phone};

/// An answer, and the calls to the store that it took.
async fn observed(store: &Observed, client: &Client, method: &str, path: &str, body: &Value) -> (Reply, Vec<Asked>) {
    store.take();
    let reply = client.call(method, path, body.clone()).await;
    (reply, store.take())
}

/// Asserts the same status, headers and body, and the same calls to the store.
#[track_caller]
fn assert_alike(what: &str, (one, asked): &(Reply, Vec<Asked>), (other, asked_of_other): &(Reply, Vec<Asked>)) {
    assert_eq!(one.status, other.status, "{what}: {} {}", one.json(), other.json());
    assert_eq!(one.headers, other.headers, "{what}");
    assert_eq!(one.json(), other.json(), "{what}");
    assert_eq!(asked, asked_of_other, "{what}");
}

/// Requests that name a factor, a challenge, a token, an id, and a code.
fn requests(factor: &str, challenge: &str, token: &str, id: &str, code: &str) -> Vec<(&'static str, String, Value)> {
    let path = format!("{FACTORS}/{factor}");
    let data = json!({"passCode": code});
    vec![
        ("GET", path.clone(), Value::Null),
        ("PATCH", path.clone(), json!({"label": "Mine"})),
        ("PATCH", path.clone(), json!({"label": "Mine", "code": code})),
        ("DELETE", path.clone(), Value::Null),
        ("DELETE", path, json!({"code": code})),
        ("POST", CHALLENGE.to_owned(), json!({"factorId": factor})),
        ("POST", VERIFY.to_owned(), json!({"factorId": factor, "code": code})),
        ("POST", VERIFY.to_owned(), json!({"challengeId": challenge, "code": code})),
        ("POST", CONFIRM.to_owned(), json!({"enrollmentToken": token, "code": code})),
        (
            "POST",
            genauth::ENROLL.to_owned(),
            json!({"factorType": "OTP", "enrollmentToken": token.replace("en.", "eg."), "enrollmentData": data}),
        ),
        ("GET", format!("/api/v3/get-factor?factorId={factor}"), Value::Null),
        ("POST", "/api/v3/reset-factor".to_owned(), json!({"factorId": factor})),
        ("POST", logto::VERIFY.to_owned(), json!({"verificationId": id, "code": code})),
        ("POST", logto::BIND.to_owned(), json!({"type": "Totp", "verificationId": id})),
    ]
}

/// Two lists of requests: with Bob's ids and a code that is right for them, and with ids that nobody has.
async fn of_bob_and_of_nobody(world: &World) -> [Vec<(&'static str, String, Value)>; 2] {
    let bob = world.user("bob");
    let phone = enroll_phone(&bob, "+8613800138000").await;
    let (challenge_id, code) = challenge(&bob, &phone).await;
    let (token, _) = begin_email(&bob, "bob@example.com").await;
    let (id, secret) = logto::begin(&bob).await;
    logto::verify(&bob, &id, &world.next_code(&secret)).await.expect(200);
    let nonce = "A".repeat(22);
    [
        requests(&phone, &challenge_id, &token, &id, &code),
        requests(
            "aaaaaaaaaaaaaaaa",
            &format!("cn.aaaaaaaaaaaaaaaa.{nonce}"),
            &format!("en.email.{nonce}"),
            &format!("el.totp.{nonce}"),
            &code,
        ),
    ]
}

/// A user with every kind of factor, whose session has a recent check.
async fn known(world: &World) -> Client {
    let alice = world.user("alice");
    enroll_app(&alice, "App").await;
    enroll_email(&alice, "alice@example.com").await;
    alice
}

pub(super) async fn another_users_ids_are_answered_like_unknown_ids_t21(store: Arc<dyn Store>) {
    let store = Observed::new(store);
    let world = World::on(store.clone());
    let [of_bob, of_nobody] = of_bob_and_of_nobody(&world).await;
    for client in [known(&world).await, world.user("stranger")] {
        for ((method, path, body), (_, other_path, other_body)) in of_bob.iter().zip(&of_nobody) {
            let of_bob = observed(&store, &client, method, path, body).await;
            let of_nobody = observed(&store, &client, method, other_path, other_body).await;
            assert!(!passed(&of_bob.0), "{method} {path}: {}", of_bob.0.json());
            assert_alike(&format!("{method} {path}"), &of_bob, &of_nobody);
        }
    }
}

pub(super) async fn users_with_and_without_factors_get_the_same_answers_about_others_t21(store: Arc<dyn Store>) {
    let store = Observed::new(store);
    let world = World::on(store.clone());
    let [of_bob, of_nobody] = of_bob_and_of_nobody(&world).await;
    let (known, unknown) = (known(&world).await, world.user("stranger"));
    for (method, path, body) in of_bob.iter().chain(&of_nobody) {
        let told = observed(&store, &known, method, path, body).await;
        let told_a_stranger = observed(&store, &unknown, method, path, body).await;
        assert_alike(&format!("{method} {path}"), &told, &told_a_stranger);
    }
}

pub(super) async fn a_destination_enrolled_by_another_user_looks_like_a_free_one_t21(store: Arc<dyn Store>) {
    let store = Observed::new(store);
    let world = World::on(store.clone());
    let bob = world.user("bob");
    enroll_phone(&bob, "+8613800138000").await;
    enroll_email(&bob, "bob@example.com").await;
    world.pass(60);
    let pairs = [
        (
            ENROLL,
            json!({"factorType": "sms", "phoneNumber": "+8613800138000"}),
            json!({"factorType": "sms", "phoneNumber": "+8613900138000"}),
        ),
        (
            ENROLL,
            json!({"factorType": "email", "email": "bob@example.com"}),
            json!({"factorType": "email", "email": "bub@example.com"}),
        ),
        (
            genauth::SEND,
            json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000"}}),
            json!({"factorType": "SMS", "profile": {"phoneNumber": "13900138000"}}),
        ),
    ];
    for (path, taken, free) in pairs {
        let taken = observed(&store, &world.user("alice"), "POST", path, &taken).await;
        let free = observed(&store, &world.user("carol"), "POST", path, &free).await;
        assert!(passed(&taken.0), "{}", taken.0.json());
        assert_eq!(taken.0.status, free.0.status);
        assert_eq!(names_of(&taken.0), names_of(&free.0));
        assert_eq!(kinds_of(&taken.1), kinds_of(&free.1));
        world.pass(60);
    }
}

fn names_of(reply: &Reply) -> Vec<String> {
    reply.json().as_object().unwrap().keys().cloned().collect()
}

/// The calls to the store without the sizes: a limit that was charged before is a few bytes larger.
fn kinds_of(asked: &[Asked]) -> Vec<String> {
    let kinds = |asked: &Asked| match asked {
        Asked::Get(kind) => format!("get {kind}"),
        Asked::Commit(puts) => format!("commit {}", puts.iter().map(|(kind, _)| *kind).collect::<String>()),
    };
    asked.iter().map(kinds).collect()
}
