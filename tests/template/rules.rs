//! The rules: parameters that don't belong together are refused before anything is changed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Template;

/// The parameters' values: those that are given, and the others' defaults.
fn values(template: &Template, given: &[&str]) -> BTreeMap<String, Value> {
    let defaults =
        template.section("Parameters").into_iter().map(|(name, each)| (name.to_owned(), each["Default"].clone()));
    let given = given.iter().map(|each| each.split_once('=').unwrap());
    defaults.chain(given.map(|(name, value)| (name.to_owned(), value.into()))).collect()
}

/// The value of a condition of a rule, as CloudFormation evaluates it.
fn holds(condition: &Value, values: &BTreeMap<String, Value>) -> bool {
    let (function, operands) = condition.as_object().unwrap().iter().next().unwrap();
    let operands = operands.as_array().unwrap();
    let text = |operand: &Value| match operand["Ref"].as_str() {
        Some(name) => values[name].as_str().unwrap().to_owned(),
        None => operand.as_str().unwrap().to_owned(),
    };
    match function.as_str() {
        "Fn::Not" => !holds(&operands[0], values),
        "Fn::And" => operands.iter().all(|each| holds(each, values)),
        "Fn::Equals" => text(&operands[0]) == text(&operands[1]),
        "Fn::Contains" => text(&operands[0]).split(',').any(|each| each == text(&operands[1])),
        other => panic!("what is {other}?"),
    }
}

/// The rules that these parameters break, each by its description. `None` where Python is missing.
pub(super) fn broken(given: &[&str]) -> Option<Vec<String>> {
    let template = Template::with(&[])?;
    let values = values(&template, given);
    let rules = template.section("Rules").into_values().filter(|rule| holds(&rule["RuleCondition"], &values));
    let assertions = rules.flat_map(|rule| rule["Assertions"].as_array().unwrap());
    let failed = assertions.filter(|assertion| !holds(&assertion["Assert"], &values));
    Some(failed.map(|assertion| assertion["AssertDescription"].as_str().unwrap().to_owned()).collect())
}

const CERTIFICATE: &str = "CertificateArn=arn:aws:acm:eu-central-1:123456789012:certificate/0b1c";

#[test]
fn parameters_that_do_not_belong_together_are_refused() {
    let cases: [(&[&str], &str); 9] = [
        (&["Issuer=https://issuer.example"], "Audience must name"),
        (&["Audience=app"], "Audience is for"),
        (&["Issuer=https://a.example", "Audience=app", "ReceiptIssuer=https://a.example"], "ReceiptIssuer must not be"),
        (&["Issuer=https://a.example", "Audience=app,countersign"], "ReceiptAudiences must not be"),
        (&["DomainName=login.example.com"], "DomainName needs CertificateArn"),
        (&[CERTIFICATE], "CertificateArn is for"),
        (&["RpOrigins=https://example.com"], "RpOrigins needs RpId"),
        (&["RpId=example.com", "ReturnUrls=https://example.com/in"], "RpOrigins must include the origin of the page"),
        (
            &["RpId=example.com", "ReturnUrls=https://example.com/in", "DomainName=login.example.com", CERTIFICATE],
            "RpOrigins must include the origin of the page",
        ),
    ];
    for (parameters, description) in cases {
        let Some(broken) = broken(parameters) else { return };
        assert!(broken.len() == 1 && broken[0].starts_with(description), "{parameters:?}: {broken:?}");
    }
}

#[test]
fn parameters_that_belong_together_are_accepted() {
    let sessions = "ReturnUrls=https://example.com/in";
    let cases: [&[&str]; 6] = [
        &[],
        super::FEW,
        super::MANY,
        &["RpId=example.com"],
        &["RpId=login.example.com", sessions, "DomainName=login.example.com", CERTIFICATE],
        &["RpId=example.com", "RpOrigins=https://example.com,https://login.example.com", sessions],
    ];
    for parameters in cases {
        let Some(broken) = broken(parameters) else { return };
        assert_eq!(broken, [""; 0], "{parameters:?}");
    }
}
