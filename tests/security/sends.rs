//! Messages: the allowed destinations, the limits, and the state after a message that was not sent.

use std::sync::Arc;
use std::time::Duration;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{Client, Fate, Plan, Reply, World, enroll_email, enroll_phone};

/// Inmarsat, Iridium, Globalstar, networks of their own, and the range that is none of these.
const NUMBERS_OF_NO_COUNTRY: [&str; 6] =
    ["+870301234567", "+881612345678", "+881812345678", "+882161234567", "+8821612345678", "+883510012345"];

fn to_phone(number: &str) -> Value {
    json!({"factorType": "sms", "phoneNumber": number})
}

pub(super) async fn a_user_sends_to_a_destination_once_a_minute_in_any_spelling_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let phone = ["+8613800138000", "13800138000", "+86 138-0013-8000", "(+86) 138.0013.8000"].map(to_phone);
    let mail = ["alice@example.com", "Alice@Example.COM", "alice+bank@example.com", "ALICE+a+b@example.com"]
        .map(|address| json!({"factorType": "email", "email": address}));
    let genauth = [
        json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000"}}),
        json!({"factorType": "EMAIL", "profile": {"email": "aLice+x@example.com"}}),
    ];
    for (spellings, genauth) in [phone, mail].iter().zip(genauth) {
        let messages = world.postbox.calls();
        let alice = world.user("alice");
        alice.post(ENROLL, spellings[0].clone()).await.expect(201);
        for wait in [0, 59] {
            world.pass(wait);
            for spelling in spellings {
                // The limit holds in every session, and for the back end too.
                for asks in [alice.clone(), world.session("alice", "other"), world.back_end("alice")] {
                    let reply = asks.post(ENROLL, spelling.clone()).await;
                    expect(&reply, 429, "too_many_messages");
                    assert_eq!(reply.retry_after(), Some(60 - u64::try_from(wait).unwrap()));
                }
            }
            expect(&alice.post(genauth::SEND, genauth.clone()).await, 429, "9012");
        }
        assert_eq!(world.postbox.calls(), messages + 1);
        world.pass(1);
        alice.post(ENROLL, spellings[1].clone()).await.expect(201);
        alice.post(ENROLL, spellings[0].clone()).await.expect(429);
        // The minute between messages is counted for each user.
        world.user("bob").post(ENROLL, spellings[2].clone()).await.expect(201);
        world.user("bob").post(ENROLL, spellings[3].clone()).await.expect(429);
        assert_eq!(world.postbox.calls(), messages + 3);
    }
}

pub(super) async fn spellings_of_one_gmail_mailbox_share_its_message_limits_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let mail = |address: &str| json!({"factorType": "email", "email": address});
    let alice = world.user("alice");
    enroll_email(&alice, "alicesmith@gmail.com").await;
    for spelling in ["alice.smith@gmail.com", "A.liceSmith+bank@GMail.com", "alicesmith@googlemail.com"] {
        let reply = alice.post(ENROLL, mail(spelling)).await;
        expect(&reply, 429, "too_many_messages");
        assert_eq!(reply.retry_after(), Some(60), "{spelling}");
    }
    assert_eq!(world.postbox.calls(), 1);
    // The same address is enrolled already; another spelling is another address, and is sent to as it was typed.
    world.pass(60);
    expect(&alice.post(ENROLL, mail("AliceSmith+bank@gmail.com")).await, 409, "already_enrolled");
    alice.post(ENROLL, mail("alice.smith@gmail.com")).await.expect(201);
    assert_eq!(world.postbox.sent()[1].to, "alice.smith@gmail.com");
    // At other providers a dot may tell two people apart.
    let bob = world.user("bob");
    bob.post(ENROLL, mail("bobsmith@example.com")).await.expect(201);
    bob.post(ENROLL, mail("bob.smith@example.com")).await.expect(201);
}

