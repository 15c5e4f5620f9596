//! The functions in the template: their environment and their permissions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::rig::sam::expand;

/// Parameters that turn every channel on, and faces.
const PARAMETERS: [(&str, &str); 8] = [
    ("Issuer", "https://issuer.example"),
    ("Audience", "app"),
    ("AllowedCountries", "*"),
    ("EmailFrom", "security@example.com"),
    ("ProductName", "Example"),
    ("SmsSenderId", "Example"),
    ("Faces", "on"),
    ("PhotoHosts", "photos.example.com"),
];

/// The expanded template with these parameters.
pub(crate) struct Template(Value);

impl Template {
    /// `None` where SAM's tools are missing.
    pub(crate) fn read() -> Option<Self> {
        let given = PARAMETERS.map(|(name, value)| format!("{name}={value}"));
        expand(&given.each_ref().map(String::as_str)).map(Self)
    }

    /// A parameter's value.
    fn parameter(&self, name: &str) -> String {
        let given = PARAMETERS.iter().find(|(each, _)| *each == name);
        match (given, &self.0["Parameters"][name]["Default"]) {
            (Some((_, value)), _) => (*value).to_owned(),
            (None, Value::String(default)) => default.clone(),
            (None, Value::Number(default)) => default.to_string(),
            (None, _) => panic!("what is {name}?"),
        }
    }

    /// A function's resource of a type, such as `Function` or `Role`.
    fn of(&self, function: &str, kind: &str) -> &Value {
        let camel: String =
            function.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).chain([kind.to_owned()]).collect();
        let resource = &self.0["Resources"][&camel]["Properties"];
        assert!(resource.is_object(), "there is no {camel}");
        resource
    }

    /// A function's environment, with this table and this key.
    pub(crate) fn environment(&self, function: &str, table: &str, key: &str) -> BTreeMap<String, String> {
        let resolved = |value: &Value| match (value["Ref"].as_str(), value["Fn::Sub"].as_str()) {
            (Some("Table"), _) => table.to_owned(),
            (Some(parameter), _) => self.parameter(parameter),
            (None, Some(text)) => text.replace("${Key.Arn}", key),
            (None, None) if value["Fn::GetAtt"][0] == "Api" => "https://api.example".to_owned(),
            (None, None) => value.as_str().unwrap_or_else(|| panic!("what is {value}?")).to_owned(),
        };
        let variables = self.of(function, "Function")["Environment"]["Variables"].as_object().unwrap();
        variables.iter().map(|(name, value)| (name.clone(), resolved(value))).collect()
    }

    /// The actions that a function's policy allows, except for its log; for DynamoDB with the kinds of items.
    pub(crate) fn allowed(&self, function: &str) -> BTreeSet<String> {
        let policies = self.of(function, "Role")["Policies"].as_array().unwrap();
        let statements = policies.iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        let mut allowed = BTreeSet::new();
        for statement in statements {
            assert_eq!(statement["Effect"], "Allow");
            for action in list(&statement["Action"]) {
                let action = action.as_str().unwrap();
                let keys = list(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
                match (action.split_once(':').unwrap(), keys) {
                    (("logs", _), _) => {}
                    (("dynamodb", _), keys) => {
                        assert!(!keys.is_empty(), "{function}: {action} on every item");
                        allowed.extend(keys.iter().map(|key| format!("{action} {}", key.as_str().unwrap())));
                    }
                    _ => {
                        allowed.insert(action.to_owned());
                    }
                }
            }
        }
        allowed
    }
}

/// A list, also of a single value.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}
