//! The flows of our own dialect.

use serde_json::{Value, json};

use super::{OTHER_PHONE, PHONE, Scene, answer, answered, check, flows, post, text, with_app, with_phone};
use crate::faults::bench::Ask;
use crate::rig::{World, transfer};

const ENROLL: &str = "/v1/me/enrollments";
const CONFIRM: &str = "/v1/me/enrollments/confirm";
const CHALLENGES: &str = "/v1/me/challenges";
const VERIFY: &str = "/v1/me/verify";
const CHECKS: &str = "/v1/me/checks";
const CODES: &str = "/v1/me/recovery-codes";

fn an_app(label: &str) -> Value {
    json!({"factorType": "totp", "label": label})
}

fn a_phone(number: &str) -> Value {
    json!({"factorType": "sms", "phoneNumber": number})
}

fn an_address() -> Value {
    json!({"factorType": "email", "email": "alice@example.com"})
}

fn confirm(begun: &Value, code: &str) -> Ask {
    post(CONFIRM, json!({"enrollmentToken": text(begun, "/enrollmentToken"), "code": code}))
}

/// Confirms the app that was just begun.
fn confirm_app(world: &World, begun: &Value) -> Ask {
    confirm(begun, &world.next_code(&text(begun, "/totp/secret")))
}

/// Confirms the destination that a code was just sent to.
fn confirm_sent(world: &World, begun: &Value) -> Ask {
    confirm(begun, &world.postbox.code())
}

/// The first code of a new set passes.
fn use_new_code(_: &World, codes: &Value) -> Ask {
    post(VERIFY, json!({"code": text(codes, "/recoveryCodes/0")}))
}

fn factor(method: &'static str, id: &str, body: Value) -> Ask {
    Ask::new(method, format!("/v1/me/factors/{id}"), body)
}

fn list() -> Ask {
    Ask::new("GET", "/v1/me/factors", Value::Null)
}

