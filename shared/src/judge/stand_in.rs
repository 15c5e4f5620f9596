//! A stand-in for the judge of faces, for the local server and for tests. It compares pictures and knows nothing of
//! faces: a photo of an empty room passes against a photo of the same room. It protects nothing.

use std::collections::VecDeque;
use std::io::Cursor;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use image::imageops::thumbnail;
use image::{ImageFormat, ImageReader, Limits};

use super::{Judge, JudgeError};
use crate::domain::factor::face::{Photo, Similarity, Unclear, Verdict};

/// The columns and rows of the grid to which a picture is reduced.
const GRID: u32 = 8;

/// The least deviation of a grid's cells from their mean, in grey levels of 0 to 255. A picture with less has one colour,
/// and counts as one without a face.
const LEAST_DEVIATION: f64 = 2.0;

/// The most pixels of a side that are decoded.
const MOST_PIXELS: u32 = 8192;

/// A [`Judge`] that compares pictures and not faces. Two pictures are similar if coarse grids of their brightness are:
/// so is the same picture after it was resized, encoded again or made a little brighter.
pub struct StandIn {
    script: Mutex<VecDeque<Scripted>>,
}

/// An answer that a test prescribes.
#[derive(Clone, Copy, Debug)]
pub struct Scripted {
    /// The time that the answer takes.
    pub after: Duration,
    /// The answer.
    pub answer: Result<Verdict, JudgeError>,
}

impl From<Result<Verdict, JudgeError>> for Scripted {
    fn from(answer: Result<Verdict, JudgeError>) -> Self {
        Self { after: Duration::ZERO, answer }
    }
}

impl StandIn {
    /// A stand-in that compares pictures. It logs a warning that it is one.
    #[must_use]
    pub fn new() -> Self {
        Self::answering([])
    }

    /// A stand-in that gives these answers first, whatever the pictures are, and then compares pictures.
    #[must_use]
    pub fn answering(script: impl IntoIterator<Item = Scripted>) -> Self {
        tracing::warn!("a stand-in judges faces: it compares pictures, knows nothing of faces, and protects nothing");
        Self { script: Mutex::new(script.into_iter().collect()) }
    }
}

impl Default for StandIn {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Judge for StandIn {
    async fn compare(&self, reference: &Photo, photo: &Photo) -> Result<Verdict, JudgeError> {
        let scripted = self.script.lock().map_err(|_| JudgeError::Unknown)?.pop_front();
        if let Some(Scripted { after, answer }) = scripted {
            tokio::time::sleep(after).await;
            return answer;
        }
        let (reference, photo) = (reference.clone(), photo.clone());
        let judged = tokio::task::spawn_blocking(move || verdict(&reference, &photo)).await;
        tracing::info!("the stand-in for the judge of faces compared two pictures, not faces");
        judged.map_err(|_| JudgeError::Unknown)?.ok_or(JudgeError::Refused)
    }
}

/// The verdict on two pictures; `None` if one of them can't be decoded.
fn verdict(reference: &Photo, photo: &Photo) -> Option<Verdict> {
    let (reference, photo) = (Grid::of(reference)?, Grid::of(photo)?);
    if reference.deviation() < LEAST_DEVIATION || photo.deviation() < LEAST_DEVIATION {
        return Some(Verdict::Unclear(Unclear::NoFace));
    }
    let likeness = reference.correlation(&photo).clamp(0.0, 1.0);
    // The square lets a photo that was taken again some seconds later reach 99 %: its correlation is about 0.95.
    let percent = 100.0 * (1.0 - (1.0 - likeness).powi(2));
    #[expect(clippy::cast_possible_truncation, reason = "a percentage loses only digits that nobody reads")]
    Similarity::from_percent(percent as f32).map(Verdict::Similar)
}

/// The brightness of a picture's parts: the deviation of each cell from their mean, in grey levels.
struct Grid(Vec<f64>);

impl Grid {
    fn of(photo: &Photo) -> Option<Self> {
        let mut reader = ImageReader::with_format(Cursor::new(photo.as_jpeg()), ImageFormat::Jpeg);
        let mut limits = Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(MOST_PIXELS), Some(MOST_PIXELS));
        reader.limits(limits);
        let cells = thumbnail(&reader.decode().ok()?.into_luma8(), GRID, GRID).into_raw();
        let mean = cells.iter().copied().map(f64::from).sum::<f64>() / f64::from(GRID * GRID);
        Some(Self(cells.into_iter().map(|cell| f64::from(cell) - mean).collect()))
    }

    /// The standard deviation of the cells.
    fn deviation(&self) -> f64 {
        (self.product(self) / f64::from(GRID * GRID)).sqrt()
    }

    /// Pearson's correlation, -1 to 1. It ignores overall brightness and contrast.
    fn correlation(&self, other: &Self) -> f64 {
        self.product(other) / (self.product(self) * other.product(other)).sqrt()
    }

