//! A walk over everything that the functions do, in every dialect and by the back end.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::rig::tools::totp;
use crate::stack::{Caller, Reply};

pub(crate) const ENROLL: &str = "POST /v1/me/enrollments";
pub(crate) const CONFIRM: &str = "POST /v1/me/enrollments/confirm";
pub(crate) const CHALLENGE: &str = "POST /v1/me/challenges";
const CHECKS: &str = "POST /v1/me/checks";
pub(crate) const VERIFY: &str = "POST /v1/me/verify";
pub(crate) const FACTOR: &str = "/v1/me/factors/{id}";
/// More than a second, the shortest wait between two challenges. The functions go by the real time.
const PAUSE: Duration = Duration::from_millis(1_100);

/// The deployed functions, however they are reached.
pub(crate) trait Deployed {
    /// Calls a route such as `POST /v1/me/factors/{id}` with its parameters. A body of `null` sends none.
    #[track_caller]
    fn call(&self, caller: Caller<'_>, route: &str, parameters: &[(&str, &str)], body: &Value) -> Reply;

    /// The text of the last message to a number or an address.
    fn message_to(&self, to: &str) -> Option<String>;
}

/// The URL to which the walk's session returns.
pub(crate) const RETURN_URL: &str = "https://shop.example/signed-in";

/// The type of transactions that the walk confirms.
pub(crate) const TRANSFERS: &str = r#"{"transfer": {"en":"Pay {amount} to {payee}"}}"#;

/// A walk over everything, with the values that no log may contain.
pub(crate) struct Walk<'a> {
    target: &'a dyn Deployed,
    pub(crate) secrets: BTreeSet<String>,
}

/// Enrols, checks and removes every factor in every dialect and by the back end; returns the values that no log may
/// contain.
pub(crate) fn everything(target: &dyn Deployed) -> BTreeSet<String> {
    let mut walk = Walk::over(target);
    native(&mut walk);
    genauth(&mut walk);
    logto(&mut walk);
    profile(&mut walk);
    back_end(&mut walk);
    session(&mut walk);
    walk.secrets
}

/// A receipt names a key that anyone can fetch, and the issuer under which it is found.
fn receipt(walk: &mut Walk<'_>, receipt: &str) {
    let parts: Vec<Value> = receipt
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap())
        .collect();
    assert_eq!((&parts[0]["typ"], &parts[1]["acr"]), (&json!("receipt+jwt"), &json!("otp")));
    let mut public = |route: &str| walk.with(Caller::Anyone, route, &[], &Value::Null).expect(200).body;
    let configuration = public("GET /.well-known/openid-configuration");
    assert_eq!(configuration["issuer"], parts[1]["iss"]);
    assert!(configuration["issuer"].as_str().unwrap().starts_with("http"), "{configuration}");
    let keys = public("GET /.well-known/jwks.json");
    assert_eq!(keys["keys"][0]["kid"], parts[0]["kid"]);
    walk.keep(receipt);
}

impl<'a> Walk<'a> {
    pub(crate) fn over(target: &'a dyn Deployed) -> Self {
        Self { target, secrets: BTreeSet::new() }
    }

    #[track_caller]
    pub(crate) fn call(&mut self, user: &str, route: &str, body: &Value) -> Reply {
        self.with(Caller::User(user), route, &[], body)
    }

    #[track_caller]
    pub(crate) fn with(&mut self, caller: Caller<'_>, route: &str, parameters: &[(&str, &str)], body: &Value) -> Reply {
        let reply = self.target.call(caller, route, parameters, body);
        collect(&reply.body, &mut self.secrets);
        reply
    }

    pub(crate) fn keep(&mut self, secret: &str) -> String {
        self.secrets.insert(secret.to_owned());
        secret.to_owned()
    }

