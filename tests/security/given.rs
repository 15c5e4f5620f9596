//! Common preparations of the tests.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Barrier;

pub(super) use crate::rig::enroll::native::{CONFIRM, ENROLL, begin_app, begin_email, confirm};
pub(super) use crate::rig::enroll::{genauth, logto, profile};
use crate::rig::{Client, Reply};

pub(super) const CHALLENGE: &str = "/v1/me/challenges";
pub(super) const VERIFY: &str = "/v1/me/verify";
pub(super) const CHECKS: &str = "/v1/me/checks";
pub(super) const CODES: &str = "/v1/me/recovery-codes";
pub(super) const FACTORS: &str = "/v1/me/factors";

pub(super) const GENAUTH_VERIFY: &str = "/api/v3/mfa-totp-verify";
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

/// Challenges a factor; returns the challenge's id and code.
pub(super) async fn challenge(client: &Client, factor: &str) -> (String, String) {
    let sent = client.post(CHALLENGE, json!({"factorId": factor})).await.expect(201);
    (sent.text("/challengeId"), client.world.postbox.code())
}

pub(super) async fn answer(client: &Client, challenge: &str, code: &str) -> Reply {
    client.post(VERIFY, json!({"challengeId": challenge, "code": code})).await
}

/// Checks an app's code, or a recovery code.
pub(super) async fn verify(client: &Client, code: &str) -> Reply {
    client.post(VERIFY, json!({"code": code})).await
}
