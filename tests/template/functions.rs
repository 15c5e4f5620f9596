//! The functions and their environment.

use std::collections::BTreeSet;

use countersign::config::{DEPLOYMENT_SETTINGS, SETTINGS};
use countersign::delivery::messages::Wording;
use serde_json::{Value, json};

use super::{Template, meant, reference};

/// The parameter of a setting: `PRODUCT_NAME` gives `ProductName`.
fn parameter(setting: &str) -> String {
    let capital = |word: &str| word[..1].to_owned() + &word[1..].to_lowercase();
    setting.split('_').map(capital).collect()
}

#[test]
fn every_function_has_the_same_runtime_memory_and_timeout() {
    let Some(template) = Template::few() else { return };
    for (name, function) in template.all("AWS::Lambda::Function") {
        let function = &function["Properties"];
        assert_eq!(function["Runtime"], "provided.al2023", "{name}");
        assert_eq!(function["Handler"], "bootstrap", "{name}");
        assert_eq!(function["Architectures"], json!([reference("Architecture")]), "{name}");
        assert_eq!(function["MemorySize"], 128, "{name}");
        assert_eq!(function["Timeout"], 10, "{name}");
        // A new account refuses reserved concurrency: its limit is ten in all.
        assert_eq!(function.get("ReservedConcurrentExecutions"), None, "{name}");
    }
    assert_eq!(template.section("Parameters")["Architecture"]["Default"], "arm64");
}

#[test]
fn every_function_has_a_role_and_a_log_group_of_its_own() {
    let Some(template) = Template::few() else { return };
    let functions = template.all("AWS::Lambda::Function");
    let (mut roles, mut groups) = (BTreeSet::new(), BTreeSet::new());
    for (name, function) in &functions {
        let function = &function["Properties"];
        roles.insert(meant(&function["Role"]));
        let logging = &function["LoggingConfig"];
        groups.insert(meant(&logging["LogGroup"]));
        assert_eq!(logging["LogFormat"], "JSON", "{name}");
        assert_eq!(logging["ApplicationLogLevel"], "INFO", "{name}");
        assert_eq!(logging["SystemLogLevel"], "WARN", "{name}");
    }
    assert_eq!(roles, template.all("AWS::IAM::Role").into_keys().collect());
    assert_eq!(roles.len(), functions.len());
    groups.insert(meant(&template.properties("Stage")["AccessLogSettings"]["DestinationArn"]));
    assert_eq!(groups, template.all("AWS::Logs::LogGroup").into_keys().collect());
    assert_eq!(groups.len(), functions.len() + 1);
    for group in groups {
        assert_eq!(template.properties(group)["RetentionInDays"], reference("LogRetentionDays"), "{group}");
    }
}

#[test]
fn every_variable_of_the_environment_is_a_setting_that_the_code_reads() {
    let Some(template) = Template::few() else { return };
    for (name, function) in template.all("AWS::Lambda::Function") {
        let variables = function["Properties"]["Environment"]["Variables"].as_object().unwrap();
        for (variable, value) in variables {
            let mut settings = SETTINGS.iter().chain(DEPLOYMENT_SETTINGS);
            assert!(settings.any(|setting| setting.name == variable), "{name} has {variable}, which nothing reads");
            match variable.as_str() {
                "TABLE_NAME" => assert_eq!(value, &reference("Table"), "{name}"),
                "KMS_KEYS" => {}
                "RECEIPT_ISSUER" => {
                    let own = json!({"Fn::GetAtt": ["Api", "ApiEndpoint"]});
                    let expected = json!({"Fn::If": ["HasReceiptIssuer", reference("ReceiptIssuer"), own]});
                    assert!(value == &expected || value == &own, "{name}: {value}");
                }
                // It follows the domain.
                "PAGE_URL" => {}
                _ => assert_eq!(value, &reference(&parameter(variable)), "{name}: {variable}"),
            }
        }
        for needed in DEPLOYMENT_SETTINGS {
            assert!(variables.contains_key(needed.name), "{name} lacks {}", needed.name);
        }
        // A parameter that no function gets would do nothing. The gateway itself answers for origins.
        let parameters = template.section("Parameters");
        for setting in SETTINGS.iter().filter(|setting| setting.name != "ALLOWED_ORIGINS") {
            let is_parameter = parameters.contains_key(parameter(setting.name).as_str());
            assert!(!is_parameter || variables.contains_key(setting.name), "{name} lacks {}", setting.name);
        }
    }
}

#[test]
fn a_parameter_of_a_setting_has_the_settings_default() {
    let Some(template) = Template::few() else { return };
    let parameters = template.section("Parameters");
    let mut compared = 0;
    for setting in SETTINGS {
        let Some(parameter) = parameters.get(parameter(setting.name).as_str()) else { continue };
        // Except for SMS, which costs money: no country is allowed until one is named.
        let default = if setting.name == "ALLOWED_COUNTRIES" { "" } else { setting.default };
        let given = &parameter["Default"];
        assert_eq!(given.as_str().map_or_else(|| given.to_string(), str::to_owned), default, "{}", setting.name);
        if let Some((least, most)) = setting.range {
            let range = [&parameter["MinValue"], &parameter["MaxValue"]];
            assert_eq!(range, [&json!(least), &json!(most)], "{}", setting.name);
        }
        compared += 1;
    }
    assert!(compared >= 7, "only {compared} parameters are settings");
}

#[test]
fn no_parameter_is_required() {
    let Some(template) = Template::few() else { return };
    let parameters = template.section("Parameters");
    let required: Vec<_> = parameters.iter().filter(|(_, each)| each.get("Default").is_none()).collect();
    assert_eq!(required.iter().map(|(name, _)| **name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_console_shows_every_parameter_once_with_a_description() {
    let Some(template) = Template::few() else { return };
    let groups = &template.0["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let groups = groups.as_array().unwrap();
    let shown: Vec<_> =
        groups.iter().flat_map(|group| group["Parameters"].as_array().unwrap()).filter_map(Value::as_str).collect();
    let parameters = template.section("Parameters");
    assert_eq!(shown.iter().copied().collect::<BTreeSet<_>>(), parameters.keys().copied().collect());
    assert_eq!(shown.len(), parameters.len());
    for (name, parameter) in parameters {
        assert!(parameter["Description"].is_string(), "{name} has no description");
        let is_restricted = ["AllowedPattern", "MaxLength"].iter().any(|rule| parameter.get(rule).is_some());
        assert_eq!(parameter.get("ConstraintDescription").is_some(), is_restricted, "{name}");
    }
}

#[test]
fn the_lengths_in_the_description_of_the_product_name_are_those_that_fit_into_one_sms() {
    let Some(template) = Template::few() else { return };
    let parameter = &template.section("Parameters")["ProductName"];
    assert_eq!(parameter["MaxLength"], 33);
    let description = parameter["Description"].as_str().unwrap();
    let (domain, hash) = ("example.com", "A1b2C3d4E5f");
    // With a domain, the limit counts the name and the domain together.
    for (letter, longest, domain, hash) in [
        ("a", 33, Some(domain), None),
        ("a", 33, None, Some(hash)),
        ("名", 20, Some(domain), None),
        ("名", 20, None, Some(hash)),
        ("名", 32, None, None),
    ] {
        assert!(description.contains(&format!(" {longest}")), "{description}");
        let name = letter.repeat(longest - domain.map_or(0, str::len));
        Wording::new(&name, domain, hash).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(Wording::new(&(name.clone() + letter), domain, hash).is_err(), "{name}{letter}");
    }
}
