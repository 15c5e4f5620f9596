//! T39: the route that runs is the route that the authorizer allowed.

use serde_json::{Value, json};

use super::{enroll_app, event, every_function, run, with_body};
use crate::rig::World;

/// The event with a path that differs from its route.
fn with_path(mut event: Value, path: &str) -> Value {
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event
}

/// Paths that a parser could change.
const PATHS: [&str; 30] = [
    "/v1/me/factors/../recovery-codes",
    "/v1/me/factors/../../users/victim/factors",
    "/v1/me/factors/../../../profile/two-fa",
    "/v1/me/factors/%2e%2e/recovery-codes",
    "/v1/me/factors/%2E%2E%2Frecovery-codes",
    "/v1/me/factors/..%2f..%2fv1/me/verify",
    "/v1/me/factors/..;/recovery-codes",
    "/v1/me/factors\\..\\recovery-codes",
    "/v1/me/recovery-codes#/v1/me/factors",
    "/v1/me/factors#/../recovery-codes",
    "/v1/me/recovery-codes?/v1/me/factors",
    "/v1/me/factors?id=1",
    "//v1/me/factors",
    "//evil.example/v1/me/recovery-codes",
    "/v1//me/factors",
    "/v1/me/factors/",
    "/v1/me/factors//",
    "/base/v1/me/factors",
    "/prod/v1/me/factors",
    "/$default/v1/me/factors",
    "/v1/me/recovery-codes",
    "/v1/users/victim/factors",
    "/V1/ME/FACTORS",
    "v1/me/factors",
    "http://evil.example/v1/me/recovery-codes",
    "/v1/me/fac\ntors",
    "/v1/me/factors\0",
    "/v1/me/größe",
    "*",
    "",
];

#[tokio::test]
async fn the_route_key_and_not_the_path_selects_the_handler_t39() {
    let world = World::new();
    let router = every_function(&world);
    let (_, id) = enroll_app(&world, "alice").await;
    let listed = run(&router, &event("native-get-factors")).await.body;
    assert!(listed.contains(&id));
    let long = format!("/v1/me/{}", "factors/".repeat(2000));
    for path in PATHS.into_iter().chain([long.as_str()]) {
        for stage in ["$default", "prod", "v1", "..", "a b", ""] {
            let mut event = with_path(event("native-get-factors"), path);
            event["requestContext"]["stage"] = stage.into();
            let answer = run(&router, &event).await;
            assert_eq!((answer.status, &answer.body), (200, &listed), "{path:?} at stage {stage:?}");
        }
    }
    let mut without = event("native-get-factors");
    without.as_object_mut().unwrap().remove("rawPath");
    without["requestContext"].as_object_mut().unwrap().remove("stage");
    assert_eq!(run(&router, &without).await.body, listed);
}

/// A decoded path parameter stays in its segment.
#[tokio::test]
async fn a_path_parameter_never_leaves_its_segment_t39() {
    let world = World::new();
    let router = every_function(&world);
    let (_, id) = enroll_app(&world, "alice").await;
    let parameters = [
        "../recovery-codes".to_owned(),
        "..".to_owned(),
        ".".to_owned(),
        "../../users/victim/factors/F1".to_owned(),
        "%2e%2e".to_owned(),
        "%2e%2e%2frecovery-codes".to_owned(),
        "%".to_owned(),
        "%zz".to_owned(),
        "a/b".to_owned(),
        format!("{id}/"),
        format!("/{id}"),
        format!("./{id}"),
        format!("x/../{id}"),
        format!("{id}#"),
        format!("{id}?"),
        format!("{id}?code=123456"),
        format!("{id}%00"),
        format!("{id}\0"),
        format!("{id}\n"),
        format!(" {id}"),
        id.to_uppercase(),
        "größe".to_owned(),
        "{id}".to_owned(),
        "*".to_owned(),
        id.repeat(1000),
    ];
    for parameter in &parameters {
        for name in ["native-get-factors-id", "native-patch-factors-id", "native-delete-factors-id"] {
            let mut event = with_path(event(name), &format!("/v1/me/factors/{parameter}"));
            event["pathParameters"]["id"] = parameter.clone().into();
            let answer = run(&router, &event).await;
            // The handler ran and found no such factor: this is not the 404 of an unknown route.
            assert_eq!(answer.outcome(), (404, "not_found".to_owned()), "{name}, {parameter:?}: {answer:?}");
        }
    }
    // The parameter decides, not the path.
    let mut event = with_path(event("native-get-factors-id"), "/v1/me/factors/aaaaaaaaaaaaaaaa");
    event["pathParameters"]["id"] = id.clone().into();
    assert_eq!(run(&router, &event).await.json()["id"], id);
    event["pathParameters"]["id"] = "".into();
    assert!(run(&router, &event).await.is_of_no_route());
}

#[tokio::test]
async fn an_event_without_a_known_route_is_answered_with_404_t39() {
    let world = World::new();
    let router = every_function(&world);
    let keys = [
        "",
        " ",
        "$default",
        "GET",
        "/v1/me/factors",
        "GET/v1/me/factors",
        "GET v1/me/factors",
        "GET  /v1/me/factors",
        "GET /",
        "GET /nowhere",
        "GET /{proxy+}",
        "GET /v1/me/factors/{id}/",
        "GET /v1/me/factors/{name}",
        "GET /v1/me/{id}",
        "GET /v1/users/{userId}",
        "GET /v1/users/{id}/factors",
        "GET /größe",
        "GET /\n",
    ];
    for key in keys {
        let mut event = event("native-get-factors");
        event["routeKey"] = key.into();
        event["requestContext"]["routeKey"] = key.into();
        event["pathParameters"] = json!({"proxy": "v1/me/factors", "userId": "alice"});
        let answer = run(&router, &event).await;
        assert!(answer.is_of_no_route(), "{key:?}: {answer:?}");
    }
    let mut without = event("native-get-factors");
    without.as_object_mut().unwrap().remove("routeKey");
    assert_eq!(run(&router, &without).await.status, 200, "the context has it too");
    without["requestContext"].as_object_mut().unwrap().remove("routeKey");
    assert!(run(&router, &without).await.is_of_no_route());
    let mut without = event("native-get-factors-id");
    without.as_object_mut().unwrap().remove("pathParameters");
    assert!(run(&router, &without).await.is_of_no_route(), "a route whose parameter is missing");
}

#[tokio::test]
async fn the_method_comes_from_the_route_key_alone_t39() {
    let world = World::new();
    let router = every_function(&world);
    let (_, id) = enroll_app(&world, "alice").await;
    for (method, overridden) in [("DELETE", false), ("PATCH", false), ("POST", false), ("GET", true)] {
        let mut event = with_body(event("native-get-factors-id"), &json!({"label": "Renamed"}));
        event["pathParameters"]["id"] = id.clone().into();
        event["requestContext"]["http"]["method"] = method.into();
        if overridden {
            for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
                event["headers"][header] = "DELETE".into();
            }
            event["rawQueryString"] = "_method=DELETE".into();
        }
        run(&router, &event).await;
    }
    let listed = run(&router, &event("native-get-factors")).await.json();
    assert_eq!(listed["factors"][0]["id"], id, "nothing was removed");
    assert_eq!(listed["factors"][0]["label"], "Authenticator app", "nor renamed");
}
