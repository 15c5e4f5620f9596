//! A commit whose reply was lost is repeated: it is neither refused wrongly nor applied twice.

use std::sync::Arc;

use countersign::store::{Store, StoreError, Version};
use tokio::task::JoinSet;

use super::given::{
    FAR_AHEAD, commit, commit_until_answered, committed, creation, number_of, numbered, overwritten, replacement,
    stored, until,
};

pub(super) async fn a_repeated_commit_succeeds_while_its_version_is_still_kept_t40(store: Arc<dyn Store>) {
    for later in 0..=Version::KEPT {
        let name = format!("item-{later}");
        let lost = commit([creation(&name, numbered(1))]);
        assert_eq!(store.commit(&lost).await, Ok(()));
        overwritten(&*store, &name, lost.version, later).await;

        let before = stored(&*store, &name).await;
        assert_eq!(store.commit(&lost).await, Ok(()), "under {later} later writers");
        assert_eq!(stored(&*store, &name).await, before);
    }
}

pub(super) async fn a_repeated_commit_conflicts_once_its_version_is_no_longer_kept_t40(store: Arc<dyn Store>) {
    let lost = commit([creation("a", numbered(1))]);
    assert_eq!(store.commit(&lost).await, Ok(()));
    overwritten(&*store, "a", lost.version, Version::KEPT + 1).await;

    let before = stored(&*store, "a").await;
    assert_eq!(store.commit(&lost).await, Err(StoreError::Conflict));
    assert_eq!(stored(&*store, "a").await, before);
}

pub(super) async fn a_repeated_replacement_succeeds_while_its_version_is_still_kept_t40(store: Arc<dyn Store>) {
    for later in 0..=Version::KEPT {
        let name = format!("item-{later}");
        let first = committed(&*store, [creation(&name, numbered(1))]).await;
        let lost = commit([replacement(&name, first, numbered(2))]);
        assert_eq!(store.commit(&lost).await, Ok(()));
        overwritten(&*store, &name, lost.version, later).await;

        let before = stored(&*store, &name).await;
        assert_eq!(store.commit(&lost).await, Ok(()), "under {later} later writers");
        assert_eq!(stored(&*store, &name).await, before);
    }
}

/// A commit is applied whole or not at all: so one item that shows the version is enough.
pub(super) async fn a_repeated_commit_succeeds_if_any_item_still_shows_its_version_t40(store: Arc<dyn Store>) {
    for order in [["busy", "quiet"], ["quiet", "busy"]] {
        let [first, second] = order.map(|name| format!("{name}, as in {order:?}"));
        let busy = if order[0] == "busy" { &first } else { &second };
        let lost = commit([creation(&first, numbered(1)), creation(&second, numbered(1))]);
        assert_eq!(store.commit(&lost).await, Ok(()));
        overwritten(&*store, busy, lost.version, Version::KEPT + 1).await;

        let before = [stored(&*store, &first).await, stored(&*store, &second).await];
        assert_eq!(store.commit(&lost).await, Ok(()), "{order:?}");
        assert_eq!([stored(&*store, &first).await, stored(&*store, &second).await], before);
    }
}

pub(super) async fn the_same_puts_under_another_version_conflict_t40(store: Arc<dyn Store>) {
    let first = committed(&*store, [creation("a", numbered(1))]).await;
    let puts = [replacement("a", first, numbered(2)), creation("b", numbered(2))];
    committed(&*store, puts.clone()).await;
    assert_eq!(store.commit(&commit(puts)).await, Err(StoreError::Conflict));
}

pub(super) async fn a_refused_commit_is_refused_again_when_repeated_t40(store: Arc<dyn Store>) {
    let first = committed(&*store, [creation("a", numbered(1))]).await;
    let refused = commit([creation("b", numbered(2)), creation("a", numbered(2))]);
    assert_eq!(store.commit(&refused).await, Err(StoreError::Conflict));
    overwritten(&*store, "a", first, 1).await;
    assert_eq!(store.commit(&refused).await, Err(StoreError::Conflict));
    assert_eq!(stored(&*store, "b").await, None);
}

pub(super) async fn a_commit_repeated_concurrently_is_applied_once_t40(store: Arc<dyn Store>) {
    let opening = commit([creation("a", numbered(1))]);
    assert_eq!(store.commit(&opening).await, Ok(()));
    let lost = commit([replacement("a", opening.version, numbered(2)), creation("b", numbered(2))]);
    let mut repeats = JoinSet::new();
    for _ in 0..16 {
        let (store, lost) = (Arc::clone(&store), lost.clone());
        repeats.spawn(async move { commit_until_answered(&*store, &lost).await });
    }
    assert_eq!(repeats.join_all().await, vec![Ok(()); 16]);

    // A second application would count as two later writers, and the opening version would be forgotten.
    overwritten(&*store, "a", lost.version, Version::KEPT - 1).await;
    assert_eq!(store.commit(&opening).await, Ok(()));
}

pub(super) async fn a_spent_item_stays_readable(store: Arc<dyn Store>) {
    let open = committed(&*store, [creation("a", numbered(1))]).await;
    let spent = committed(&*store, [until(replacement("a", open, numbered(2)), FAR_AHEAD)]).await;
    let found = stored(&*store, "a").await.unwrap();
    assert_eq!((found.item, found.version, found.ttl), (numbered(2), spent, Some(FAR_AHEAD)));
}

pub(super) async fn a_repeated_commit_succeeds_over_a_spent_item_t40(store: Arc<dyn Store>) {
    let opening = commit([creation("a", numbered(1))]);
    assert_eq!(store.commit(&opening).await, Ok(()));
    let spending = commit([until(replacement("a", opening.version, numbered(2)), FAR_AHEAD)]);
    assert_eq!(store.commit(&spending).await, Ok(()));

    assert_eq!(store.commit(&spending).await, Ok(()));
    assert_eq!(store.commit(&opening).await, Ok(()));
    assert_eq!(number_of(&*store, "a").await, 2);
    // A writer that read the opening version and comes too late gets a conflict.
    let late = commit([until(replacement("a", opening.version, numbered(3)), FAR_AHEAD)]);
    assert_eq!(store.commit(&late).await, Err(StoreError::Conflict));
}
