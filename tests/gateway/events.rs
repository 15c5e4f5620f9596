//! The events in `events/`: each runs, and is answered as it should be. `sync` holds that there is one for each route.

use countersign::http::routes::{Access, Function, router, routes};
use serde_json::{Value, json};

use super::{event, name_of, run};
use crate::rig::World;

#[test]
fn every_event_has_the_caller_that_api_gateway_would_give() {
    for route in routes() {
        let name = name_of(&route);
        let event = event(&name);
        let authorizer = &event["requestContext"]["authorizer"];
        match route.access {
            Access::User => {
                let claims = authorizer["jwt"]["claims"].as_object().unwrap();
                assert!(claims.values().all(Value::is_string), "{name}: API Gateway gives claims as text");
            }
            Access::Public | Access::Hosted => assert!(authorizer.is_null(), "{}", route.path),
            Access::BackEnd => {
                assert_eq!(authorizer.get("jwt"), None, "{name}");
                assert!(authorizer["iam"]["userArn"].is_string(), "{name}");
            }
        }
    }
}

/// The answers to a new user, in the dialect: nothing is enrolled, and no token is valid.
const OUTCOMES: &[(&str, u64, &str)] = &[
    ("native-post-enrollments", 201, ""),
    ("native-post-enrollments-confirm", 404, "not_found"),
    ("native-post-challenges", 404, "not_found"),
    ("native-post-verify", 404, "not_found"),
    ("native-post-checks", 200, ""),
    ("native-get-factors", 200, ""),
    ("native-get-factors-id", 404, "not_found"),
    ("native-patch-factors-id", 404, "not_found"),
    ("native-delete-factors-id", 404, "not_found"),
    ("native-post-recovery-codes", 404, "not_enrolled"),
    ("session-get", 401, "unauthorized"),
    ("session-post-cancel", 401, "unauthorized"),
    ("session-post-contact", 401, "unauthorized"),
    ("session-post-contact-confirm", 401, "unauthorized"),
    ("session-post-enrollments", 401, "unauthorized"),
    ("session-post-enrollments-confirm", 401, "unauthorized"),
    ("session-post-challenges", 401, "unauthorized"),
    ("session-post-verify", 401, "unauthorized"),
    ("session-post-checks", 401, "unauthorized"),
    ("session-get-factors", 401, "unauthorized"),
    ("session-get-factors-id", 401, "unauthorized"),
    ("session-patch-factors-id", 401, "unauthorized"),
    ("session-delete-factors-id", 401, "unauthorized"),
    ("session-post-recovery-codes", 401, "unauthorized"),
    ("users-post-sessions", 201, ""),
    ("users-get-sessions-id", 404, "not_found"),
    ("users-delete-sessions-id", 204, ""),
    ("users-post-sessions-id-redeem", 404, "not_found"),
    ("users-post-enrollments", 201, ""),
    ("users-post-enrollments-confirm", 404, "not_found"),
    ("users-post-challenges", 404, "not_found"),
    ("users-post-verify", 404, "not_found"),
    ("users-post-checks", 200, ""),
    ("users-get-factors", 200, ""),
    ("users-get-factors-id", 404, "not_found"),
    ("users-patch-factors-id", 404, "not_found"),
    ("users-delete-factors-id", 404, "not_found"),
    ("users-post-recovery-codes", 404, "not_enrolled"),
    ("users-delete", 204, ""),
    ("genauth-post-send-enroll-factor-request", 200, ""),
    ("genauth-post-enroll-factor", 404, "9008"),
    ("genauth-post-mfa-totp-verify", 422, "6001"),
    ("genauth-get-list-enrolled-factors", 200, ""),
    ("genauth-get-get-factor", 404, "9008"),
    ("genauth-get-get-factors", 404, "9008"),
    ("genauth-get-list-factors-to-enroll", 200, ""),
    ("genauth-post-reset-factor", 404, "9008"),
    ("logto-post-verification-totp-secret", 200, ""),
    ("logto-post-verification-totp-verify", 404, "session.verification_session_not_found"),
    ("logto-post-verification-web-authn-registration", 200, ""),
    ("logto-post-verification-web-authn-registration-verify", 404, "session.verification_session_not_found"),
    ("logto-post-verification-web-authn-authentication", 400, "session.mfa.webauthn_verification_not_found"),
    ("logto-post-verification-web-authn-authentication-verify", 404, "session.verification_session_not_found"),
    ("logto-post-profile-mfa", 404, "session.verification_session_not_found"),
    ("profile-post-two-fa", 201, ""),
    ("profile-patch-two-fa", 400, ""),
    ("profile-get-two-fa", 200, ""),
    ("profile-patch-two-fa-disable", 400, ""),
    ("well-known-get-jwks", 501, "channel_not_configured"),
    ("well-known-get-openid-configuration", 501, "channel_not_configured"),
    ("well-known-get-webauthn", 200, ""),
    ("well-known-get-page", 200, ""),
];

#[tokio::test]
async fn every_event_runs_in_its_function_and_in_no_other() {
    for route in routes() {
        let name = name_of(&route);
        let event = event(&name);
        for function in Function::ALL {
            let world = World::new();
            let answer = run(&router(Some(function), &world.service), &event).await;
            if function != route.function {
                assert!(answer.is_of_no_route(), "{name} in {}: {answer:?}", function.name());
                continue;
            }
            let outcome = OUTCOMES.iter().find(|(each, ..)| *each == name);
            let &(_, status, code) = outcome.unwrap_or_else(|| panic!("{name} has no line in OUTCOMES: {answer:?}"));
            assert_eq!(answer.outcome(), (status, code.to_owned()), "{name}: {answer:?}");
            assert_eq!(answer.headers["x-request-id"], event["requestContext"]["requestId"], "{name}");
            let is_kept = ["/page", "/.well-known/webauthn"].contains(&route.path);
            let kept = if is_kept { "public, max-age=300" } else { "no-store" };
            assert_eq!(answer.headers["cache-control"], kept, "{name}");
            let content_type = answer.headers.get("content-type").and_then(Value::as_str);
            let expected = match (route.dialect.name, status) {
                (_, 204) => None,
                ("native" | "well-known", 400..) => Some("application/problem+json"),
                ("well-known", _) if route.path == "/page" => Some("text/html; charset=utf-8"),
                _ => Some("application/json"),
            };
            assert_eq!(content_type, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_factor_is_enrolled_checked_and_removed_by_events() {
    let world = World::new();
    let (secret, id) = super::enroll_app(&world, "alice").await;
    let router = super::every_function(&world);
    let check = super::with_body(event("native-post-verify"), &json!({"code": world.next_code(&secret)}));
    assert_eq!(run(&router, &check).await.outcome(), (200, String::new()));
    assert_eq!(run(&router, &check).await.outcome(), (400, "code_already_used".to_owned()));
    // The session of the events has a recent check.
    let mut remove = event("native-delete-factors-id");
    remove["pathParameters"]["id"] = id.into();
    let removed = run(&router, &remove).await;
    assert_eq!((removed.status, removed.body.as_str()), (204, ""));
    assert_eq!(run(&router, &event("native-get-factors")).await.json()["factors"], json!([]));
}
