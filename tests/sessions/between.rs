//! What is begun in one place and finished in another, and steps in an unusual order.

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::{CutOff, Observed, Plan, TestKeys, enroll_app, enroll_email, enroll_phone, transfer};

/// The result of a session is its one-time code alone. A receipt beside it would be a second result of the same check:
/// it would stay after the back end has ended the session, and it would have another `jti`.
pub(super) async fn no_answer_in_a_session_has_a_receipt_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    enroll_phone(&alice, "+8613800138000").await;
    let begun = begin(&world, json!({"purpose": "check", "transaction": transfer("250.00 EUR", "Zoe")})).await;
    let id = begun.person.post(CHALLENGE, json!({})).await.expect(201).text("/challengeId");
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    let passed = begun.person.post(VERIFY, answer).await.expect(200).json();
    assert_eq!(passed.get("receipt"), None);

    let begun = begin(&world, json!({"purpose": "enroll"})).await;
    world.pass(60);
    let id = begun.person.post(CHALLENGE, json!({})).await.expect(201).text("/challengeId");
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    assert_eq!(begun.person.post(VERIFY, answer).await.expect(200).json().get("receipt"), None);
    let needed = begun.person.post("/v1/me/checks", json!({"maxAge": 600})).await.expect(200).json();
    assert_eq!((&needed["status"], needed.get("receipt")), (&json!("passed"), None));
    let made = begun.person.post(ENROLL, json!({"factorType": "totp"})).await.expect(201);
    let code = world.next_code(&made.text("/totp/secret"));
    let body = json!({"enrollmentToken": made.text("/enrollmentToken"), "code": code});
    let confirmed = begun.person.post(CONFIRM, body).await.expect(201);
    assert_eq!(confirmed.json().get("receipt"), None);
    redeem(&world, &begun.id, &code_in(&confirmed.text("/next"), &begun.id)).await.expect(200).text("/receipt");
}

pub(super) async fn a_session_shows_only_what_confirms_its_transaction_t34(store: Arc<dyn Store>) {
    for by_app in ["off", "on"] {
        let settings = [SETTINGS, &[("TRANSACTION_APPS", by_app)]].concat();
        let world = Plan::over(Arc::clone(&store), &settings).build();
        let user = format!("alice-{by_app}");
        let alice = world.user(&user);
        let (secret, app, codes) = enroll_app(&alice, "Phone").await;
        let phone = enroll_phone(&alice, &format!("+861380013800{}", by_app.len())).await;
        let request = json!({"purpose": "check", "returnUrl": RETURN, "transaction": transfer("1.00 EUR", "Zoe")});
        let url = world.back_end(&user).post("/v1/me/sessions", request).await.expect(201).text("/url");
        let person = world.in_session(url.split_once('#').unwrap().1, BROWSER);
        let view = person.get(VIEW).await.expect(200).json();
        let shown: Vec<_> = view["factors"].as_array().unwrap().iter().map(|factor| factor["id"].clone()).collect();
        let expected = if by_app == "on" { vec![json!(app), json!(phone)] } else { vec![json!(phone)] };
        assert_eq!((shown, &view["recoveryCodes"]["remaining"]), (expected, &json!(0)), "{by_app}");
        refused(&person.post(VERIFY, json!({"code": codes[0]})).await, 400, "invalid_request");
        let by_code = person.post(VERIFY, json!({"code": world.next_code(&secret)})).await;
        assert_eq!(by_code.status.is_success(), by_app == "on", "{}", by_code.json());
    }
}

