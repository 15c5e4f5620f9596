//! T37: any body, of any size, in any encoding, gets an answer in the dialect, and none is a crash. No error repeats what
//! was sent.

use axum::body::Bytes;
use countersign::http::MAX_BYTES;
use countersign::http::routes::{Access, Method, Route};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::rig::{Client, Reply, World, enroll_app, enroll_email, enroll_phone, routes_with_identity};

pub mod given;
pub mod shape;

use given::{CANARY, changed, fields, hand_picked, values, well_meant};

/// The routes that may be sent a body.
fn routes_with_bodies() -> Vec<Route> {
    routes_with_identity().into_iter().filter(|route| route.method != Method::Get).collect()
}

/// Who calls.
struct Callers {
    world: World,
    /// Each with a factor to name in paths.
    clients: Vec<(Client, String)>,
    /// The same of the back end.
    back_end: Vec<(Client, String)>,
    /// The secret of the one who has an app.
    secret: String,
}

impl Callers {
    /// Somebody without a factor, somebody who may change theirs, and the same in a session that may not; for the back
    /// end somebody who is known, until they are forgotten, and somebody who is not.
    async fn new() -> Self {
        let world = World::new();
        let (bob, alice, laptop) =
            (world.user("bob"), world.session("alice", "phone"), world.session("alice", "laptop"));
        let (secret, id, _) = enroll_app(&alice, "Phone").await;
        enroll_phone(&alice, "+41791234567").await;
        enroll_email(&alice, "alice@example.com").await;
        // Who may remove hers names another, so that there always is one.
        let clients = vec![(bob, id.clone()), (alice, "aaaaaaaaaaaaaaaa".to_owned()), (laptop, id)];
        let (known, unknown) = (world.back_end("dora"), world.back_end("nobody"));
        let (_, id, _) = enroll_app(&known, "Phone").await;
        let back_end = vec![(known, "aaaaaaaaaaaaaaaa".to_owned()), (unknown, id)];
        Self { world, clients, back_end, secret }
    }

    /// Time passes, so that limits don't hide what comes after them, and who may change her factors still may.
    async fn go_on(&self) {
        self.world.pass(20 * 60);
        let code = self.world.next_code(&self.secret);
        self.clients[1].0.post("/v1/me/verify", json!({"code": code})).await.expect(200);
    }

    /// Sends a body to a route as each of them, and checks what comes of it.
    async fn send(&self, route: &Route, content_type: Option<&str>, body: &Bytes) -> Vec<(u16, Reply)> {
        let mut replies = Vec::new();
        let clients = match route.access {
            Access::User | Access::Public | Access::Hosted => &self.clients,
            Access::BackEnd => &self.back_end,
        };
        for (client, id) in clients {
            let path = route.path.replace("/v1/users/{userId}", "/v1/me").replace("{id}", id);
            let reply = client.send(route.method.as_str(), &path, content_type, body.clone()).await;
            let status = shape::status_of(route, &reply);
            assert_ne!(status, 500, "{path}: {:?}", String::from_utf8_lossy(body));
            if status >= 400 {
                let said = String::from_utf8_lossy(&reply.bytes);
                assert!(!said.contains(CANARY), "{path}: {said}");
                assert!(!format!("{:?}", reply.headers).contains(CANARY), "{path}: {:?}", reply.headers);
            }
            replies.push((status, reply));
        }
        replies
    }

    async fn send_json(&self, route: &Route, body: &Value) -> Vec<(u16, Reply)> {
        self.send(route, Some("application/json"), &Bytes::from(body.to_string())).await
    }
}

