//! Photos of faces as callers send them, made into what judges and the store take: an upright JPEG of limited size,
//! without metadata.
//!
//! A photo comes from a stranger, so every limit is checked on the file's header, before a pixel is decoded. Nothing of
//! the file is kept: the pixels are encoded anew.

mod header;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Cursor;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::PngDecoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, Limits, RgbImage};

use self::header::{Format, Header};
use crate::domain::factor::face::Photo;

/// The size of the largest file, in bytes.
pub const MAX_BYTES: usize = 3_000_000;
/// The number of pixels of the largest photo: 2 megapixels, as a picture of 1920 by 1080 has.
pub const MAX_PIXELS: u64 = 1920 * 1080;
/// The shortest side that is taken, in pixels, after the reduction to [`MAX_SIDE`]. Amazon Rekognition takes no shorter
/// one.
pub const MIN_SIDE: u32 = 80;
/// The longest side of the result, in pixels. A longer photo is reduced, a shorter one is left as it is. The smallest
/// face that Amazon Rekognition finds has 40 pixels: a fourteenth of this side.
pub const MAX_SIDE: u32 = 560;
/// The size of the largest result, in bytes. An item of the table takes 400 KB.
pub const MAX_JPEG_BYTES: usize = 100_000;

/// The qualities of the result, from 1 to 100. The first that fits [`MAX_JPEG_BYTES`] is used, and a photo of a face fits
/// at the first: it takes 18 to 31 KB.
const QUALITIES: [u8; 4] = [60, 40, 20, 10];
/// The most memory that a PNG's decoder may take beside the pixels, in bytes.
const MAX_DECODER_BYTES: u64 = 16_000_000;

/// The beginning of a data URL (RFC 2397) up to its comma. Letter case is ignored. Old browsers send `image/jpg`.
const PREFIXES: [&str; 3] = ["data:image/jpeg;base64", "data:image/jpg;base64", "data:image/png;base64"];

/// Standard Base64 (RFC 4648, section 4), with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The reason why a photo is refused, in words that follow the name of a field. They repeat nothing of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhotoProblem {
    /// The text is no data URL of a photo.
    NotDataUrl,
    /// The file has more than [`MAX_BYTES`].
    TooLarge,
    /// The file is neither a JPEG nor a PNG.
    UnknownFormat,
    /// The photo has more than [`MAX_PIXELS`].
    TooManyPixels,
    /// A side is shorter than [`MIN_SIDE`].
    TooSmall,
    /// The file is cut off, broken, or of a rare kind of its format.
    Unreadable,
    /// The result does not fit [`MAX_JPEG_BYTES`].
    TooDetailed,
}

impl PhotoProblem {
    /// The problem, worded as the end of a sentence.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotDataUrl => "must be a data URL of image/jpeg or image/png in Base64",
            Self::TooLarge => "is larger than 3 MB",
            Self::UnknownFormat => "is neither a JPEG nor a PNG",
            Self::TooManyPixels => "has more than 2 megapixels",
            Self::TooSmall => "must have sides of at least 80 pixels, the longer at most 7 times the shorter",
            Self::Unreadable => "is cut off, or can't be decoded",
            Self::TooDetailed => "has more detail than a photo of a face",
        }
    }
}

impl fmt::Display for PhotoProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for PhotoProblem {}

/// The photo of a data URL. The type that the URL names is not compared with the file's.
///
/// # Errors
/// Any [`PhotoProblem`].
pub fn from_data_url(url: &str) -> Result<Photo, PhotoProblem> {
    let (prefix, data) = url.split_once(',').ok_or(PhotoProblem::NotDataUrl)?;
    if !PREFIXES.iter().any(|known| known.eq_ignore_ascii_case(prefix)) {
        return Err(PhotoProblem::NotDataUrl);
    }
    if data.len() > MAX_BYTES.div_ceil(3) * 4 {
        return Err(PhotoProblem::TooLarge);
    }
    let file = BASE64.decode(data).map_err(|_| PhotoProblem::NotDataUrl)?;
    from_bytes(&file)
}

