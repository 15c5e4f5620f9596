//! The classification of each answer of DynamoDB. A certain refusal is never taken for a possible write, nor the other
//! way round.

use countersign::store::dynamodb::DynamoDbStore;
use countersign::store::{Commit, Item, Key, Put, Replaces, Store, StoreError, Version};

use crate::rig::proxy::{Fault, Proxy};
use crate::rig::{clients_at, dynamodb};

fn commit(keys: &[&str]) -> Commit {
    let put = |key: &&str| Put {
        key: Key::new('t', &[key]),
        replaces: Replaces::Nothing,
        item: Item::default().with("number", 1_i64),
        ttl: None,
    };
    Commit { version: Version([1; Version::LENGTH]), puts: keys.iter().map(put).collect() }
}

/// A store whose next call gets this fault.
async fn answered(fault: Fault) -> (Proxy, DynamoDbStore) {
    let proxy = Proxy::to_nowhere();
    let store = DynamoDbStore::new(clients_at(&proxy.url()).await.dynamodb, "table".to_owned());
    proxy.plan(fault, 0, usize::MAX);
    (proxy, store)
}

const NO_TABLE: StoreError = StoreError::Rejected("the table does not exist");
const MALFORMED: StoreError = StoreError::Rejected("DynamoDB rejected a call as malformed");
const REFUSED: StoreError = StoreError::Rejected("DynamoDB rejected a transaction");

#[tokio::test]
async fn each_dynamodb_error_maps_to_its_store_error() {
    let table = [
        // Nothing was written, and a later attempt may succeed.
        (Fault::Refused(400, "ThrottlingException"), StoreError::Unavailable),
        (Fault::Refused(400, "ProvisionedThroughputExceededException"), StoreError::Unavailable),
        (Fault::Refused(400, "RequestLimitExceeded"), StoreError::Unavailable),
        (Fault::Refused(400, "TransactionConflictException"), StoreError::Unavailable),
        (Fault::Refused(400, "ReplicatedWriteConflictException"), StoreError::Unavailable),
        (Fault::Refused(429, "TooManyRequestsException"), StoreError::Unavailable),
        (Fault::Refused(400, "AccessDeniedException"), StoreError::Unavailable),
        (Fault::Refused(400, "UnrecognizedClientException"), StoreError::Unavailable),
        (Fault::Refused(400, "ExpiredTokenException"), StoreError::Unavailable),
        (Fault::Refused(403, "InvalidSignatureException"), StoreError::Unavailable),
        // Nothing was written, and no later attempt will succeed.
        (Fault::Refused(400, "ResourceNotFoundException"), NO_TABLE),
        (Fault::Refused(400, "ValidationException"), MALFORMED),
        // The commit may be written.
        (Fault::Refused(400, "TransactionInProgressException"), StoreError::Unknown),
        (Fault::Refused(500, "InternalServerError"), StoreError::Unknown),
        (Fault::Refused(503, "ServiceUnavailable"), StoreError::Unknown),
        (Fault::Refused(503, "ThrottlingException"), StoreError::Unknown),
        (Fault::Refused(408, "RequestTimeoutException"), StoreError::Unknown),
        (Fault::Foreign(400), StoreError::Unknown),
        (Fault::Foreign(403), StoreError::Unknown),
        (Fault::Foreign(502), StoreError::Unknown),
        (Fault::Foreign(200), StoreError::Unknown),
        (Fault::Cut, StoreError::Unknown),
    ];
    for (fault, error) in table {
        let (proxy, store) = answered(fault).await;
        assert_eq!(store.get(&Key::new('t', &["a"])).await, Err(error), "a read: {fault:?}");
        assert_eq!(store.commit(&commit(&["a"])).await, Err(error), "a write: {fault:?}");
        assert_eq!(store.commit(&commit(&["a", "b"])).await, Err(error), "a transaction: {fault:?}");
        let names: Vec<_> = proxy.take().await.iter().map(|seen| seen.name().to_owned()).collect();
        assert_eq!(names, ["GetItem", "UpdateItem", "TransactWriteItems"], "{fault:?}: nothing is repeated");
    }
}

#[tokio::test]
async fn an_idempotency_mismatch_is_resolved_by_reading_the_stored_versions_t40() {
    let Some(endpoint) = dynamodb::endpoint() else { return };
    let proxy = Proxy::to(endpoint);
    let client = clients_at(&proxy.url()).await.dynamodb;
    dynamodb::create_table(&dynamodb::patient(&client), "table").await;
    let store = DynamoDbStore::new(dynamodb::patient(&client), "table".to_owned());
    let mismatch = |count| {
        proxy.plan_for("TransactWriteItems", Fault::Refused(400, "IdempotentParameterMismatchException"), 0, count);
    };
    let first = commit(&["a", "b"]);
    store.commit(&first).await.unwrap();
    mismatch(1);
    assert_eq!(store.commit(&first).await, Ok(()), "it is there");
    mismatch(1);
    let second = Commit { version: Version([2; Version::LENGTH]), ..first };
    assert_eq!(store.commit(&second).await, Err(StoreError::Conflict), "another is there");
    mismatch(usize::MAX);
    assert_eq!(store.commit(&second).await, Err(StoreError::Unknown), "it may be there by now");
}

#[tokio::test]
async fn each_cancellation_reason_maps_to_its_store_error() {
    let table: [(&'static [&'static str], StoreError); 14] = [
        // Another writer came first: decide again, whatever the other reasons are.
        (&["ConditionalCheckFailed", "None"], StoreError::Conflict),
        (&["None", "ConditionalCheckFailed"], StoreError::Conflict),
        (&["TransactionConflict", "ConditionalCheckFailed"], StoreError::Conflict),
        (&["ConditionalCheckFailed", "ThrottlingError"], StoreError::Conflict),
        // Only busy: the same commit can be repeated.
        (&["TransactionConflict", "None"], StoreError::Unavailable),
        (&["None", "ThrottlingError"], StoreError::Unavailable),
        (&["ProvisionedThroughputExceeded", "None"], StoreError::Unavailable),
        (&["TransactionConflict", "ThrottlingError"], StoreError::Unavailable),
        // Repeating it never helps.
        (&["ValidationError", "None"], REFUSED),
        (&["None", "ItemCollectionSizeLimitExceeded"], REFUSED),
        (&["ValidationError", "TransactionConflict"], REFUSED),
        (&["ThrottlingError", "ItemCollectionSizeLimitExceeded"], REFUSED),
        (&["SomethingNew", "None"], REFUSED),
        (&[], REFUSED),
    ];
    for (reasons, error) in table {
        let (_proxy, store) = answered(Fault::Cancelled(reasons)).await;
        assert_eq!(store.commit(&commit(&["a", "b"])).await, Err(error), "{reasons:?}");
    }
}
