//! `template.yaml`, expanded as CloudFormation does: it deploys what the code needs, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::rig::sam::expand;

mod api;
mod documented;
mod domain;
mod functions;
mod kept;
mod permissions;
mod rules;

/// The fewest possible parameters.
const FEW: &[&str] = &["Issuer=https://issuer.example", "Audience=app"];

/// Parameters that turn everything on.
const MANY: &[&str] = &[
    "Issuer=https://issuer.example",
    "Audience=app,page",
    "Scopes=openid,countersign",
    "AllowedOrigins=https://app.example,http://localhost:5173",
    "EmailFrom=security@example.com",
    "SesConfigurationSet=second-factor",
    "AllowedCountries=CH,DE",
];

/// The expanded template under some parameters, without the parts that they turn off.
#[derive(Clone)]
struct Template(Value);

impl Template {
    /// The template with these parameters; the others have their defaults. `None` where Python is missing.
    fn with(parameters: &[&str]) -> Option<Self> {
        static EXPANDED: Mutex<BTreeMap<Vec<String>, Value>> = Mutex::new(BTreeMap::new());
        let mut expanded = EXPANDED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = parameters.iter().map(|&parameter| parameter.to_owned()).collect();
        if let Some(value) = expanded.get(&key) {
            return Some(Self(value.clone()));
        }
        let value = expand(parameters)?;
        expanded.insert(key, value.clone());
        Some(Self(value))
    }

    fn few() -> Option<Self> {
        Self::with(FEW)
    }

    fn many() -> Option<Self> {
        Self::with(MANY)
    }

    /// The entries of a section, by name.
    fn section(&self, name: &str) -> BTreeMap<&str, &Value> {
        self.0[name].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value)).collect()
    }

    /// The resources of a type, by logical name.
    fn all(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let found: BTreeMap<_, _> =
            self.section("Resources").into_iter().filter(|(_, resource)| resource["Type"] == kind).collect();
        assert!(!found.is_empty(), "there is no {kind}");
        found
    }

    /// The properties of a resource.
    #[track_caller]
    fn properties(&self, name: &str) -> &Value {
        let properties = &self.0["Resources"][name]["Properties"];
        assert!(properties.is_object(), "there is no resource {name}");
        properties
    }

    /// The logical name of each function, by its binary's name.
    fn functions(&self) -> BTreeMap<&str, &str> {
        self.all("AWS::Lambda::Function")
            .into_iter()
            .map(|(name, function)| {
                assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda", "{name}");
                (function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap(), name)
            })
            .collect()
    }
}

/// The name of the resource that a `!Ref` or `!GetAtt ….Arn` refers to.
#[track_caller]
fn meant(value: &Value) -> &str {
    let arn = value.pointer("/Fn::GetAtt/0").filter(|_| value["Fn::GetAtt"][1] == "Arn");
    value.get("Ref").or(arn).and_then(Value::as_str).unwrap_or_else(|| panic!("{value} means no resource"))
}

fn reference(name: &str) -> Value {
    json!({"Ref": name})
}

fn set<const N: usize>(of: [&str; N]) -> BTreeSet<&str> {
    BTreeSet::from(of)
}
