//! The embedded store: one redb file, for the local server and for tests.
//!
//! A commit is one redb transaction, on the disk before it is answered (`Durability::Immediate`, redb's default): it
//! survives the process's death and the machine's. redb allows one writer at a time, so there is no conflict but the
//! one that the puts' own preconditions find.

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
/// The keys of the items that have a time to live, the earliest first.
const EXPIRIES: TableDefinition<(i64, &str), ()> = TableDefinition::new("expiries");

/// redb's own default of 1 GiB would let the local server grow past its 50 MB.
const CACHE_BYTES: usize = 4 * 1024 * 1024;
/// Reads at a time. Each holds a thread: with a thread for every waiting request, 2,000 of them took 84 MB, not 28.
const READERS: usize = 4;
/// Items that one transaction of a sweep deletes, so that commits get their turn in between.
const SWEEP_BATCH: usize = 256;

/// A [`Store`] in one file. Its clones share the file.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    database: Arc<Database>,
    readers: Arc<Semaphore>,
    writer: Arc<Semaphore>,
}

impl EmbeddedStore {
    /// Opens the store in a file, and makes the file, readable by its owner alone, if there is none. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = open_file(path).map_err(|error| OpenError::File(path.to_owned(), error))?;
        Self::new(Builder::new().set_cache_size(CACHE_BYTES).create_file(file), path)
    }

    /// A store that is gone with its last clone.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`], though memory gives no cause for any.
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

    /// The database, where others may keep tables of their own.
    #[must_use]
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// Deletes the items whose time to live is before `now` (Unix seconds) and says how many they were.
    ///
    /// # Errors
    /// As [`Store::commit`]; what was deleted before stays deleted.
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

    /// Runs blocking work on a thread of its own, when its turn comes.
    async fn run<T: Send + 'static>(
        &self,
        turns: &Arc<Semaphore>,
        work: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| StoreError::Unavailable)?;
        let database = self.database();
        // The work keeps its turn even if its caller has gone: it can't be stopped.
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

/// An item as the file has it.
#[derive(Serialize, Deserialize)]
struct Record {
    version: [u8; Version::LENGTH],
    /// The latest first, [`Version::KEPT`] at most.
    predecessors: Vec<[u8; Version::LENGTH]>,
    ttl: Option<i64>,
    item: Item,
}

impl Record {
    /// What a put leaves: the versions of what it replaces become predecessors.
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
    // No key sorts before the empty one: the range ends before the first that lives until `now`.
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

/// A reader can't open a table that no writer has made.
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
    // Without this a power cut could take the new file's name, and with it every commit answered since.
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

/// Nothing was written.
fn refused(error: impl Into<redb::Error>) -> StoreError {
    let error = error.into();
    tracing::error!(store.error = %error, "the embedded store failed; nothing was written");
    match error {
        redb::Error::Corrupted(_) => StoreError::Rejected("the store is damaged"),
        _ => StoreError::Unavailable,
    }
}

/// It may have been written. redb refuses more until the file is opened again.
fn unconfirmed(error: impl Into<redb::Error>) -> StoreError {
    tracing::error!(store.error = %error.into(), "a commit to the embedded store may or may not be written");
    StoreError::Unknown
}

/// Why a store could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has the file open, or this one has already.
    InUse(PathBuf),
    /// The file can't be made or opened.
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
