//! Histories at random: two users in two sessions each, with time passing, against a model of what must hold.

mod limits;
mod model;
mod play;
mod steps;

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Builder;

/// What was told how often, so that a history that never gets anywhere does not pass for a good one.
type Told = BTreeMap<String, usize>;

#[test]
fn any_history_goes_as_in_the_model_and_nothing_fails() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let told = Mutex::new(Told::new());
    let config = Config { cases: 80, failure_persistence: None, ..Config::default() };
    let history = prop::collection::vec(steps::step(), 1..60);
    let passed = TestRunner::new(config).run(&history, |steps| {
        let played = runtime.block_on(play::play(steps.concat())).map_err(TestCaseError::fail)?;
        let mut told = told.lock().unwrap();
        for word in played {
            *told.entry(word).or_default() += 1;
        }
        Ok(())
    });
    if let Err(history) = passed {
        panic!("{history}");
    }
    let told = told.into_inner().unwrap();
    for word in steps::TOLD {
        assert!(told.contains_key(*word), "no history was told {word}: {told:?}");
    }
}
