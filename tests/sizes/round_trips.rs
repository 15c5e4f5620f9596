//! The sequential round trips of every request, in which parallel calls count as one, and the units that it uses.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use countersign::http::routes::{Access, Route, routes};
use countersign::store::embedded::EmbeddedStore;
use countersign::store::{Commit, Key, Put, Replaces, Store, Version};

use super::units::{Metered, Units};
use crate::faults::bench::{Flow, Space};
use crate::faults::flows;
use crate::rig::{Asked, Observed, Plan, World, enroll_app};

/// The flows that are also counted with receipts.
const WITH_A_RECEIPT: [&str; 5] = [
    "an_app_is_checked",
    "a_challenge_is_answered",
    "a_transaction_is_confirmed",
    "a_demand_is_met",
    "the_back_end_redeems_a_session",
];

/// A store with this number of accounts, none of them Alice's.
async fn with_accounts(accounts: usize) -> EmbeddedStore {
    let observed = Observed::new(Arc::new(EmbeddedStore::in_memory().unwrap()));
    enroll_app(&World::on(observed.clone()).user("other"), "Phone").await;
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

/// The cost of a flow's request.
struct Taken {
    route: String,
    trips: Vec<Vec<Asked>>,
    units: Units,
    /// Whether it sends a message.
    sends: bool,
}

async fn taken(flow: &Flow, store: Arc<dyn Store>, settings: &[(&str, &str)]) -> Taken {
    let metered = Metered::new(store);
    let observed = Observed::new(metered.clone());
    let world = Plan::over(observed.clone(), settings).build();
    let scene = (flow.prepare)(&world).await;
    let sent = world.postbox.calls();
    observed.take();
    metered.take();
    scene.ask(&world).await;
    Taken {
        route: route(scene.method(), &scene.path(&world)),
        trips: observed.take_round_trips(),
        units: metered.take().billed(),
        sends: world.postbox.calls() > sent,
    }
}

/// The route in the route table's form.
fn route(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let segments: Vec<_> = path.split('/').collect();
    let is_meant = |route: &&Route| {
        let template: Vec<_> = route.path.split('/').collect();
        let alike = |(meant, segment): (&&str, &&str)| meant.starts_with('{') || meant == segment;
        route.method.as_str() == method && template.len() == segments.len() && template.iter().zip(&segments).all(alike)
    };
    let routes = routes();
    // A fixed segment takes precedence over a parameter.
    let route = routes.iter().filter(is_meant).min_by_key(|route| route.path.matches('{').count());
    named(route.unwrap_or_else(|| panic!("{method} {path} is no route")))
}

fn named(route: &Route) -> String {
    format!("{} {}", route.method.as_str(), route.path)
}

/// The round trips as `a, e → put a e`: parallel reads, then the commit.
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
async fn a_request_takes_at_most_three_round_trips_for_any_number_of_accounts() {
    let mut table = "trips reads writes\n".to_owned();
    let mut seen = BTreeSet::new();
    let many = with_accounts(999).await;
    for flow in flows::all() {
        let alone = taken(flow, Arc::new(EmbeddedStore::in_memory().unwrap()), &[]).await;
        let among_many = taken(flow, Arc::new(Space::of(Arc::new(many.clone()))), &[]).await;
        assert_eq!(drawn(&alone.trips), drawn(&among_many.trips), "{}", flow.name);
        let Taken { route, trips, units: Units { reads, writes }, sends } = alone;
        seen.insert(route);
        // A factor that is given by its type, and the possible challenges, are known only after the account was read.
        let most = if sends || flow.name == "the_back_end_forgets_a_user" { 3 } else { 2 };
        assert!(trips.len() <= most, "{}: {}", flow.name, drawn(&trips));
        let sends = if sends { ", then a message" } else { "" };
        writeln!(table, "{:>5} {reads:>5} {writes:>6} {}: {}{sends}", trips.len(), flow.name, drawn(&trips)).unwrap();
    }
    // A receipt costs no unit and no round trip: the preparation's first one has read the keys.
    for name in WITH_A_RECEIPT {
        let flow = flows::all().find(|flow| flow.name == name).unwrap();
        let store = Arc::new(EmbeddedStore::in_memory().unwrap());
        let settings = [("RECEIPT_ISSUER", "https://countersign.example")];
        let Taken { trips, units: Units { reads, writes }, .. } = taken(flow, store, &settings).await;
        let trips_taken = trips.len();
        writeln!(table, "{trips_taken:>5} {reads:>5} {writes:>6} {name}_with_a_receipt: {}", drawn(&trips)).unwrap();
    }
    let callable = routes().into_iter().filter(|route| route.access != Access::Public);
    assert_eq!(seen, callable.map(|route| named(&route)).collect(), "the flows go over every route");
    insta::assert_snapshot!("every_flow", table);
}

#[tokio::test]
async fn parallel_calls_count_as_one_round_trip_and_a_later_call_as_another() {
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
