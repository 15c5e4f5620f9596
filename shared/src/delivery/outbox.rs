//! The local outbox: it keeps messages for the developer to read instead of sending them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, TableError};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::{Channel, Delivery, DeliveryError, Message};
use crate::clock::Clock;
use crate::domain::time::Timestamp;
use crate::store::embedded::{Failed, SharedDatabase};

/// The columns of a message: whether it is an e-mail, recipient, subject, text, code, time of sending in Unix seconds.
type Row = (bool, &'static str, Option<&'static str>, &'static str, &'static str, i64);

/// Messages by number; numbers only grow.
const MESSAGES: TableDefinition<u64, Row> = TableDefinition::new("outbox");

/// Keeps the newest messages in its own table of the store's database. A message is on disk once [`Delivery::send`]
/// returns, and survives the process.
pub struct Outbox {
    database: SharedDatabase,
    clock: Arc<dyn Clock>,
}

/// A message that the outbox kept.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivered {
    /// An opaque id, never reused.
    pub id: String,
    /// SMS or e-mail.
    pub channel: Channel,
    /// The phone number in E.164, or the e-mail address.
    pub to: String,
    /// The subject; `None` for an SMS.
    pub subject: Option<String>,
    /// The plain text.
    pub text: String,
    /// The passcode in the text.
    pub code: String,
    /// The time of sending in Unix seconds. In JSON it is ISO 8601 in UTC.
    #[serde(serialize_with = "iso_8601")]
    pub sent_at: i64,
}

/// The outbox can't be read. The text gives the database's error and no content of a message.
#[derive(Debug)]
pub struct OutboxError(String);

impl fmt::Display for OutboxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the outbox can't be read: {}", self.0)
    }
}

impl std::error::Error for OutboxError {}

impl fmt::Debug for Delivered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Delivered")
            .field("id", &self.id)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    /// The most messages kept: more than anyone reads, few enough for one page.
    pub const KEPT: u64 = 200;

    /// An outbox in `database`; `clock` gives the time of sending.
    #[must_use]
    pub fn new(database: SharedDatabase, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// The kept messages, newest first.
    ///
    /// # Errors
    /// [`OutboxError`] when the database can't be read.
    pub async fn list(&self) -> Result<Vec<Delivered>, OutboxError> {
        let database = self.database.clone();
        let listed = tokio::task::spawn_blocking(move || database.with(|database| Ok(read(database)?))).await;
        listed.map_err(|error| OutboxError(error.to_string()))?.map_err(|failed| OutboxError(failed.to_string()))
    }
}

#[async_trait]
impl Delivery for Outbox {
    fn configured(&self, _channel: Channel) -> bool {
        true
    }

    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        let database = self.database.clone();
        let entry = Entry {
            channel: message.channel,
            to: message.to.clone(),
            subject: message.subject.clone(),
            text: message.text.clone(),
            code: message.code.clone(),
            sent_at: self.clock.now().unix(),
        };
        let written = tokio::task::spawn_blocking(move || database.with(|database| write(database, &entry))).await;
        written.map_err(|_| DeliveryError::Unknown)?.map_err(|failed| match failed {
            Failed::BeforeCommit(_) => DeliveryError::Refused,
            Failed::InCommit(_) => DeliveryError::Unknown,
        })
    }
}

/// The owned copy of a message for the thread that writes it.
struct Entry {
    channel: Channel,
    to: String,
    subject: Option<String>,
    text: Zeroizing<String>,
    code: Zeroizing<String>,
    sent_at: i64,
}

/// Writes a message and deletes those beyond [`Outbox::KEPT`].
fn write(database: &Database, entry: &Entry) -> Result<(), Failed> {
    let transaction = database.begin_write()?;
    insert(&transaction, entry)?;
    transaction.commit().map_err(Failed::in_commit)
}

fn insert(transaction: &redb::WriteTransaction, entry: &Entry) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(MESSAGES)?;
    let next = table.last()?.map_or(0, |(number, _)| number.value() + 1);
    let is_email = entry.channel == Channel::Email;
    let row = (
        is_email,
        entry.to.as_str(),
        entry.subject.as_deref(),
        entry.text.as_str(),
        entry.code.as_str(),
        entry.sent_at,
    );
    table.insert(next, row)?;
    while table.len()? > Outbox::KEPT {
        table.pop_first()?;
    }
    Ok(())
}