pub(super) async fn a_challenge_confirms_only_what_its_message_shows_t34(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    enroll_phone(&alice, "+8613800138000").await;
    let (meant, other) = (transfer("250.00 EUR", "Zoe"), transfer("1.00 EUR", "Zoe"));
    let begun = begin(&world, json!({"purpose": "check", "transaction": meant})).await;
    // A challenge for nothing or for another transaction, begun by the user.
    for body in [json!({}), json!({"transaction": other})] {
        world.pass(60);
        let id = alice.post(CHALLENGE, body).await.expect(201).text("/challengeId");
        // The transaction of the session counts.
        let answer = json!({"challengeId": id, "code": world.postbox.code()});
        refused(&begun.person.post(VERIFY, answer).await, 400, "transaction_mismatch");
    }
    // A challenge of the session is no check elsewhere.
    world.pass(60);
    let id = begun.person.post(CHALLENGE, json!({})).await.expect(201).text("/challengeId");
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    refused(&alice.post(VERIFY, answer.clone()).await, 400, "invalid_request");
    refused(&world.back_end("alice").post(VERIFY, answer.clone()).await, 404, "not_found");
    let plain = check_session(&world).await;
    refused(&plain.person.post(VERIFY, answer.clone()).await, 400, "invalid_request");
    begun.person.post(VERIFY, answer).await.expect(200).text("/next");
    // A challenge of the back end is answered in no session.
    world.pass(60);
    let id = world.back_end("alice").post(CHALLENGE, json!({})).await.expect(201).text("/challengeId");
    let answer = json!({"challengeId": id, "code": world.postbox.code()});
    refused(&plain.person.post(VERIFY, answer).await, 404, "not_found");
}

pub(super) async fn an_enrollment_is_finished_where_it_was_allowed_t18(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    let (secret, ..) = enroll_app(&alice, "Phone").await;
    world.pass(601);
    let begun = begin(&world, json!({"purpose": "enroll"})).await;
    begun.person.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let app = begun.person.post(ENROLL, json!({"factorType": "totp", "label": "New"})).await.expect(201);
    let code = world.next_code(&app.text("/totp/secret"));
    let body = json!({"enrollmentToken": app.text("/enrollmentToken"), "code": code});
    let other = begin(&world, json!({"purpose": "enroll"})).await;
    refused(&alice.post(CONFIRM, body.clone()).await, 403, "step_up_required");
    refused(&other.person.post(CONFIRM, body.clone()).await, 403, "step_up_required");
    refused(&world.back_end("alice").post(CONFIRM, body.clone()).await, 404, "not_found");
    // Two enrolments of one session at once: one finishes it, and the other binds nothing.
    let request = json!({"factorType": "sms", "phoneNumber": "+8613800138000"});
    let sms = begun.person.post(ENROLL, request).await.expect(201).text("/enrollmentToken");
    let second = json!({"enrollmentToken": sms, "code": world.postbox.code()});
    let (first, second) = tokio::join!(begun.person.post(CONFIRM, body), begun.person.post(CONFIRM, second));
    let mut outcomes = [first.status.as_u16(), second.status.as_u16()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [201, 409], "{} {}", first.json(), second.json());
    let listed = world.back_end("alice").get(FACTORS).await.expect(200).json();
    assert_eq!(listed["factors"].as_array().unwrap().len(), 2);
    refused(&other.person.get(VIEW).await, 410, "expired");
}

pub(super) async fn every_step_counts_exactly_once_after_a_lost_reply_t40(store: Arc<dyn Store>) {
    let cut_off = CutOff::new(store);
    let world = Plan::over(cut_off.clone(), SETTINGS).build();
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    for writers in 0..4 {
        cut_off.cut(writers);
        let begun = check_session(&world).await;
        assert!(cut_off.was_cut());
        cut_off.cut(writers);
        begun.person.get(VIEW).await.expect(200);
        assert!(cut_off.was_cut());
        refused(&world.in_session(&begun.token, OTHER).get(VIEW).await, 401, "unauthorized");
        cut_off.cut(writers);
        let code = pass(&begun, &secret).await;
        assert!(cut_off.was_cut());
        cut_off.cut(writers);
        let first = redeem(&world, &begun.id, &code).await.expect(200).json();
        assert!(cut_off.was_cut());
        assert_eq!(first, redeem(&world, &begun.id, &code).await.expect(200).json());

        let begun = check_session(&world).await;
        cut_off.cut(writers);
        begun.person.post(LEAVE, Value::Null).await.expect(200);
        assert!(cut_off.was_cut());
        assert_eq!(status(&world, &begun.id).await, "canceled");
    }
}

