//! A photo beside a check.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::json;
use tokio::task::JoinSet;

use super::given::*;
use crate::rig::faces::photo;
use crate::rig::{enroll_app, enroll_email, transfer};

pub(super) async fn a_face_adds_to_a_check_and_is_never_one_t26(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, _, app, face) = with_face(&world).await;
    let added = show(&alice, ALICE).await.expect(200);
    let json = added.json();
    assert_eq!(json!([json["verified"], json["acr"], json["amr"]]), json!([true, "otp", ["otp", "face"]]));
    let claims = claims(&added);
    let expected = json!(["otp", "second_factor otp face", ["otp", "face"], app]);
    assert_eq!(json!([claims["acr"], claims["scope"], claims["amr"], claims["factor_id"]]), expected);
    assert_eq!(claims["iat"], world.now());

    // Without a check of its own session a photo passes nothing, and is not judged.
    let calls = world.judge.calls();
    let thief = world.session("alice", "stolen");
    let refusal = show(&thief, ALICE).await;
    refused(&refusal, 403, "step_up_required");
    assert_eq!(refusal.json()["factors"].as_array().unwrap().len(), 1);
    assert_eq!(refusal.json()["factors"][0]["type"], "totp");
    assert_eq!(world.judge.calls(), calls);
    // The check of before is over.
    world.pass(601);
    refused(&show(&alice, ALICE).await, 403, "step_up_required");
    // No level asks for a face, and no need of a check is met by one.
    let needed = alice.post("/v1/me/checks", json!({})).await.expect(200).json();
    assert!(!needed["factors"].as_array().unwrap().iter().any(|each| each["id"] == json!(face)), "{needed}");
    refused(&alice.post("/v1/me/checks", json!({"acrValues": ["face"]})).await, 400, "invalid_request");
}

pub(super) async fn a_face_gives_no_recent_check_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, _, _, _) = with_face(&world).await;
    world.pass(590);
    show(&alice, ALICE).await.expect(200);
    // The check of the app is as old as before.
    world.pass(11);
    refused(&alice.post("/v1/me/recovery-codes", json!({})).await, 403, "step_up_required");
}

pub(super) async fn a_face_finishes_no_session_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (_, secret, _, _) = with_face(&world).await;
    let fields = json!({"purpose": "check", "returnUrl": "https://shop.example/signed-in", "acrValues": ["phr"]});
    let created = world.back_end("alice").post("/v1/me/sessions", fields).await.expect(201);
    let token = created.text("/url").split_once('#').unwrap().1.to_owned();
    let person = world.in_session(&token, "AAAAAAAAAAAAAAAAAAAAAA");
    refused(&show(&person, ALICE).await, 403, "step_up_required");
    pass(&person, &secret).await;
    let added = show(&person, ALICE).await.expect(200).json();
    assert_eq!((added.get("next"), added.get("receipt")), (None, None));
    let view = person.get("/v1/session").await.expect(200).json();
    assert_eq!(json!([view["needs"], view["factors"]]), json!(["check", []]));

    // No session enrols one: its page takes no photos.
    for purpose in ["enroll", "manage"] {
        let fields = json!({"purpose": purpose, "returnUrl": "https://shop.example/signed-in"});
        let created = world.back_end("alice").post("/v1/me/sessions", fields).await.expect(201);
        let token = created.text("/url").split_once('#').unwrap().1.to_owned();
        let person = world.in_session(&token, "AAAAAAAAAAAAAAAAAAAAAA");
        pass(&person, &secret).await;
        refused(&person.post(ENROLL, consent()).await, 401, "unauthorized");
    }
}

pub(super) async fn the_back_end_has_no_session_to_add_a_face_to_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (_, secret, _, _) = with_face(&world).await;
    let back_end = world.back_end("alice");
    pass(&back_end, &secret).await;
    refused(&show(&back_end, ALICE).await, 403, "step_up_required");
}

pub(super) async fn another_face_is_refused_after_five_failures_in_a_row_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, secret, _, face) = with_face(&world).await;
    for left in [4, 3] {
        let refusal = show(&alice, MALLORY).await;
        refused(&refusal, 400, "incorrect_code");
        assert_eq!(refusal.json()["remainingAttempts"], left);
    }
    // A success begins anew.
    show(&alice, ALICE).await.expect(200);
    for _ in 0..5 {
        refused(&show(&alice, MALLORY).await, 400, "incorrect_code");
    }
    let calls = world.judge.calls();
    refused(&show(&alice, ALICE).await, 403, "factor_locked");
    world.pass(86_400);
    pass(&alice, &secret).await;
    refused(&show(&alice, ALICE).await, 403, "factor_locked");
    assert_eq!(world.judge.calls(), calls);
    // The other factors go on, and a face that is enrolled again has new tries.
    alice.delete(&format!("{FACTORS}/{face}"), json!({})).await.expect(204);
    enroll_face(&alice).await;
    show(&alice, ALICE).await.expect(200);
}

