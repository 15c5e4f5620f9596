//! Pictures in place of photos of faces.

use std::io::Cursor;

use data_encoding::BASE64;
use image::{ImageFormat, Rgb, RgbImage};

/// A picture in place of a photo of this person, as a file. Pictures of two persons differ.
pub fn picture(person: u8, format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(320, 240, |x, y| {
        let cell = u8::try_from((x / 40) * 6 + y / 40).unwrap();
        let level = cell.wrapping_mul(37).wrapping_add(person.wrapping_mul(101)).wrapping_mul(cell ^ person | 1);
        Rgb([level, level, level])
    });
    file(&picture, format)
}

/// A photo of this person as a data URL.
pub fn photo(person: u8) -> String {
    data_url("image/jpeg", &picture(person, ImageFormat::Jpeg))
}

/// A file as a data URL.
pub fn data_url(media_type: &str, file: &[u8]) -> String {
    format!("data:{media_type};base64,{}", BASE64.encode(file))
}

/// An image as a file.
pub fn file(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}
