//! Preconditions: a commit replaces what it names, all or nothing; and the commits that every store rejects.

use std::sync::Arc;

use countersign::store::{Commit, Item, Put, Store, StoreError, Stored};

use super::given::{
    commit, committed, creation, fresh_version, key, number_of, numbered, replacement, stored, version_of,
};

pub(super) async fn an_absent_key_reads_as_nothing(store: Arc<dyn Store>) {
    assert_eq!(store.get(&key("absent")).await, Ok(None));
}

pub(super) async fn a_put_over_nothing_is_read_back(store: Arc<dyn Store>) {
    let version = committed(&*store, [creation("a", numbered(1))]).await;
    assert_eq!(stored(&*store, "a").await, Some(Stored { item: numbered(1), version, ttl: None }));
}

pub(super) async fn a_put_over_nothing_conflicts_with_an_item(store: Arc<dyn Store>) {
    let version = committed(&*store, [creation("a", numbered(1))]).await;
    assert_eq!(store.commit(&commit([creation("a", numbered(2))])).await, Err(StoreError::Conflict));
    assert_eq!(stored(&*store, "a").await, Some(Stored { item: numbered(1), version, ttl: None }));
}

pub(super) async fn a_put_over_the_version_that_was_read_replaces_the_item(store: Arc<dyn Store>) {
    committed(&*store, [creation("a", numbered(1))]).await;
    let read = version_of(&*store, "a").await;
    let version = committed(&*store, [replacement("a", read, numbered(2))]).await;
    assert_ne!(version, read);
    assert_eq!(stored(&*store, "a").await, Some(Stored { item: numbered(2), version, ttl: None }));
}

pub(super) async fn a_put_over_another_version_conflicts(store: Arc<dyn Store>) {
    committed(&*store, [creation("a", numbered(1))]).await;
    let other = committed(&*store, [creation("b", numbered(1))]).await;
    assert_eq!(store.commit(&commit([replacement("a", other, numbered(2))])).await, Err(StoreError::Conflict));
    assert_eq!(number_of(&*store, "a").await, 1);
}

pub(super) async fn a_put_over_a_version_of_an_absent_item_conflicts(store: Arc<dyn Store>) {
    let put = replacement("absent", fresh_version(), numbered(1));
    assert_eq!(store.commit(&commit([put])).await, Err(StoreError::Conflict));
    assert_eq!(stored(&*store, "absent").await, None);
}

/// An earlier version only shows who wrote before. It can't be replaced.
pub(super) async fn a_put_over_a_replaced_version_conflicts(store: Arc<dyn Store>) {
    let first = committed(&*store, [creation("a", numbered(1))]).await;
    committed(&*store, [replacement("a", first, numbered(2))]).await;
    assert_eq!(store.commit(&commit([replacement("a", first, numbered(3))])).await, Err(StoreError::Conflict));
    assert_eq!(number_of(&*store, "a").await, 2);
}

pub(super) async fn one_conflict_among_many_puts_undoes_them_all(store: Arc<dyn Store>) {
    let a = committed(&*store, [creation("a", numbered(1))]).await;
    let c = committed(&*store, [creation("c", numbered(1))]).await;
    let mut puts = vec![
        replacement("a", a, numbered(2)),
        creation("b", numbered(2)),
        replacement("c", fresh_version(), numbered(2)),
        creation("d", numbered(2)),
    ];
    // The conflict's place in the commit must not matter.
    for _ in 0..puts.len() {
        puts.rotate_left(1);
        assert_eq!(store.commit(&commit(puts.clone())).await, Err(StoreError::Conflict));
        assert_eq!(stored(&*store, "a").await, Some(Stored { item: numbered(1), version: a, ttl: None }));
        assert_eq!(stored(&*store, "b").await, None);
        assert_eq!(stored(&*store, "c").await, Some(Stored { item: numbered(1), version: c, ttl: None }));
        assert_eq!(stored(&*store, "d").await, None);
    }
}

pub(super) async fn a_commit_of_a_hundred_puts_is_applied(store: Arc<dyn Store>) {
    committed(&*store, many(Commit::MAX_PUTS)).await;
    for name in names(Commit::MAX_PUTS) {
        assert_eq!(number_of(&*store, &name).await, 1);
    }
}

pub(super) async fn every_item_of_a_commit_has_its_version(store: Arc<dyn Store>) {
    let version = committed(&*store, many(3)).await;
    for name in names(3) {
        assert_eq!(version_of(&*store, &name).await, version);
    }
}

pub(super) async fn an_empty_commit_is_rejected(store: Arc<dyn Store>) {
    assert_rejected(&*store, commit([])).await;
}

pub(super) async fn a_key_twice_in_a_commit_is_rejected(store: Arc<dyn Store>) {
    assert_rejected(&*store, commit([creation("a", numbered(1)), creation("a", numbered(2))])).await;
    assert_rejected(&*store, commit([creation("a", numbered(1)), replacement("a", fresh_version(), numbered(2))]))
        .await;
}

pub(super) async fn more_than_a_hundred_puts_are_rejected(store: Arc<dyn Store>) {
    assert_rejected(&*store, commit(many(Commit::MAX_PUTS + 1))).await;
}

pub(super) async fn an_item_over_400_kilobytes_is_rejected(store: Arc<dyn Store>) {
    assert_rejected(&*store, commit([creation("a", of_size(Put::MAX_SIZE))])).await;
    let nested = Item::default().with("list", vec![of_size(Put::MAX_SIZE / 2), of_size(Put::MAX_SIZE / 2)]);
    assert_rejected(&*store, commit([creation("a", nested)])).await;
}

pub(super) async fn a_commit_over_four_megabytes_is_rejected(store: Arc<dyn Store>) {
    let puts: Vec<_> = names(11).map(|name| creation(&name, of_size(Commit::MAX_SIZE / 11))).collect();
    assert_rejected(&*store, commit(puts)).await;
}

async fn assert_rejected(store: &dyn Store, commit: Commit) {
    let answer = store.commit(&commit).await;
    assert!(matches!(answer, Err(StoreError::Rejected(_))), "{answer:?}");
    for put in &commit.puts {
        assert_eq!(store.get(&put.key).await, Ok(None));
    }
}

fn of_size(bytes: usize) -> Item {
    Item::default().with("bytes", vec![7_u8; bytes])
}

fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("item-{number}"))
}

fn many(count: usize) -> Vec<Put> {
    names(count).map(|name| creation(&name, numbered(1))).collect()
}
