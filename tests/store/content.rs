//! Stored items come back unchanged, at once, and for as long as they live.

use std::sync::Arc;

use countersign::store::{Item, Put, Store, StoreError, Value};
use tokio::sync::mpsc;

use super::given::{EXPIRED, FAR_AHEAD, commit, committed, creation, number_of, numbered, replacement, stored, until};

pub(super) async fn every_kind_of_value_is_read_back_unchanged(store: Arc<dyn Store>) {
    let values = Item::default()
        .with("text", "alice")
        .with("empty text", "")
        .with("größe, 日本 🔑", "ß, 語 🔐 and a \0 too")
        .with("zero", 0_i64)
        .with("one", 1_i64)
        .with("negative", -1_i64)
        .with("round", 1_000_000_000_i64)
        .with("least", i64::MIN)
        .with("greatest", i64::MAX)
        .with("bytes", (0..=255).collect::<Vec<u8>>())
        .with("empty bytes", Vec::<u8>::new())
        .with("empty list", Value::List(Vec::new()))
        .with("empty map", Item::default())
        .with("list of empties", Value::List(vec![Value::List(Vec::new()), Item::default().into(), "".into()]));
    let nested = values
        .clone()
        .with("map", values.clone())
        .with("maps", vec![values.clone(), Item::default(), values.clone().with("deeper", vec![values.clone()])])
        .with("mixed", Value::List(values.iter().map(|(_, value)| value.clone()).collect()));
    for (name, item) in [("empty", Item::default()), ("flat", values), ("nested", nested)] {
        committed(&*store, [creation(name, item.clone())]).await;
        assert_eq!(stored(&*store, name).await.unwrap().item, item);
    }
}

pub(super) async fn an_item_of_almost_400_kilobytes_is_read_back_unchanged(store: Arc<dyn Store>) {
    let item = Item::default().with("bytes", vec![7_u8; Put::MAX_SIZE - 1_024]);
    committed(&*store, [creation("a", item.clone())]).await;
    assert_eq!(stored(&*store, "a").await.unwrap().item, item);
}

pub(super) async fn an_attribute_may_have_the_name_of_one_that_the_store_adds(store: Arc<dyn Store>) {
    let names = ["pk", "item", "v", "v1", "v2", "v3", "ttl", "version", "predecessors"];
    let item = names.iter().fold(Item::default(), |item, name| item.with(name, "content"));
    committed(&*store, [creation("a", item.clone())]).await;
    assert_eq!(stored(&*store, "a").await.unwrap().item, item);
    assert_eq!(stored(&*store, "a").await.unwrap().ttl, None);
}

pub(super) async fn the_content_is_replaced_and_not_merged(store: Arc<dyn Store>) {
    let version = committed(&*store, [creation("a", numbered(1).with("before", 1_i64))]).await;
    committed(&*store, [replacement("a", version, numbered(2).with("after", 2_i64))]).await;
    assert_eq!(stored(&*store, "a").await.unwrap().item, numbered(2).with("after", 2_i64));
}

pub(super) async fn a_put_without_a_time_to_live_clears_the_one_before(store: Arc<dyn Store>) {
    let version = committed(&*store, [until(creation("a", numbered(1)), FAR_AHEAD)]).await;
    assert_eq!(stored(&*store, "a").await.unwrap().ttl, Some(FAR_AHEAD));
    let version = committed(&*store, [until(replacement("a", version, numbered(2)), FAR_AHEAD + 1)]).await;
    assert_eq!(stored(&*store, "a").await.unwrap().ttl, Some(FAR_AHEAD + 1));
    committed(&*store, [replacement("a", version, numbered(3))]).await;
    assert_eq!(stored(&*store, "a").await.unwrap().ttl, None);
}

pub(super) async fn an_expired_item_that_still_exists_is_read(store: Arc<dyn Store>) {
    committed(&*store, [until(creation("a", numbered(1)), EXPIRED)]).await;
    let found = stored(&*store, "a").await.unwrap();
    assert_eq!((found.item, found.ttl), (numbered(1), Some(EXPIRED)));
}

pub(super) async fn an_expired_item_that_still_exists_conflicts_with_a_creation(store: Arc<dyn Store>) {
    let version = committed(&*store, [until(creation("a", numbered(1)), EXPIRED)]).await;
    assert_eq!(store.commit(&commit([creation("a", numbered(2))])).await, Err(StoreError::Conflict));
    committed(&*store, [replacement("a", version, numbered(3))]).await;
    assert_eq!(number_of(&*store, "a").await, 3);
}

/// One task commits and signals; another must then read the commit, every time.
pub(super) async fn a_commit_is_seen_by_every_other_task_at_once(store: Arc<dyn Store>) {
    const WRITES: i64 = 100;
    let (written, mut heard) = mpsc::unbounded_channel();
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        let mut version = committed(&*writer, [creation("a", numbered(0))]).await;
        for number in 1..=WRITES {
            version = committed(&*writer, [replacement("a", version, numbered(number))]).await;
            written.send(number).unwrap();
        }
    });
    while let Some(number) = heard.recv().await {
        assert!(number_of(&*store, "a").await >= number);
    }
    writing.await.unwrap();
    assert_eq!(number_of(&*store, "a").await, WRITES);
}
