//! What a comparison costs: a try, and money.

use std::sync::Arc;

use countersign::domain::factor::face::{Similarity, Unclear, Verdict};
use countersign::judge::JudgeError;
use countersign::store::Store;
use serde_json::json;

use super::given::*;
use crate::rig::faces::photo;
use crate::rig::{Client, Faults, Trouble, World, enroll_app};

/// The failures in a row that the face has left.
async fn left(world: &World, client: &Client) -> u64 {
    world.judge.will_say(Ok(Verdict::Similar(Similarity::of_percent(0))));
    show(client, MALLORY).await.json()["remainingAttempts"].as_u64().unwrap()
}

pub(super) async fn a_try_counts_from_before_the_judge_is_asked_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, _, _, _) = with_face(&world).await;
    // The function is killed while the judge compares.
    for _ in 0..3 {
        let calls = world.judge.calls();
        world.judge.will_hang();
        let client = alice.clone();
        let request = tokio::spawn(async move { show(&client, ALICE).await });
        while world.judge.calls() == calls {
            tokio::task::yield_now().await;
        }
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
    }
    assert_eq!(left(&world, &alice).await, 1);
    show(&alice, ALICE).await.expect(200);
}

pub(super) async fn what_the_judge_did_not_judge_is_no_failure_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, secret, _, _) = with_face(&world).await;
    let unclear = [
        (Unclear::NoFace, "The photo shows no face: take another one."),
        (Unclear::SeveralFaces, "The photo shows more than one face: take another one."),
        (Unclear::TooSmall, "The face is too small: take a photo from nearer."),
    ];
    for (unclear, detail) in unclear {
        world.judge.will_say(Ok(Verdict::Unclear(unclear)));
        let refusal = show(&alice, ALICE).await;
        refused(&refusal, 400, "photo_unclear");
        assert_eq!(refusal.text("/detail"), detail);
    }
    world.judge.will_say(Err(JudgeError::Refused));
    refused(&show(&alice, ALICE).await, 503, "busy");
    assert_eq!(left(&world, &alice).await, 4);
    // A call without an answer may have been judged, so it counts.
    world.judge.will_say(Err(JudgeError::Unknown));
    refused(&show(&alice, ALICE).await, 503, "busy");
    assert_eq!(left(&world, &alice).await, 2);
    pass(&alice, &secret).await;
    show(&alice, ALICE).await.expect(200);

    // In an enrolment too: the person takes another photo for the same enrolment.
    let bob = world.user("bob");
    let (secret, _, _) = enroll_app(&bob, "Phone").await;
    pass(&bob, &secret).await;
    let token = begin(&bob).await;
    for unclear in [Unclear::NoFace, Unclear::SeveralFaces, Unclear::TooSmall] {
        world.judge.will_say(Ok(Verdict::Unclear(unclear)));
        refused(&confirm(&bob, &token, &photo(ALICE)).await, 400, "photo_unclear");
    }
    world.judge.will_say(Err(JudgeError::Unknown));
    refused(&confirm(&bob, &token, &photo(ALICE)).await, 503, "busy");
    confirm(&bob, &token, &photo(ALICE)).await.expect(201);
}

pub(super) async fn a_conflict_asks_the_judge_once_t45(store: Arc<dyn Store>) {
    let faults = Faults::new(store);
    let world = plan(&(faults.clone() as Arc<dyn Store>), &[]).build();
    let (alice, _, _, _) = with_face(&world).await;
    // Four documents are read and the charge is committed; then the same documents, and what came of it.
    let (charge, result) = (4, 9);
    for trouble in [Trouble::Conflict, Trouble::Throttled, Trouble::AnswerLost] {
        for commit in [charge, result] {
            let calls = world.judge.calls();
            faults.plan(trouble, commit, 1);
            show(&alice, ALICE).await.expect(200);
            assert!(faults.heal() > 10, "the fault met a call");
            assert_eq!(world.judge.calls() - calls, 1, "{trouble:?} {commit}");
        }
    }
    assert_eq!(left(&world, &alice).await, 4);
}