/// The answer that finishes a session may be lost on its way to the browser.
pub(super) async fn the_browser_that_passed_gets_a_new_code_for_a_lost_one_t40(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let lost = pass(&begun, &secret).await;
    let view = begun.person.get(VIEW).await.expect(200).json();
    assert_eq!(view["needs"], "done");
    let code = code_in(view["next"].as_str().unwrap(), &begun.id);
    refused(&redeem(&world, &begun.id, &lost).await, 404, "not_found");
    for browser in [OTHER, "CCCCCCCCCCCCCCCCCCCCCA"] {
        refused(&world.in_session(&begun.token, browser).get(VIEW).await, 409, "already_used");
    }
    redeem(&world, &begun.id, &code).await.expect(200);
    // Once it is redeemed there is no other code.
    refused(&begun.person.get(VIEW).await, 409, "already_used");
    // A person may need more than two minutes to keep their recovery codes. Each code lives two minutes, and the last one
    // is given before the token expires.
    let begun = check_session(&world).await;
    pass(&begun, &secret).await;
    for seconds in [119, 700] {
        world.pass(seconds);
        let view = begun.person.get(VIEW).await.expect(200).json();
        let code = code_in(view["next"].as_str().unwrap(), &begun.id);
        if seconds == 700 {
            world.pass(121);
            refused(&redeem(&world, &begun.id, &code).await, 410, "expired");
        }
    }
    refused(&begun.person.get(VIEW).await, 401, "unauthorized");
    // Another actor's change ends it.
    let begun = check_session(&world).await;
    pass(&begun, &secret).await;
    world.back_end("alice").post(CODES, json!({})).await.expect(201);
    refused(&begun.person.get(VIEW).await, 409, "already_used");
}

pub(super) async fn of_many_browsers_at_once_one_owns_the_session_t46(store: Arc<dyn Store>) {
    let observed = Observed::new(store);
    let world = Plan::over(observed.clone(), SETTINGS).build();
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let tasks: Vec<_> = (0..20_u8)
        .map(|number| {
            let browser = format!("{}AAAAAAAAAAAAAAAAAAAAA", char::from(b'A' + number));
            let person = world.in_session(&begun.token, &browser);
            tokio::spawn(async move { (person.get(VIEW).await, person) })
        })
        .collect();
    let mut owners = Vec::new();
    for task in tasks {
        let (reply, person) = task.await.unwrap();
        if reply.status == 200 { owners.push(person) } else { refused(&reply, 401, "unauthorized") }
    }
    assert_eq!(owners.len(), 1);
    // Whatever the others ask, they write nothing, and the owner goes on.
    observed.take();
    let other = world.in_session(&begun.token, "_AAAAAAAAAAAAAAAAAAAAA");
    for (method, path, body) in [
        ("GET", VIEW, Value::Null),
        ("POST", LEAVE, Value::Null),
        ("POST", VERIFY, json!({"code": world.wrong_code(&secret)})),
        ("POST", CHALLENGE, json!({})),
        ("POST", ENROLL, json!({"factorType": "totp"})),
    ] {
        refused(&other.call(method, path, body).await, 401, "unauthorized");
    }
    let trips = observed.take_round_trips();
    assert_eq!(trips.len(), 5, "one round trip each, and no write: {trips:?}");
    owners[0].post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200).text("/next");
}

pub(super) async fn a_forgotten_users_result_is_void_t20(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    world.back_end("alice").delete("/v1/me", Value::Null).await.expect(204);
    refused(&redeem(&world, &begun.id, &code).await, 410, "expired");
}

