//! Versions, items, puts and commits for the checks.

use std::sync::atomic::{AtomicU64, Ordering};

use countersign::store::{Commit, Item, Key, Put, Replaces, Store, StoreError, Stored, Version};

/// A time to live in the past. `DynamoDB` does not delete items that expired more than five years ago.
pub(super) const EXPIRED: i64 = 1;
/// A time to live far in the future.
pub(super) const FAR_AHEAD: i64 = 4_000_000_000;

/// A version that is unique in this process.
pub(super) fn fresh_version() -> Version {
    static MINTED: AtomicU64 = AtomicU64::new(1);
    let mut version = [0; Version::LENGTH];
    version[..8].copy_from_slice(&MINTED.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Version(version)
}

pub(super) fn key(name: &str) -> Key {
    Key::new('t', &[name])
}

/// An item that its number identifies.
pub(super) fn numbered(number: i64) -> Item {
    Item::default().with("number", number).with("text", "größe")
}

/// A put that replaces nothing.
pub(super) fn creation(name: &str, item: Item) -> Put {
    Put { key: key(name), replaces: Replaces::Nothing, item, ttl: None }
}

/// A put that replaces a version.
pub(super) fn replacement(name: &str, version: Version, item: Item) -> Put {
    Put { key: key(name), replaces: Replaces::Version(version), item, ttl: None }
}

pub(super) fn until(put: Put, ttl: i64) -> Put {
    Put { ttl: Some(ttl), ..put }
}

/// A commit with a new version.
pub(super) fn commit(puts: impl Into<Vec<Put>>) -> Commit {
    Commit { version: fresh_version(), puts: puts.into() }
}

/// Makes a commit that must succeed; returns the new version.
pub(super) async fn committed(store: &dyn Store, puts: impl Into<Vec<Put>>) -> Version {
    let commit = commit(puts);
    assert_eq!(store.commit(&commit).await, Ok(()));
    commit.version
}

/// Replaces a version `count` times; returns the last version.
pub(super) async fn overwritten(store: &dyn Store, name: &str, mut version: Version, count: usize) -> Version {
    for _ in 0..count {
        version = committed(store, [replacement(name, version, numbered(-1))]).await;
    }
    version
}

/// Commits as a flow does: it repeats the commit while the store allows it.
pub(super) async fn commit_until_answered(store: &dyn Store, commit: &Commit) -> Result<(), StoreError> {
    for _ in 0..100 {
        match store.commit(commit).await {
            Err(StoreError::Unavailable | StoreError::Unknown) => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
    panic!("the store did not answer a hundred times");
}

pub(super) async fn stored(store: &dyn Store, name: &str) -> Option<Stored> {
    store.get(&key(name)).await.unwrap()
}

pub(super) async fn version_of(store: &dyn Store, name: &str) -> Version {
    stored(store, name).await.unwrap().version
}

pub(super) async fn number_of(store: &dyn Store, name: &str) -> i64 {
    stored(store, name).await.unwrap().item.number("number").unwrap()
}
