//! Logto's WebAuthn routes.

use serde_json::{Value, json};

use crate::rig::authenticator::{Authenticator, Key, UV};
use crate::rig::{Client, World, enroll_app};

const WEB_AUTHN: &str = "/api/experience/verification/web-authn";
const BIND: &str = "/api/experience/profile/mfa";
const ORIGIN: &str = "https://login.example.com";

/// The browser's answer as Logto's client sends it: its type is Logto's word.
fn payload(mut answer: Value) -> Value {
    answer["type"] = "WebAuthn".into();
    answer
}

async fn begin(client: &Client) -> (String, Value) {
    let made = client.post(&format!("{WEB_AUTHN}/registration"), Value::Null).await.expect(200);
    (made.text("/verificationId"), made.json()["registrationOptions"].clone())
}

async fn verify(client: &Client, step: &str, id: &str, answer: Value) -> crate::rig::Reply {
    let body = json!({"verificationId": id, "payload": payload(answer)});
    client.post(&format!("{WEB_AUTHN}/{step}/verify"), body).await
}

/// The code of an error.
fn code(reply: &crate::rig::Reply) -> (u16, String) {
    reply.outcome()
}

#[tokio::test]
async fn a_passkey_is_registered_bound_and_authenticated() {
    let world = World::new();
    let alice = world.user("alice");
    let mut key = Authenticator::phone(Key::es256(1));
    let (id, options) = begin(&alice).await;
    let selection = &options["authenticatorSelection"];
    assert_eq!(json!([selection["residentKey"], selection["userVerification"]]), json!(["required", "required"]));
    assert_eq!(options["attestation"], "none");
    let algorithms: Vec<_> = options["pubKeyCredParams"].as_array().unwrap().iter().map(|each| &each["alg"]).collect();
    assert_eq!(algorithms, [&json!(-7), &json!(-257)]);
    // An unverified passkey is not bound. A passkey is no app.
    let bind = json!({"type": "WebAuthn", "verificationId": id});
    assert_eq!(code(&alice.post(BIND, bind.clone()).await), (400, "session.verification_failed".to_owned()));
    let wrong = verify(&alice, "registration", &id, key.create(&options, "https://evil.example").json()).await;
    assert_eq!(code(&wrong), (400, "session.mfa.webauthn_verification_failed".to_owned()));
    let verified = verify(&alice, "registration", &id, key.create(&options, ORIGIN).json()).await.expect(200);
    assert_eq!(verified.text("/verificationId"), id);
    let as_app = json!({"type": "Totp", "verificationId": id});
    assert_eq!(code(&alice.post(BIND, as_app).await).0, 404);
    alice.post(BIND, bind).await.expect(204);

    let made = alice.post(&format!("{WEB_AUTHN}/authentication"), Value::Null).await.expect(200);
    let (id, options) = (made.text("/verificationId"), made.json()["authenticationOptions"].clone());
    assert_eq!((options["allowCredentials"].as_array().unwrap().len(), &options["rpId"]), (1, &json!("example.com")));
    let answer = key.get(&options, ORIGIN).json();
    assert_eq!(verify(&alice, "authentication", &id, answer.clone()).await.expect(200).text("/verificationId"), id);
    assert_eq!(code(&verify(&alice, "authentication", &id, answer).await).0, 404, "an answer passes once");
    // It is a recent check: the session may bind an app.
    let made = alice.post("/api/experience/verification/totp/secret", Value::Null).await.expect(200);
    let totp = world.next_code(&made.text("/secret"));
    let id = made.text("/verificationId");
    let body = json!({"verificationId": id, "code": totp});
    alice.post("/api/experience/verification/totp/verify", body).await.expect(200);
    alice.post(BIND, json!({"type": "Totp", "verificationId": id})).await.expect(204);
}

/// Logto's server demands it too, of both answers. A natively enrolled security key passes native checks alone.
#[tokio::test]
async fn an_answer_without_user_verification_is_refused_t43() {
    let failed = (400, "session.mfa.webauthn_verification_failed".to_owned());
    let world = World::new();
    let alice = world.user("alice");
    let mut security_key = Authenticator::security_key(Key::es256(1));
    let (id, options) = begin(&alice).await;
    let answer = security_key.create(&options, ORIGIN).json();
    assert_eq!(code(&verify(&alice, "registration", &id, answer).await), failed);

    let begun = alice.post("/v1/me/enrollments", json!({"factorType": "passkey"})).await.expect(201);
    let credential = security_key.create(&begun.json()["passkey"]["publicKey"], ORIGIN).json();
    let native = json!({"enrollmentToken": begun.text("/enrollmentToken"), "credential": credential});
    alice.post("/v1/me/enrollments/confirm", native).await.expect(201);
    let made = alice.post(&format!("{WEB_AUTHN}/authentication"), Value::Null).await.expect(200);
    let options = &made.json()["authenticationOptions"];
    assert_eq!(options["userVerification"], "required");
    let id = made.text("/verificationId");
    let answer = security_key.get(options, ORIGIN).json();
    assert_eq!(code(&verify(&alice, "authentication", &id, answer).await), failed);
    // With its PIN it passes.
    security_key.flags |= UV;
    let answer = security_key.get(options, ORIGIN).json();
    verify(&alice, "authentication", &id, answer).await.expect(200);

    security_key.flags &= !UV;
    let made = alice.post("/v1/me/challenges", json!({"factorType": "passkey"})).await.expect(201);
    let credential = security_key.get(&made.json()["passkey"]["publicKey"], ORIGIN).json();
    let native = json!({"challengeId": made.text("/challengeId"), "credential": credential});
    alice.post("/v1/me/verify", native).await.expect(200);
}

#[tokio::test]
async fn a_passkey_of_one_dialect_is_not_finished_in_another_t41() {
    let world = World::new();
    let alice = world.user("alice");
    let mut key = Authenticator::phone(Key::es256(1));
    let (id, options) = begin(&alice).await;
    let credential = key.create(&options, ORIGIN).json();
    let native = json!({"enrollmentToken": id, "credential": credential});
    assert_eq!(alice.post("/v1/me/enrollments/confirm", native).await.outcome(), (404, "not_found".to_owned()));
    let begun = alice.post("/v1/me/enrollments", json!({"factorType": "passkey"})).await.expect(201);
    let credential = key.create(&begun.json()["passkey"]["publicKey"], ORIGIN).json();
    let reply = verify(&alice, "registration", &begun.text("/enrollmentToken"), credential).await;
    assert_eq!(code(&reply).0, 404);
}

#[tokio::test]
async fn a_thief_binds_no_passkey_and_an_app_owner_without_one_is_told_so() {
    let world = World::new();
    enroll_app(&world.user("alice"), "Phone").await;
    let thief = world.session("alice", "thief");
    let mut key = Authenticator::phone(Key::es256(1));
    let (id, options) = begin(&thief).await;
    verify(&thief, "registration", &id, key.create(&options, ORIGIN).json()).await.expect(200);
    let reply = thief.post(BIND, json!({"type": "WebAuthn", "verificationId": id})).await;
    assert_eq!(code(&reply), (403, "session.mfa.require_mfa_verification".to_owned()));
    let none = thief.post(&format!("{WEB_AUTHN}/authentication"), Value::Null).await;
    assert_eq!(code(&none), (400, "session.mfa.webauthn_verification_not_found".to_owned()));
}
