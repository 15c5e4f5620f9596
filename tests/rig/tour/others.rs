//! The walk through the other dialects.

use serde_json::{Value, json};

use super::{Tour, wrong};
use crate::rig::authenticator::{Authenticator, Key};
use crate::rig::{Client, Reply};

pub(super) async fn genauth(tour: &mut Tour) {
    let anna = tour.visitor("genauth-anna");
    let begun = send(tour, &anna, json!({"factorType": "OTP"})).await;
    let (token, uri) = (begun.text("/data/enrollmentToken"), begun.text("/data/otpData/qrCodeUri"));
    let recovery_code = begun.text("/data/otpData/recoveryCode");
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    tour.secrets.insert(secret.clone());
    let code = tour.app_code(&secret);
    finish(tour, &anna, "OTP", &token, &wrong(&code), 422).await;
    finish(tour, &anna, "OTP", &token, &code, 200).await;
    finish(tour, &anna, "OTP", &token, &code, 422).await;

    let profile = json!({"phoneNumber": "13712345678", "phoneCountryCode": "+86"});
    let begun = send(tour, &anna, json!({"factorType": "SMS", "profile": profile})).await;
    finish(tour, &anna, "SMS", &begun.text("/data/enrollmentToken"), &tour.sent_code(), 200).await;
    let profile = json!({"email": "Anna.Genauth@mail.example"});
    let begun = send(tour, &anna, json!({"factorType": "EMAIL", "profile": profile})).await;
    finish(tour, &anna, "EMAIL", &begun.text("/data/enrollmentToken"), &tour.sent_code(), 200).await;

    let code = tour.app_code(&secret);
    for (totp, status) in [(wrong(&code), 422), (code.clone(), 200), (code, 422), (recovery_code, 200)] {
        let reply = tour.post(&anna, "/api/v3/mfa-totp-verify", json!({"totp": totp})).await;
        assert_eq!(reply.json()["statusCode"], status);
    }
    let consent = json!({"factorType": "FACE", "profile": {"consent": {"version": "consent-of-anna"}}});
    let token = send(tour, &anna, consent).await.text("/data/enrollmentToken");
    for photo in ["https://photos.example.com/anna.jpg?signature=of-the-photo", "http://169.254.169.254/latest/of-anna"]
    {
        let data = json!({"photo": photo, "isExternalPhoto": true});
        let body = json!({"factorType": "FACE", "enrollmentToken": token, "enrollmentData": data});
        let reply = tour.post(&anna, "/api/v3/enroll-factor", body).await;
        assert_eq!(reply.json()["apiCode"], 1700);
    }
    let listed = tour.call(&anna, "GET", "/api/v3/list-enrolled-factors", Value::Null).await;
    let phone = listed.text("/data/1/factorId");
    for path in ["get-factor", "get-factors"] {
        tour.call(&anna, "GET", &format!("/api/v3/{path}?factorId={phone}"), Value::Null).await;
    }
    tour.call(&anna, "GET", "/api/v3/list-factors-to-enroll", Value::Null).await;
    let reset = tour.post(&anna, "/api/v3/reset-factor", json!({"factorId": phone})).await;
    assert_eq!(reset.json()["statusCode"], 200);
}

async fn send(tour: &mut Tour, anna: &Client, request: Value) -> crate::rig::Reply {
    let reply = tour.post(anna, "/api/v3/send-enroll-factor-request", request).await;
    assert_eq!(reply.json()["statusCode"], 200, "{}", reply.json());
    reply
}

async fn finish(tour: &mut Tour, anna: &Client, factor_type: &str, token: &str, code: &str, status: u16) {
    let data = json!({"passCode": code});
    let body = json!({"factorType": factor_type, "enrollmentToken": token, "enrollmentData": data});
    let reply = tour.post(anna, "/api/v3/enroll-factor", body).await;
    assert_eq!(reply.json()["statusCode"], status, "{}", reply.json());
}

pub(super) async fn logto(tour: &mut Tour) {
    const VERIFY: &str = "/api/experience/verification/totp/verify";
    const BIND: &str = "/api/experience/profile/mfa";
    let anna = tour.visitor("logto-anna");
    let begun = tour.post(&anna, "/api/experience/verification/totp/secret", Value::Null).await.expect(200);
    let (id, secret) = (begun.text("/verificationId"), begun.text("/secret"));
    let bind = |id: &str| json!({"type": "Totp", "verificationId": id});
    tour.post(&anna, BIND, bind(&id)).await.expect(400);
    let code = tour.app_code(&secret);
    tour.post(&anna, VERIFY, json!({"code": wrong(&code), "verificationId": id})).await.expect(400);
    tour.post(&anna, VERIFY, json!({"code": code, "verificationId": id})).await.expect(200);
    tour.post(&anna, BIND, bind(&id)).await.expect(204);
    tour.post(&anna, BIND, bind(&id)).await.expect(422);
    let code = tour.app_code(&secret);
    tour.post(&anna, VERIFY, json!({"code": wrong(&code)})).await.expect(400);
    let check = tour.post(&anna, VERIFY, json!({"code": code})).await.expect(200).text("/verificationId");
    tour.post(&anna, BIND, bind(&check)).await.expect(400);

    let web_authn = |step: &str| format!("/api/experience/verification/web-authn/{step}");
    let mut key = Authenticator::phone(Key::es256(7));
    let answer = |made: &Reply, payload: Value| {
        let body = json!({"verificationId": made.text("/verificationId"), "payload": payload});
        (web_authn("registration/verify"), web_authn("authentication/verify"), body)
    };
    let made = tour.post(&anna, &web_authn("registration"), Value::Null).await.expect(200);
    let (path, _, body) = answer(&made, key.create(&made.json()["registrationOptions"], ORIGIN).json());
    tour.post(&anna, &path, body).await.expect(200);
    let passkey = json!({"type": "WebAuthn", "verificationId": made.text("/verificationId")});
    tour.post(&anna, BIND, passkey).await.expect(204);
    let made = tour.post(&anna, &web_authn("authentication"), Value::Null).await.expect(200);
    for (origin, status) in [("https://evil.example", 400), (ORIGIN, 200)] {
        let (_, path, body) = answer(&made, key.get(&made.json()["authenticationOptions"], origin).json());
        tour.post(&anna, &path, body).await.expect(status);
    }
}

const ORIGIN: &str = "https://login.example.com";

pub(super) async fn profile(tour: &mut Tour) {
    const PATH: &str = "/profile/two-fa";
    let anna = tour.visitor("profile-anna");
    let uri = tour.post(&anna, PATH, Value::Null).await.expect(201).text("/data/otpAuthURL");
    let secret = uri.split("secret=").nth(1).unwrap().to_owned();
    tour.secrets.insert(secret.clone());
    let code = tour.app_code(&secret);
    tour.call(&anna, "PATCH", PATH, json!({"code": wrong(&code)})).await.expect(400);
    let recovery_code = tour.call(&anna, "PATCH", PATH, json!({"code": code})).await.expect(200).text("/data/11");
    tour.call(&anna, "GET", PATH, Value::Null).await.expect(200);
    let disable = format!("{PATH}/disable");
    tour.call(&anna, "PATCH", &disable, json!({"code": wrong(&code)})).await.expect(400);
    tour.call(&anna, "PATCH", &disable, json!({"code": recovery_code})).await.expect(200);
}
