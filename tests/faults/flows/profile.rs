//! The flows of a profile page.

use serde_json::{Value, json};

use super::{Scene, answered, flows, post, text};
use crate::faults::bench::Ask;
use crate::rig::World;

const PAGE: &str = "/profile/two-fa";
const DISABLE: &str = "/profile/two-fa/disable";

fn generate() -> Ask {
    post(PAGE, Value::Null)
}

/// The page cuts the secret off the URI's end.
fn secret(generated: &Value) -> String {
    let uri = text(generated, "/data/otpAuthURL");
    uri.rsplit_once("secret=").unwrap().1.to_owned()
}

fn patch(path: &str, code: &str) -> Ask {
    Ask::new("PATCH", path, json!({"code": code}))
}

fn enable(world: &World, generated: &Value) -> Ask {
    patch(PAGE, &world.next_code(&secret(generated)))
}

/// An account with an app that was enabled on the page: its secret and one of its recovery codes.
async fn enabled(world: &World) -> (String, String) {
    let generated = answered(world, generate()).await;
    let codes = answered(world, enable(world, &generated)).await;
    (secret(&generated), text(&codes, "/data/0"))
}

flows! { FLOWS:
    profile_shows_the_state => |world| {
        enabled(world).await;
        Scene::new(Ask::new("GET", PAGE, Value::Null)).again()
    }
    profile_generates => |_world| {
        Scene::new(generate()).again().then(enable)
    }
    profile_enables => |world| {
        let generated = answered(world, generate()).await;
        let secret = secret(&generated);
        // A user whose recovery codes got lost disables the app and begins anew.
        Scene::new(enable(world, &generated))
            .then(move |world, _| patch(DISABLE, &world.next_code(&secret)))
            .then(|_, _| generate())
            .then(enable)
    }
    profile_enables_wrongly => |world| {
        let generated = answered(world, generate()).await;
        let wrong = world.wrong_code(&secret(&generated));
        Scene::new(patch(PAGE, &wrong)).then(move |world, _| enable(world, &generated))
    }
    profile_disables => |world| {
        let (secret, _) = enabled(world).await;
        Scene::new(patch(DISABLE, &world.next_code(&secret))).then(|_, _| generate()).then(enable)
    }
    profile_disables_with_a_recovery_code => |world| {
        let (_, recovery) = enabled(world).await;
        Scene::new(patch(DISABLE, &recovery)).then(|_, _| generate()).then(enable)
    }
    profile_disables_wrongly => |world| {
        let (secret, _) = enabled(world).await;
        let scene = Scene::new(patch(DISABLE, &world.wrong_code(&secret)));
        scene.then(move |world, _| patch(DISABLE, &world.next_code(&secret)))
    }
}
