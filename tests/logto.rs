//! Logto's dialect, the part for authenticator apps: every route, every answer, every error.

use serde_json::{Value, json};

use crate::rig::{Client, Transcript, World};

mod binding;
mod refusals;
mod secrets;
mod verifying;

const SECRET: &str = "/api/experience/verification/totp/secret";
const VERIFY: &str = "/api/experience/verification/totp/verify";
const BIND: &str = "/api/experience/profile/mfa";

/// Makes a secret; returns the verification's id and the secret.
async fn make_secret(client: &Client) -> (String, String) {
    let made = client.post(SECRET, Value::Null).await.expect(200);
    (made.text("/verificationId"), made.text("/secret"))
}

/// Makes a secret and verifies its code; returns the verification's id and the secret.
async fn verified_secret(client: &Client) -> (String, String) {
    let (id, secret) = make_secret(client).await;
    let code = client.world.next_code(&secret);
    client.post(VERIFY, json!({"code": code, "verificationId": id})).await.expect(200);
    (id, secret)
}

fn bound(id: &str) -> Value {
    json!({"type": "Totp", "verificationId": id})
}

/// Enrols an app; returns its secret.
async fn enrol_app(client: &Client) -> String {
    let (id, secret) = verified_secret(client).await;
    client.post(BIND, bound(&id)).await.expect(204);
    secret
}

#[tokio::test]
async fn an_app_is_enrolled_and_passes_a_check() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let made = log.post("a secret", &alice, SECRET, Value::Null).await;
    let (id, secret) = (made.text("/verificationId"), made.text("/secret"));
    let wrong = json!({"code": world.wrong_code(&secret), "verificationId": id});
    log.post("a wrong code", &alice, VERIFY, wrong).await;
    log.post("bound too soon", &alice, BIND, bound(&id)).await;
    let right = json!({"code": world.next_code(&secret), "verificationId": id});
    log.post("the right code", &alice, VERIFY, right.clone()).await;
    log.post("the same code again", &alice, VERIFY, right.clone()).await;
    log.post("bound", &alice, BIND, bound(&id)).await;
    log.post("bound again", &alice, BIND, bound(&id)).await;
    log.post("the code that was used before it was bound", &alice, VERIFY, json!({"code": right["code"]})).await;
    let check = json!({"code": world.next_code(&secret)});
    let check_id = log.post("a check", &alice, VERIFY, check.clone()).await.text("/verificationId");
    log.post("the same code again", &alice, VERIFY, check).await;
    log.post("a wrong code", &alice, VERIFY, json!({"code": world.wrong_code(&secret)})).await;
    log.post("a check is nothing to bind", &alice, BIND, bound(&check_id)).await;
    insta::assert_snapshot!(log.text());
}