    fn product(&self, other: &Self) -> f64 {
        self.0.iter().zip(&other.0).map(|(one, other)| one * other).sum()
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::imageops::{FilterType, brighten, resize};
    use image::{GrayImage, Luma};

    use super::*;

    type Picture = GrayImage;

    /// A bright disc before a dark ground. `across` and `down` are the place of its centre, in percent.
    fn disc(across: f32, down: f32) -> Picture {
        GrayImage::from_fn(320, 240, |x, y| {
            #[expect(clippy::cast_precision_loss, reason = "a small picture")]
            let (x, y) = (x as f32 / 3.2 - across, y as f32 / 2.4 - down);
            Luma([if x.hypot(y) < 25.0 { 190 } else { 60 }])
        })
    }

    fn encoded(picture: &Picture, quality: u8) -> Photo {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).unwrap();
        Photo::from_jpeg(bytes)
    }

    async fn judged(reference: &Photo, photo: &Photo) -> Result<Verdict, JudgeError> {
        StandIn::new().compare(reference, photo).await
    }

    fn similar(percent: u8) -> Verdict {
        Verdict::Similar(Similarity::of_percent(percent))
    }

    #[track_caller]
    fn assert_similar(verdict: Result<Verdict, JudgeError>, how: &str) {
        assert!(matches!(verdict, Ok(Verdict::Similar(it)) if it >= Similarity::of_percent(99)), "{how}: {verdict:?}");
    }

    #[tokio::test]
    async fn a_picture_is_similar_to_itself_and_to_itself_taken_again() {
        let picture = disc(40.0, 50.0);
        let reference = encoded(&picture, 90);
        assert_similar(judged(&reference, &reference).await, "itself");
        assert_similar(judged(&reference, &encoded(&picture, 40)).await, "encoded again");
        assert_similar(judged(&reference, &encoded(&brighten(&picture, 25), 90)).await, "brighter");
        let small = resize(&picture, 150, 110, FilterType::Triangle);
        assert_similar(judged(&reference, &encoded(&small, 90)).await, "smaller");
        assert_similar(judged(&reference, &encoded(&disc(43.0, 49.0), 90)).await, "a little moved");
    }

    #[tokio::test]
    async fn another_picture_is_not_similar() {
        let reference = encoded(&disc(30.0, 40.0), 90);
        for (across, down) in [(70.0, 60.0), (30.0, 90.0), (60.0, 30.0)] {
            let verdict = judged(&reference, &encoded(&disc(across, down), 90)).await;
            let is_other = matches!(verdict, Ok(Verdict::Similar(it)) if it < Similarity::of_percent(80));
            assert!(is_other, "{across} {down}: {verdict:?}");
        }
        let mut negative = disc(30.0, 40.0);
        image::imageops::invert(&mut negative);
        assert_eq!(judged(&reference, &encoded(&negative, 90)).await, Ok(similar(0)));
    }

    #[tokio::test]
    async fn a_picture_of_one_colour_has_no_face() {
        let (uniform, disc) =
            (encoded(&GrayImage::from_pixel(200, 200, Luma([90])), 90), encoded(&disc(50.0, 50.0), 90));
        for (reference, photo) in [(&uniform, &uniform), (&disc, &uniform), (&uniform, &disc)] {
            assert_eq!(judged(reference, photo).await, Ok(Verdict::Unclear(Unclear::NoFace)));
        }
    }

    #[tokio::test]
    async fn a_picture_that_can_not_be_decoded_is_refused() {
        let disc = encoded(&disc(50.0, 50.0), 90);
        for bytes in [&b""[..], b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"] {
            let broken = Photo::from_jpeg(bytes.to_vec());
            assert_eq!(judged(&disc, &broken).await, Err(JudgeError::Refused));
            assert_eq!(judged(&broken, &disc).await, Err(JudgeError::Refused));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_script_is_answered_in_order_and_then_pictures_are_compared() {
        let answers = [
            Ok(Verdict::Unclear(Unclear::SeveralFaces)),
            Ok(Verdict::Unclear(Unclear::TooSmall)),
            Err(JudgeError::Refused),
            Err(JudgeError::Unknown),
        ];
        let slow = Scripted { after: Duration::from_secs(8), answer: Ok(similar(100)) };
        let judge = StandIn::answering(answers.map(Scripted::from).into_iter().chain([slow]));
        let photo = encoded(&disc(50.0, 50.0), 90);
        for answer in answers {
            assert_eq!(judge.compare(&photo, &photo).await, answer);
        }
        let began = tokio::time::Instant::now();
        assert_eq!(judge.compare(&photo, &photo).await, slow.answer);
        assert_eq!(began.elapsed(), slow.after);
        assert_similar(judge.compare(&photo, &photo).await, "after the script");
    }
}
