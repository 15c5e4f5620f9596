//! The clock as a trait: wall time for the rules, and monotonic time for a request's deadlines. Also the system's
//! randomness.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use crate::domain::error::Error;
use crate::domain::random::Randomness;
use crate::domain::time::Timestamp;

/// A source of time, and a timer.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The current wall time, in whole seconds.
    fn now(&self) -> Timestamp;

    /// The time since a fixed moment. It never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits until `duration` of monotonic time has passed.
    async fn sleep(&self, duration: Duration);
}

/// The deadlines of a request, counted from its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    began: Duration,
}

impl Deadline {
    /// The time within which a request is answered. Lambda ends a function after ten seconds without an answer.
    pub const ANSWER_WITHIN: Duration = Duration::from_secs(9);

    /// The time within which sending a message begins. Sending may take three seconds, and the request waits for it.
    pub const SEND_WITHIN: Duration = Duration::from_secs(5);

    /// The deadline of a request that begins now.
    #[must_use]
    pub fn starting_now(clock: &dyn Clock) -> Self {
        Self { began: clock.monotonic() }
    }

    /// The time that the request has taken so far.
    #[must_use]
    pub fn elapsed(&self, clock: &dyn Clock) -> Duration {
        clock.monotonic().saturating_sub(self.began)
    }

    /// Whether it is too late to begin sending a message.
    #[must_use]
    pub fn is_late(&self, clock: &dyn Clock) -> bool {
        self.elapsed(clock) > Self::SEND_WITHIN
    }
}

/// The machine's clock.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system clock")]
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

/// The operating system's random generator, through AWS-LC.
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that uses the system's generator")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| Error::Internal("the system's generator failed"))
    }
}
