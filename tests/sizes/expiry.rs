//! An expired enrolment or challenge is refused as expired while its item exists, and is not found after it was swept.

use std::sync::Arc;

use countersign::store::embedded::EmbeddedStore;
use serde_json::{Value, json};

use crate::rig::enroll::{genauth, logto, native, profile};
use crate::rig::{Client, Observed, World, enroll_phone};

const USERS: usize = 200;
const DAY: i64 = 86_400;

/// The open items of a user: a challenge and an enrolment, each with its code.
struct Left {
    user: Client,
    challenge: Value,
    enrollment: Value,
}

/// Makes the open items of a user. It also leaves three more: a confirmed enrolment, and the limits of the number and
/// the address.
async fn leave(world: &World, number: usize) -> Left {
    let user = world.user(&format!("user-{number}"));
    let phone = enroll_phone(&user, &format!("+8613800{number:06}")).await;
    let challenge = user.post("/v1/me/challenges", json!({"factorId": phone})).await.expect(201).text("/challengeId");
    let challenge = json!({"challengeId": challenge, "code": world.postbox.code()});
    let (token, code) = native::begin_email(&user, &format!("user-{number}@example.com")).await;
    Left { user, challenge, enrollment: native::confirmation(&token, &code) }
}

impl Left {
    async fn is_told(&self, status: u16, code: &str) {
        self.of_challenge_is_told(status, code).await;
        self.of_enrollment_is_told(status, code).await;
    }

    async fn of_challenge_is_told(&self, status: u16, code: &str) {
        let reply = self.user.post("/v1/me/verify", self.challenge.clone()).await;
        assert_eq!(reply.outcome(), (status, code.to_owned()), "of the challenge");
    }

    async fn of_enrollment_is_told(&self, status: u16, code: &str) {
        let reply = self.user.post(native::CONFIRM, self.enrollment.clone()).await;
        assert_eq!(reply.outcome(), (status, code.to_owned()), "of the enrolment");
    }
}

#[tokio::test]
async fn expired_items_are_swept_after_their_time_to_live_and_none_before_t10() {
    let store = EmbeddedStore::in_memory().unwrap();
    let observed = Observed::new(Arc::new(store.clone()));
    let world = World::on(observed.clone());
    let mut left = Vec::new();
    for number in 0..USERS {
        left.push(leave(&world, number).await);
        world.pass(7);
    }
    let mut ttls: Vec<_> = observed.items().await.values().filter_map(|stored| stored.ttl).collect();
    ttls.sort_unstable();
    let (first, last) = (ttls[0], ttls[ttls.len() - 1]);
    assert_eq!(ttls.len(), 1_000, "five items a user");
    assert!(first >= world.now() - 7 * 200 + 60 + DAY, "none goes before a day after it mattered");

    // Everything expired long ago, but nothing was swept.
    world.pass(first - world.now());
    left[0].is_told(410, "expired").await;
    assert_eq!(store.sweep(world.now()).await, Ok(0), "what lives until now is left");
    world.pass(last - world.now());
    left[USERS - 1].is_told(410, "expired").await;

    // Enrolments are swept before challenges, whose messages count for a day.
    let before = |moment: i64| ttls.iter().filter(|ttl| **ttl < moment).count();
    let (among_enrollments, among_challenges) = (ttls[200], ttls[700]);
    let first_swept = before(among_enrollments);
    assert_eq!(store.sweep(among_enrollments).await, Ok(first_swept), "what lives longer is left");
    assert_eq!(observed.items().await.len(), USERS + 1_000 - first_swept);
    left[0].of_enrollment_is_told(404, "not_found").await;
    left[0].of_challenge_is_told(410, "expired").await;
    left[USERS - 1].is_told(410, "expired").await;

    let next_swept = before(among_challenges) - first_swept;
    assert_eq!(store.sweep(among_challenges).await, Ok(next_swept), "what lives longer is left");
    assert_eq!(observed.items().await.len(), USERS + 1_000 - first_swept - next_swept);
    left[0].is_told(404, "not_found").await;
    left[USERS - 1].of_enrollment_is_told(404, "not_found").await;
    left[USERS - 1].of_challenge_is_told(410, "expired").await;

    assert_eq!(store.sweep(last + 1).await, Ok(1_000 - first_swept - next_swept));
    assert_eq!(observed.items().await.len(), USERS, "accounts with a factor have no time to live");
    for left in &left {
        left.is_told(404, "not_found").await;
        let factors = left.user.get("/v1/me/factors").await.json()["factors"].clone();
        assert_eq!(factors.as_array().unwrap().len(), 1);
    }
    // The users can begin all of it again.
    leave(&world, USERS).await;
    let phone = json!({"factorType": "sms"});
    let challenge = left[0].user.post("/v1/me/challenges", phone).await.expect(201).text("/challengeId");
    let answer = json!({"challengeId": challenge, "code": world.postbox.code()});
    left[0].user.post("/v1/me/verify", answer).await.expect(200);
}

