//! T37 at the gateway: any body and any query that an event can hold gets an answer in the dialect.

use countersign::http::routes::routes;
use data_encoding::BASE64;
use serde_json::{Value, json};

use super::{event, every_function, name_of, run};
use crate::rig::World;

const VERIFY: [(&str, &str); 4] = [
    ("native-post-verify", "invalid_request"),
    ("genauth-post-mfa-totp-verify", ""),
    ("logto-post-verification-totp-verify", "guard.invalid_input"),
    ("profile-patch-two-fa", ""),
];

fn in_base64(mut event: Value, body: &str) -> Value {
    event["body"] = body.into();
    event["isBase64Encoded"] = true.into();
    event
}

#[tokio::test]
async fn a_base64_encoded_body_gets_the_same_answer_as_a_plain_one_t37() {
    let world = World::new();
    let router = every_function(&world);
    for route in routes() {
        let name = name_of(&route);
        let plain = event(&name);
        let Some(body) = plain["body"].as_str() else { continue };
        // Replies with a new secret or token differ each time.
        let [once, again] = [plain.clone(), in_base64(plain.clone(), &BASE64.encode(body.as_bytes()))];
        let (once, again) = (run(&router, &once).await, run(&World::new().router, &again).await);
        assert_eq!((once.status, once.outcome()), (again.status, again.outcome()), "{name}");
    }
}

#[tokio::test]
async fn an_invalid_base64_body_is_refused_in_the_dialect_t37() {
    let world = World::new();
    let router = every_function(&world);
    let body = BASE64.encode(br#"{"code":"123456"}"#);
    let bodies = [
        "no base64",
        "====",
        "e",
        "e30",
        "e3=",
        "e30==",
        // Two Base64 texts in a row, which only some decoders accept.
        "e30=e30=",
        "eyJhIjoxfQ==eyJhIjoxfQ==",
        &format!("{body}\n"),
        &body.replace('=', ""),
        "größe",
        "\0",
        "-_-_",
        // Neither UTF-8 nor JSON.
        "//79/A==",
        "AAAA",
    ];
    for (name, code) in VERIFY {
        for body in bodies {
            let answer = run(&router, &in_base64(event(name), body)).await;
            assert_eq!(answer.outcome(), (400, code.to_owned()), "{name}: {body:?}: {answer:?}");
        }
        for body in [Value::Null, "".into()] {
            let mut event = in_base64(event(name), "");
            event["body"] = body;
            let answer = run(&router, &event).await;
            assert_eq!(answer.outcome().0, 400, "{name}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_event_body_over_256_kib_is_answered_with_413_in_the_dialect_t37() {
    let world = World::new();
    let router = every_function(&world);
    let body = |length: usize| {
        let empty = json!({"code": "", "totp": ""}).to_string().len();
        json!({"code": "1".repeat(length - empty), "totp": ""}).to_string()
    };
    let outcomes = [(413, "payload_too_large"), (413, ""), (413, "guard.invalid_input"), (413, "")];
    for ((name, _), (status, code)) in VERIFY.into_iter().zip(outcomes) {
        for (length, is_read) in [(256 * 1024, true), (256 * 1024 + 1, false), (4 * 1024 * 1024, false)] {
            let body = body(length);
            assert_eq!(body.len(), length);
            let mut plain = event(name);
            plain["body"] = body.clone().into();
            for event in [plain, in_base64(event(name), &BASE64.encode(body.as_bytes()))] {
                let answer = run(&router, &event).await;
                match is_read {
                    true => assert_ne!(answer.outcome().0, 413, "{name}: {length}"),
                    false => assert_eq!(answer.outcome(), (status, code.to_owned()), "{name}: {length}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn any_query_string_is_answered_in_the_dialect_t37() {
    let world = World::new();
    let router = every_function(&world);
    let (_, id) = super::enroll_app(&world, "alice").await;
    let found = [
        format!("factorId={id}"),
        format!("x=1&factorId={id}&y"),
        format!("factorId={id}&größe=ü"),
        format!("&&factorId={id}&&="),
        format!("%66actorId={id}"),
        format!("factorId={id}&<script>"),
    ];
    let not_found = [
        format!("factorId={id}+"),
        format!("factorId={id}%00"),
        format!("factorId={id}%"),
        format!("factorId={id}%zz"),
        format!("factorId={id}&factorId=other"),
        "factorId=".to_owned(),
        "factorId=%F0%28%8C%28".to_owned(),
        "factorId=größe".to_owned(),
        format!("factorId={}", "x".repeat(20_000)),
    ];
    let missing = ["", "&", "=", "%", "factorid=x", "factorId[]=x", "?", "#", " ", "\n", "\0", "größe"];
    let missing = missing.into_iter().map(str::to_owned).chain([format!("{id}={id}"), "x".repeat(20_000)]);
    let with_query = |query: &str| {
        let mut event = event("genauth-get-get-factor");
        event["rawQueryString"] = query.into();
        event["queryStringParameters"] = json!({"factorId": "not looked at"});
        event
    };
    for query in &found {
        assert_eq!(run(&router, &with_query(query)).await.json()["data"]["factorId"], id, "{query}");
    }
    for query in &not_found {
        let answer = run(&router, &with_query(query)).await;
        assert_eq!(answer.outcome(), (404, "9008".to_owned()), "{query:?}: {answer:?}");
    }
    for query in missing {
        let answer = run(&router, &with_query(&query)).await;
        assert_eq!(answer.outcome(), (400, String::new()), "{query:?}: {answer:?}");
    }
    // A route without query parameters ignores the query.
    for query in ["%", "#", "?", "a=b&a=c", "größe"] {
        let mut event = event("native-get-factors");
        event["rawQueryString"] = query.into();
        assert_eq!(run(&router, &event).await.status, 200, "{query}");
    }
}

#[tokio::test]
async fn a_compressed_page_reaches_the_browser() {
    let page = run(&every_function(&World::new()), &event("well-known-get-page")).await;
    assert_eq!(page.headers["content-encoding"], "br");
    assert!(page.body.starts_with("<!doctype html>"), "{page:?}");
}
