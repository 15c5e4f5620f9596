//! `send-enroll-factor-request` and `enroll-factor`.

use serde_json::{Value, json};

use super::{VERIFY, outcome};
use crate::rig::enroll::genauth::{ENROLL, SEND, confirmation, enroll_app, enroll_sent, secret};
use crate::rig::{self, Fate, Plan, Transcript, World};

fn phone() -> Value {
    json!({"factorType": "SMS", "profile": {"phoneNumber": "79 123 45 67", "phoneCountryCode": "+41"}})
}

fn address() -> Value {
    json!({"factorType": "EMAIL", "profile": {"email": "alice@example.com"}})
}

#[tokio::test]
async fn a_number_is_in_the_country_that_the_request_or_the_operator_names() {
    let table = [
        ("+86", json!({"phoneNumber": "13800138000"}), "+8613800138000"),
        ("+86", json!({"phoneNumber": "13800138000", "phoneCountryCode": ""}), "+8613800138000"),
        ("+86", json!({"phoneNumber": "079 123 45 67", "phoneCountryCode": "+41"}), "+41791234567"),
        ("+86", json!({"phoneNumber": "791234567", "phoneCountryCode": "41"}), "+41791234567"),
        ("+86", json!({"phoneNumber": "+41791234567", "phoneCountryCode": "+86"}), "+41791234567"),
        ("+41", json!({"phoneNumber": "079 123 45 67"}), "+41791234567"),
    ];
    for (default, profile, to) in table {
        let world = Plan::with(&[("DEFAULT_COUNTRY_CODE", default)]).build();
        let sent = world.user("alice").post(SEND, json!({"factorType": "SMS", "profile": profile})).await;
        assert_eq!(outcome(&sent), (200, 0), "{profile}");
        assert_eq!(world.postbox.sent()[0].to, to, "{profile}");
    }
}

#[tokio::test]
async fn messages_are_in_the_language_of_the_clients_header() {
    for (header, in_chinese) in [("zh-CN", true), ("en-US", false)] {
        let world = World::new();
        let request = world.user("alice").request("POST", SEND).header("x-authing-lang", header);
        let request = request.header("accept-language", "fr").body(phone().to_string().into());
        assert_eq!(outcome(&world.send(request.unwrap()).await), (200, 0));
        assert_eq!(world.postbox.sent()[0].text.contains("验证码"), in_chinese, "{header}");
    }
}

#[tokio::test]
async fn a_message_says_that_its_code_is_valid_for_one_minute() {
    let world = World::new();
    world.user("alice").post(SEND, phone()).await;
    assert!(world.postbox.sent()[0].text.contains("Valid for 1 minute."), "{:?}", world.postbox.sent());
}

