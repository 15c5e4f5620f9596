//! The DynamoDB store, judged by AWS's own DynamoDB Local.

use std::sync::Arc;

use countersign::store::Store;
use countersign::store::dynamodb::DynamoDbStore;

use crate::rig::dynamodb::{client, create_table};

/// A store in a table of its own; `None` where DynamoDB Local can't be had.
pub async fn fresh() -> Option<(Arc<dyn Store>, ())> {
    let client = client().await?;
    create_table(&client, "store").await;
    Some((Arc::new(DynamoDbStore::new(client, "store".to_owned())), ()))
}
