//! The format and the size of a photo, read from the file's structure alone.

use super::PhotoProblem;

/// The formats that are taken.
pub(super) enum Format {
    /// ISO/IEC 10918-1.
    Jpeg,
    /// ISO/IEC 15948.
    Png,
}

/// A file's format and size.
pub(super) struct Header<'a> {
    /// The file's format, whatever its sender calls it.
    pub(super) format: Format,
    /// In pixels, as stored: before the orientation is applied.
    pub(super) width: u32,
    /// In pixels, likewise.
    pub(super) height: u32,
    /// The file, without what follows the end of a JPEG.
    pub(super) file: &'a [u8],
}

/// Scans of the longest JPEG. Encoders write 10 or a few more. Each one costs the decoder a pass over all pixels, and a
/// few bytes are enough for a scan.
const MAX_SCANS: usize = 20;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

impl<'a> Header<'a> {
    /// Reads a file's header. A JPEG's markers are read to its end, because a scan can follow any scan.
    ///
    /// # Errors
    /// [`PhotoProblem::UnknownFormat`], [`PhotoProblem::Unreadable`].
    pub(super) fn of(file: &'a [u8]) -> Result<Self, PhotoProblem> {
        if let Some(chunks) = file.strip_prefix(PNG_SIGNATURE) {
            let (width, height) = png_size(chunks).ok_or(PhotoProblem::Unreadable)?;
            return Ok(Self { format: Format::Png, width, height, file });
        }
        if file.starts_with(&[0xff, SOI, 0xff]) {
            return jpeg(file).ok_or(PhotoProblem::Unreadable);
        }
        Err(PhotoProblem::UnknownFormat)
    }
}

/// The size in the first chunk, `IHDR`.
fn png_size(chunks: &[u8]) -> Option<(u32, u32)> {
    let ihdr = chunks.strip_prefix(b"\0\0\0\x0dIHDR")?;
    let (width, rest) = ihdr.split_first_chunk()?;
    let height = rest.first_chunk()?;
    Some((u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

/// Start of image.
const SOI: u8 = 0xd8;
/// End of image.
const EOI: u8 = 0xd9;
/// Start of scan.
const SOS: u8 = 0xda;

/// Reads the markers of a JPEG (ISO/IEC 10918-1, annex B): one frame, at least one scan and at most [`MAX_SCANS`], and
/// an end.
fn jpeg(file: &[u8]) -> Option<Header<'_>> {
    let mut rest = file.get(2..)?;
    let mut size = None;
    let mut scans = 0;
    loop {
        let (marker, after) = marker(rest)?;
        if marker == EOI {
            let (width, height) = size.filter(|_| scans > 0)?;
            let file = file.get(..file.len() - after.len())?;
            return Some(Header { format: Format::Jpeg, width, height, file });
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let segment = after.get(2..length)?;
        rest = after.get(length..)?;
        match marker {
            // Start of frame; in the same range are DHT, JPG and DAC.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                if size.is_some() {
                    return None;
                }
                size = Some(frame_size(segment)?);
            }
            SOS => {
                scans += 1;
                if scans > MAX_SCANS {
                    return None;
                }
                rest = after_scan(rest)?;
            }
            // Markers without a length, and images in images.
            0x00 | 0x01 | 0xd0..=SOI => return None,
            _ => {}
        }
    }
}

/// The marker at the beginning, after any fill bytes, and the bytes after it.
fn marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = bytes.strip_prefix(&[0xff])?;
    loop {
        let (byte, after) = rest.split_first()?;
        if *byte != 0xff {
            return Some((*byte, after));
        }
        rest = after;
    }
}

/// A frame's width and height: after its precision come the number of lines and the samples of a line.
fn frame_size(segment: &[u8]) -> Option<(u32, u32)> {
    let [_, high, low, wide, narrow] = *segment.first_chunk()?;
    Some((u16::from_be_bytes([wide, narrow]).into(), u16::from_be_bytes([high, low]).into()))
}

/// The bytes from the marker that ends a scan's data. A stuffed `0xff` has a zero after it, and restart markers belong to
/// the data.
fn after_scan(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let at = rest.iter().position(|byte| *byte == 0xff)?;
        rest = rest.get(at..)?;
        match rest.get(1)? {
            0x00 | 0xd0..=0xd7 => rest = rest.get(2..)?,
            0xff => rest = rest.get(1..)?,
            _ => return Some(rest),
        }
    }
}