#[tokio::test]
async fn an_account_without_factors_is_swept_a_week_after_its_last_was_removed() {
    let store = EmbeddedStore::in_memory().unwrap();
    let world = World::on(Arc::new(store.clone()));
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    alice.delete(&format!("/v1/me/factors/{phone}"), Value::Null).await.expect(204);
    let removed = world.now();
    assert_eq!(store.sweep(removed + 7 * DAY).await, Ok(2), "the enrolment and the limit");
    assert_eq!(store.sweep(removed + 7 * DAY + 1).await, Ok(1), "the account");
    enroll_phone(&world.user("alice"), "+8613800138001").await;
}

/// The store sweeps late: a user who removed every factor a week ago may have begun an enrolment by then.
#[tokio::test]
async fn an_enrollment_survives_the_sweep_of_its_account_without_factors() {
    let store = EmbeddedStore::in_memory().unwrap();
    let world = World::on(Arc::new(store.clone()));
    let alice = world.user("alice");
    let phone = enroll_phone(&alice, "+8613800138000").await;
    alice.delete(&format!("/v1/me/factors/{phone}"), Value::Null).await.expect(204);
    world.pass(8 * DAY);
    let again = json!({"factorType": "sms", "phoneNumber": "+8613800138000"});
    let (token, code) = native::begin_sent(&alice, again).await;
    assert_eq!(store.sweep(world.now()).await, Ok(1), "the account");
    native::confirm(&alice, &token, &code).await.expect(201);
}

/// A request in a dialect, and its expected answer.
struct Late {
    method: &'static str,
    path: &'static str,
    body: Value,
    expired: (u64, &'static str),
    unknown: (u64, &'static str),
}

#[tokio::test]
async fn expired_and_swept_enrollments_get_different_errors_in_every_dialect_t10() {
    let genauth = late_in_genauth().await;
    let logto = late_in_logto().await;
    let profile = late_in_profile().await;
    for (store, world, lates) in [genauth, logto, profile] {
        for late in &lates {
            assert_eq!(told(&world, late).await, (late.expired.0, late.expired.1.to_owned()), "{} is there", late.path);
        }
        assert_ne!(store.sweep(world.now() + 2 * DAY).await, Ok(0));
        for late in &lates {
            assert_eq!(told(&world, late).await, (late.unknown.0, late.unknown.1.to_owned()), "{} is gone", late.path);
        }
    }
}

type Lates = (EmbeddedStore, World, Vec<Late>);

fn world() -> (EmbeddedStore, World) {
    let store = EmbeddedStore::in_memory().unwrap();
    let world = World::on(Arc::new(store.clone()));
    (store, world)
}

/// The status and the error code, in every dialect.
async fn told(world: &World, late: &Late) -> (u64, String) {
    let reply = world.user("alice").call(late.method, late.path, late.body.clone()).await;
    let json = reply.json();
    let status = json["statusCode"].as_u64().unwrap_or(u64::from(reply.status.as_u16()));
    let word = [&json["code"], &json["apiCode"], &json["message"]].into_iter().find(|word| !word.is_null()).unwrap();
    (status, word.to_string().trim_matches('"').to_owned())
}

async fn late_in_genauth() -> Lates {
    let (store, world) = world();
    let mut lates = Vec::new();
    let profile = json!({"phoneNumber": "13800138000"});
    for (factor_type, profile) in [("OTP", json!({})), ("SMS", profile)] {
        let begun = genauth::begin(&world.user("alice"), factor_type, profile).await;
        let body = genauth::confirmation(factor_type, &begun.text("/data/enrollmentToken"), "123456");
        lates.push(Late {
            method: "POST",
            path: genauth::ENROLL,
            body,
            expired: (422, "9002"),
            unknown: (404, "9008"),
        });
    }
    world.pass(60);
    (store, world, lates)
}

async fn late_in_logto() -> Lates {
    let (store, world) = world();
    let (id, secret) = logto::begin_verified(&world.user("alice")).await;
    let late = |path, body| Late {
        method: "POST",
        path,
        body,
        expired: (400, "session.verification_expired"),
        unknown: (404, "session.verification_session_not_found"),
    };
    world.pass(600);
    let verify = json!({"verificationId": id, "code": world.next_code(&secret)});
    let lates = vec![late(logto::VERIFY, verify), late(logto::BIND, logto::binding(&id))];
    (store, world, lates)
}

async fn late_in_profile() -> Lates {
    let (store, world) = world();
    profile::begin(&world.user("alice")).await;
    world.pass(600);
    let late = Late {
        method: "PATCH",
        path: profile::TWO_FA,
        body: json!({"code": "123456"}),
        expired: (400, "The enrollment has expired: begin again."),
        unknown: (400, "Generate a 2FA code first."),
    };
    (store, world, vec![late])
}
