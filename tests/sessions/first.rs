//! The first factor of a user, which a thief of the password waits for (T52).

use std::sync::Arc;

use countersign::store::Store;
use serde_json::{Value, json};

use super::given::*;
use crate::rig::enroll::{genauth, logto, native, profile};
use crate::rig::{CutOff, Fate, Plan, World, enroll_app, enroll_email};

const CONTACT: &str = "/v1/session/contact";
const CONFIRM_CONTACT: &str = "/v1/session/contact/confirm";
const ADDRESS: &str = "alice@example.com";

fn guarded(store: Arc<dyn Store>) -> World {
    Plan::over(store, &[SETTINGS, &[("FIRST_ENROLLMENT", "back-end")]].concat()).build()
}

/// Alice's session with her contact.
async fn with_contact(world: &World, purpose: &str) -> Begun {
    begin(world, json!({"purpose": purpose, "contact": {"email": ADDRESS}})).await
}

/// Has the contact's code sent, and answers it.
async fn confirm_contact(begun: &Begun) {
    begun.person.post(CONTACT, json!({})).await.expect(201);
    let code = begun.person.world.postbox.code();
    begun.person.post(CONFIRM_CONTACT, json!({"code": code})).await.expect(204);
}

/// Enrols Alice's first factor, an app, with her contact; returns its secret and its id.
async fn enroll_with_contact(world: &World) -> (String, String) {
    let begun = with_contact(world, "enroll").await;
    confirm_contact(&begun).await;
    let (secret, id, _) = enroll_app(&begun.person, "Phone").await;
    (secret, id)
}

/// The texts to the contact since the last `seen` messages.
fn heard(world: &World, seen: usize) -> Vec<String> {
    let sent = world.postbox.sent().into_iter().skip(seen);
    sent.filter(|message| message.to == ADDRESS).map(|message| message.text).collect()
}

pub(super) async fn a_thief_of_the_password_enrolls_nothing_t52(store: Arc<dyn Store>) {
    let world = guarded(store);
    let thief = world.user("alice");
    for factor in [json!({"factorType": "totp"}), json!({"factorType": "email", "email": "thief@example.com"})] {
        refused(&thief.post(ENROLL, factor).await, 403, "contact_required");
    }
    let of_genauth = thief.post(genauth::SEND, json!({"factorType": "OTP", "profile": {}})).await.json();
    assert_eq!(json!([of_genauth["statusCode"], of_genauth["apiCode"]]), json!([403, 9015]));
    refused(&thief.post(logto::SECRET, Value::Null).await, 403, "auth.forbidden");
    thief.post(profile::TWO_FA, Value::Null).await.expect(400);
    assert_eq!(world.postbox.calls(), 0);

    // A session is no way around.
    let request = json!({"purpose": "enroll", "returnUrl": RETURN});
    refused(&world.back_end("alice").post("/v1/me/sessions", request).await, 403, "contact_required");
    let begun = begin(&world, json!({"purpose": "manage"})).await;
    refused(&begun.person.post(ENROLL, json!({"factorType": "totp"})).await, 403, "contact_required");
    refused(&begun.person.post(CONTACT, json!({})).await, 404, "not_found");
    refused(&begun.person.post(CONFIRM_CONTACT, json!({"code": "12345678"})).await, 404, "not_found");
    let factors = world.back_end("alice").get(FACTORS).await.expect(200).json();
    assert_eq!(factors["factors"], json!([]));
    // The back end may do what it wants.
    enroll_app(&world.back_end("alice"), "Phone").await;
}