pub(super) async fn a_destination_gets_five_messages_an_hour_and_ten_a_day_over_all_users_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let phone = ["+8613800138000", "13800138000"].map(to_phone);
    let mail = ["alice@example.com", "Alice+bank@Example.COM"].map(|to| json!({"factorType": "email", "email": to}));
    for (kind, spellings) in [phone, mail].into_iter().enumerate() {
        let (began, messages) = (world.now(), world.postbox.calls());
        let ask = async |number: usize| {
            world.user(&format!("user-{kind}-{number}")).post(ENROLL, spellings[number % 2].clone()).await
        };
        let refused = async |number: usize, seconds: i64| {
            let reply = ask(number).await;
            expect(&reply, 429, "too_many_messages");
            assert_eq!(reply.retry_after(), Some(u64::try_from(seconds).unwrap()), "kind {kind}, user {number}");
        };
        for number in 0..5 {
            ask(number).await.expect(201);
            world.pass(1);
        }
        // A new user is refused, and so is one of the five after a minute.
        refused(5, 3_595).await;
        world.pass(60);
        refused(0, 3_535).await;
        world.pass(3_534);
        refused(5, 1).await;
        for number in 5..10 {
            world.pass(1);
            ask(number).await.expect(201);
        }
        assert_eq!(world.now(), began + 3_604);
        // An hour later it is still refused: the day's ten are used.
        world.pass(3_600);
        refused(10, 86_400 - 7_204).await;
        world.pass(86_400 - 7_205);
        refused(10, 1).await;
        assert_eq!(world.postbox.calls(), messages + 10);
        world.pass(1);
        ask(10).await.expect(201);
        refused(11, 1).await;
    }
}

pub(super) async fn answering_challenges_does_not_renew_the_message_budget_t30(store: Arc<dyn Store>) {
    const TWO_DAYS: i64 = 2 * 86_400;
    let world = World::on(store);
    for answers in [true, false] {
        let alice = world.user(if answers { "alice" } else { "bob" });
        let phone = enroll_phone(&alice, if answers { "+8613800138000" } else { "+8613800138001" }).await;
        let (began, messages, mut sent) = (world.now(), world.postbox.calls(), Vec::new());
        while world.now() < began + TWO_DAYS {
            let (id, code) = challenge(&alice, &phone).await;
            sent.push(world.now() - began);
            if answers {
                answer(&alice, &id, &code).await.expect(200);
            }
            let reply = alice.post(CHALLENGE, json!({"factorId": phone})).await;
            expect(&reply, 429, "too_many_messages");
            // One second before the end of the wait it is still refused; then it passes.
            world.pass(i64::try_from(reply.retry_after().unwrap()).unwrap() - 1);
            let reply = alice.post(CHALLENGE, json!({"factorId": phone})).await;
            expect(&reply, 429, "too_many_messages");
            assert_eq!(reply.retry_after(), Some(1));
            world.pass(1);
        }
        assert_eq!(world.postbox.calls(), messages + sent.len());
        for (sends, seconds) in [(1, 20), (5, 600), (10, 3_600), (20, 86_400)] {
            for from in &sent {
                let within = sent.iter().filter(|at| (*from..from + seconds).contains(*at)).count();
                assert!(within <= sends, "{within} messages in {seconds} s from {from}: {sent:?}");
            }
        }
        // No wait is longer than the limits say.
        assert_eq!(sent[..7], [0, 20, 40, 60, 80, 600, 620], "answers: {answers}");
        assert_eq!((sent[10], sent[20], sent.len()), (3_600, 86_400, 40), "answers: {answers}");
    }
}

pub(super) async fn every_factor_has_its_own_message_budget_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let mail = enroll_email(&alice, "alice@example.com").await;
    let bobs = enroll_phone(&world.user("bob"), "+8613800138000").await;
    for _ in 0..5 {
        challenge(&alice, &phone).await;
        world.pass(20);
    }
    expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 429, "too_many_messages");
    challenge(&alice, &mail).await;
    challenge(&world.user("bob"), &bobs).await;
}

