//! The store: a key-value store of items with two methods. One reads an item, the other replaces items.
//!
//! No write is unconditional: every [`Put`] names what it replaces. Nothing is deleted: a spent item becomes a
//! tombstone with a time to live, so that a lost reply can be told from a conflict.

use std::collections::BTreeSet;

use async_trait::async_trait;

mod item;
pub mod records;

#[cfg(feature = "aws")]
pub mod dynamodb;
#[cfg(feature = "embedded")]
pub mod embedded;

pub use item::{Item, ItemError, Value};

/// An item's partition key. Its first letter gives the kind: `a#alice`, `e#alice#totp`, `c#alice#FACTOR`, `l#DIGEST`.
///
/// A key contains a user id or a digest, so `Debug` shows only its kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// A key from its kind (one letter) and its parts, joined by `#`.
    #[must_use]
    pub fn new(kind: char, parts: &[&str]) -> Self {
        let mut key = String::from(kind);
        for part in parts {
            key.push('#');
            key.push_str(part);
        }
        Self(key)
    }

    /// The stored form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({}#…)", self.0.chars().next().unwrap_or_default())
    }
}

/// The version of an item: 96 random bits, drawn once per commit.
///
/// It is random and not a counter: an item that expired and was created again must not match an older reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; Version::LENGTH]);

impl Version {
    /// Length in bytes.
    pub const LENGTH: usize = 12;
    /// The number of earlier versions that an item keeps. A lost reply is recognised as long as no more commits than
    /// that followed.
    pub const KEPT: usize = 3;
}

/// An item as read from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The content, without the attributes that the store adds: the key, the versions, `ttl`.
    pub item: Item,
    /// The version to name in the [`Put`] that replaces it.
    pub version: Version,
    /// Unix seconds after which the store may delete it; `None` keeps it.
    pub ttl: Option<i64>,
}

/// The precondition of a [`Put`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// The key must be absent. An expired item that is still there is not absent.
    Nothing,
    /// The item must have this version.
    Version(Version),
}

/// One item to write, with its precondition.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// The key to write.
    pub key: Key,
    /// The precondition.
    pub replaces: Replaces,
    /// The new content.
    pub item: Item,
    /// Unix seconds after which the store may delete it; `None` keeps it.
    pub ttl: Option<i64>,
}

/// Puts that are written all or nothing, under one new version.
///
/// The same `Commit` can be committed again: the store recognises its version and reports success.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The new version of every item in this commit.
    pub version: Version,
    /// The items to write; each key once.
    pub puts: Vec<Put>,
}

impl Commit {
    /// The most puts in a commit, as in `TransactWriteItems`.
    pub const MAX_PUTS: usize = 100;
    /// The most bytes in a commit, as in `TransactWriteItems`.
    pub const MAX_SIZE: usize = 4 * 1024 * 1024;

    /// Checks the limits of `DynamoDB`. Every store calls it first, so that a commit that works on one store works on
    /// all.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] if the commit is empty, has two puts for one key, has too many puts or is too large, or
    /// if an item is too large.
    pub fn check(&self) -> Result<(), StoreError> {
        if self.puts.is_empty() {
            return Err(StoreError::Rejected("the commit is empty"));
        }
        if self.puts.len() > Self::MAX_PUTS {
            return Err(StoreError::Rejected("the commit has more than 100 puts"));
        }
        if self.puts.iter().map(|put| &put.key).collect::<BTreeSet<_>>().len() < self.puts.len() {
            return Err(StoreError::Rejected("the commit has two puts for one key"));
        }
        if self.puts.iter().any(|put| put.size() > Put::MAX_SIZE) {
            return Err(StoreError::Rejected("an item is over 400 KB"));
        }
        if self.puts.iter().map(Put::size).sum::<usize>() > Self::MAX_SIZE {
            return Err(StoreError::Rejected("the commit is over 4 MB"));
        }
        Ok(())
    }
}

impl Put {
    /// The most bytes in an item, as in `DynamoDB`. The key and the attributes that the store adds count.
    pub const MAX_SIZE: usize = 400 * 1024;
    /// Bytes reserved for the attributes that a store adds (the key, the version, the earlier versions, the time to
    /// live), without the key's text. It is enough for each store's way to keep the earlier versions.
    const OWN_SIZE: usize = 128;

    fn size(&self) -> usize {
        self.key.as_str().len() + Self::OWN_SIZE + self.item.size()
    }
}

/// Why a read or a commit failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another writer came first. Read again and decide again.
    Conflict,
    /// Refused before anything was written, as when throttled or unreachable. The call can be repeated.
    Unavailable,
    /// No answer: the commit may or may not be written. The same commit can be repeated.
    Unknown,
    /// The call is wrong, as an empty commit, or the item can't be decoded. Repeating it does not help. The text is for
    /// the log.
    Rejected(&'static str),
}

/// A store of items. Both methods can be repeated safely.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads one item, strongly consistent: it sees every earlier commit. Expired items may still be returned; the
    /// domain checks its own deadlines.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Unknown`], [`StoreError::Rejected`].
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError>;

    /// Writes all puts or none. If an item shows the commit's version, as its own or an earlier one, the commit was
    /// applied before and its reply was lost: the result is a success.
    ///
    /// # Errors
    /// Any [`StoreError`]. Only [`StoreError::Unknown`] leaves open whether the puts were written.
    async fn commit(&self, commit: &Commit) -> Result<(), StoreError>;
}