fn read(database: &Database) -> Result<Vec<Delivered>, redb::Error> {
    let table = match database.begin_read()?.open_table(MESSAGES) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let rows = table.iter()?.rev();
    rows.map(|row| {
        let (number, row) = row?;
        let (is_email, to, subject, text, code, sent_at) = row.value();
        Ok(Delivered {
            id: number.value().to_string(),
            channel: if is_email { Channel::Email } else { Channel::Sms },
            to: to.to_owned(),
            subject: subject.map(str::to_owned),
            text: text.to_owned(),
            code: code.to_owned(),
            sent_at,
        })
    })
    .collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn iso_8601<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    // A time outside the calendar must not hide the other messages.
    serializer.collect_str(&Timestamp::from_unix(*seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Language;
    use crate::delivery::messages::{Occasion, Purpose, Wording};
    use crate::domain::contact::{EmailAddress, PhoneNumber};
    use crate::store::embedded::EmbeddedStore;
    use std::path::Path;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    /// A clock that advances by a second at every reading.
    struct Ticking(AtomicI64);

    #[async_trait]
    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix(self.0.fetch_add(1, Ordering::Relaxed))
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {}
    }

    fn in_memory() -> Outbox {
        let store = EmbeddedStore::in_memory().unwrap();
        Outbox::new(store.database(), Arc::new(Ticking(AtomicI64::new(0))))
    }

    fn in_file(path: &Path) -> Outbox {
        let store = EmbeddedStore::open(path).unwrap();
        Outbox::new(store.database(), Arc::new(Ticking(AtomicI64::new(1_800_000_000))))
    }

    const CHECK: Occasion<'static> =
        Occasion { purpose: Purpose::Check, platform: None, language: Language::English, minutes: 10 };

    fn sms(code: &str) -> Message {
        let number = PhoneNumber::parse("+41 79 123 45 67", None).unwrap();
        Wording::new("Example", None, None).unwrap().sms(&number, code, &CHECK).unwrap()
    }

    fn codes(delivered: &[Delivered]) -> Vec<&str> {
        delivered.iter().map(|message| message.code.as_str()).collect()
    }

    #[tokio::test]
    async fn messages_are_listed_newest_first_as_they_would_have_arrived() {
        let directory = tempfile::tempdir().unwrap();
        let outbox = in_file(&directory.path().join("db"));
        assert!(outbox.configured(Channel::Sms) && outbox.configured(Channel::Email));
        assert_eq!(outbox.list().await.unwrap(), []);

        let address = EmailAddress::parse("alice@example.com").unwrap();
        let email = Wording::new("Example", None, None).unwrap().email(&address, "654321", &CHECK);
        outbox.send(&sms("123456")).await.unwrap();
        outbox.send(&email).await.unwrap();

        let listed = serde_json::to_value(outbox.list().await.unwrap()).unwrap();
        assert_eq!(
            listed,
            serde_json::json!([
                {
                    "id": "1",
                    "channel": "email",
                    "to": "alice@example.com",
                    "subject": "Example verification code",
                    "text": email.text.as_str(),
                    "code": "654321",
                    "sentAt": "2027-01-15T08:00:01Z",
                },
                {
                    "id": "0",
                    "channel": "sms",
                    "to": "+41791234567",
                    "subject": null,
                    "text": sms("123456").text.as_str(),
                    "code": "123456",
                    "sentAt": "2027-01-15T08:00:00Z",
                },
            ])
        );
    }

    #[tokio::test]
    async fn a_message_with_an_unrepresentable_time_is_still_listed() {
        let store = EmbeddedStore::in_memory().unwrap();
        let outbox = Outbox::new(store.database(), Arc::new(Ticking(AtomicI64::new(i64::MAX - 1))));
        outbox.send(&sms("123456")).await.unwrap();
        let listed = serde_json::to_value(outbox.list().await.unwrap()).unwrap();
        assert_eq!(listed[0]["code"], "123456");
    }

    #[tokio::test]
    async fn a_message_is_on_disk_when_send_returns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        let outbox = in_file(&path);
        outbox.send(&sms("123456")).await.unwrap();

        // A copy of the file, as a killed process leaves it: the database is still open.
        let left = directory.path().join("left");
        std::fs::copy(&path, &left).unwrap();
        let reopened = in_file(&left);
        assert_eq!(codes(&reopened.list().await.unwrap()), ["123456"]);
        reopened.send(&sms("654321")).await.unwrap();
        assert_eq!(codes(&reopened.list().await.unwrap()), ["654321", "123456"]);
    }

    #[tokio::test]
    async fn only_the_newest_messages_are_kept() {
        let outbox = in_memory();
        for number in 0..Outbox::KEPT + 5 {
            outbox.send(&sms(&format!("{number:06}"))).await.unwrap();
        }
        let listed = outbox.list().await.unwrap();
        assert_eq!(listed.len(), usize::try_from(Outbox::KEPT).unwrap());
        assert_eq!(listed.first().map(|message| message.code.as_str()), Some("000204"));
        assert_eq!(listed.last().map(|message| message.code.as_str()), Some("000005"));
    }

    #[tokio::test]
    async fn messages_sent_concurrently_are_all_kept() {
        let outbox = Arc::new(in_memory());
        let sends: Vec<_> = (0..20)
            .map(|number| {
                let outbox = Arc::clone(&outbox);
                tokio::spawn(async move { outbox.send(&sms(&format!("{number:06}"))).await })
            })
            .collect();
        for send in sends {
            send.await.unwrap().unwrap();
        }
        let listed = outbox.list().await.unwrap();
        let mut codes = codes(&listed);
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), 20);
    }

    #[tokio::test]
    async fn the_debug_output_of_a_delivered_message_hides_its_content() {
        let outbox = in_memory();
        outbox.send(&sms("123456")).await.unwrap();
        let shown = format!("{:?}", outbox.list().await.unwrap());
        assert_eq!(shown, "[Delivered { id: \"0\", channel: Sms, .. }]");
    }
}
