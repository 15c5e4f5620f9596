//! The pixels of results: upright, never enlarged, opaque, and without anything else that the file had.

use image::{DynamicImage, GrayImage, ImageBuffer, ImageEncoder, Luma, LumaA, Pixel, Rgb, Rgba};

use super::files::{RawPng, chunk, exif, jpeg, jpeg_with, png, png_with, scene, stored};
use super::{MAX_SIDE, Photo, RgbImage, size, taken};

fn decoded(photo: &Photo) -> RgbImage {
    image::load_from_memory(photo.as_jpeg()).unwrap().into_rgb8()
}

#[track_caller]
fn assert_near(found: Rgb<u8>, expected: [u8; 3], of: &str) {
    let far = found.0.iter().zip(expected).any(|(found, expected)| found.abs_diff(expected) > 24);
    assert!(!far, "{of}: {found:?} is not {expected:?}");
}

/// A result has this one colour.
#[track_caller]
fn assert_plain(file: &[u8], expected: [u8; 3], of: &str) {
    let pixels = decoded(&taken(file));
    for (x, y) in [(0, 0), (pixels.width() - 1, pixels.height() - 1), (40, 40)] {
        assert_near(*pixels.get_pixel(x, y), expected, of);
    }
}

const RED: [u8; 3] = [220, 20, 20];
const GREEN: [u8; 3] = [20, 200, 20];
const BLUE: [u8; 3] = [20, 20, 220];
const GREY: [u8; 3] = [128, 128, 128];

/// Red in the upper left, green in the upper right, blue in the lower left, grey in the lower right.
fn corner(x: u32, y: u32, (width, height): (u32, u32)) -> Rgb<u8> {
    Rgb(match (x < width / 2, y < height / 2) {
        (true, true) => RED,
        (false, true) => GREEN,
        (true, false) => BLUE,
        (false, false) => GREY,
    })
}

/// The upright picture as a camera stores it. Exif's orientation says which side of the picture the first row is, and
/// which side the first column: 1 top left, 2 top right, 3 bottom right, 4 bottom left, 5 left top, 6 right top, 7 right
/// bottom, 8 left bottom.
fn stored_as(orientation: u16, (width, height): (u32, u32)) -> RgbImage {
    let (right, bottom) = (width - 1, height - 1);
    let (stored_width, stored_height) = if orientation < 5 { (width, height) } else { (height, width) };
    RgbImage::from_fn(stored_width, stored_height, |column, row| {
        let (x, y) = match orientation {
            1 => (column, row),
            2 => (right - column, row),
            3 => (right - column, bottom - row),
            4 => (column, bottom - row),
            5 => (row, column),
            6 => (right - row, column),
            7 => (right - row, bottom - column),
            8 => (row, bottom - column),
            _ => unreachable!(),
        };
        corner(x, y, (width, height))
    })
}

#[track_caller]
fn assert_upright(file: &[u8], expected: (u32, u32), of: &str) {
    let photo = taken(file);
    assert_eq!(size(&photo), expected, "{of}");
    let pixels = decoded(&photo);
    for (x, y) in [(4, 4), (expected.0 - 5, 4), (4, expected.1 - 5), (expected.0 - 5, expected.1 - 5)] {
        assert_near(*pixels.get_pixel(x, y), corner(x, y, expected).0, of);
    }
}

#[test]
fn every_orientation_becomes_upright_t45() {
    for orientation in 1..=8 {
        let of = format!("orientation {orientation}");
        let stored = stored_as(orientation, (160, 100));
        for little_endian in [true, false] {
            let exif = exif(orientation, little_endian);
            let file = jpeg_with(&stored, |encoder| encoder.set_exif_metadata(exif.clone()).unwrap());
            assert_upright(&file, (160, 100), &of);
            let file = png_with(&stored.clone().into(), |encoder| encoder.set_exif_metadata(exif.clone()).unwrap());
            assert_upright(&file, (160, 100), &of);
        }
    }
}

