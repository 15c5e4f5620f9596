//! The flows of a person in a hosted session.

use serde_json::{Value, json};

use super::{PHONE, Scene, answered, check, flows, passkeys, post, text, with_app, with_phone};
use crate::faults::bench::Ask;
use crate::rig::{World, enroll_email};

const ENROLL: &str = "/v1/me/enrollments";
const CONFIRM: &str = "/v1/me/enrollments/confirm";
const CHALLENGES: &str = "/v1/me/challenges";
const VERIFY: &str = "/v1/me/verify";
const FACTORS: &str = "/v1/me/factors";
const VIEW: &str = "/v1/session";
const CONTACT: &str = "/v1/session/contact";
const CONFIRM_CONTACT: &str = "/v1/session/contact/confirm";
const LEAVE: &str = "/v1/session/cancel";

/// Creates a session of Alice with these fields beside the return URL; returns its token.
async fn begin(world: &World, mut fields: Value) -> String {
    fields["returnUrl"] = "https://shop.example/signed-in".into();
    let created = answered(world, post("/v1/me/sessions", fields).by_back_end()).await;
    created["url"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
}

/// The same, with the first request of the page.
async fn shown(world: &World, fields: Value) -> String {
    let token = begin(world, fields).await;
    answered(world, view(&token)).await;
    token
}

/// A session in which factors are managed, after its check with an app; returns its token, the app's secret and its id.
async fn managing(world: &World) -> (String, String, String) {
    let (secret, app, _) = with_app(world).await;
    let token = shown(world, json!({"purpose": "manage"})).await;
    answered(world, post(VERIFY, json!({"code": world.next_code(&secret)})).in_session(&token)).await;
    (token, secret, app)
}

fn view(token: &str) -> Ask {
    Ask::new("GET", VIEW, Value::Null).in_session(token)
}

fn offering() -> Value {
    json!({"purpose": "check", "offerPasskey": true})
}

fn contact() -> Value {
    json!({"purpose": "enroll", "contact": {"email": "alice@example.com"}})
}

fn begin_app() -> Ask {
    post(ENROLL, json!({"factorType": "totp", "label": "Laptop"}))
}

fn confirm(world: &World, begun: &Value) -> Ask {
    let code = world.next_code(&text(begun, "/totp/secret"));
    post(CONFIRM, json!({"enrollmentToken": text(begun, "/enrollmentToken"), "code": code}))
}

fn confirm_contact(world: &World) -> Ask {
    post(CONFIRM_CONTACT, json!({"code": world.postbox.code()}))
}

/// A copy of the session's token for a closure.
fn in_it(token: &str) -> impl Fn(Ask) -> Ask + Send + Sync + 'static {
    let token = token.to_owned();
    move |ask| ask.in_session(&token)
}

