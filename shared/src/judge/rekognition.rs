//! Faces compared by Amazon Rekognition. Each comparison is one call of `CompareFaces`, which keeps no state.

use async_trait::async_trait;
use aws_sdk_rekognition::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rekognition::operation::compare_faces::{CompareFacesError, CompareFacesOutput};
use aws_sdk_rekognition::primitives::Blob;
use aws_sdk_rekognition::types::{BoundingBox, Image, QualityFilter};

use super::{Judge, JudgeError};
use crate::clients::had_no_effect;
use crate::domain::factor::face::{Photo, Similarity, Unclear, Verdict};

/// The least width and height of a face, in pixels: twice the least that Rekognition finds in a picture of 1920 by 1080
/// pixels (Rekognition Developer Guide, "Guidelines and quotas").
pub const LEAST_FACE_PIXELS: f32 = 80.0;

/// A [`Judge`] over Rekognition.
pub struct Rekognition {
    client: aws_sdk_rekognition::Client,
}

impl Rekognition {
    /// A judge over this client. It must not retry: each call costs money, and the person one of a few tries.
    #[must_use]
    pub fn new(client: aws_sdk_rekognition::Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Judge for Rekognition {
    async fn compare(&self, reference: &Photo, photo: &Photo) -> Result<Verdict, JudgeError> {
        // Without its size, the answer's boxes can't be measured. So the call is not made.
        let dimensions = photo.dimensions().ok_or(JudgeError::Refused)?;
        let answer = self
            .client
            .compare_faces()
            .source_image(image(reference))
            .target_image(image(photo))
            // The answer then gives the similarity of every face.
            .similarity_threshold(0.0)
            // A filter would hide a second face that is blurred.
            .quality_filter(QualityFilter::None)
            .send()
            .await;
        match answer {
            Ok(answer) => verdict(&answer, dimensions).ok_or_else(|| {
                tracing::warn!("an answer of Rekognition lacks a value, or has one out of its range");
                JudgeError::Unknown
            }),
            Err(error) => failed(&error),
        }
    }
}

fn image(photo: &Photo) -> Image {
    Image::builder().bytes(Blob::new(photo.as_jpeg())).build()
}

/// The verdict on a photo of this width and height. `None` if a value is missing or out of its range.
///
/// Only the photo's faces are counted. Of the reference, Rekognition takes the largest face and does not tell whether
/// there are others: the reference was judged as a photo when it was enrolled.
fn verdict(answer: &CompareFacesOutput, dimensions: (u16, u16)) -> Option<Verdict> {
    // A comparison always has it, and an empty answer does not.
    answer.source_image_face()?;
    let (face, similarity) = match (answer.face_matches(), answer.unmatched_faces()) {
        ([], []) => return Some(Verdict::Unclear(Unclear::NoFace)),
        ([matched], []) => (matched.face()?, Similarity::from_percent(matched.similarity()?)?),
        // A face that does not even reach the threshold of 0.
        ([], [face]) => (face, Similarity::of_percent(0)),
        _ => return Some(Verdict::Unclear(Unclear::SeveralFaces)),
    };
    let is_large = is_large(face.bounding_box()?, dimensions)?;
    Some(if is_large { Verdict::Similar(similarity) } else { Verdict::Unclear(Unclear::TooSmall) })
}

/// Whether a face's box, in ratios of the picture's width and height, is large enough. Parts of a face may lie outside
/// the picture, so a ratio may be more than 1.
fn is_large(face: &BoundingBox, (width, height): (u16, u16)) -> Option<bool> {
    let pixels = |ratio: Option<f32>, side: u16| {
        ratio.filter(|ratio| ratio.is_finite() && *ratio >= 0.0).map(|ratio| ratio * f32::from(side))
    };
    let (width, height) = (pixels(face.width(), width)?, pixels(face.height(), height)?);
    Some(width >= LEAST_FACE_PIXELS && height >= LEAST_FACE_PIXELS)
}

/// Classifies a failed call, and logs it unless it is a verdict. The log has the error's code but not its text.
fn failed(error: &SdkError<CompareFacesError>) -> Result<Verdict, JudgeError> {
    let outcome = if had_no_effect(error) { JudgeError::Refused } else { JudgeError::Unknown };
    let answered = error.as_service_error();
    // Rekognition refuses pictures without a face by this error. The other parameters are constants, so they are valid.
    if outcome == JudgeError::Refused && answered.is_some_and(CompareFacesError::is_invalid_parameter_exception) {
        return Ok(Verdict::Unclear(Unclear::NoFace));
    }
    tracing::warn!(
        judge.code = answered.and_then(ProvideErrorMetadata::code),
        judge.outcome = %outcome,
        "comparing faces failed"
    );
    Err(outcome)
}
