//! The callers of a deployed stack: each with a token or a key, and with what its policies allow.

use serde_json::{Value, json};

use crate::aws::encoded;
use crate::cloud::{Cloud, SCOPE};
use crate::faces;
use crate::walk::{VERIFY, Walk, everything};

const MINE: &str = "/v1/me/factors";

#[test]
fn every_factor_is_enrolled_checked_and_removed_through_the_gateway_under_the_roles_of_the_functions_t26_t36_t45() {
    let Some(cloud) = Cloud::deployed(SCOPE) else { return };
    let secrets = everything(&cloud);
    assert!(secrets.len() > 40, "{} secrets were collected", secrets.len());

    let mut walk = Walk::over(&cloud);
    let face = faces::enrolled_and_checked(&mut walk, &cloud.rekognition);
    assert_eq!(cloud.references(), 1);
    faces::removed(&mut walk, &face);
    assert_eq!(cloud.references(), 0);
    cloud.deploy(&["Faces=off"]);
    faces::are_off(&mut walk);

    // The roles are what allows it, and their conditions on keys are looked at.
    cloud.with_header("GET", MINE, &cloud.tokens("alice", "alice").access, &Value::Null).expect(200);
    let (role, policy) = (cloud.resource("FactorsRole"), |keys: &str| {
        let condition = json!({"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": [keys]}});
        let statement =
            json!({"Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": condition});
        json!({"Version": "2012-10-17", "Statement": statement}).to_string()
    });
    for (keys, status) in [("l#*", 200), ("a#*", 503)] {
        let policy = policy(keys);
        let put =
            [("Action", "PutRolePolicy"), ("RoleName", &role), ("PolicyName", "deny"), ("PolicyDocument", &policy)];
        cloud.aws.form("iam", &put);
        cloud.with_header("GET", MINE, &cloud.tokens("alice", "alice").access, &Value::Null).expect(status);
    }
}

#[test]
fn a_token_passes_bare_or_after_bearer_if_it_is_the_issuers_for_this_audience_with_a_scope() {
    let Some(cloud) = Cloud::deployed(&format!("openid,{SCOPE}")) else { return };
    let get = |authorization: &str| cloud.with_header("GET", MINE, authorization, &Value::Null);
    let tokens = cloud.tokens("alice", "alice");
    for authorization in [tokens.access.clone(), format!("Bearer {}", tokens.access)] {
        assert_eq!(get(&authorization).expect(200).body["factors"], json!([]));
    }
    get("").expect(401);
    get(&format!("{}A", tokens.access)).expect(401);
    let parts: Vec<_> = tokens.access.split('.').collect();
    get(&format!("{}.{}.", parts[0], parts[1])).expect(401);
    // An ID token has no scope.
    get(&tokens.id).expect(403);
    // Another audience of the same issuer.
    get(&cloud.sign_in("alice", &cloud.other_client()).access).expect(401);

    // A receipt is no access token (T41).
    let mut walk = Walk::over(&cloud);
    let (secret, ..) = walk.app("alice");
    let code = walk.code(&secret, 1);
    get(&walk.call("alice", VERIFY, &json!({"code": code})).expect(200).text("/receipt")).expect(401);

    // An update reaches the routes: the token has none of these scopes.
    cloud.deploy(&["Scopes=openid"]);
    get(&tokens.access).expect(403);
    // A user's token is no signature. AWS's gateway answers 403; ministack passes it on without an identity, and so the
    // function refuses it.
    cloud.with_header("GET", "/v1/users/alice/factors", &tokens.access, &Value::Null).expect(401);
}

#[test]
fn the_back_end_passes_with_its_policy_alone_and_on_its_own_routes() {
    let Some(cloud) = Cloud::deployed(SCOPE) else { return };
    let path = format!("/v1/users/{}/factors", encoded("auth0|alice"));
    let back_end = cloud.back_end();
    assert_eq!(cloud.signed("GET", &path, back_end, &Value::Null).expect(200).body["factors"], json!([]));
    cloud.signed("DELETE", "/v1/users/alice", back_end, &Value::Null).expect(204);

    let stranger = cloud.aws.user("stranger");
    cloud.signed("GET", &path, &stranger, &Value::Null).expect(403);
    let mut wrong = back_end.clone();
    wrong.secret.push('A');
    cloud.signed("GET", &path, &wrong, &Value::Null).expect(403);
    cloud.with_header("GET", &path, "", &Value::Null).expect(403);
    // A signature is no user's token.
    cloud.signed("GET", MINE, back_end, &Value::Null).expect(401);
}
