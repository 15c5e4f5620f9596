//! The token of a session, and its browser.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{Observed, Plan, enroll_app, enroll_phone};

pub(super) async fn a_session_belongs_to_the_first_browser_that_used_it_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let other = world.in_session(&begun.token, OTHER);
    begun.person.get(VIEW).await.expect(200);
    refused(&other.get(VIEW).await, 401, "unauthorized");
    refused(&other.post(VERIFY, json!({"code": world.next_code(&secret)})).await, 401, "unauthorized");
    refused(&other.post(LEAVE, Value::Null).await, 401, "unauthorized");
    for secret in ["", "short", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
        refused(&world.in_session(&begun.token, secret).get(VIEW).await, 401, "unauthorized");
    }
    pass(&begun, &secret).await;
}

pub(super) async fn a_token_ends_with_its_session_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    pass(&begun, &secret).await;
    // The browser that passed may have lost the way back. It gets this and nothing else.
    assert_eq!(begun.person.get(VIEW).await.expect(200).text("/needs"), "done");
    refused(&begun.person.post(LEAVE, Value::Null).await, 409, "already_used");
    refused(&begun.person.post(VERIFY, json!({"code": world.next_code(&secret)})).await, 409, "already_used");

    let begun = check_session(&world).await;
    world.pass(899);
    begun.person.get(VIEW).await.expect(200);
    world.pass(1);
    refused(&begun.person.get(VIEW).await, 401, "unauthorized");
    assert_eq!(status(&world, &begun.id).await, "expired");
    // A clock that steps back by a year brings no session to life.
    world.pass(-365 * 86_400);
    refused(&begun.person.get(VIEW).await, 410, "expired");
}

pub(super) async fn another_actors_change_ends_the_session_t18(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    for purpose in ["check", "enroll", "manage"] {
        let begun = begin(&world, json!({"purpose": purpose})).await;
        begun.person.get(VIEW).await.expect(200);
        alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
        alice.post(CODES, Value::Null).await.expect(201);
        refused(&begun.person.get(VIEW).await, 410, "expired");
        refused(&begun.person.post(VERIFY, json!({"code": world.next_code(&secret)})).await, 410, "expired");
        assert_eq!(status(&world, &begun.id).await, "expired");
    }
}

pub(super) async fn forgetting_the_user_ends_the_session_t20(store: Arc<dyn Store>) {
    let world = world(store);
    let begun = begin(&world, json!({"purpose": "enroll"})).await;
    world.back_end("alice").delete("/v1/me", Value::Null).await.expect(204);
    refused(&begun.person.post(ENROLL, json!({"factorType": "totp"})).await, 410, "expired");
}

pub(super) async fn a_forged_token_is_refused_before_the_table_is_asked_t46(store: Arc<dyn Store>) {
    let observed = Observed::new(store);
    let world = Plan::over(observed.clone(), SETTINGS).build();
    enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let mut flipped = begun.token.clone().into_bytes();
    let last = flipped.len() / 2;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    observed.take();
    for forged in ["", "A", "no token!", &begun.token[1..], &format!("{}A", begun.token), &flipped, &begun.id] {
        let person = world.in_session(forged, BROWSER);
        for (method, path) in [("GET", VIEW), ("POST", VERIFY), ("POST", LEAVE), ("GET", FACTORS)] {
            refused(&person.call(method, path, Value::Null).await, 401, "unauthorized");
        }
    }
    assert_eq!(observed.take_round_trips(), Vec::<Vec<_>>::new());
}

