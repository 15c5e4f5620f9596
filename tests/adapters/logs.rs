//! T23 with AWS: whatever fault a call meets, no log line contains personal data or a secret.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign::store::dynamodb::DynamoDbStore;
use serde_json::{Value, json};
use tracing::Level;

use super::given::{Post, code_in};
use super::keys::kms_keys;
use crate::logs::{Form, Log};
use crate::rig::dynamodb::{create_table, patient};
use crate::rig::proxy::{Fault, Proxy};
use crate::rig::{Client, Plan, TestKeys, clients_at, dynamodb, moto};

/// The destinations that the proxy's errors repeat, as errors of the real services do.
const NUMBER: &str = "+8613812345678";
const ADDRESS: &str = "anna.ample@mail.example";

const FAULTS: [Fault; 12] = [
    Fault::Throttled,
    Fault::Refused(400, "ValidationException"),
    Fault::Refused(400, "AccessDeniedException"),
    Fault::Refused(400, "MessageRejected"),
    Fault::Foreign(403),
    Fault::Foreign(502),
    Fault::InConflict,
    Fault::Broken,
    Fault::Cut,
    Fault::CutAfter,
    Fault::Torn,
    Fault::Garbage,
];

/// The values that only the caller may see.
#[derive(Default)]
struct Told(BTreeSet<String>);

impl Told {
    async fn post(&mut self, client: &Client, path: &str, body: Value) -> Value {
        let answer = client.post(path, body).await.json();
        for name in ["enrollmentToken", "challengeId"] {
            self.0.extend(answer.get(name).and_then(Value::as_str).map(str::to_owned));
        }
        answer
    }

    /// Requests codes by SMS and e-mail, and answers with the newest.
    async fn walk(&mut self, client: &Client) {
        let numbers = json!({"factorType": "sms", "phoneNumber": NUMBER});
        let addresses = json!({"factorType": "email", "email": ADDRESS});
        for request in [numbers, addresses] {
            // Each is sent to a few times a day, so that no limit is met.
            client.world.pass(3 * 3_600);
            let begun = self.post(client, "/v1/me/enrollments", request.clone()).await;
            self.post(client, "/v1/me/challenges", json!({"factorType": request["factorType"]})).await;
            let token = begun["enrollmentToken"].as_str().unwrap_or("none").to_owned();
            for code in self.sent_codes() {
                self.post(client, "/v1/me/enrollments/confirm", json!({"enrollmentToken": token, "code": code})).await;
            }
        }
        self.post(client, "/v1/me/verify", json!({"code": "515253"})).await;
    }

    fn sent_codes(&mut self) -> BTreeSet<String> {
        let emails = moto::emails_to(ADDRESS).into_iter().map(|email| email.html);
        let codes: BTreeSet<_> = moto::sms_to(NUMBER).into_iter().chain(emails).map(|text| code_in(&text)).collect();
        self.0.extend(codes.iter().cloned());
        codes.into_iter().rev().take(1).collect()
    }

    fn assert_in_none_of(&self, lines: &[String]) {
        let parts = ["13812345678", "anna", "ample", "mail.example", "515253"].map(str::to_owned);
        for line in lines {
            let found = self.0.iter().chain(&parts).find(|each| line.contains(*each));
            assert_eq!(found, None, "it is in the log: {line}");
        }
    }
}

#[tokio::test]
async fn no_log_line_has_secrets_or_personal_data_when_aws_calls_fail_t23() {
    let (Some(endpoint), Some(post)) = (dynamodb::endpoint(), Post::usual().await) else { return };
    let (to_store, to_keys) = (Proxy::to(endpoint), Proxy::to(moto::endpoint().unwrap()));
    let client = patient(&clients_at(&to_store.url()).await.dynamodb);
    create_table(&client, "logs").await;
    let store = Arc::new(DynamoDbStore::new(client, "logs".to_owned()));
    let arns = [(1, moto::hmac_key())];
    let mut told = Told::default();

    let (log, guard) = Log::capture_at(Level::INFO, Form::Json);
    let keys = TestKeys::of_versions(&[1]);
    let world = Plan { delivery: Some(post.delivery.clone()), keys, ..Plan::over(store, &[]) }.build();
    // A new user for each walk, with nothing enrolled.
    let mut annas = (0..).map(|number| world.user(&format!("anna.ample.{number}@mail.example")));
    let mut anna = || annas.next().unwrap();
    told.walk(&anna()).await;
    for fault in FAULTS {
        post.proxy.plan(fault, 0, usize::MAX);
        told.walk(&anna()).await;
        post.proxy.heal();
        for first in [0, 6] {
            to_store.plan(fault, first, usize::MAX);
            told.walk(&anna()).await;
            to_store.heal();
        }
        let keys = kms_keys(&to_keys.url(), &arns).await;
        let without_keys = Plan { keys, ..Plan::with(&[]) }.build();
        to_keys.plan(fault, 0, usize::MAX);
        told.walk(&without_keys.user(ADDRESS)).await;
        to_keys.heal();
    }
    drop(guard);

    let lines = log.lines(Form::Json);
    assert!(told.0.len() > 30, "{:?}", told.0);
    told.assert_in_none_of(&lines);
    for said in [
        "sending a message failed",
        "DynamoDB answered a call with an error",
        "the store does not answer",
        "the keys can't be reached",
    ] {
        assert!(lines.iter().any(|line| line.contains(said)), "the walk goes by what can go wrong: {said}");
    }
}
