//! The size of a JPEG in pixels, from its header.

/// The width and the height of a JPEG, each at least 1. `None` if the header is not one that an encoder writes: segments
/// up to the frame's own, without markers that have no length (ITU-T T.81, sections B.1.1.4 and B.2.2).
pub(super) fn dimensions(jpeg: &[u8]) -> Option<(u16, u16)> {
    let mut rest = jpeg.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let [0xff, marker, high, low, segment @ ..] = rest else { return None };
        match marker {
            // Of this range, three are not frames: Huffman tables, an extension, and arithmetic conditioning.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(marker) => {
                let [_precision, height_high, height_low, width_high, width_low, ..] = *segment else { return None };
                let width = u16::from_be_bytes([width_high, width_low]);
                let height = u16::from_be_bytes([height_high, height_low]);
                return (width > 0 && height > 0).then_some((width, height));
            }
            // The scan comes after the frame. The others have no length.
            0x00 | 0x01 | 0xd0..=0xda | 0xff => return None,
            _ => rest = segment.get(usize::from(u16::from_be_bytes([*high, *low])).checked_sub(2)?..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A JPEG's header with one segment before its frame of 640 by 480 pixels.
    fn header(frame: u8) -> Vec<u8> {
        let app = [0xff, 0xe0, 0, 6, 0xff, 0xc0, 9, 9];
        let frame = [0xff, frame, 0, 17, 8, 0x01, 0xe0, 0x02, 0x80, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
        [&[0xff, 0xd8][..], &app, &frame].concat()
    }

    #[test]
    fn the_dimensions_are_those_of_the_frame() {
        for frame in [0xc0, 0xc1, 0xc2] {
            assert_eq!(dimensions(&header(frame)), Some((640, 480)));
        }
    }

    #[test]
    fn a_header_without_a_frame_has_no_dimensions() {
        for frame in [0xc4, 0xc8, 0xcc, 0xda, 0xd9, 0xd0, 0x01, 0xff] {
            assert_eq!(dimensions(&header(frame)), None, "{frame:x}");
        }
        assert_eq!(dimensions(b""), None);
        assert_eq!(dimensions(b"\x89PNG\r\n\x1a\n"), None);
        // A segment of length 1, and one that is longer than the file.
        assert_eq!(dimensions(&[0xff, 0xd8, 0xff, 0xe0, 0, 1, 0xff, 0xc0]), None);
        assert_eq!(dimensions(&[0xff, 0xd8, 0xff, 0xe0, 9, 9, 0xff, 0xc0]), None);
    }

    #[test]
    fn a_picture_without_width_or_height_has_no_dimensions() {
        for at in [15, 17] {
            let mut header = header(0xc0);
            header[at..at + 2].fill(0);
            assert_eq!(dimensions(&header), None);
        }
    }

    proptest! {
        #[test]
        fn any_cut_or_changed_header_is_read_without_a_crash(cut in 0_usize..30, at in 0_usize..29, byte: u8) {
            let mut header = header(0xc0);
            header[at] = byte;
            header.truncate(cut);
            let _ = dimensions(&header);
        }
    }
}
