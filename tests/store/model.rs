//! Random histories, checked against a model that keeps every version of every key.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use countersign::store::{Commit, Item, Put, Replaces, Store, StoreError, Version, embedded::EmbeddedStore};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::given::{fresh_version, key, numbered, stored};

const KEYS: usize = 4;
const TIMES: i64 = 20;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Write>),
    /// Repeats an earlier commit, counted back from the last.
    Repeat(usize),
    /// Deletes every item that expired before a time.
    Sweep(i64),
}

#[derive(Clone, Debug)]
struct Write {
    key: usize,
    over: Over,
    number: i64,
    ttl: Option<i64>,
}

#[derive(Clone, Debug)]
enum Over {
    Nothing,
    /// The present version, or absence: a writer with an up-to-date read.
    Read,
    /// An earlier version of the key, counted back from the present one; else a version that it never had.
    Earlier(usize),
    Unheard,
}

/// The expected content of the store.
#[derive(Default)]
struct Model(BTreeMap<usize, Kept>);

struct Kept {
    number: i64,
    ttl: Option<i64>,
    /// All versions, the present one last.
    versions: Vec<Version>,
}

pub(super) async fn any_history_goes_as_in_the_model(store: Arc<dyn Store>) {
    run(step, move |steps| Handle::current().block_on(play(&*store, None, &steps))).await;
}

pub(super) async fn any_history_with_sweeps_goes_as_in_the_model() {
    let play_afresh = |steps: Vec<Step>| {
        let store = EmbeddedStore::in_memory().unwrap();
        Handle::current().block_on(play(&store, Some(&store), &steps));
    };
    run(step_or_sweep, play_afresh).await;
}

async fn run<S: Strategy<Value = Step> + 'static>(step: fn() -> S, play: impl Fn(Vec<Step>) + Send + 'static) {
    let running = spawn_blocking(move || {
        let config = Config { failure_persistence: None, ..Config::default() };
        let history = prop::collection::vec(step(), 1..40);
        let passed = TestRunner::new(config).run(&history, |steps| {
            play(steps);
            Ok(())
        });
        passed.map_err(|error| error.to_string())
    });
    if let Err(history) = running.await.unwrap() {
        panic!("{history}");
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::vec(write(), 1..=3).prop_map(Step::Commit),
        1 => (0..8_usize).prop_map(Step::Repeat),
    ]
}

fn step_or_sweep() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => step(),
        1 => (0..TIMES).prop_map(Step::Sweep),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let over = prop_oneof![
        2 => Just(Over::Nothing),
        8 => Just(Over::Read),
        2 => (1..6_usize).prop_map(Over::Earlier),
        1 => Just(Over::Unheard),
    ];
    (0..KEYS, over, any::<i64>(), prop::option::of(0..TIMES)).prop_map(|(key, over, number, ttl)| Write {
        key,
        over,
        number,
        ttl,
    })
}

/// Each history uses its own keys, so that one store serves all.
async fn play(store: &dyn Store, sweeper: Option<&EmbeddedStore>, steps: &[Step]) {
    static HISTORIES: AtomicU64 = AtomicU64::new(0);
    let history = HISTORIES.fetch_add(1, Ordering::Relaxed);
    let name = |key: usize| format!("{history}-{key}");

    let mut model = Model::default();
    let mut made: Vec<(Version, Vec<(Write, Replaces)>)> = Vec::new();
    for step in steps {
        let (version, writes) = match step {
            Step::Commit(writes) => {
                let writes = writes.iter().map(|write| (write.clone(), model.basis(write))).collect();
                made.push((fresh_version(), writes));
                made.last().unwrap()
            }
            Step::Repeat(back) => match made.iter().rev().nth(*back) {
                Some(earlier) => earlier,
                None => continue,
            },
            Step::Sweep(now) => {
                let swept = sweeper.unwrap().sweep(*now).await;
                assert_eq!(swept, Ok(model.sweep(*now)));
                continue;
            }
        };
        let puts = writes.iter().map(|(write, replaces)| Put {
            key: key(&name(write.key)),
            replaces: *replaces,
            item: numbered(write.number),
            ttl: write.ttl,
        });
        let answer = store.commit(&Commit { version: *version, puts: puts.collect() }).await;
        match model.commit(*version, writes) {
            Some(expected) => assert_eq!(answer, expected),
            None => assert!(matches!(answer, Err(StoreError::Rejected(_))), "{answer:?}"),
        }
        for (write, _) in writes {
            assert_eq!(found(store, &name(write.key)).await, model.expected(write.key));
        }
    }
    for key in 0..KEYS {
        assert_eq!(found(store, &name(key)).await, model.expected(key));
    }
}

type Found = Option<(Item, Version, Option<i64>)>;

async fn found(store: &dyn Store, name: &str) -> Found {
    stored(store, name).await.map(|found| (found.item, found.version, found.ttl))
}

impl Model {
    fn expected(&self, key: usize) -> Found {
        self.0.get(&key).map(|kept| (numbered(kept.number), kept.present(), kept.ttl))
    }

    fn basis(&self, write: &Write) -> Replaces {
        let kept = self.0.get(&write.key);
        match write.over {
            Over::Nothing => Replaces::Nothing,
            Over::Read => kept.map_or(Replaces::Nothing, |kept| Replaces::Version(kept.present())),
            Over::Earlier(back) => {
                let earlier = kept.and_then(|kept| kept.versions.iter().rev().nth(back));
                Replaces::Version(earlier.copied().unwrap_or_else(fresh_version))
            }
            Over::Unheard => Replaces::Version(fresh_version()),
        }
    }

    /// The expected answer; `None` if the commit must be rejected.
    fn commit(&mut self, version: Version, writes: &[(Write, Replaces)]) -> Option<Result<(), StoreError>> {
        let mut names: Vec<_> = writes.iter().map(|(write, _)| write.key).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() != writes.len() {
            return None;
        }

        let refused: Vec<_> = writes
            .iter()
            .filter(|(write, replaces)| match (self.0.get(&write.key), replaces) {
                (None, Replaces::Nothing) => false,
                (Some(kept), Replaces::Version(version)) => kept.present() != *version,
                _ => true,
            })
            .collect();
        if refused.iter().any(|(write, _)| self.0.get(&write.key).is_some_and(|kept| kept.remembers(version))) {
            return Some(Ok(()));
        }
        if !refused.is_empty() {
            return Some(Err(StoreError::Conflict));
        }

        for (write, _) in writes {
            let versions = self.0.remove(&write.key).map_or_else(Vec::new, |kept| kept.versions);
            let versions = [versions, vec![version]].concat();
            self.0.insert(write.key, Kept { number: write.number, ttl: write.ttl, versions });
        }
        Some(Ok(()))
    }

    fn sweep(&mut self, now: i64) -> usize {
        let before = self.0.len();
        self.0.retain(|_, kept| kept.ttl.is_none_or(|ttl| ttl >= now));
        before - self.0.len()
    }
}

impl Kept {
    fn present(&self) -> Version {
        *self.versions.last().unwrap()
    }

    fn remembers(&self, version: Version) -> bool {
        self.versions.iter().rev().take(1 + Version::KEPT).any(|kept| *kept == version)
    }
}
