//! The generator itself, on routes and settings that are not in the code.

use std::collections::BTreeSet;

use countersign::config::Setting;
use countersign::http::routes::{Access, Function, Method};
use serde_json::{Value, json};

use super::{Files, Row, Source, difference, differences, read};

/// The files as they should be, and what they are generated from.
fn synced() -> (Files, Source<'static>) {
    let source = Source::of_the_code();
    (source.synced(&read()), source)
}

/// A route of users that may send a message.
fn invented() -> Row {
    Row {
        function: Function::Challenge,
        dialect: "native",
        access: Access::User,
        method: Method::Post,
        path: "/v1/me/challenges/{id}/invented",
        body: Some(json!({"locale": "en"})),
    }
}

/// The same for the back end, in another function.
fn invented_of_back_end() -> Row {
    Row {
        function: Function::Factors,
        access: Access::BackEnd,
        method: Method::Delete,
        path: "/v1/users/{userId}/challenges/{id}/invented",
        body: None,
        ..invented()
    }
}

fn with(source: &Source<'static>, rows: &[Row]) -> Source<'static> {
    Source { rows: [&source.rows, rows].concat(), ..*source }
}

/// The lines that a file has more often than it had before.
fn added(before: &Files, after: &Files, name: &str) -> Vec<String> {
    let mut before: Vec<_> = before[name].lines().collect();
    let is_new = |line: &&str| match before.iter().position(|each| each == line) {
        Some(position) => {
            before.swap_remove(position);
            false
        }
        None => true,
    };
    after[name].lines().filter(is_new).map(str::to_owned).collect()
}

/// The limits of a user's route.
fn limits(rate: u32) -> String {
    format!("!If [HasIssuer, {{ThrottlingRateLimit: {rate}, ThrottlingBurstLimit: {rate}}}, !Ref AWS::NoValue]")
}

#[test]
fn a_new_route_is_added_everywhere_and_nothing_else_changes() {
    let (before, source) = synced();
    let after = with(&source, &[invented()]).synced(&before);
    let key = "POST /v1/me/challenges/{id}/invented";
    let names: BTreeSet<_> = after.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
    let event = "events/native-post-challenges-id-invented.json";
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["Cargo.toml", "docs/api.md", event, "template.yaml"]);

    let resource = format!(
        "
  NativePostChallengesIdInventedRoute:
    Type: AWS::ApiGatewayV2::Route
    Condition: HasIssuer
    Properties:
      ApiId: !Ref Api
      RouteKey: {key}
      Target: !Sub integrations/${{ChallengeIntegration}}
      AuthorizationType: JWT
      AuthorizerId: !Ref Authorizer
      AuthorizationScopes: !If [HasScopes, !Ref Scopes, !Ref AWS::NoValue]
"
    );
    assert_eq!(after["template.yaml"].matches(&resource).count(), 1);
    let rest = after["template.yaml"].replace(&resource, "");
    let rest: Vec<_> = rest.lines().filter(|line| line.to_lowercase().contains("invented")).map(str::trim).collect();
    assert_eq!(
        rest,
        [
            "- !Ref NativePostChallengesIdInventedRoute".to_owned(),
            format!("{key}: {}", limits(1)),
            format!("{key}: {}", limits(100)),
            format!("{key}: {}", limits(10)),
        ]
    );
    assert_eq!(added(&before, &after, "template.yaml").len(), resource.lines().count() + rest.len());
    assert_eq!(
        added(&before, &after, "Cargo.toml"),
        [r#""/v1/me/challenges/{id}/invented" = [{ method = "POST", function = "challenge" }]"#]
    );
    let [cell]: [String; 1] = added(&before, &after, "docs/api.md").try_into().unwrap();
    assert!(cell.starts_with(&format!("| `challenge` | `POST /v1/me/challenges` `{key}` |")), "{cell}");

    let written: Value = serde_json::from_str(&after[event]).unwrap();
    assert_eq!((&written["routeKey"], &written["requestContext"]["routeKey"]), (&json!(key), &json!(key)));
    assert_eq!(written["pathParameters"], json!({"id": "x3vy3ilfr3wgp6et"}));
    assert_eq!(written["rawPath"], "/v1/me/challenges/x3vy3ilfr3wgp6et/invented");
    assert_eq!(written["requestContext"]["http"]["path"], written["rawPath"]);
    assert_eq!(written["requestContext"]["http"]["method"], "POST");
    assert_eq!(written["body"], r#"{"locale":"en"}"#);
    assert_eq!(
        (&written["headers"]["content-length"], &written["headers"]["content-type"]),
        (&json!("15"), &json!("application/json"))
    );
    assert_eq!(written["requestContext"]["authorizer"]["jwt"]["claims"]["sub"], "alice");
}

#[test]
fn a_new_route_of_the_back_end_has_its_authorizer_and_its_caller() {
    let (before, source) = synced();
    let after = with(&source, &[invented_of_back_end()]).synced(&before);
    let resource = "
  UsersDeleteChallengesIdInventedRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: DELETE /v1/users/{userId}/challenges/{id}/invented
      Target: !Sub integrations/${FactorsIntegration}
      AuthorizationType: AWS_IAM
";
    assert!(after["template.yaml"].contains(resource));
    assert_eq!(added(&before, &after, "template.yaml").len(), resource.lines().count(), "no rate");
    let event: Value = serde_json::from_str(&after["events/users-delete-challenges-id-invented.json"]).unwrap();
    assert_eq!(event["pathParameters"], json!({"id": "x3vy3ilfr3wgp6et", "userId": "auth0|65f2a1c97b3d"}));
    assert!(event["requestContext"]["authorizer"]["iam"]["userArn"].is_string());
    assert_eq!(event.get("body"), None);
    assert_eq!((&event["headers"]["content-length"], event["headers"].get("content-type")), (&json!("0"), None));
}

#[test]
fn a_route_that_goes_takes_everything_along_and_a_second_run_changes_nothing() {
    let (before, source) = synced();
    assert_eq!(differences(&before, &source.synced(&before)), [""; 0]);
    let more = with(&source, &[invented(), invented_of_back_end()]);
    let after = more.synced(&before);
    assert_eq!(differences(&after, &more.synced(&after)), [""; 0]);
    assert_eq!(differences(&before, &source.synced(&after)), [""; 0]);
}

#[test]
fn a_route_that_moves_to_another_function_keeps_its_logical_id_and_its_event() {
    let (before, mut source) = synced();
    let row = source.rows.iter_mut().find(|row| row.key() == "POST /v1/me/verify").unwrap();
    row.function = Function::Factors;
    let after = source.synced(&before);
    assert!(after["template.yaml"].contains("  MyPostVerifyRoute:\n"));
    assert_eq!(added(&before, &after, "template.yaml").len(), 1, "the target alone");
    let event = "events/native-post-verify.json";
    assert_eq!(before[event], after[event]);
}

#[test]
fn a_route_that_the_back_end_calls_from_now_on_gets_an_event_of_the_back_end_with_the_routes_body() {
    let (before, mut source) = synced();
    let row = source.rows.iter_mut().find(|row| row.key() == "PATCH /profile/two-fa").unwrap();
    row.access = Access::BackEnd;
    let after = source.synced(&before);
    assert!(!after.contains_key("events/profile-patch-two-fa.json"));
    let event: Value = serde_json::from_str(&after["events/profile-users-patch-two-fa.json"]).unwrap();
    assert!(event["requestContext"]["authorizer"]["iam"].is_object());
    assert_eq!(event["body"], r#"{"code":"123456"}"#);
    assert!(after["template.yaml"].contains("  ProfileEnableRoute:\n"), "the logical id belongs to the route key");
}

#[test]
fn a_new_dialect_has_a_column_and_a_section() {
    let (before, source) = synced();
    let row = Row { dialect: "other", path: "/other", body: None, method: Method::Get, ..invented() };
    let after = with(&source, &[row]).synced(&before);
    assert!(after["docs/api.md"].contains("| profile | anyone | other |\n|---|---|---|---|---|---|---|---|---|\n"));
    let heading = "  # A user's routes, with an access token: the dialect other\n\n  OtherGetOtherRoute:\n";
    assert!(after["template.yaml"].contains(heading));
    assert!(after["events/other-get-other.json"].contains("Mozilla"), "as of a native route");
}

#[test]
fn a_new_setting_is_a_row_of_its_table() {
    let (before, source) = synced();
    let setting = Setting { name: "INVENTED", default: "3", range: Some((1, 9)), meaning: "made for a test" };
    let more = [source.settings, &[setting]].concat();
    let after = Source { settings: &more, ..source }.synced(&before);
    assert_eq!(added(&before, &after, "docs/settings.md"), ["| `INVENTED` | `3` | 1 to 9 | made for a test |"]);
}

#[test]
fn a_difference_is_shown_with_its_file_and_its_line() {
    let text = |text: &str| Some(text.to_owned());
    let difference =
        |is: Option<String>, should_be: Option<String>| difference("file", is.as_ref(), should_be.as_ref());
    assert_eq!(difference(text("a\nb\n"), text("a\nb\n")), None);
    assert_eq!(
        difference(text("a\nb\nc\nd\ne\n"), text("a\nx\nc\n")).unwrap(),
        "file, from line 2:\n- b\n- c\n- d\n+ x\n+ c"
    );
    assert_eq!(difference(None, text("a")).unwrap(), "file is missing");
    assert_eq!(difference(text("a"), None).unwrap(), "file belongs to no route");
}