#[tokio::test]
async fn a_well_formed_body_is_never_refused_as_malformed() {
    let callers = Callers::new().await;
    for route in routes_with_bodies() {
        for body in well_meant(&route) {
            callers.go_on().await;
            for (status, reply) in callers.send_json(&route, &body).await {
                let said = String::from_utf8_lossy(&reply.bytes);
                assert!(![413, 415].contains(&status), "{} {body}: {said}", route.path);
                assert!(!said.contains("is not valid"), "{} {body}: {said}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn malformed_bodies_that_broke_other_services_are_answered_t37() {
    let callers = Callers::new().await;
    for body in hand_picked() {
        callers.go_on().await;
        for route in routes_with_bodies() {
            callers.send(&route, Some("application/json"), &body).await;
        }
    }
}

#[tokio::test]
async fn only_json_content_types_are_accepted_on_every_route_t37() {
    let callers = Callers::new().await;
    let types = [
        ("application/json", true),
        ("application/json;", true),
        ("application/json ; charset=utf-16", true),
        ("APPLICATION/JSON", true),
        ("", false),
        ("json", false),
        ("text/plain", false),
        ("text/json", false),
        ("multipart/form-data; boundary=x", false),
        ("application/x-www-form-urlencoded", false),
        ("application/jsonp", false),
        ("application/problem+json", false),
        ("application/json, text/html", false),
        (";", false),
        ("\u{e4}/json", false),
    ];
    for route in routes_with_bodies() {
        for body in well_meant(&route) {
            for (content_type, is_json) in types {
                callers.go_on().await;
                for (status, reply) in callers.send(&route, Some(content_type), &Bytes::from(body.to_string())).await {
                    let said = String::from_utf8_lossy(&reply.bytes);
                    let refused = said.contains("must be application/json");
                    assert_eq!(refused, !is_json, "{} {content_type}: {said}", route.path);
                    // GenAuth and the profile page have no 415.
                    assert!(!refused || [400, 415].contains(&status), "{} {content_type}: {said}", route.path);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_field_with_any_json_value_is_answered_in_the_dialect_t37() {
    let callers = Callers::new().await;
    for route in routes_with_bodies() {
        for body in well_meant(&route) {
            for field in fields(&body) {
                callers.go_on().await;
                for value in values() {
                    callers.send_json(&route, &changed(&body, &field, value)).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_body_over_256_kib_is_answered_with_413_in_every_dialect_t37() {
    let callers = Callers::new().await;
    for length in [MAX_BYTES + 1, 300 * 1024, 2 * 1024 * 1024] {
        let start = format!("{{\"code\":\"{CANARY}");
        let body = Bytes::from(start.clone() + &"x".repeat(length - start.len() - 2) + "\"}");
        assert_eq!(body.len(), length);
        for route in routes_with_bodies() {
            for (status, _) in callers.send(&route, Some("application/json"), &body).await {
                assert_eq!(status, 413, "{}", route.path);
            }
        }
    }
}

#[tokio::test]
async fn a_code_that_is_not_a_json_string_is_refused_on_every_route_t02() {
    let callers = Callers::new().await;
    let is_code = |field: &String| ["/code", "/totp", "/enrollmentData/passCode"].contains(&field.as_str());
    let mut seen = 0;
    for route in routes_with_bodies() {
        // A face has no code.
        for body in well_meant(&route).into_iter().filter(|body| body["factorType"] != "FACE") {
            for field in fields(&body).into_iter().filter(is_code) {
                seen += 1;
                for code in
                    [json!(12345), json!(123_456), json!(123_456.0), json!(["123456"]), json!({"code": "123456"})]
                {
                    callers.go_on().await;
                    for (status, reply) in callers.send_json(&route, &changed(&body, &field, code)).await {
                        let said = String::from_utf8_lossy(&reply.bytes);
                        assert_eq!(status, 400, "{}: {said}", route.path);
                        assert!(said.contains("must be a string"), "{}: {said}", route.path);
                    }
                }
            }
        }
    }
    assert_eq!(seen, 30, "fields that are codes");
}

/// Texts that come close to being what they should be.
fn any_text() -> impl Strategy<Value = String> {
    let words = ["totp", "sms", "email", "face", "OTP", "SMS", "EMAIL", "Totp", "WebAuthn", "web", "android", "123456"];
    let text = prop_oneof![
        any::<String>(),
        prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        "[0-9]{0,12}",
        "[a-f0-9-]{16,30}",
        "\\+[0-9 ]{0,16}",
        "[ecv][nglp]\\.(totp|sms|email|[a-z2-7]{16})?\\.[A-Za-z0-9_-]{22}",
        "[a-z.+]{1,12}@[a-z.-]{1,20}",
    ];
    (text, any::<bool>()).prop_map(|(text, sings)| if sings { text + CANARY } else { text })
}

/// JSON of any kind, with these names in it.
fn any_json(names: Vec<String>) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    let name = prop_oneof![4 => prop::sample::select(names), 1 => any::<String>()];
    leaf.prop_recursive(4, 48, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|named| Value::Object(named.into_iter().collect())),
        ]
    })
}

/// A body for a route: bytes, JSON, what is meant well with some fields changed, or that with a bit that fell over.
fn any_body(route: &Route) -> BoxedStrategy<Bytes> {
    let mut meant = well_meant(route);
    meant.push(json!({"code": "123456"}));
    let names: Vec<_> =
        meant.iter().flat_map(fields).map(|field| field.rsplit('/').next().unwrap().to_owned()).collect();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any_text().prop_map(Value::from)), 0..4);
    let change = (prop::sample::select(meant), changes)
        .prop_map(|(body, changes)| {
            changes.into_iter().fold(body, |body, (index, value)| {
                let fields = fields(&body);
                changed(&body, index.get(fields.as_slice()).as_str(), value)
            })
        })
        .boxed();
    let bit = (change.clone(), any::<prop::sample::Index>(), 0_u8..8).prop_map(|(body, index, bit)| {
        let mut bytes = body.to_string().into_bytes();
        let position = index.index(bytes.len());
        bytes[position] ^= 1 << bit;
        Bytes::from(bytes)
    });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from),
        any_json(names).prop_map(|json| Bytes::from(json.to_string())),
        change.prop_map(|body| Bytes::from(body.to_string())),
        bit,
    ]
    .boxed()
}

#[test]
fn any_random_body_is_answered_in_the_dialect_t37() {
    let runtime = Runtime::new().unwrap();
    let callers = runtime.block_on(Callers::new());
    let content_type = prop_oneof![
        6 => Just(Some("application/json".to_owned())),
        1 => Just(None),
        1 => "[ -~]{0,30}".prop_map(Some),
    ];
    let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
    for route in routes_with_bodies() {
        proptest!(config.clone(), |(content_type in content_type.clone(), body in any_body(&route))| {
            runtime.block_on(callers.go_on());
            runtime.block_on(callers.send(&route, content_type.as_deref(), &body));
        });
    }
}