#[tokio::test]
async fn a_token_lives_a_minute() {
    let world = World::new();
    let alice = world.user("alice");
    let token = alice.post(SEND, phone()).await.text("/data/enrollmentToken");
    let right = confirmation("SMS", &token, &world.postbox.code());
    world.pass(60);
    let mut log = Transcript::default();
    log.post("a minute later", &alice, ENROLL, right).await;

    let token = alice.post(SEND, phone()).await.text("/data/enrollmentToken");
    let right = confirmation("SMS", &token, &world.postbox.code());
    world.pass(59);
    log.post("a second earlier", &alice, ENROLL, right).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_invalid_field_is_named_in_the_error() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let requests = [
        ("no fields", json!({})),
        ("a type that is none", json!({"factorType": "TOTP"})),
        ("a type that is a number", json!({"factorType": 1})),
        ("a profile that is a text", json!({"factorType": "SMS", "profile": "+8613800138000"})),
        ("no profile", json!({"factorType": "SMS"})),
        ("no number", json!({"factorType": "SMS", "profile": {"phoneCountryCode": "+86"}})),
        ("a number that is a number", json!({"factorType": "SMS", "profile": {"phoneNumber": 13_800_138_000_u64}})),
        (
            "a country code that is none",
            json!({"factorType": "SMS", "profile": {"phoneNumber": "138", "phoneCountryCode": "+999"}}),
        ),
        ("a number that nobody has", json!({"factorType": "SMS", "profile": {"phoneNumber": "138"}})),
        ("no address", json!({"factorType": "EMAIL", "profile": {}})),
        ("an address that is malformed", json!({"factorType": "EMAIL", "profile": {"email": "alice"}})),
    ];
    for (says, request) in requests {
        log.post(says, &alice, SEND, request).await;
    }
    let token = alice.post(SEND, phone()).await.text("/data/enrollmentToken");
    let requests = [
        ("no fields", json!({})),
        ("no token", json!({"factorType": "SMS"})),
        ("a token that is a list", json!({"factorType": "SMS", "enrollmentToken": [token]})),
        ("no data", json!({"factorType": "SMS", "enrollmentToken": token})),
        ("data that is a text", json!({"factorType": "SMS", "enrollmentToken": token, "enrollmentData": "123456"})),
        (
            "no code",
            json!({"factorType": "SMS", "enrollmentToken": token, "enrollmentData": {"photo": "https://example.com"}}),
        ),
        (
            "a code that is a number",
            json!({"factorType": "SMS", "enrollmentToken": token, "enrollmentData": {"passCode": 12345}}),
        ),
    ];
    for (says, request) in requests {
        log.post(says, &alice, ENROLL, request).await;
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_code_of_another_format_is_answered_as_incorrect() {
    let world = World::new();
    let alice = world.user("alice");
    let token = alice.post(SEND, phone()).await.text("/data/enrollmentToken");
    for code in ["12345", "code", "e7ad-aaa4-da75-fa37-57d1-5141"] {
        assert_eq!(outcome(&alice.post(ENROLL, confirmation("SMS", &token, code)).await), (422, 9001), "{code}");
    }
}

#[tokio::test]
async fn faces_and_unconfigured_channels_are_refused_as_not_configured() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.post("a face", &alice, SEND, json!({"factorType": "FACE"})).await;
    let photo = json!({"photo": "https://example.com/face.jpg", "isExternalPhoto": true});
    let request = json!({"factorType": "FACE", "enrollmentToken": "token", "enrollmentData": photo});
    log.post("a photo", &alice, ENROLL, request).await;
    world.postbox.fate(Fate::NotConfigured);
    log.post("a number", &alice, SEND, phone()).await;
    log.post("an address", &alice, SEND, address()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_destination_that_cannot_be_served_is_refused() {
    let world = Plan::with(&[("ALLOWED_COUNTRIES", "CH")]).build();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let landline = json!({"factorType": "SMS", "profile": {"phoneNumber": "+41446681800"}});
    log.post("a landline", &alice, SEND, landline).await;
    let abroad = json!({"factorType": "SMS", "profile": {"phoneNumber": "13800138000"}});
    log.post("a country that is not allowed", &alice, SEND, abroad).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_failed_send_is_answered_as_delivery_failed() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    world.postbox.fate(Fate::Refused);
    log.post("refused", &alice, SEND, phone()).await;
    world.postbox.fate(Fate::Lost);
    log.post("no answer", &alice, SEND, phone()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_destination_is_sent_to_once_a_minute() {
    let world = World::new();
    let alice = world.user("alice");
    alice.post(SEND, address()).await;
    world.pass(20);
    let mut log = Transcript::default();
    log.post("too soon", &alice, SEND, address()).await;
    world.pass(40);
    log.post("a minute later", &alice, SEND, address()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_enrollment_allows_five_wrong_codes() {
    let world = World::new();
    let alice = world.user("alice");
    let token = alice.post(SEND, phone()).await.text("/data/enrollmentToken");
    for _ in 0..5 {
        let wrong = confirmation("SMS", &token, &world.postbox.wrong_code());
        assert_eq!(outcome(&alice.post(ENROLL, wrong).await), (422, 9001));
    }
    let mut log = Transcript::default();
    let right = confirmation("SMS", &token, &world.postbox.code());
    log.post("the right code", &alice, ENROLL, right).await;
    world.pass(60);
    log.post("a new one", &alice, SEND, phone()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn another_factor_needs_a_check_by_this_session() {
    let world = World::new();
    let (phone_session, laptop) = (world.session("alice", "phone"), world.session("alice", "laptop"));
    let mut log = Transcript::default();
    let token = laptop.post(SEND, address()).await.text("/data/enrollmentToken");
    let begun_before = confirmation("EMAIL", &token, &world.postbox.code());
    let (secret, _) = enroll_app(&phone_session).await;
    log.post("what was begun before", &laptop, ENROLL, begun_before).await;
    log.post("what is begun now", &laptop, SEND, phone()).await;
    laptop.post(VERIFY, json!({"totp": world.next_code(&secret)})).await;
    log.post("after a check", &laptop, SEND, phone()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_refusal_without_a_recent_check_names_the_way_to_one() {
    let world = World::new();
    let (phone, laptop) = (world.session("alice", "phone"), world.session("alice", "laptop"));
    let (secret, _) = enroll_app(&phone).await;
    let mut log = Transcript::default();
    let email = json!({"factorType": "EMAIL", "profile": {"email": "alice@example.com"}});
    log.post("without a check", &laptop, SEND, email.clone()).await;
    log.post("the way that the message names", &laptop, VERIFY, json!({"totp": world.next_code(&secret)})).await;
    log.post("after it", &laptop, SEND, email).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_enrolled_factor_cannot_be_enrolled_again() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    enroll_app(&alice).await;
    enroll_sent(&alice, "SMS", json!({"phoneNumber": "13800138000"})).await;
    enroll_sent(&alice, "EMAIL", json!({"email": "alice@example.com"})).await;
    log.post("a second app", &alice, SEND, json!({"factorType": "OTP"})).await;
    let number = json!({"factorType": "SMS", "profile": {"phoneNumber": "+86 138 0013 8000"}});
    log.post("the same number", &alice, SEND, number).await;
    let address = json!({"factorType": "EMAIL", "profile": {"email": "Alice@example.com"}});
    log.post("the same address", &alice, SEND, address).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_app_enrolled_natively_cannot_be_enrolled_again() {
    let world = World::new();
    let alice = world.user("alice");
    rig::enroll_app(&alice, "Phone").await;
    assert_eq!(outcome(&alice.post(SEND, json!({"factorType": "OTP"})).await), (409, 9009));
}

#[tokio::test]
async fn a_factor_beyond_max_factors_is_refused() {
    let world = Plan::with(&[("MAX_FACTORS", "1")]).build();
    let alice = world.user("alice");
    enroll_app(&alice).await;
    let mut log = Transcript::default();
    log.post("one more", &alice, SEND, address()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_token_of_another_user_type_or_dialect_or_a_replaced_one_is_unknown() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let mut log = Transcript::default();
    let begun = alice.post(SEND, json!({"factorType": "OTP"})).await;
    let (token, secret) = (begun.text("/data/enrollmentToken"), secret(&begun));
    let code = world.next_code(&secret);
    log.post("no token at all", &alice, ENROLL, confirmation("OTP", "token", &code)).await;
    log.post("another type", &alice, ENROLL, confirmation("SMS", &token, &code)).await;
    log.post("another user", &bob, ENROLL, confirmation("OTP", &token, &code)).await;
    let native = alice.post("/v1/me/enrollments", json!({"factorType": "totp"})).await.text("/enrollmentToken");
    log.post("a native token", &alice, ENROLL, confirmation("OTP", &native, &code)).await;
    log.post("a token that was replaced", &alice, ENROLL, confirmation("OTP", &token, &code)).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_second_factor_keeps_the_recovery_code() {
    let world = World::new();
    let alice = world.user("alice");
    let (_, recovery_code) = enroll_app(&alice).await;
    enroll_sent(&alice, "EMAIL", json!({"email": "alice@example.com"})).await;
    let passed = alice.post(VERIFY, json!({"totp": recovery_code})).await;
    assert_eq!(outcome(&passed), (200, 0));
}

#[tokio::test]
async fn a_recovery_code_looks_like_genauths() {
    let world = World::new();
    let begun = world.user("alice").post(SEND, json!({"factorType": "OTP"})).await;
    let code = begun.text("/data/otpData/recoveryCode");
    let groups: Vec<_> = code.split('-').collect();
    assert_eq!(groups.len(), 6, "{code}");
    let hexadecimal = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
    assert!(groups.iter().all(|group| group.len() == 4 && group.chars().all(hexadecimal)), "{code}");
}
