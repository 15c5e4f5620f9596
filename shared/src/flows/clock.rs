//! The time as a seam, so that tests and the local server can set it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::error::Error;
use crate::domain::random::Randomness;
use crate::domain::time::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in whole seconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that the others are told from")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Timestamp::from_unix(0).plus(since_epoch)
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
