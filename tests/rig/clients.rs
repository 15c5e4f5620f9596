//! The functions' clients, for the servers that stand in for AWS.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::Credentials;
use countersign::clients::Clients;

/// The functions' clients for a local server, each with a new access key. DynamoDB Local keeps data by access key: so
/// tests, whose randomness repeats, don't meet each other's data.
pub async fn clients_at(endpoint: &str) -> Clients {
    static ACCOUNTS: AtomicUsize = AtomicUsize::new(0);
    clients_of(endpoint, &format!("test{}", ACCOUNTS.fetch_add(1, Ordering::SeqCst))).await
}

/// The same with a given access key.
pub async fn clients_of(endpoint: &str, access_key: &str) -> Clients {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(access_key, "test", None, None, "test"))
        .endpoint_url(endpoint);
    Clients::load(config, true).await
}
