//! The store's redb database: opened with a check, and opened again after an I/O error.
//!
//! redb remembers an I/O error and then refuses every write until the database is opened again. Without that, a disk
//! that was full once would leave the store read-only until the process restarts.

use std::fs::{File, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::{error, fmt, io};

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase, TableError};

use super::{EXPIRIES, ITEMS};

/// Bytes of redb's cache. redb's default of 1 GiB would let the local server grow past its limit of 50 MB.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Opens the database again.
type Reopen = Box<dyn Fn() -> Result<Database, OpenError> + Send + Sync>;

/// A redb database that is opened again after an I/O error. Clones share it.
#[derive(Clone)]
pub struct SharedDatabase(Arc<Inner>);

struct Inner {
    /// `None` in memory, where opening again would lose everything.
    reopen: Option<Reopen>,
    /// `None` after an attempt to open it again that failed.
    database: RwLock<Option<Database>>,
    /// Whether the database must be opened again before its next use.
    failed: AtomicBool,
}

/// A failed piece of work with the database.
#[derive(Debug)]
pub enum Failed {
    /// Nothing was written.
    BeforeCommit(redb::Error),
    /// The commit failed: it may be written.
    InCommit(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::BeforeCommit(error.into())
    }
}

impl Failed {
    /// The error of a commit.
    pub(crate) fn in_commit(error: redb::CommitError) -> Self {
        Self::InCommit(error.into())
    }

    fn error(&self) -> &redb::Error {
        let (Self::BeforeCommit(error) | Self::InCommit(error)) = self;
        error
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl SharedDatabase {
    /// Opens a database's file, or creates it with mode 0600. Every page is checked: redb itself checks only a file that
    /// was not closed, and would otherwise return the content of a damaged page.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let database = guarded(path, || open_checked(path))?;
        let path = path.to_owned();
        // redb checks a file that was not closed, so there is no second check here.
        let reopen = move || guarded(&path, || open_with_tables(&path, open_existing(&path)?));
        Ok(Self::of(database, Some(Box::new(reopen))))
    }

    /// A database in memory.
    pub(super) fn in_memory() -> Result<Self, OpenError> {
        let database = builder().create_with_backend(InMemoryBackend::new());
        let path = Path::new("(memory)");
        Ok(Self::of(with_tables(path, database)?, None))
    }

    fn of(database: Database, reopen: Option<Reopen>) -> Self {
        Self(Arc::new(Inner { reopen, database: RwLock::new(Some(database)), failed: AtomicBool::new(false) }))
    }

    /// Runs `work` on the database, which is opened again first if it failed before. Blocks.
    ///
    /// # Errors
    /// The error of `work`, or [`Failed::BeforeCommit`] if the database can't be opened again.
    pub fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Failed>) -> Result<T, Failed> {
        if self.0.failed.load(Ordering::Acquire) {
            self.reopen()?;
        }
        let database = self.0.database.read().unwrap_or_else(PoisonError::into_inner);
        let result = work(database.as_ref().ok_or(redb::Error::PreviousIo)?);
        if result.as_ref().is_err_and(|failed| !matches!(failed.error(), redb::Error::Corrupted(_))) {
            // The read lock is still held, so this is the database that failed and not one opened since.
            self.0.failed.store(true, Ordering::Release);
        }
        result
    }

    fn reopen(&self) -> Result<(), Failed> {
        let Some(reopen) = &self.0.reopen else { return Ok(()) };
        let mut database = self.0.database.write().unwrap_or_else(PoisonError::into_inner);
        if self.0.failed.load(Ordering::Acquire) {
            // The old database holds the file's lock until it is dropped.
            *database = None;
            *database = Some(reopen().map_err(OpenError::into_cause)?);
            self.0.failed.store(false, Ordering::Release);
            tracing::info!("the embedded store was opened again after an error");
        }
        Ok(())
    }
}

impl fmt::Debug for SharedDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedDatabase").finish_non_exhaustive()
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Runs `open`. redb panics on some damaged files, which is an error like the others here: nothing of the database
/// outlives the panic.
fn guarded(path: &Path, open: impl FnOnce() -> Result<Database, OpenError>) -> Result<Database, OpenError> {
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| {
        let error = redb::Error::Corrupted("its pages contradict each other".to_owned());
        Err(OpenError::Damaged(path.to_owned(), error))
    })
}

fn open_checked(path: &Path) -> Result<Database, OpenError> {
    let file = open_or_create(path).map_err(|error| OpenError::File(path.to_owned(), error))?;
    let mut database = open_with_tables(path, file)?;
    if !database.check_integrity().map_err(|error| OpenError::of(path, error.into()))? {
        tracing::warn!("the embedded store was damaged and has been repaired: the newest changes may be lost");
    }
    Ok(database)
}

fn open_with_tables(path: &Path, file: File) -> Result<Database, OpenError> {
    with_tables(path, builder().create_file(file))
}

/// Creates the tables that are missing: a reader can't open a table that was never written.
fn with_tables(path: &Path, database: Result<Database, DatabaseError>) -> Result<Database, OpenError> {
    let failed = |error| OpenError::of(path, error);
    let database = database.map_err(|error| failed(error.into()))?;
    if !has_tables(&database).map_err(failed)? {
        create_tables(&database).map_err(failed)?;
    }
    Ok(database)
}

