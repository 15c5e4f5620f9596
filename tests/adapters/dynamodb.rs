//! Flows over DynamoDB with a fault at each of their calls: nothing is lost, nothing happens twice, and every answer is
//! clear.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign::store::dynamodb::DynamoDbStore;
use countersign::store::{Commit, Key, Store, StoreError, Stored};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

use crate::faults::bench::{Bench, Prepared, Space, Stands, is_busy, prepared, told};
use crate::faults::lost_replies::touch;
use crate::rig::dynamodb::{create_table, endpoint, patient};
use crate::rig::proxy::{Fault, Proxy};
use crate::rig::{TestKeys, clients_at, clients_of};

/// One flow for each kind of call: a read only; commits of one and of several items; over an absent and over an
/// existing item; with and without a message; right and refused. These tests are about the wire. Other tests cover
/// every dialect over the store's trait.
const FLOWS: [&str; 17] = [
    "an_app_is_begun",
    "an_app_is_confirmed",
    "an_app_is_confirmed_wrongly",
    "a_phone_is_begun",
    "a_phone_is_confirmed",
    "a_phone_is_challenged",
    "a_challenge_is_answered",
    "a_challenge_is_answered_wrongly",
    "a_transaction_is_challenged",
    "a_transaction_is_confirmed",
    "a_demand_is_met",
    "an_app_is_checked",
    "an_app_is_checked_wrongly",
    "a_recovery_code_is_used",
    "a_factor_is_removed",
    "recovery_codes_are_made_anew",
    "factors_are_listed",
];

/// Faults that affect one call only.
const QUICK: [Fault; 9] = [
    Fault::Throttled,
    Fault::Refused(400, "ProvisionedThroughputExceededException"),
    Fault::InConflict,
    Fault::Broken,
    Fault::BrokenAfter,
    Fault::Cut,
    Fault::CutAfter,
    Fault::Torn,
    Fault::Garbage,
];

/// Faults that lose only the answer: the call was applied, which later calls show.
const AFTER: [Fault; 6] = [Fault::BrokenAfter, Fault::CutAfter, Fault::Torn, Fault::Garbage, Fault::Slow, Fault::Late];

/// More calls than any flow makes.
const ALL: usize = 1000;

const TABLE: &str = "adapters";

/// A table reached through a proxy, with the functions' timeouts, while faults may occur; else directly, with longer
/// timeouts.
struct Switched {
    through_proxy: DynamoDbStore,
    direct: DynamoDbStore,
    is_proxied: AtomicBool,
}

impl Switched {
    fn store(&self) -> &DynamoDbStore {
        if self.is_proxied.load(Ordering::SeqCst) { &self.through_proxy } else { &self.direct }
    }
}

#[async_trait::async_trait]
impl Store for Switched {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.store().get(key).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.store().commit(commit).await
    }
}

/// A flow with its own connection to the shared table.
struct Way {
    flow: &'static Prepared,
    proxy: Proxy,
    store: Arc<Switched>,
}

impl Way {
    async fn of(flow: &'static Prepared) -> Self {
        static TABLES: OnceCell<()> = OnceCell::const_new();
        let direct = patient(&clients_of(endpoint().unwrap(), TABLE).await.dynamodb);
        TABLES.get_or_init(async || create_table(&direct, TABLE).await).await;
        let proxy = Proxy::to(endpoint().unwrap());
        let through_proxy = clients_of(&proxy.url(), TABLE).await.dynamodb;
        let [through_proxy, direct] =
            [through_proxy, direct].map(|client| DynamoDbStore::new(client, TABLE.to_owned()));
        Self { flow, proxy, store: Arc::new(Switched { through_proxy, direct, is_proxied: AtomicBool::new(false) }) }
    }

    /// A copy of the flow's world over this connection.
    async fn bench(&self) -> Bench {
        // A commit's version is its token, and the service remembers tokens: so each copy gets its own seed.
        static SEEDS: AtomicU64 = AtomicU64::new(1_000_000);
        let seed = SEEDS.fetch_add(1, Ordering::Relaxed);
        self.flow.bench_over(Space::of(self.store.clone()), TestKeys::of_versions(&[1]), seed).await
    }

    /// Sends the flow's request under the fault, which ends with the answer.
    async fn carried_out(&self, fault: Fault, first: usize, count: usize) -> (Bench, String) {
        let bench = self.bench().await;
        self.proxy.plan(fault, first, count);
        self.store.is_proxied.store(true, Ordering::SeqCst);
        let told = told(&self.flow.ask(&bench).await);
        self.store.is_proxied.store(false, Ordering::SeqCst);
        self.proxy.heal();
        (bench, told)
    }

    /// Checks that the fault changes nothing for the client.
    async fn passes(&self, fault: Fault, first: usize, how: &str) {
        let (bench, told) = self.carried_out(fault, first, 1).await;
        let (name, usual) = (self.flow.name, &self.flow.usual);
        if told != usual.told {
            let seen = self.proxy.take().await;
            panic!("{name}, {how}: told {told} after {seen:#?}");
        }
        assert_eq!(bench.world.postbox.calls(), usual.sent, "{name}, {how}: messages");
        assert_eq!(self.flow.stands(&bench, how).await, usual.stands, "{name}, {how}");
        if AFTER.contains(&fault) {
            self.flow.goes_on(&bench, how).await;
        }
    }
}

