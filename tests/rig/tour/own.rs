//! The walk through the native dialect, as users and as the back end.

use serde_json::{Value, json};

use countersign::judge::JudgeError;

use super::{Tour, token_and_code, wrong};
use crate::rig::faces::photo;
use crate::rig::{Client, transfer};

const ENROLL: &str = "/v1/me/enrollments";
const CONFIRM: &str = "/v1/me/enrollments/confirm";
const CHALLENGE: &str = "/v1/me/challenges";
const VERIFY: &str = "/v1/me/verify";
const CHECKS: &str = "/v1/me/checks";
const CODES: &str = "/v1/me/recovery-codes";

pub(super) async fn native(tour: &mut Tour) {
    let anna = tour.visitor("native-anna");
    let other = tour.visitor("native-bert");

    let begun = tour.post(&anna, ENROLL, json!({"factorType": "totp", "label": "Anna's telephone"})).await.expect(201);
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    let code = tour.app_code(&secret);
    tour.post(&anna, CONFIRM, token_and_code(&token, &wrong(&code))).await.expect(400);
    tour.post(&other, CONFIRM, token_and_code(&token, &code)).await.expect(404);
    let confirmed = tour.post(&anna, CONFIRM, token_and_code(&token, &code)).await.expect(201);
    tour.post(&anna, CONFIRM, token_and_code(&token, &code)).await.expect(409);
    let app = confirmed.text("/factor/id");
    let recovery_code = confirmed.text("/recoveryCodes/0");

    let phone = sent(tour, &anna, json!({"factorType": "sms", "phoneNumber": "+8613912345678"})).await;
    let mail =
        sent(tour, &anna, json!({"factorType": "email", "email": "Anna.Ample@mail.example", "locale": "zh"})).await;
    checks(tour, &anna, &secret, &recovery_code).await;
    challenges(tour, &anna, &phone).await;
    transactions(tour, &anna, &phone).await;
    faces(tour, &anna, &phone).await;
    factors(tour, &anna, [&app, &phone, &mail], &secret).await;
    refusals(tour, &anna, &other).await;
    session(tour).await;
}

/// The back end makes every request for Bella, who makes none.
pub(super) async fn back_end(tour: &mut Tour) {
    let bella = tour.back_end("bella.back-end@users.example");
    let app = json!({"factorType": "totp", "label": "Bella's telephone", "accountName": "bella@claimed.example"});
    let begun = tour.post(&bella, ENROLL, app).await.expect(201);
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    let code = tour.app_code(&secret);
    tour.post(&bella, CONFIRM, token_and_code(&token, &wrong(&code))).await.expect(400);
    let app = tour.post(&bella, CONFIRM, token_and_code(&token, &code)).await.expect(201).text("/factor/id");
    let mail = sent(tour, &bella, json!({"factorType": "email", "email": "Bella.Ample@mail.example"})).await;

    let code = tour.app_code(&secret);
    tour.post(&bella, VERIFY, json!({"code": wrong(&code)})).await.expect(400);
    let first = json!({"amr": ["pwd"]});
    tour.post(&bella, CHECKS, json!({"firstFactor": first})).await.expect(200);
    tour.post(&bella, VERIFY, json!({"code": code, "firstFactor": first})).await.expect(200);
    let id = tour.post(&bella, CHALLENGE, json!({"factorType": "email"})).await.expect(201).text("/challengeId");
    tour.post(&bella, VERIFY, json!({"challengeId": id, "code": tour.sent_code()})).await.expect(200);

    let path = |id: &str| format!("/v1/me/factors/{id}");
    tour.call(&bella, "GET", "/v1/me/factors", Value::Null).await.expect(200);
    tour.call(&bella, "GET", &path(&mail), Value::Null).await.expect(200);
    tour.call(&bella, "PATCH", &path(&app), json!({"label": "Bella's old telephone"})).await.expect(200);
    tour.call(&bella, "DELETE", &path(&mail), Value::Null).await.expect(204);
    tour.post(&bella, CODES, Value::Null).await.expect(201);
    tour.call(&bella, "DELETE", "/v1/me", Value::Null).await.expect(204);
    tour.call(&bella, "GET", &path(&app), Value::Null).await.expect(404);
    let nobody = tour.back_end("bella%20back-end");
    tour.call(&nobody, "GET", "/v1/me/factors", Value::Null).await.expect(400);
}

async fn sent(tour: &mut Tour, anna: &Client, request: Value) -> String {
    let token = tour.post(anna, ENROLL, request).await.expect(201).text("/enrollmentToken");
    let code = tour.sent_code();
    tour.post(anna, CONFIRM, token_and_code(&token, &wrong(&code))).await.expect(400);
    tour.post(anna, CONFIRM, token_and_code(&token, &code)).await.expect(201).text("/factor/id")
}