/// The photo of a file. It computes for 30 to 150 ms on a full processor, and takes up to 30 MB.
///
/// # Errors
/// Any [`PhotoProblem`] but [`PhotoProblem::NotDataUrl`].
pub fn from_bytes(file: &[u8]) -> Result<Photo, PhotoProblem> {
    if file.len() > MAX_BYTES {
        return Err(PhotoProblem::TooLarge);
    }
    let header = Header::of(file)?;
    if u64::from(header.width) * u64::from(header.height) > MAX_PIXELS {
        return Err(PhotoProblem::TooManyPixels);
    }
    let (width, height) = reduced(header.width, header.height);
    if width.min(height) < MIN_SIDE {
        return Err(PhotoProblem::TooSmall);
    }
    let (pixels, orientation) = decode(&header)?;
    let mut pixels = DynamicImage::ImageRgb8(reduce(pixels, width, height));
    pixels.apply_orientation(orientation);
    encode(&pixels.into_rgb8())
}

/// The sides of the result: the longer one has at most [`MAX_SIDE`] pixels, their ratio stays, and no side grows.
fn reduced(width: u32, height: u32) -> (u32, u32) {
    let longer = width.max(height);
    if longer <= MAX_SIDE {
        return (width, height);
    }
    let scaled = |side: u32| {
        let side = (u64::from(side) * u64::from(MAX_SIDE) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(side).unwrap_or(MAX_SIDE)
    };
    (scaled(width), scaled(height))
}

/// The pixels as they are stored, and how to turn them upright.
fn decode(header: &Header<'_>) -> Result<(RgbImage, Orientation), PhotoProblem> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(header.width);
    limits.max_image_height = Some(header.height);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    let file = Cursor::new(header.file);
    match header.format {
        Format::Jpeg => {
            let mut decoder = JpegDecoder::new(file).map_err(|_| PhotoProblem::Unreadable)?;
            decoder.set_limits(limits).map_err(|_| PhotoProblem::Unreadable)?;
            pixels(decoder, header)
        }
        Format::Png => pixels(PngDecoder::with_limits(file, limits).map_err(|_| PhotoProblem::Unreadable)?, header),
    }
}

fn pixels(mut decoder: impl ImageDecoder, header: &Header<'_>) -> Result<(RgbImage, Orientation), PhotoProblem> {
    if decoder.dimensions() != (header.width, header.height) {
        return Err(PhotoProblem::Unreadable);
    }
    let orientation = decoder.orientation().map_err(|_| PhotoProblem::Unreadable)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|_| PhotoProblem::Unreadable)?;
    Ok((over_white(image), orientation))
}

/// The image without its alpha channel, over a white ground, with 8 bits a channel.
fn over_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    let mut opaque = RgbImage::new(image.width(), image.height());
    for (to, from) in opaque.pixels_mut().zip(image.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u16::from);
        to.0 = [red, green, blue]
            .map(|channel| u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX));
    }
    opaque
}

fn reduce(pixels: RgbImage, width: u32, height: u32) -> RgbImage {
    if pixels.dimensions() == (width, height) {
        return pixels;
    }
    imageops::resize(&pixels, width, height, FilterType::Triangle)
}

fn encode(pixels: &RgbImage) -> Result<Photo, PhotoProblem> {
    for quality in QUALITIES {
        let mut jpeg = Vec::with_capacity(MAX_JPEG_BYTES);
        JpegEncoder::new_with_quality(&mut jpeg, quality)
            .write_image(pixels, pixels.width(), pixels.height(), ExtendedColorType::Rgb8)
            .map_err(|_| PhotoProblem::Unreadable)?;
        if jpeg.len() <= MAX_JPEG_BYTES {
            return Ok(Photo::from_jpeg(jpeg));
        }
    }
    Err(PhotoProblem::TooDetailed)
}
