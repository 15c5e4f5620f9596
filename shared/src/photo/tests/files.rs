//! Files that tests make: good ones by the encoders of `image`, and others byte by byte.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder, Rgb, RgbImage};

/// A smooth picture with a disc in it.
pub(super) fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (dx, dy) = (x.abs_diff(width / 2), y.abs_diff(height / 2));
        let shade = |part: u32, whole: u32| u8::try_from(part * 255 / whole).unwrap();
        let disc = dx * dx + dy * dy < width.min(height).pow(2) / 16;
        Rgb([shade(x, width), shade(y, height), if disc { 220 } else { 60 }])
    })
}

pub(super) fn jpeg(image: &RgbImage) -> Vec<u8> {
    jpeg_with(image, |_| ())
}

/// A JPEG whose encoder is prepared, for example with metadata.
pub(super) fn jpeg_with(image: &RgbImage, prepare: impl Fn(&mut JpegEncoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, 92);
    prepare(&mut encoder);
    encoder.encode_image(image).unwrap();
    file
}

pub(super) fn png(image: &DynamicImage) -> Vec<u8> {
    png_with(image, |_| ())
}

/// A PNG whose encoder is prepared.
pub(super) fn png_with(image: &DynamicImage, prepare: impl Fn(&mut PngEncoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    prepare(&mut encoder);
    encoder.write_image(image.as_bytes(), image.width(), image.height(), image.color().into()).unwrap();
    file
}

/// The payload of Exif (CIPA DC-008): an orientation, a description, and a place.
pub(super) fn exif(orientation: u16, little_endian: bool) -> Vec<u8> {
    let two = |value: u16| if little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
    let four = |value: u32| if little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
    let mut exif = if little_endian { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    exif.extend(four(8));
    let description = b"Pariser Platz, Berlin\0";
    let after = 8 + 2 + 3 * 12 + 4;
    let gps = after + u32::try_from(description.len()).unwrap();
    exif.extend(two(3));
    for (tag, kind, count, value) in [
        (0x10e, 2, 22, four(after)),
        (0x112, 3, 1, [two(orientation), [0; 2]].concat().try_into().unwrap()),
        (0x8825, 4, 1, four(gps)),
    ] {
        exif.extend([two(tag), two(kind)].concat());
        exif.extend(four(count));
        exif.extend(value);
    }
    exif.extend(four(0));
    exif.extend(description);
    exif.extend(two(1));
    exif.extend([two(2), two(5)].concat());
    exif.extend([four(3), four(gps + 18), four(0)].concat());
    exif.extend([52, 1, 30, 1, 5893, 100].map(four).concat());
    exif
}

/// A PNG of any form.
pub(super) struct RawPng {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits a channel.
    pub(super) depth: u8,
    /// The colour type of `IHDR`: 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA.
    pub(super) colour: u8,
    /// Chunks between `IHDR` and `IDAT`.
    pub(super) before: Vec<([u8; 4], Vec<u8>)>,
    /// The data of `IDAT`: rows as a zlib stream.
    pub(super) data: Vec<u8>,
}

impl RawPng {
    pub(super) fn file(&self) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let sides = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        file.extend(chunk(*b"IHDR", &[sides.as_slice(), &[self.depth, self.colour, 0, 0, 0]].concat()));
        for (kind, data) in &self.before {
            file.extend(chunk(*kind, data));
        }
        file.extend(chunk(*b"IDAT", &self.data));
        file.extend(chunk(*b"IEND", b""));
        file
    }
}

/// A chunk of a PNG.
pub(super) fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [kind.as_slice(), data].concat();
    let length = u32::try_from(data.len()).unwrap();
    [&length.to_be_bytes(), named.as_slice(), &crc(&named).to_be_bytes()].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 })
    })
}

/// Makes the checksums of a PNG right again.
pub(super) fn with_checksums(mut png: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(named) = png.get(at + 4..at + 8 + length) else { break };
        let crc = crc(named).to_be_bytes();
        at += length + 12;
        let Some(place) = png.get_mut(at - 4..at) else { break };
        place.copy_from_slice(&crc);
    }
    png
}

/// Rows as a zlib stream without compression (RFC 1950, RFC 1951). Each row is one byte of filter and its pixels.
pub(super) fn stored(rows: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rows.len()).unwrap();
    let (a, b) = rows.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    let head = [0x78, 0x01, 0x01];
    [&head, &length.to_le_bytes()[..], &(!length).to_le_bytes(), rows, &(b << 16 | a).to_be_bytes()].concat()
}

/// Zeros as compressed data of about this many bytes, which do not end: 13 bits stand for 258 zeros.
pub(super) struct EndlessZeros(pub(super) usize);

impl EndlessZeros {
    pub(super) fn zlib(&self) -> Vec<u8> {
        // A final block with fixed codes, one zero, and "258 bytes from a distance of 1" for ever (RFC 1951, 3.2.6).
        let mut bits = "11000110000".chars().chain("1100010100000".chars().cycle()).map(|bit| u8::from(bit == '1'));
        let mut next_byte = |_| (0..8).fold(0, |byte, place| byte | bits.next().unwrap() << place);
        let mut zlib = vec![0x78, 0x01];
        zlib.extend((0..2).map(&mut next_byte));
        let period: Vec<u8> = (0..13).map(&mut next_byte).collect();
        zlib.extend(period.iter().cycle().take(self.0));
        zlib
    }
}

/// A progressive JPEG of 96 × 80 pixels in one grey, with as many scans as wanted. Each scan after the first has nothing
/// but a zero bit for each of its 120 blocks.
pub(super) fn progressive(scans: usize) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], length.as_slice(), data].concat()
    };
    let mut file = vec![0xff, 0xd8];
    file.extend(segment(0xdb, &[&[0], [1; 64].as_slice()].concat()));
    file.extend(segment(0xc2, &[8, 0, 80, 0, 96, 1, 1, 0x11, 0]));
    // One code of one bit, for "no difference".
    file.extend(segment(0xc4, &[&[0, 1], [0; 15].as_slice(), &[0]].concat()));
    for scan in 0..scans {
        let refinement = if scan == 0 { 0x01 } else { 0x10 };
        file.extend(segment(0xda, &[1, 1, 0, 0, 0, refinement]));
        file.extend([0; 15]);
    }
    file.extend([0xff, 0xd9]);
    file
}
