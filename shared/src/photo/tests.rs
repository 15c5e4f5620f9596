//! Photos that the tests make: which are taken, which are refused, and with which words.

mod files;
mod markers;
mod pixels;
mod random;

use files::{EndlessZeros, RawPng, jpeg, png, progressive, scene};
use image::{DynamicImage, Rgb};

use super::*;

/// The size of a result.
fn size(photo: &Photo) -> (u32, u32) {
    let header = Header::of(photo.as_jpeg()).unwrap();
    (header.width, header.height)
}

fn taken(file: &[u8]) -> Photo {
    let photo = from_bytes(file).unwrap();
    assert!(photo.as_jpeg().len() <= MAX_JPEG_BYTES);
    photo
}

fn data_url(media_type: &str, file: &[u8]) -> String {
    format!("data:{media_type};base64,{}", BASE64.encode(file))
}

/// A good JPEG with another size in its frame header.
fn jpeg_that_claims(width: u16, height: u16) -> Vec<u8> {
    let mut file = jpeg(&scene(100, 100));
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file
}

fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    RawPng { width, height, depth: 8, colour: 2, before: Vec::new(), data: EndlessZeros(1000).zlib() }.file()
}

#[test]
fn the_words_agree_with_the_limits() {
    assert_eq!(PhotoProblem::TooLarge.to_string(), format!("is larger than {} MB", MAX_BYTES / 1_000_000));
    assert_eq!(PhotoProblem::TooManyPixels.to_string(), format!("has more than {} megapixels", MAX_PIXELS / 1_000_000));
    let sides =
        format!("must have sides of at least {MIN_SIDE} pixels, the longer at most {} times", MAX_SIDE / MIN_SIDE);
    assert!(PhotoProblem::TooSmall.to_string().starts_with(&sides));
}

#[test]
fn a_data_url_may_have_any_letter_case_and_no_padding() {
    for length in [0, 1, 2] {
        let mut file = jpeg(&scene(100, 100));
        // Bytes after the end of a JPEG are not read. They give each length of padding.
        file.resize(file.len().next_multiple_of(3) + length, 0);
        for media_type in ["image/jpeg", "image/jpg", "image/png", "IMAGE/Jpeg"] {
            let url = data_url(media_type, &file);
            assert!(from_data_url(&url).is_ok(), "{media_type} {length}");
            assert!(from_data_url(url.trim_end_matches('=')).is_ok(), "{media_type} {length}");
            assert!(from_data_url(&url.replacen("data", "DATA", 1).replacen("base64", "BASE64", 1)).is_ok());
        }
    }
}

#[test]
fn any_other_url_is_refused() {
    let file = jpeg(&scene(100, 100));
    let good = data_url("image/jpeg", &file);
    assert!(from_data_url(&good).is_ok());
    let mut others = vec![String::new(), ",".into(), "data:,".into(), good.replacen(',', "", 1)];
    for (from, to) in [
        ("data:", ""),
        ("data:", " data:"),
        ("data:", "https:"),
        (";base64", ""),
        (";base64", ";charset=utf-8;base64"),
        (";base64", "; base64"),
        ("image/jpeg", "image/gif"),
        ("image/jpeg", "image/webp"),
        ("image/jpeg", "image/svg+xml"),
        ("image/jpeg", ""),
        ("image/jpeg", "text/html"),
        (",", ", "),
        (",", ",%2F"),
        (",", ",-_"),
        (",", ",="),
        (",", ",\n"),
    ] {
        others.push(good.replacen(from, to, 1));
    }
    others.push(format!("{good} "));
    others.push(format!("{good}===="));
    for other in others {
        let start: String = other.chars().take(60).collect();
        assert_eq!(from_data_url(&other), Err(PhotoProblem::NotDataUrl), "{start}");
    }
}

#[test]
fn the_file_says_its_format_and_not_the_url() {
    let [a_jpeg, a_png] = [jpeg(&scene(100, 100)), png(&scene(100, 100).into())];
    for (media_type, file) in [("image/png", &a_jpeg), ("image/jpeg", &a_png)] {
        assert_eq!(from_data_url(&data_url(media_type, file)), from_bytes(file));
        assert!(from_bytes(file).is_ok());
    }
}

