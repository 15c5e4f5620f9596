//! SMS by SNS, for which moto stands in.

use std::collections::BTreeMap;

use countersign::delivery::aws::SmsSettings;
use countersign::delivery::{Channel, Delivery, DeliveryError};
use serde_json::json;
use tokio::task::JoinSet;

use super::given::{Post, REFUSALS, THROTTLES, UNKNOWNS, assert_busy, assert_failed, code_in, message};
use crate::rig::proxy::{Fault, Seen};
use crate::rig::{Client, moto};

/// The attributes of a message by name, each with its data type and value.
fn attributes(seen: &Seen) -> BTreeMap<String, (String, String)> {
    let form = seen.form();
    let field = |number: usize, name: &str| form.get(&format!("MessageAttributes.entry.{number}.{name}")).cloned();
    (1..)
        .map_while(|number| {
            let of_value = |name| field(number, &format!("Value.{name}")).unwrap();
            Some((field(number, "Name")?, (of_value("DataType"), of_value("StringValue"))))
        })
        .collect()
}

#[tokio::test]
async fn an_sms_reaches_sns_unchanged_with_only_the_configured_attributes() {
    let all = SmsSettings {
        sender_id: "Example".to_owned(),
        origination_number: "+12065550100".to_owned(),
        entity_id: "1101456789".to_owned(),
        template_id: "1107161234".to_owned(),
        max_price_usd: "0.25".to_owned(),
    };
    let table = [
        (SmsSettings::default(), "+8613800130001", &[][..]),
        (
            all,
            "+8613800130002",
            &[
                ("AWS.MM.SMS.EntityId", "String", "1101456789"),
                ("AWS.MM.SMS.OriginationNumber", "String", "+12065550100"),
                ("AWS.MM.SMS.TemplateId", "String", "1107161234"),
                ("AWS.SNS.SMS.MaxPrice", "Number", "0.25"),
                ("AWS.SNS.SMS.SenderID", "String", "Example"),
            ],
        ),
    ];
    for (settings, number, expected) in table {
        let Some(post) = Post::with(settings, None).await else { return };
        let message = message(Channel::Sms, number);
        post.delivery.send(&message).await.unwrap();
        let seen = post.one_sent().await;
        let transactional = ("AWS.SNS.SMS.SMSType", "String", "Transactional");
        let expected = expected.iter().chain([&transactional]);
        let expected: BTreeMap<_, _> = expected
            .map(|(name, kind, value)| ((*name).to_owned(), ((*kind).to_owned(), (*value).to_owned())))
            .collect();
        assert_eq!(attributes(&seen), expected);
        let form = seen.form();
        assert_eq!((form["PhoneNumber"].as_str(), form["Message"].as_str()), (number, message.text.as_str()));
        assert!(!form.contains_key("TopicArn") && !form.contains_key("Subject"));
        assert_eq!(moto::sms_to(number), [message.text.to_string()]);
    }
}

#[tokio::test]
async fn sns_failures_are_classified_as_refused_or_unknown_and_never_retried() {
    let mut cases = JoinSet::new();
    let refusals = REFUSALS.map(|fault| (fault, DeliveryError::Refused));
    let throttles = THROTTLES.map(|fault| (fault, DeliveryError::Throttled));
    let unknowns = UNKNOWNS.map(|fault| (fault, DeliveryError::Unknown));
    for (index, (fault, error)) in refusals.into_iter().chain(throttles).chain(unknowns).enumerate() {
        cases.spawn(async move {
            let Some(post) = Post::usual().await else { return };
            let number = format!("+86138001310{index:02}");
            post.proxy.plan(fault, 0, usize::MAX);
            assert_eq!(post.delivery.send(&message(Channel::Sms, &number)).await, Err(error), "{fault:?}");
            let seen = post.one_sent().await;
            assert_eq!((seen.operation.as_str(), seen.given_up), ("Publish", fault == Fault::Slow), "{fault:?}");
            let is_applied =
                [Fault::BrokenAfter, Fault::CutAfter, Fault::Torn, Fault::Garbage, Fault::Slow].contains(&fault);
            assert_eq!(moto::sms_to(&number).len(), usize::from(is_applied), "{fault:?}");
        });
    }
    cases.join_all().await;
}

