//! The lists, `get-factor` in both spellings, and `reset-factor`.

use serde_json::json;

use super::{GET, LIST, RESET, TO_ENROLL, VERIFY, outcome};
use crate::rig::enroll::genauth::{enroll_app, enroll_sent};
use crate::rig::{Fate, Transcript, World};

#[tokio::test]
async fn factors_are_shown_to_their_owner_with_masked_profiles() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.get("nothing yet", &alice, LIST).await;
    enroll_app(&alice).await;
    enroll_sent(&alice, "SMS", json!({"phoneNumber": "79 123 45 67", "phoneCountryCode": "+41"})).await;
    enroll_sent(&alice, "EMAIL", json!({"email": "alice@example.com"})).await;
    let list = log.get("all of them", &alice, LIST).await.json();
    for factor in list["data"].as_array().unwrap() {
        let (id, name) = (factor["factorId"].as_str().unwrap(), factor["factorType"].as_str().unwrap());
        let one = log.get(name, &alice, &format!("{GET}?factorId={id}")).await;
        assert_eq!(one.json()["data"], *factor);
        let other_spelling = alice.get(&format!("{GET}s?factorId={id}")).await;
        assert_eq!(other_spelling.json(), one.json());
        assert_eq!(outcome(&world.user("bob").get(&format!("{GET}?factorId={id}")).await), (404, 9008));
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_missing_or_unknown_factor_id_is_refused() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.get("no id", &alice, GET).await;
    log.get("another parameter", &alice, &format!("{GET}?id=F1")).await;
    log.get("an unknown id", &alice, &format!("{GET}?factorId=aaaaaaaaaaaaaaaa")).await;
    log.get("a space, as clients send it", &alice, &format!("{GET}s?factorId=a+b")).await;
    for query in ["factorId=", "factorId=%ff", "factorId=%00&factorId=%00", "factorId[]=1", "%", "&&=&", "factorId"] {
        for path in [GET, "/api/v3/get-factors"] {
            let (status, _) = outcome(&alice.get(&format!("{path}?{query}")).await);
            assert!([400, 404].contains(&status), "{query}: {status}");
        }
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn only_configured_factors_that_are_not_enrolled_yet_are_offered() {
    let world = World::new();
    let alice = world.user("alice");
    let types = async || {
        let list = alice.get(TO_ENROLL).await.json();
        let types = list["data"].as_array().unwrap().iter().map(|each| each["factorType"].as_str().unwrap().to_owned());
        types.collect::<Vec<_>>()
    };
    let mut log = Transcript::default();
    log.get("of a new account", &alice, TO_ENROLL).await;
    enroll_sent(&alice, "SMS", json!({"phoneNumber": "13800138000"})).await;
    assert_eq!(types().await, ["OTP", "EMAIL"]);
    world.postbox.fate(Fate::NotConfigured);
    assert_eq!(types().await, ["OTP"]);
    enroll_app(&alice).await;
    assert!(types().await.is_empty());
    log.get("of an account that has them all", &alice, TO_ENROLL).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_factor_is_reset_in_a_session_that_passed_a_check() {
    let world = World::new();
    let alice = world.user("alice");
    let (secret, recovery_code) = enroll_app(&alice).await;
    let id = alice.get(LIST).await.text("/data/0/factorId");
    let laptop = world.session("alice", "laptop");
    let mut log = Transcript::default();
    log.post("no id", &alice, RESET, json!({})).await;
    log.post("an id that is a number", &alice, RESET, json!({"factorId": 1})).await;
    log.post("an unknown id", &alice, RESET, json!({"factorId": "F1"})).await;
    log.post("another user's", &world.user("bob"), RESET, json!({"factorId": id})).await;
    log.post("in another session", &laptop, RESET, json!({"factorId": id})).await;
    laptop.post(VERIFY, json!({"totp": world.next_code(&secret)})).await;
    log.post("after a check", &laptop, RESET, json!({"factorId": id})).await;
    log.post("once more", &laptop, RESET, json!({"factorId": id})).await;
    log.get("nothing is left", &alice, LIST).await;
    assert_eq!(outcome(&alice.post(VERIFY, json!({"totp": recovery_code})).await), (422, 6002));
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn the_headers_that_clients_send_change_nothing() {
    let world = World::new();
    let request = world.user("alice").request("GET", LIST);
    let request = [
        ("authorization", "token"),
        ("x-authing-app-id", "app"),
        ("x-authing-sdk-version", "node:4.0.1"),
        ("x-authing-request-from", "sdk"),
        ("x-authing-lang", "\u{fffd}"),
        ("x-real-ip", "::1"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", "0"),
    ]
    .into_iter()
    .fold(request, |request, (name, value)| request.header(name, value));
    assert_eq!(outcome(&world.send(request.body("".into()).unwrap()).await), (200, 0));
}