fn has_tables(database: &Database) -> Result<bool, redb::Error> {
    let transaction = database.begin_read()?;
    match transaction.open_table(ITEMS).map(drop).and_then(|()| transaction.open_table(EXPIRIES).map(drop)) {
        Ok(()) => Ok(true),
        Err(TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ITEMS)?;
    transaction.open_table(EXPIRIES)?;
    Ok(transaction.commit()?)
}

fn open_or_create(path: &Path) -> io::Result<File> {
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

/// Opens a file that exists. A file that was removed while the store ran must not be replaced by an empty one.
fn open_existing(path: &Path) -> Result<File, OpenError> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    file.map_err(|error| OpenError::File(path.to_owned(), error))
}

/// The reason why a store could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The file is already open, in this process or another.
    InUse(PathBuf),
    /// The file can't be created, opened, read or written.
    File(PathBuf, io::Error),
    /// The file is not a store, or it is damaged.
    Damaged(PathBuf, redb::Error),
}

impl OpenError {
    fn of(path: &Path, error: redb::Error) -> Self {
        let path = path.to_owned();
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse(path),
            redb::Error::Io(error) if !is_of_content(&error) => Self::File(path, error),
            error => Self::Damaged(path, error),
        }
    }

    fn into_cause(self) -> redb::Error {
        match self {
            Self::InUse(_) => redb::Error::DatabaseAlreadyOpen,
            Self::File(_, error) => redb::Error::Io(error),
            Self::Damaged(_, error) => error,
        }
    }
}

/// Whether an I/O error is about the file's content: a wrong beginning, or an end that comes too early.
fn is_of_content(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "the store {} is in use: is Countersign running already?", path.display()),
            Self::File(path, error) => write!(f, "the store {} can't be opened: {error}", path.display()),
            Self::Damaged(path, error) => write!(f, "{} ({error})", damaged(path)),
        }
    }
}

/// The sentences about a damaged file, with the ways out.
#[must_use]
pub fn damaged(path: &Path) -> String {
    let path = path.display();
    format!(
        "the store {path} is damaged, or is no store. Put back a copy of its whole folder, or remove {path} to begin \
         anew without accounts"
    )
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::InUse(_) => None,
            Self::File(_, error) => Some(error),
            Self::Damaged(_, error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::EmbeddedStore;
    use crate::store::{Commit, Item, Key, Put, Replaces, Store, Value, Version};
    use redb::StorageBackend;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicI64;

    /// A disk in memory. It is full after a number of changes, until it is given room for more.
    #[derive(Clone, Debug, Default)]
    struct Disk {
        bytes: Arc<Mutex<Vec<u8>>>,
        changes_left: Arc<AtomicI64>,
    }

    impl Disk {
        fn give_room_for(&self, changes: i64) {
            self.changes_left.store(changes, Ordering::Relaxed);
        }

        fn change(&self, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
            if self.changes_left.fetch_sub(1, Ordering::Relaxed) <= 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            change(&mut self.bytes.lock().unwrap());
            Ok(())
        }

        fn store(self) -> EmbeddedStore {
            let open = move || with_tables(Path::new("disk"), builder().create_with_backend(self.clone()));
            EmbeddedStore::of(SharedDatabase::of(open().unwrap(), Some(Box::new(open))))
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            Ok(self.bytes.lock().unwrap().len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let offset = usize::try_from(offset).unwrap();
            let bytes = self.bytes.lock().unwrap();
            let found = bytes.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(found);
            Ok(())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.change(|bytes| bytes.resize(usize::try_from(len).unwrap(), 0))
        }

        fn sync_data(&self) -> io::Result<()> {
            self.change(|_| {})
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            let offset = usize::try_from(offset).unwrap();
            self.change(|bytes| bytes[offset..offset + data.len()].copy_from_slice(data))
        }
    }

    fn creation(number: u8) -> Commit {
        let item = Item::default().with("bytes", Value::Bytes(vec![number; 50_000]));
        let put = Put { key: Key::new('t', &[&number.to_string()]), replaces: Replaces::Nothing, item, ttl: None };
        Commit { version: Version([number; Version::LENGTH]), puts: vec![put] }
    }

    #[tokio::test]
    async fn a_disk_that_was_full_leaves_nothing_behind() {
        const COMMITS: u8 = 5;
        for room in 0..200 {
            let disk = Disk::default();
            disk.give_room_for(i64::MAX);
            let store = disk.clone().store();
            disk.give_room_for(room);
            let mut first_refused = None;
            for number in 0..COMMITS {
                if store.commit(&creation(number)).await.is_err() {
                    first_refused.get_or_insert(number);
                } else {
                    assert_eq!(first_refused, None, "the disk is full: room for {room} changes");
                }
            }
            let Some(first_refused) = first_refused else {
                assert!(room > 30, "the disk was never full");
                return;
            };
            disk.give_room_for(i64::MAX);
            // The reply of a commit may have been lost, so each is repeated under its version.
            for number in first_refused..COMMITS {
                assert_eq!(store.commit(&creation(number)).await, Ok(()), "room for {room} changes");
            }
            for number in 0..COMMITS {
                let put = creation(number).puts.remove(0);
                assert_eq!(store.get(&put.key).await.unwrap().unwrap().item, put.item, "room for {room} changes");
            }
        }
        panic!("the disk was always full");
    }
}
