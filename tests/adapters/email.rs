//! E-mail by SES, for which moto stands in.

use countersign::delivery::aws::{EmailSettings, SmsSettings};
use countersign::delivery::{Channel, Delivery, DeliveryError};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracing::Level;

use super::given::{Post, REFUSALS, SENDER, THROTTLES, UNKNOWNS, assert_busy, assert_failed, code_in, from, message};
use crate::logs::{Form, Log};
use crate::rig::proxy::Fault;
use crate::rig::{Client, Reply, moto};

#[tokio::test]
async fn an_email_reaches_ses_unchanged_with_the_configured_settings() {
    let Some(endpoint) = moto::endpoint() else { return };
    assert!(endpoint.starts_with("http://127.0.0.1:"));
    moto::verify_sender(SENDER);
    for (set, to) in [("", "a@goes.example"), ("codes", "b@goes.example")] {
        let settings = EmailSettings { configuration_set: set.to_owned(), ..from(SENDER) };
        let Some(post) = Post::with(SmsSettings::default(), Some(settings)).await else { return };
        let message = message(Channel::Email, to);
        post.delivery.send(&message).await.unwrap();
        let seen = post.one_sent().await;
        assert_eq!(seen.operation, "POST /v2/email/outbound-emails");
        let content = |text: &str| json!({"Data": text, "Charset": "UTF-8"});
        let (subject, html) = (message.subject.as_deref().unwrap(), message.html.as_deref().unwrap());
        let body = json!({"Text": content(&message.text), "Html": content(html)});
        let mut expected = json!({
            "FromEmailAddress": SENDER,
            "Destination": {"ToAddresses": [to]},
            "Content": {"Simple": {"Subject": content(subject), "Body": body}},
        });
        if !set.is_empty() {
            expected["ConfigurationSetName"] = json!(set);
        }
        assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), expected);
        let arrived = moto::emails_to(to);
        let expected = moto::Email { from: SENDER.to_owned(), subject: subject.to_owned(), html: html.to_string() };
        assert_eq!(arrived, [expected]);
    }
}

#[tokio::test]
async fn ses_failures_are_classified_as_refused_or_unknown_and_never_retried() {
    let mut cases = JoinSet::new();
    let refusals = REFUSALS.map(|fault| (fault, DeliveryError::Refused));
    let throttles = THROTTLES.map(|fault| (fault, DeliveryError::Throttled));
    let unknowns = UNKNOWNS.map(|fault| (fault, DeliveryError::Unknown));
    for (index, (fault, error)) in refusals.into_iter().chain(throttles).chain(unknowns).enumerate() {
        cases.spawn(async move {
            let Some(post) = Post::usual().await else { return };
            let address = format!("{index}@trouble.example");
            post.proxy.plan(fault, 0, usize::MAX);
            assert_eq!(post.delivery.send(&message(Channel::Email, &address)).await, Err(error), "{fault:?}");
            assert_eq!(post.one_sent().await.given_up, fault == Fault::Slow, "{fault:?}");
            let is_applied =
                [Fault::BrokenAfter, Fault::CutAfter, Fault::Torn, Fault::Garbage, Fault::Slow].contains(&fault);
            assert_eq!(moto::emails_to(&address).len(), usize::from(is_applied), "{fault:?}");
        });
    }
    cases.join_all().await;
}

async fn enroll(client: &Client, address: &str) -> Reply {
    client.post("/v1/me/enrollments", json!({"factorType": "email", "email": address})).await
}

/// Most operators meet this error first: the log must say how to solve it.
#[tokio::test]
async fn a_sender_that_is_not_verified_is_refused_and_the_log_says_what_to_do() {
    let sender = "nobody@unverified.example";
    let Some(post) = Post::with(SmsSettings::default(), Some(from(sender))).await else { return };
    let alice = post.world().user("alice");
    let (log, guard) = Log::capture_at(Level::INFO, Form::Json);
    for _ in 0..2 {
        // Nothing is charged, so the next request is allowed at once.
        assert_failed(&enroll(&alice, "anna.ample@unverified.example").await, "an unverified sender");
    }
    drop(guard);
    let lines = log.lines(Form::Json);
    let line: Value = lines.iter().find(|line| line.contains("sending a message failed")).unwrap().parse().unwrap();
    assert_eq!(line["delivery.service"], "SES", "{line}");
    assert_eq!(line["delivery.code"], "MessageRejected", "{line}");
    assert_eq!(line["delivery.outcome"], "the message was refused", "{line}");
    assert!(line["delivery.hint"].as_str().unwrap().contains("not verified with SES"), "{line}");
    assert!(lines.iter().all(|line| !line.contains("anna") && !line.contains("unverified.example")), "{lines:?}");
}

#[tokio::test]
async fn an_email_enrollment_waits_a_minute_only_if_the_send_outcome_is_unknown_t35() {
    let Some(post) = Post::usual().await else { return };
    let world = post.world();
    let (alice, address) = (world.user("alice"), "alice@enrolled.example");
    post.proxy.plan(Fault::Throttled, 0, usize::MAX);
    assert_busy(&enroll(&alice, address).await, "throttled");
    post.proxy.plan(Fault::CutAfter, 0, usize::MAX);
    assert_failed(&enroll(&alice, address).await, "cut off");
    post.proxy.heal();
    assert_eq!(enroll(&alice, address).await.outcome(), (429, "too_many_messages".to_owned()));
    world.pass(60);
    let token = enroll(&alice, address).await.expect(201).text("/enrollmentToken");
    let arrived = moto::emails_to(address);
    assert_eq!(arrived.len(), 2, "the one that was cut off, and the last");
    let body = json!({"enrollmentToken": token, "code": code_in(&arrived[1].html)});
    alice.post("/v1/me/enrollments/confirm", body).await.expect(201);
}

#[tokio::test]
async fn without_a_sender_email_is_not_configured_nor_offered() {
    let Some(post) = Post::with(SmsSettings::default(), None).await else { return };
    assert_eq!(post.delivery.send(&message(Channel::Email, "a@off.example")).await, Err(DeliveryError::NotConfigured));
    let alice = post.world().user("alice");
    assert_eq!(enroll(&alice, "a@off.example").await.outcome(), (501, "channel_not_configured".to_owned()));
    let reply = alice.get("/api/v3/list-factors-to-enroll").await.expect(200);
    let offered: Vec<_> = reply.json()["data"].as_array().unwrap().clone();
    assert!(offered.iter().any(|each| each["factorType"] == "SMS"), "{offered:?}");
    assert!(offered.iter().all(|each| each["factorType"] != "EMAIL"), "{offered:?}");
    assert!(post.sent().await.is_empty());
}
