//! T39: the caller is only the identity that the authorizer found.

use countersign::http::routes::Access;
use serde_json::{Value, json};

use super::{Answer, enroll_app, event, every_function, for_user, name_of, of_user, run, with_body};
use crate::rig::{World, routes_with_identity};

/// Asserts the dialect's answer to an unauthorized request.
#[track_caller]
fn assert_unauthorized(dialect: &str, name: &str, answer: &Answer) {
    let (status, code) = match dialect {
        "native" => (401, "unauthorized"),
        "genauth" => (401, "2020"),
        "logto" => (401, "auth.unauthorized"),
        "profile" => (401, ""),
        other => panic!("the answers of {other} are not known here"),
    };
    assert_eq!(answer.outcome(), (status, code.to_owned()), "{name}: {answer:?}");
    let own = match dialect {
        "native" => "requestId",
        "genauth" => "statusCode",
        "logto" => "message",
        _ => "data",
    };
    assert!(answer.json().get(own).is_some(), "{name}: {answer:?}");
}

#[tokio::test]
async fn every_route_answers_401_without_the_required_identity_t39() {
    let iam = event("users-get-factors")["requestContext"]["authorizer"]["iam"].clone();
    let of_pool = |identity: Value| {
        let mut iam = iam.clone();
        iam["cognitoIdentity"] = identity;
        json!({"iam": iam})
    };
    let authorizers = [
        Value::Null,
        json!({}),
        json!({"iam": null}),
        json!({"iam": {}}),
        // An end user or a guest, with credentials of an identity pool.
        of_pool(json!({"amr": ["authenticated"], "identityId": "eu-central-1:1", "identityPoolId": "eu-central-1:2"})),
        of_pool(
            json!({"amr": ["unauthenticated"], "identityId": "eu-central-1:1", "identityPoolId": "eu-central-1:2"}),
        ),
        // A Lambda authorizer, which the template does not have.
        json!({"lambda": {"sub": "alice", "principalId": "alice", "claims": {"sub": "alice"}}}),
        json!({"jwt": {}}),
        json!({"jwt": {"claims": null, "scopes": null}}),
        json!({"jwt": {"claims": {}, "scopes": []}}),
        // A machine's token, which names no user.
        json!({"jwt": {"claims": {"iss": "https://issuer.example", "client_id": "app"}}}),
        json!({"jwt": {"claims": {"sub": ""}}}),
    ];
    let world = World::new();
    for route in routes_with_identity() {
        let name = name_of(&route);
        // The back end may not call a user's routes, nor a user the back end's.
        let other_kind = match route.access {
            Access::User => json!({"iam": iam}),
            Access::Public | Access::Hosted => unreachable!("no authorizer stands before it"),
            Access::BackEnd => event("native-get-factors")["requestContext"]["authorizer"].clone(),
        };
        for authorizer in authorizers.iter().chain([&other_kind]) {
            let mut event = event(&name);
            event["requestContext"]["authorizer"] = authorizer.clone();
            assert_unauthorized(route.dialect.name, &name, &run(&every_function(&world), &event).await);
        }
        let mut event = event(&name);
        event["requestContext"].as_object_mut().unwrap().remove("authorizer");
        assert_unauthorized(route.dialect.name, &name, &run(&every_function(&world), &event).await);
    }
    assert_eq!(world.postbox.calls(), 0);
}

