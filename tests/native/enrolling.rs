//! `POST /v1/me/enrollments`.

use countersign::config;
use serde_json::{Value, json};

use super::{CHALLENGES, VERIFY};
use crate::rig::enroll::native::{CONFIRM, ENROLL};
use crate::rig::{Client, Fate, Plan, Transcript, World, enroll_app, enroll_email, enroll_phone};

fn app() -> Value {
    json!({"factorType": "totp"})
}

fn phone() -> Value {
    json!({"factorType": "sms", "phoneNumber": "+41791234567"})
}

fn address() -> Value {
    json!({"factorType": "email", "email": "alice@example.com"})
}

#[tokio::test]
async fn the_uri_names_the_account_as_the_token_does() {
    let world = Plan::with(&[("PRODUCT_NAME", "Example Ltd: Bank")]).build();
    let sub = ("sub", "u-1");
    let tokens: [&[(&str, &str)]; 8] = [
        &[sub, ("name", "Zoë Müller"), ("email", "zoe@example.com")],
        &[sub, ("email", "zoe@example.com"), ("phone_number", "+41791234567")],
        &[sub, ("phone_number", "+41791234567"), ("preferred_username", "zoe")],
        &[sub, ("preferred_username", "zoe"), ("username", "zoe-1")],
        &[sub, ("username", "zoe-1")],
        &[sub, ("name", ""), ("username", "urn:zoe:1")],
        &[sub, ("name", "\u{200b}"), ("email", "zoe@exam\u{202e}ple.com")],
        &[sub],
    ];
    let mut uris = Vec::new();
    for claims in tokens {
        let begun = world.claiming(claims).post(ENROLL, app()).await.expect(201);
        uris.push(begun.text("/totp/uri").replace(&begun.text("/totp/secret"), "<secret>"));
    }
    insta::assert_snapshot!(uris.join("\n"));
}

#[tokio::test]
async fn the_otpauth_uri_has_the_configured_algorithm_and_digits() {
    let world = Plan::with(&[("TOTP_ALGORITHM", "SHA256"), ("TOTP_DIGITS", "8")]).build();
    let begun = world.user("alice").post(ENROLL, app()).await.expect(201);
    assert!(begun.text("/totp/uri").contains("&period=30&digits=8&algorithm=SHA256&"));
}

/// The longest product name made of one letter for which one SMS has room.
fn longest_product(letter: &str) -> String {
    let fits = |product: &str| config::read(|name| (name == "PRODUCT_NAME").then(|| product.to_owned())).is_ok();
    (1..).map(|length| letter.repeat(length)).take_while(|product| fits(product)).last().unwrap()
}

#[tokio::test]
async fn the_longest_names_still_fit_into_a_qr_code() {
    for letter in ["验", "😀", "Ä", "P"] {
        let product = longest_product(letter);
        let world = Plan::with(&[("PRODUCT_NAME", &product), ("TOTP_ALGORITHM", "SHA256")]).build();
        for name in ["验", "😀", "é", "\"", "a"] {
            let alice = world.claiming(&[("sub", "alice"), ("name", &name.repeat(200))]);
            alice.post(ENROLL, app()).await.expect(201);
        }
    }
}

#[tokio::test]
async fn messages_use_the_language_and_platform_of_the_request() {
    let settings = [("PRODUCT_NAME", "Acme"), ("WEB_DOMAIN", "example.com"), ("ANDROID_APP_HASH", "FA+9qCX9VSu")];
    let requests = [
        json!({}),
        json!({"locale": "zh-CN"}),
        json!({"locale": "fr-CH"}),
        json!({"locale": "en", "platform": "web"}),
        json!({"locale": "zh", "platform": "android"}),
    ];
    let mut texts = String::new();
    for mut request in requests {
        for (name, value) in [("factorType", "sms"), ("phoneNumber", "+41791234567")] {
            request[name] = value.into();
        }
        let world = Plan::with(&settings).build();
        world.user("alice").post(ENROLL, request.clone()).await.expect(201);
        texts += &format!("{request}\n{}\n\n", world.postbox.sent()[0].text);
    }
    let world = Plan::with(&settings).build();
    let request = json!({"factorType": "email", "email": "alice@example.com", "locale": "zh-Hans"});
    world.user("alice").post(ENROLL, request.clone()).await.expect(201);
    texts += &format!("{request}\n{}", world.postbox.sent()[0].text);
    insta::assert_snapshot!(texts);
}

