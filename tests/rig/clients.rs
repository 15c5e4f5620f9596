//! The clients that the functions have, of what stands in for AWS.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::Credentials;
use countersign::clients::Clients;

/// The functions' clients of a server here. Each has an access key of its own. DynamoDB Local takes that for an account:
/// what repeats between tests, as their randomness does, is no repetition to it.
pub async fn clients_at(endpoint: &str) -> Clients {
    static ACCOUNTS: AtomicUsize = AtomicUsize::new(0);
    clients_of(endpoint, &format!("test{}", ACCOUNTS.fetch_add(1, Ordering::SeqCst))).await
}

/// The same with this access key.
pub async fn clients_of(endpoint: &str, access_key: &str) -> Clients {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(access_key, "test", None, None, "test"))
        .endpoint_url(endpoint);
    Clients::load(config).await
}
