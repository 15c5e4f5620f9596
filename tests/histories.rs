//! Random histories of two users with two sessions each, while time passes. Every answer is compared with a model.

mod limits;
mod model;
mod play;
mod revocation;
mod steps;

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Builder;

/// The number of times that each answer was given. It shows that the histories reach every case.
type Told = BTreeMap<String, usize>;

#[test]
fn any_history_goes_as_in_the_model_and_nothing_fails() {
    let history = prop::collection::vec(steps::step(), 1..60);
    let told = run(80, history, |steps| play::play(steps.concat()));
    for word in steps::TOLD {
        assert!(told.contains_key(*word), "no history was told {word}: {told:?}");
    }
}

/// Plays `cases` histories and counts their answers.
fn run<S, F>(cases: u32, history: S, play: impl Fn(S::Value) -> F) -> Told
where
    S: Strategy,
    F: Future<Output = Result<Vec<String>, String>>,
{
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let told = Mutex::new(Told::new());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let passed = TestRunner::new(config).run(&history, |steps| {
        let played = runtime.block_on(play(steps)).map_err(TestCaseError::fail)?;
        let mut told = told.lock().unwrap();
        for word in played {
            *told.entry(word).or_default() += 1;
        }
        Ok(())
    });
    if let Err(history) = passed {
        panic!("{history}");
    }
    told.into_inner().unwrap()
}
