//! The flows of Logto's dialect.

use serde_json::{Value, json};

use super::{Scene, answered, flows, post, text, with_app};
use crate::faults::bench::Ask;
use crate::rig::World;

const SECRET: &str = "/api/experience/verification/totp/secret";
const VERIFY: &str = "/api/experience/verification/totp/verify";
const BIND: &str = "/api/experience/profile/mfa";

fn verify(world: &World, begun: &Value) -> Ask {
    let code = world.next_code(&text(begun, "/secret"));
    post(VERIFY, json!({"verificationId": text(begun, "/verificationId"), "code": code}))
}

/// Binds the enrolment that was just verified, or verified before.
fn bind(_: &World, verified: &Value) -> Ask {
    post(BIND, json!({"type": "Totp", "verificationId": text(verified, "/verificationId")}))
}

fn check(world: &World, secret: &str) -> Ask {
    post(VERIFY, json!({"code": world.next_code(secret)}))
}

flows! { FLOWS:
    logto_makes_a_secret => |_world| {
        Scene::new(post(SECRET, Value::Null)).again().then(verify).then(bind)
    }
    logto_verifies_a_secret => |world| {
        let begun = answered(world, post(SECRET, Value::Null)).await;
        // A client that lost the answer tries the next code, or binds the enrolment at once.
        let (again, to_bind) = (begun.clone(), begun.clone());
        Scene::new(verify(world, &begun)).then(move |world, _| verify(world, &again)).then(move |_, _| {
            post(BIND, json!({"type": "Totp", "verificationId": text(&to_bind, "/verificationId")}))
        })
    }
    logto_verifies_a_secret_wrongly => |world| {
        let begun = answered(world, post(SECRET, Value::Null)).await;
        let wrong = world.wrong_code(&text(&begun, "/secret"));
        let body = json!({"verificationId": text(&begun, "/verificationId"), "code": wrong});
        Scene::new(post(VERIFY, body)).then(move |world, _| verify(world, &begun)).then(bind)
    }
    logto_binds_an_app => |world| {
        let begun = answered(world, post(SECRET, Value::Null)).await;
        let verified = answered(world, verify(world, &begun)).await;
        Scene::new(bind(world, &verified)).then_check(&text(&begun, "/secret"))
    }
    logto_checks_an_app => |world| {
        let (secret, ..) = with_app(world).await;
        Scene::new(check(world, &secret)).then(move |world, _| check(world, &secret))
    }
}