#[test]
fn other_formats_are_refused_t45() {
    let jpeg = jpeg(&scene(100, 100));
    let archive: Vec<u8> = [b"PK\x03\x04", jpeg.as_slice()].concat();
    let others: [(&str, &[u8]); 13] = [
        ("nothing", b""),
        ("a beginning", &jpeg[..2]),
        ("GIF", b"GIF89a\x50\0\x50\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0"),
        ("WebP", b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0"),
        ("BMP", b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0"),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg' width='100' height='100'/>"),
        ("AVIF", b"\0\0\0\x20ftypavif"),
        ("TIFF", b"II*\0\x08\0\0\0"),
        ("JPEG XL", b"\xff\x0a\xfa\x1f"),
        ("ZIP", b"PK\x03\x04\x14\0\0\0"),
        ("ZIP with a JPEG in it", &archive),
        ("PDF", b"%PDF-1.7"),
        ("text", b"data:image/jpeg;base64,"),
    ];
    for (name, file) in others {
        assert_eq!(from_bytes(file), Err(PhotoProblem::UnknownFormat), "{name}");
    }
}

#[test]
fn bytes_after_a_jpeg_are_neither_read_nor_kept_t45() {
    let plain = jpeg(&scene(100, 100));
    let polyglot = [plain.as_slice(), b"PK\x03\x04 an archive PK\x05\x06"].concat();
    let photo = taken(&polyglot);
    assert_eq!(photo, taken(&plain));
    assert!(!photo.as_jpeg().windows(2).any(|pair| pair == b"PK"));
}

#[test]
fn a_file_has_at_most_3_mb_t45() {
    let mut file = jpeg(&scene(100, 100));
    file.resize(MAX_BYTES, 0);
    assert!(from_bytes(&file).is_ok());
    assert!(from_data_url(&data_url("image/jpeg", &file)).is_ok());
    file.push(0);
    assert_eq!(from_bytes(&file), Err(PhotoProblem::TooLarge));
    assert_eq!(from_data_url(&data_url("image/jpeg", &file)), Err(PhotoProblem::TooLarge));
    // The length is compared before the data is decoded, else the answer would be that this is no Base64.
    let long = format!("data:image/jpeg;base64,{}", "?".repeat(4_000_001));
    assert_eq!(from_data_url(&long), Err(PhotoProblem::TooLarge));
}

#[test]
fn a_photo_has_at_most_2_megapixels_and_larger_ones_are_not_decoded_t45() {
    let black = DynamicImage::new_luma8(1080, 1920);
    assert_eq!(size(&taken(&png(&black))), (315, 560));
    // The pixels of these files would be unreadable, so the answer shows that nobody has looked at them.
    for (width, height) in [(1080, 1921), (1921, 1080), (50_000, 50_000), (65_535, 65_535), (u32::MAX, u32::MAX)] {
        assert_eq!(from_bytes(&png_that_claims(width, height)), Err(PhotoProblem::TooManyPixels), "{width} {height}");
        if let (Ok(width), Ok(height)) = (width.try_into(), height.try_into()) {
            assert_eq!(from_bytes(&jpeg_that_claims(width, height)), Err(PhotoProblem::TooManyPixels), "{width}");
        }
    }
}

#[test]
fn a_photo_has_sides_of_80_pixels_also_when_it_is_reduced_t45() {
    for (width, height, result) in [
        (80, 80, Ok((80, 80))),
        (79, 80, Err(PhotoProblem::TooSmall)),
        (80, 79, Err(PhotoProblem::TooSmall)),
        (80, 560, Ok((80, 560))),
        (90, 630, Ok((80, 560))),
        (90, 640, Err(PhotoProblem::TooSmall)),
        (640, 90, Err(PhotoProblem::TooSmall)),
        (1, 1, Err(PhotoProblem::TooSmall)),
    ] {
        let scene = scene(width, height);
        assert_eq!(from_bytes(&jpeg(&scene)).map(|photo| size(&photo)), result, "{width} {height}");
        assert_eq!(from_bytes(&png(&scene.into())).map(|photo| size(&photo)), result, "{width} {height}");
    }
    for (width, height) in [(0, 100), (100, 0), (0, 0), (u32::MAX / 4, 0)] {
        assert_eq!(from_bytes(&png_that_claims(width, height)), Err(PhotoProblem::TooSmall), "{width} {height}");
    }
    assert_eq!(from_bytes(&jpeg_that_claims(100, 0)), Err(PhotoProblem::TooSmall));
}

#[test]
fn a_png_is_inflated_only_as_far_as_its_pixels_go_t45() {
    // 2.9 MB of this data would be inflated to 450 MB.
    let zeros = |count| RawPng { width: 100, height: 90, depth: 8, colour: 2, before: vec![], data: count }.file();
    let endless = zeros(EndlessZeros(2_900_000).zlib());
    assert_eq!(taken(&endless), taken(&zeros(EndlessZeros(200).zlib())));
    // A profile and a text with the same data are not kept.
    for kind in [*b"iCCP", *b"zTXt"] {
        let bomb = [b"name\0\0".as_slice(), &EndlessZeros(2_800_000).zlib()].concat();
        let file = RawPng {
            width: 100,
            height: 90,
            depth: 8,
            colour: 2,
            before: vec![(kind, bomb)],
            data: EndlessZeros(200).zlib(),
        };
        assert_eq!(taken(&file.file()), taken(&endless));
    }
}

#[test]
fn a_png_with_too_few_pixels_is_refused_t45() {
    assert_eq!(from_bytes(&png_that_claims(1600, 1250)), Err(PhotoProblem::Unreadable));
    let whole = png(&scene(100, 100).into());
    for length in [8, 20, 33, 50, whole.len() / 2] {
        assert_eq!(from_bytes(&whole[..length]), Err(PhotoProblem::Unreadable), "{length}");
    }
}

#[test]
fn a_jpeg_has_at_most_20_scans_t45() {
    for scans in [1, 10, 20] {
        assert_eq!(size(&taken(&progressive(scans))), (96, 80), "{scans}");
    }
    for scans in [21, 90, 5000] {
        assert_eq!(from_bytes(&progressive(scans)), Err(PhotoProblem::Unreadable), "{scans}");
    }
}

#[test]
fn a_jpeg_that_ends_early_or_has_a_second_frame_is_refused_t45() {
    let whole = jpeg(&scene(100, 100));
    assert!(whole.ends_with(&[0xff, 0xd9]));
    for length in [3, 4, 20, 200, whole.len() / 2, whole.len() - 2, whole.len() - 1] {
        assert_eq!(from_bytes(&whole[..length]), Err(PhotoProblem::Unreadable), "{length}");
    }
    let frame = whole.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let second_frame = [&whole[..scan], &whole[frame..frame + 19], &whole[scan..]].concat();
    assert_eq!(from_bytes(&second_frame), Err(PhotoProblem::Unreadable));
    let no_scan = [&whole[..scan], &[0xff, 0xd9]].concat();
    assert_eq!(from_bytes(&no_scan), Err(PhotoProblem::Unreadable));
    // A length that leads behind the file.
    let mut long = whole.clone();
    long[4..6].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(from_bytes(&long), Err(PhotoProblem::Unreadable));
    // Arithmetic coding, which nobody uses.
    let mut arithmetic = whole;
    arithmetic[frame + 1] = 0xc9;
    assert_eq!(from_bytes(&arithmetic), Err(PhotoProblem::Unreadable));
}

#[test]
fn noise_fits_at_a_lower_quality_or_is_refused() {
    let mut state = 1_u32;
    let mut noise = |grain: fn(u32) -> u8| {
        RgbImage::from_fn(MAX_SIDE, MAX_SIDE, |_, _| {
            Rgb([(); 3].map(|()| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                grain(state >> 24)
            }))
        })
    };
    let grains = png(&noise(|bits| u8::try_from(bits).unwrap()).into());
    assert!(taken(&grains).as_jpeg().len() > 25_000);
    let black_and_white = png(&noise(|bits| if bits < 128 { 0 } else { 255 }).into());
    assert_eq!(from_bytes(&black_and_white), Err(PhotoProblem::TooDetailed));
}
