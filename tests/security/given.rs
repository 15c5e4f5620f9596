//! Common preparations of the tests.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::rig::{Client, Reply};

pub(super) const ENROLL: &str = "/v1/me/enrollments";
pub(super) const CONFIRM: &str = "/v1/me/enrollments/confirm";
pub(super) const CHALLENGE: &str = "/v1/me/challenges";
pub(super) const VERIFY: &str = "/v1/me/verify";
pub(super) const CODES: &str = "/v1/me/recovery-codes";
pub(super) const FACTORS: &str = "/v1/me/factors";

pub(super) const GENAUTH_ENROLL: &str = "/api/v3/send-enroll-factor-request";
pub(super) const GENAUTH_CONFIRM: &str = "/api/v3/enroll-factor";
pub(super) const GENAUTH_VERIFY: &str = "/api/v3/mfa-totp-verify";
pub(super) const LOGTO_SECRET: &str = "/api/experience/verification/totp/secret";
pub(super) const LOGTO_VERIFY: &str = "/api/experience/verification/totp/verify";
pub(super) const LOGTO_BIND: &str = "/api/experience/profile/mfa";
pub(super) const PROFILE: &str = "/profile/two-fa";
pub(super) const PROFILE_DISABLE: &str = "/profile/two-fa/disable";

/// Runs all requests in parallel, as far as the machine can. The answers are in the order of the requests.
pub(super) async fn at_once<T: Send + 'static>(
    requests: impl IntoIterator<Item: Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let requests: Vec<_> = requests.into_iter().collect();
    let start = Arc::new(Barrier::new(requests.len()));
    let run = |request| {
        let start = Arc::clone(&start);
        tokio::spawn(async move {
            start.wait().await;
            request.await
        })
    };
    let tasks: Vec<_> = requests.into_iter().map(run).collect();
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// Status and code of an answer. For GenAuth they are those in the envelope.
pub(super) fn outcome(reply: &Reply) -> (u64, String) {
    let json = reply.json();
    match json.get("statusCode").and_then(Value::as_u64) {
        Some(status) => (status, json.get("apiCode").map(Value::to_string).unwrap_or_default()),
        None => (reply.status.as_u16().into(), reply.outcome().1),
    }
}

/// Whether an answer is a success in its dialect.
pub(super) fn passed(reply: &Reply) -> bool {
    (200..300).contains(&outcome(reply).0)
}

#[track_caller]
pub(super) fn expect(reply: &Reply, status: u64, code: &str) {
    assert_eq!(outcome(reply), (status, code.to_owned()), "{}", reply.json());
}

/// The number of answers with this status and code.
pub(super) fn count(replies: &[Reply], status: u64, code: &str) -> usize {
    replies.iter().filter(|reply| outcome(reply) == (status, code.to_owned())).count()
}

/// Begins to enrol an app natively; returns the token and the secret.
pub(super) async fn begin_app(client: &Client, label: &str) -> (String, String) {
    let begun = client.post(ENROLL, json!({"factorType": "totp", "label": label})).await.expect(201);
    (begun.text("/enrollmentToken"), begun.text("/totp/secret"))
}

/// Begins to enrol an address natively; returns the token and the code.
pub(super) async fn begin_email(client: &Client, address: &str) -> (String, String) {
    let begun = client.post(ENROLL, json!({"factorType": "email", "email": address})).await.expect(201);
    (begun.text("/enrollmentToken"), client.world.postbox.code())
}

/// Challenges a factor; returns the challenge's id and code.
pub(super) async fn challenge(client: &Client, factor: &str) -> (String, String) {
    let sent = client.post(CHALLENGE, json!({"factorId": factor})).await.expect(201);
    (sent.text("/challengeId"), client.world.postbox.code())
}

pub(super) async fn confirm(client: &Client, token: &str, code: &str) -> Reply {
    client.post(CONFIRM, json!({"enrollmentToken": token, "code": code})).await
}

pub(super) async fn answer(client: &Client, challenge: &str, code: &str) -> Reply {
    client.post(VERIFY, json!({"challengeId": challenge, "code": code})).await
}

/// Checks an app's code, or a recovery code.
pub(super) async fn verify(client: &Client, code: &str) -> Reply {
    client.post(VERIFY, json!({"code": code})).await
}

/// Begins to enrol in GenAuth's dialect; returns the answer, which must be a success.
pub(super) async fn begin_genauth(client: &Client, factor_type: &str, profile: Value) -> Reply {
    let reply = client.post(GENAUTH_ENROLL, json!({"factorType": factor_type, "profile": profile})).await;
    assert!(passed(&reply), "{}", reply.json());
    reply
}

pub(super) async fn confirm_genauth(client: &Client, factor_type: &str, token: &str, code: &str) -> Reply {
    let data = json!({"passCode": code});
    let body = json!({"factorType": factor_type, "enrollmentToken": token, "enrollmentData": data});
    client.post(GENAUTH_CONFIRM, body).await
}

/// Begins to enrol an app in Logto's dialect; returns the id and the secret.
pub(super) async fn begin_logto(client: &Client) -> (String, String) {
    let begun = client.post(LOGTO_SECRET, Value::Null).await.expect(200);
    (begun.text("/verificationId"), begun.text("/secret"))
}

pub(super) async fn verify_logto(client: &Client, id: &str, code: &str) -> Reply {
    client.post(LOGTO_VERIFY, json!({"verificationId": id, "code": code})).await
}

pub(super) async fn bind_logto(client: &Client, id: &str) -> Reply {
    client.post(LOGTO_BIND, json!({"type": "Totp", "verificationId": id})).await
}

/// Begins to enrol an app on the profile page; returns the secret.
pub(super) async fn begin_profile(client: &Client) -> String {
    secret_of(&client.post(PROFILE, Value::Null).await.expect(201).text("/data/otpAuthURL"))
}

/// The secret in an `otpauth` URI.
pub(super) fn secret_of(uri: &str) -> String {
    uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}