/// An enrolment that began under the other setting, or beside the session, is refused when it would become a factor.
pub(super) async fn an_enrollment_that_began_before_is_not_finished_t52(store: Arc<dyn Store>) {
    let before = Plan::over(Arc::clone(&store), SETTINGS).build();
    let after = Plan {
        clock: Arc::clone(&before.clock),
        seed: 2,
        ..Plan::over(store, &[SETTINGS, &[("FIRST_ENROLLMENT", "back-end")]].concat())
    }
    .build();
    let thief = before.session("alice", "thief");
    let later = after.session("alice", "thief");

    let (token, secret) = native::begin_app(&thief, "Thief").await;
    let reply = native::confirm(&later, &token, &after.next_code(&secret)).await;
    refused(&reply, 403, "contact_required");
    let begun = genauth::begin(&thief, "OTP", json!({})).await;
    let code = after.next_code(&genauth::secret(&begun));
    let reply = genauth::confirm(&later, "OTP", &begun.text("/data/enrollmentToken"), &code).await;
    assert_eq!(reply.json()["statusCode"], 403);
    let (id, _) = logto::begin_verified(&thief).await;
    refused(&logto::bind(&later, &id).await, 403, "auth.forbidden");
    let secret = profile::begin(&thief).await;
    profile::confirm(&later, &after.next_code(&secret)).await.expect(400);

    // The thief begins while the owner's session waits for the contact.
    let (token, secret) = native::begin_app(&thief, "Thief").await;
    let begun = with_contact(&after, "enroll").await;
    let reply = native::confirm(&begun.person, &token, &after.next_code(&secret)).await;
    refused(&reply, 403, "contact_required");
    assert_eq!(after.back_end("alice").get(FACTORS).await.expect(200).json()["factors"], json!([]));
}

pub(super) async fn the_first_factor_needs_the_contacts_code_t52(store: Arc<dyn Store>) {
    // A contact that was given must be confirmed under either setting.
    for (user, setting) in [("alice", "user"), ("bob", "back-end")] {
        let settings = [SETTINGS, &[("FIRST_ENROLLMENT", setting)]].concat();
        let world = Plan::over(Arc::clone(&store), &settings).build();
        let request = json!({"purpose": "enroll", "returnUrl": RETURN, "contact": {"email": ADDRESS}});
        let created = world.back_end(user).post("/v1/me/sessions", request).await.expect(201);
        let token = created.text("/url").split_once('#').unwrap().1.to_owned();
        let person = world.in_session(&token, BROWSER);
        let view = person.get(VIEW).await.expect(200).json();
        let expected = json!(["contact", {"type": "email", "maskedDestination": "a***@example.com"}]);
        assert_eq!(json!([view["needs"], view["contact"]]), expected);
        refused(&person.post(ENROLL, json!({"factorType": "totp"})).await, 403, "contact_required");
        refused(&person.post(CONFIRM_CONTACT, json!({"code": "12345678"})).await, 404, "not_found");
        let sent = person.post(CONTACT, json!({})).await.expect(201);
        assert_eq!(sent.text("/sentTo"), "a***@example.com");
        let message = world.postbox.sent().pop().unwrap();
        assert_eq!((message.to.as_str(), message.code.len()), (ADDRESS, 8));
        refused(&world.in_session(&token, OTHER).post(CONTACT, json!({})).await, 401, "unauthorized");
        let wrong = person.post(CONFIRM_CONTACT, json!({"code": world.postbox.wrong_code()})).await;
        refused(&wrong, 400, "incorrect_code");
        assert_eq!(wrong.json()["remainingAttempts"], 4);
        person.post(CONFIRM_CONTACT, json!({"code": message.code})).await.expect(204);
        refused(&person.post(CONFIRM_CONTACT, json!({"code": message.code})).await, 409, "already_used");
        refused(&person.post(CONTACT, json!({})).await, 409, "already_used");
        let view = person.get(VIEW).await.expect(200).json();
        assert_eq!(json!([view["needs"], view.get("contact")]), json!(["enroll", null]));

        let (secret, ..) = enroll_app(&person, "Phone").await;
        let notice = world.postbox.sent().pop().unwrap();
        assert_eq!((notice.to.as_str(), notice.code.as_str()), (ADDRESS, ""));
        assert!(notice.text.contains("an authenticator app was added"), "{}", notice.text);
        let check = world.back_end(user).post(VERIFY, json!({"code": world.next_code(&secret)})).await;
        check.expect(200);
    }
}

