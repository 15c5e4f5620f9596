//! What the template says of the functions: their environment, and what they are allowed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::sam::expand;

/// The template with every channel on.
pub struct Template(Value);

impl Template {
    /// `None` where SAM's tools can't be had.
    pub fn read() -> Option<Self> {
        expand(&[
            "Issuer=https://issuer.example",
            "Audience=app",
            "AllowedCountries=*",
            "EmailFrom=security@example.com",
            "ProductName=Example",
            "SmsSenderId=Example",
        ])
        .map(Self)
    }

    /// The resource of a type that belongs to a function, as `Function` and `Role` do.
    fn of(&self, function: &str, kind: &str) -> &Value {
        let camel: String = function
            .split('-')
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .chain([kind.to_owned()])
            .collect();
        let resource = &self.0["Resources"][&camel]["Properties"];
        assert!(resource.is_object(), "there is no {camel}");
        resource
    }

    /// A function's environment, where the table and the key are these.
    pub fn environment(&self, function: &str, table: &str, key: &str) -> BTreeMap<String, String> {
        let resolved = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Object(map) if map.get("Ref").is_some_and(|name| name == "Table") => table.to_owned(),
            Value::Object(map) => {
                let text = map.get("Fn::Sub").and_then(Value::as_str).unwrap_or_else(|| panic!("what is {value}?"));
                text.replace("${Key.Arn}", key)
            }
            other => other.to_string(),
        };
        let variables = self.of(function, "Function")["Environment"]["Variables"].as_object().unwrap();
        variables.iter().map(|(name, value)| (name.clone(), resolved(value))).collect()
    }

    /// What a function's policy allows it besides its log: the action, and with DynamoDB the kinds of items.
    pub fn allowed(&self, function: &str) -> BTreeSet<String> {
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

/// One or many.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}
