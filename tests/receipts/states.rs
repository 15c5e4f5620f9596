//! The statement of a receipt, for each way to pass a check and in each dialect.

use std::sync::Arc;

use countersign::http::caller::Identity;
use countersign::store::Store;
use serde_json::{Value, json};

use super::{ISSUER, answer, claims, receipt_of, stated, world_on};
use crate::rig::{Client, Plan, Transcript, World, enroll_app, enroll_email, enroll_phone};

pub(super) async fn a_check_with_an_app_earns_a_receipt_for_this_user_and_session(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    let (secret, id, _) = enroll_app(&alice, "Phone").await;
    let bound_at = world.now();
    world.pass(3600);
    let checked = alice.post("/v1/me/verify", json!({"code": world.next_code(&secret)})).await.expect(200);
    let claims = stated(&world, &checked).await;
    let now = world.now();
    let expected = json!({
        "iss": ISSUER, "aud": "shop", "sub": "alice", "iat": now, "exp": now + 300, "auth_time": now,
        "amr": ["otp"], "acr": "otp", "scope": "second_factor otp", "factor_id": id, "bound_at": bound_at,
        "client_id": "app", "jti": claims["jti"], "sid": claims["sid"],
    });
    assert_eq!(claims, expected);
    let header = jsonwebtoken::decode_header(receipt_of(&checked).unwrap()).unwrap();
    assert_eq!((header.typ.as_deref(), header.alg), (Some("receipt+jwt"), jsonwebtoken::Algorithm::RS256));

    // Another session of the same user, and another check of the same session.
    let other = world.session("alice", "another");
    let again = other.post("/v1/me/verify", json!({"code": world.next_code(&secret)})).await.expect(200);
    let again = stated(&world, &again).await;
    assert_ne!(again["sid"], claims["sid"]);
    assert_ne!(again["jti"], claims["jti"]);
}

pub(super) async fn each_kind_of_factor_has_its_own_level_t13(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    let (_, _, codes) = enroll_app(&alice, "Phone").await;
    let issued_at = world.now();
    let phone = enroll_phone(&alice, "+41791234567").await;
    let email = enroll_email(&alice, "alice@example.com").await;
    world.pass(60);
    let level = |claims: &Value| json!([claims["amr"], claims["acr"], claims["scope"]]);
    let sms = stated(&world, &answer(&alice, &phone).await).await;
    assert_eq!(level(&sms), json!([["sms"], "sms", "second_factor sms"]));
    let mail = stated(&world, &answer(&alice, &email).await).await;
    assert_eq!(level(&mail), json!([["otp"], "email", "email"]), "e-mail is no second factor");
    let recovery = alice.post("/v1/me/verify", json!({"code": codes[0]})).await.expect(200);
    let recovery = stated(&world, &recovery).await;
    assert_eq!(level(&recovery), json!([["otp"], "recovery", "second_factor recovery"]));
    assert_eq!((&recovery["factor_id"], &recovery["bound_at"]), (&json!("recovery"), &json!(issued_at)));
}

pub(super) async fn an_enrollment_earns_a_receipt_that_is_no_second_factor_t52(store: Arc<dyn Store>) {
    let world = world_on(store);
    let mut enrolled = Vec::new();

    let alice = world.user("alice");
    let begun = alice.post("/v1/me/enrollments", json!({"factorType": "totp"})).await.expect(201);
    let code = world.next_code(&begun.text("/totp/secret"));
    let body = json!({"enrollmentToken": begun.text("/enrollmentToken"), "code": code});
    enrolled.push(alice.post("/v1/me/enrollments/confirm", body).await.expect(201));

    let bob = world.user("bob");
    let begun = bob.post("/api/v3/send-enroll-factor-request", json!({"factorType": "OTP"})).await;
    let uri = begun.text("/data/otpData/qrCodeUri");
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let body = json!({
        "factorType": "OTP", "enrollmentToken": begun.text("/data/enrollmentToken"),
        "enrollmentData": {"passCode": world.next_code(&secret)},
    });
    enrolled.push(bob.post("/api/v3/enroll-factor", body).await.expect(200));

    let carol = world.user("carol");
    let begun = carol.post("/api/experience/verification/totp/secret", Value::Null).await.expect(200);
    let id = begun.text("/verificationId");
    let body = json!({"code": world.next_code(&begun.text("/secret")), "verificationId": id});
    let verified = carol.post("/api/experience/verification/totp/verify", body).await.expect(200);
    assert_eq!(receipt_of(&verified), None, "a secret that is not bound yet proves nothing");
    let body = json!({"type": "Totp", "verificationId": id});
    enrolled.push(carol.post("/api/experience/profile/mfa", body).await.expect(204));

    let dave = world.user("dave");
    let begun = dave.post("/profile/two-fa", Value::Null).await.expect(201);
    let secret = begun.text("/data/otpAuthURL").split("secret=").nth(1).unwrap().to_owned();
    enrolled.push(dave.patch("/profile/two-fa", json!({"code": world.next_code(&secret)})).await.expect(200));

    for (user, reply) in ["alice", "bob", "carol", "dave"].into_iter().zip(&enrolled) {
        // The earlier ones have expired while the clock went on for the later ones' codes.
        let claims = stated(&world, reply).await;
        assert_eq!(
            (&claims["sub"], &claims["acr"], &claims["scope"]),
            (&json!(user), &json!("enrolled"), &json!("enrolled"))
        );
        assert_eq!(claims.get("amr"), None, "{user}");
    }
}