pub(super) async fn a_code_is_of_one_session_and_is_guessed_five_times_t52(store: Arc<dyn Store>) {
    let world = guarded(store);
    let (mine, other) = (with_contact(&world, "enroll").await, with_contact(&world, "enroll").await);
    mine.person.post(CONTACT, json!({})).await.expect(201);
    let code = world.postbox.code();
    refused(&other.person.post(CONFIRM_CONTACT, json!({"code": code})).await, 404, "not_found");
    // A message to a phone has the same budgets as one to a factor.
    let again = mine.person.post(CONTACT, json!({})).await;
    assert_eq!((again.outcome().1.as_str(), again.retry_after()), ("too_many_messages", Some(20)));
    for left in (0..5).rev() {
        let wrong = mine.person.post(CONFIRM_CONTACT, json!({"code": world.postbox.wrong_code()})).await;
        assert_eq!(wrong.json()["remainingAttempts"], left);
    }
    refused(&mine.person.post(CONFIRM_CONTACT, json!({"code": code})).await, 429, "too_many_attempts");
    // A new code and a new session bring no new tries.
    world.pass(60);
    for begun in [&mine, &with_contact(&world, "manage").await] {
        refused(&begun.person.post(CONTACT, json!({})).await, 429, "too_many_attempts");
    }
    world.pass(900);
    let begun = with_contact(&world, "manage").await;
    begun.person.post(CONTACT, json!({})).await.expect(201);
    world.pass(601);
    refused(&begun.person.post(CONFIRM_CONTACT, json!({"code": world.postbox.code()})).await, 410, "expired");
    confirm_contact(&begun).await;
    enroll_app(&begun.person, "Phone").await;
}

pub(super) async fn the_contact_hears_of_every_change_t52(store: Arc<dyn Store>) {
    let world = guarded(store);
    let (secret, app) = enroll_with_contact(&world).await;
    let alice = world.user("alice");
    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let seen = world.postbox.sent().len();
    let mail = enroll_email(&alice, "second@example.com").await;
    alice.post(CODES, json!({})).await.expect(201);
    alice.delete(&format!("{FACTORS}/{mail}"), Value::Null).await.expect(204);
    // A new name is no change of what a check needs.
    alice.patch(&format!("{FACTORS}/{app}"), json!({"label": "Old phone"})).await.expect(200);
    let second = enroll_email(&world.back_end("alice"), "third@example.com").await;
    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    let reset = alice.post("/api/v3/reset-factor", json!({"factorId": second})).await.json();
    assert_eq!(reset["statusCode"], 200, "{reset}");
    alice.patch("/profile/two-fa/disable", json!({"code": world.next_code(&secret)})).await.expect(200);
    let changes = [
        "an e-mail address was added to your account",
        "your account has new recovery codes",
        "an e-mail address was removed from your account",
        "an e-mail address was added to your account",
        "an e-mail address was removed from your account",
        "an authenticator app was removed from your account",
    ];
    let heard = heard(&world, seen);
    assert_eq!(heard.len(), changes.len(), "{heard:?}");
    for (text, change) in heard.iter().zip(changes) {
        assert!(text.contains(change), "{text}");
    }
    // Without a factor the account is where it was at first.
    refused(&alice.post(ENROLL, json!({"factorType": "totp"})).await, 403, "contact_required");
}

pub(super) async fn notices_go_to_a_phone_in_its_language_and_have_a_limit_t52(store: Arc<dyn Store>) {
    let world = guarded(store);
    let contact = json!({"purpose": "enroll", "contact": {"phoneNumber": "+8613800138000"}, "locale": "zh-Hans"});
    let begun = begin(&world, contact).await;
    assert_eq!(begun.person.get(VIEW).await.expect(200).json()["contact"]["type"], "sms");
    confirm_contact(&begun).await;
    let (secret, ..) = enroll_app(&begun.person, "Phone").await;
    assert_eq!(
        world.postbox.sent().pop().map(|sent| sent.text),
        Some("Countersign：您的账户已添加身份验证器。如非本人操作，请立即联系我们。".to_owned())
    );
    let alice = world.user("alice");
    alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    for _ in 0..9 {
        alice.post(CODES, json!({})).await.expect(201);
    }
    // Nobody can use the notices up and then make a change unnoticed.
    let (sent, before) = (world.postbox.calls(), alice.get(FACTORS).await.expect(200).json());
    refused(&alice.post(CODES, json!({})).await, 429, "too_many_messages");
    assert_eq!((world.postbox.calls(), alice.get(FACTORS).await.expect(200).json()), (sent, before));
}

