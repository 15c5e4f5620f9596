//! Attacks: photos without the check that they add to, money without a limit, and bodies of the wrong form.

use std::sync::Arc;

use countersign::domain::factor::face::{Similarity, Unclear, Verdict};
use countersign::domain::ids::UserId;
use countersign::judge::JudgeError;
use countersign::store::Store;
use countersign::store::records::reference_key;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::given::*;
use crate::rig::faces::photo;
use crate::rig::{Client, Faults, Reply, Trouble, World, enroll_app, enroll_email};

const CODES: &str = "/v1/me/recovery-codes";

/// A request that waits for the judge.
async fn waiting<F: Future<Output = Reply> + Send + 'static>(
    world: &World,
    request: F,
) -> tokio::task::JoinHandle<Reply> {
    let calls = world.judge.calls();
    let request = tokio::spawn(request);
    while world.judge.calls() == calls {
        tokio::task::yield_now().await;
    }
    request
}

pub(super) async fn only_a_check_of_this_session_and_epoch_takes_a_face_t26(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, app, codes) = enroll_app(&alice, "Phone").await;
    // Enrolling the first factor lets the session enrol more, but is no check.
    enroll_face(&alice).await;
    refused(&show(&alice, ALICE).await, 403, "step_up_required");
    pass(&alice, &secret).await;
    show(&alice, ALICE).await.expect(200);
    // Another session's change ends the check.
    world.back_end("alice").post(CODES, json!({})).await.expect(201);
    refused(&show(&alice, ALICE).await, 403, "step_up_required");
    // So does the end of the recovery codes that the check was passed with.
    alice.post(VERIFY, json!({"code": codes[0]})).await.outcome();
    let codes = {
        pass(&alice, &secret).await;
        world.pass(1);
        alice.post(CODES, json!({})).await.expect(201).json()["recoveryCodes"].clone()
    };
    let laptop = world.session("alice", "laptop");
    laptop.post(VERIFY, json!({"code": codes[0]})).await.expect(200);
    let added = show(&laptop, ALICE).await.expect(200);
    assert_eq!(
        json!([added.json()["acr"], claims(&added)["scope"]]),
        json!(["recovery", "second_factor recovery face"])
    );
    world.pass(1);
    laptop.post(CODES, json!({})).await.expect(201);
    refused(&show(&laptop, ALICE).await, 403, "step_up_required");
    // And the removal of the factor, by the session itself.
    enroll_email(&laptop, "alice@example.com").await;
    pass(&laptop, &secret).await;
    laptop.delete(&format!("{FACTORS}/{app}"), json!({})).await.expect(204);
    refused(&show(&laptop, ALICE).await, 403, "step_up_required");
    // A check of another user says nothing of Alice.
    let bob = world.session("bob", "laptop");
    let (secret, _, _) = enroll_app(&bob, "Phone").await;
    pass(&bob, &secret).await;
    refused(&show(&bob, ALICE).await, 400, "factor_required");
}

/// A world in which a day pays for this many comparisons.
fn paying_for(store: &Arc<dyn Store>, comparisons: u32) -> World {
    let mut plan = plan(store, &[]);
    plan.settings.faces.as_mut().unwrap().comparisons_per_day = comparisons;
    plan.build()
}

pub(super) async fn a_refusal_after_midnight_frees_nothing_of_the_new_day_t45(store: Arc<dyn Store>) {
    let world = paying_for(&store, 2);
    let (alice, _, _, _) = with_face(&world).await;
    world.pass(86_400 - 300 - world.now().rem_euclid(86_400));
    let bob = world.user("bob");
    let (secret, _, _) = enroll_app(&bob, "Phone").await;
    pass(&bob, &secret).await;
    world.pass(86_400 - 5 - world.now().rem_euclid(86_400));
    pass_at_once(&alice).await;
    // Alice's comparison is charged before midnight, and refused after it.
    let refusal = world.judge.will_say_later(Err(JudgeError::Refused));
    let client = alice.clone();
    let request = waiting(&world, async move { show(&client, ALICE).await }).await;
    world.pass(10);
    let calls = world.judge.calls();
    enroll_face(&bob).await;
    refusal.notify_one();
    refused(&request.await.unwrap(), 503, "busy");
    for _ in 0..3 {
        show(&bob, ALICE).await;
    }
    assert_eq!(world.judge.calls() - calls, 2);
}

