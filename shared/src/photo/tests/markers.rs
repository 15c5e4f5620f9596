//! The markers of a JPEG: what a file may have between them, and which files are refused before the decoder sees them.

use super::files::{jpeg, scene};
use super::{Header, PhotoProblem, from_bytes, size, taken};

/// Where the first segment with this marker begins.
fn segment(file: &[u8], marker: u8) -> usize {
    file.windows(2).position(|pair| pair == [0xff, marker]).unwrap()
}

fn with(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    [&file[..at], bytes, &file[at..]].concat()
}

fn is_read(file: &[u8]) -> bool {
    Header::of(file).is_ok_and(|header| (header.width, header.height) == (100, 90))
}

#[test]
fn fill_bytes_and_restart_markers_are_read() {
    let file = jpeg(&scene(100, 90));
    assert!(is_read(&file));
    assert!(is_read(&with(&file, segment(&file, 0xc0), &[0xff, 0xff])), "before a segment");
    assert!(is_read(&with(&file, file.len() - 2, &[0xff, 0xff])), "before the end");
    for restart in 0xd0..=0xd7 {
        assert!(is_read(&with(&file, file.len() - 2, &[0xff, restart])), "{restart:x}");
    }
}

#[test]
fn the_decoder_gets_a_jpeg_up_to_its_end_t45() {
    let file = jpeg(&scene(100, 90));
    let longer = with(&file, file.len(), &[0xff, 0xd8, 0xff, 0xd9]);
    assert_eq!(Header::of(&longer).unwrap().file, file);
}

#[test]
fn a_broken_sequence_of_markers_is_refused_t45() {
    let file = jpeg(&scene(100, 90));
    let [frame, scan] = [segment(&file, 0xc0), segment(&file, 0xda)];
    let frame_segment = &file[frame..frame + 19];
    for (name, broken) in [
        ("a second frame", with(&file, scan, frame_segment)),
        ("no frame", [&file[..frame], &file[frame + 19..]].concat()),
        ("no scan", [&file[..scan], &[0xff, 0xd9]].concat()),
        ("no end", file[..file.len() - 2].to_vec()),
        ("bytes between segments", with(&file, scan, &[0])),
        ("a second start", with(&file, scan, &[0xff, 0xd8, 0, 2])),
        ("a restart outside a scan", with(&file, scan, &[0xff, 0xd0, 0, 2])),
        ("a marker of zero", with(&file, scan, &[0xff, 0, 0, 2])),
        ("a length of one", with(&file, scan, &[0xff, 0xfe, 0, 1])),
        ("a length behind the end", with(&file, scan, &[0xff, 0xfe, 0xff, 0xff])),
    ] {
        assert!(Header::of(&broken).is_err(), "{name}");
        assert_eq!(from_bytes(&broken), Err(PhotoProblem::Unreadable), "{name}");
    }
}

#[test]
fn a_frame_that_only_the_decoder_sees_is_refused_t45() {
    let file = jpeg(&scene(100, 90));
    let frame = segment(&file, 0xc0);
    // The decoder reads an `APP0` of four bytes one byte too far, so it does not see the next segment's marker, and finds
    // the frame in its data.
    let hidden = [0xff, 0xe0, 0, 6, 1, 2, 3, 4, 0xff, 0xc0, 0, 26, 8, 0, 200, 0, 200];
    let hidden = with(&file, frame, &hidden);
    let header = Header::of(&hidden).unwrap();
    assert_eq!((header.width, header.height), (200, 200));
    assert_eq!(from_bytes(&hidden), Err(PhotoProblem::Unreadable));
    assert_eq!(size(&taken(&file)), (100, 90));
}