/// A person who adds and removes a first factor again and again gets no new notices with each contact that is kept.
pub(super) async fn a_first_factor_that_comes_and_goes_brings_no_new_notices_t52(store: Arc<dyn Store>) {
    let world = guarded(store);
    let begun = with_contact(&world, "manage").await;
    confirm_contact(&begun).await;
    let seen = world.postbox.sent().len();
    for _ in 0..5 {
        let (_, app, _) = enroll_app(&begun.person, "Phone").await;
        begun.person.delete(&format!("{FACTORS}/{app}"), Value::Null).await.expect(204);
    }
    let (token, secret) = native::begin_app(&begun.person, "Phone").await;
    let reply = native::confirm(&begun.person, &token, &world.next_code(&secret)).await;
    refused(&reply, 429, "too_many_messages");
    assert_eq!(heard(&world, seen).len(), 10);
    // The back end's changes count too.
    let (token, secret) = native::begin_app(&world.back_end("alice"), "Phone").await;
    let reply = native::confirm(&world.back_end("alice"), &token, &world.next_code(&secret)).await;
    refused(&reply, 429, "too_many_messages");
}

/// The wait after a step back of the clock ends, even if no code is compared.
pub(super) async fn a_clock_step_back_stops_no_change_for_longer_than_its_wait_t49(store: Arc<dyn Store>) {
    let world = guarded(store);
    enroll_with_contact(&world).await;
    let back_end = world.back_end("alice");
    for _ in 0..9 {
        back_end.post(CODES, json!({})).await.expect(201);
    }
    world.pass(-31_536_000);
    let waits = back_end.post(CODES, json!({})).await.retry_after().unwrap();
    assert!(waits <= 3_600, "{waits}");
    world.pass(i64::try_from(waits).unwrap());
    back_end.post(CODES, json!({})).await.expect(201);
}

/// A sign-up that takes any number as its user's contact sends no more to one number than any other enrolment.
pub(super) async fn a_contact_gets_five_codes_an_hour_over_all_users_t30(store: Arc<dyn Store>) {
    let world = guarded(store);
    let ask = async |user: usize, contact: &str| {
        let contact = json!({"phoneNumber": contact});
        let request = json!({"purpose": "enroll", "returnUrl": RETURN, "contact": contact});
        let created = world.back_end(&format!("user-{user}")).post("/v1/me/sessions", request).await.expect(201);
        let person = world.in_session(created.text("/url").split_once('#').unwrap().1, BROWSER);
        person.post(CONTACT, json!({})).await
    };
    // One user gets one less, so that nobody alone keeps another user's code from the same contact.
    for _ in 0..4 {
        ask(0, "+8613800138000").await.expect(201);
        world.pass(200);
    }
    assert_eq!(ask(0, "+8613800138000").await.outcome(), (429, "too_many_messages".to_owned()));
    ask(1, "13800138000").await.expect(201);
    let messages = world.postbox.calls();
    for user in 2..5 {
        let reply = ask(user, "+86 138 0013 8000").await;
        assert_eq!((reply.outcome().1.as_str(), reply.retry_after()), ("too_many_messages", Some(2_800)));
    }
    assert_eq!(world.postbox.calls(), messages);
    // Strangers who enrol the number as their own factor use none of it up, and another contact has codes of its own.
    ask(5, "+8613800138001").await.expect(201);
    for user in 6..11 {
        let number = json!({"factorType": "sms", "phoneNumber": "+8613800138002"});
        world.back_end(&format!("user-{user}")).post(ENROLL, number).await.expect(201);
    }
    ask(11, "+8613800138002").await.expect(201);
    // A code that is refused leaves nothing behind.
    world.postbox.fate(Fate::Refused);
    for _ in 0..6 {
        refused(&ask(12, "+8613800138003").await, 502, "delivery_failed");
    }
    world.postbox.fate(Fate::Arrives);
    ask(12, "+8613800138003").await.expect(201);
}

pub(super) async fn a_notice_that_is_not_sent_undoes_no_change_t52(store: Arc<dyn Store>) {
    let world = guarded(store);
    let (secret, _) = enroll_with_contact(&world).await;
    let alice = world.user("alice");
    for fate in [Fate::Refused, Fate::Throttled, Fate::Lost, Fate::NotConfigured] {
        alice.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
        world.postbox.fate(fate);
        alice.post(CODES, json!({})).await.expect(201);
        world.postbox.fate(Fate::Arrives);
    }
    // A code that is refused leaves nothing behind: the person can ask again at once.
    let begun = begin(&world, json!({"purpose": "enroll", "contact": {"email": ADDRESS}})).await;
    refused(&begun.person.post(CONTACT, json!({})).await, 404, "not_found");
    world.back_end("alice").delete("/v1/me", Value::Null).await.expect(204);
    let begun = with_contact(&world, "enroll").await;
    world.postbox.fate(Fate::Refused);
    refused(&begun.person.post(CONTACT, json!({})).await, 502, "delivery_failed");
    world.postbox.fate(Fate::Arrives);
    confirm_contact(&begun).await;
}

