//! Random mixtures of faults, one after another, with other writers in between.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use countersign::store::{Commit, Key, Store, StoreError, Stored, Version};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Builder;

use super::bench::{is_busy, prepared, told};
use super::lost_replies::touch;

/// The fault of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mishap {
    Nothing,
    /// The call is refused and not applied.
    Throttled,
    /// The call is not applied and gets no answer.
    Silence,
    /// The call is applied, another request writes over it, and the answer is lost.
    Lost,
    /// Another request writes just before the call.
    Overtaken,
}

/// A store whose next calls have these faults.
pub(super) struct Mishaps {
    inner: Arc<dyn Store>,
    next: Mutex<VecDeque<Mishap>>,
}

impl Mishaps {
    pub(super) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, next: Mutex::default() })
    }

    fn plan(&self, mishaps: &[Mishap]) {
        *self.next.lock().unwrap() = mishaps.iter().copied().collect();
    }

    fn next(&self) -> Mishap {
        self.next.lock().unwrap().pop_front().unwrap_or(Mishap::Nothing)
    }

    async fn others_write(&self, commit: &Commit) {
        for put in &commit.puts {
            if self.inner.get(&put.key).await.unwrap().is_some() {
                touch(self.inner.as_ref(), &put.key).await;
            }
        }
    }
}

#[async_trait::async_trait]
impl Store for Mishaps {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        match self.next() {
            Mishap::Throttled => Err(StoreError::Unavailable),
            Mishap::Silence | Mishap::Lost => Err(StoreError::Unknown),
            Mishap::Nothing | Mishap::Overtaken => self.inner.get(key).await,
        }
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        match self.next() {
            Mishap::Nothing => self.inner.commit(commit).await,
            Mishap::Throttled => Err(StoreError::Unavailable),
            Mishap::Silence => Err(StoreError::Unknown),
            Mishap::Lost => {
                self.inner.commit(commit).await?;
                self.others_write(commit).await;
                Err(StoreError::Unknown)
            }
            Mishap::Overtaken => {
                self.others_write(commit).await;
                self.inner.commit(commit).await
            }
        }
    }
}

fn mishaps() -> impl Strategy<Value = Vec<Mishap>> {
    let mishap = prop_oneof![
        2 => Just(Mishap::Nothing),
        1 => Just(Mishap::Throttled),
        1 => Just(Mishap::Silence),
        2 => Just(Mishap::Lost),
        2 => Just(Mishap::Overtaken),
    ];
    prop::collection::vec(mishap, 1..12).prop_map(|mut mishaps| {
        // With more other writers than an item keeps versions, a lost answer can't be recovered.
        let mut writers = 0;
        mishaps.retain(|mishap| {
            writers += usize::from(matches!(mishap, Mishap::Lost | Mishap::Overtaken));
            writers <= Version::KEPT || matches!(mishap, Mishap::Nothing | Mishap::Throttled | Mishap::Silence)
        });
        mishaps
    })
}

#[test]
fn under_random_faults_a_flow_answers_as_usual_or_busy_and_recovers_t40() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let flows = runtime.block_on(prepared());
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let passed = TestRunner::new(config).run(&(0..flows.len(), mishaps()), |(flow, mishaps)| {
        let flow = &flows[flow];
        runtime.block_on(async {
            let how = format!("with {mishaps:?}");
            let bench = flow.bench().await;
            bench.mishaps.plan(&mishaps);
            let told = told(&flow.ask(&bench).await);
            bench.mishaps.plan(&[]);
            let sent = bench.world.postbox.calls();
            if told == flow.usual.told {
                prop_assert_eq!(sent, flow.usual.sent, "{}, {}: messages", flow.name, how);
                prop_assert_eq!(flow.stands(&bench, &how).await, flow.usual.stands, "{}, {}", flow.name, how);
            } else {
                prop_assert!(is_busy(&told), "{}, {}: told {}", flow.name, how, told);
                prop_assert_eq!(sent, 0, "{}, {}: messages", flow.name, how);
            }
            flow.goes_on(&bench, &how).await;
            Ok::<_, TestCaseError>(())
        })
    });
    if let Err(mixture) = passed {
        panic!("{mixture}");
    }
}