async fn checks(tour: &mut Tour, anna: &Client, secret: &str, recovery_code: &str) {
    let code = tour.app_code(secret);
    tour.post(anna, VERIFY, json!({"code": wrong(&code)})).await.expect(400);
    tour.post(anna, VERIFY, json!({"code": code})).await.expect(200);
    tour.post(anna, VERIFY, json!({"code": code})).await.expect(400);
    tour.post(anna, VERIFY, json!({"code": recovery_code})).await.expect(200);
    tour.post(anna, VERIFY, json!({"code": recovery_code})).await.expect(400);
    tour.post(anna, CODES, Value::Null).await.expect(201);
}

async fn challenges(tour: &mut Tour, anna: &Client, phone: &str) {
    for (request, platform) in [(json!({"factorId": phone}), "web"), (json!({"factorType": "email"}), "android")] {
        let mut request = request;
        request["platform"] = platform.into();
        let id = tour.post(anna, CHALLENGE, request.clone()).await.expect(201).text("/challengeId");
        let first = tour.sent_code();
        let answer = json!({"challengeId": id, "code": wrong(&first)});
        tour.post(anna, VERIFY, answer).await.expect(400);
        tour.world.pass(20);
        let id = tour.post(anna, CHALLENGE, request).await.expect(201).text("/challengeId");
        let answer = json!({"challengeId": id, "code": tour.sent_code()});
        tour.post(anna, VERIFY, answer.clone()).await.expect(200);
        tour.post(anna, VERIFY, answer).await.expect(409);
    }
}

/// Amounts and payees must not reach a log either.
async fn transactions(tour: &mut Tour, anna: &Client, phone: &str) {
    let transaction = |payee: &str| transfer("4711.00 EUR", payee);
    let request = json!({"factorId": phone, "transaction": transaction("Zacharias Zimt")});
    tour.world.pass(20);
    let id = tour.post(anna, CHALLENGE, request).await.expect(201).text("/challengeId");
    let code = tour.sent_code();
    let answer = |payee: &str| json!({"challengeId": id, "code": code, "transaction": transaction(payee)});
    tour.post(anna, VERIFY, answer("Eve Evil")).await.expect(400);
    tour.post(anna, VERIFY, answer("Zacharias Zimt")).await.expect(200);
    let hidden = json!({"type": "transfer", "id": "t-1", "iban": "CH93 0076 2011 6238 5295 7"});
    tour.post(anna, CHALLENGE, json!({"factorId": phone, "transaction": hidden})).await.expect(400);
    tour.post(anna, CHECKS, json!({"acrValues": ["sms"], "maxAge": 300})).await.expect(200);
}

/// No photo may reach a log, whatever becomes of it.
async fn faces(tour: &mut Tour, anna: &Client, phone: &str) {
    tour.world.pass(20);
    let id = tour.post(anna, CHALLENGE, json!({"factorId": phone})).await.expect(201).text("/challengeId");
    let code = tour.sent_code();
    tour.post(anna, VERIFY, json!({"challengeId": id, "code": code})).await.expect(200);
    tour.post(anna, ENROLL, json!({"factorType": "face"})).await.expect(400);
    let consent = json!({"factorType": "face", "consent": {"version": "consent-of-anna"}});
    let token = tour.post(anna, ENROLL, consent).await.expect(201).text("/enrollmentToken");
    let confirm = |photo: &str| json!({"enrollmentToken": token, "photo": photo});
    tour.post(anna, CONFIRM, confirm("data:image/webp;base64,c3BlY2ltZW4tb2YtYS1waG90bw==")).await.expect(400);
    let face = tour.post(anna, CONFIRM, confirm(&photo(1))).await.expect(201).text("/factor/id");
    tour.post(anna, VERIFY, json!({"photo": photo(1)})).await.expect(200);
    tour.post(anna, VERIFY, json!({"photo": photo(2)})).await.expect(400);
    tour.world.judge.will_say(Err(JudgeError::Unknown));
    tour.post(anna, VERIFY, json!({"photo": photo(3)})).await.expect(503);
    tour.call(anna, "DELETE", &format!("/v1/me/factors/{face}"), Value::Null).await.expect(204);
}

async fn factors(tour: &mut Tour, anna: &Client, [app, phone, mail]: [&str; 3], secret: &str) {
    let path = |id: &str| format!("/v1/me/factors/{id}");
    tour.call(anna, "GET", "/v1/me/factors", Value::Null).await.expect(200);
    tour.call(anna, "GET", &path(phone), Value::Null).await.expect(200);
    tour.call(anna, "PATCH", &path(app), json!({"label": "Anna's old telephone"})).await.expect(200);
    tour.call(anna, "DELETE", &path(mail), Value::Null).await.expect(204);

    // Without a recent check.
    tour.world.pass(700);
    tour.call(anna, "DELETE", &path(phone), Value::Null).await.expect(403);
    let code = tour.app_code(secret);
    tour.call(anna, "DELETE", &path(phone), json!({"code": wrong(&code)})).await.expect(400);
    tour.post(anna, ENROLL, json!({"factorType": "totp", "label": "Anna's tablet", "code": code})).await.expect(201);
    tour.call(anna, "DELETE", &path(phone), Value::Null).await.expect(204);
}