#[test]
fn a_reduced_photo_is_upright_too_t45() {
    for orientation in [2, 6, 7] {
        let exif = exif(orientation, true);
        let stored = stored_as(orientation, (700, 200));
        let file = jpeg_with(&stored, |encoder| encoder.set_exif_metadata(exif.clone()).unwrap());
        assert_upright(&file, (MAX_SIDE, 160), &format!("orientation {orientation}"));
    }
}

#[test]
fn an_unknown_orientation_changes_nothing() {
    let stored = stored_as(1, (160, 100));
    for orientation in [0, 9, 255, u16::MAX] {
        let exif = exif(orientation, true);
        let file = jpeg_with(&stored, |encoder| encoder.set_exif_metadata(exif.clone()).unwrap());
        assert_upright(&file, (160, 100), &orientation.to_string());
    }
    for broken in [&b""[..], b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"] {
        let file = jpeg_with(&stored, |encoder| encoder.set_exif_metadata(broken.to_vec()).unwrap());
        assert_upright(&file, (160, 100), "broken Exif");
    }
}

/// The offset of a PNG's second chunk, in bytes.
const AFTER_IHDR: usize = 33;

/// The markers of a JPEG up to its first scan.
fn markers(jpeg: &[u8]) -> Vec<u8> {
    let mut markers = Vec::new();
    let mut at = 2;
    while markers.last() != Some(&0xda) {
        assert_eq!(jpeg[at], 0xff);
        markers.push(jpeg[at + 1]);
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
    markers
}

#[test]
fn place_profile_and_comments_are_gone_t45() {
    let has = |file: &[u8], text: &[u8]| file.windows(text.len()).any(|window| window == text);
    let exif = exif(6, true);
    let place = exif[exif.len() - 24..].to_vec();
    let profile = b"a profile of colours".to_vec();
    let plain = scene(200, 120);
    let mut in_jpeg = jpeg_with(&plain, |encoder| {
        encoder.set_exif_metadata(exif.clone()).unwrap();
        encoder.set_icc_profile(profile.clone()).unwrap();
    });
    let comment = b"\xff\xfe\0\x10By Alice Adams";
    in_jpeg.splice(2..2, comment.iter().copied());
    let mut in_png = png_with(&plain.into(), |encoder| encoder.set_exif_metadata(exif.clone()).unwrap());
    in_png.splice(AFTER_IHDR..AFTER_IHDR, chunk(*b"tEXt", b"Author\0Alice Adams"));
    for file in [in_jpeg, in_png] {
        for text in [b"Pariser Platz".as_slice(), &place, b"Alice Adams"] {
            assert!(has(&file, text), "the test's file has {text:?}");
        }
        let photo = taken(&file);
        assert_eq!(size(&photo), (120, 200), "the orientation was read");
        for text in [b"Pariser Platz".as_slice(), &place, b"Alice", b"Exif", b"ICC_PROFILE", &profile, b"II*\0"] {
            assert!(!has(photo.as_jpeg(), text), "{text:?}");
        }
        // JFIF's header, then tables, one frame, one scan: neither another application's segment nor a comment.
        let markers = markers(photo.as_jpeg());
        assert_eq!(markers[0], 0xe0);
        assert!(markers[1..].iter().all(|marker| [0xdb, 0xc0, 0xc4, 0xda].contains(marker)), "{markers:x?}");
    }
}

#[test]
fn a_photo_is_reduced_to_560_pixels_and_never_enlarged() {
    for (width, height, expected) in [
        (80, 80, (80, 80)),
        (400, 300, (400, 300)),
        (560, 300, (560, 300)),
        (561, 200, (560, 200)),
        (200, 561, (200, 560)),
        (800, 600, (560, 420)),
    ] {
        assert_eq!(size(&taken(&jpeg(&scene(width, height)))), expected, "{width} {height}");
    }
}

/// The mean difference of two pictures' channels, in 255ths.
fn mean_difference(one: &RgbImage, other: &RgbImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let sum: u32 = one.iter().zip(other.iter()).map(|(one, other)| u32::from(one.abs_diff(*other))).sum();
    f64::from(sum) / f64::from(u32::try_from(one.len()).unwrap())
}

#[test]
fn a_result_that_is_sent_again_hardly_changes() {
    let scene = scene(MAX_SIDE, 420);
    let once = taken(&png(&scene.clone().into()));
    let again = taken(once.as_jpeg());
    assert!(mean_difference(&scene, &decoded(&once)) < 4.0);
    assert!(mean_difference(&decoded(&once), &decoded(&again)) < 1.0);
    assert!(again.as_jpeg().len().abs_diff(once.as_jpeg().len()) < 500);
}

fn filled<P: Pixel + image::PixelWithColorType>(pixel: P) -> DynamicImage
where
    DynamicImage: From<ImageBuffer<P, Vec<P::Subpixel>>>,
{
    ImageBuffer::from_pixel(90, 90, pixel).into()
}

#[test]
fn colours_of_every_depth_are_taken_and_alpha_is_over_white() {
    let white = [255; 3];
    for (of, image, expected) in [
        ("RGB", filled(Rgb(RED)), RED),
        ("grey", filled(Luma([128_u8])), GREY),
        ("RGB of 16 bits", filled(Rgb(RED.map(|channel| u16::from(channel) * 257))), RED),
        ("grey of 16 bits", filled(Luma([128_u16 * 257])), GREY),
        ("opaque", filled(Rgba([220_u8, 20, 20, 255])), RED),
        ("transparent", filled(Rgba([220_u8, 20, 20, 0])), white),
        ("half transparent", filled(Rgba([0_u8, 0, 0, 127])), GREY),
        ("transparent grey", filled(LumaA([0_u8, 0])), white),
        ("half transparent grey", filled(LumaA([0_u8, 127])), GREY),
        ("half transparent, 16 bits", filled(Rgba([0_u16, 0, 0, 0x7fff])), GREY),
        ("half transparent grey, 16 bits", filled(LumaA([0_u16, 0x7fff])), GREY),
    ] {
        assert_plain(&png(&image), expected, of);
    }
    assert_plain(&jpeg(&RgbImage::from_pixel(90, 90, Rgb(BLUE))), BLUE, "JPEG");
    let grey = GrayImage::from_pixel(90, 90, Luma([128]));
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut file).write_image(&grey, 90, 90, image::ExtendedColorType::L8).unwrap();
    assert_plain(&file, GREY, "grey JPEG");
}

#[test]
fn palettes_and_few_bits_are_taken() {
    let rows = |row: &[u8]| stored(&[&[0], row].concat().repeat(80));
    let palette = [[0; 3], RED, GREEN, BLUE].concat();
    let raw = |depth, colour, before, data| RawPng { width: 80, height: 80, depth, colour, before, data }.file();
    assert_plain(&raw(1, 0, vec![], rows(&[0xff; 10])), [255; 3], "one bit");
    assert_plain(&raw(2, 0, vec![], rows(&[0b0101_0101; 20])), [85; 3], "two bits");
    assert_plain(&raw(4, 3, vec![(*b"PLTE", palette.clone())], rows(&[0x22; 40])), GREEN, "palette");
    let half_transparent = vec![(*b"PLTE", palette), (*b"tRNS", vec![127, 255])];
    assert_plain(&raw(8, 3, half_transparent, rows(&[0; 80])), GREY, "transparent palette");
}

#[test]
fn the_still_picture_of_an_animation_is_taken() {
    let mut animated = png(&filled(Rgb(GREEN)));
    let two_frames = chunk(*b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    animated.splice(AFTER_IHDR..AFTER_IHDR, two_frames);
    assert_plain(&animated, GREEN, "animation");
}
