//! Tokens, ids and codes: each has a limited life and works for one purpose only.

use std::sync::Arc;

use countersign::config::{self, ConfigError};
use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::tools::totp;
use crate::rig::{Client, Plan, Reply, World, enroll_app, enroll_email, enroll_phone};

pub(super) async fn a_passcode_expires_while_its_item_still_exists_t10(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (id, code) = challenge(&alice, &phone).await;
    world.pass(600);
    // The answer is "expired", not "not found", because the item still exists.
    expect(&answer(&alice, &id, &code).await, 410, "expired");
    world.pass(86_000);
    expect(&answer(&alice, &id, &code).await, 410, "expired");
    let (id, code) = challenge(&alice, &phone).await;
    world.pass(599);
    answer(&alice, &id, &code).await.expect(200);
}

/// A way to begin and to finish an enrolment.
#[derive(Clone, Copy, Debug)]
enum Door {
    Native(&'static str),
    Genauth(&'static str),
    LogtoVerify,
    LogtoBind,
    Profile,
}

/// An enrolment that was begun, with the data that finishes it.
struct Begun {
    token: String,
    /// The secret of an app. `None`: the code was sent.
    secret: Option<String>,
    code: String,
}

impl Door {
    const ALL: [(Self, i64, (u64, &'static str)); 9] = [
        (Self::Native("totp"), 600, (410, "expired")),
        (Self::Native("sms"), 600, (410, "expired")),
        (Self::Native("email"), 600, (410, "expired")),
        (Self::Genauth("OTP"), 60, (422, "9002")),
        (Self::Genauth("SMS"), 60, (422, "9002")),
        (Self::Genauth("EMAIL"), 60, (422, "9002")),
        (Self::LogtoVerify, 600, (400, "session.verification_expired")),
        (Self::LogtoBind, 600, (400, "session.verification_expired")),
        (Self::Profile, 600, (400, "")),
    ];

    async fn begin(self, client: &Client, number: u32) -> Begun {
        let world = &client.world;
        let phone = format!("+86138001380{number:02}");
        let email = format!("user{number}@example.com");
        let of_app = |token: String, secret: String| Begun { token, secret: Some(secret), code: String::new() };
        match self {
            Self::Native("totp") => {
                let (token, secret) = begin_app(client, "App").await;
                of_app(token, secret)
            }
            Self::Native(factor_type) => {
                let body = json!({"factorType": factor_type, "phoneNumber": phone, "email": email});
                let token = client.post(ENROLL, body).await.expect(201).text("/enrollmentToken");
                Begun { token, secret: None, code: world.postbox.code() }
            }
            Self::Genauth(factor_type) => {
                let begun = genauth::begin(client, factor_type, json!({"phoneNumber": phone, "email": email})).await;
                let token = begun.text("/data/enrollmentToken");
                match factor_type {
                    "OTP" => of_app(token, genauth::secret(&begun)),
                    _ => Begun { token, secret: None, code: world.postbox.code() },
                }
            }
            Self::LogtoVerify | Self::LogtoBind => {
                let (token, secret) = logto::begin(client).await;
                if let Self::LogtoBind = self {
                    logto::verify(client, &token, &totp(&secret, world.now())).await.expect(200);
                }
                of_app(token, secret)
            }
            Self::Profile => of_app(String::new(), profile::begin(client).await),
        }
    }

    async fn finish(self, client: &Client, begun: &Begun) -> Reply {
        let Begun { token, secret, code } = begun;
        let code = secret.as_ref().map_or_else(|| code.clone(), |secret| totp(secret, client.world.now()));
        match self {
            Self::Native(_) => confirm(client, token, &code).await,
            Self::Genauth(factor_type) => genauth::confirm(client, factor_type, token, &code).await,
            Self::LogtoVerify => logto::verify(client, token, &code).await,
            Self::LogtoBind => logto::bind(client, token).await,
            Self::Profile => profile::confirm(client, &code).await,
        }
    }
}

/// Every way to enrol checks the expiry: an enrolment passes until the last second, and then expires.
pub(super) async fn an_enrollment_expires_on_every_route_that_finishes_one_t10(store: Arc<dyn Store>) {
    let world = World::on(store);
    for (number, (door, seconds, (status, code))) in (0_u32..).zip(Door::ALL) {
        let (late, early) = (world.user(&format!("late-{number}")), world.user(&format!("early-{number}")));
        let begun = door.begin(&late, number).await;
        world.pass(seconds);
        let reply = door.finish(&late, &begun).await;
        expect(&reply, status, code);
        assert!(String::from_utf8_lossy(&reply.bytes).contains("expired"), "{door:?}: {}", reply.json());
        let begun = door.begin(&early, number).await;
        world.pass(seconds - 1);
        let reply = door.finish(&early, &begun).await;
        assert!(passed(&reply), "{door:?}: {}", reply.json());
    }
}

pub(super) async fn a_setting_cannot_extend_a_codes_life_beyond_ten_minutes_t10(_: Arc<dyn Store>) {
    for name in ["ENROLLMENT_SECONDS", "GENAUTH_ENROLLMENT_SECONDS", "CHALLENGE_SECONDS"] {
        let read = |seconds: &str| config::read(|each| (each == name).then(|| seconds.to_owned()));
        assert!(read("600").is_ok());
        let ConfigError(problems) = read("601").unwrap_err();
        assert!(problems[0].contains(name), "{problems:?}");
    }
}

pub(super) async fn an_enrollment_token_works_once_t33(store: Arc<dyn Store>) {
    let world = World::on(store);
    for (number, (door, ..)) in (0_u32..).zip(Door::ALL) {
        let user = world.user(&format!("user-{number}"));
        let begun = door.begin(&user, number).await;
        assert!(passed(&door.finish(&user, &begun).await), "{door:?}");
        let again = door.finish(&user, &begun).await;
        assert!(!passed(&again), "{door:?}: {}", again.json());
        match door {
            Door::Native(_) => expect(&again, 409, "already_used"),
            Door::Genauth(_) => expect(&again, 422, "9003"),
            Door::LogtoVerify => expect(&again, 400, "session.mfa.invalid_totp_code"),
            Door::LogtoBind => expect(&again, 422, "user.totp_already_in_use"),
            Door::Profile => assert_eq!(again.text("/message"), "2FA is already enabled on your account"),
        }
    }
}

pub(super) async fn an_enrollment_token_works_only_for_its_own_user_t33(store: Arc<dyn Store>) {
    let world = World::on(store);
    for (number, (door, ..)) in (0_u32..).zip(Door::ALL) {
        let (owner, thief) = (world.user(&format!("owner-{number}")), world.user(&format!("thief-{number}")));
        let begun = door.begin(&owner, number).await;
        let stolen = door.finish(&thief, &begun).await;
        assert!(!passed(&stolen), "{door:?}: {}", stolen.json());
        // It also fails if the thief has a pending enrolment of the same type.
        world.pass(1);
        door.begin(&thief, number + 50).await;
        let stolen = door.finish(&thief, &begun).await;
        assert!(!passed(&stolen), "{door:?}: {}", stolen.json());
        assert!(passed(&door.finish(&owner, &begun).await), "{door:?}: its owner can still use it");
    }
}

pub(super) async fn an_enrollment_token_works_only_in_its_own_dialect_and_type_t33(store: Arc<dyn Store>) {
    let world = World::on(store);
    let native = world.user("native");
    let (token, secret) = begin_app(&native, "App").await;
    let nonce = token.rsplit('.').next().unwrap();
    let code = totp(&secret, world.now());

    // The token is tried as it is, and rewritten for the other dialects and types.
    for factor_type in ["totp", "sms", "email"] {
        let genauth = format!("eg.{factor_type}.{nonce}");
        for (named, token) in
            [("OTP", &token), ("SMS", &token), ("OTP", &genauth), ("SMS", &genauth), ("EMAIL", &genauth)]
        {
            expect(&genauth::confirm(&native, named, token, &code).await, 404, "9008");
        }
        let logto = format!("el.{factor_type}.{nonce}");
        for token in [&token, &logto] {
            expect(&logto::verify(&native, token, &code).await, 404, "session.verification_session_not_found");
            expect(&logto::bind(&native, token).await, 404, "session.verification_session_not_found");
        }
    }
    for token in [format!("en.sms.{nonce}"), format!("en.email.{nonce}"), format!("en..{nonce}"), nonce.to_owned()] {
        expect(&confirm(&native, &token, &code).await, 404, "not_found");
    }
    // The profile page sends no token. It never means a pending enrolment of another dialect.
    profile::confirm(&native, &code).await.expect(400);
    confirm(&native, &token, &code).await.expect(201);

    let page = world.user("profile");
    let code = totp(&profile::begin(&page).await, world.now());
    for token in ["ep.totp.AAAAAAAAAAAAAAAAAAAAAA", "en.totp.AAAAAAAAAAAAAAAAAAAAAA", "ep.totp.", "en.totp."] {
        expect(&confirm(&page, token, &code).await, 404, "not_found");
    }
    profile::confirm(&page, &code).await.expect(200);
}

pub(super) async fn an_id_is_unknown_outside_its_own_purpose_and_dialect_t41(store: Arc<dyn Store>) {
    let world = World::on(store);
    // Every kind of token and id that can be open at once, and every code that could be right.
    let carol = world.user("carol");
    let (carols, ..) = enroll_app(&carol, "App").await;
    let check = carol.post(logto::VERIFY, json!({"code": world.next_code(&carols)})).await.expect(200);
    let check = check.text("/verificationId");
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    let (to_phone, phone_code) = challenge(&alice, &phone).await;
    let (native, mail_code) = begin_email(&alice, "alice@example.com").await;
    let (logto_id, secret) = logto::begin(&alice).await;
    let bob = world.user("bob");
    let begun = genauth::begin(&bob, "SMS", json!({"phoneNumber": "13800138001"})).await;
    let (genauth_token, genauth_code) = (begun.text("/data/enrollmentToken"), world.postbox.code());

    let ids = [&to_phone, &native, &logto_id, &genauth_token, &check, &phone];
    let app_code = totp(&secret, world.now());
    for client in [&alice, &bob, &carol] {
        for id in ids {
            let codes = [&phone_code, &mail_code, &genauth_code, &app_code];
            for code in codes {
                if id != &native {
                    expect(&confirm(client, id, code).await, 404, "not_found");
                }
                if id != &to_phone {
                    expect(&answer(client, id, code).await, 404, "not_found");
                }
                if id != &logto_id {
                    let reply = logto::verify(client, id, code).await;
                    expect(&reply, 404, "session.verification_session_not_found");
                }
                if id != &genauth_token {
                    expect(&genauth::confirm(client, "SMS", id, code).await, 404, "9008");
                }
            }
            if id != &logto_id {
                assert!(!passed(&logto::bind(client, id).await), "{id}");
            }
            if id != &phone {
                expect(&client.post(CHALLENGE, json!({"factorId": id})).await, 404, "not_found");
                expect(&client.post(VERIFY, json!({"factorId": id, "code": phone_code})).await, 404, "not_found");
                expect(&client.get(&format!("{FACTORS}/{id}")).await, 404, "not_found");
                expect(&client.get(&format!("/api/v3/get-factor?factorId={id}")).await, 404, "9008");
            }
        }
    }
    // None of these was spent: each still works on its own route.
    answer(&alice, &to_phone, &phone_code).await.expect(200);
    confirm(&alice, &native, &mail_code).await.expect(201);
    logto::verify(&alice, &logto_id, &totp(&secret, world.now())).await.expect(200);
    logto::bind(&alice, &logto_id).await.expect(204);
    expect(&genauth::confirm(&bob, "SMS", &genauth_token, &genauth_code).await, 200, "");
}

pub(super) async fn a_verified_but_unbound_secret_gives_no_recent_check_t41(store: Arc<dyn Store>) {
    let world = Plan { store, ..Plan::with(&[]) }.build();
    let owner = world.user("alice");
    let mail = enroll_email(&owner, "alice@example.com").await;
    let thief = world.session("alice", "thief");
    let (id, secret) = logto::begin(&thief).await;
    logto::verify(&thief, &id, &world.next_code(&secret)).await.expect(200);
    let path = format!("{FACTORS}/{mail}");
    let new = json!({"factorType": "totp"});
    let requests =
        [("DELETE", path.as_str(), Value::Null), ("POST", CODES, Value::Null), ("POST", ENROLL, new.clone())];
    for (method, path, body) in requests {
        expect(&thief.call(method, path, body).await, 403, "step_up_required");
    }
    expect(&logto::bind(&thief, &id).await, 403, "session.mfa.require_mfa_verification");
    // Its code does not pass a check either.
    world.pass(30);
    expect(&verify(&thief, &totp(&secret, world.now())).await, 400, "invalid_request");
    let code = totp(&secret, world.now());
    expect(&thief.post(logto::VERIFY, json!({"code": code})).await, 400, "session.mfa.invalid_totp_code");
    owner.post(ENROLL, new).await.expect(201);
}

pub(super) async fn the_totp_code_that_verified_a_secret_is_spent_after_binding_t41(store: Arc<dyn Store>) {
    let world = World::on(store);
    let alice = world.user("alice");
    let (id, secret) = logto::begin(&alice).await;
    let code = world.next_code(&secret);
    logto::verify(&alice, &id, &code).await.expect(200);
    expect(&logto::verify(&alice, &id, &code).await, 400, "session.mfa.invalid_totp_code");
    logto::bind(&alice, &id).await.expect(204);
    expect(&verify(&alice, &code).await, 400, "code_already_used");
    verify(&alice, &world.next_code(&secret)).await.expect(200);
}