pub(super) async fn a_token_of_one_kind_is_none_of_another_t41(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    let passed = alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let enrollment = alice.post(ENROLL, json!({"factorType": "totp", "label": "New"})).await.expect(201);
    for token in [passed.text("/receipt"), enrollment.text("/enrollmentToken"), "token".to_owned()] {
        refused(&world.in_session(&token, BROWSER).get(VIEW).await, 401, "unauthorized");
    }
    // The identity of a user or of the back end opens no route of sessions.
    refused(&alice.get(VIEW).await, 401, "unauthorized");
    refused(&world.back_end("alice").get(VIEW).await, 401, "unauthorized");
    // A session opens no route of users or of the back end.
    let begun = begin(&world, json!({"purpose": "manage"})).await;
    let send = |path: &'static str| {
        let request = begun.person.request("GET", "/").uri(path);
        world.send(request.body(axum::body::Body::empty()).unwrap())
    };
    refused(&send("/v1/me/factors").await, 401, "unauthorized");
    refused(&send("/v1/users/alice/factors").await, 401, "unauthorized");
}

pub(super) async fn a_return_url_must_be_one_of_the_operators_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let back_end = world.back_end("alice");
    let create = |url: &str| {
        let (back_end, body) = (back_end.clone(), json!({"purpose": "enroll", "returnUrl": url}));
        async move { back_end.post("/v1/me/sessions", body).await }
    };
    for right in [RETURN, "https://shop.example/account", "https://shop.example/signed-in?next=%2Fbasket&x=1"] {
        create(right).await.expect(201);
    }
    for wrong in [
        "https://shop.example",
        "https://shop.example/",
        "https://shop.example/signed-in/",
        "https://shop.example/signed-in/../evil",
        "https://shop.example/signed-in#x",
        "https://shop.example/signed-in?a#x",
        "https://shop.example.evil.example/signed-in",
        "https://shop.example@evil.example/signed-in",
        "https://evil.example/?https://shop.example/signed-in",
        "https://SHOP.example/signed-in",
        "http://shop.example/signed-in",
        "//shop.example/signed-in",
        "/signed-in",
        "javascript:alert(1)//https://shop.example/signed-in",
        "https://shop.example\\signed-in",
        " https://shop.example/signed-in",
        "https://shop.example/signed-in?a b",
    ] {
        let reply = create(wrong).await;
        refused(&reply, 400, "invalid_request");
        assert_eq!(reply.json()["errors"][0]["field"], "returnUrl", "{wrong}");
    }
    // A query that is there is kept.
    let begun = begin(&world, json!({"purpose": "enroll", "returnUrl": format!("{RETURN}?next=%2Fbasket")})).await;
    let next = begun.person.post(LEAVE, Value::Null).await.expect(200).text("/next");
    assert_eq!(next, format!("{RETURN}?next=%2Fbasket&session={}", begun.id));
    // Without return URLs there are no sessions.
    let without = Plan::with(&[("RETURN_URLS", "")]).build().back_end("alice");
    let request = json!({"purpose": "enroll", "returnUrl": RETURN});
    refused(&without.post("/v1/me/sessions", request).await, 501, "channel_not_configured");
}

pub(super) async fn two_hundred_answers_at_once_finish_the_session_once_t46(store: Arc<dyn Store>) {
    let world = world(store);
    enroll_phone(&world.user("alice"), "+8613800138000").await;
    let begun = check_session(&world).await;
    let id = begun.person.post(CHALLENGE, json!({})).await.expect(201).text("/challengeId");
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (person, answer) = (begun.person.clone(), answer.clone());
            // Some leave while others answer.
            tokio::spawn(async move {
                if number % 10 == 9 { person.post(LEAVE, Value::Null).await } else { person.post(VERIFY, answer).await }
            })
        })
        .collect();
    let mut nexts = Vec::new();
    for task in tasks {
        let reply = task.await.unwrap();
        if reply.status == 200 {
            nexts.push(reply.json()["next"].as_str().unwrap_or_default().to_owned());
        }
    }
    assert_eq!(nexts.len(), 1, "{nexts:?}");
    let is_passed = nexts[0].contains("&code=");
    assert_eq!(status(&world, &begun.id).await, if is_passed { "done" } else { "canceled" });
}