async fn enroll(client: &Client, number: &str) -> crate::rig::Reply {
    client.post("/v1/me/enrollments", json!({"factorType": "sms", "phoneNumber": number})).await
}

/// Confirms an enrolment with the newest code that SNS received.
async fn confirm(client: &Client, number: &str, token: &str) -> String {
    let code = code_in(moto::sms_to(number).last().unwrap());
    let body = json!({"enrollmentToken": token, "code": code});
    client.post("/v1/me/enrollments/confirm", body).await.expect(201).text("/factor/id")
}

#[tokio::test]
async fn a_refused_sms_delays_neither_enrollment_nor_challenge_t35() {
    let Some(post) = Post::usual().await else { return };
    let (alice, number) = (post.world().user("alice"), "+8613800132000");
    for fault in REFUSALS {
        post.proxy.plan(fault, 0, usize::MAX);
        assert_failed(&enroll(&alice, number).await, &format!("{fault:?}"));
        post.one_sent().await;
    }
    for fault in THROTTLES {
        post.proxy.plan(fault, 0, usize::MAX);
        assert_busy(&enroll(&alice, number).await, &format!("{fault:?}"));
        post.one_sent().await;
    }
    post.proxy.heal();
    let token = enroll(&alice, number).await.expect(201).text("/enrollmentToken");
    let phone = confirm(&alice, number, &token).await;

    // More often than messages are sent in ten minutes.
    for fault in REFUSALS.iter().cycle().take(7) {
        post.proxy.plan(*fault, 0, usize::MAX);
        assert_failed(&alice.post("/v1/me/challenges", json!({"factorId": phone})).await, &format!("{fault:?}"));
    }
    for fault in THROTTLES.iter().cycle().take(7) {
        post.proxy.plan(*fault, 0, usize::MAX);
        assert_busy(&alice.post("/v1/me/challenges", json!({"factorId": phone})).await, &format!("{fault:?}"));
    }
    post.proxy.heal();
    let id = alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(201).text("/challengeId");
    let code = code_in(moto::sms_to(number).last().unwrap());
    alice.post("/v1/me/verify", json!({"challengeId": id, "code": code})).await.expect(200);
}

#[tokio::test]
async fn an_sms_with_unknown_outcome_is_charged_and_its_token_withheld_t35() {
    let mut cases = JoinSet::new();
    for (index, fault) in UNKNOWNS.into_iter().enumerate() {
        cases.spawn(async move {
            let Some(post) = Post::usual().await else { return };
            let world = post.world();
            let (alice, number, how) = (world.user("alice"), format!("+86138001330{index:02}"), format!("{fault:?}"));
            post.proxy.plan(fault, 0, usize::MAX);
            assert_failed(&enroll(&alice, &number).await, &how);
            post.one_sent().await;
            post.proxy.heal();
            for seconds in [0, 59] {
                world.pass(seconds);
                assert_eq!(enroll(&alice, &number).await.outcome(), (429, "too_many_messages".to_owned()), "{how}");
            }
            assert_eq!(post.sent().await.len(), 0, "{how}");
            world.pass(1);
            let token = enroll(&alice, &number).await.expect(201).text("/enrollmentToken");
            let phone = confirm(&alice, &number, &token).await;

            // Each is one of the five messages of ten minutes. One that is slow is as good as five.
            let (failing, arriving) = if fault == Fault::Slow { (1, 4) } else { (5, 0) };
            post.proxy.plan(fault, 0, usize::MAX);
            for _ in 0..failing {
                assert_failed(&alice.post("/v1/me/challenges", json!({"factorId": phone})).await, &how);
                world.pass(20);
            }
            post.proxy.heal();
            for status in std::iter::repeat_n(201, arriving).chain([429]) {
                alice.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(status);
                world.pass(20);
            }
        });
    }
    cases.join_all().await;
}
