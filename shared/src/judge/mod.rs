//! The judge of faces: one trait, and what every adapter promises about its errors.

use std::fmt;

use async_trait::async_trait;

use crate::domain::factor::face::{Photo, Verdict};

#[cfg(feature = "aws")]
pub mod rekognition;
#[cfg(feature = "embedded")]
pub mod stand_in;

/// The failure of a judge to answer. An adapter that can't tell returns [`JudgeError::Unknown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgeError {
    /// The judge has certainly not compared the photos, and will not: it has no room, or refuses the call.
    Refused,
    /// No answer, or one that proves nothing: the photos may have been compared, and paid for.
    Unknown,
}

impl fmt::Display for JudgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the judge refuses the call",
            Self::Unknown => "it is not known whether the judge has compared the photos",
        })
    }
}

impl std::error::Error for JudgeError {}

/// Compares faces.
#[async_trait]
pub trait Judge: Send + Sync {
    /// Compares the face of a reference with the face of a photo, in one attempt. An adapter never retries, because
    /// each call costs money. A photo that is compared with itself shows whether it has one face of enough size.
    ///
    /// # Errors
    /// Any [`JudgeError`]; each variant's promise must hold.
    async fn compare(&self, reference: &Photo, photo: &Photo) -> Result<Verdict, JudgeError>;
}