    /// The app's code of the time step `steps` from now. An app is enrolled with the present code and checked with the
    /// next: both are still valid if a step ends in between.
    pub(crate) fn code(&mut self, secret: &str, steps: i64) -> String {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let code = totp(secret, i64::try_from(now).unwrap() + steps * 30);
        self.keep(&code)
    }

    /// The code in the last message to a number or an address.
    #[track_caller]
    fn sent(&mut self, to: &str) -> String {
        let text = self.target.message_to(to).unwrap_or_else(|| panic!("nothing was sent to {to}"));
        let code = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap().to_owned();
        self.keep(to);
        self.keep(&code)
    }

    /// Enrols an app; returns its secret, its id and its recovery codes.
    #[track_caller]
    pub(crate) fn app(&mut self, user: &str) -> (String, String, Vec<String>) {
        let begun = self.call(user, ENROLL, &json!({"factorType": "totp"})).expect(201);
        let secret = begun.text("/totp/secret");
        let code = self.code(&secret, 0);
        let confirmation = json!({"enrollmentToken": begun.text("/enrollmentToken"), "code": code});
        let confirmed = self.call(user, CONFIRM, &confirmation).expect(201);
        // Only a first factor brings recovery codes.
        let codes = confirmed.body["recoveryCodes"].as_array();
        let codes = codes.into_iter().flatten().map(|code| code.as_str().unwrap().to_owned()).collect();
        (secret, confirmed.text("/factor/id"), codes)
    }

    /// Enrols a number or an address, and passes a challenge with it.
    #[track_caller]
    fn destination(&mut self, user: &str, factor_type: &str, field: &str, to: &str, code: Option<&str>) -> String {
        let mut request = json!({"factorType": factor_type, field: to});
        let mut caller = Caller::User(user);
        if let Some(code) = code {
            // In place of a recent check, which another session does not have.
            request["code"] = code.into();
            caller = Caller::Elsewhere(user);
        }
        let token = self.with(caller, ENROLL, &[], &request).expect(201).text("/enrollmentToken");
        let code = self.sent(to);
        // The session that began it finishes it.
        let confirm = json!({"enrollmentToken": token, "code": code});
        let confirmed = self.with(caller, CONFIRM, &[], &confirm).expect(201);
        let id = confirmed.text("/factor/id");
        for whom in [json!({"factorId": id}), json!({"factorType": factor_type})] {
            let challenge = self.call(user, CHALLENGE, &whom).expect(201).text("/challengeId");
            let code = self.sent(to);
            let answer = json!({"challengeId": challenge, "code": code});
            self.call(user, VERIFY, &answer.clone()).expect(200);
            self.call(user, VERIFY, &answer).expect(409);
            sleep(PAUSE);
        }
        id
    }
}

/// Collects every text in an answer that looks like a secret: a long one, or a code.
fn collect(value: &Value, secrets: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let is_secret =
                    ["secret", "uri", "qrCode", "enrollmentToken", "challengeId", "verificationId", "recoveryCode"];
                match value.as_str() {
                    Some(text) if is_secret.contains(&name.as_str()) => drop(secrets.insert(text.to_owned())),
                    _ => collect(value, secrets),
                }
            }
        }
        // Lists of texts are recovery codes, except for the methods of a passed check.
        Value::Array(values) => {
            for value in values {
                match value.as_str() {
                    Some(text) if text.len() > 8 => drop(secrets.insert(text.to_owned())),
                    _ => collect(value, secrets),
                }
            }
        }
        _ => {}
    }
}

