//! Where items live: a key-value store with two methods, one that reads an item and one that replaces some.
//!
//! Nothing is deleted and nothing is written unconditionally: every [`Put`] states what it replaces. What is
//! spent is put back as a tombstone with a time to live, so that a lost reply can be told from a conflict.

use std::collections::BTreeSet;

use async_trait::async_trait;

mod item;
pub mod records;

#[cfg(feature = "aws")]
pub mod dynamodb;
#[cfg(feature = "embedded")]
pub mod embedded;

pub use item::{Item, ItemError, Value};

/// An item's partition key, typed by its first letter: `a#alice`, `e#alice#totp`, `c#alice#FACTOR`, `l#DIGEST`.
///
/// It holds a user id or a digest, and only its kind is printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// A key of the given kind (one letter) over its parts.
    #[must_use]
    pub fn new(kind: char, parts: &[&str]) -> Self {
        let mut key = String::from(kind);
        for part in parts {
            key.push('#');
            key.push_str(part);
        }
        Self(key)
    }

    /// The key as it is stored.
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

/// The version of an item: 96 random bits, minted once per commit.
///
/// Random rather than counted, because an item that expired and was made anew must not match an older reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; Version::LENGTH]);

impl Version {
    /// Bytes in a version.
    pub const LENGTH: usize = 12;
    /// How many predecessors an item keeps: a lost reply is recognised under that many later writers.
    pub const KEPT: usize = 3;
}

/// An item as it was read: its content, its version, and when it may be swept.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The content, without the store's own attributes: the key, the versions, `ttl`.
    pub item: Item,
    /// The version to name when replacing it.
    pub version: Version,
    /// Unix seconds after which the store may delete it; `None` keeps it.
    pub ttl: Option<i64>,
}

/// What a [`Put`] replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// Nothing: the key must be absent. An item past its time to live that is still there is not absent.
    Nothing,
    /// The item of this version.
    Version(Version),
}

/// One item to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// Where.
    pub key: Key,
    /// What must be there now.
    pub replaces: Replaces,
    /// What will be there.
    pub item: Item,
    /// Unix seconds after which the store may delete it; `None` keeps it.
    pub ttl: Option<i64>,
}

/// Some puts that happen together or not at all, under one new version.
///
/// Committing the same `Commit` again is safe: the store recognises its version and reports success.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The version that every item of this commit will have.
    pub version: Version,
    /// What to write; each key once.
    pub puts: Vec<Put>,
}

impl Commit {
    /// The most puts in a commit, as in `TransactWriteItems`.
    pub const MAX_PUTS: usize = 100;
    /// The most bytes in a commit, as in `TransactWriteItems`.
    pub const MAX_SIZE: usize = 4 * 1024 * 1024;

    /// Refuses what `DynamoDB` would refuse. Every store begins with it, so that what works on one works on all.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] for an empty commit, a key twice, too many puts, an item or a commit too large, or an
    /// attribute with a name of the store's own.
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
        if self.puts.iter().flat_map(|put| put.item.iter()).any(|(name, _)| Put::OWN_ATTRIBUTES.contains(&name)) {
            return Err(StoreError::Rejected("an attribute has a name that is reserved for the store"));
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
    /// The most bytes in an item, as in `DynamoDB`: its key and the store's own attributes count.
    pub const MAX_SIZE: usize = 400 * 1024;
    /// The attributes that a store adds: the key, the version, its predecessors, the time to live.
    pub const OWN_ATTRIBUTES: [&str; 4] = ["pk", "v", "vs", "ttl"];
    /// Room for them beside the key's text, whichever way a store writes the predecessors.
    const OWN_SIZE: usize = 128;

    fn size(&self) -> usize {
        self.key.as_str().len() + Self::OWN_SIZE + self.item.size()
    }
}

/// Why a store did not answer a read, or did not confirm a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another writer was there first: read again and decide again.
    Conflict,
    /// Refused before anything was written (throttled, unreachable): the same call may be made again.
    Unavailable,
    /// No answer: it may have been written or not. The same commit may be made again.
    Unknown,
    /// The call itself is wrong: an empty commit, a key twice, an item too large or unreadable.
    Rejected(&'static str),
}

/// A store of items. Both methods are safe to repeat.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads one item, strongly consistent: whatever was committed before is seen. Items past their time to live
    /// may still be returned; the domain checks its own deadlines.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Unknown`], [`StoreError::Rejected`].
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError>;

    /// Writes all puts or none. A commit whose version an item already shows, now or among its predecessors, is a
    /// success: it was applied before and its reply was lost.
    ///
    /// # Errors
    /// Any [`StoreError`]; nothing was written unless it is [`StoreError::Unknown`].
    async fn commit(&self, commit: &Commit) -> Result<(), StoreError>;
}
