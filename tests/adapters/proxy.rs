//! Tests of the rig: the proxy injects the planned faults and records what it saw.

use std::sync::Arc;

use countersign::store::dynamodb::DynamoDbStore;
use countersign::store::{Commit, Item, Key, Put, Replaces, Store, StoreError, Version};

use crate::rig::dynamodb::{create_table, endpoint, patient};
use crate::rig::proxy::{Fault, Proxy};
use crate::rig::{clients_at, clients_of};

fn commit(version: u8, keys: &[&str]) -> Commit {
    let puts = keys.iter().map(|key| Put {
        key: Key::new('t', &[key]),
        replaces: Replaces::Nothing,
        item: Item::default().with("number", i64::from(version)),
        ttl: None,
    });
    Commit { version: Version([version; Version::LENGTH]), puts: puts.collect() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_injects_planned_faults_and_records_requests() {
    let Some(endpoint) = endpoint() else { return };
    let (direct, proxy) = (patient(&clients_of(endpoint, "proxied").await.dynamodb), Proxy::to(endpoint));
    create_table(&direct, "proxied").await;
    let direct = DynamoDbStore::new(direct, "proxied".to_owned());
    let store = DynamoDbStore::new(clients_of(&proxy.url(), "proxied").await.dynamodb, "proxied".to_owned());
    let is_there = async |key: &str| direct.get(&Key::new('t', &[key])).await.unwrap().is_some();

    store.commit(&commit(1, &["a"])).await.unwrap();
    store.commit(&commit(2, &["b", "c"])).await.unwrap();
    store.get(&Key::new('t', &["a"])).await.unwrap().unwrap();
    let seen = proxy.take().await;
    let names: Vec<_> = seen.iter().map(|seen| (seen.name(), seen.keys.join(" "))).collect();
    let expected = [("UpdateItem", "t#a"), ("TransactWriteItems", "t#b t#c"), ("GetItem", "t#a")];
    assert_eq!(names, expected.map(|(name, keys)| (name, keys.to_owned())));
    assert!(seen.iter().all(|seen| seen.access_key == "proxied" && seen.status == Some(200) && seen.answer_size > 1));
    assert!(seen.iter().all(|seen| seen.ended.unwrap() > seen.began && seen.body.contains("proxied")));

    let faults = [
        (Fault::Throttled, StoreError::Unavailable, false),
        (Fault::InConflict, StoreError::Unavailable, false),
        (Fault::Broken, StoreError::Unknown, false),
        (Fault::BrokenAfter, StoreError::Unknown, true),
        (Fault::Cut, StoreError::Unknown, false),
        (Fault::CutAfter, StoreError::Unknown, true),
        (Fault::Torn, StoreError::Unknown, true),
        (Fault::Slow, StoreError::Unknown, true),
        (Fault::Late, StoreError::Unknown, true),
        (Fault::Garbage, StoreError::Unknown, true),
    ];
    for (version, (fault, error, is_applied)) in (10..).zip(faults) {
        for keys in [&["x"][..], &["y", "z"]] {
            let names: Vec<_> = keys.iter().map(|key| format!("{key}-{fault:?}")).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let commit = commit(version, &names);
            proxy.take().await;
            proxy.plan(fault, 0, 1);
            assert_eq!(store.commit(&commit).await, Err(error), "{fault:?}");
            let seen = proxy.take().await;
            assert_eq!(
                (seen.len(), seen[0].fault, proxy.heal()),
                (1, Some(fault), 1),
                "{fault:?}: nothing is repeated"
            );
            assert_eq!(seen[0].given_up, matches!(fault, Fault::Slow | Fault::Late));
            assert_eq!(is_there(names[0]).await, is_applied, "{fault:?}");
            // The commit can be repeated.
            store.commit(&commit).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_lets_others_write_before_an_answer_is_lost() {
    let Some(endpoint) = endpoint() else { return };
    let proxy = Proxy::to(endpoint);
    let clients = clients_at(&proxy.url()).await.dynamodb;
    create_table(&patient(&clients), "between").await;
    let store = Arc::new(DynamoDbStore::new(clients, "between".to_owned()));
    let (other, handle) = (Arc::clone(&store), tokio::runtime::Handle::current());
    proxy.meanwhile(move |seen| {
        assert_eq!(seen.name(), "UpdateItem");
        handle.block_on(other.commit(&commit(2, &["b"]))).unwrap();
    });
    proxy.plan_for("UpdateItem", Fault::CutAfter, 0, 1);
    assert_eq!(store.commit(&commit(1, &["a"])).await, Err(StoreError::Unknown));
    assert!(store.get(&Key::new('t', &["b"])).await.unwrap().is_some());
}
