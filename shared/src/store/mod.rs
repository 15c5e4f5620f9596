//! Where items live: a key-value store with two methods, one that reads an item and one that replaces some.
//!
//! Nothing is deleted and nothing is written unconditionally: every [`Put`] states what it replaces. What is
//! spent is put back as a tombstone with a time to live, so that a lost reply can be told from a conflict.

use async_trait::async_trait;

mod item;
pub mod records;

#[cfg(feature = "embedded")]
pub mod embedded;

pub use item::{Item, ItemError, Value};

/// An item's partition key, typed by its first letter: `a#alice`, `e#alice#totp`, `c#alice#FACTOR`, `l#DIGEST`.
///
/// It holds a user id or a digest, never an address or a number. Made by [`records`] alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// The content, without the store's own attributes (`pk`, `v`, `vs`, `ttl`).
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
