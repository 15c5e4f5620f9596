//! The sequential round trips of every flow: what is asked at once counts once.

use std::fmt::Write as _;
use std::sync::Arc;

use countersign::store::embedded::EmbeddedStore;
use countersign::store::{Commit, Key, Put, Replaces, Store, Version};

use crate::faults::bench::{Flow, Space};
use crate::faults::flows;
use crate::rig::{Asked, Observed, World, enrol_app};

/// A store with as many accounts, none of them Alice's.
async fn with_accounts(accounts: usize) -> EmbeddedStore {
    let observed = Observed::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
    enrol_app(&World::on(observed.clone()).user("other"), "Phone").await;
    let items = observed.items().await;
    let other = &items[&Key::new('a', &["other"])].item;
    let store = EmbeddedStore::in_memory().unwrap();
    let puts = (0..accounts).map(|number| Put {
        key: Key::new('a', &[&format!("other-{number}")]),
        replaces: Replaces::Nothing,
        item: other.clone(),
        ttl: None,
    });
    for puts in puts.collect::<Vec<_>>().chunks(Commit::MAX_PUTS) {
        let commit = Commit { version: Version([9; Version::LENGTH]), puts: puts.to_vec() };
        store.commit(&commit).await.unwrap();
    }
    store
}

/// The round trips of a flow's request, and whether it sends a message.
async fn round_trips(flow: &Flow, store: Arc<dyn Store>) -> (Vec<Vec<Asked>>, bool) {
    let observed = Observed::new(store);
    let world = World::on(observed.clone());
    let scene = (flow.prepare)(&world).await;
    let sent = world.postbox.calls();
    observed.take();
    scene.ask(&world).await;
    (observed.take_round_trips(), world.postbox.calls() > sent)
}

/// As `a, e → put a e`: what is read at once, then what is committed.
fn drawn(trips: &[Vec<Asked>]) -> String {
    let asked = |asked: &Asked| match asked {
        Asked::Get(kind) => kind.to_string(),
        Asked::Commit(puts) => {
            let kinds: Vec<_> = puts.iter().map(|(kind, _)| kind.to_string()).collect();
            format!("put {}", kinds.join(" "))
        }
    };
    let trips = trips.iter().map(|trip| trip.iter().map(asked).collect::<Vec<_>>().join(", "));
    trips.collect::<Vec<_>>().join(" → ")
}

#[tokio::test]
async fn a_flow_makes_two_round_trips_and_three_with_a_message_or_challenges_with_one_account_and_with_a_thousand() {
    let mut table = String::new();
    let many = with_accounts(999).await;
    for flow in flows::all() {
        let (alone, sends) = round_trips(flow, Arc::new(EmbeddedStore::in_memory().unwrap())).await;
        let (among_many, _) = round_trips(flow, Arc::new(Space::of(&many))).await;
        assert_eq!(drawn(&alone), drawn(&among_many), "{}", flow.name);
        // Which challenges there may be is known once the account was read.
        let most = if sends || flow.name == "the_back_end_forgets_a_user" { 3 } else { 2 };
        assert!(alone.len() <= most, "{}: {}", flow.name, drawn(&alone));
        let sends = if sends { ", then a message" } else { "" };
        writeln!(table, "{} {}: {}{sends}", alone.len(), flow.name, drawn(&alone)).unwrap();
    }
    insta::assert_snapshot!("every_flow", table);
}

#[tokio::test]
async fn what_is_asked_at_once_is_one_round_trip_and_what_waits_is_another() {
    let observed = Observed::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
    let (a, b) = (Key::new('a', &["1"]), Key::new('b', &["1"]));
    let _ = tokio::join!(observed.get(&a), observed.get(&b));
    observed.get(&a).await.unwrap();
    assert_eq!(drawn(&observed.take_round_trips()), "a, b → a");
    let two_in_a_row = async {
        observed.get(&a).await.unwrap();
        observed.get(&a).await
    };
    let _ = tokio::join!(two_in_a_row, observed.get(&b));
    assert_eq!(drawn(&observed.take_round_trips()), "a, b → a");
}