pub(super) async fn five_photos_at_once_are_judged_and_no_sixth_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, _, _, _) = with_face(&world).await;
    let before = world.judge.calls();
    let mut photos = JoinSet::new();
    for _ in 0..16 {
        let alice = alice.clone();
        photos.spawn(async move { show(&alice, MALLORY).await.outcome().1 });
    }
    let answers = photos.join_all().await;
    let asked = world.judge.calls() - before;
    assert!((1..=5).contains(&asked), "{asked} calls");
    let known = ["incorrect_code", "factor_locked", "busy"];
    assert!(answers.iter().all(|answer| known.contains(&answer.as_str())), "{answers:?}");
    // Five more are never judged in addition.
    for _ in 0..5 {
        show(&alice, MALLORY).await;
    }
    assert_eq!(world.judge.calls() - before, 5);
    refused(&show(&alice, ALICE).await, 403, "factor_locked");
}

pub(super) async fn a_photo_stands_beside_nothing_else_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, _, app, face) = with_face(&world).await;
    let cases = [
        ("photo", json!({"code": "123456"})),
        ("photo", json!({"credential": {}})),
        ("challengeId", json!({"challengeId": "cn.aaaaaaaaaaaaaaaa.AAAAAAAAAAAAAAAAAAAAAA"})),
        ("transaction", json!({"transaction": transfer("1.00 EUR", "Zoe")})),
        ("factorType", json!({"factorType": "totp"})),
    ];
    for (field, more) in cases {
        let mut body = json!({"photo": photo(ALICE)});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refusal = alice.post(VERIFY, body).await;
        refused(&refusal, 400, "invalid_request");
        assert_eq!(refusal.json()["errors"][0]["field"], field);
    }
    for (id, status) in [(&face, 200), (&app, 404)] {
        let body = json!({"photo": photo(ALICE), "factorId": id, "factorType": "face"});
        assert_eq!(alice.post(VERIFY, body).await.status.as_u16(), status);
    }
    // A code for a face asks for the photo.
    for named in [json!({"code": "123456", "factorId": face}), json!({"code": "123456", "factorType": "face"})] {
        let refusal = alice.post(VERIFY, named).await;
        refused(&refusal, 400, "invalid_request");
        assert_eq!(refusal.json()["errors"], json!([{"field": "photo", "problem": "is missing"}]));
    }
    refused(&alice.post("/v1/me/challenges", json!({"factorId": face})).await, 400, "invalid_request");
    for wrong in ["data:image/gif;base64,R0lGODdh", "https://photos.example.com/a.jpg", "data:image/jpeg;base64,AAAA"] {
        let refusal = alice.post(VERIFY, json!({"photo": wrong})).await;
        refused(&refusal, 400, "invalid_request");
        assert_eq!(refusal.json()["errors"][0]["field"], "photo");
        assert!(!refusal.json().to_string().contains("AAAA"));
    }
}

pub(super) async fn a_face_is_off_unless_the_operator_wants_it_t45(store: Arc<dyn Store>) {
    let world = plan(&store, &[("FACES", "off")]).build();
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    pass(&alice, &secret).await;
    enroll_email(&alice, "alice@example.com").await;
    refused(&alice.post(ENROLL, consent()).await, 501, "channel_not_configured");
    refused(&show(&alice, ALICE).await, 501, "channel_not_configured");
    // A large body is for photos alone.
    let large = json!({"photo": "A".repeat(300_000)});
    refused(&alice.post(VERIFY, large.clone()).await, 413, "payload_too_large");
    let world = super::given::world(store);
    let alice = world.user("alice");
    refused(&alice.post(VERIFY, large).await, 400, "invalid_request");
    refused(&alice.post(VERIFY, json!({"photo": "A".repeat(3_000_000)})).await, 413, "payload_too_large");
    refused(&alice.post(ENROLL, json!({"label": "A".repeat(300_000)})).await, 413, "payload_too_large");
}
