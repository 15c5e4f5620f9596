//! Flows that are prepared once and then run once for every fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use countersign::store::embedded::EmbeddedStore;
use countersign::store::{Commit, Key, Put, Replaces, Store, StoreError, Stored, Version};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::flows;
use super::killed::Gates;
use super::lost_replies::Losing;
use super::mixtures::Mishaps;
use super::shape::{Shape, contents, shape};
use crate::rig::{Client, Faults, Observed, Plan, Reply, START, TestKeys, World};

/// The actor of a request.
#[derive(Clone, Debug)]
enum By {
    /// Alice, in a session.
    Session(&'static str),
    /// The back end, for Alice.
    BackEnd,
    /// Alice's browser, in the hosted session of this token.
    Hosted(String),
}

/// A request for Alice's account.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    by: By,
    method: &'static str,
    path: String,
    body: Value,
}

impl Ask {
    pub(super) fn new(method: &'static str, path: impl Into<String>, body: Value) -> Self {
        Self { by: By::Session("alice-1"), method, path: path.into(), body }
    }

    /// The same request in another session.
    pub(super) fn by(self, session: &'static str) -> Self {
        Self { by: By::Session(session), ..self }
    }

    /// The same request by the back end.
    pub(super) fn by_back_end(self) -> Self {
        Self { by: By::BackEnd, ..self }
    }

    /// The same request in the hosted session of this token.
    pub(super) fn in_session(self, token: &str) -> Self {
        Self { by: By::Hosted(token.to_owned()), ..self }
    }

    fn client(&self, world: &World) -> Client {
        match &self.by {
            By::Session(session) => world.session("alice", session),
            By::BackEnd => world.back_end("alice"),
            By::Hosted(token) => world.in_session(token, "AAAAAAAAAAAAAAAAAAAAAA"),
        }
    }

    pub(super) async fn of(&self, world: &World) -> Reply {
        self.client(world).call(self.method, &self.path, self.body.clone()).await
    }
}

/// Alice's next request, made from the current time and the answer before.
pub(super) type Then = Box<dyn Fn(&World, &Value) -> Ask + Send + Sync>;

/// A request that Alice is about to make, and the requests with which she goes on afterwards. Each of those must pass.
pub(crate) struct Scene {
    ask: Ask,
    then: Vec<Then>,
}

impl Scene {
    pub(super) fn new(ask: Ask) -> Self {
        Self { ask, then: Vec::new() }
    }

    /// Makes the request.
    pub(crate) async fn ask(&self, world: &World) -> Reply {
        self.ask.of(world).await
    }

    /// The request's method.
    pub(crate) fn method(&self) -> &'static str {
        self.ask.method
    }

    /// The request's path.
    pub(crate) fn path(&self, world: &World) -> String {
        self.ask.client(world).path(&self.ask.path)
    }

    pub(super) fn then(mut self, then: impl Fn(&World, &Value) -> Ask + Send + Sync + 'static) -> Self {
        self.then.push(Box::new(then));
        self
    }

    /// Makes the same request once more.
    pub(super) fn again(self) -> Self {
        let ask = self.ask.clone();
        self.then(move |_, _| ask.clone())
    }
}

/// A flow: a function to a world in which its request can be made.
pub(crate) struct Flow {
    pub(crate) name: &'static str,
    pub(crate) prepare: for<'a> fn(&'a World) -> Pin<Box<dyn Future<Output = Scene> + Send + 'a>>,
}

/// A flow whose world is ready to be copied.
pub(crate) struct Prepared {
    pub(crate) name: &'static str,
    scene: Scene,
    items: BTreeMap<Key, Stored>,
    now: i64,
    pub(crate) usual: Usual,
}

/// The run of a flow without faults.
#[derive(Default)]
pub(crate) struct Usual {
    /// The answer to the request.
    pub(crate) told: String,
    /// The answer to the same request when it is made again.
    pub(crate) again: String,
    /// The state of the account afterwards.
    pub(crate) stands: Stands,
    /// The number of calls to the store.
    pub(crate) calls: usize,
    /// The number of messages.
    pub(crate) sent: usize,
    /// Whether the message is a notice, without which the request succeeds too.
    pub(super) is_notice: bool,
    pub(super) after: Shape,
    pub(super) after_again: Shape,
}

