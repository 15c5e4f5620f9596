//! Messages that are refused, or of which it is unknown whether they were sent.

use serde_json::json;

use super::bench::{Bench, Prepared, Stands, told, with_every_flow};
use super::shape::contents;
use crate::rig::{Fate, Trouble, World, enroll_phone};

/// The answers to a definite refusal, in native and in genauth.
const FAILED: [&str; 2] = ["502 delivery_failed", "502 9014"];
const NOT_CONFIGURED: [&str; 2] = ["501 channel_not_configured", "501 9013"];

/// The answers to a throttle.
const BUSY: [&str; 2] = ["503 busy, again in 1 s", "503, again in 1 s"];

/// Runs `work` on every flow that sends a code.
async fn with_every_sending_flow<F>(work: impl Fn(&'static Prepared) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    with_every_flow(|flow| {
        let work = (flow.usual.sent > 0 && !flow.usual.is_notice).then(|| work(flow));
        async move {
            if let Some(work) = work {
                work.await;
            }
        }
    })
    .await;
}

/// The pending items and the charged limits. A code that replaced a recent check is spent in any case, so it is left
/// out.
async fn pending_and_charged(bench: &Bench) -> Vec<String> {
    let items = bench.items().await;
    contents(&items)
        .into_iter()
        .filter(|(key, _)| !key.as_str().starts_with("a#"))
        .map(|it| format!("{it:?}"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_message_charges_nothing_and_can_be_requested_again_at_once_t35() {
    with_every_sending_flow(refused).await;
}

async fn refused(flow: &'static Prepared) {
    for (fate, answers) in [(Fate::Refused, FAILED), (Fate::Throttled, BUSY)] {
        not_sent(flow, fate, answers).await;
    }
}

async fn not_sent(flow: &'static Prepared, fate: Fate, answers: [&str; 2]) {
    let bench = flow.bench().await;
    let before = pending_and_charged(&bench).await;
    bench.world.postbox.fate(fate);
    for calls in 1..=7 {
        let told = told(&flow.ask(&bench).await);
        assert!(answers.contains(&told.as_str()), "{}: told {told}", flow.name);
        assert_eq!(pending_and_charged(&bench).await, before, "{}", flow.name);
        assert_eq!(bench.world.postbox.calls(), calls, "{}: a send is tried once", flow.name);
    }
    bench.world.postbox.fate(Fate::Arrives);
    assert_eq!(told(&flow.ask(&bench).await), flow.usual.told, "{}", flow.name);
    flow.go_on(&bench, "after a refusal").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_with_unknown_outcome_is_charged_and_its_token_withheld_t35() {
    with_every_sending_flow(unknown).await;
}

async fn unknown(flow: &'static Prepared) {
    for fate in [Fate::AnswerLost, Fate::Lost] {
        let how = format!("with a message that is {fate:?}");
        let bench = flow.bench().await;
        bench.world.postbox.fate(fate);
        let reply = flow.ask(&bench).await;
        assert!(FAILED.contains(&told(&reply).as_str()), "{}, {how}: told {}", flow.name, told(&reply));
        for name in ["enrollmentToken", "challengeId", "data"] {
            assert_eq!(reply.json().get(name), None, "{}, {how}: no token is given out", flow.name);
        }
        assert_eq!(bench.world.postbox.calls(), 1, "{}, {how}: a send is tried once", flow.name);
        bench.world.postbox.fate(Fate::Arrives);
        assert_eq!(flow.goes_on(&bench, &how).await, Stands::AsAfter, "{}", flow.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_that_is_not_sent_takes_nothing_back_t52() {
    with_every_flow(async |flow: &'static Prepared| {
        for fate in [Fate::Refused, Fate::Throttled, Fate::AnswerLost, Fate::Lost, Fate::NotConfigured] {
            if !flow.usual.is_notice {
                return;
            }
            let bench = flow.bench().await;
            bench.world.postbox.fate(fate);
            assert_eq!(told(&flow.ask(&bench).await), flow.usual.told, "{}, {fate:?}", flow.name);
            assert!(bench.world.postbox.calls() <= 1, "{}: a send is tried once", flow.name);
            bench.world.postbox.fate(Fate::Arrives);
            flow.go_on(&bench, "without a notice").await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_is_not_configured_changes_nothing() {
    with_every_sending_flow(async |flow: &'static Prepared| {
        let bench = flow.bench().await;
        bench.world.postbox.fate(Fate::NotConfigured);
        let told = told(&flow.ask(&bench).await);
        assert!(NOT_CONFIGURED.contains(&told.as_str()), "{}: told {told}", flow.name);
        assert_eq!(bench.world.postbox.calls(), 0, "{}: nothing is handed over", flow.name);
        bench.world.postbox.fate(Fate::Arrives);
        assert_eq!(flow.goes_on(&bench, "once configured").await, Stands::AsBefore, "{}", flow.name);
    })
    .await;
}

/// The undo of a refused message may itself fail. Then the charge stays, and the owner can send again after a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_message_under_store_faults_blocks_for_at_most_a_minute_t35() {
    with_every_sending_flow(refused_in_trouble).await;
}

async fn refused_in_trouble(flow: &'static Prepared) {
    for trouble in [Trouble::Throttled, Trouble::Silence, Trouble::AnswerLost, Trouble::Conflict] {
        // One call more than usual: the undo.
        for (first, count) in (0..=flow.usual.calls).flat_map(|first| [(first, 1), (first, 1000)]) {
            let how = format!("refused, with {trouble:?} at {count} calls from call {first} on");
            let bench = flow.bench().await;
            let before = pending_and_charged(&bench).await;
            bench.world.postbox.fate(Fate::Refused);
            bench.faults.plan(trouble, first, count);
            let told = told(&flow.ask(&bench).await);
            bench.faults.heal();
            bench.world.postbox.fate(Fate::Arrives);
            assert!(bench.world.postbox.calls() <= 1, "{}, {how}: a send is tried once", flow.name);
            if bench.world.postbox.calls() == 1 {
                assert!(FAILED.contains(&told.as_str()), "{}, {how}: told {told}", flow.name);
            } else {
                assert!(told.starts_with("503"), "{}, {how}: told {told}", flow.name);
            }
            let is_undone = pending_and_charged(&bench).await == before;
            // A failed call is made again, but the undo is given up if another request has written since.
            assert!(is_undone || count > 1 || trouble == Trouble::Conflict, "{}, {how}", flow.name);
            if !is_undone {
                assert_eq!(flow.stands(&bench, &how).await, Stands::AsAfter, "{}, {how}", flow.name);
            }
            flow.go_on(&bench, &how).await;
        }
    }
}

#[tokio::test]
async fn a_pending_enrollment_survives_a_later_refused_message_t35() {
    let world = World::new();
    let alice = world.user("alice");
    let phone = json!({"factorType": "sms", "phoneNumber": "+8613800138000"});
    let token = alice.post("/v1/me/enrollments", phone.clone()).await.expect(201).text("/enrollmentToken");
    let code = world.postbox.code();
    world.pass(60);
    world.postbox.fate(Fate::Refused);
    alice.post("/v1/me/enrollments", phone).await.expect(502);
    let confirm = json!({"enrollmentToken": token, "code": code});
    alice.post("/v1/me/enrollments/confirm", confirm).await.expect(201);
}

#[tokio::test]
async fn an_open_challenge_survives_a_later_refused_message_t35() {
    let world = World::new();
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let challenge = alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(201).text("/challengeId");
    let code = world.postbox.code();
    world.pass(20);
    world.postbox.fate(Fate::Refused);
    alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(502);
    alice.post("/v1/me/verify", json!({"challengeId": challenge, "code": code})).await.expect(200);
}

#[tokio::test]
async fn a_resend_with_unknown_outcome_voids_the_earlier_token_t35() {
    let world = World::new();
    let alice = world.user("alice");
    let phone = json!({"factorType": "sms", "phoneNumber": "+8613800138000"});
    let token = alice.post("/v1/me/enrollments", phone.clone()).await.expect(201).text("/enrollmentToken");
    let earlier = world.postbox.code();
    world.pass(60);
    world.postbox.fate(Fate::AnswerLost);
    alice.post("/v1/me/enrollments", phone).await.expect(502);
    assert_eq!(world.postbox.sent().len(), 2, "it did arrive");
    for code in [world.postbox.code(), earlier] {
        let confirm = json!({"enrollmentToken": token, "code": code});
        let reply = alice.post("/v1/me/enrollments/confirm", confirm).await;
        assert_eq!(reply.outcome(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn challenges_with_unknown_outcome_count_towards_the_ten_minute_limit_t35() {
    let world = World::new();
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    world.postbox.fate(Fate::AnswerLost);
    for _ in 0..5 {
        alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(502);
        world.pass(20);
    }
    let reply = alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(429);
    assert_eq!((reply.text("/code").as_str(), reply.retry_after()), ("too_many_messages", Some(500)));
    assert_eq!(world.postbox.calls(), 1 + 5);
    world.postbox.fate(Fate::Arrives);
    world.pass(500);
    let challenge = alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(201).text("/challengeId");
    let answer = json!({"challengeId": challenge, "code": world.postbox.code()});
    alice.post("/v1/me/verify", answer).await.expect(200);
}