flows! { FLOWS:
    a_session_is_shown => |world| {
        with_app(world).await;
        let token = begin(world, json!({"purpose": "check"})).await;
        Scene::new(view(&token)).again()
    }
    a_session_is_passed_with_an_app => |world| {
        let (secret, ..) = with_app(world).await;
        let token = shown(world, json!({"purpose": "check"})).await;
        Scene::new(check(world, &secret).in_session(&token)).then_check(&secret)
    }
    a_session_passes_to_its_offer_of_a_passkey => |world| {
        let (secret, _, _) = with_app(world).await;
        let token = shown(world, offering()).await;
        let within = in_it(&token);
        Scene::new(check(world, &secret).in_session(&token)).then(move |_, _| within(post(LEAVE, Value::Null)))
    }
    a_session_enrolls_the_passkey_that_it_offers => |world| {
        let (secret, _, _) = with_app(world).await;
        let token = shown(world, offering()).await;
        answered(world, check(world, &secret).in_session(&token)).await;
        let begun = answered(world, passkeys::begin().in_session(&token)).await;
        Scene::new(passkeys::confirm(&begun).in_session(&token)).then_check(&secret)
    }
    a_session_is_shown_after_its_end => |world| {
        let (secret, ..) = with_app(world).await;
        let token = shown(world, json!({"purpose": "check"})).await;
        answered(world, check(world, &secret).in_session(&token)).await;
        Scene::new(view(&token)).again()
    }
    a_session_challenges_a_phone => |world| {
        with_phone(world).await;
        let token = shown(world, json!({"purpose": "check"})).await;
        let within = in_it(&token);
        Scene::new(post(CHALLENGES, json!({"factorType": "sms"})).in_session(&token)).again()
            .then(move |world, sent| within(super::answer(world, sent)))
    }
    a_session_is_passed_with_a_sent_code => |world| {
        with_phone(world).await;
        let token = shown(world, json!({"purpose": "check"})).await;
        let sent = answered(world, post(CHALLENGES, json!({"factorType": "sms"})).in_session(&token)).await;
        Scene::new(super::answer(world, &sent).in_session(&token)).then_challenge("sms")
    }
    a_session_asks_what_is_needed => |world| {
        let (secret, ..) = with_app(world).await;
        let token = shown(world, json!({"purpose": "check"})).await;
        let within = in_it(&token);
        Scene::new(post("/v1/me/checks", json!({"maxAge": 60})).in_session(&token)).again()
            .then(move |world, _| within(check(world, &secret)))
    }
    a_session_is_left => |world| {
        let (secret, ..) = with_app(world).await;
        let token = shown(world, json!({"purpose": "check"})).await;
        Scene::new(post(LEAVE, Value::Null).in_session(&token)).then_check(&secret)
    }
    a_contact_gets_a_code => |world| {
        let token = shown(world, contact()).await;
        let within = in_it(&token);
        let then = in_it(&token);
        Scene::new(post(CONTACT, json!({})).in_session(&token)).again()
            .then(move |world, _| within(confirm_contact(world))).then(move |_, _| then(begin_app()))
    }
    a_contact_is_confirmed => |world| {
        let token = shown(world, contact()).await;
        answered(world, post(CONTACT, json!({})).in_session(&token)).await;
        let (within, then) = (in_it(&token), in_it(&token));
        Scene::new(confirm_contact(world).in_session(&token))
            .then(move |_, _| within(begin_app())).then(move |world, begun| then(confirm(world, begun)))
    }
    a_session_begins_an_app => |world| {
        let token = shown(world, json!({"purpose": "enroll"})).await;
        let within = in_it(&token);
        Scene::new(begin_app().in_session(&token)).again().then(move |world, begun| within(confirm(world, begun)))
    }
    a_session_enrolls_a_first_app => |world| {
        let token = shown(world, json!({"purpose": "enroll"})).await;
        let begun = answered(world, begin_app().in_session(&token)).await;
        let secret = text(&begun, "/totp/secret");
        Scene::new(confirm(world, &begun).in_session(&token)).then_check(&secret)
    }
    a_session_enrolls_a_first_app_and_the_contact_hears => |world| {
        let token = shown(world, contact()).await;
        answered(world, post(CONTACT, json!({})).in_session(&token)).await;
        answered(world, confirm_contact(world).in_session(&token)).await;
        let begun = answered(world, begin_app().in_session(&token)).await;
        let secret = text(&begun, "/totp/secret");
        Scene::new(confirm(world, &begun).in_session(&token)).then_check(&secret)
    }
    a_session_lists_factors => |world| {
        let (token, ..) = managing(world).await;
        Scene::new(Ask::new("GET", FACTORS, Value::Null).in_session(&token)).again()
    }
    a_session_shows_a_factor => |world| {
        let (token, _, app) = managing(world).await;
        Scene::new(Ask::new("GET", format!("{FACTORS}/{app}"), Value::Null).in_session(&token)).again()
    }
    a_session_renames_an_app => |world| {
        let (token, _, app) = managing(world).await;
        let rename = Ask::new("PATCH", format!("{FACTORS}/{app}"), json!({"label": "Old phone"}));
        Scene::new(rename.in_session(&token)).again()
    }
    a_session_removes_an_address => |world| {
        let (token, secret, _) = managing(world).await;
        let mail = enroll_email(&world.back_end("alice"), "alice@example.com").await;
        drop(token);
        let token = shown(world, json!({"purpose": "manage"})).await;
        answered(world, post(VERIFY, json!({"code": world.next_code(&secret)})).in_session(&token)).await;
        let remove = Ask::new("DELETE", format!("{FACTORS}/{mail}"), Value::Null);
        let within = in_it(&token);
        Scene::new(remove.in_session(&token)).then(move |_, _| within(post(LEAVE, Value::Null)))
    }
    a_session_makes_recovery_codes_anew => |world| {
        let (token, ..) = managing(world).await;
        let use_new_code = |_: &World, codes: &Value| post(VERIFY, json!({"code": text(codes, "/recoveryCodes/0")}));
        Scene::new(post("/v1/me/recovery-codes", Value::Null).in_session(&token)).again().then(use_new_code)
    }
    a_user_removes_an_app_and_the_contact_hears => |world| {
        let token = shown(world, contact()).await;
        answered(world, post(CONTACT, json!({})).in_session(&token)).await;
        answered(world, confirm_contact(world).in_session(&token)).await;
        let begun = answered(world, begin_app().in_session(&token)).await;
        let secret = text(&begun, "/totp/secret");
        let confirmed = answered(world, confirm(world, &begun).in_session(&token)).await;
        answered(world, check(world, &secret)).await;
        let remove = Ask::new("DELETE", format!("{FACTORS}/{}", text(&confirmed, "/factor/id")), Value::Null);
        Scene::new(remove).then(|_, _| post(ENROLL, json!({"factorType": "sms", "phoneNumber": PHONE})))
    }
}
