//! The embedded store: one redb file, for the local server and for tests.
//!
//! A commit is one redb transaction. It is on disk before it is answered (`Durability::Immediate`, redb's default), so
//! it survives a crash of the process or the machine. redb allows one writer at a time: a conflict arises only from a
//! put's precondition.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task};

use super::{Commit, Item, Key, Put, Replaces, Store, StoreError, Stored, Version};

mod database;

pub use database::{Failed, OpenError, SharedDatabase, damaged};

const ITEMS: TableDefinition<&str, &[u8]> = TableDefinition::new("items");
/// The keys of the items with a time to live, by expiry in Unix seconds, the earliest first.
const EXPIRIES: TableDefinition<(i64, &str), ()> = TableDefinition::new("expiries");

/// The most concurrent reads. Each occupies a thread: with one for each of 2,000 waiting requests the server took 84
/// MB, with this limit 28 MB.
const READERS: usize = 4;
/// Items deleted per transaction of a sweep, so that commits get their turn in between.
const SWEEP_BATCH: usize = 256;

/// A [`Store`] in one file. Clones share the file.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    database: SharedDatabase,
    readers: Arc<Semaphore>,
    writer: Arc<Semaphore>,
}

impl EmbeddedStore {
    /// Opens a store's file, or creates it with mode 0600. Blocks.
    ///
    /// # Errors
    /// Any [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        SharedDatabase::open(path).map(Self::of)
    }

    /// A store in memory. It is gone with its last clone.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`]. None is expected in memory.
    pub fn in_memory() -> Result<Self, OpenError> {
        SharedDatabase::in_memory().map(Self::of)
    }

    fn of(database: SharedDatabase) -> Self {
        Self { database, readers: Arc::new(Semaphore::new(READERS)), writer: Arc::new(Semaphore::new(1)) }
    }

    /// The redb database, in which other modules keep tables of their own.
    #[must_use]
    pub fn database(&self) -> SharedDatabase {
        self.database.clone()
    }

    /// Whether no item was ever committed, or all were swept. Blocks.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        let is_empty = |database: &Database| Ok(database.begin_read()?.open_table(ITEMS)?.first()?.is_none());
        self.database.with(is_empty).map_err(store_error)
    }

    /// Deletes the items that expired before `now` (Unix seconds) and returns their number.
    ///
    /// # Errors
    /// As [`Store::commit`]. The batches before the error stay deleted.
    pub async fn sweep(&self, now: i64) -> Result<usize, StoreError> {
        let mut swept = 0;
        loop {
            let batch = self.run(&self.writer, move |database| sweep_batch(database, now)).await?;
            swept += batch;
            if batch < SWEEP_BATCH {
                return Ok(swept);
            }
        }
    }

    /// Waits for a turn, then runs blocking work on its own thread.
    async fn run<T: Send + 'static>(
        &self,
        turns: &Arc<Semaphore>,
        work: impl FnOnce(&Database) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| StoreError::Unavailable)?;
        let database = self.database();
        // A dropped caller can't stop the work, so the work itself holds the turn.
        let task = task::spawn_blocking(move || {
            let result = database.with(work).map_err(store_error);
            drop(turn);
            result
        });
        task.await.unwrap_or(Err(StoreError::Unknown))
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        let key = key.clone();
        self.run(&self.readers, move |database| Ok(read(database, &key)?)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        commit.check()?;
        let commit = commit.clone();
        match self.run(&self.writer, move |database| apply(database, commit)).await? {
            Outcome::Written | Outcome::AppliedBefore => Ok(()),
            Outcome::Conflict => Err(StoreError::Conflict),
        }
    }
}

/// An item's format in the file.
#[derive(Serialize, Deserialize)]
struct Record {
    version: [u8; Version::LENGTH],
    /// The earlier versions, the latest first, at most [`Version::KEPT`].
    predecessors: Vec<[u8; Version::LENGTH]>,
    ttl: Option<i64>,
    item: Item,
}

impl Record {
    /// The record that a put leaves. The replaced record's versions become its earlier ones.
    fn of(put: Put, version: Version, replaced: Option<Self>) -> Self {
        let predecessors = replaced.map_or_else(Vec::new, |replaced| {
            let earlier = replaced.predecessors.into_iter().take(Version::KEPT - 1);
            std::iter::once(replaced.version).chain(earlier).collect()
        });
        Self { version: version.0, predecessors, ttl: put.ttl, item: put.item }
    }

    fn shows(&self, version: Version) -> bool {
        self.version == version.0 || self.predecessors.contains(&version.0)
    }

    fn find(items: &impl ReadableTable<&'static str, &'static [u8]>, key: &Key) -> Result<Option<Self>, redb::Error> {
        let Some(bytes) = items.get(key.as_str())? else { return Ok(None) };
        postcard::from_bytes(bytes.value()).map(Some).map_err(|error| malformed(&error))
    }

