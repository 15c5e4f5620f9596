//! Randomness as an argument, so that the domain has none of its own.

use super::error::Error;

/// A source of unpredictable bytes.
pub trait Randomness: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`Error::Internal`] when the source fails; nothing may then be made of the bytes.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// So many random bytes.
///
/// # Errors
/// As [`Randomness::fill`].
pub fn bytes<const N: usize>(randomness: &dyn Randomness) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    randomness.fill(&mut bytes)?;
    Ok(bytes)
}

/// A whole number below `bound`, each as likely as the others. `bound` is at least 1.
///
/// # Errors
/// As [`Randomness::fill`].
pub fn below(randomness: &dyn Randomness, bound: u32) -> Result<u32, Error> {
    // Draws from the incomplete last run of `bound` numbers are thrown away: they would favour the small ones.
    let unbiased = u32::MAX - u32::MAX % bound.max(1);
    loop {
        let drawn = u32::from_be_bytes(bytes(randomness)?);
        if drawn < unbiased {
            return Ok(drawn % bound.max(1));
        }
    }
}