/// A session that manages factors, through every route; its token and its codes must not reach a log.
async fn session(tour: &mut Tour) {
    let back_end = tour.back_end("native-stella@users.example");
    let begin = async |tour: &mut Tour, purpose: &str| {
        let mut request = json!({
            "purpose": purpose, "returnUrl": "https://shop.example/signed-in", "accountName": "stella@claimed.example",
        });
        if purpose == "manage" {
            request["contact"] = json!({"email": "Stella.Record@mail.example"});
        }
        tour.post(&back_end, "/v1/me/sessions", request).await.expect(201)
    };
    let created = begin(tour, "manage").await;
    let stella = tour.person(&created.text("/url"));
    let session = "/v1/session";
    let view = tour.call(&stella, "GET", session, Value::Null).await.expect(200);
    assert_eq!(view.text("/needs"), "contact");
    tour.post(&stella, "/v1/session/contact", json!({})).await.expect(201);
    let code = tour.sent_code();
    tour.post(&stella, "/v1/session/contact/confirm", json!({"code": wrong(&code)})).await.expect(400);
    tour.post(&stella, "/v1/session/contact/confirm", json!({"code": code})).await.expect(204);
    let view = tour.call(&stella, "GET", session, Value::Null).await.expect(200);
    assert_eq!(view.text("/needs"), "nothing");
    let begun =
        tour.post(&stella, ENROLL, json!({"factorType": "totp", "label": "Stella's telephone"})).await.expect(201);
    let (token, secret) = (begun.text("/enrollmentToken"), begun.text("/totp/secret"));
    let code = tour.app_code(&secret);
    let app = tour.post(&stella, CONFIRM, token_and_code(&token, &code)).await.expect(201).text("/factor/id");
    let mail = sent(tour, &stella, json!({"factorType": "email", "email": "Stella.Ample@mail.example"})).await;
    tour.post(&stella, CHECKS, json!({"maxAge": 60})).await.expect(200);
    let code = tour.app_code(&secret);
    tour.post(&stella, VERIFY, json!({"factorId": app, "code": code})).await.expect(200);
    tour.post(&stella, CHALLENGE, json!({"factorId": mail})).await.expect(201);
    let path = |id: &str| format!("/v1/me/factors/{id}");
    tour.call(&stella, "GET", "/v1/me/factors", Value::Null).await.expect(200);
    tour.call(&stella, "GET", &path(&app), Value::Null).await.expect(200);
    tour.call(&stella, "PATCH", &path(&app), json!({"label": "Stella's old telephone"})).await.expect(200);
    tour.call(&stella, "DELETE", &path(&mail), Value::Null).await.expect(204);
    tour.post(&stella, CODES, json!({})).await.expect(201);
    let next = tour.post(&stella, "/v1/session/cancel", Value::Null).await.expect(200).text("/next");
    let (_, code) = next.split_once("&code=").unwrap();
    let at = |further: &str| format!("/v1/me/sessions/{}{further}", created.text("/id"));
    tour.call(&back_end, "GET", &at(""), Value::Null).await.expect(200);
    tour.post(&back_end, &at("/redeem"), json!({"code": code})).await.expect(200);
    let ended = begin(tour, "check").await.text("/id");
    tour.call(&back_end, "DELETE", &format!("/v1/me/sessions/{ended}"), Value::Null).await.expect(204);
    tour.call(&stella, "GET", session, Value::Null).await.expect(409);
}

async fn refusals(tour: &mut Tour, anna: &Client, other: &Client) {
    let nobody = tour.world.nobody();
    tour.post(&nobody, VERIFY, json!({"code": "727272"})).await.expect(401);
    tour.post(anna, VERIFY, json!({"code": 272_727})).await.expect(400);
    tour.post(anna, VERIFY, json!({"code": "seven-and-more"})).await.expect(400);
    tour.post(anna, ENROLL, json!({"factorType": "sms", "phoneNumber": "+861391234567890123"})).await.expect(400);
    tour.post(anna, ENROLL, json!({"factorType": "email", "email": "anna ample@mail.example"})).await.expect(400);
    let request = json!({"factorType": "email", "email": "twice@mail.example"});
    tour.post(other, ENROLL, request.clone()).await.expect(201);
    tour.post(other, ENROLL, request).await.expect(429);
    let long = "long-and-secret-".repeat(20_000);
    tour.post(anna, ENROLL, json!({"code": long})).await.expect(413);
    for _ in 0..6 {
        tour.post(anna, VERIFY, json!({"code": "636363"})).await;
    }
}
