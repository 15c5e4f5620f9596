//! Properties of files that nobody made on purpose: each gets an answer, and a result keeps the limits.

use std::sync::LazyLock;

use image::ImageEncoder;
use proptest::prelude::*;

use super::files::{exif, jpeg_with, png_with, progressive, scene, with_checksums};
use super::{MAX_JPEG_BYTES, MAX_SIDE, from_bytes, from_data_url, size};

/// Good files: a JPEG and a PNG with metadata, and a progressive JPEG.
static FILES: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let scene = scene(96, 88);
    [
        jpeg_with(&scene, |encoder| encoder.set_exif_metadata(exif(6, false)).unwrap()),
        png_with(&scene.clone().into(), |encoder| encoder.set_exif_metadata(exif(3, true)).unwrap()),
        progressive(4),
    ]
});

/// The call returns, and what it takes keeps the limits.
fn has_an_answer(file: &[u8]) {
    if let Ok(photo) = from_bytes(file) {
        let (width, height) = size(&photo);
        assert!(width.max(height) <= MAX_SIDE);
        assert!(photo.as_jpeg().len() <= MAX_JPEG_BYTES);
    }
}

proptest! {
    #[test]
    fn random_bytes_get_an_answer_t45(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        has_an_answer(&bytes);
        for file in FILES.iter() {
            for beginning in [2, 8, 33, 200] {
                has_an_answer(&[&file[..beginning], bytes.as_slice()].concat());
            }
        }
    }

    #[test]
    fn any_text_gets_an_answer_t45(text in "(data:image/(jpeg|png);base64,)?[A-Za-z0-9+/=, é]{0,200}") {
        prop_assert!(from_data_url(&text).is_err());
    }

    #[test]
    fn changed_files_get_an_answer_t45(
        which in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        header in any::<bool>(),
    ) {
        let mut file = FILES[which].clone();
        let end = if header { file.len().min(300) } else { file.len() };
        for (place, value) in changes {
            file[place.index(end)] = value;
        }
        has_an_answer(&file);
        if which == 1 {
            has_an_answer(&with_checksums(file));
        }
    }

    #[test]
    fn files_that_end_early_are_refused_t45(which in 0..3_usize, length in any::<prop::sample::Index>()) {
        let file = &FILES[which];
        // The pixels of a PNG are complete before its checksums and its last chunk.
        let needed = if which == 1 { file.len() * 3 / 4 } else { file.len() };
        prop_assert!(from_bytes(&file[..length.index(needed)]).is_err());
    }

    #[test]
    fn a_repeated_or_removed_part_gets_an_answer_t45(
        which in 0..3_usize,
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        length in 1..200_usize,
    ) {
        let file = &FILES[which];
        let [from, to] = [from, to].map(|place| place.index(file.len()));
        let part = &file[from..(from + length).min(file.len())];
        has_an_answer(&[&file[..to], part, &file[to..]].concat());
        has_an_answer(&[&file[..from], &file[from + part.len()..]].concat());
    }
}