/// A copy of a flow's world, over a store that fails on command.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(super) faults: Arc<Faults>,
    pub(super) gates: Arc<Gates>,
    pub(super) losing: Arc<Losing>,
    pub(super) mishaps: Arc<Mishaps>,
    observed: Arc<Observed>,
}

/// A part of a store, with its own keys. Making a whole store takes longer than most requests.
pub(crate) struct Space {
    store: Arc<dyn Store>,
    number: String,
}

impl Space {
    /// A part of the store that all benches share.
    fn new() -> Self {
        static STORE: LazyLock<EmbeddedStore> = LazyLock::new(|| EmbeddedStore::in_memory().unwrap());
        Self::of(Arc::new(STORE.clone()))
    }

    pub(crate) fn of(store: Arc<dyn Store>) -> Self {
        static SPACES: AtomicU64 = AtomicU64::new(0);
        Self { store, number: SPACES.fetch_add(1, Ordering::Relaxed).to_string() }
    }

    fn key(&self, key: &Key) -> Key {
        Key::new('s', &[&self.number, key.as_str()])
    }
}

#[async_trait::async_trait]
impl Store for Space {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.store.get(&self.key(key)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        let mut commit = commit.clone();
        commit.puts.iter_mut().for_each(|put| put.key = self.key(&put.key));
        self.store.commit(&commit).await
    }
}

/// The state of an account after a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stands {
    /// Nothing has changed.
    #[default]
    AsBefore,
    /// Everything has changed as it does without faults.
    AsAfter,
}

/// Every flow, prepared.
pub(crate) async fn prepared() -> &'static [Prepared] {
    static PREPARED: OnceCell<Vec<Prepared>> = OnceCell::const_new();
    PREPARED
        .get_or_init(async || {
            let mut all = Vec::new();
            for flow in flows::all() {
                all.push(Prepared::of(flow).await);
            }
            all
        })
        .await
}