#[tokio::test]
async fn the_accept_language_header_applies_without_a_locale() {
    for (locale, in_chinese) in [(None, true), (Some("en"), false)] {
        let world = World::new();
        let alice = world.user("alice");
        let request = alice.request("POST", ENROLL).header("accept-language", "fr, zh-CN;q=0.5");
        let body = json!({"factorType": "sms", "phoneNumber": "+41791234567", "locale": locale}).to_string();
        world.send(request.body(body.into()).unwrap()).await.expect(201);
        assert_eq!(world.postbox.sent()[0].text.contains("验证码"), in_chinese, "{locale:?}");
    }
}

#[tokio::test]
async fn a_type_that_is_none_is_answered_with_those_that_are_set_up() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    log.post("a voice", &alice, ENROLL, json!({"factorType": "voice"})).await;
    insta::assert_snapshot!(log.text());
    for (settings, offered) in [
        (&[][..], "must be totp, sms, email or passkey"),
        (&[("ALLOWED_COUNTRIES", "")], "must be totp, email or passkey"),
        (&[("RP_ID", ""), ("RP_ORIGINS", "")], "must be totp, sms or email"),
    ] {
        let world = Plan::with(settings).build();
        for (path, body) in [
            (ENROLL, json!({"factorType": "webauthn"})),
            ("/v1/me/challenges", json!({"factorType": "phone"})),
            ("/v1/me/verify", json!({"factorType": "SMS", "code": "123456"})),
        ] {
            let reply = world.user("alice").post(path, body).await.expect(400);
            assert_eq!(reply.text("/errors/0/problem"), offered, "{path}");
        }
    }
    let nothing = Plan::with(&[]).build();
    nothing.postbox.fate(Fate::NotConfigured);
    let reply = nothing.user("alice").post(ENROLL, json!({"factorType": "voice"})).await.expect(400);
    assert_eq!(reply.text("/errors/0/problem"), "must be totp or passkey");
}

