//! The flows with a passkey, natively and in Logto's dialect.

use serde_json::{Value, json};

use super::{Scene, answered, flows, post, text};
use crate::faults::bench::Ask;
use crate::rig::World;
use crate::rig::authenticator::{Authenticator, Key};

const ENROLL: &str = "/v1/me/enrollments";
const CONFIRM: &str = "/v1/me/enrollments/confirm";
const CHALLENGES: &str = "/v1/me/challenges";
const VERIFY: &str = "/v1/me/verify";
const WEB_AUTHN: &str = "/api/experience/verification/web-authn";
const BIND: &str = "/api/experience/profile/mfa";
const ORIGIN: &str = "https://login.example.com";

/// Alice's phone, which keeps no count.
fn phone() -> Authenticator {
    Authenticator::phone(Key::es256(1))
}

fn created(options: &Value) -> Value {
    phone().create(options, ORIGIN).json()
}

fn signed(options: &Value) -> Value {
    phone().get(options, ORIGIN).json()
}

pub(super) fn begin() -> Ask {
    post(ENROLL, json!({"factorType": "passkey"}))
}

pub(super) fn confirm(begun: &Value) -> Ask {
    let credential = created(&begun["passkey"]["publicKey"]);
    post(CONFIRM, json!({"enrollmentToken": text(begun, "/enrollmentToken"), "credential": credential}))
}

fn challenge() -> Ask {
    post(CHALLENGES, json!({"factorType": "passkey"}))
}

fn answer(made: &Value) -> Ask {
    let credential = signed(&made["passkey"]["publicKey"]);
    post(VERIFY, json!({"challengeId": text(made, "/challengeId"), "credential": credential}))
}

async fn enroll(world: &World) {
    let begun = answered(world, begin()).await;
    answered(world, confirm(&begun)).await;
}

/// The answer to Logto's options of this name.
fn logto(path: &str, made: &Value, answer: Value) -> Ask {
    let body = json!({"verificationId": text(made, "/verificationId"), "payload": answer});
    post(&format!("{WEB_AUTHN}/{path}"), body)
}

fn registered(made: &Value) -> Ask {
    logto("registration/verify", made, created(&made["registrationOptions"]))
}

fn bind(verified: &Value) -> Ask {
    post(BIND, json!({"type": "WebAuthn", "verificationId": text(verified, "/verificationId")}))
}

flows! { FLOWS:
    a_passkey_is_begun => |_world| {
        Scene::new(begin()).again().then(|_, begun| confirm(begun))
    }
    a_passkey_is_confirmed => |world| {
        let begun = answered(world, begin()).await;
        Scene::new(confirm(&begun)).then(|_, _| challenge()).then(|_, made| answer(made))
    }
    a_passkey_is_challenged => |world| {
        enroll(world).await;
        Scene::new(challenge()).again().then(|_, made| answer(made))
    }
    a_passkey_is_checked => |world| {
        enroll(world).await;
        let made = answered(world, challenge()).await;
        Scene::new(answer(&made)).then(|_, _| challenge()).then(|_, made| answer(made))
    }
    logto_begins_a_passkey => |_world| {
        Scene::new(post(&format!("{WEB_AUTHN}/registration"), Value::Null)).again()
            .then(|_, made| registered(made)).then(|_, verified| bind(verified))
    }
    logto_verifies_a_new_passkey => |world| {
        let made = answered(world, post(&format!("{WEB_AUTHN}/registration"), Value::Null)).await;
        Scene::new(registered(&made)).again().then(|_, verified| bind(verified))
    }
    logto_binds_a_passkey => |world| {
        let made = answered(world, post(&format!("{WEB_AUTHN}/registration"), Value::Null)).await;
        let verified = answered(world, registered(&made)).await;
        Scene::new(bind(&verified)).then(|_, _| challenge()).then(|_, made| answer(made))
    }
    logto_challenges_a_passkey => |world| {
        enroll(world).await;
        Scene::new(post(&format!("{WEB_AUTHN}/authentication"), Value::Null)).again()
            .then(|_, made| logto("authentication/verify", made, signed(&made["authenticationOptions"])))
    }
    logto_checks_a_passkey => |world| {
        enroll(world).await;
        let made = answered(world, post(&format!("{WEB_AUTHN}/authentication"), Value::Null)).await;
        Scene::new(logto("authentication/verify", &made, signed(&made["authenticationOptions"])))
            .then(|_, _| challenge()).then(|_, made| answer(made))
    }
}
