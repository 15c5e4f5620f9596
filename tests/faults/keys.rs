//! Keys that can't be reached at first.

use super::bench::{Prepared, Stands, is_busy, told, with_every_flow};
use crate::rig::TestKeys;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_is_busy_while_the_keys_are_away_and_works_once_they_return() {
    with_every_flow(first_without_keys).await;
}

async fn first_without_keys(flow: &'static Prepared) {
    // Forgetting a user needs no keys.
    if flow.name.starts_with("the_back_end_forgets") {
        return;
    }
    for failures in 1..=3 {
        let bench = flow.bench_with(TestKeys::failing(failures)).await;
        for failure in 0..failures {
            let told = told(&flow.ask(&bench).await);
            assert!(is_busy(&told), "{}: told {told}", flow.name);
            let how = format!("without keys for the {failure}. time");
            assert_eq!(flow.stands(&bench, &how).await, Stands::AsBefore, "{}", flow.name);
        }
        assert_eq!(bench.faults.heal(), 0, "{}: without keys nothing is read", flow.name);
        assert_eq!(bench.world.postbox.calls(), 0, "{}: without keys nothing is sent", flow.name);
        flow.goes_on(&bench, "with its keys back").await;
    }
}
