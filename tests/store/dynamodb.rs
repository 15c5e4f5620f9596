//! The DynamoDB store against AWS's DynamoDB Local.

use std::sync::Arc;

use countersign::store::Store;
use countersign::store::dynamodb::DynamoDbStore;

use crate::rig::dynamodb::{client, create_table};

/// A store in its own table; `None` where DynamoDB Local is missing.
pub async fn fresh() -> Option<(Arc<dyn Store>, ())> {
    let client = client().await?;
    create_table(&client, "store").await;
    Some((Arc::new(DynamoDbStore::new(client, "store".to_owned())), ()))
}
