//! The embedded store: one redb file, for the local server and for tests.
//!
//! A commit is one redb transaction. It is on disk before it is answered (`Durability::Immediate`, redb's default), so
//! it survives a crash of the process or the machine. redb allows one writer at a time: a conflict arises only from a
//! put's precondition.

use std::{
    error, fmt,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
    backends::InMemoryBackend,
};
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task};

use super::{Commit, Item, Key, Put, Replaces, Store, StoreError, Stored, Version};

const ITEMS: TableDefinition<&str, &[u8]> = TableDefinition::new("items");
/// The keys of the items with a time to live, by expiry in Unix seconds, the earliest first.
const EXPIRIES: TableDefinition<(i64, &str), ()> = TableDefinition::new("expiries");

/// Bytes of redb's cache. redb's default of 1 GiB would let the local server grow past its limit of 50 MB.
const CACHE_BYTES: usize = 4 * 1024 * 1024;
/// The most concurrent reads. Each occupies a thread: with one for each of 2,000 waiting requests the server took 84
/// MB, with this limit 28 MB.
const READERS: usize = 4;
/// Items deleted per transaction of a sweep, so that commits get their turn in between.
const SWEEP_BATCH: usize = 256;

/// A [`Store`] in one file. Clones share the file.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    database: Arc<Database>,
    readers: Arc<Semaphore>,
    writer: Arc<Semaphore>,
}

impl EmbeddedStore {
    /// Opens a store's file, or creates it with mode 0600. Blocks.
    ///
    /// # Errors
    /// Any [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = open_file(path).map_err(|error| OpenError::File(path.to_owned(), error))?;
        Self::new(Builder::new().set_cache_size(CACHE_BYTES).create_file(file), path)
    }

    /// A store in memory. It is gone with its last clone.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`]. None is expected in memory.
    pub fn in_memory() -> Result<Self, OpenError> {
        let memory = InMemoryBackend::new();
        Self::new(Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(memory), Path::new("(memory)"))
    }

    fn new(database: Result<Database, DatabaseError>, path: &Path) -> Result<Self, OpenError> {
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse(path.to_owned()),
            error => OpenError::Store(path.to_owned(), error.into()),
        })?;
        create_tables(&database).map_err(|error| OpenError::Store(path.to_owned(), error))?;
        Ok(Self {
            database: Arc::new(database),
            readers: Arc::new(Semaphore::new(READERS)),
            writer: Arc::new(Semaphore::new(1)),
        })
    }

    /// The redb database, in which other modules keep tables of their own.
    #[must_use]
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// Whether no item was ever committed, or all were swept. Blocks.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        let is_empty = |database: &Database| -> Result<bool, redb::Error> {
            Ok(database.begin_read()?.open_table(ITEMS)?.first()?.is_none())
        };
        is_empty(&self.database).map_err(refused)
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
        work: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| StoreError::Unavailable)?;
        let database = self.database();
        // A dropped caller can't stop the work, so the work itself holds the turn.
        let task = task::spawn_blocking(move || {
            let result = work(&database);
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
        self.run(&self.readers, move |database| read(database, &key).map_err(refused)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        commit.check()?;
        let commit = commit.clone();
        self.run(&self.writer, move |database| apply(database, commit)).await
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

fn apply(database: &Database, commit: Commit) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(refused)?;
    match write(&transaction, commit).map_err(refused)? {
        Outcome::Written => transaction.commit().map_err(unconfirmed),
        Outcome::AppliedBefore => Ok(()),
        Outcome::Conflict => Err(StoreError::Conflict),
    }
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

fn sweep_batch(database: &Database, now: i64) -> Result<usize, StoreError> {
    let transaction = database.begin_write().map_err(refused)?;
    let swept = delete_expired(&transaction, now).map_err(refused)?;
    if swept > 0 {
        transaction.commit().map_err(unconfirmed)?;
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

/// Creates the tables: a reader can't open a table that was never written.
fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ITEMS)?;
    transaction.open_table(EXPIRIES)?;
    Ok(transaction.commit()?)
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // Without this a power cut could lose the new file's directory entry, and with it every commit answered since.
    #[cfg(unix)]
    if file.metadata()?.len() == 0 {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()?;
    }
    Ok(file)
}

fn malformed(error: &postcard::Error) -> redb::Error {
    redb::Error::Corrupted(format!("an item can't be decoded: {error}"))
}

/// Maps an error from before the commit: nothing was written.
fn refused(error: impl Into<redb::Error>) -> StoreError {
    let error = error.into();
    tracing::error!(store.error = %error, "the embedded store failed; nothing was written");
    match error {
        redb::Error::Corrupted(_) => StoreError::Rejected("the store is damaged"),
        _ => StoreError::Unavailable,
    }
}

/// Maps a failed commit: it may be written. redb refuses further writes until the file is opened again.
fn unconfirmed(error: impl Into<redb::Error>) -> StoreError {
    tracing::error!(store.error = %error.into(), "a commit to the embedded store may or may not be written");
    StoreError::Unknown
}

/// Why a store could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The file is already open, in this process or another.
    InUse(PathBuf),
    /// The file can't be created or opened.
    File(PathBuf, io::Error),
    /// The file is not a store, or it is damaged.
    Store(PathBuf, redb::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "the store {} is in use: is Countersign running already?", path.display()),
            Self::File(path, error) => write!(f, "the store {} can't be opened: {error}", path.display()),
            Self::Store(path, error) => write!(f, "the store {} can't be read: {error}", path.display()),
        }
    }
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::InUse(_) => None,
            Self::File(_, error) => Some(error),
            Self::Store(_, error) => Some(error),
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
        let transaction = store.database().begin_write().unwrap();
        transaction.open_table(ITEMS).unwrap().insert(key.as_str(), [0xff; 40].as_slice()).unwrap();
        transaction.commit().unwrap();

        let rejected = StoreError::Rejected("the store is damaged");
        assert_eq!(store.get(&key).await, Err(rejected));
        let put = Put { key, replaces: Replaces::Nothing, item: Item::default(), ttl: None };
        assert_eq!(store.commit(&Commit { version: Version([1; 12]), puts: vec![put] }).await, Err(rejected));
    }
}