fn native(walk: &mut Walk<'_>) {
    let (secret, app, codes) = walk.app("alice");
    let check = json!({"code": walk.code(&secret, 1)});
    let passed = walk.call("alice", VERIFY, &check.clone()).expect(200);
    assert_eq!((passed.text("/factorId"), &passed.body["amr"][0]), (app.clone(), &json!("otp")));
    receipt(walk, &passed.text("/receipt"));
    assert_eq!(walk.call("alice", VERIFY, &check).expect(400).text("/code"), "code_already_used");
    walk.call("alice", VERIFY, &json!({"code": codes[0]})).expect(200);
    walk.call("alice", VERIFY, &json!({"code": codes[0]})).expect(400);

    let phone = walk.destination("alice", "sms", "phoneNumber", "+41791234501", Some(&codes[1]));
    let address = walk.destination("alice", "email", "email", "alice@example.com", None);
    transaction(walk, "alice", "+41791234501");
    let needed = walk.call("alice", CHECKS, &json!({"acrValues": ["otp", "sms"], "maxAge": 300})).expect(200);
    assert_eq!(needed.text("/status"), "passed");
    let listed = walk.call("alice", "GET /v1/me/factors", &Value::Null).expect(200);
    assert_eq!(listed.body["factors"].as_array().unwrap().len(), 3);
    let alice = Caller::User("alice");
    let id = [("id", phone.as_str())];
    walk.with(alice, &format!("GET {FACTOR}"), &id, &Value::Null).expect(200);
    walk.with(alice, &format!("PATCH {FACTOR}"), &id, &json!({"label": "Private"})).expect(200);
    walk.with(alice, &format!("DELETE {FACTOR}"), &id, &json!({})).expect(204);
    walk.with(alice, &format!("DELETE {FACTOR}"), &[("id", &address)], &json!({"code": codes[2]})).expect(204);
    walk.call("alice", "POST /v1/me/recovery-codes", &json!({"code": codes[3]})).expect(201);
}

/// A transfer is confirmed by SMS, once and for this payee alone (T34).
fn transaction(walk: &mut Walk<'_>, user: &str, to: &str) {
    let transfer = |payee: &str| json!({"type": "transfer", "id": "t-1", "amount": "4711.00 EUR", "payee": payee});
    let asked = json!({"factorType": "sms", "transaction": transfer("Zacharias Zimt")});
    let id = walk.call(user, CHALLENGE, &asked).expect(201).text("/challengeId");
    let text = walk.target.message_to(to).unwrap();
    assert!(text.contains("Pay 4711.00 EUR to Zacharias Zimt"), "{text}");
    walk.secrets.extend(["4711.00", "Zacharias", "Eve Evil"].map(str::to_owned));
    let code = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap().to_owned();
    walk.keep(&code);
    let answer = |payee: &str| json!({"challengeId": id, "code": code, "transaction": transfer(payee)});
    assert_eq!(walk.call(user, VERIFY, &answer("Eve Evil")).expect(400).text("/code"), "transaction_mismatch");
    let passed = walk.call(user, VERIFY, &answer("Zacharias Zimt")).expect(200);
    walk.call(user, VERIFY, &answer("Zacharias Zimt")).expect(409);
    let claims = claims(&passed.text("/receipt"));
    assert_eq!((&claims["txn"], &claims["scope"]), (&json!("t-1"), &json!("transaction")));
    assert_eq!(claims["authorization_details"], json!([transfer("Zacharias Zimt")]));
    sleep(PAUSE);
}

/// The claims of a receipt, unchecked.
pub(crate) fn claims(receipt: &str) -> Value {
    let claims = receipt.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap()
}

