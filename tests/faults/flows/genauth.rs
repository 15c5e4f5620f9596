//! The flows of GenAuth's dialect.

use serde_json::{Value, json};

use super::{Scene, answered, flows, post, text, with_app, with_phone};
use crate::faults::bench::Ask;
use crate::rig::World;

const SEND: &str = "/api/v3/send-enroll-factor-request";
const ENROLL: &str = "/api/v3/enroll-factor";
const VERIFY: &str = "/api/v3/mfa-totp-verify";
const RESET: &str = "/api/v3/reset-factor";

fn a_phone() -> Value {
    json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000", "phoneCountryCode": "+86"}})
}

fn an_address() -> Value {
    json!({"factorType": "EMAIL", "profile": {"email": "alice@example.com"}})
}

fn enroll(factor_type: &str, begun: &Value, code: &str) -> Ask {
    let token = text(begun, "/data/enrollmentToken");
    let body = json!({"factorType": factor_type, "enrollmentToken": token, "enrollmentData": {"passCode": code}});
    post(ENROLL, body)
}

/// The secret in the URI that an app was given.
fn secret(begun: &Value) -> String {
    let uri = text(begun, "/data/otpData/qrCodeUri");
    let (_, rest) = uri.split_once("secret=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

fn enroll_app(world: &World, begun: &Value) -> Ask {
    enroll("OTP", begun, &world.next_code(&secret(begun)))
}

fn enroll_phone(world: &World, begun: &Value) -> Ask {
    enroll("SMS", begun, &world.postbox.code())
}

flows! { FLOWS:
    genauth_begins_an_app => |_world| {
        Scene::new(post(SEND, json!({"factorType": "OTP"}))).again().then(enroll_app)
    }
    genauth_begins_a_phone => |_world| {
        Scene::new(post(SEND, a_phone())).again().then(enroll_phone)
    }
    genauth_begins_an_address => |_world| {
        let scene = Scene::new(post(SEND, an_address())).again();
        scene.then(|world, begun| enroll("EMAIL", begun, &world.postbox.code()))
    }
    genauth_enrolls_an_app => |world| {
        let begun = answered(world, post(SEND, json!({"factorType": "OTP"}))).await;
        let recovery = text(&begun, "/data/otpData/recoveryCode");
        Scene::new(enroll_app(world, &begun))
            .then_check(&secret(&begun))
            .then(move |_, _| post(VERIFY, json!({"totp": recovery})))
    }
    genauth_enrolls_an_app_wrongly => |world| {
        let begun = answered(world, post(SEND, json!({"factorType": "OTP"}))).await;
        let wrong = world.wrong_code(&secret(&begun));
        Scene::new(enroll("OTP", &begun, &wrong)).then(move |world, _| enroll_app(world, &begun))
    }
    genauth_enrolls_a_phone => |world| {
        let begun = answered(world, post(SEND, a_phone())).await;
        Scene::new(enroll_phone(world, &begun)).then_challenge("sms")
    }
    genauth_checks_an_app => |world| {
        let (secret, ..) = with_app(world).await;
        let scene = Scene::new(post(VERIFY, json!({"totp": world.next_code(&secret)})));
        scene.then(move |world, _| post(VERIFY, json!({"totp": world.next_code(&secret)})))
    }
    genauth_checks_an_app_wrongly => |world| {
        let (secret, ..) = with_app(world).await;
        let scene = Scene::new(post(VERIFY, json!({"totp": world.wrong_code(&secret)})));
        scene.then(move |world, _| post(VERIFY, json!({"totp": world.next_code(&secret)})))
    }
    genauth_takes_a_recovery_code => |world| {
        let (.., recovery) = with_app(world).await;
        let scene = Scene::new(post(VERIFY, json!({"totp": recovery[0]})));
        scene.then(move |_, _| post(VERIFY, json!({"totp": recovery[1]})))
    }
    genauth_resets_a_factor => |world| {
        let (secret, ..) = with_app(world).await;
        let phone = with_phone(world).await;
        Scene::new(post(RESET, json!({"factorId": phone}))).then_check(&secret)
    }
    genauth_shows_a_factor => |world| {
        let (_, app, _) = with_app(world).await;
        Scene::new(Ask::new("GET", format!("/api/v3/get-factor?factorId={app}"), Value::Null)).again()
    }
    genauth_shows_a_factor_to_mobile_clients => |world| {
        let (_, app, _) = with_app(world).await;
        Scene::new(Ask::new("GET", format!("/api/v3/get-factors?factorId={app}"), Value::Null)).again()
    }
    genauth_lists_what_can_be_enrolled => |world| {
        with_app(world).await;
        Scene::new(Ask::new("GET", "/api/v3/list-factors-to-enroll", Value::Null)).again()
    }
    genauth_lists_factors => |world| {
        with_app(world).await;
        Scene::new(Ask::new("GET", "/api/v3/list-enrolled-factors", Value::Null)).again()
    }
}
