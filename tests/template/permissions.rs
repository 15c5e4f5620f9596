//! The permissions of each function: what it needs, and nothing else.

use std::collections::BTreeSet;

use countersign::http::routes::Function;
use serde_json::{Value, json};

use super::{FEW, Template, meant};

/// An action, its resource, and its condition.
type Grant = (String, String, String);

fn grant(action: &str, on: &str, condition: &Value) -> Grant {
    (action.to_owned(), on.to_owned(), if condition.is_null() { String::new() } else { condition.to_string() })
}

/// The kinds of items that a function reads and those that it writes, as the first letters of their keys.
pub(super) fn items(function: Function) -> (&'static [&'static str], &'static [&'static str]) {
    match function {
        Function::EnrollRequest => (&["a#*", "e#*", "l#*", "s#*"], &["a#*", "e#*", "l#*", "s#*"]),
        Function::CreateTotp => (&["a#*", "e#*"], &["e#*"]),
        Function::Verify => {
            const KINDS: &[&str] = &["a#*", "e#*", "c#*", "s#*", "f#*", "b#faces", "k#receipt", "k#jwks"];
            (KINDS, KINDS)
        }
        Function::Factors => (&["a#*", "e#*", "c#*", "s#*", "f#*"], &["a#*", "e#*", "c#*", "s#*", "f#*"]),
        Function::Challenge => (&["a#*", "c#*", "l#*", "s#*"], &["c#*", "l#*", "s#*"]),
        Function::Page => (&["k#jwks"], &[]),
    }
}

/// A configured channel, or faces.
#[derive(Clone, Copy)]
enum Channel {
    Sms,
    Email,
    Faces,
}

/// The expected policy of a function.
fn expected(function: Function, logs: &str, keys: &[&str], channels: &[Channel]) -> BTreeSet<Grant> {
    let of = |kinds: &[&str]| json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": kinds}});
    let (read, written) = items(function);
    let mut grants = BTreeSet::from([
        grant("logs:CreateLogStream", logs, &Value::Null),
        grant("logs:PutLogEvents", logs, &Value::Null),
        grant("dynamodb:GetItem", "Table", &of(read)),
    ]);
    if !written.is_empty() {
        grants.insert(grant("dynamodb:UpdateItem", "Table", &of(written)));
    }
    // Everything but public keys needs the master keys.
    for key in keys.iter().filter(|_| function != Function::Page) {
        let condition = json!({"StringEquals": {"kms:MacAlgorithm": "HMAC_SHA_256"}});
        grants.insert(grant("kms:GenerateMac", key, &condition));
    }
    // Two send codes; the other two tell the contact of record of a change.
    let sends = [Function::EnrollRequest, Function::Challenge, Function::Verify, Function::Factors];
    if sends.contains(&function) {
        let ses = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}";
        let from = json!({"StringEquals": {"ses:FromAddress": {"Ref": "EmailFrom"}}});
        for channel in channels {
            match channel {
                Channel::Sms => {
                    grants.extend([grant("sns:Publish", "not arn:${AWS::Partition}:sns:*:*:*", &Value::Null)])
                }
                Channel::Faces if function == Function::Verify => {
                    grants.extend([grant("rekognition:CompareFaces", "*", &Value::Null)]);
                }
                Channel::Faces => {}
                Channel::Email => grants.extend(
                    ["identity", "configuration-set"]
                        .map(|kind| grant("ses:SendEmail", &format!("{ses}:{kind}/*"), &from)),
                ),
            }
        }
    }
    grants
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |all| all.iter().collect())
}

/// The grants of a role's policies, one by one.
fn granted(template: &Template, role: &str) -> BTreeSet<Grant> {
    let role = template.properties(role);
    let known = ["AssumeRolePolicyDocument", "Policies"];
    assert!(role.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{role}");
    let mut grants = BTreeSet::new();
    for statement in list(&role["Policies"]).into_iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]))
    {
        let known = ["Effect", "Action", "Resource", "NotResource", "Condition"];
        assert!(statement.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{statement}");
        assert_eq!(statement["Effect"], "Allow");
        let resources = match (statement.get("Resource"), statement.get("NotResource")) {
            (Some(resource), None) => list(resource).into_iter().map(on).collect(),
            (None, Some(resource)) => vec![format!("not {}", on(resource))],
            _ => panic!("{statement}"),
        };
        for action in list(&statement["Action"]) {
            for on in &resources {
                grants.insert(grant(action.as_str().unwrap(), on, &statement["Condition"]));
            }
        }
    }
    grants
}

fn on(resource: &Value) -> String {
    let text = resource.as_str().or(resource["Fn::Sub"].as_str());
    text.unwrap_or_else(|| meant(resource)).to_owned()
}

/// Compares every function's policy with the expected one.
fn check(template: &Template, keys: &[&str], channels: &[Channel]) {
    let functions = template.functions();
    for function in Function::ALL {
        let properties = template.properties(functions[function.name()]);
        let logs = meant(&properties["LoggingConfig"]["LogGroup"]);
        let granted = granted(template, meant(&properties["Role"]));
        assert_eq!(granted, expected(function, logs, keys, channels), "{}", function.name());
    }
}

#[test]
fn each_functions_policy_allows_exactly_its_own_actions() {
    let Some(template) = Template::few() else { return };
    check(&template, &["Key"], &[]);
}

#[test]
fn only_functions_that_send_may_use_a_configured_channel() {
    use Channel::{Email, Sms};
    let cases: [(&[&str], &[Channel]); 4] = [
        (&["AllowedCountries=CH"], &[Sms]),
        (&["EmailFrom=security@example.com"], &[Email]),
        (&["EmailFrom=security@example.com", "SesConfigurationSet=second-factor"], &[Email]),
        (&["SesConfigurationSet=second-factor"], &[]),
    ];
    for (parameters, channels) in cases {
        let Some(template) = Template::with(&[FEW, parameters].concat()) else { return };
        check(&template, &["Key"], channels);
    }
}

#[test]
fn in_a_rotation_every_function_may_use_both_keys() {
    for state in ["KeyRotation=prepared", "KeyRotation=done"] {
        let Some(template) = Template::with(&[FEW, &[state]].concat()) else { return };
        check(&template, &["Key", "SecondKey"], &[]);
    }
}

#[test]
fn a_role_is_for_lambda_alone() {
    let Some(template) = Template::few() else { return };
    for (name, role) in template.all("AWS::IAM::Role") {
        let trust = json!([
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ]);
        assert_eq!(role["Properties"]["AssumeRolePolicyDocument"]["Statement"], trust, "{name}");
    }
}

#[test]
fn only_verify_compares_faces_and_has_the_memory_for_it_t45() {
    let memory = |template: &Template, name: &str| {
        let functions = template.functions();
        template.properties(functions[name])["MemorySize"].as_i64().unwrap()
    };
    let Some(template) = Template::few() else { return };
    assert_eq!([memory(&template, "verify"), memory(&template, "factors")], [128, 128]);
    let Some(template) = Template::with(&[FEW, &["Faces=on"]].concat()) else { return };
    check(&template, &["Key"], &[Channel::Faces]);
    assert_eq!([memory(&template, "verify"), memory(&template, "factors")], [512, 128]);
}
