//! The updates of a deployed stack, and its deletion. `sam deploy` runs with the project's `samconfig.toml`.

use serde_json::{Value, json};

use crate::cloud::{Cloud, SCOPE};
use crate::walk::{VERIFY, Walk};

/// Users with an app each: an app's code passes once, and the next comes after half a minute.
struct Apps<'a> {
    walk: Walk<'a>,
    unused: Vec<(&'static str, String)>,
}

impl Apps<'_> {
    #[track_caller]
    fn enroll(&mut self, user: &'static str) {
        let (secret, ..) = self.walk.app(user);
        self.unused.push((user, secret));
    }

    /// Checks an app that was enrolled and not checked yet, the oldest.
    #[track_caller]
    fn check(&mut self) {
        let (user, secret) = self.unused.remove(0);
        let code = self.walk.code(&secret, 1);
        self.walk.call(user, VERIFY, &json!({"code": code})).expect(200);
    }
}

#[test]
fn a_key_rotation_and_the_deployments_after_it_keep_every_factor_and_every_parameter() {
    let Some(cloud) = Cloud::deployed(SCOPE) else { return };
    let mut apps = Apps { walk: Walk::over(&cloud), unused: Vec::new() };
    for user in ["alice", "bob", "carol", "dave", "erin"] {
        apps.enroll(user);
    }
    apps.check();
    let first = cloud.parameters();
    assert_eq!(first["EmailFrom"], "security@example.com");
    assert_eq!(first["KeyRotation"], "none");
    let rotation = |state: &str| {
        let mut expected = first.clone();
        expected.insert("KeyRotation".to_owned(), state.to_owned());
        expected
    };

    cloud.deploy(&["KeyRotation=prepared"]);
    assert_eq!(cloud.parameters(), rotation("prepared"), "one parameter changes, and the others keep their values");
    apps.check();
    apps.enroll("frank");

    cloud.deploy(&["KeyRotation=done"]);
    assert_eq!(cloud.parameters(), rotation("done"));
    apps.check();
    // This secret is sealed by the second key, which a stack without it could not open.
    apps.enroll("grace");

    assert!(cloud.deploy(&[]).contains("No changes to deploy"), "a deployment without parameters changes nothing");
    assert_eq!(cloud.parameters(), rotation("done"));
    apps.check();

    cloud.deploy(&["ProductName=Renamed"]);
    let mut expected = rotation("done");
    expected.insert("ProductName".to_owned(), "Renamed".to_owned());
    assert_eq!(cloud.parameters(), expected);
    let begun = apps.walk.call("heidi", "POST /v1/me/enrollments", &json!({"factorType": "totp"})).expect(201);
    assert!(begun.text("/totp/uri").contains("issuer=Renamed"), "{}", begun.text("/totp/uri"));
    let keys = ["KeyArn", "SecondKeyArn"].map(|output| cloud.output(output));
    let table = cloud.output("TableName");
    while !apps.unused.is_empty() {
        apps.check();
    }

    // The items, in the order of their names.
    let items = || {
        let all = cloud.aws.json("dynamodb", "DynamoDB_20120810.Scan", &json!({"TableName": table}));
        let mut names: Vec<_> = all["Items"].as_array().unwrap().iter().map(|item| item["pk"].to_string()).collect();
        names.sort();
        names
    };
    let before = items();
    assert!(before.len() >= 8, "an account of each user: {before:?}");
    cloud.delete();
    assert_eq!(items(), before, "the table outlives the stack");
    for key in keys {
        let found = cloud.aws.json("kms", "TrentService.DescribeKey", &json!({"KeyId": key}));
        let [state, multi_region] = ["KeyState", "MultiRegion"].map(|name| &found["KeyMetadata"][name]);
        assert_eq!((state, multi_region), (&json!("Enabled"), &Value::Bool(true)), "{key} outlives the stack");
    }
    let functions = cloud.aws.rest("lambda", "GET", "/2015-03-31/functions", &Value::Null);
    assert_eq!(functions["Functions"], json!([]), "and nothing else does");
}
