//! Wrappers around a store: one observes calls, one records writes, one injects faults, one loses an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use countersign::store::{Commit, Item, Key, Put, Replaces, Store, StoreError, Stored, Value, Version};

/// A call to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A read of a key of this kind.
    Get(char),
    /// A commit to keys of these kinds, with the items' sizes in bytes.
    Commit(Vec<(char, usize)>),
}

/// Records the calls to a store and their times, so that concurrent calls of one request are seen to overlap.
pub struct Observed {
    inner: Arc<dyn Store>,
    calls: Mutex<Vec<Call>>,
    moments: AtomicUsize,
    keys: Mutex<BTreeSet<Key>>,
}

/// A call with the moments of its begin and end.
struct Call {
    asked: Asked,
    began: usize,
    ended: usize,
}

fn kind(key: &Key) -> char {
    key.as_str().chars().next().unwrap()
}

impl Observed {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, calls: Mutex::default(), moments: AtomicUsize::new(0), keys: Mutex::default() })
    }

    /// The calls since the last `take`.
    pub fn take(&self) -> Vec<Asked> {
        self.calls.lock().unwrap().drain(..).map(|call| call.asked).collect()
    }

    /// The same, grouped by round trips. Concurrent calls share one; a call that waited for an answer is in the next.
    pub fn take_round_trips(&self) -> Vec<Vec<Asked>> {
        let calls = std::mem::take(&mut *self.calls.lock().unwrap());
        let mut trips: Vec<Vec<Call>> = Vec::new();
        for call in calls {
            let waited_for = trips.iter().rposition(|trip| trip.iter().any(|earlier| earlier.ended < call.began));
            let trip = waited_for.map_or(0, |trip| trip + 1);
            if trip == trips.len() {
                trips.push(Vec::new());
            }
            trips[trip].push(call);
        }
        trips.into_iter().map(|trip| trip.into_iter().map(|call| call.asked).collect()).collect()
    }

    /// The present state of every item that was committed through this store.
    pub async fn items(&self) -> BTreeMap<Key, Stored> {
        let keys = self.keys.lock().unwrap().clone();
        let mut items = BTreeMap::new();
        for key in keys {
            if let Some(stored) = self.inner.get(&key).await.unwrap() {
                items.insert(key, stored);
            }
        }
        items
    }

    async fn observe<T>(&self, asked: Asked, answer: impl Future<Output = T>) -> T {
        let began = self.moments.fetch_add(1, Ordering::SeqCst);
        self.calls.lock().unwrap().push(Call { asked, began, ended: usize::MAX });
        // Lets concurrent calls of the same request begin.
        tokio::task::yield_now().await;
        let answer = answer.await;
        let ended = self.moments.fetch_add(1, Ordering::SeqCst);
        if let Some(call) = self.calls.lock().unwrap().iter_mut().find(|call| call.began == began) {
            call.ended = ended;
        }
        answer
    }
}

#[async_trait::async_trait]
impl Store for Observed {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.observe(Asked::Get(kind(key)), self.inner.get(key)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        let puts = commit.puts.iter().map(|put| (kind(&put.key), put.item.size() + put.key.as_str().len())).collect();
        self.keys.lock().unwrap().extend(commit.puts.iter().map(|put| put.key.clone()));
        self.observe(Asked::Commit(puts), self.inner.commit(commit)).await
    }
}

/// A fault of a call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Throttled: nothing happens.
    Throttled,
    /// No answer; nothing happened.
    Silence,
    /// The call is applied, but its answer is lost.
    AnswerLost,
    /// Another writer seems to have come first; nothing happens.
    Conflict,
}

/// Injects a fault into a range of calls.
pub struct Faults {
    inner: Arc<dyn Store>,
    calls: AtomicUsize,
    trouble: Mutex<Option<(Trouble, usize, usize)>>,
}

impl Faults {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, calls: AtomicUsize::new(0), trouble: Mutex::new(None) })
    }

    /// Counts calls from zero, and injects the fault into `first .. first + count`.
    pub fn plan(&self, trouble: Trouble, first: usize, count: usize) {
        self.calls.store(0, Ordering::SeqCst);
        *self.trouble.lock().unwrap() = Some((trouble, first, count));
    }

    /// Ends the fault. Returns the number of calls since the plan was made.
    pub fn heal(&self) -> usize {
        *self.trouble.lock().unwrap() = None;
        self.calls.load(Ordering::SeqCst)
    }

    fn trouble(&self) -> Option<Trouble> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let (trouble, first, count) = (*self.trouble.lock().unwrap())?;
        (first..first.saturating_add(count)).contains(&call).then_some(trouble)
    }
}