flows! { FLOWS:
    an_app_is_begun => |_world| {
        Scene::new(post(ENROLL, an_app("Phone"))).again().then(confirm_app)
    }
    an_app_is_begun_over_another => |world| {
        answered(world, post(ENROLL, an_app("Phone"))).await;
        Scene::new(post(ENROLL, an_app("Laptop"))).again().then(confirm_app)
    }
    a_phone_is_begun => |_world| {
        Scene::new(post(ENROLL, a_phone(PHONE))).again().then(confirm_sent)
    }
    a_phone_is_begun_over_another => |world| {
        let begun = answered(world, post(ENROLL, a_phone(OTHER_PHONE))).await;
        answered_wrongly(world, &begun).await;
        Scene::new(post(ENROLL, a_phone(PHONE))).again().then(confirm_sent)
    }
    an_address_is_begun => |_world| {
        Scene::new(post(ENROLL, an_address())).again().then(confirm_sent)
    }
    a_second_app_is_begun_with_a_code => |world| {
        let (secret, ..) = with_app(world).await;
        let body = json!({"factorType": "totp", "label": "Laptop", "code": world.next_code(&secret)});
        let by = "alice-2";
        Scene::new(post(ENROLL, body).by(by)).again().then(move |world, begun| confirm_app(world, begun).by(by))
    }
    a_second_app_is_begun_with_a_wrong_code => |world| {
        let (secret, ..) = with_app(world).await;
        let body = json!({"factorType": "totp", "label": "Laptop", "code": world.wrong_code(&secret)});
        Scene::new(post(ENROLL, body).by("alice-2")).then_check(&secret)
    }
    a_second_app_is_begun_with_a_code_and_a_taken_label => |world| {
        let (secret, ..) = with_app(world).await;
        let body = json!({"factorType": "totp", "label": "Phone", "code": world.next_code(&secret)});
        Scene::new(post(ENROLL, body).by("alice-2")).then_check(&secret)
    }
    a_phone_is_begun_with_a_code => |world| {
        let (secret, ..) = with_app(world).await;
        let body = json!({"factorType": "sms", "phoneNumber": PHONE, "code": world.next_code(&secret)});
        let by = "alice-2";
        Scene::new(post(ENROLL, body).by(by)).again().then(move |world, begun| confirm_sent(world, begun).by(by))
    }
    a_phone_is_begun_with_a_recovery_code => |world| {
        let (.., recovery) = with_app(world).await;
        let body = json!({"factorType": "sms", "phoneNumber": PHONE, "code": recovery[0]});
        let by = "alice-2";
        Scene::new(post(ENROLL, body).by(by)).again().then(move |world, begun| confirm_sent(world, begun).by(by))
    }
    an_app_is_confirmed => |world| {
        let begun = answered(world, post(ENROLL, an_app("Phone"))).await;
        let secret = text(&begun, "/totp/secret");
        // A user whose recovery codes got lost gets new ones: the confirmation counted as a check.
        Scene::new(confirm_app(world, &begun))
            .then_check(&secret)
            .then(|_, _| post(CODES, Value::Null))
            .then(use_new_code)
    }
    a_second_app_is_confirmed => |world| {
        with_app(world).await;
        let begun = answered(world, post(ENROLL, an_app("Laptop"))).await;
        let secret = text(&begun, "/totp/secret");
        Scene::new(confirm_app(world, &begun)).then(|_, _| list()).then(move |world, listed| {
            let id = text(listed, "/factors/1/id");
            post(VERIFY, json!({"factorId": id, "code": world.next_code(&secret)}))
        })
    }
    an_app_is_confirmed_wrongly => |world| {
        let begun = answered(world, post(ENROLL, an_app("Phone"))).await;
        let wrong = world.wrong_code(&text(&begun, "/totp/secret"));
        Scene::new(confirm(&begun, &wrong)).then(move |world, _| confirm_app(world, &begun))
    }
    a_phone_is_confirmed => |world| {
        let begun = answered(world, post(ENROLL, a_phone(PHONE))).await;
        Scene::new(confirm_sent(world, &begun)).then_challenge("sms")
    }
    a_phone_is_confirmed_wrongly => |world| {
        let begun = answered(world, post(ENROLL, a_phone(PHONE))).await;
        let right = confirm_sent(world, &begun);
        Scene::new(confirm(&begun, &world.postbox.wrong_code())).then(move |_, _| right.clone())
    }
    an_address_is_confirmed => |world| {
        let begun = answered(world, post(ENROLL, an_address())).await;
        Scene::new(confirm_sent(world, &begun)).then_challenge("email")
    }
    a_phone_is_challenged => |world| {
        let phone = with_phone(world).await;
        Scene::new(post(CHALLENGES, json!({"factorId": phone}))).again().then(answer)
    }
    the_only_phone_is_challenged => |world| {
        with_phone(world).await;
        Scene::new(post(CHALLENGES, json!({}))).again().then(answer)
    }
    an_address_is_challenged => |world| {
        let begun = answered(world, post(ENROLL, an_address())).await;
        answered(world, confirm_sent(world, &begun)).await;
        Scene::new(post(CHALLENGES, json!({"factorType": "email"}))).again().then(answer)
    }
    a_phone_is_challenged_over_an_open_challenge => |world| {
        let phone = with_phone(world).await;
        answered(world, post(CHALLENGES, json!({"factorId": phone}))).await;
        world.pass(20);
        Scene::new(post(CHALLENGES, json!({"factorId": phone}))).again().then(answer)
    }
    a_challenge_is_answered => |world| {
        let phone = with_phone(world).await;
        let challenge = answered(world, post(CHALLENGES, json!({"factorId": phone}))).await;
        Scene::new(answer(world, &challenge)).then_challenge("sms")
    }
    a_challenge_is_answered_wrongly => |world| {
        let phone = with_phone(world).await;
        let challenge = answered(world, post(CHALLENGES, json!({"factorId": phone}))).await;
        let right = answer(world, &challenge);
        let wrong = json!({"challengeId": text(&challenge, "/challengeId"), "code": world.postbox.wrong_code()});
        Scene::new(post(VERIFY, wrong)).then(move |_, _| right.clone())
    }
    a_transaction_is_challenged => |world| {
        with_phone(world).await;
        Scene::new(post(CHALLENGES, json!({"transaction": transfer("5 EUR", "Zoe")}))).again().then(|world, challenge| {
            confirm_transaction(world, challenge, "Zoe")
        })
    }
    a_transaction_is_confirmed => |world| {
        with_phone(world).await;
        let challenge = answered(world, post(CHALLENGES, json!({"transaction": transfer("5 EUR", "Zoe")}))).await;
        Scene::new(confirm_transaction(world, &challenge, "Zoe")).then_challenge("sms")
    }
    another_transaction_is_confirmed => |world| {
        with_phone(world).await;
        let challenge = answered(world, post(CHALLENGES, json!({"transaction": transfer("5 EUR", "Zoe")}))).await;
        let right = confirm_transaction(world, &challenge, "Zoe");
        Scene::new(confirm_transaction(world, &challenge, "Eve")).then(move |_, _| right.clone())
    }
    a_demand_is_met => |world| {
        let (secret, ..) = with_app(world).await;
        answered(world, check(world, &secret)).await;
        Scene::new(post(CHECKS, json!({"acrValues": ["otp"], "maxAge": 300}))).again().then_check(&secret)
    }
    an_app_is_checked => |world| {
        let (secret, ..) = with_app(world).await;
        Scene::new(check(world, &secret).by("alice-2")).then_check(&secret)
    }
    an_app_is_checked_wrongly => |world| {
        let (secret, ..) = with_app(world).await;
        Scene::new(post(VERIFY, json!({"code": world.wrong_code(&secret)}))).then_check(&secret)
    }
    one_of_two_apps_is_checked_after_wrong_codes => |world| {
        let (secret, id, _) = with_app(world).await;
        let begun = answered(world, post(ENROLL, an_app("Laptop"))).await;
        answered(world, confirm_app(world, &begun)).await;
        let check = |code| json!({"factorId": id, "code": code});
        for _ in 0..4 {
            post(VERIFY, check(world.wrong_code(&secret))).of(world).await.expect(400);
        }
        let scene = Scene::new(post(VERIFY, check(world.next_code(&secret))));
        scene.then(move |world, _| post(VERIFY, json!({"factorId": id, "code": world.next_code(&secret)})))
    }
    a_recovery_code_is_used => |world| {
        let (.., recovery) = with_app(world).await;
        let scene = Scene::new(post(VERIFY, json!({"code": recovery[0]})).by("alice-2"));
        scene.then(move |_, _| post(VERIFY, json!({"code": recovery[1]})))
    }
    a_wrong_recovery_code_is_tried => |world| {
        let (.., recovery) = with_app(world).await;
        let scene = Scene::new(post(VERIFY, json!({"code": "0000-0000-0000-0000"})));
        scene.then(move |_, _| post(VERIFY, json!({"code": recovery[1]})))
    }
    a_factor_is_renamed => |world| {
        let (_, id, _) = with_app(world).await;
        Scene::new(factor("PATCH", &id, json!({"label": "Old phone"}))).again()
    }
    a_factor_is_renamed_with_a_code => |world| {
        let (secret, id, _) = with_app(world).await;
        let body = json!({"label": "Old phone", "code": world.next_code(&secret)});
        Scene::new(factor("PATCH", &id, body).by("alice-2")).again().then_check(&secret)
    }
    a_factor_is_renamed_with_a_code_to_a_taken_label => |world| {
        let (secret, id, _) = with_app(world).await;
        let begun = answered(world, post(ENROLL, an_app("Laptop"))).await;
        answered(world, confirm_app(world, &begun)).await;
        let body = json!({"label": "Laptop", "code": world.next_code(&secret)});
        let scene = Scene::new(factor("PATCH", &id, body).by("alice-2"));
        scene.then(move |world, _| post(VERIFY, json!({"factorId": id, "code": world.next_code(&secret)})))
    }
    a_factor_is_removed => |world| {
        let (secret, ..) = with_app(world).await;
        let phone = with_phone(world).await;
        Scene::new(factor("DELETE", &phone, Value::Null)).then_check(&secret)
    }
    a_factor_is_removed_with_a_code => |world| {
        let (secret, ..) = with_app(world).await;
        let phone = with_phone(world).await;
        let body = json!({"code": world.next_code(&secret)});
        Scene::new(factor("DELETE", &phone, body).by("alice-2")).then_check(&secret)
    }
    a_factor_is_removed_with_a_wrong_code => |world| {
        let (secret, ..) = with_app(world).await;
        let phone = with_phone(world).await;
        let body = json!({"code": world.wrong_code(&secret)});
        Scene::new(factor("DELETE", &phone, body).by("alice-2")).then_check(&secret)
    }
    an_app_is_removed_with_its_own_code => |world| {
        let (secret, id, _) = with_app(world).await;
        with_phone(world).await;
        let body = json!({"code": world.next_code(&secret)});
        Scene::new(factor("DELETE", &id, body).by("alice-2")).then_challenge("sms")
    }
    the_last_factor_is_removed => |world| {
        let (_, id, _) = with_app(world).await;
        let scene = Scene::new(factor("DELETE", &id, Value::Null));
        scene.then(|_, _| post(ENROLL, an_app("Phone"))).then(confirm_app)
    }
    recovery_codes_are_made_anew => |world| {
        with_app(world).await;
        Scene::new(post(CODES, Value::Null)).again().then(use_new_code)
    }
    recovery_codes_are_made_anew_with_a_code => |world| {
        let (secret, ..) = with_app(world).await;
        let body = json!({"code": world.next_code(&secret)});
        Scene::new(post(CODES, body).by("alice-2")).again().then(use_new_code)
    }
    recovery_codes_are_made_anew_with_a_recovery_code => |world| {
        let (.., recovery) = with_app(world).await;
        Scene::new(post(CODES, json!({"code": recovery[0]})).by("alice-2")).again().then(use_new_code)
    }
    recovery_codes_are_asked_for_with_a_wrong_code => |world| {
        let (secret, ..) = with_app(world).await;
        let body = json!({"code": world.wrong_code(&secret)});
        Scene::new(post(CODES, body).by("alice-2")).then_check(&secret)
    }
    factors_are_listed => |world| {
        with_app(world).await;
        Scene::new(list()).again()
    }
    a_factor_is_shown => |world| {
        let (_, id, _) = with_app(world).await;
        Scene::new(factor("GET", &id, Value::Null)).again()
    }
}

/// Confirms the transfer of 5 EUR to this payee.
fn confirm_transaction(world: &World, challenge: &Value, payee: &str) -> Ask {
    let (id, code) = (text(challenge, "/challengeId"), world.postbox.code());
    post(VERIFY, json!({"challengeId": id, "code": code, "transaction": transfer("5 EUR", payee)}))
}

/// Gives a wrong code for the destination that a code was just sent to.
async fn answered_wrongly(world: &World, begun: &Value) {
    confirm(begun, &world.postbox.wrong_code()).of(world).await.expect(400);
}
