//! Refusals before a flow begins, in every dialect: callers without a valid identity, bodies that are no JSON object or
//! too large, and requests while the keys are away: one table of dialects, and one reviewed transcript for each. An
//! internal failure is here too. The tests of each error's answer in each dialect are in `http::edge`.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign::http::MAX_BYTES;
use countersign::http::caller::Identity;
use countersign::http::routes::{Method, Route, routes};
use countersign::store::{Commit, Key, Store, StoreError, Stored};
use serde_json::{Value, json};

use crate::bodies::given::well_meant;
use crate::bodies::shape::status_of;
use crate::rig::{Client, Plan, Reply, TestKeys, Transcript, World, routes_with_identity};

/// A dialect, with a route for each kind of refusal.
struct Dialect {
    name: &'static str,
    /// A route that passes for a new user, without a body.
    open: (&'static str, &'static str),
    /// A route whose body has a required field.
    with_body: (&'static str, &'static str),
    /// The status of a body of another media type. GenAuth and the profile page have no 415.
    not_json: u16,
}

const DIALECTS: [Dialect; 4] = [
    Dialect { name: "native", open: ("GET", "/v1/me/factors"), with_body: ("POST", "/v1/me/verify"), not_json: 415 },
    Dialect {
        name: "genauth",
        open: ("GET", "/api/v3/list-enrolled-factors"),
        with_body: ("POST", "/api/v3/mfa-totp-verify"),
        not_json: 400,
    },
    Dialect {
        name: "logto",
        open: ("POST", "/api/experience/verification/totp/secret"),
        with_body: ("POST", "/api/experience/verification/totp/verify"),
        not_json: 415,
    },
    Dialect {
        name: "profile",
        open: ("POST", "/profile/two-fa"),
        with_body: ("PATCH", "/profile/two-fa"),
        not_json: 400,
    },
];

#[test]
fn the_table_of_refusals_covers_every_dialect() {
    let tested: BTreeSet<_> = DIALECTS.iter().map(|dialect| dialect.name).collect();
    assert_eq!(tested, routes_with_identity().iter().map(|route| route.dialect.name).collect());
}

#[tokio::test]
async fn the_native_dialect_refuses_requests_without_identity_json_or_keys() {
    refuses("native").await;
}

#[tokio::test]
async fn the_genauth_dialect_refuses_requests_without_identity_json_or_keys() {
    refuses("genauth").await;
}

#[tokio::test]
async fn the_logto_dialect_refuses_requests_without_identity_json_or_keys() {
    refuses("logto").await;
}

#[tokio::test]
async fn the_profile_dialect_refuses_requests_without_identity_json_or_keys() {
    refuses("profile").await;
}

/// Makes every refused request in a dialect. The statuses are in the tables below, the bodies in the snapshot.
async fn refuses(name: &str) {
    let dialect = DIALECTS.iter().find(|dialect| dialect.name == name).unwrap();
    let mut log = Transcript::default();
    callers(dialect, &mut log).await;
    bodies(dialect, &mut log).await;
    keys(dialect, &mut log).await;
    insta::assert_snapshot!(name, log.text());
}

/// The row of the route table.
fn row((method, path): (&str, &str)) -> Route {
    let is_meant = |route: &Route| route.method.as_str() == method && route.path == path;
    routes().into_iter().find(is_meant).unwrap_or_else(|| panic!("{method} {path} is no route"))
}

async fn callers(dialect: &Dialect, log: &mut Transcript) {
    let world = World::new();
    let (method, path) = dialect.open;
    for (says, client, status) in [
        ("no identity", world.nobody(), 401),
        ("the back end, on a user's route", Client::new(&world, Some(Identity::BackEnd)), 401),
        ("a token without a subject", world.claiming(&[("email", "alice@example.com")]), 401),
        ("a token with an empty subject", world.claiming(&[("sub", "")]), 401),
        ("a subject that is no user id", world.claiming(&[("sub", "alice/../bob")]), 400),
    ] {
        let reply = log.step(says, &client, method, path, Value::Null).await;
        assert_eq!(status_of(&row(dialect.open), &reply), status, "{}: {says}", dialect.name);
    }
}

