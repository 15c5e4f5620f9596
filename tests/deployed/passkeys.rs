//! Passkeys through the binaries, natively and over Logto's routes: enrolled, and checked once and for their own origin.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rig::authenticator::{Authenticator, Key};
use crate::walk::{CHALLENGE, CONFIRM, Deployed, ENROLL, VERIFY, Walk};

const ORIGIN: &str = "https://api.example";
const EVIL: &str = "https://evil.example";

/// The settings of passkeys in a stack whose API is at [`ORIGIN`].
pub(crate) const PASSKEYS: [(&str, &str); 2] = [("RP_ID", "api.example"), ("RP_ORIGINS", ORIGIN)];

/// Enrols a passkey in each dialect that has them, and passes a check with it (T43). Returns the values that no log may
/// contain.
pub(crate) fn passkeys(target: &dyn Deployed) -> BTreeSet<String> {
    let mut walk = Walk::over(target);
    native(&mut walk);
    logto(&mut walk);
    walk.secrets
}

/// The browser's answer to creation options. No log may contain the challenge and the credential's id.
fn created(walk: &mut Walk<'_>, key: &mut Authenticator, options: &Value, origin: &str) -> Value {
    let credential = key.create(options, origin).json();
    for text in [&options["challenge"], &credential["id"], &options["user"]["id"]] {
        walk.keep(text.as_str().unwrap());
    }
    credential
}

/// The browser's answer to request options.
fn signed(walk: &mut Walk<'_>, key: &mut Authenticator, options: &Value, origin: &str) -> Value {
    walk.keep(options["challenge"].as_str().unwrap());
    key.get(options, origin).json()
}

fn native(walk: &mut Walk<'_>) {
    let mut key = Authenticator::phone(Key::es256(9));
    let begun = walk.call("judy", ENROLL, &json!({"factorType": "passkey"})).expect(201);
    let credential = created(walk, &mut key, &begun.body["passkey"]["publicKey"], ORIGIN);
    let confirm = json!({"enrollmentToken": begun.text("/enrollmentToken"), "credential": credential});
    walk.call("judy", CONFIRM, &confirm).expect(201);
    let asked = walk.call("judy", CHALLENGE, &json!({"factorType": "passkey"})).expect(201);
    for (origin, status) in [(EVIL, 400), (ORIGIN, 200), (ORIGIN, 409)] {
        let credential = signed(walk, &mut key, &asked.body["passkey"]["publicKey"], origin);
        let answer = json!({"challengeId": asked.text("/challengeId"), "credential": credential});
        let reply = walk.call("judy", VERIFY, &answer).expect(status);
        assert!(status != 200 || reply.text("/acr") == "phr", "{}", reply.body);
    }
}

const WEB_AUTHN: &str = "POST /api/experience/verification/web-authn";

/// The body of an answer as Logto's client sends it: the credential's type is Logto's word.
fn answer(id: &str, mut credential: Value) -> Value {
    credential["type"] = "WebAuthn".into();
    json!({"verificationId": id, "payload": credential})
}

fn logto(walk: &mut Walk<'_>) {
    let mut key = Authenticator::phone(Key::es256(10));
    let made = walk.call("kate", &format!("{WEB_AUTHN}/registration"), &Value::Null).expect(200);
    let (id, options) = (made.text("/verificationId"), &made.body["registrationOptions"]);
    let verify = format!("{WEB_AUTHN}/registration/verify");
    for (origin, status) in [(EVIL, 400), (ORIGIN, 200)] {
        let credential = created(walk, &mut key, options, origin);
        walk.call("kate", &verify, &answer(&id, credential)).expect(status);
    }
    let bind = json!({"type": "WebAuthn", "verificationId": id});
    walk.call("kate", "POST /api/experience/profile/mfa", &bind).expect(204);

    let made = walk.call("kate", &format!("{WEB_AUTHN}/authentication"), &Value::Null).expect(200);
    let (id, options) = (made.text("/verificationId"), &made.body["authenticationOptions"]);
    let verify = format!("{WEB_AUTHN}/authentication/verify");
    for (origin, status) in [(EVIL, 400), (ORIGIN, 200), (ORIGIN, 404)] {
        let credential = signed(walk, &mut key, options, origin);
        walk.call("kate", &verify, &answer(&id, credential)).expect(status);
    }
    // A factor of the account, in every dialect.
    let listed = walk.call("kate", "GET /v1/me/factors", &Value::Null).expect(200);
    assert_eq!(listed.body["factors"][0]["type"], "passkey", "{}", listed.body);
}
