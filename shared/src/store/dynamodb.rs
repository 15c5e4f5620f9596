//! The DynamoDB store. A read is a strongly consistent `GetItem`. A commit of one put is a conditional `UpdateItem`, of
//! several a `TransactWriteItems`.
//!
//! An item has the attributes `pk`, `item` (its content as a map of native attributes), `v` (its version), `v1`, `v2`,
//! `v3` (the three before it) and `ttl`. The write is an update and not a put: only an update can shift the versions
//! without a read, because the right side of `SET v1 = v` is the old value.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update as TransactUpdate,
};
use data_encoding::HEXLOWER;

use super::{Commit, Item, Key, Put, Replaces, Store, StoreError, Stored, Value, Version};
use crate::clients::is_refusal;

/// The attributes of the earlier versions, the latest first.
const BEFORE: [&str; Version::KEPT] = ["v1", "v2", "v3"];

/// A [`Store`] in one DynamoDB table. The partition key is the text attribute `pk`.
pub struct DynamoDbStore {
    client: Client,
    table: String,
}

impl DynamoDbStore {
    /// A store in the table of this name. The client must not retry: the flows retry.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn update(&self, put: &Put, version: Version) -> Result<(), StoreError> {
        let Expressions { condition, update, values } = Expressions::of(put, version);
        let sent = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(put.key.as_str().to_owned()))
            .condition_expression(condition)
            .update_expression(update)
            .set_expression_attribute_names(Some(names()))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) => match error.err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => refused([failed.item()], version),
                other => Err(classify_answer(other.code(), error.raw())),
            },
            Err(error) => Err(classify_silence(&error)),
        }
    }

    async fn transact(&self, commit: &Commit) -> Result<(), StoreError> {
        // DynamoDB treats a repeated token as the same transaction for ten minutes.
        let token = HEXLOWER.encode(&commit.version.0);
        match self.transact_as(Some(token), commit).await {
            // No other commit has this token, so this is the same commit. DynamoDB compares too strictly: maps are sent
            // in any order. As a transaction of its own, with a new token from the SDK, it is judged by its versions.
            Err(StoreError::Rejected(MISMATCH)) => match self.transact_as(None, commit).await {
                Err(StoreError::Rejected(MISMATCH)) => Err(StoreError::Unknown),
                sent => sent,
            },
            sent => sent,
        }
    }

    async fn transact_as(&self, token: Option<String>, commit: &Commit) -> Result<(), StoreError> {
        let items = commit.puts.iter().map(|put| self.transact_item(put, commit.version)).collect::<Result<_, _>>()?;
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        let sent = request.set_client_request_token(token).send().await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) => match error.err() {
                TransactWriteItemsError::TransactionCanceledException(canceled) => {
                    canceled_for(canceled.cancellation_reasons(), commit.version)
                }
                other => Err(classify_answer(other.code(), error.raw())),
            },
            Err(error) => Err(classify_silence(&error)),
        }
    }

    fn transact_item(&self, put: &Put, version: Version) -> Result<TransactWriteItem, StoreError> {
        let Expressions { condition, update, values } = Expressions::of(put, version);
        let update = TransactUpdate::builder()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(put.key.as_str().to_owned()))
            .condition_expression(condition)
            .update_expression(update)
            .set_expression_attribute_names(Some(names()))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|_| StoreError::Rejected("an update is incomplete"))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

#[async_trait]
impl Store for DynamoDbStore {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        let sent = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(key.as_str().to_owned()))
            .consistent_read(true)
            .send()
            .await;
        match sent {
            Ok(output) => output.item().map(|attributes| stored(attributes).ok_or(DAMAGED)).transpose(),
            Err(SdkError::ServiceError(error)) => Err(classify_answer(error.err().code(), error.raw())),
            Err(error) => Err(classify_silence(&error)),
        }
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        commit.check()?;
        match commit.puts.as_slice() {
            [put] => self.update(put, commit.version).await,
            _ => self.transact(commit).await,
        }
    }
}

const MISMATCH: &str = "a transaction's token was used with other content";

const DAMAGED: StoreError = StoreError::Rejected("an item can't be decoded");

struct Expressions {
    condition: &'static str,
    update: String,
    values: HashMap<String, AttributeValue>,
}

impl Expressions {
    fn of(put: &Put, version: Version) -> Self {
        let mut values = HashMap::from([
            (":item".to_owned(), map(&put.item)),
            (":v".to_owned(), AttributeValue::B(Blob::new(version.0))),
        ]);
        let (condition, set) = match put.replaces {
            Replaces::Nothing => {
                values.insert(":none".to_owned(), AttributeValue::B(Blob::new([])));
                ("attribute_not_exists(pk)", "SET #item = :item, v = :v, v1 = :none, v2 = :none, v3 = :none")
            }
            Replaces::Version(replaced) => {
                values.insert(":replaced".to_owned(), AttributeValue::B(Blob::new(replaced.0)));
                ("v = :replaced", "SET #item = :item, v = :v, v1 = v, v2 = v1, v3 = v2")
            }
        };
        let update = match put.ttl {
            Some(ttl) => {
                values.insert(":ttl".to_owned(), AttributeValue::N(ttl.to_string()));
                format!("{set}, #ttl = :ttl")
            }
            None => format!("{set} REMOVE #ttl"),
        };
        Self { condition, update, values }
    }
}

