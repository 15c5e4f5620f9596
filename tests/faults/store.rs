//! A store that fails from the n-th call of a request on: for one call, for a few, or for all.

use super::bench::{Bench, Prepared, Stands, is_busy, told, with_every_flow};
use crate::rig::Trouble;

const TROUBLES: [Trouble; 4] = [Trouble::Throttled, Trouble::Silence, Trouble::AnswerLost, Trouble::Conflict];

/// The number of failures that a flow survives: it gives up after one more.
const A_FEW: usize = 3;

/// More calls than any flow makes.
const ALL: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn up_to_three_store_failures_do_not_change_the_answer() {
    with_every_flow(async |flow: &'static Prepared| {
        for trouble in TROUBLES {
            for (first, count) in (0..flow.usual.calls).flat_map(|first| [(first, 1), (first, A_FEW)]) {
                let how = format!("{trouble:?} at {count} calls from call {first} on");
                let (bench, told) = carried_out(flow, trouble, first, count).await;
                assert_eq!(told, flow.usual.told, "{}, {how}", flow.name);
                assert_eq!(bench.world.postbox.calls(), flow.usual.sent, "{}, {how}: messages", flow.name);
                assert_eq!(flow.stands(&bench, &how).await, flow.usual.stands, "{}, {how}", flow.name);
                if count == 1 {
                    flow.goes_on(&bench, &how).await;
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lasting_store_failures_are_answered_as_busy_and_change_nothing() {
    with_every_flow(async |flow: &'static Prepared| {
        for trouble in [Trouble::Throttled, Trouble::Silence, Trouble::Conflict] {
            for first in 0..flow.usual.calls {
                let how = format!("{trouble:?} at every call from call {first} on");
                let (bench, told) = carried_out(flow, trouble, first, ALL).await;
                if trouble == Trouble::Conflict && flow.usual.stands == Stands::AsBefore {
                    assert_eq!(told, flow.usual.told, "{}, {how}: who only reads is in nobody's way", flow.name);
                } else {
                    assert!(is_busy(&told), "{}, {how}: told {told}", flow.name);
                }
                assert_eq!(bench.world.postbox.calls(), 0, "{}, {how}: messages", flow.name);
                let stands = flow.goes_on(&bench, &how).await;
                assert_eq!(stands, Stands::AsBefore, "{}, {how}", flow.name);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lasting_loss_of_store_replies_is_answered_as_busy_and_recoverable_t35() {
    with_every_flow(async |flow: &'static Prepared| {
        for first in 0..flow.usual.calls {
            let how = format!("every answer lost from call {first} on");
            let (bench, told) = carried_out(flow, Trouble::AnswerLost, first, ALL).await;
            assert!(is_busy(&told), "{}, {how}: told {told}", flow.name);
            assert_eq!(bench.world.postbox.calls(), 0, "{}, {how}: messages", flow.name);
            flow.goes_on(&bench, &how).await;
        }
    })
    .await;
}

/// Runs the flow's request with a fault, which ends when the request is answered.
async fn carried_out(flow: &Prepared, trouble: Trouble, first: usize, count: usize) -> (Bench, String) {
    let bench = flow.bench().await;
    bench.faults.plan(trouble, first, count);
    let told = told(&flow.ask(&bench).await);
    bench.faults.heal();
    (bench, told)
}
