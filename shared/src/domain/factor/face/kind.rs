//! The face as a kind of factor: its consent, its reference, and the check of a photo against it.

use super::{Photo, Similarity, Verdict};
use crate::domain::error::Error;
use crate::domain::ids::FactorId;
use crate::domain::possession::{Attempt, Evidence};
use crate::domain::secret::Sealed;
use crate::domain::time::Timestamp;
use crate::domain::vault::{Purpose, Vault};

/// Failures in a row after which a face is refused. NIST SP 800-63B-4, section 3.2.3, allows five without presentation
/// attack detection.
pub const TRIES: u32 = 5;

/// The seconds between two refreshes of a reference. A use within them does not write its large item again.
const REFRESH_SECONDS: u64 = 86_400;

/// A person's consent to keep a photo of their face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The version of the text that the application has shown.
    pub version: ConsentVersion,
    /// The time when the application sent it.
    pub at: Timestamp,
}

/// The version of a text of consent: 1 to 32 letters, digits, dots, underscores and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentVersion(String);

impl ConsentVersion {
    /// The rule, worded as the end of a sentence.
    pub const RULE: &str = "must be 1 to 32 letters, digits, dots, underscores and hyphens";

    /// The version in a text. `None` for a text that breaks [`ConsentVersion::RULE`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_one = (1..=32).contains(&text.len()) && text.bytes().all(is_allowed);
        is_one.then(|| Self(text.to_owned()))
    }

    /// The version as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A face on its way in: it waits for the photo that becomes its reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The consent.
    pub consent: Consent,
}

impl Setup {
    /// Checks the photo of an enrolment, which the judge has compared with itself.
    #[must_use]
    pub fn register(verdict: Verdict, least: Similarity) -> Attempt {
        attempt(verdict, least)
    }
}

fn attempt(verdict: Verdict, least: Similarity) -> Attempt {
    match verdict {
        Verdict::Similar(similarity) if similarity >= least => Attempt::right(Evidence::Face),
        Verdict::Similar(_) | Verdict::Unclear(_) => Attempt::Wrong,
    }
}

/// An enrolled face. Its reference is an item of its own, because it is large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The consent.
    pub consent: Consent,
}

impl Method {
    /// Checks a photo, which the judge has compared with the reference.
    #[must_use]
    pub fn compare(verdict: Verdict, least: Similarity) -> Attempt {
        attempt(verdict, least)
    }
}

/// The reference of a user's face: the photo of the enrolment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reference {
    /// There is none: it was destroyed, or there was never one.
    #[default]
    None,
    /// A photo is kept.
    Kept {
        /// The factor that it belongs to.
        factor: FactorId,
        /// The sealed photo.
        photo: Sealed,
        /// The time from which it is kept. A use moves it.
        since: Timestamp,
    },
}

impl Reference {
    /// The reference of a face that is enrolled now.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn new(factor: &FactorId, photo: &Photo, vault: &dyn Vault, now: Timestamp) -> Result<Self, Error> {
        let photo = vault.seal(Purpose::FaceReference, factor, photo.as_jpeg())?;
        Ok(Self::Kept { factor: factor.clone(), photo, since: now })
    }

    /// Opens the photo of this factor. `None`: there is none, or it was not used for `keep_seconds`.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn open(
        &self,
        of: &FactorId,
        vault: &dyn Vault,
        now: Timestamp,
        keep_seconds: u64,
    ) -> Result<Option<Photo>, Error> {
        match self {
            // A use within the pause before a refresh is not recorded.
            Self::Kept { factor, photo, since }
                if factor == of && now <= since.plus(keep_seconds + REFRESH_SECONDS) =>
            {
                let opened = vault.open(Purpose::FaceReference, factor, photo)?;
                Ok(Some(Photo::from_jpeg(opened.to_vec())))
            }
            Self::Kept { .. } | Self::None => Ok(None),
        }
    }

    /// Records a use. The item is written again at most once a day, or if an older key sealed the photo.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn used(&mut self, vault: &dyn Vault, now: Timestamp) -> Result<(), Error> {
        let Self::Kept { factor, photo, since } = self else { return Ok(()) };
        // Also if the clock was ahead: the photo would be kept for longer.
        if !now.is_within(REFRESH_SECONDS, *since) {
            *since = now;
        }
        if photo.version != vault.current() {
            let plain = vault.open(Purpose::FaceReference, factor, photo)?;
            *photo = vault.seal(Purpose::FaceReference, factor, &plain)?;
        }
        Ok(())
    }

    /// The end of its time without use.
    #[must_use]
    pub fn deadline(&self, keep_seconds: u64) -> Option<Timestamp> {
        match self {
            Self::Kept { since, .. } => Some(since.plus(keep_seconds + REFRESH_SECONDS)),
            Self::None => None,
        }
    }
}