fn genauth(walk: &mut Walk<'_>) {
    let (send, enroll) = ("POST /api/v3/send-enroll-factor-request", "POST /api/v3/enroll-factor");
    let ok = |reply: Reply| {
        assert_eq!(reply.body["statusCode"], 200, "{}", reply.body);
        reply
    };
    let begun = ok(walk.call("bob", send, &json!({"factorType": "OTP", "profile": {}})));
    let uri = begun.text("/data/otpData/qrCodeUri");
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    walk.keep(&secret);
    let confirmation = |token: String, kind: &str, code: &str| json!({"factorType": kind, "enrollmentToken": token, "enrollmentData": {"passCode": code}});
    let code = walk.code(&secret, 0);
    ok(walk.call("bob", enroll, &confirmation(begun.text("/data/enrollmentToken"), "OTP", &code)));
    let code = walk.code(&secret, 1);
    assert_eq!(
        ok(walk.call("bob", "POST /api/v3/mfa-totp-verify", &json!({"totp": code}))).body["data"]["verified"],
        true
    );
    let again = walk.call("bob", "POST /api/v3/mfa-totp-verify", &json!({"totp": code})).expect(200);
    assert_eq!((&again.body["statusCode"], &again.body["data"]["verified"]), (&json!(422), &json!(false)), "a replay");
    for (kind, profile, to) in [
        ("SMS", json!({"phoneNumber": "791234502", "phoneCountryCode": "+41"}), "+41791234502"),
        ("EMAIL", json!({"email": "bob@example.com"}), "bob@example.com"),
    ] {
        let begun = ok(walk.call("bob", send, &json!({"factorType": kind, "profile": profile})));
        let code = walk.sent(to);
        ok(walk.call("bob", enroll, &confirmation(begun.text("/data/enrollmentToken"), kind, &code)));
    }
    let listed = ok(walk.call("bob", "GET /api/v3/list-enrolled-factors", &Value::Null));
    let ids: Vec<_> = (0..3).map(|n| listed.text(&format!("/data/{n}/factorId"))).collect();
    ok(walk.with(Caller::User("bob"), "GET /api/v3/get-factor", &[("factorId", &ids[0])], &Value::Null));
    ok(walk.with(Caller::User("bob"), "GET /api/v3/get-factors", &[("factorId", &ids[1])], &Value::Null));
    for id in &ids {
        ok(walk.call("bob", "POST /api/v3/reset-factor", &json!({"factorId": id})));
    }
    let kinds = ok(walk.call("bob", "GET /api/v3/list-factors-to-enroll", &Value::Null));
    assert_eq!(
        kinds.body["data"].as_array().unwrap().len(),
        3,
        "the channels that the environment names: {}",
        kinds.body
    );
}

fn logto(walk: &mut Walk<'_>) {
    let verify = "POST /api/experience/verification/totp/verify";
    let made = walk.call("carol", "POST /api/experience/verification/totp/secret", &Value::Null).expect(200);
    let (id, secret) = (made.text("/verificationId"), made.text("/secret"));
    let code = walk.code(&secret, 0);
    walk.call("carol", verify, &json!({"code": code, "verificationId": id})).expect(200);
    let bind = json!({"type": "Totp", "verificationId": id});
    walk.call("carol", "POST /api/experience/profile/mfa", &bind).expect(204);
    let code = walk.code(&secret, 1);
    walk.call("carol", verify, &json!({"code": code})).expect(200);
    let again = walk.call("carol", verify, &json!({"code": code})).expect(400);
    assert_eq!(again.text("/code"), "session.mfa.invalid_totp_code", "a replay");
}

fn profile(walk: &mut Walk<'_>) {
    let made = walk.call("dave", "POST /profile/two-fa", &Value::Null).expect(201);
    let url = made.text("/data/otpAuthURL");
    let secret = walk.keep(url.rsplit('=').next().unwrap());
    let code = walk.code(&secret, 0);
    let enabled = walk.call("dave", "PATCH /profile/two-fa", &json!({"code": code})).expect(200);
    assert_eq!(enabled.body["data"].as_array().unwrap().len(), 12);
    let again = walk.call("dave", "PATCH /profile/two-fa/disable", &json!({"code": code})).expect(400);
    assert_eq!(again.body["status"], "error", "a replay");
    let code = walk.code(&secret, 1);
    walk.call("dave", "PATCH /profile/two-fa/disable", &json!({"code": code})).expect(200);
}