/// The flows of these tests; empty where DynamoDB Local is missing.
async fn flows() -> Vec<&'static Prepared> {
    if endpoint().is_none() {
        return Vec::new();
    }
    let flows: Vec<_> = prepared().await.iter().filter(|flow| FLOWS.contains(&flow.name)).collect();
    assert_eq!(flows.len(), FLOWS.len());
    flows
}

/// Runs `work` for every flow, concurrently.
async fn with_every_flow<F>(work: impl Fn(Way) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut works = JoinSet::new();
    for flow in flows().await {
        works.spawn(work(Way::of(flow).await));
    }
    works.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failed_or_lost_dynamodb_call_does_not_change_the_answer_t40() {
    with_every_flow(async |way: Way| {
        for fault in QUICK {
            for first in 0..way.flow.usual.calls {
                way.passes(fault, first, &format!("{fault:?} at call {first}")).await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_timed_out_dynamodb_call_does_not_change_the_answer_t40() {
    // A few at a time: load on the machine must not use up the second that a call has.
    let places = Arc::new(Semaphore::new(6));
    let mut works = JoinSet::new();
    for flow in flows().await {
        let last = flow.usual.calls - 1;
        // The two faults are the same for a read, and all reads are sent together.
        for (first, fault) in [(0, Fault::Slow), (last, Fault::Slow), (last, Fault::Late)] {
            let places = places.clone();
            works.spawn(async move {
                let _place = places.acquire().await.unwrap();
                let (way, how) = (Way::of(flow).await, format!("{fault:?} at call {first}"));
                way.passes(fault, first, &how).await;
                let seen = way.proxy.take().await;
                assert!(seen.iter().any(|seen| seen.given_up), "{}, {how}: nobody waits that long", flow.name);
            });
        }
    }
    works.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_dynamodb_reply_is_recovered_under_up_to_two_other_writers_t40() {
    with_every_flow(async |way: Way| {
        // Only the versions can tell that the commit was applied.
        way.proxy.forget_tokens();
        for (writers, first) in (0..=2).flat_map(|writers| (0..way.flow.usual.calls).map(move |first| (writers, first)))
        {
            let (store, handle) = (Arc::clone(&way.store), Handle::current());
            way.proxy.meanwhile(move |seen| {
                let keys = seen.keys.iter().map(|key| Key::new('s', &[key.strip_prefix("s#").unwrap()]));
                let keys: Vec<_> = if seen.name() == "GetItem" { Vec::new() } else { keys.collect() };
                handle.block_on(async {
                    for key in keys.iter().cycle().take(keys.len() * writers) {
                        touch(&store.direct, key).await;
                    }
                });
            });
            way.passes(Fault::CutAfter, first, &format!("cut off at call {first} under {writers} writers")).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lasting_dynamodb_failures_are_answered_as_busy_and_change_nothing() {
    with_every_flow(async |way: Way| {
        let name = way.flow.name;
        for fault in [Fault::Throttled, Fault::Cut] {
            for first in 0..way.flow.usual.calls {
                let how = format!("{fault:?} at every call from call {first} on");
                let (bench, told) = way.carried_out(fault, first, ALL).await;
                assert!(is_busy(&told), "{name}, {how}: told {told}");
                assert_eq!(bench.world.postbox.calls(), 0, "{name}, {how}: messages");
                assert_eq!(way.flow.goes_on(&bench, &how).await, Stands::AsBefore, "{name}, {how}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lasting_loss_of_dynamodb_replies_is_answered_as_busy_and_recoverable_t35() {
    with_every_flow(async |way: Way| {
        let name = way.flow.name;
        for fault in [Fault::CutAfter, Fault::BrokenAfter] {
            for first in 0..way.flow.usual.calls {
                let how = format!("{fault:?} at every call from call {first} on");
                let (bench, told) = way.carried_out(fault, first, ALL).await;
                assert!(is_busy(&told), "{name}, {how}: told {told}");
                assert_eq!(bench.world.postbox.calls(), 0, "{name}, {how}: messages");
                way.flow.goes_on(&bench, &how).await;
            }
        }
    })
    .await;
}

/// Four calls, each with a timeout of a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_dynamodb_is_answered_as_busy_after_four_timeouts() {
    let mut works = JoinSet::new();
    for flow in flows().await.into_iter().filter(|flow| ["an_app_is_checked", "a_phone_is_begun"].contains(&flow.name))
    {
        for first in 0..flow.usual.calls {
            works.spawn(async move {
                let way = Way::of(flow).await;
                let (bench, told) = way.carried_out(Fault::Late, first, ALL).await;
                assert!(is_busy(&told), "{}, from call {first} on: told {told}", flow.name);
                let seen = way.proxy.take().await;
                let given_up = seen.into_iter().filter(|seen| seen.given_up).count();
                assert!(given_up >= 4, "{}, from call {first} on: given up {given_up} times", flow.name);
                flow.goes_on(&bench, "after a store that hung").await;
            });
        }
    }
    works.join_all().await;
}

/// Nothing listens there.
#[tokio::test]
async fn an_unreachable_dynamodb_is_answered_as_busy() {
    let nowhere = Proxy::to_nowhere().url();
    let store = DynamoDbStore::new(clients_at(&nowhere).await.dynamodb, TABLE.to_owned());
    let world = crate::rig::World::on(Arc::new(store));
    let reply = world.user("alice").get("/v1/me/factors").await;
    assert_eq!((reply.outcome(), reply.retry_after()), ((503, "busy".to_owned()), Some(1)));
}