pub(super) async fn the_other_dialects_give_the_receipt_of_a_check_in_a_header(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    for (path, field) in [("/api/v3/mfa-totp-verify", "totp"), ("/api/experience/verification/totp/verify", "code")] {
        let mut body = json!({});
        body[field] = world.next_code(&secret).into();
        let checked = alice.post(path, body.clone()).await.expect(200);
        assert_eq!(stated(&world, &checked).await["acr"], "otp", "{path}");
        let refused = alice.post(path, body).await;
        assert_eq!(receipt_of(&refused), None, "{path}: the code was used before");
    }
}

pub(super) async fn a_code_in_place_of_a_recent_check_earns_no_receipt(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    let (secret, id, codes) = enroll_app(&alice, "Phone").await;
    let other = world.session("alice", "another");
    let path = format!("/v1/me/factors/{id}");
    let renamed = other.patch(&path, json!({"label": "Tablet", "code": world.next_code(&secret)})).await.expect(200);
    let disabled = other.patch("/profile/two-fa/disable", json!({"code": codes[0]})).await.expect(200);
    for reply in [renamed, disabled] {
        assert_eq!(receipt_of(&reply), None);
    }
}

pub(super) async fn a_receipt_for_the_back_end_names_the_user_and_no_session(store: Arc<dyn Store>) {
    let world = world_on(store);
    let (secret, _, _) = enroll_app(&world.user("alice"), "Phone").await;
    let body = json!({"code": world.next_code(&secret)});
    let checked = world.back_end("alice").post("/v1/me/verify", body).await.expect(200);
    let claims = stated(&world, &checked).await;
    assert_eq!(claims["sub"], "alice");
    assert_eq!((claims.get("sid"), claims.get("client_id")), (None, None));
}

#[tokio::test]
async fn without_an_issuer_there_are_no_receipts_and_no_keys() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    let checked = alice.post("/v1/me/verify", json!({"code": world.next_code(&secret)})).await.expect(200);
    assert_eq!(receipt_of(&checked), None);
    assert_eq!(world.service.published_keys().await.unwrap().0, []);
}

pub(super) async fn a_receipt_is_no_access_token_t41(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    let checked = alice.post("/v1/me/verify", json!({"code": world.next_code(&secret)})).await.expect(200);
    let stated = stated(&world, &checked).await;
    // The claims as a gateway passes them on whose authorizer accepts receipts.
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all: std::collections::BTreeMap<_, _> =
        stated.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let mut by_audience = all.clone();
    by_audience.insert("iss".to_owned(), "https://issuer.example".to_owned());
    let mut by_one_of_audiences = by_audience.clone();
    by_one_of_audiences.insert("aud".to_owned(), "[page shop]".to_owned());
    let mut by_issuer = all.clone();
    by_issuer.insert("aud".to_owned(), "app".to_owned());
    for claims in [all, by_audience, by_one_of_audiences, by_issuer] {
        let thief = Client::new(&world, Some(Identity::user(claims, "receipt")));
        thief.get("/v1/me/factors").await.expect(401);
    }
    let mut other: std::collections::BTreeMap<_, _> = [("sub", "alice"), ("jti", "1"), ("aud", "[page app]")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    other.insert("iss".to_owned(), "https://issuer.example".to_owned());
    Client::new(&world, Some(Identity::user(other, "token"))).get("/v1/me/factors").await.expect(200);
}

pub(super) async fn a_receipt_lives_five_minutes(store: Arc<dyn Store>) {
    let world = world_on(store);
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    let checked = alice.post("/v1/me/verify", json!({"code": world.next_code(&secret)})).await.expect(200);
    let receipt = receipt_of(&checked).unwrap();
    world.pass(299);
    assert!(claims(&world, &receipt).await.is_some());
    world.pass(1);
    assert!(claims(&world, &receipt).await.is_none());
}

#[tokio::test]
async fn several_audiences_are_a_list() {
    let settings = [("RECEIPT_ISSUER", ISSUER), ("RECEIPT_AUDIENCES", "shop, ledger")];
    let world = Plan::with(&settings).build();
    let alice = world.user("alice");
    let (secret, _, _) = enroll_app(&alice, "Phone").await;
    let mut log = Transcript::default();
    let checked = log.post("a check", &alice, "/v1/me/verify", json!({"code": world.next_code(&secret)})).await;
    assert_eq!(stated(&world, &checked).await["aud"], json!(["shop", "ledger"]));
}
