//! Stores around a store: one that counts, one that gets into trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use countersign::store::{Commit, Key, Store, StoreError, Stored};

/// What was asked of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A read of a key of this kind.
    Get(char),
    /// A commit to keys of these kinds, with the items' sizes in bytes.
    Commit(Vec<(char, usize)>),
}

/// Writes down what is asked of a store, and when: calls that one request makes at once are seen to overlap.
pub struct Observed {
    inner: Arc<dyn Store>,
    calls: Mutex<Vec<Call>>,
    moments: AtomicUsize,
    keys: Mutex<BTreeSet<Key>>,
}

/// A call, from one moment to another.
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

    /// What was asked since this was last called.
    pub fn take(&self) -> Vec<Asked> {
        self.calls.lock().unwrap().drain(..).map(|call| call.asked).collect()
    }

    /// The same by round trips: what was asked at once shares one, what had to wait for an answer is in the next.
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

    /// Everything that was committed through here, as it is now.
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
        // Whoever asks at the same time gets the turn to do so.
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

/// What goes wrong with a call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Throttled: nothing happens.
    Throttled,
    /// No answer, and nothing happened.
    Silence,
    /// It happens, but the answer is lost.
    AnswerLost,
    /// Another writer seems to have been there first; nothing happens.
    Conflict,
}

/// Gets into trouble at the n-th call, and at those after it for a while.
pub struct Faults {
    inner: Arc<dyn Store>,
    calls: AtomicUsize,
    trouble: Mutex<Option<(Trouble, usize, usize)>>,
}

impl Faults {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, calls: AtomicUsize::new(0), trouble: Mutex::new(None) })
    }

    /// From now on calls are counted from zero, and the calls `first .. first + count` get into trouble.
    pub fn plan(&self, trouble: Trouble, first: usize, count: usize) {
        self.calls.store(0, Ordering::SeqCst);
        *self.trouble.lock().unwrap() = Some((trouble, first, count));
    }

    /// No more trouble. Says how many calls there were since the plan was made.
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