/// The stranger sends every minute. The victim's message is the last of the hour's five.
pub(super) async fn a_strangers_messages_do_not_delay_the_victims_first_enrollment_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let stranger = world.user("stranger");
    for minutes in 1..=4 {
        let mail = json!({"factorType": "email", "email": format!("victim-{minutes}@example.com")});
        for request in [to_phone(&format!("+861380013800{minutes}")), mail] {
            for minute in 1..=minutes {
                if minute > 1 {
                    world.pass(60);
                }
                stranger.post(ENROLL, request.clone()).await.expect(201);
                stranger.post(ENROLL, request.clone()).await.expect(429);
            }
            // The victim asks in the same second as the stranger's last message.
            let victim = world.user(&format!("victim-{minutes}"));
            let token = victim.post(ENROLL, request.clone()).await.expect(201).text("/enrollmentToken");
            confirm(&victim, &token, &world.postbox.code()).await.expect(201);
        }
    }
}

pub(super) async fn a_strangers_messages_do_not_block_the_owners_challenge_t30(store: Arc<dyn Store>) {
    let world = World::on(store);
    let (owner, stranger) = (world.user("owner"), world.user("stranger"));
    let phone = enroll_phone(&owner, "+8613800138000").await;
    // The owner's enrolment and four messages of the stranger are the hour's five.
    for status in [201, 201, 201, 201, 429, 429, 429] {
        world.pass(360);
        stranger.post(ENROLL, to_phone("+8613800138000")).await.expect(status);
        stranger.post(ENROLL, to_phone("+8613800138000")).await.expect(429);
        let (id, code) = challenge(&owner, &phone).await;
        answer(&owner, &id, &code).await.expect(200);
    }
}

pub(super) async fn a_number_in_a_country_that_is_not_allowed_is_refused_t30(store: Arc<dyn Store>) {
    let plan = Plan::with(&[("ALLOWED_COUNTRIES", "CH,DE")]);
    let world = Plan { store, ..plan }.build();
    let alice = world.user("alice");
    expect(&alice.post(ENROLL, to_phone("+8613800138000")).await, 403, "destination_refused");
    let request = json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000"}});
    expect(&alice.post(genauth::SEND, request).await, 403, "9007");
    // Numbers that no SMS may go to: premium rate, voice over IP.
    for number in ["+41900123456", "+4932123456789"] {
        expect(&alice.post(ENROLL, to_phone(number)).await, 403, "destination_refused");
    }
    assert_eq!(world.postbox.calls(), 0);
    alice.post(ENROLL, to_phone("+41791234567")).await.expect(201);
}

/// A message to a satellite phone costs dollars, and its number has no country.
pub(super) async fn a_number_of_no_country_is_always_refused_t30(store: Arc<dyn Store>) {
    for allowed in ["*", "CH,DE", "US,GB,CN,FR"] {
        let plan = Plan::with(&[("ALLOWED_COUNTRIES", allowed)]);
        let world = Plan { store: Arc::clone(&store), ..plan }.build();
        let alice = world.user("alice");
        for number in NUMBERS_OF_NO_COUNTRY {
            expect(&alice.post(ENROLL, to_phone(number)).await, 403, "destination_refused");
            let request = json!({"factorType": "SMS", "profile": {"phoneNumber": number}});
            expect(&alice.post(genauth::SEND, request).await, 403, "9007");
            let back_end = world.back_end("alice");
            expect(&back_end.post(ENROLL, to_phone(number)).await, 403, "destination_refused");
        }
        assert_eq!(world.postbox.calls(), 0);
    }
}

pub(super) async fn a_refused_message_uses_up_no_budget_t35(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let number = to_phone("+8613800138000");
    for round in 0..5 {
        // Before each message that arrives there are more refusals, by different users, than the day's limit of
        // messages.
        world.postbox.fate(Fate::Refused);
        for other in 0..12 {
            let user = world.user(&format!("other-{other}"));
            expect(&user.post(ENROLL, number.clone()).await, 502, "delivery_failed");
        }
        world.postbox.fate(Fate::Arrives);
        world.user(&format!("user-{round}")).post(ENROLL, number.clone()).await.expect(201);
    }
    expect(&world.user("user-5").post(ENROLL, number).await, 429, "too_many_messages");

    let phone = enroll_phone(&alice, "+8613800138001").await;
    for _ in 0..5 {
        world.postbox.fate(Fate::Refused);
        for _ in 0..21 {
            expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 502, "delivery_failed");
        }
        world.postbox.fate(Fate::Arrives);
        let (id, code) = challenge(&alice, &phone).await;
        answer(&alice, &id, &code).await.expect(200);
        // A message that the limit refuses is not sent, so the network can't refuse it.
        world.postbox.fate(Fate::Refused);
        expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 429, "too_many_messages");
        world.pass(20);
    }
    let reply = alice.post(CHALLENGE, json!({"factorId": phone})).await;
    expect(&reply, 429, "too_many_messages");
    assert_eq!(reply.retry_after(), Some(500), "the five that arrived are all that counts");
}