/// Passes a check without moving the clock.
async fn pass_at_once(client: &Client) {
    let codes = client.world.back_end("alice").post(CODES, json!({})).await.expect(201).json();
    client.post(VERIFY, json!({"code": codes["recoveryCodes"][0]})).await.expect(200);
}

pub(super) async fn a_clock_that_steps_back_over_midnight_frees_nothing_t49(store: Arc<dyn Store>) {
    let world = paying_for(&store, 3);
    let (alice, _, _, _) = with_face(&world).await;
    world.pass(86_400 - 5 - world.now().rem_euclid(86_400));
    pass_at_once(&alice).await;
    let calls = world.judge.calls();
    for step in [10, -10, 10, -10, 10, -10, 10, -10] {
        show(&alice, ALICE).await;
        world.pass(step);
    }
    // Those of both days at most.
    assert!(world.judge.calls() - calls <= 6, "{}", world.judge.calls() - calls);
}

pub(super) async fn a_clock_that_was_ahead_keeps_no_photo_longer_t49(store: Arc<dyn Store>) {
    let world = world(Arc::clone(&store));
    let (alice, _, _, _) = with_face(&world).await;
    world.pass(-30 * 86_400);
    pass_at_once(&alice).await;
    show(&alice, ALICE).await.expect(200);
    let stored = store.get(&reference_key(&UserId::parse("alice").unwrap())).await.unwrap().unwrap();
    assert_eq!(stored.item.number::<i64>("since").unwrap(), world.now());
}

pub(super) async fn an_enrollment_asks_the_judge_for_five_wrong_photos_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    pass(&alice, &secret).await;
    let token = begin(&alice).await;
    for _ in 0..5 {
        world.judge.will_say(Ok(Verdict::Similar(Similarity::of_percent(50))));
        refused(&confirm(&alice, &token, &photo(ALICE)).await, 400, "incorrect_code");
    }
    refused(&confirm(&alice, &token, &photo(ALICE)).await, 429, "too_many_attempts");
    assert_eq!(world.judge.calls(), 5);
}

pub(super) async fn a_failure_is_taken_back_once_after_a_lost_reply_t40(store: Arc<dyn Store>) {
    let faults = Faults::new(store);
    let world = plan(&(faults.clone() as Arc<dyn Store>), &[]).build();
    let (alice, _, _, _) = with_face(&world).await;
    for _ in 0..2 {
        refused(&show(&alice, MALLORY).await, 400, "incorrect_code");
    }
    for answer in [Ok(Verdict::Unclear(Unclear::NoFace)), Err(JudgeError::Refused)] {
        for trouble in [Trouble::AnswerLost, Trouble::Conflict, Trouble::Throttled] {
            for commit in [4, 9] {
                faults.plan(trouble, commit, 1);
                world.judge.will_say(answer);
                show(&alice, ALICE).await;
                faults.heal();
            }
        }
    }
    world.pass(3_600);
    pass_at_once(&alice).await;
    assert_eq!(show(&alice, MALLORY).await.json()["remainingAttempts"], 2);
}

pub(super) async fn faces_that_were_switched_off_are_listed_and_removed_t45(store: Arc<dyn Store>) {
    let on = world(Arc::clone(&store));
    let (_, secret, _, face) = with_face(&on).await;
    let off = crate::rig::Plan { clock: on.clock.clone(), ..plan(&store, &[("FACES", "off")]) }.build();
    let alice = off.user("alice");
    pass(&alice, &secret).await;
    refused(&show(&alice, ALICE).await, 501, "channel_not_configured");
    let token = alice.post(ENROLL, json!({"factorType": "totp", "label": "New"})).await;
    token.expect(201);
    let types =
        |json: Value| json["factors"].as_array().unwrap().iter().map(|each| each["type"].clone()).collect::<Vec<_>>();
    assert_eq!(types(alice.get(FACTORS).await.expect(200).json()), ["totp", "face"]);
    let needed = alice.post("/v1/me/checks", json!({"maxAge": 0})).await.expect(200).json();
    assert_eq!(types(needed), ["totp"]);
    let listed = alice.get("/api/v3/list-enrolled-factors").await.expect(200).json();
    assert_eq!(listed["data"][1]["factorType"], "FACE");
    alice.patch(&format!("{FACTORS}/{face}"), json!({"label": "Mine"})).await.expect(200);
    alice.delete(&format!("{FACTORS}/{face}"), json!({})).await.expect(204);
    assert_eq!(super::kept::reference(&off).await, None);

    // Deleting the user works too.
    let on = crate::rig::Plan { clock: off.clock.clone(), ..plan(&store, &[]) }.build();
    let client = on.user("alice");
    pass(&client, &secret).await;
    enroll_face(&client).await;
    off.back_end("alice").delete("/v1/users/alice", Value::Null).await.expect(204);
    assert_eq!(super::kept::reference(&off).await, None);
}

