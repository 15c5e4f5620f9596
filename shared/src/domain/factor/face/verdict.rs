//! The words of a judge.

/// The similarity of two faces, in hundredths of a percent: 0 to 10 000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Similarity(u16);

impl Similarity {
    /// The greatest similarity.
    pub const MAX: Self = Self(10_000);

    /// A similarity in percent, 0 to 100, as judges tell it. It is rounded down, so that no threshold is met by rounding.
    /// `None` for any other number.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
    pub fn from_percent(percent: f32) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then(|| Self((f64::from(percent) * 100.0) as u16))
    }

    /// A similarity in whole percent.
    #[must_use]
    pub const fn of_percent(percent: u8) -> Self {
        Self(percent as u16 * 100)
    }
}

/// The answer of a judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Each photo has one face. This is their similarity.
    Similar(Similarity),
    /// The photo can't be judged. The person should take another one.
    Unclear(Unclear),
}

/// The reason why a photo can't be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It has no face.
    NoFace,
    /// It has more than one face.
    SeveralFaces,
    /// Its face is too small.
    TooSmall,
}
