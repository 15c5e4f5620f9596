//! T39: who calls is who the authorizer says, and nobody else.

use countersign::domain::token::Dialect;
use countersign::http::routes::routes;
use serde_json::{Value, json};

use super::{Answer, enrol_app, event, every_function, name_of, of_user, run, with_body};
use crate::rig::World;

/// Refused as unauthorized, in the dialect's own words.
#[track_caller]
fn assert_unauthorized(dialect: Dialect, name: &str, answer: &Answer) {
    let (status, code) = match dialect {
        Dialect::Native => (401, "unauthorized"),
        Dialect::Genauth => (401, "2020"),
        Dialect::Logto => (401, "auth.unauthorized"),
        Dialect::Profile => (401, ""),
    };
    assert_eq!(answer.outcome(), (status, code.to_owned()), "{name}: {answer:?}");
    let own = match dialect {
        Dialect::Native => "requestId",
        Dialect::Genauth => "statusCode",
        Dialect::Logto => "message",
        Dialect::Profile => "data",
    };
    assert!(answer.json().get(own).is_some(), "{name}: {answer:?}");
}

#[tokio::test]
async fn t39_without_a_users_identity_every_route_answers_401_in_its_dialect() {
    let iam = json!({
        "accessKey": "ASIAEXAMPLE", "accountId": "123456789012", "callerId": "AROAEXAMPLE:session",
        "userArn": "arn:aws:sts::123456789012:assumed-role/back-end/session", "userId": "AROAEXAMPLE:session",
    });
    let authorizers = [
        Value::Null,
        json!({}),
        // The application's back end has no business on a user's routes.
        json!({"iam": iam}),
        json!({"iam": {}}),
        // An authorizer that is not ours.
        json!({"lambda": {"sub": "alice", "principalId": "alice", "claims": {"sub": "alice"}}}),
        json!({"jwt": {}}),
        json!({"jwt": {"claims": null, "scopes": null}}),
        json!({"jwt": {"claims": {}, "scopes": []}}),
        // A token of a machine: it names no user.
        json!({"jwt": {"claims": {"iss": "https://issuer.example", "client_id": "app"}}}),
        json!({"jwt": {"claims": {"sub": ""}}}),
    ];
    let world = World::new();
    for route in routes() {
        let name = name_of(&route);
        for authorizer in &authorizers {
            let mut event = event(&name);
            event["requestContext"]["authorizer"] = authorizer.clone();
            assert_unauthorized(route.dialect, &name, &run(&every_function(&world), &event).await);
        }
        let mut event = event(&name);
        event["requestContext"].as_object_mut().unwrap().remove("authorizer");
        assert_unauthorized(route.dialect, &name, &run(&every_function(&world), &event).await);
    }
    assert_eq!(world.postbox.calls(), 0);
}

#[tokio::test]
async fn t39_a_user_id_that_is_none_is_refused() {
    let world = World::new();
    for sub in ["a b", "alice#bob", "alice/bob", "älice", "alice\n", "\0", "[alice bob]", &"a".repeat(129)] {
        let answer = run(&every_function(&world), &of_user(event("native-get-factors"), sub)).await;
        assert_eq!(answer.outcome(), (400, "invalid_request".to_owned()), "{sub:?}: {answer:?}");
    }
    for sub in ["alice@example.com", "auth0|5f7c8ec7c33c6c004bbafe82", "a", &"a".repeat(128)] {
        assert_eq!(run(&every_function(&world), &of_user(event("native-get-factors"), sub)).await.status, 200);
    }
}

#[tokio::test]
async fn t39_no_header_query_or_body_names_another_user() {
    let world = World::new();
    enrol_app(&world, "alice").await;
    let router = every_function(&world);
    let factors = |event: Value| {
        let router = router.clone();
        async move { run(&router, &event).await.json()["factors"].as_array().unwrap().len() }
    };
    assert_eq!(factors(event("native-get-factors")).await, 1, "alice has one");

    let mut bobs = of_user(event("native-get-factors"), "bob");
    let headers = ["sub", "x-user-id", "x-user", "x-amzn-oidc-identity", "x-countersign-user", "x-forwarded-user"];
    for header in headers {
        bobs["headers"][header] = "alice".into();
    }
    // The token of the header is the authorizer's business alone. This one says that its subject is alice.
    let claims = data_encoding::BASE64URL_NOPAD.encode(br#"{"iss":"https://issuer.example","sub":"alice"}"#);
    bobs["headers"]["authorization"] = format!("Bearer eyJhbGciOiJub25lIn0.{claims}.").into();
    bobs["headers"]["x-amzn-oidc-data"] = format!("eyJhbGciOiJub25lIn0.{claims}.").into();
    bobs["rawQueryString"] = "sub=alice&userId=alice&user=alice".into();
    bobs["queryStringParameters"] = json!({"sub": "alice", "userId": "alice"});
    bobs["pathParameters"] = json!({"userId": "alice", "sub": "alice"});
    bobs["stageVariables"] = json!({"sub": "alice"});
    bobs["requestContext"]["authorizer"]["lambda"] = json!({"sub": "alice"});
    assert_eq!(factors(bobs).await, 0, "bob has none");

    let body = json!({"factorType": "totp", "sub": "alice", "userId": "alice", "user": {"id": "alice"}});
    let begun = run(&router, &with_body(of_user(event("native-post-enrollments"), "bob"), &body)).await;
    assert!(begun.json()["totp"]["uri"].as_str().unwrap().contains("Alice%20Example"), "the name is the token's claim");
    let list = of_user(event("native-get-factors"), "bob");
    let confirm = json!({
        "enrollmentToken": begun.json()["enrollmentToken"], "userId": "alice",
        "code": world.next_code(begun.json()["totp"]["secret"].as_str().unwrap()),
    });
    let confirmed = run(&router, &with_body(of_user(event("native-post-enrollments-confirm"), "bob"), &confirm)).await;
    assert_eq!(confirmed.status, 201, "{confirmed:?}");
    assert_eq!((factors(list).await, factors(event("native-get-factors")).await), (1, 1));
}
