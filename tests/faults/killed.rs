//! A function that is killed between two steps: its request ends there, without an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign::store::{Commit, Key, Store, StoreError, Stored};
use tokio::sync::Notify;

use super::bench::{Prepared, Stands, told, with_every_flow};
use crate::rig::Fate;

/// A store with a gate before and after every call. A caller waits for ever at the closed one.
pub(super) struct Gates {
    inner: Arc<dyn Store>,
    passed: AtomicUsize,
    closed: AtomicUsize,
    reached: Notify,
}

impl Gates {
    pub(super) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        let closed = AtomicUsize::new(usize::MAX);
        Arc::new(Self { inner, passed: AtomicUsize::new(0), closed, reached: Notify::new() })
    }

    /// Closes the n-th gate from here on.
    fn close(&self, gate: usize) {
        self.passed.store(0, Ordering::SeqCst);
        self.closed.store(gate, Ordering::SeqCst);
    }

    /// Opens it for later callers.
    fn open(&self) {
        self.closed.store(usize::MAX, Ordering::SeqCst);
    }

    async fn pass(&self) {
        if self.passed.fetch_add(1, Ordering::SeqCst) == self.closed.load(Ordering::SeqCst) {
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
    }
}

#[async_trait::async_trait]
impl Store for Gates {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.pass().await;
        let answer = self.inner.get(key).await;
        self.pass().await;
        answer
    }

    async fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.pass().await;
        let answer = self.inner.commit(commit).await;
        self.pass().await;
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_flow_leaves_the_account_unchanged_or_fully_changed_t35() {
    with_every_flow(killed_everywhere).await;
}

async fn killed_everywhere(flow: &'static Prepared) {
    for gate in 0.. {
        let how = format!("killed at gate {gate}");
        let bench = flow.bench().await;
        bench.gates.close(gate);
        let reply = tokio::select! {
            reply = flow.ask(&bench) => Some(reply),
            // The request's future is dropped.
            () = bench.gates.reached.notified() => None,
        };
        bench.gates.open();
        if let Some(reply) = reply {
            assert_eq!(gate, flow.usual.calls * 2, "{}: it has two gates a call", flow.name);
            assert_eq!(told(&reply), flow.usual.told, "{}", flow.name);
            // The request was carried out, but nobody got the answer.
            let stands = flow.goes_on(&bench, "its answer never got out").await;
            assert_eq!(stands, flow.usual.stands, "{}", flow.name);
            return;
        }
        assert_eq!(bench.world.postbox.calls(), 0, "{}, {how}: no message before the commit's answer", flow.name);
        let stands = flow.goes_on(&bench, &how).await;
        // The last call is the commit, and nothing is done before it.
        let is_committed = gate == flow.usual.calls * 2 - 1;
        let expected = if is_committed { flow.usual.stands } else { Stands::AsBefore };
        assert_eq!(stands, expected, "{}, {how}", flow.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_killed_during_a_send_keeps_its_charge_and_its_pending_code_t35() {
    with_every_flow(async |flow: &'static Prepared| {
        if flow.usual.sent == 0 {
            return;
        }
        let bench = flow.bench().await;
        bench.world.postbox.fate(Fate::Hangs);
        let on_its_way = async {
            while bench.world.postbox.calls() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            reply = flow.ask(&bench) => panic!("{}: told {}", flow.name, told(&reply)),
            () = on_its_way => {}
        }
        bench.world.postbox.fate(Fate::Arrives);
        let stands = flow.goes_on(&bench, "killed while its message was on its way").await;
        assert_eq!(stands, Stands::AsAfter, "{}", flow.name);
    })
    .await;
}
