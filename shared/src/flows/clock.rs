//! Time as a seam: the wall clock of the rules, and the monotonic clock of a request's limits of time.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use crate::domain::error::Error;
use crate::domain::random::Randomness;
use crate::domain::time::Timestamp;

/// Tells the time, and waits.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, in whole seconds.
    fn now(&self) -> Timestamp;

    /// Time since a fixed moment. It never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits until so much monotonic time has passed.
    async fn sleep(&self, duration: Duration);
}

/// When a request began. Its limits of time are reckoned from there.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    began: Duration,
}

impl Deadline {
    /// A request is answered within this time. Lambda ends a function after ten seconds without an answer.
    pub const ANSWER_WITHIN: Duration = Duration::from_secs(9);

    /// A message begins within this time: it may take three seconds, and must be waited for.
    pub const SEND_WITHIN: Duration = Duration::from_secs(5);

    /// The deadline of a request that begins now.
    #[must_use]
    pub fn starting_now(clock: &dyn Clock) -> Self {
        Self { began: clock.monotonic() }
    }

    /// How long the request has taken so far.
    #[must_use]
    pub fn elapsed(&self, clock: &dyn Clock) -> Duration {
        clock.monotonic().saturating_sub(self.began)
    }

    /// Whether it is too late to begin a message.
    #[must_use]
    pub fn is_late(&self, clock: &dyn Clock) -> bool {
        self.elapsed(clock) > Self::SEND_WITHIN
    }
}

/// The machine's clock.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that the others are told from")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Timestamp::from_unix(0).plus(since_epoch)
    }

    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The operating system's generator, by way of AWS-LC.
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(clippy::disallowed_methods, reason = "this is the one source that the others stand in for")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| Error::Internal("the system's generator failed"))
    }
}
