//! QR codes (ISO/IEC 18004): as a PNG in a data URL for pages, and as half blocks for terminals.
//!
//! `qrcode` encodes the text. The choice of the mask is most of the work, so the module `mask` does it on whole rows of
//! bits.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use qrcode::bits::encode_auto;
use qrcode::canvas::Canvas;
use qrcode::ec::construct_codewords;
use qrcode::render::Renderer;
use qrcode::render::unicode::Dense1x2;
use qrcode::{Color, EcLevel, Version};

mod mask;

/// Level M restores up to 15 % of the symbol: enough for screens and cameras, in a symbol small enough to read quickly.
const LEVEL: EcLevel = EcLevel::M;
/// Level L restores up to 7 %, in the smallest symbol: in a terminal, rows are scarce and nothing covers the symbol.
const TERMINAL_LEVEL: EcLevel = EcLevel::L;
/// Light modules around the symbol: the least that the standard allows.
const QUIET_ZONE: u32 = 4;
/// Pixels per module, in both directions.
const SCALE: usize = 4;
/// Eight light pixels.
const LIGHT: u8 = 0xff;
/// The largest symbol. Its 125 modules fit a row of 128 bits, and it holds 1,125 bytes. Most phones can't read larger
/// ones.
const MAX_VERSION: i16 = 27;

/// The reason why a text can't be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrError {
    /// The text is longer than 1,125 bytes, the most in a QR code that phones can read; or the symbol has more rows than
    /// the terminal.
    TooLong,
    /// The PNG could not be encoded.
    Image,
}

impl fmt::Display for QrError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLong => "the text is too long for a QR code",
            Self::Image => "the QR code's image could not be written",
        })
    }
}

impl std::error::Error for QrError {}

/// The QR code of a text as a PNG in a data URL: level M, a quiet zone of 4 modules, 4 pixels per module, 1 bit per
/// pixel.
///
/// # Errors
/// Any [`QrError`].
pub fn png_data_url(text: &str) -> Result<String, QrError> {
    let png = png(&Symbol::of(text, LEVEL)?).map_err(|_| QrError::Image)?;
    Ok(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(&png)))
}