pub(super) async fn a_forgotten_user_begins_anew_t52(store: Arc<dyn Store>) {
    let world = guarded(store);
    let begun = with_contact(&world, "enroll").await;
    begun.person.post(CONTACT, json!({})).await.expect(201);
    let code = world.postbox.code();
    world.back_end("alice").delete("/v1/me", Value::Null).await.expect(204);
    refused(&begun.person.post(CONFIRM_CONTACT, json!({"code": code})).await, 410, "expired");
    let begun = with_contact(&world, "enroll").await;
    refused(&begun.person.post(CONFIRM_CONTACT, json!({"code": code})).await, 404, "not_found");
    let seen = world.postbox.sent().len();
    enroll_with_contact(&world).await;
    world.back_end("alice").delete("/v1/me", Value::Null).await.expect(204);
    enroll_app(&world.back_end("alice"), "Phone").await;
    assert_eq!(heard(&world, seen).len(), 2, "the code, the first factor, and nothing after the user was forgotten");
}

pub(super) async fn a_contact_must_be_one_that_messages_reach_t52(store: Arc<dyn Store>) {
    let world = Plan::over(store, &[SETTINGS, &[("ALLOWED_COUNTRIES", "CH")]].concat()).build();
    let create = async |contact: Value, purpose: &str| {
        let request = json!({"purpose": purpose, "returnUrl": RETURN, "contact": contact});
        world.back_end("alice").post("/v1/me/sessions", request).await
    };
    for contact in [
        json!({}),
        json!({"email": ADDRESS, "phoneNumber": "+41791234567"}),
        json!({"email": "nobody"}),
        json!({"phone": "+41791234567"}),
        json!(ADDRESS),
    ] {
        refused(&create(contact, "enroll").await, 400, "invalid_request");
    }
    refused(&create(json!({"phoneNumber": "+8613800138000"}), "enroll").await, 403, "destination_refused");
    enroll_app(&world.user("alice"), "Phone").await;
    refused(&create(json!({"email": ADDRESS}), "check").await, 400, "invalid_request");
    // The back end need not know whether there is a factor.
    create(json!({"email": ADDRESS}), "enroll").await.expect(201);
    world.postbox.fate(Fate::NotConfigured);
    refused(&create(json!({"email": ADDRESS}), "enroll").await, 501, "channel_not_configured");
}

pub(super) async fn a_contact_is_confirmed_once_whoever_races_t52(store: Arc<dyn Store>) {
    let world = guarded(store);
    let begun = with_contact(&world, "enroll").await;
    begun.person.post(CONTACT, json!({})).await.expect(201);
    let body = json!({"code": world.postbox.code()});
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (person, body) = (begun.person.clone(), body.clone());
            tokio::spawn(async move { person.post(CONFIRM_CONTACT, body).await })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        let reply = task.await.unwrap();
        match reply.status.as_u16() {
            204 => passed += 1,
            503 => {}
            _ => refused(&reply, 409, "already_used"),
        }
    }
    assert_eq!(passed, 1);
}

pub(super) async fn every_step_of_a_contact_counts_once_after_a_lost_reply_t40(store: Arc<dyn Store>) {
    let cut_off = CutOff::new(store);
    let settings = [SETTINGS, &[("FIRST_ENROLLMENT", "back-end")]].concat();
    let world = Plan::over(cut_off.clone(), &settings).build();
    for writers in 0..4 {
        let begun = with_contact(&world, "enroll").await;
        world.pass(300);
        cut_off.cut(writers);
        begun.person.post(CONTACT, json!({})).await.expect(201);
        assert!(cut_off.was_cut());
        let body = json!({"code": world.postbox.code()});
        cut_off.cut(writers);
        begun.person.post(CONFIRM_CONTACT, body).await.expect(204);
        assert!(cut_off.was_cut());
        let (token, secret) = native::begin_app(&begun.person, "Phone").await;
        let seen = world.postbox.sent().len();
        cut_off.cut(writers);
        native::confirm(&begun.person, &token, &world.next_code(&secret)).await.expect(201);
        assert!(cut_off.was_cut());
        assert_eq!(heard(&world, seen).len(), 1, "one notice of one change");
        world.back_end("alice").delete("/v1/me", Value::Null).await.expect(204);
    }
}
