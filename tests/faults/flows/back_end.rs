//! The flows of the back end that differ from the user's, and the one that only the back end has.

use serde_json::{Value, json};

use super::{PHONE, Scene, answered, flows, post, text, with_app, with_phone};
use crate::faults::bench::Ask;
use crate::rig::World;

const ENROLL: &str = "/v1/me/enrollments";
const CONFIRM: &str = "/v1/me/enrollments/confirm";
const CHALLENGES: &str = "/v1/me/challenges";
const VERIFY: &str = "/v1/me/verify";

fn begin(label: &str) -> Ask {
    post(ENROLL, json!({"factorType": "totp", "label": label})).by_back_end()
}

fn confirm(world: &World, begun: &Value) -> Ask {
    let code = world.next_code(&text(begun, "/totp/secret"));
    post(CONFIRM, json!({"enrollmentToken": text(begun, "/enrollmentToken"), "code": code})).by_back_end()
}

fn answer(world: &World, challenge: &Value) -> Ask {
    let body = json!({"challengeId": text(challenge, "/challengeId"), "code": world.postbox.code()});
    post(VERIFY, body).by_back_end()
}

fn factor(method: &'static str, id: &str, body: Value) -> Ask {
    Ask::new(method, format!("/v1/me/factors/{id}"), body).by_back_end()
}

fn session(purpose: &str) -> Ask {
    post("/v1/me/sessions", json!({"purpose": purpose, "returnUrl": "https://shop.example/signed-in"})).by_back_end()
}

fn at_session(method: &'static str, id: &str, further: &str, body: Value) -> Ask {
    Ask::new(method, format!("/v1/me/sessions/{id}{further}"), body).by_back_end()
}

fn forget() -> Ask {
    Ask::new("DELETE", "/v1/me", Value::Null).by_back_end()
}

/// Afterwards the same number is enrolled, as for a new user.
fn then_begin_afresh(scene: Scene) -> Scene {
    scene.then(|_, _| post(ENROLL, json!({"factorType": "sms", "phoneNumber": PHONE}))).then(|world, begun| {
        post(CONFIRM, json!({"enrollmentToken": text(begun, "/enrollmentToken"), "code": world.postbox.code()}))
    })
}

flows! { FLOWS:
    the_back_end_begins_a_second_app => |world| {
        with_app(world).await;
        Scene::new(begin("Laptop")).again().then(confirm)
    }
    the_back_end_confirms_a_second_app => |world| {
        with_app(world).await;
        let begun = answered(world, begin("Laptop")).await;
        Scene::new(confirm(world, &begun)).then(move |_, _| begin("Tablet")).then(confirm)
    }
    the_back_end_checks_an_app => |world| {
        let (secret, ..) = with_app(world).await;
        let check = move |world: &World| post(VERIFY, json!({"code": world.next_code(&secret)})).by_back_end();
        Scene::new(check(world)).then(move |world, _| check(world))
    }
    the_back_end_asks_what_is_needed => |world| {
        let (secret, ..) = with_app(world).await;
        let asked = json!({"acrValues": ["otp"], "firstFactor": {"amr": ["pwd"]}});
        Scene::new(post("/v1/me/checks", asked).by_back_end()).again().then(move |world, _| {
            post(VERIFY, json!({"code": world.next_code(&secret), "firstFactor": {"amr": ["pwd"]}})).by_back_end()
        })
    }
    the_back_end_creates_a_session => |world| {
        with_app(world).await;
        Scene::new(session("check")).again()
    }
    the_back_end_looks_at_a_session => |world| {
        let id = text(&answered(world, session("enroll")).await, "/id");
        Scene::new(at_session("GET", &id, "", Value::Null)).again()
    }
    the_back_end_ends_a_session => |world| {
        let id = text(&answered(world, session("enroll")).await, "/id");
        let look = id.clone();
        Scene::new(at_session("DELETE", &id, "", Value::Null)).again().then(move |_, _| at_session("GET", &look, "", Value::Null))
    }
    the_back_end_redeems_a_session => |world| {
        let (secret, ..) = with_app(world).await;
        let created = answered(world, session("check")).await;
        let (_, token) = created["url"].as_str().unwrap().split_once('#').unwrap();
        let person = world.in_session(token, "AAAAAAAAAAAAAAAAAAAAAA");
        let passed = person.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
        let (_, code) = passed.text("/next").split_once("&code=").map(|(next, code)| (next.to_owned(), code.to_owned())).unwrap();
        Scene::new(at_session("POST", &text(&created, "/id"), "/redeem", json!({"code": code}))).again()
    }
    the_back_end_challenges_a_phone => |world| {
        let phone = with_phone(world).await;
        Scene::new(post(CHALLENGES, json!({"factorId": phone})).by_back_end()).again().then(answer)
    }
    the_back_end_lists_factors => |world| {
        with_app(world).await;
        Scene::new(Ask::new("GET", "/v1/me/factors", Value::Null).by_back_end()).again()
    }
    the_back_end_shows_a_factor => |world| {
        let (_, app, _) = with_app(world).await;
        Scene::new(factor("GET", &app, Value::Null)).again()
    }
    the_back_end_renames_an_app => |world| {
        let (_, app, _) = with_app(world).await;
        Scene::new(factor("PATCH", &app, json!({"label": "Old phone"}))).again()
    }
    the_back_end_makes_recovery_codes_anew => |world| {
        with_app(world).await;
        let use_new_code = |_: &World, codes: &Value| post(VERIFY, json!({"code": text(codes, "/recoveryCodes/0")}));
        Scene::new(post("/v1/me/recovery-codes", Value::Null).by_back_end()).again().then(use_new_code)
    }
    the_back_end_removes_an_app => |world| {
        let (_, app, _) = with_app(world).await;
        Scene::new(factor("DELETE", &app, Value::Null))
            .then(move |_, _| begin("Laptop")).then(confirm)
    }
    the_back_end_forgets_a_user => |world| {
        with_app(world).await;
        let phone = with_phone(world).await;
        answered(world, post(CHALLENGES, json!({"factorId": phone}))).await;
        answered(world, post(ENROLL, json!({"factorType": "email", "email": "alice@example.com"}))).await;
        then_begin_afresh(Scene::new(forget()).again())
    }
    the_back_end_forgets_a_user_with_an_app => |world| {
        with_app(world).await;
        then_begin_afresh(Scene::new(forget()).again())
    }
    the_back_end_forgets_nobody => |_world| {
        then_begin_afresh(Scene::new(forget()).again())
    }
}
