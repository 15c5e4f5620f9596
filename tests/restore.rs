//! Accounts that were lost come back out of a restored copy of the table, and nothing with them that was over.

use std::process::Command;
use std::sync::Arc;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::types::AttributeValue;
use countersign::store::dynamodb::DynamoDbStore;
use serde_json::{Value, json};

use crate::rig::dynamodb::{create_table, endpoint, patient};
use crate::rig::enroll::native::{begin_app, confirm};
use crate::rig::{Client, World, clients_of, enroll_app, moto};

const VERIFY: &str = "/v1/me/verify";
const TABLE: &str = "table";
const COPY: &str = "copy";

/// A world over a table of an account of its own at DynamoDB Local.
struct Restored {
    world: World,
    dynamodb: DynamoDb,
    account: &'static str,
}

impl Restored {
    /// `None` where DynamoDB Local or boto3, which comes with moto, can't be had.
    async fn new(account: &'static str) -> Option<Self> {
        let endpoint = endpoint()?;
        moto::endpoint()?;
        let dynamodb = patient(&clients_of(endpoint, account).await.dynamodb);
        create_table(&dynamodb, TABLE).await;
        create_table(&dynamodb, COPY).await;
        let world = World::on(Arc::new(DynamoDbStore::new(dynamodb.clone(), TABLE.to_owned())));
        Some(Self { world, dynamodb, account })
    }

    /// Makes the copy that a restoration to this point in time would make.
    async fn restore_to_here(&self) {
        for item in self.dynamodb.scan().table_name(TABLE).send().await.unwrap().items() {
            self.dynamodb.put_item().table_name(COPY).set_item(Some(item.clone())).send().await.unwrap();
        }
    }

    /// An accident.
    async fn lose(&self, user: &str) {
        let key = AttributeValue::S(format!("a#{user}"));
        self.dynamodb.delete_item().table_name(TABLE).key("pk", key).send().await.unwrap();
    }

    /// Runs the script; whether it went well, and whom it names.
    fn bring_back(&self, arguments: &[&str]) -> (bool, Vec<String>) {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let output = Command::new(moto::python())
            .arg("scripts/restore-accounts")
            .args([COPY, TABLE])
            .args(arguments)
            .current_dir(root)
            .env("AWS_ENDPOINT_URL_DYNAMODB", endpoint().unwrap())
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", self.account)
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
            .unwrap();
        let users = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        (output.status.success(), users)
    }
}

async fn check(client: &Client, code: &str) -> Value {
    client.post(VERIFY, json!({"code": code})).await.json()
}

#[tokio::test]
async fn only_lost_accounts_are_restored_without_recovery_codes_or_recent_checks() {
    let Some(table) = Restored::new("restore0").await else { return };
    let (world, alice, bob) = (&table.world, table.world.user("alice"), table.world.user("bob"));
    let (secret, _, recovery) = enroll_app(&alice, "Phone").await;
    let (of_bob, ..) = enroll_app(&bob, "Phone").await;
    table.restore_to_here().await;
    // Meanwhile both go on, and then Alice's account is lost. Somebody who has her password enrols on what looks empty.
    assert_eq!(check(&alice, &recovery[0]).await["verified"], true);
    let used = world.next_code(&of_bob);
    assert_eq!(check(&bob, &used).await["verified"], true);
    table.lose("alice").await;
    let mallory = world.session("alice", "mallory");
    let begun = begin_app(&mallory, "Phone").await;

    assert_eq!(table.bring_back(&[]), (true, vec!["alice".to_owned()]), "what it would do");
    assert_eq!(alice.get("/v1/me/factors").await.json()["factors"], json!([]), "it did not");
    assert_eq!(table.bring_back(&["--write"]), (true, vec!["alice".to_owned()]));
    assert_eq!(table.bring_back(&["--write"]), (true, vec![]), "once is enough");

    assert_eq!(check(&bob, &used).await["code"], "code_already_used", "his account is as he left it");
    let (token, of_mallory) = begun;
    let refused = confirm(&mallory, &token, &world.next_code(&of_mallory)).await;
    assert_eq!(refused.expect(403).json()["code"], "step_up_required");
    alice.post("/v1/me/recovery-codes", Value::Null).await.expect(403);
    assert_eq!(check(&alice, &recovery[0]).await["code"], "incorrect_code", "it was used");
    assert_eq!(check(&alice, &recovery[1]).await["code"], "incorrect_code", "it may have been");
    assert_eq!(check(&alice, &world.next_code(&secret)).await["verified"], true);
    alice.post("/v1/me/recovery-codes", Value::Null).await.expect(201);
}

#[tokio::test]
async fn a_named_account_is_overwritten_and_keeps_recovery_codes_on_request() {
    let Some(table) = Restored::new("restore1").await else { return };
    let (world, alice) = (&table.world, table.world.user("alice"));
    let (secret, app, recovery) = enroll_app(&alice, "Phone").await;
    enroll_app(&world.user("bob"), "Phone").await;
    table.restore_to_here().await;
    alice.delete(&format!("/v1/me/factors/{app}"), Value::Null).await.expect(204);
    table.lose("bob").await;

    assert_eq!(table.bring_back(&["--write", "--user", "carol"]), (false, vec![]), "there is no Carol");
    let arguments = ["--write", "--user", "alice", "--keep-recovery-codes"];
    assert_eq!(table.bring_back(&arguments), (true, vec!["alice".to_owned()]));
    assert_eq!(check(&alice, &world.next_code(&secret)).await["verified"], true);
    assert_eq!(check(&alice, &recovery[1]).await["verified"], true);
    assert_eq!(world.user("bob").get("/v1/me/factors").await.json()["factors"], json!([]), "he was not named");
}