    fn encode(&self) -> Result<Vec<u8>, redb::Error> {
        postcard::to_stdvec(self).map_err(|error| malformed(&error))
    }
}

fn read(database: &Database, key: &Key) -> Result<Option<Stored>, redb::Error> {
    let record = Record::find(&database.begin_read()?.open_table(ITEMS)?, key)?;
    Ok(record.map(|record| Stored { item: record.item, version: Version(record.version), ttl: record.ttl }))
}

fn apply(database: &Database, commit: Commit) -> Result<Outcome, Failed> {
    let transaction = database.begin_write()?;
    let outcome = write(&transaction, commit)?;
    if matches!(outcome, Outcome::Written) {
        transaction.commit().map_err(Failed::in_commit)?;
    }
    Ok(outcome)
}

enum Outcome {
    Written,
    AppliedBefore,
    Conflict,
}

fn write(transaction: &WriteTransaction, commit: Commit) -> Result<Outcome, redb::Error> {
    let mut items = transaction.open_table(ITEMS)?;
    let mut expiries = transaction.open_table(EXPIRIES)?;

    let mut replaced = Vec::with_capacity(commit.puts.len());
    let (mut conflict, mut applied_before) = (false, false);
    for put in &commit.puts {
        let current = Record::find(&items, &put.key)?;
        let holds = match put.replaces {
            Replaces::Nothing => current.is_none(),
            Replaces::Version(version) => current.as_ref().is_some_and(|current| current.version == version.0),
        };
        if !holds {
            conflict = true;
            applied_before |= current.as_ref().is_some_and(|current| current.shows(commit.version));
        }
        replaced.push(current);
    }
    if applied_before {
        return Ok(Outcome::AppliedBefore);
    }
    if conflict {
        return Ok(Outcome::Conflict);
    }

    for (put, replaced) in commit.puts.into_iter().zip(replaced) {
        let key = put.key.clone();
        if let Some(ttl) = replaced.as_ref().and_then(|replaced| replaced.ttl) {
            expiries.remove((ttl, key.as_str()))?;
        }
        if let Some(ttl) = put.ttl {
            expiries.insert((ttl, key.as_str()), ())?;
        }
        let record = Record::of(put, commit.version, replaced).encode()?;
        items.insert(key.as_str(), record.as_slice())?;
    }
    Ok(Outcome::Written)
}

fn sweep_batch(database: &Database, now: i64) -> Result<usize, Failed> {
    let transaction = database.begin_write()?;
    let swept = delete_expired(&transaction, now)?;
    if swept > 0 {
        transaction.commit().map_err(Failed::in_commit)?;
    }
    Ok(swept)
}

fn delete_expired(transaction: &WriteTransaction, now: i64) -> Result<usize, redb::Error> {
    let mut items = transaction.open_table(ITEMS)?;
    let mut expiries = transaction.open_table(EXPIRIES)?;
    let mut expired = Vec::new();
    // The empty key sorts first, so the range ends before the first item that expires at `now`.
    for entry in expiries.range(..(now, ""))?.take(SWEEP_BATCH) {
        let (entry, _) = entry?;
        let (ttl, key) = entry.value();
        expired.push((ttl, key.to_owned()));
    }
    for (ttl, key) in &expired {
        expiries.remove((*ttl, key.as_str()))?;
        items.remove(key.as_str())?;
    }
    Ok(expired.len())
}

fn malformed(error: &postcard::Error) -> redb::Error {
    redb::Error::Corrupted(format!("an item can't be decoded: {error}"))
}

fn store_error(failed: Failed) -> StoreError {
    match failed {
        Failed::BeforeCommit(error) => {
            tracing::error!(store.error = %error, "the embedded store failed; nothing was written");
            match error {
                redb::Error::Corrupted(_) => StoreError::Rejected("the store is damaged"),
                _ => StoreError::Unavailable,
            }
        }
        Failed::InCommit(error) => {
            tracing::error!(store.error = %error, "a commit to the embedded store may or may not be written");
            StoreError::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_item_that_can_not_be_decoded_is_an_error_and_not_absent() {
        let store = EmbeddedStore::in_memory().unwrap();
        let key = Key::new('t', &["damaged"]);
        let damage = |database: &Database| {
            let transaction = database.begin_write()?;
            transaction.open_table(ITEMS)?.insert(key.as_str(), [0xff; 40].as_slice())?;
            transaction.commit().map_err(Failed::in_commit)
        };
        store.database().with(damage).unwrap();

        let rejected = StoreError::Rejected("the store is damaged");
        assert_eq!(store.get(&key).await, Err(rejected));
        let put = Put { key, replaces: Replaces::Nothing, item: Item::default(), ttl: None };
        assert_eq!(store.commit(&Commit { version: Version([1; 12]), puts: vec![put] }).await, Err(rejected));
    }
}