/// A person enrols an address in a hosted session and passes a check; the back end redeems the result, once (T46).
fn session(walk: &mut Walk<'_>) {
    let grace = Caller::BackEnd("grace");
    let open = |walk: &mut Walk<'_>, purpose: &str| {
        let request = json!({"purpose": purpose, "returnUrl": RETURN_URL});
        let created = walk.with(grace, "POST /v1/users/{userId}/sessions", &[], &request).expect(201);
        let url = created.text("/url");
        (created.text("/id"), walk.keep(url.split_once('#').unwrap().1))
    };
    let of = |route: &str| route.replace("/v1/me", "/v1/session");
    // The first request of a session binds it to its browser, whichever function serves it.
    let (_, token) = open(walk, "enroll");
    walk.with(Caller::Session(&token), &of(ENROLL), &[], &json!({"factorType": "totp"})).expect(201);
    let (id, token) = open(walk, "manage");
    let person = Caller::Session(&token);
    assert_eq!(walk.with(person, "GET /v1/session", &[], &Value::Null).expect(200).text("/needs"), "nothing");
    let address = json!({"factorType": "email", "email": "grace@example.com"});
    let begun = walk.with(person, &of(ENROLL), &[], &address).expect(201).text("/enrollmentToken");
    let code = walk.sent("grace@example.com");
    let confirm = json!({"enrollmentToken": begun, "code": code});
    walk.with(person, &of(CONFIRM), &[], &confirm).expect(201);
    let challenge = walk.with(person, &of(CHALLENGE), &[], &json!({})).expect(201).text("/challengeId");
    let code = walk.sent("grace@example.com");
    walk.with(person, &of(VERIFY), &[], &json!({"challengeId": challenge, "code": code})).expect(200);
    walk.with(person, "GET /v1/session/factors", &[], &Value::Null).expect(200);
    let next = walk.with(person, "POST /v1/session/cancel", &[], &Value::Null).expect(200).text("/next");
    walk.keep(next.split_once("&code=").unwrap().1);
    // As if the answer with the way back had been lost.
    let next = walk.with(person, "GET /v1/session", &[], &Value::Null).expect(200).text("/next");
    let code = walk.keep(next.split_once("&code=").unwrap().1);
    let redeem = "POST /v1/users/{userId}/sessions/{id}/redeem";
    let redeemed = walk.with(grace, redeem, &[("id", &id)], &json!({"code": code})).expect(200);
    assert_eq!(redeemed.body, json!({"status": "managed"}));
    walk.with(person, "GET /v1/session", &[], &Value::Null).expect(409);
    sleep(PAUSE);
    let (_, token) = open(walk, "check");
    walk.with(Caller::Session(&token), &of(CHALLENGE), &[], &json!({})).expect(201);
    walk.with(Caller::Session("forged"), "GET /v1/session", &[], &Value::Null).expect(401);
    contact(walk, "heidi", "phoneNumber", "+41791234577");
    contact(walk, "ivan", "email", "ivan@example.com");
}

/// The first factor is enrolled after the contact of record was confirmed, and the contact hears of every change (T52).
fn contact(walk: &mut Walk<'_>, user: &str, field: &str, to: &str) {
    let back_end = Caller::BackEnd(user);
    let request = json!({"purpose": "manage", "returnUrl": RETURN_URL, "contact": {field: to}});
    let created = walk.with(back_end, "POST /v1/users/{userId}/sessions", &[], &request).expect(201);
    let token = walk.keep(created.text("/url").split_once('#').unwrap().1);
    let (person, app) = (Caller::Session(&token), json!({"factorType": "totp"}));
    let enroll = ENROLL.replace("/v1/me", "/v1/session");
    assert_eq!(walk.with(person, &enroll, &[], &app).expect(403).text("/code"), "contact_required");
    walk.with(person, "POST /v1/session/contact", &[], &json!({})).expect(201);
    let message = walk.target.message_to(to).unwrap();
    walk.keep(to);
    let code = message.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 8).unwrap();
    let code = walk.keep(code);
    walk.with(person, "POST /v1/session/contact/confirm", &[], &json!({"code": code})).expect(204);
    let begun = walk.with(person, &enroll, &[], &app).expect(201);
    let code = walk.code(&begun.text("/totp/secret"), 0);
    let confirm = json!({"enrollmentToken": begun.text("/enrollmentToken"), "code": code});
    walk.with(person, &CONFIRM.replace("/v1/me", "/v1/session"), &[], &confirm).expect(201);
    let heard = walk.target.message_to(to).unwrap();
    assert!(heard.contains("an authenticator app was added"), "{heard}");
    let codes = walk.with(back_end, "POST /v1/users/{userId}/recovery-codes", &[], &Value::Null).expect(201);
    assert!(codes.body["recoveryCodes"].is_array());
    let heard = walk.target.message_to(to).unwrap();
    assert!(heard.contains("new recovery codes"), "{heard}");
}