pub(super) async fn a_refused_enrollment_message_can_be_requested_again_at_once_t35(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    world.postbox.fate(Fate::Refused);
    expect(&alice.post(ENROLL, to_phone("+8613800138000")).await, 502, "delivery_failed");
    let request = json!({"factorType": "EMAIL", "profile": {"email": "alice@example.com"}});
    expect(&alice.post(genauth::SEND, request.clone()).await, 502, "9014");
    assert_eq!((world.postbox.calls(), world.postbox.sent().len()), (2, 0), "a send is tried once");
    world.postbox.fate(Fate::NotConfigured);
    expect(&alice.post(ENROLL, to_phone("+8613800138000")).await, 501, "channel_not_configured");
    assert_eq!(world.postbox.calls(), 2);

    // Every user can try again at once.
    world.postbox.fate(Fate::Arrives);
    world.user("bob").post(ENROLL, to_phone("+8613800138001")).await.expect(201);
    let token = alice.post(ENROLL, to_phone("+8613800138000")).await.expect(201).text("/enrollmentToken");
    confirm(&alice, &token, &world.postbox.code()).await.expect(201);
    expect(&alice.post(genauth::SEND, request).await, 200, "");
}

pub(super) async fn a_refused_message_keeps_the_earlier_enrollment_and_its_tries_t35(store: Arc<dyn Store>) {
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

pub(super) async fn a_refused_challenge_message_keeps_the_open_challenge_t35(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let refused = |alice: Client, phone: String| async move { alice.post(CHALLENGE, json!({"factorId": phone})).await };
    world.postbox.fate(Fate::Refused);
    for _ in 0..10 {
        expect(&refused(alice.clone(), phone.clone()).await, 502, "delivery_failed");
    }
    world.postbox.fate(Fate::Arrives);
    let (id, code) = challenge(&alice, &phone).await;
    world.pass(20);
    world.postbox.fate(Fate::Refused);
    for _ in 0..10 {
        expect(&refused(alice.clone(), phone.clone()).await, 502, "delivery_failed");
    }
    answer(&alice, &id, &code).await.expect(200);
}

pub(super) async fn a_message_with_unknown_outcome_keeps_its_charge_t35(store: Arc<dyn Store>) {
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

        // A challenge that may have been sent counts as one of the five in ten minutes.
        let phone = alice.get(FACTORS).await.text("/factors/0/id");
        world.postbox.fate(fate);
        for _ in 0..5 {
            expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 502, "delivery_failed");
            world.pass(20);
        }
        world.postbox.fate(Fate::Arrives);
        for wait in [0, 499] {
            world.pass(wait);
            expect(&alice.post(CHALLENGE, json!({"factorId": phone})).await, 429, "too_many_messages");
        }
        world.pass(1);
        challenge(&alice, &phone).await;
    }
}

pub(super) async fn a_request_killed_while_sending_keeps_its_charge_t35(store: Arc<dyn Store>) {
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
        world.pass(20);
        kill_while_sending(&world, alice.clone(), CHALLENGE, json!({"factorId": phone})).await;
    }
    world.postbox.fate(Fate::Arrives);
    expect(&answer(&alice, &id, &code).await, 404, "not_found");
    world.pass(20);
    let reply = alice.post(CHALLENGE, json!({"factorId": phone})).await;
    expect(&reply, 429, "too_many_messages");
    assert_eq!(reply.retry_after(), Some(500), "each of the five counts");
}

/// Makes a request and kills it after its message was handed to the delivery.
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
