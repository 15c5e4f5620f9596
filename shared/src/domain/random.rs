//! Randomness as an argument: the domain has no source of its own.

use super::error::Error;

/// A source of unpredictable bytes.
pub trait Randomness: Send + Sync {
    /// Fills `bytes` with random bytes.
    ///
    /// # Errors
    /// [`Error::Internal`] if the source fails. The bytes must then not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// `N` random bytes.
///
/// # Errors
/// As [`Randomness::fill`].
pub fn bytes<const N: usize>(randomness: &dyn Randomness) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    randomness.fill(&mut bytes)?;
    Ok(bytes)
}

/// A uniformly distributed whole number below `bound`, which is at least 1.
///
/// # Errors
/// As [`Randomness::fill`].
pub fn below(randomness: &dyn Randomness, bound: u32) -> Result<u32, Error> {
    // A number from the incomplete last run of `bound` would favour small results, so it is drawn again.
    let unbiased = u32::MAX - u32::MAX % bound.max(1);
    loop {
        let drawn = u32::from_be_bytes(bytes(randomness)?);
        if drawn < unbiased {
            return Ok(drawn % bound.max(1));
        }
    }
}