pub(super) async fn a_photo_of_any_json_type_is_refused_in_every_dialect_t37(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, _, _, face) = with_face(&world).await;
    alice.delete(&format!("{FACTORS}/{face}"), json!({})).await.expect(204);
    let token = begin(&alice).await;
    let calls = world.judge.calls();
    for photo in [json!([]), json!([photo(ALICE)]), json!({"data": photo(ALICE)}), json!(1), json!(true), json!("")] {
        let body = json!({"enrollmentToken": token, "photo": photo});
        refused(&alice.post(CONFIRM, body).await, 400, "invalid_request");
        refused(&alice.post(VERIFY, json!({"photo": photo})).await, 400, "invalid_request");
        for external in [false, true] {
            let data = json!({"photo": photo, "isExternalPhoto": external});
            let body = json!({"factorType": "FACE", "enrollmentToken": "eg.face.AAAAAAAAAAAAAAAAAAAAAA",
                "enrollmentData": data});
            let answer = alice.post("/api/v3/enroll-factor", body).await.expect(200).json();
            assert_eq!(answer["statusCode"], 400, "{answer}");
        }
    }
    // A link in a native route is no photo, and the flag of another dialect is no field.
    let link = "https://photos.example.com/a.jpg";
    let body = json!({"enrollmentToken": token, "photo": link});
    refused(&alice.post(CONFIRM, body).await, 400, "invalid_request");
    let body = json!({"enrollmentToken": token, "photo": link, "isExternalPhoto": true});
    refused(&alice.post(CONFIRM, body).await, 400, "invalid_request");
    // A type without a photo does not look at one.
    let sent = alice.post("/api/v3/send-enroll-factor-request", body_of_email()).await.expect(200);
    let data = json!({"passCode": world.postbox.code(), "photo": link, "isExternalPhoto": true});
    let enrolled = json!({"factorType": "EMAIL", "enrollmentToken": sent.text("/data/enrollmentToken"),
        "enrollmentData": data});
    assert_eq!(alice.post("/api/v3/enroll-factor", enrolled).await.json()["statusCode"], 200);
    assert_eq!(*world.links.asked.lock().unwrap(), Vec::<String>::new());
    assert_eq!(world.judge.calls(), calls);
    // The consent has no other form in GenAuth either.
    for consent in [json!("1"), json!([]), json!({}), json!({"version": 1}), json!({"version": "1", "text": "I agree"})]
    {
        let body = json!({"factorType": "FACE", "consent": consent});
        let answer = alice.post("/api/v3/send-enroll-factor-request", body).await.expect(200).json();
        assert_eq!(answer["statusCode"], 400, "{answer}");
    }
}

fn body_of_email() -> Value {
    json!({"factorType": "EMAIL", "profile": {"email": "alice@example.com"}})
}

pub(super) async fn a_body_of_many_values_is_refused_on_routes_of_photos_t37(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let values = vec!["{\"a\":0}"; 370_000].join(",");
    for field in ["credential", "enrollmentData", "photo"] {
        let body = format!("{{\"{field}\":{{\"list\":[{values}]}}}}");
        for path in [VERIFY, CONFIRM, "/api/v3/enroll-factor"] {
            let reply = alice.send("POST", path, Some("application/json"), body.clone()).await;
            let said = String::from_utf8_lossy(&reply.bytes).into_owned();
            assert!(said.contains("has too many values"), "{path}: {said}");
        }
    }
}

/// The comparisons of a day are one item, which every user writes.
pub(super) async fn faces_of_eight_users_at_once_are_not_busy_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let mut clients = Vec::new();
    for user in 0..8 {
        let client = world.user(&format!("user-{user}"));
        let (secret, _, _) = enroll_app(&client, "Phone").await;
        pass(&client, &secret).await;
        enroll_face(&client).await;
        clients.push(client);
    }
    let mut photos = JoinSet::new();
    for client in clients {
        photos.spawn(async move { show(&client, ALICE).await.outcome() });
    }
    let answers = photos.join_all().await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
}