pub(super) async fn a_fault_costs_one_try_at_most_and_nothing_is_half_done_t45(store: Arc<dyn Store>) {
    let faults = Faults::new(store);
    let world = plan(&(faults.clone() as Arc<dyn Store>), &[]).build();
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    for trouble in [Trouble::Throttled, Trouble::Silence, Trouble::AnswerLost] {
        for first in 0..=10 {
            world.pass(86_400);
            pass(&alice, &secret).await;
            // An enrolment, in which the store fails from one call on until the request is given up.
            let token = begin(&alice).await;
            let calls = world.judge.calls();
            faults.plan(trouble, first, 4);
            let reply = confirm(&alice, &token, &photo(ALICE)).await;
            faults.heal();
            assert!([201, 503].contains(&reply.status.as_u16()), "{trouble:?} {first}: {}", reply.json());
            assert!(world.judge.calls() - calls <= 1, "{trouble:?} {first}");
            if reply.status.as_u16() == 503 {
                // It was done and the answer is lost, or it can be done again.
                let again = confirm(&alice, &token, &photo(ALICE)).await;
                assert!(
                    [(201, ""), (409, "already_used")].contains(&(again.status.as_u16(), &*again.outcome().1)),
                    "{trouble:?} {first}: {}",
                    again.json()
                );
            }

            let calls = world.judge.calls();
            faults.plan(trouble, first, 4);
            let reply = show(&alice, ALICE).await;
            faults.heal();
            assert!([200, 503].contains(&reply.status.as_u16()), "{trouble:?} {first}: {}", reply.json());
            assert!(world.judge.calls() - calls <= 1, "{trouble:?} {first}");
            let remaining = left(&world, &alice).await;
            let least = if reply.status.is_success() { 4 } else { 3 };
            assert!(remaining >= least, "{trouble:?} {first}: {remaining}");
            show(&alice, ALICE).await.expect(200);
            let factors = alice.get(FACTORS).await.expect(200).json();
            let face = factors["factors"][1]["id"].as_str().unwrap().to_owned();
            alice.delete(&format!("{FACTORS}/{face}"), json!({})).await.expect(204);
        }
    }
}

pub(super) async fn a_user_has_twenty_comparisons_a_day_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, secret, _, _) = with_face(&world).await;
    // The enrolment was the first one.
    for _ in 0..9 {
        show(&alice, ALICE).await.expect(200);
    }
    let refusal = show(&alice, ALICE).await;
    refused(&refusal, 429, "too_many_comparisons");
    assert!((1..=3600).contains(&refusal.json()["retryAfter"].as_u64().unwrap()));
    world.pass(3600);
    pass(&alice, &secret).await;
    for _ in 0..10 {
        show(&alice, ALICE).await.expect(200);
    }
    world.pass(3600);
    pass(&alice, &secret).await;
    refused(&show(&alice, ALICE).await, 429, "too_many_comparisons");
    assert_eq!(world.judge.calls(), 20);
    // A face that is removed and enrolled again has no new ones. Another user has.
    let face = alice.get(FACTORS).await.expect(200).json()["factors"][1]["id"].as_str().unwrap().to_owned();
    alice.delete(&format!("{FACTORS}/{face}"), json!({})).await.expect(204);
    let token = begin(&alice).await;
    refused(&confirm(&alice, &token, &photo(ALICE)).await, 429, "too_many_comparisons");
    let bob = world.user("bob");
    let (secret, _, _) = enroll_app(&bob, "Phone").await;
    pass(&bob, &secret).await;
    enroll_face(&bob).await;
}

pub(super) async fn a_day_has_a_ceiling_in_dollars_t45(store: Arc<dyn Store>) {
    let mut plan = plan(&store, &[("FACE_DAILY_DOLLARS", "1")]);
    // A dollar pays for 500 comparisons. The test pays for four.
    plan.settings.faces.as_mut().unwrap().comparisons_per_day = 4;
    let world = plan.build();
    let (alice, _, _, _) = with_face(&world).await;
    show(&alice, ALICE).await.expect(200);
    show(&alice, ALICE).await.expect(200);
    // What is certainly not compared costs nothing.
    world.judge.will_say(Err(JudgeError::Refused));
    refused(&show(&alice, ALICE).await, 503, "busy");
    show(&alice, ALICE).await.expect(200);
    let bob = world.user("bob");
    let (secret, _, _) = enroll_app(&bob, "Phone").await;
    pass(&bob, &secret).await;
    let token = begin(&bob).await;
    let refusal = confirm(&bob, &token, &photo(ALICE)).await;
    refused(&refusal, 429, "too_many_comparisons");
    let until_midnight = 86_400 - world.now().rem_euclid(86_400);
    assert_eq!(refusal.json()["retryAfter"], until_midnight);
    // The other factors go on, and the next day has its own ceiling.
    world.pass(until_midnight);
    pass(&bob, &secret).await;
    enroll_face(&bob).await;
}

pub(super) async fn what_is_refused_before_costs_nothing_t45(store: Arc<dyn Store>) {
    let world = world(store);
    let (alice, _, _, face) = with_face(&world).await;
    let calls = world.judge.calls();
    let token = alice.post(ENROLL, consent()).await;
    refused(&token, 409, "already_enrolled");
    let unknown = alice.post(VERIFY, json!({"photo": photo(ALICE), "factorId": "aaaaaaaaaaaaaaaa"})).await;
    refused(&unknown, 404, "not_found");
    let nobody = confirm(&alice, "en.face.AAAAAAAAAAAAAAAAAAAAAA", &photo(ALICE)).await;
    refused(&nobody, 404, "not_found");
    alice.delete(&format!("{FACTORS}/{face}"), json!({})).await.expect(204);
    refused(&show(&alice, ALICE).await, 400, "factor_required");
    assert_eq!(world.judge.calls(), calls);
}
