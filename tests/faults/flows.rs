//! Every flow: the preparation of its request, and the requests with which its owner goes on.

use serde_json::{Value, json};

use super::bench::{Ask, Flow, Scene};
use crate::rig::{World, enroll_app, enroll_phone};

mod back_end;
mod genauth;
mod logto;
mod native;
mod passkeys;
mod profile;
mod session;

/// A table of flows, each with a function from a world to its scene.
macro_rules! flows {
    ($table:ident: $($name:ident => |$world:ident| $scene:block)+) => {
        pub(in crate::faults) const $table: &[crate::faults::bench::Flow] = &[$(crate::faults::bench::Flow {
            name: stringify!($name),
            prepare: |$world| Box::pin(async move { $scene }),
        }),+];
    };
}
use flows;

/// Every flow of every dialect.
pub(crate) fn all() -> impl Iterator<Item = &'static Flow> {
    let tables =
        [native::FLOWS, passkeys::FLOWS, back_end::FLOWS, session::FLOWS, genauth::FLOWS, logto::FLOWS, profile::FLOWS];
    tables.into_iter().flatten()
}

const PHONE: &str = "+8613800138000";
const OTHER_PHONE: &str = "+8613800138001";

fn post(path: &str, body: Value) -> Ask {
    Ask::new("POST", path, body)
}

/// Enrols an app in Alice's first session; returns its secret, its id and the recovery codes.
async fn with_app(world: &World) -> (String, String, Vec<String>) {
    enroll_app(&world.user("alice"), "Phone").await
}

/// Enrols a phone in Alice's first session; returns its id.
async fn with_phone(world: &World) -> String {
    enroll_phone(&world.user("alice"), PHONE).await
}

/// The answer to a request before the one that a flow is about.
async fn answered(world: &World, ask: Ask) -> Value {
    let reply = ask.of(world).await;
    assert!(reply.status.is_success(), "{}", reply.json());
    reply.json()
}

fn text(json: &Value, pointer: &str) -> String {
    json.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {json}")).to_owned()
}

/// A check with the next code of the only app.
fn check(world: &World, secret: &str) -> Ask {
    post("/v1/me/verify", json!({"code": world.next_code(secret)}))
}

impl Scene {
    /// Afterwards a check with the next code of the only app passes.
    fn then_check(self, secret: &str) -> Self {
        let secret = secret.to_owned();
        self.then(move |world, _| check(world, &secret))
    }

    /// Afterwards a code is sent to the only factor of the type, and passes.
    fn then_challenge(self, factor_type: &'static str) -> Self {
        self.then(move |_, _| post("/v1/me/challenges", json!({"factorType": factor_type}))).then(answer)
    }
}

/// The answer to the challenge that was just sent.
fn answer(world: &World, challenge: &Value) -> Ask {
    post("/v1/me/verify", json!({"challengeId": text(challenge, "/challengeId"), "code": world.postbox.code()}))
}