/// The QR code of a text in half blocks, for a terminal with light text on a dark ground, in at most this many rows. Its
/// quiet zone has 4 modules, or as many as fit, and at least one. It ends without a newline.
///
/// # Errors
/// [`QrError::TooLong`].
pub fn terminal(text: &str, rows: usize) -> Result<String, QrError> {
    let symbol = Symbol::of(text, TERMINAL_LEVEL)?;
    // A row shows two modules, one above the other.
    let left = (2 * rows).saturating_sub(symbol.width) / 2;
    let quiet_zone = u32::try_from(left).unwrap_or(QUIET_ZONE).min(QUIET_ZONE);
    if quiet_zone == 0 {
        return Err(QrError::TooLong);
    }
    let mut renderer = Renderer::<Dense1x2>::new(&symbol.modules, symbol.width, quiet_zone);
    Ok(renderer.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

/// A finished symbol, with its modules row by row.
struct Symbol {
    width: usize,
    modules: Vec<Color>,
}

impl Symbol {
    fn of(text: &str, level: EcLevel) -> Result<Self, QrError> {
        let bits = encode_auto(text.as_bytes(), level).map_err(|_| QrError::TooLong)?;
        let version = bits.version();
        if !matches!(version, Version::Normal(..=MAX_VERSION)) {
            return Err(QrError::TooLong);
        }
        let (data, correction) =
            construct_codewords(&bits.into_bytes(), version, level).map_err(|_| QrError::TooLong)?;
        let mut canvas = Canvas::new(version, level);
        canvas.draw_all_functional_patterns();
        canvas.draw_data(&data, &correction);
        canvas.apply_mask(mask::best(&canvas, version.width()));
        Ok(Self { width: usize::try_from(version.width()).unwrap_or_default(), modules: canvas.into_colors() })
    }
}

fn png(symbol: &Symbol) -> Result<Vec<u8>, png::EncodingError> {
    let quiet_zone = QUIET_ZONE as usize;
    let pixels = (symbol.width + 2 * quiet_zone) * SCALE;
    let row_bytes = pixels.div_ceil(8);
    let mut image = vec![LIGHT; quiet_zone * SCALE * row_bytes];
    for row in symbol.modules.chunks(symbol.width) {
        let quiet = std::iter::repeat_n(&Color::Light, quiet_zone);
        let modules: Vec<u8> = quiet.clone().chain(row).chain(quiet).map(|module| module.select(0, LIGHT)).collect();
        // A module is four pixels wide, which is half a byte.
        let halves = |pair: &[u8]| pair.first().unwrap_or(&LIGHT) & 0xf0 | pair.get(1).unwrap_or(&LIGHT) & 0x0f;
        let line: Vec<u8> = modules.chunks(2).map(halves).collect();
        (0..SCALE).for_each(|_| image.extend_from_slice(&line));
    }
    image.resize(pixels * row_bytes, LIGHT);

    let side = u32::try_from(pixels).unwrap_or_default();
    let mut png = Vec::with_capacity(4096);
    let mut encoder = png::Encoder::new(&mut png, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    // Three rows in four repeat the row above. A stronger compression would take 20 times as long and save 1 KB.
    encoder.set_filter(png::Filter::Up);
    encoder.set_deflate_compression(png::DeflateCompression::FdeflateUltraFast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&image)?;
    writer.finish()?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    const URI: &str = "otpauth://totp/Example%20Company:alice%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\
                       &period=30&digits=6&algorithm=SHA1&issuer=Example%20Company";

    fn png_of(text: &str) -> Vec<u8> {
        let url = png_data_url(text).unwrap();
        BASE64_STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap()
    }

    /// The text that an independent reader finds in an image; `None` if that reader is not installed, which fails in
    /// CI.
    fn read_back(image: &[u8]) -> Option<String> {
        let reader = Command::new("zbarimg")
            .args(["--quiet", "--raw", "--oneshot", "-Sdisable", "-Sqrcode.enable", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut reader) = reader else {
            assert!(std::env::var_os("CI").is_none(), "zbarimg is not installed");
            std::io::stderr().write_all(b"skipped: zbarimg is not installed\n").unwrap();
            return None;
        };
        reader.stdin.take().unwrap().write_all(image).unwrap();
        let output = reader.wait_with_output().unwrap();
        Some(String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned())
    }

    #[test]
    fn an_independent_reader_reads_back_the_encoded_text() {
        let long = URI.repeat(5);
        let texts = [1, 10, 30, 62, 84, 122, 152, 200, 300, 400, 500, 600].map(|length| long.get(..length).unwrap());
        for text in texts.into_iter().chain([URI, "0123456789", "HELLO WORLD"]) {
            let Some(read) = read_back(&png_of(text)) else { return };
            assert_eq!(read, text, "{} bytes", text.len());
        }
    }

    #[test]
    fn the_largest_symbol_is_readable_and_longer_text_is_refused() {
        let largest = "x".repeat(1125);
        assert_eq!(Symbol::of(&largest, LEVEL).unwrap().width, 125);
        if let Some(read) = read_back(&png_of(&largest)) {
            assert_eq!(read, largest);
        }
        for length in [1126, 3000, 10_000] {
            let text = "x".repeat(length);
            assert_eq!(png_data_url(&text), Err(QrError::TooLong));
            assert_eq!(terminal(&text, 24), Err(QrError::TooLong));
        }
    }

    #[test]
    fn the_image_has_one_bit_a_pixel_and_a_quiet_zone() {
        let symbol = Symbol::of(URI, LEVEL).unwrap();
        let bytes = png_of(URI);
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::One));
        assert_eq!(info.width, info.height);
        assert_eq!(usize::try_from(info.width).unwrap(), (symbol.width + 8) * 4);

        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        let dark = |x: usize, y: usize| pixels[y * frame.line_size + x / 8] >> (7 - x % 8) & 1 == 0;
        for y in 0..(symbol.width + 8) * 4 {
            for x in 0..(symbol.width + 8) * 4 {
                let module = (x / 4).checked_sub(4).zip((y / 4).checked_sub(4));
                let module = module.filter(|(column, row)| *column < symbol.width && *row < symbol.width);
                let expected = module.is_some_and(|(x, y)| symbol.modules[y * symbol.width + x] == Color::Dark);
                assert_eq!(dark(x, y), expected, "{x} {y}");
            }
        }
        assert!(bytes.len() < 2500, "{}", bytes.len());
    }

    #[test]
    fn a_terminal_shows_light_modules_as_blocks_with_a_quiet_zone() {
        let drawn = terminal("HELLO WORLD", 24).unwrap();
        let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        assert_eq!(lines.len(), 15, "21 modules and two quiet zones, two to a line");
        assert!(lines.iter().all(|line| line.len() == 29));
        assert!(lines[..2].iter().flatten().all(|block| *block == '\u{2588}'));
        let finder: String = lines[2][..12].iter().collect();
        assert_eq!(finder, "\u{2588}\u{2588}\u{2588}\u{2588} \u{2584}\u{2584}\u{2584}\u{2584}\u{2584} \u{2588}");
    }

    #[test]
    fn a_terminal_with_few_rows_has_a_smaller_quiet_zone_or_no_symbol() {
        let size = |rows| {
            terminal("HELLO WORLD", rows)
                .map(|drawn| (drawn.lines().count(), drawn.lines().next().unwrap().chars().count()))
        };
        assert_eq!(size(15), Ok((15, 29)), "a quiet zone of four modules");
        assert_eq!(size(14), Ok((14, 27)), "of three");
        assert_eq!(size(12), Ok((12, 23)), "of one");
        assert_eq!(size(11), Err(QrError::TooLong));
    }
}