pub(super) async fn a_clock_that_steps_back_prolongs_no_code_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    // Another instance's clock may be a little behind.
    world.pass(-3);
    redeem(&world, &begun.id, &code).await.expect(200);
    world.pass(-3600);
    refused(&redeem(&world, &begun.id, &code).await, 409, "already_used");

    world.pass(7200);
    let begun = check_session(&world).await;
    let code = pass(&begun, &secret).await;
    world.pass(-3600);
    refused(&redeem(&world, &begun.id, &code).await, 410, "expired");
}

pub(super) async fn a_redemption_and_an_end_at_once_agree_t46(store: Arc<dyn Store>) {
    let world = world(store);
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    for _ in 0..5 {
        let begun = check_session(&world).await;
        let code = pass(&begun, &secret).await;
        let (back_end, path) = (world.back_end("alice"), format!("/v1/me/sessions/{}", begun.id));
        let (redeemed, ended) = tokio::join!(redeem(&world, &begun.id, &code), back_end.delete(&path, Value::Null));
        ended.expect(204);
        let expected = if redeemed.status == 200 { "done" } else { "canceled" };
        assert_eq!(status(&world, &begun.id).await, expected);
    }
}

/// The application may pass a query on from its own visitor. Two codes in one address would be read in either order.
pub(super) async fn a_return_url_names_no_session_and_no_code_t46(store: Arc<dyn Store>) {
    let world = world(store);
    for query in ["code=x", "a=1&session=x", "code", "c%6Fde=x", "%73ession=x"] {
        let request = json!({"purpose": "enroll", "returnUrl": format!("{RETURN}?{query}")});
        let reply = world.back_end("alice").post("/v1/me/sessions", request).await;
        refused(&reply, 400, "invalid_request");
        assert_eq!(reply.json()["errors"][0]["field"], "returnUrl", "{query}");
    }
}

/// A level that e-mail alone has is not enough after a password, whatever was checked before.
pub(super) async fn a_weak_check_opens_no_change_in_a_session_t18(store: Arc<dyn Store>) {
    let world = world(store);
    let alice = world.user("alice");
    enroll_app(&alice, "Phone").await;
    enroll_email(&alice, "alice@example.com").await;
    for purpose in ["enroll", "manage"] {
        world.pass(60);
        let begun = begin(&world, json!({"purpose": purpose})).await;
        let id = begun.person.post(CHALLENGE, json!({})).await.expect(201).text("/challengeId");
        let answer = json!({"challengeId": id, "code": world.postbox.code()});
        begun.person.post(VERIFY, answer).await.expect(200);
        assert_eq!(begun.person.get(VIEW).await.expect(200).text("/needs"), "check");
        let request = json!({"factorType": "totp", "label": "New"});
        refused(&begun.person.post(ENROLL, request).await, 403, "step_up_required");
    }
}

pub(super) async fn a_session_goes_on_under_a_new_version_of_the_key_t46(store: Arc<dyn Store>) {
    let world = world(Arc::clone(&store));
    let (secret, ..) = enroll_app(&world.user("alice"), "Phone").await;
    let begun = check_session(&world).await;
    begun.person.get(VIEW).await.expect(200);
    let clock = Arc::clone(&world.clock);
    let of_versions = |versions: &[u8], seed| Plan {
        keys: TestKeys::of_versions(versions),
        clock: Arc::clone(&clock),
        seed,
        ..Plan::over(Arc::clone(&store), SETTINGS)
    };
    let newer = of_versions(&[2, 1], 2).build();
    let person = newer.in_session(&begun.token, BROWSER);
    person.get(VIEW).await.expect(200);
    let next = person.post(VERIFY, json!({"code": newer.next_code(&secret)})).await.expect(200).text("/next");
    redeem(&world, &begun.id, &code_in(&next, &begun.id)).await.expect(200);
    // A token of a version that is gone is no token.
    let gone = of_versions(&[2], 3).build();
    let begun = check_session(&world).await;
    refused(&gone.in_session(&begun.token, BROWSER).get(VIEW).await, 401, "unauthorized");
}
