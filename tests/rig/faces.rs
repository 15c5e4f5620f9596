//! A judge that does what a test says, and a server of photos that is none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign::domain::factor::face::{Photo, Verdict};
use countersign::judge::stand_in::StandIn;
use countersign::judge::{Judge, JudgeError};
use countersign::photo_link::{LinkError, PhotoLink, PhotoLinks};
use tokio::sync::Notify;

pub use super::photos::{photo, picture};

/// A judge that compares pictures, unless a test has said what it answers next. It counts its calls.
pub struct TestJudge {
    next: Mutex<VecDeque<Next>>,
    calls: Mutex<u32>,
    pictures: StandIn,
}

/// What it does next.
enum Next {
    Answers(Result<Verdict, JudgeError>),
    AnswersAfter(Arc<Notify>, Result<Verdict, JudgeError>),
    Hangs,
}

impl Default for TestJudge {
    fn default() -> Self {
        Self { next: Mutex::default(), calls: Mutex::default(), pictures: StandIn::new() }
    }
}

impl TestJudge {
    /// Says what it answers next.
    pub fn will_say(&self, answer: Result<Verdict, JudgeError>) {
        self.next.lock().unwrap().push_back(Next::Answers(answer));
    }

    /// Says what it answers next, but only once it is notified.
    pub fn will_say_later(&self, answer: Result<Verdict, JudgeError>) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.next.lock().unwrap().push_back(Next::AnswersAfter(notify.clone(), answer));
        notify
    }

    /// Says that it gives no answer to the next question.
    pub fn will_hang(&self) {
        self.next.lock().unwrap().push_back(Next::Hangs);
    }

    /// The number of calls so far.
    pub fn calls(&self) -> u32 {
        *self.calls.lock().unwrap()
    }
}

#[async_trait]
impl Judge for TestJudge {
    async fn compare(&self, reference: &Photo, photo: &Photo) -> Result<Verdict, JudgeError> {
        *self.calls.lock().unwrap() += 1;
        let said = self.next.lock().unwrap().pop_front();
        match said {
            Some(Next::Answers(answer)) => answer,
            Some(Next::AnswersAfter(notify, answer)) => {
                notify.notified().await;
                answer
            }
            Some(Next::Hangs) => std::future::pending().await,
            None => self.pictures.compare(reference, photo).await,
        }
    }
}

/// Answers links with one file, and keeps what was asked for.
#[derive(Default)]
pub struct TestLinks {
    /// The file. `None`: there is no answer.
    pub file: Mutex<Option<Vec<u8>>>,
    /// The hosts and paths that were asked for.
    pub asked: Mutex<Vec<String>>,
}

#[async_trait]
impl PhotoLinks for TestLinks {
    async fn fetch(&self, link: &PhotoLink) -> Result<Vec<u8>, LinkError> {
        self.asked.lock().unwrap().push(format!("{}{}", link.host(), link.path()));
        self.file.lock().unwrap().clone().ok_or(LinkError::NoAnswer)
    }
}
