//! Concurrent writers: one wins, the others get a conflict, and nothing is written by half.

use std::sync::Arc;

use countersign::store::{Commit, Item, Put, Store, StoreError};
use tokio::{sync::Barrier, task::JoinSet};

use super::given::{
    commit, commit_until_answered, committed, creation, number_of, numbered, replacement, stored, version_of,
};

const WRITERS: usize = 64;
const ROUNDS: usize = 50;

pub(super) async fn one_of_64_creations_wins(store: Arc<dyn Store>) {
    for round in 0..ROUNDS {
        let name = format!("item-{round}");
        let winner = race(&store, |writer| vec![creation(&name, of_writer(writer))]).await;
        assert_wrote(&*store, &name, &winner).await;
    }
}

pub(super) async fn one_of_64_replacements_wins(store: Arc<dyn Store>) {
    let mut version = committed(&*store, [creation("a", numbered(0))]).await;
    for _ in 0..ROUNDS {
        let winner = race(&store, |writer| vec![replacement("a", version, of_writer(writer))]).await;
        assert_wrote(&*store, "a", &winner).await;
        version = winner.version;
    }
}

pub(super) async fn one_of_64_commits_that_share_a_key_wins_whole(store: Arc<dyn Store>) {
    let mut version = committed(&*store, [creation("shared", numbered(0))]).await;
    for round in 0..ROUNDS {
        let own = |writer: usize| format!("own-{round}-{writer}");
        let winner = race(&store, |writer| {
            let mut puts =
                vec![replacement("shared", version, of_writer(writer)), creation(&own(writer), of_writer(writer))];
            // Half of the writers name the keys in reverse order: the order of locks must not matter.
            puts.rotate_left(writer % 2);
            puts
        })
        .await;

        assert_wrote(&*store, "shared", &winner).await;
        let winning = number_of(&*store, "shared").await;
        for writer in 0..WRITERS {
            let name = own(writer);
            if of_writer(writer) == numbered(winning) {
                assert_wrote(&*store, &name, &winner).await;
            } else {
                assert_eq!(stored(&*store, &name).await, None);
            }
        }
        version = winner.version;
    }
}

pub(super) async fn no_increment_is_lost(store: Arc<dyn Store>) {
    const EACH: i64 = 4;
    committed(&*store, [creation("count", numbered(0))]).await;
    let mut counting = JoinSet::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        counting.spawn(async move {
            for _ in 0..EACH {
                while increment(&*store, "count").await == Err(StoreError::Conflict) {}
            }
        });
    }
    counting.join_all().await;
    assert_eq!(number_of(&*store, "count").await, 16 * EACH);
}

async fn increment(store: &dyn Store, name: &str) -> Result<(), StoreError> {
    let read = store.get(&super::given::key(name)).await?.unwrap();
    let next = read.item.number::<i64>("number").unwrap() + 1;
    commit_until_answered(store, &commit([replacement(name, read.version, numbered(next))])).await
}

/// All writers commit at once. Exactly one succeeds, and its commit is returned; the others conflict.
async fn race(store: &Arc<dyn Store>, puts: impl Fn(usize) -> Vec<Put>) -> Commit {
    let start = Arc::new(Barrier::new(WRITERS));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, start, commit) = (Arc::clone(store), Arc::clone(&start), commit(puts(writer)));
        writers.spawn(async move {
            start.wait().await;
            (commit_until_answered(&*store, &commit).await, commit)
        });
    }
    let (won, lost): (Vec<_>, Vec<_>) = writers.join_all().await.into_iter().partition(|(answer, _)| answer.is_ok());
    assert_eq!(won.len(), 1, "one writer wins");
    assert!(lost.iter().all(|(answer, _)| *answer == Err(StoreError::Conflict)), "the others learn of it");
    won.into_iter().next().unwrap().1
}

async fn assert_wrote(store: &dyn Store, name: &str, winner: &Commit) {
    let key = super::given::key(name);
    let item = &winner.puts.iter().find(|put| put.key == key).unwrap().item;
    assert_eq!(version_of(store, name).await, winner.version);
    assert_eq!(stored(store, name).await.unwrap().item, *item);
}

fn of_writer(writer: usize) -> Item {
    numbered(i64::try_from(writer).unwrap())
}