/// Runs `work` on all flows in parallel.
pub(super) async fn with_every_flow<F>(work: impl Fn(&'static Prepared) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut flows = JoinSet::new();
    for flow in prepared().await {
        flows.spawn(work(flow));
    }
    flows.join_all().await;
}

impl Prepared {
    async fn of(flow: &Flow) -> Self {
        let observed = Observed::new(Arc::new(Space::new()));
        let world = World::on(observed.clone());
        let scene = (flow.prepare)(&world).await;
        let (items, now) = (observed.items().await, world.now());
        let mut prepared = Self { name: flow.name, scene, items, now, usual: Usual::default() };
        prepared.usual = prepared.usually().await;
        prepared
    }

    async fn usually(&self) -> Usual {
        let bench = self.bench().await;
        let told = told(&self.ask(&bench).await);
        let (calls, sent) = (bench.faults.heal(), bench.world.postbox.calls());
        let is_notice = bench.world.postbox.sent().last().is_some_and(|message| message.code.is_empty());
        let (stands, after) = (self.changed(&bench.items().await), bench.shape().await);
        let again = self::told(&self.ask(&bench).await);
        let after_again = bench.shape().await;
        self.go_on(&bench, "without any trouble").await;
        Usual { told, again, stands, calls, sent, is_notice, after, after_again }
    }

    /// Its request.
    pub(crate) async fn ask(&self, bench: &Bench) -> Reply {
        self.scene.ask(&bench.world).await
    }

    /// A copy of its world.
    pub(super) async fn bench(&self) -> Bench {
        self.bench_with(TestKeys::of_versions(&[1])).await
    }

    pub(super) async fn bench_with(&self, keys: Arc<TestKeys>) -> Bench {
        self.bench_over(Space::new(), keys, 2).await
    }

    /// A copy of its world in a part of any store. If several worlds share the store, each needs its own seed.
    pub(crate) async fn bench_over(&self, space: Space, keys: Arc<TestKeys>, seed: u64) -> Bench {
        let observed = Observed::new(Arc::new(space));
        let puts = self.items.iter().map(|(key, Stored { item, ttl, .. })| Put {
            key: key.clone(),
            replaces: Replaces::Nothing,
            item: item.clone(),
            ttl: *ttl,
        });
        let mut version = [7; Version::LENGTH];
        version[..8].copy_from_slice(&seed.to_be_bytes());
        let commit = Commit { version: Version(version), puts: puts.collect() };
        if !commit.puts.is_empty() {
            observed.commit(&commit).await.unwrap();
        }
        let losing = Losing::new(observed.clone());
        let mishaps = Mishaps::new(losing.clone());
        let gates = Gates::new(mishaps.clone());
        let faults = Faults::new(gates.clone());
        let world = Plan { keys, seed, ..Plan::over(faults.clone(), &[]) }.build();
        world.pass(self.now - START);
        Bench { world, faults, gates, losing, mishaps, observed }
    }

    /// Asserts that the account is as before or as after, and returns which.
    pub(crate) async fn stands(&self, bench: &Bench, how: &str) -> Stands {
        let items = bench.items().await;
        let stands = self.changed(&items);
        if stands == Stands::AsAfter {
            assert_eq!(shape(&items), self.usual.after, "{}, {how}: neither as before nor as after", self.name);
        }
        stands
    }

    fn changed(&self, items: &BTreeMap<Key, Stored>) -> Stands {
        if contents(items) == contents(&self.items) { Stands::AsBefore } else { Stands::AsAfter }
    }

    /// After the fault is over, asserts that the same request gets the answer that fits the account's state, and that
    /// Alice can go on as usual.
    pub(crate) async fn goes_on(&self, bench: &Bench, how: &str) -> Stands {
        let stands = self.stands(bench, how).await;
        let again = told(&self.ask(bench).await);
        let (usually, after) = match stands {
            Stands::AsBefore => (&self.usual.told, &self.usual.after),
            Stands::AsAfter => (&self.usual.again, &self.usual.after_again),
        };
        assert_eq!(again, *usually, "{}, {how}: the same request, with everything {stands:?}", self.name);
        assert_eq!(bench.shape().await, *after, "{}, {how}: after the same request", self.name);
        self.go_on(bench, how).await;
        stands
    }

    /// Alice goes on, and waits if an answer tells her to.
    pub(super) async fn go_on(&self, bench: &Bench, how: &str) {
        let mut answer = Value::Null;
        for (step, then) in self.scene.then.iter().enumerate() {
            let mut reply = then(&bench.world, &answer).of(&bench.world).await;
            if let Some(seconds) = reply.retry_after() {
                assert!(seconds <= 60, "{}, {how}: {}", self.name, told(&reply));
                bench.world.pass(i64::try_from(seconds).unwrap());
                reply = then(&bench.world, &answer).of(&bench.world).await;
            }
            assert!(passed(&reply), "{}, {how}: step {step} was told {}", self.name, told(&reply));
            answer = reply.json();
        }
    }
}

impl Bench {
    pub(super) async fn items(&self) -> BTreeMap<Key, Stored> {
        self.observed.items().await
    }

    pub(super) async fn shape(&self) -> Shape {
        shape(&self.items().await)
    }
}

/// The answer to a request in any dialect, in one line.
pub(crate) fn told(reply: &Reply) -> String {
    let json = reply.json();
    let mut told = json.get("statusCode").map_or_else(|| reply.status.as_u16().to_string(), Value::to_string);
    let is_of_page = json.get("status").and_then(Value::as_str) == Some("error");
    let words = ["code", "apiCode", "remainingAttempts"].into_iter().chain(is_of_page.then_some("message"));
    for word in words.filter_map(|name| json.get(name)) {
        write!(told, " {}", word.to_string().trim_matches('"')).unwrap();
    }
    if let Some(seconds) = reply.retry_after() {
        write!(told, ", again in {seconds} s").unwrap();
    }
    told
}

/// Whether the answer says that the service is busy: in native, genauth, logto or profile.
pub(crate) fn is_busy(told: &str) -> bool {
    ["503 busy", "503", "503 entity.db_busy", "503 The service is busy: try again."]
        .iter()
        .any(|busy| told.strip_prefix(busy) == Some(", again in 1 s"))
}

fn passed(reply: &Reply) -> bool {
    told(reply).starts_with('2')
}

/// A snapshot, so that a change of a flow's answer, also of a repeated request, is reviewed.
#[tokio::test]
async fn without_faults_every_flow_answers_as_reviewed() {
    let mut table = String::new();
    for flow in prepared().await {
        let Usual { told, again, calls, sent, .. } = &flow.usual;
        writeln!(table, "{}: {told} ({calls} calls, {sent} messages); again: {again}", flow.name).unwrap();
    }
    insta::assert_snapshot!("every_flow", table);
}