#[tokio::test]
async fn an_unconfigured_channel_is_refused_as_not_configured() {
    let world = World::new();
    let alice = world.user("alice");
    world.postbox.fate(Fate::NotConfigured);
    let mut log = Transcript::default();
    log.post("a number", &alice, ENROLL, phone()).await;
    log.post("an address", &alice, ENROLL, address()).await;
    assert_eq!(world.postbox.calls(), 0);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_invalid_field_is_named_in_the_error() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let requests = [
        ("no fields", json!({})),
        ("a factor of no type", json!({"factorType": null})),
        ("a type that is none", json!({"factorType": "recovery"})),
        ("a type that is a number", json!({"factorType": 1})),
        ("a number that is missing", json!({"factorType": "sms"})),
        ("a number that is a number", json!({"factorType": "sms", "phoneNumber": 41_791_234_567_u64})),
        ("a number that is malformed", json!({"factorType": "sms", "phoneNumber": "call me"})),
        ("a number that nobody has", json!({"factorType": "sms", "phoneNumber": "+41 79 12"})),
        ("an address that is missing", json!({"factorType": "email"})),
        ("an address that is empty", json!({"factorType": "email", "email": "  "})),
        ("an address that is malformed", json!({"factorType": "email", "email": "alice@localhost"})),
        ("an address that is not ASCII", json!({"factorType": "email", "email": "alice@例え.jp"})),
        (
            "an address that is too long",
            json!({"factorType": "email", "email": format!("{}@example.com", "a".repeat(255))}),
        ),
        ("a label that is too long", json!({"factorType": "totp", "label": "l".repeat(65)})),
        ("a label that is not printable", json!({"factorType": "totp", "label": "a\u{7}b"})),
        ("a label that is a list", json!({"factorType": "totp", "label": ["Phone"]})),
        ("a locale that is an object", json!({"factorType": "totp", "locale": {}})),
        ("a platform that is none", json!({"factorType": "totp", "platform": "ios"})),
        ("a code that is a number", json!({"factorType": "totp", "code": 123_456})),
        ("a code of no shape", json!({"factorType": "totp", "code": "12345"})),
    ];
    for (says, request) in requests {
        log.post(says, &alice, ENROLL, request).await;
    }
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_destination_that_cannot_be_served_is_refused() {
    let world = Plan::with(&[("ALLOWED_COUNTRIES", "CH,DE")]).build();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    let landline = json!({"factorType": "sms", "phoneNumber": "+41446681800"});
    log.post("a landline", &alice, ENROLL, landline).await;
    let abroad = json!({"factorType": "sms", "phoneNumber": "+8613800138000"});
    log.post("a country that is not allowed", &alice, ENROLL, abroad).await;
    alice.post(ENROLL, phone()).await.expect(201);
    assert_eq!(world.postbox.sent().len(), 1);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_number_without_a_country_code_is_in_the_default_country() {
    let world = Plan::with(&[("DEFAULT_COUNTRY_CODE", "+41")]).build();
    let begun = world.user("alice").post(ENROLL, json!({"factorType": "sms", "phoneNumber": "079 123 45 67"})).await;
    assert_eq!(begun.expect(201).text("/sentTo"), "+41 *****4567");
    assert_eq!(world.postbox.sent()[0].to, "+41791234567");
}

#[tokio::test]
async fn a_user_sends_to_a_destination_once_a_minute() {
    let world = World::new();
    let (alice, bob) = (world.user("alice"), world.user("bob"));
    let mut log = Transcript::default();
    alice.post(ENROLL, phone()).await.expect(201);
    log.post("at once again", &alice, ENROLL, phone()).await;
    world.pass(59);
    let spelt = json!({"factorType": "sms", "phoneNumber": "0041 (79) 123-45-67"});
    log.post("a second too soon, in another spelling", &alice, ENROLL, spelt.clone()).await;
    log.post("another user does not wait", &bob, ENROLL, spelt).await;
    log.post("but for a minute of their own", &bob, ENROLL, phone()).await;
    bob.post(ENROLL, json!({"factorType": "sms", "phoneNumber": "+41791234568"})).await.expect(201);
    world.pass(1);
    alice.post(ENROLL, phone()).await.expect(201);

    alice.post(ENROLL, address()).await.expect(201);
    let tagged = json!({"factorType": "email", "email": "Alice+2@example.com"});
    log.post("the same mailbox", &alice, ENROLL, tagged).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_destination_is_sent_to_five_times_an_hour() {
    let world = World::new();
    let mut log = Transcript::default();
    for number in 0..5 {
        world.user(&format!("user-{number}")).post(ENROLL, phone()).await.expect(201);
        world.pass(10);
    }
    log.post("the sixth", &world.user("alice"), ENROLL, phone()).await;
    world.pass(3_550);
    log.post("an hour after the first", &world.user("alice"), ENROLL, phone()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_refused_message_can_be_requested_again_at_once() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    world.postbox.fate(Fate::Refused);
    log.post("refused", &alice, ENROLL, phone()).await;
    world.postbox.fate(Fate::Arrives);
    log.post("at once again", &alice, ENROLL, phone()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_message_with_unknown_outcome_keeps_its_charge() {
    let world = World::new();
    let alice = world.user("alice");
    let mut log = Transcript::default();
    world.postbox.fate(Fate::Lost);
    log.post("no answer", &alice, ENROLL, address()).await;
    world.postbox.fate(Fate::Arrives);
    log.post("at once again", &alice, ENROLL, address()).await;
    world.pass(60);
    alice.post(ENROLL, address()).await.expect(201);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn another_factor_needs_a_check_by_this_session() {
    let world = World::new();
    let laptop = world.session("alice", "laptop");
    let mut log = Transcript::default();
    let (secret, ..) = enroll_app(&world.session("alice", "phone"), "Phone").await;
    log.post("a session that passed none", &laptop, ENROLL, address()).await;
    laptop.post(VERIFY, json!({"code": world.next_code(&secret)})).await.expect(200);
    world.pass(599);
    log.post("one that passed one within ten minutes", &laptop, ENROLL, address()).await;
    world.pass(1);
    log.post("one whose check is ten minutes old", &laptop, ENROLL, phone()).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_code_in_the_request_is_as_good_as_a_check() {
    let world = World::new();
    let (secret, _, codes) = enroll_app(&world.session("alice", "phone"), "Phone").await;
    let laptop = world.session("alice", "laptop");
    let mut log = Transcript::default();
    let with = |mut request: Value, code: &str| {
        request["code"] = code.into();
        request
    };
    log.post("a wrong code", &laptop, ENROLL, with(app(), &world.wrong_code(&secret))).await;
    let code = world.next_code(&secret);
    let begun = log.post("the app's code", &laptop, ENROLL, with(address(), &code)).await;
    let body = json!({"enrollmentToken": begun.text("/enrollmentToken"), "code": world.postbox.code()});
    log.post("which is enough for what is begun with it", &laptop, CONFIRM, body).await;

    let tablet = world.session("alice", "tablet");
    log.post("the same code elsewhere", &tablet, ENROLL, with(phone(), &code)).await;
    log.post("a recovery code", &tablet, ENROLL, with(phone(), &codes[0])).await;
    let desktop = world.session("alice", "desktop");
    log.post("the same recovery code elsewhere", &desktop, ENROLL, with(app(), &codes[0])).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_code_in_the_request_is_ambiguous_with_two_apps_and_refused() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice, "Phone").await;
    let (secret, ..) = enroll_app(&alice, "Tablet").await;
    let mut request = address();
    request["code"] = world.next_code(&secret).into();
    let mut log = Transcript::default();
    log.post("a code", &world.session("alice", "laptop"), ENROLL, request).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn an_enrolled_factor_cannot_be_enrolled_again() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_app(&alice, "Phone").await;
    enroll_phone(&alice, "+41791234567").await;
    enroll_email(&alice, "alice@example.com").await;
    world.pass(60);
    let sent = world.postbox.calls();
    let mut log = Transcript::default();
    let requests = [
        ("an app with the same label", json!({"factorType": "totp", "label": " Phone "})),
        ("the same number, spelt otherwise", json!({"factorType": "sms", "phoneNumber": "0041 79 123 45 67"})),
        ("the same address, spelt otherwise", json!({"factorType": "email", "email": "ALICE@example.com"})),
        ("the same mailbox", json!({"factorType": "email", "email": "alice+tag@example.com"})),
    ];
    for (says, request) in requests {
        log.post(says, &alice, ENROLL, request).await;
    }
    assert_eq!(world.postbox.calls(), sent, "nothing is sent");
    alice.post(ENROLL, json!({"factorType": "totp", "label": "Tablet"})).await.expect(201);
    alice.post(ENROLL, json!({"factorType": "sms", "phoneNumber": "+41791234568"})).await.expect(201);
    alice.post(ENROLL, json!({"factorType": "email", "email": "alice2@example.com"})).await.expect(201);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn a_factor_beyond_max_factors_is_refused() {
    let world = Plan::with(&[("MAX_FACTORS", "1")]).build();
    let alice = world.user("alice");
    enroll_app(&alice, "Phone").await;
    let mut log = Transcript::default();
    log.post("one more", &alice, ENROLL, address()).await;
    assert_eq!(world.postbox.calls(), 0);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn by_default_an_account_has_room_for_32_factors() {
    let world = World::new();
    let alice = world.user("alice");
    for number in 1..=32 {
        let (secret, id, _) = enroll_app(&alice, &format!("App {number}")).await;
        // A further enrolment does not count as a check, so the session passes one every ten minutes.
        if number % 8 == 0 {
            let check = json!({"factorId": id, "code": world.next_code(&secret)});
            alice.post("/v1/me/verify", check).await.expect(200);
        }
    }
    let refused = alice.post(ENROLL, json!({"factorType": "totp", "label": "App 33"})).await;
    assert_eq!(refused.outcome(), (409, "too_many_factors".to_owned()));
}

/// Gives five wrong codes for an enrolment.
async fn five_wrong_codes(client: &Client, token: &str, wrong: &str) {
    for _ in 0..5 {
        client.post(CONFIRM, json!({"enrollmentToken": token, "code": wrong})).await.expect(400);
    }
}

#[tokio::test]
async fn five_wrong_codes_stop_new_messages_for_a_quarter_of_an_hour() {
    let world = World::new();
    let alice = world.user("alice");
    let token = alice.post(ENROLL, phone()).await.expect(201).text("/enrollmentToken");
    five_wrong_codes(&alice, &token, &world.postbox.wrong_code()).await;
    world.pass(60);
    let mut log = Transcript::default();
    log.post("another number", &alice, ENROLL, json!({"factorType": "sms", "phoneNumber": "+41791234568"})).await;
    alice.post(ENROLL, address()).await.expect(201);
    world.pass(15 * 60 - 60);
    alice.post(ENROLL, phone()).await.expect(201);
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn five_wrong_codes_of_an_app_do_not_stop_a_new_one() {
    let world = World::new();
    let alice = world.user("alice");
    let begun = alice.post(ENROLL, app()).await.expect(201);
    five_wrong_codes(&alice, &begun.text("/enrollmentToken"), &world.wrong_code(&begun.text("/totp/secret"))).await;
    enroll_app(&alice, "Phone").await;
}

#[tokio::test]
async fn a_strangers_messages_do_not_stop_a_challenge() {
    let world = World::new();
    let alice = world.user("alice");
    enroll_phone(&alice, "+41791234567").await;
    world.pass(60);
    world.user("mallory").post(ENROLL, phone()).await.expect(201);
    alice.post(CHALLENGES, json!({})).await.expect(201);
}
