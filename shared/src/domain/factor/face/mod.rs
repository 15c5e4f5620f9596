//! Faces: a photo that a judge compares with the photo of the enrolment. There is no test of liveness, so a printed photo
//! may pass. A face therefore adds to a check that another factor passed, and is never one itself.

mod comparisons;
mod dimensions;
mod kind;
mod verdict;

use std::fmt;

use zeroize::Zeroizing;

pub use comparisons::Comparisons;
pub use kind::{Consent, ConsentVersion, Method, Reference, Setup, TRIES};
pub use verdict::{Similarity, Unclear, Verdict};

/// A photo as judges take it: an upright JPEG of limited size, without metadata. It is wiped when it is dropped, and it
/// is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo(Zeroizing<Vec<u8>>);

impl Photo {
    /// A photo that was encoded by us.
    #[must_use]
    pub fn from_jpeg(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes of the JPEG.
    #[must_use]
    pub fn as_jpeg(&self) -> &[u8] {
        &self.0
    }

    /// The width and the height in pixels. `None` if the bytes do not begin as a JPEG does.
    #[must_use]
    pub fn dimensions(&self) -> Option<(u16, u16)> {
        dimensions::dimensions(&self.0)
    }
}

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Photo(…)")
    }
}