async fn bodies(dialect: &Dialect, log: &mut Transcript) {
    let alice = World::new().user("alice");
    let (method, path) = dialect.with_body;
    let (json, form) = (Some("application/json"), Some("application/x-www-form-urlencoded"));
    for (says, content_type, body, status) in [
        ("a form", form, "code=123456".to_owned(), dialect.not_json),
        ("JSON as plain text", Some("text/plain"), r#"{"code":"123456"}"#.to_owned(), dialect.not_json),
        ("no JSON", json, "code".to_owned(), 400),
        ("a list", json, "[]".to_owned(), 400),
        ("a string", json, "\"code\"".to_owned(), 400),
        ("null", json, "null".to_owned(), 400),
        ("a byte over 256 KiB", json, " ".repeat(MAX_BYTES + 1), 413),
    ] {
        let reply = alice.send(method, path, content_type, body).await;
        log.note(says, method, path, &reply);
        assert_eq!(status_of(&row(dialect.with_body), &reply), status, "{}: {says}", dialect.name);
    }
    // These bodies are read: the error is the missing field.
    for (says, content_type, body) in [
        ("an empty body with the type of a form", form, String::new()),
        ("an object without a content type", None, "{}".to_owned()),
        ("an object of 256 KiB", json, "{}".to_owned() + &" ".repeat(MAX_BYTES - 2)),
    ] {
        let reply = alice.send(method, path, content_type, body).await;
        log.note(says, method, path, &reply);
        assert_eq!(status_of(&row(dialect.with_body), &reply), 400, "{}: {says}", dialect.name);
        let text = String::from_utf8_lossy(&reply.bytes);
        assert!(text.contains("is missing"), "{}: {says}: {text}", dialect.name);
    }
}

async fn keys(dialect: &Dialect, log: &mut Transcript) {
    let world = Plan { keys: TestKeys::failing(1), ..Plan::with(&[]) }.build();
    let alice = world.user("alice");
    let (method, path) = dialect.open;
    let busy = log.step("the keys are away", &alice, method, path, Value::Null).await;
    assert_eq!((status_of(&row(dialect.open), &busy), busy.retry_after()), (503, Some(1)), "{}", dialect.name);
    let passed = log.step("the keys are back", &alice, method, path, Value::Null).await;
    assert!((200..300).contains(&status_of(&row(dialect.open), &passed)), "{}: {}", dialect.name, passed.json());
}

#[tokio::test]
async fn the_user_id_comes_from_the_configured_claim() {
    let world = Plan::with(&[("USER_ID_CLAIM", "oid")]).build();
    world.claiming(&[("oid", "alice")]).get("/v1/me/factors").await.expect(200);
    world.claiming(&[("sub", "alice")]).get("/v1/me/factors").await.expect(401);
}

#[tokio::test]
async fn an_unknown_path_or_method_is_answered_like_the_gateway() {
    let alice = World::new().user("alice");
    for (method, path) in [("GET", "/v1/me"), ("PUT", "/v1/me/factors"), ("GET", "/v1/me/factors/")] {
        let reply = alice.call(method, path, Value::Null).await.expect(404);
        assert_eq!(reply.json(), json!({"message": "Not Found"}), "{method} {path}");
    }
}

#[tokio::test]
async fn a_field_that_is_none_of_the_request_is_refused_by_its_name() {
    let world = World::new();
    let mut log = Transcript::default();
    let mut seen = 0;
    for route in
        routes_with_identity().into_iter().filter(|route| route.dialect.name == "native" && route.method != Method::Get)
    {
        let client = world.caller(&route, "alice");
        let path = route.path.replace("/v1/users/{userId}", "/v1/me").replace("{id}", "aaaaaaaaaaaaaaaa");
        let known = well_meant(&route).into_iter().next().unwrap_or_else(|| json!({}));
        for (name, value) in [("phone", json!("+41791234567")), ("amount", Value::Null), ("Code", json!("123456"))] {
            let mut body = known.clone();
            body[name] = value;
            let reply = client.call(route.method.as_str(), &path, body).await.expect(400);
            let problem = json!([{"field": name, "problem": "is not a field of this request"}]);
            assert_eq!((reply.outcome().1.as_str(), &reply.json()["errors"]), ("invalid_request", &problem), "{path}");
            seen += 1;
        }
    }
    assert_eq!(seen, 20 * 3, "routes that take a body");
    assert_eq!(world.postbox.calls(), 0);
    let alice = world.user("alice");
    let several = json!({"factortype": "totp", "label": "Phone", "x": 1, "y": 2});
    log.post("several at once", &alice, "/v1/me/enrollments", several).await;
    let value = json!({"factorType": "totp", "123456": ""});
    log.post("a value in the place of a name", &alice, "/v1/me/enrollments", value).await;
    insta::assert_snapshot!(log.text());
}

#[tokio::test]
async fn the_other_dialects_ignore_what_they_do_not_know() {
    let world = World::new();
    let alice = world.user("alice");
    for (method, path, body) in [
        ("POST", "/api/v3/send-enroll-factor-request", json!({"factorType": "OTP", "phone": 1})),
        ("POST", "/api/experience/verification/totp/secret", json!({"phone": 1})),
        ("POST", "/profile/two-fa", json!({"phone": 1})),
    ] {
        let reply = alice.call(method, path, body).await;
        assert!(reply.status.is_success() && !reply.json().to_string().contains("not valid"), "{path}");
    }
}

/// Makes every valid kind of request to a route.
async fn ask(client: &Client, route: &Route) -> Vec<(u16, Reply)> {
    let mut bodies = if route.method.as_str() == "GET" { Vec::new() } else { well_meant(route) };
    if bodies.is_empty() {
        bodies.push(Value::Null);
    }
    // A kind of factor that is not configured is refused before keys and store are used.
    bodies.retain(|body| body["factorType"] != "FACE");
    let path = route.path.replace("{userId}", "alice").replace("{id}", "aaaaaaaaaaaaaaaa");
    let path = if path.contains("get-factor") { path + "?factorId=aaaaaaaaaaaaaaaa" } else { path };
    let mut replies = Vec::new();
    for body in bodies {
        let reply = client.call(route.method.as_str(), &path, body).await;
        replies.push((status_of(route, &reply), reply));
    }
    replies
}

/// A store that rejects every call.
struct Rejecting;

#[async_trait::async_trait]
impl Store for Rejecting {
    async fn get(&self, _: &Key) -> Result<Option<Stored>, StoreError> {
        Err(StoreError::Rejected("ResourceNotFoundException"))
    }

    async fn commit(&self, _: &Commit) -> Result<(), StoreError> {
        Err(StoreError::Rejected("ResourceNotFoundException"))
    }
}

#[tokio::test]
async fn an_internal_error_is_500_in_every_dialect_without_internal_details() {
    let world = World::on(Arc::new(Rejecting));
    for route in routes_with_identity() {
        for (status, reply) in ask(&world.caller(&route, "alice"), &route).await {
            let said = String::from_utf8_lossy(&reply.bytes);
            assert_eq!(status, 500, "{}: {said}", route.path);
            assert!(said.contains("Something went wrong."), "{}: {said}", route.path);
            for inside in ["store", "reject", "ResourceNotFound"] {
                assert!(!said.contains(inside), "{}: {said}", route.path);
            }
            assert_eq!(reply.retry_after(), None, "waiting does not help");
        }
    }
}