fn back_end(walk: &mut Walk<'_>) {
    let erin = Caller::BackEnd("erin");
    let of = |route: &str| route.replace("/v1/me", "/v1/users/{userId}");
    let begun =
        walk.with(erin, &of(ENROLL), &[], &json!({"factorType": "email", "email": "erin@example.com"})).expect(201);
    let code = walk.sent("erin@example.com");
    let confirmation = json!({"enrollmentToken": begun.text("/enrollmentToken"), "code": code});
    let id = walk.with(erin, &of(CONFIRM), &[], &confirmation).expect(201).text("/factor/id");
    let challenge = walk.with(erin, &of(CHALLENGE), &[], &json!({"factorId": id})).expect(201).text("/challengeId");
    let code = walk.sent("erin@example.com");
    let first = json!({"amr": ["pwd"]});
    let needed = walk.with(erin, &of(CHECKS), &[], &json!({"firstFactor": first})).expect(200);
    assert_eq!(needed.body["factors"], json!([]), "e-mail beside a password is no second factor");
    let answer = json!({"challengeId": challenge, "code": code, "firstFactor": first});
    let passed = walk.with(erin, &of(VERIFY), &[], &answer).expect(200);
    assert_eq!(passed.body["amr"], json!(["otp"]));
    let ids = [("id", id.as_str())];
    walk.with(erin, &of("GET /v1/me/factors"), &[], &Value::Null).expect(200);
    walk.with(erin, &of(&format!("GET {FACTOR}")), &ids, &Value::Null).expect(200);
    walk.with(erin, &of(&format!("PATCH {FACTOR}")), &ids, &json!({"label": "Work"})).expect(200);
    walk.with(erin, &of("POST /v1/me/recovery-codes"), &[], &json!({})).expect(201);
    walk.with(erin, &of(&format!("DELETE {FACTOR}")), &ids, &json!({})).expect(204);
    // Forgetting a user also ends pending enrolments and open challenges.
    let _ = walk.destination("frank", "email", "email", "frank@example.com", None);
    // A check by e-mail changes no account that has an app (T13).
    let _ = walk.app("frank");
    let thief = Caller::Elsewhere("frank");
    let id = walk.with(thief, CHALLENGE, &[], &json!({"factorType": "email"})).expect(201).text("/challengeId");
    let code = walk.sent("frank@example.com");
    let passed = walk.with(thief, VERIFY, &[], &json!({"challengeId": id, "code": code})).expect(200);
    let email = claims(&passed.text("/receipt"));
    assert_eq!((&email["acr"], &email["scope"]), (&json!("email"), &json!("email")));
    let refused = walk.with(thief, "POST /v1/me/recovery-codes", &[], &json!({})).expect(403);
    assert_eq!(refused.text("/code"), "step_up_required");
    sleep(PAUSE);
    walk.call("frank", CHALLENGE, &json!({"factorType": "email"})).expect(201);
    walk.with(Caller::BackEnd("frank"), "DELETE /v1/users/{userId}", &[], &Value::Null).expect(204);
    let listed = walk.call("frank", "GET /v1/me/factors", &Value::Null).expect(200);
    assert_eq!(listed.body["factors"], json!([]));
}