/// Placeholders, because `item` and `ttl` are reserved words in expressions.
fn names() -> HashMap<String, String> {
    [("#item", "item"), ("#ttl", "ttl")].map(|(placeholder, name)| (placeholder.to_owned(), name.to_owned())).into()
}

/// Decides on a failed condition. If an item shows our version, as its own or an earlier one, our reply was lost and
/// the commit succeeded. Else it is a conflict.
fn refused<'a>(
    items: impl IntoIterator<Item = Option<&'a HashMap<String, AttributeValue>>>,
    version: Version,
) -> Result<(), StoreError> {
    let shows = |item: &HashMap<String, AttributeValue>| {
        std::iter::once("v")
            .chain(BEFORE)
            .any(|name| matches!(item.get(name), Some(AttributeValue::B(v)) if v.as_ref() == version.0))
    };
    if items.into_iter().flatten().any(shows) { Ok(()) } else { Err(StoreError::Conflict) }
}

/// Decides on a cancelled transaction, of which nothing was written. A failed condition comes before every other
/// reason.
fn canceled_for(reasons: &[CancellationReason], version: Version) -> Result<(), StoreError> {
    let codes: Vec<_> = reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None").collect();
    if codes.contains(&"ConditionalCheckFailed") {
        return refused(reasons.iter().map(CancellationReason::item), version);
    }
    tracing::warn!(store.codes = ?codes, "DynamoDB cancelled a transaction");
    // Conflicts with another transaction, or exceeds the table's throughput.
    let is_busy =
        |code: &&str| ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"].contains(code);
    Err(if !codes.is_empty() && codes.iter().all(is_busy) {
        StoreError::Unavailable
    } else {
        StoreError::Rejected("DynamoDB rejected a transaction")
    })
}

/// Maps an error answer of the service, and logs its code. Its text is not logged because it may repeat a key.
fn classify_answer(code: Option<&str>, answer: &HttpResponse) -> StoreError {
    let status = answer.status();
    tracing::warn!(store.code = code, store.status = status.as_u16(), "DynamoDB answered a call with an error");
    match code {
        Some("ResourceNotFoundException") => StoreError::Rejected("the table does not exist"),
        Some("ValidationException") => StoreError::Rejected("DynamoDB rejected a call as malformed"),
        Some("IdempotentParameterMismatchException") => StoreError::Rejected(MISMATCH),
        // The transaction in progress is our own, sent earlier.
        Some("TransactionInProgressException") => StoreError::Unknown,
        // For example throttled, in conflict with a transaction, not yet permitted, or signed with expired or not yet
        // known credentials. The service blames the caller, so nothing was written, and a later attempt may succeed.
        _ if is_refusal(code, answer) => StoreError::Unavailable,
        // A server error, or an answer from a proxy in between: the commit may be written.
        _ => StoreError::Unknown,
    }
}

/// Maps a missing or unreadable answer.
fn classify_silence<E>(error: &SdkError<E>) -> StoreError {
    tracing::warn!(store.error = %error, "DynamoDB gave no answer");
    match error {
        SdkError::ConstructionFailure(_) => StoreError::Rejected("a call could not be built"),
        _ => StoreError::Unknown,
    }
}

fn stored(attributes: &HashMap<String, AttributeValue>) -> Option<Stored> {
    let version = attributes.get("v")?.as_b().ok()?.as_ref().try_into().ok()?;
    let ttl = match attributes.get("ttl") {
        Some(ttl) => Some(ttl.as_n().ok()?.parse().ok()?),
        None => None,
    };
    let item = attributes.get("item")?.as_m().ok()?;
    Some(Stored { item: read_map(item)?, version: Version(version), ttl })
}

fn map(item: &Item) -> AttributeValue {
    AttributeValue::M(item.iter().map(|(name, value)| (name.to_owned(), attribute(value))).collect())
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Bytes(bytes) => AttributeValue::B(Blob::new(bytes.as_slice())),
        Value::List(values) => AttributeValue::L(values.iter().map(attribute).collect()),
        Value::Map(item) => map(item),
    }
}

fn read_map(attributes: &HashMap<String, AttributeValue>) -> Option<Item> {
    attributes.iter().map(|(name, attribute)| Some((name.clone(), read_attribute(attribute)?))).collect()
}

fn read_attribute(attribute: &AttributeValue) -> Option<Value> {
    Some(match attribute {
        AttributeValue::S(text) => Value::Text(text.clone()),
        AttributeValue::N(number) => Value::Number(number.parse().ok()?),
        AttributeValue::B(bytes) => Value::Bytes(bytes.as_ref().to_vec()),
        AttributeValue::L(values) => Value::List(values.iter().map(read_attribute).collect::<Option<_>>()?),
        AttributeValue::M(map) => Value::Map(read_map(map)?),
        _ => return None,
    })
}