#[async_trait::async_trait]
impl Store for Faults {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        match self.trouble() {
            Some(Trouble::Throttled) => Err(StoreError::Unavailable),
            Some(Trouble::Silence | Trouble::AnswerLost) => Err(StoreError::Unknown),
            Some(Trouble::Conflict) | None => self.inner.get(key).await,
        }
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        match self.trouble() {
            Some(Trouble::Throttled) => Err(StoreError::Unavailable),
            Some(Trouble::Silence) => Err(StoreError::Unknown),
            Some(Trouble::Conflict) => Err(StoreError::Conflict),
            Some(Trouble::AnswerLost) => {
                self.inner.commit(commit).await?;
                Err(StoreError::Unknown)
            }
            None => self.inner.commit(commit).await,
        }
    }
}

/// Records every put that it was ever given.
pub struct Recorded {
    inner: Arc<dyn Store>,
    puts: Mutex<Vec<Put>>,
}

impl Recorded {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, puts: Mutex::default() })
    }

    /// Every key, name and value that was written: the view of somebody with a copy of every state of the table. Each
    /// byte is one character, and separators keep values apart.
    pub fn dump(&self) -> String {
        let mut dump = String::new();
        for put in &*self.puts.lock().unwrap() {
            dump += &format!("\n{}\n", put.key.as_str());
            dump_item(&put.item, &mut dump);
        }
        dump
    }
}

fn dump_item(item: &Item, dump: &mut String) {
    for (name, value) in item.iter() {
        *dump += &format!("{name}\n");
        dump_value(value, dump);
        dump.push('\n');
    }
}

fn dump_value(value: &Value, dump: &mut String) {
    match value {
        Value::Text(text) => *dump += text,
        Value::Number(number) => *dump += &number.to_string(),
        Value::Bytes(bytes) => dump.extend(bytes.iter().copied().map(char::from)),
        Value::List(values) => values.iter().for_each(|value| {
            dump_value(value, dump);
            dump.push('\n');
        }),
        Value::Map(map) => dump_item(map, dump),
    }
}

#[async_trait::async_trait]
impl Store for Recorded {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.inner.get(key).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.puts.lock().unwrap().extend(commit.puts.iter().cloned());
        self.inner.commit(commit).await
    }
}

/// Applies a commit and loses the answer, while other writers go on.
pub struct CutOff {
    inner: Arc<dyn Store>,
    writers: Mutex<Option<usize>>,
}

impl CutOff {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, writers: Mutex::new(None) })
    }

    /// Loses the answer to the next commit that is applied. This number of other writers replace its items before it is
    /// repeated.
    pub fn cut(&self, writers: usize) {
        *self.writers.lock().unwrap() = Some(writers);
    }

    /// Whether the answer was lost since the last `cut`.
    pub fn was_cut(&self) -> bool {
        self.writers.lock().unwrap().is_none()
    }

    /// Another writer's commit to the same items, which changes only the versions.
    async fn write_again(&self, commit: &Commit) {
        static WRITTEN: AtomicUsize = AtomicUsize::new(1);
        let mut version = [0xff; Version::LENGTH];
        version[..8].copy_from_slice(&WRITTEN.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        let mut puts = Vec::new();
        for put in &commit.puts {
            let Stored { item, version, ttl } = self.inner.get(&put.key).await.unwrap().unwrap();
            puts.push(Put { key: put.key.clone(), replaces: Replaces::Version(version), item, ttl });
        }
        self.inner.commit(&Commit { version: Version(version), puts }).await.unwrap();
    }
}

#[async_trait::async_trait]
impl Store for CutOff {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.inner.get(key).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.inner.commit(commit).await?;
        let Some(writers) = self.writers.lock().unwrap().take() else { return Ok(()) };
        for _ in 0..writers {
            self.write_again(commit).await;
        }
        Err(StoreError::Unknown)
    }
}