#[tokio::test]
async fn a_malformed_user_id_in_the_token_is_refused_t39() {
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
async fn no_header_query_or_body_can_select_another_user_t39() {
    let world = World::new();
    enroll_app(&world, "alice").await;
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
    // Only the authorizer reads the header's token. This one has alice as its subject.
    let claims = data_encoding::BASE64URL_NOPAD.encode(br#"{"iss":"https://issuer.example","sub":"alice"}"#);
    bobs["headers"]["authorization"] = format!("Bearer eyJhbGciOiJub25lIn0.{claims}.").into();
    bobs["headers"]["x-amzn-oidc-data"] = format!("eyJhbGciOiJub25lIn0.{claims}.").into();
    bobs["rawQueryString"] = "sub=alice&userId=alice&user=alice".into();
    bobs["queryStringParameters"] = json!({"sub": "alice", "userId": "alice"});
    bobs["pathParameters"] = json!({"userId": "alice", "sub": "alice"});
    bobs["stageVariables"] = json!({"sub": "alice"});
    bobs["requestContext"]["authorizer"]["lambda"] = json!({"sub": "alice"});
    assert_eq!(factors(bobs).await, 0, "bob has none");

    let named = json!({"factorType": "totp", "sub": "alice", "userId": "alice", "user": {"id": "alice"}});
    let refused = run(&router, &with_body(of_user(event("native-post-enrollments"), "bob"), &named)).await;
    assert_eq!(refused.outcome(), (400, "invalid_request".to_owned()), "{refused:?}");
    let body = json!({"factorType": "totp"});
    let begun = run(&router, &with_body(of_user(event("native-post-enrollments"), "bob"), &body)).await;
    assert!(begun.json()["totp"]["uri"].as_str().unwrap().contains("Alice%20Example"), "the name is the token's claim");
    let list = of_user(event("native-get-factors"), "bob");
    let confirm = json!({
        "enrollmentToken": begun.json()["enrollmentToken"],
        "code": world.next_code(begun.json()["totp"]["secret"].as_str().unwrap()),
    });
    let confirmed = run(&router, &with_body(of_user(event("native-post-enrollments-confirm"), "bob"), &confirm)).await;
    assert_eq!(confirmed.status, 201, "{confirmed:?}");
    assert_eq!((factors(list).await, factors(event("native-get-factors")).await), (1, 1));
}

#[tokio::test]
async fn the_back_ends_user_comes_from_the_path_parameter_alone_t39() {
    let world = World::new();
    enroll_app(&world, "alice").await;
    let router = every_function(&world);
    let mut bobs = for_user(event("users-get-factors"), "bob");
    bobs["rawPath"] = "/v1/users/alice/factors".into();
    for header in ["sub", "x-user-id", "x-amzn-oidc-identity", "x-countersign-user"] {
        bobs["headers"][header] = "alice".into();
    }
    bobs["rawQueryString"] = "sub=alice&userId=alice".into();
    bobs["queryStringParameters"] = json!({"userId": "alice"});
    bobs["stageVariables"] = json!({"userId": "alice"});
    bobs["requestContext"]["authorizer"]["lambda"] = json!({"sub": "alice", "userId": "alice"});
    assert_eq!(run(&router, &bobs).await.json()["factors"], json!([]), "bob has none");
    let named = json!({"factorType": "totp", "sub": "alice", "userId": "alice", "session": "alice-1"});
    let refused = run(&router, &with_body(for_user(event("users-post-enrollments"), "bob"), &named)).await;
    assert_eq!(refused.outcome(), (400, "invalid_request".to_owned()), "{refused:?}");
    let body = json!({"factorType": "totp", "label": "Key"});
    let begun = run(&router, &with_body(for_user(event("users-post-enrollments"), "bob"), &body)).await.json();
    assert!(begun["totp"]["uri"].as_str().unwrap().contains("Countersign:bob?"), "the name is the id: {begun}");
    let listed = run(&router, &for_user(event("users-get-factors"), "alice")).await.json();
    assert_eq!(listed["factors"].as_array().unwrap().len(), 1, "alice has one");
}

#[tokio::test]
async fn a_user_id_in_the_path_is_taken_literally_and_refused_if_malformed_t39() {
    let world = World::new();
    for user in ["auth0|5f7c8ec7", "alice@example.com", "a+b=c~d:e._-", &"a".repeat(128)] {
        let (_, id) = enroll_app(&world, user).await;
        let mut event = for_user(event("users-get-factors-id"), user);
        event["pathParameters"]["id"] = id.clone().into();
        assert_eq!(run(&every_function(&world), &event).await.json()["id"], id, "{user}");
    }
    let none =
        ["alice bob", "alice#bob", "alice/bob", "../me", "..%2fme", "auth0%7C5f7c8ec7", "älice", "\0", "%", "{userId}"];
    for user in none.into_iter().chain([&*"a".repeat(129)]) {
        for name in ["users-get-factors", "users-get-factors-id", "users-post-verify", "users-delete"] {
            let answer = run(&every_function(&world), &for_user(event(name), user)).await;
            assert_eq!(answer.outcome(), (400, "invalid_request".to_owned()), "{name}, {user:?}: {answer:?}");
            assert_eq!(answer.json()["errors"][0]["field"], "userId");
        }
    }
    let nowhere = run(&every_function(&world), &for_user(event("users-delete"), "")).await;
    assert!(nowhere.is_of_no_route(), "{nowhere:?}");
}
