//! The resources that outlive the stack, and the effects of a key rotation.

use std::collections::BTreeSet;

use serde_json::json;

use super::{FEW, Template, reference};

fn rotated(state: &str) -> Option<Template> {
    let state = format!("KeyRotation={state}");
    Template::with(&[FEW, &[state.as_str()]].concat())
}

#[test]
fn the_table_and_the_keys_outlive_the_stack_but_not_a_first_deployment_that_failed() {
    let Some(template) = rotated("prepared") else { return };
    let mut kept = template.all("AWS::DynamoDB::Table");
    kept.append(&mut template.all("AWS::KMS::Key"));
    assert_eq!(kept.keys().copied().collect::<Vec<_>>(), ["Key", "SecondKey", "Table"]);
    for (name, resource) in kept {
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
}

#[test]
fn the_table_is_what_the_store_expects() {
    let Some(template) = Template::few() else { return };
    assert_eq!(
        template.properties("Table"),
        &json!({
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": true},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
            "SSESpecification": {"SSEEnabled": false},
            "DeletionProtectionEnabled": reference("DeletionProtection"),
        })
    );
    // With deletion protection, a failed first deployment could not be rolled back.
    assert_eq!(template.section("Parameters")["DeletionProtection"]["Default"], "false");
}

#[test]
fn a_key_makes_macs_and_the_account_administers_it() {
    let Some(template) = rotated("prepared") else { return };
    for (name, key) in template.all("AWS::KMS::Key") {
        let key = &key["Properties"];
        assert_eq!(key["KeySpec"], "HMAC_256", "{name}");
        assert_eq!(key["KeyUsage"], "GENERATE_VERIFY_MAC", "{name}");
        // It can't be changed later: an update that tries fails.
        assert_eq!(key["MultiRegion"], true, "{name}");
        let root = json!({"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}});
        assert_eq!(
            key["KeyPolicy"]["Statement"],
            json!([{"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}]),
            "{name}"
        );
    }
}

#[test]
fn a_rotation_first_opens_with_the_second_key_and_then_seals_with_that_key() {
    let states = [
        ("none", "1:${Key.Arn}", 1),
        ("prepared", "1:${Key.Arn},2:${SecondKey.Arn}", 2),
        ("done", "2:${SecondKey.Arn},1:${Key.Arn}", 2),
    ];
    for (state, expected, keys) in states {
        let Some(template) = rotated(state) else { return };
        assert_eq!(template.all("AWS::KMS::Key").len(), keys, "{state}");
        for (name, function) in template.all("AWS::Lambda::Function") {
            let variables = &function["Properties"]["Environment"]["Variables"];
            assert_eq!(variables["KMS_KEYS"]["Fn::Sub"], expected, "{state}: {name}");
        }
        assert_eq!(template.section("Outputs").contains_key("SecondKeyArn"), keys == 2, "{state}");
    }
    let Some(template) = Template::few() else { return };
    let rotation = &template.section("Parameters")["KeyRotation"];
    assert_eq!(rotation["Default"], "none");
    assert_eq!(rotation["AllowedValues"], json!(states.map(|(state, ..)| state)));
}

#[test]
fn nothing_has_a_fixed_name_so_that_stacks_live_side_by_side() {
    let Some(template) = rotated("done") else { return };
    let names: BTreeSet<_> =
        ["TableName", "FunctionName", "RoleName", "LogGroupName", "ManagedPolicyName", "AliasName"].into();
    for (name, resource) in template.section("Resources") {
        for (property, value) in resource["Properties"].as_object().unwrap() {
            // A name that is derived from the stack or a resource is not fixed.
            assert!(!names.contains(property.as_str()) || value.is_object(), "{name} has the fixed {property} {value}");
        }
    }
    assert_eq!(template.properties("Api")["Name"], reference("AWS::StackName"));
    for (name, output) in template.section("Outputs") {
        assert_eq!(output.get("Export"), None, "{name}");
    }
}
