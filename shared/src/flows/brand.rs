//! The operator's brand on the page of hosted sessions: a colour and a logo.
//!
//! Every colour is accepted, because the page never has to use it where a person could not read it. A button is filled
//! with the colour itself, and its text is black or white. Links and icons have the same colour, darkened for the light
//! scheme and lightened for the dark one as far as a contrast of 4.5:1 needs (WCAG 2.2, success criterion 1.4.3).

use std::fmt;

/// The least contrast of a text with its ground: 4.5 (WCAG 2.2, success criterion 1.4.3), and a margin, because a browser
/// rounds the mixed colours.
const LEAST_CONTRAST: f64 = 4.6;

/// The ground of the page in the light scheme, as in `page.css`.
const LIGHT_PAPER: Rgb = Rgb([0xff, 0xff, 0xff]);

/// The ground of the page in the dark scheme, as in `page.css`.
const DARK_PAPER: Rgb = Rgb([0x16, 0x1c, 0x23]);

/// The percentage of a colour in the tint on which the page draws icons and links, as in `page.css`.
const TINT: u32 = 8;

/// The brand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brand {
    /// The colours; `None` for the page's own.
    pub colors: Option<Colors>,
    /// The URL of the logo; `None` for the name of the product alone.
    pub logo: Option<String>,
}

/// The colours that the page uses, made from the operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colors {
    /// The operator's colour, which fills buttons.
    pub fill: Rgb,
    /// The text on it: black or white.
    pub on_fill: Rgb,
    /// The colour as text in the light scheme.
    pub on_light: Rgb,
    /// The colour as text in the dark scheme.
    pub on_dark: Rgb,
}

impl Colors {
    /// The colours for an operator's colour, given as `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fill = Rgb::parse(text)?;
        // One of the two has a contrast of at least 4.58 with any colour: the product of both contrasts is 21.
        let on_fill = if fill.contrast(Rgb::BLACK) > fill.contrast(Rgb::WHITE) { Rgb::BLACK } else { Rgb::WHITE };
        let on_light = fill.readable_on(LIGHT_PAPER, Rgb::BLACK);
        let on_dark = fill.readable_on(DARK_PAPER, Rgb::WHITE);
        Some(Self { fill, on_fill, on_light, on_dark })
    }
}

/// A colour in sRGB. It is printed as `#rrggbb`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rgb([u8; 3]);

impl Rgb {
    const BLACK: Self = Self([0; 3]);
    const WHITE: Self = Self([0xff; 3]);

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let number = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16))?;
        let [_, red, green, blue] = number.ok()?.to_be_bytes();
        Some(Self([red, green, blue]))
    }

    /// This colour with a percentage of another, as CSS mixes them in sRGB.
    fn mixed_with(self, other: Self, percentage: u32) -> Self {
        let mut mixed = self.0;
        for (mine, theirs) in mixed.iter_mut().zip(other.0) {
            let value = (u32::from(*mine) * (100 - percentage) + u32::from(theirs) * percentage + 50) / 100;
            *mine = u8::try_from(value).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }

    /// The relative luminance (WCAG 2.2, definition of the term), from 0 to 1.
    fn luminance(self) -> f64 {
        let linear = self.0.map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        let [red, green, blue] = linear;
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// The contrast with another colour (WCAG 2.2, definition of the term), from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// This colour with as little of `pole` as makes it readable on a paper and on its own tint of that paper.
    fn readable_on(self, paper: Self, pole: Self) -> Self {
        let is_readable = |color: &Self| color.contrast(paper.mixed_with(*color, TINT)) >= LEAST_CONTRAST;
        (0..=100).map(|percentage| self.mixed_with(pole, percentage)).find(is_readable).unwrap_or(pole)
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl fmt::Debug for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contrasts_are_those_of_the_definition() {
        let contrast = |one: &str, two: &str| Rgb::parse(one).unwrap().contrast(Rgb::parse(two).unwrap());
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((contrast("#808080", "#808080") - 1.0).abs() < 1e-9);
        // Known pairs: the lightest grey that passes on white, and the next one, which fails.
        assert!(contrast("#767676", "#ffffff") >= 4.5);
        assert!(contrast("#777777", "#ffffff") < 4.5);
    }

    #[test]
    fn the_grounds_are_those_of_the_style() {
        let style = include_str!("../http/page/page.css");
        let (light, dark) = style.split_once("prefers-color-scheme: dark").unwrap();
        assert!(light.contains("--paper: #fff;"));
        assert!(dark.contains(&format!("--paper: {DARK_PAPER};")));
        assert!(light.contains(&format!("--tint: color-mix(in srgb, var(--mark) {TINT}%, var(--paper));")));
    }

    #[test]
    fn a_colour_that_can_be_read_is_used_as_it_is() {
        let Colors { fill, on_fill, on_light, on_dark } = Colors::parse("#0B4FD0").unwrap();
        assert_eq!([fill, on_fill, on_light].map(|color| color.to_string()), ["#0b4fd0", "#ffffff", "#0b4fd0"]);
        assert_ne!(on_dark, fill);
        let yellow = Colors::parse("#ffd400").unwrap();
        assert_eq!((yellow.on_fill, yellow.on_dark), (Rgb::BLACK, yellow.fill));
    }

    #[test]
    fn only_six_hexadecimal_digits_are_a_colour() {
        for wrong in ["", "#", "0b5fff", "#0b5ff", "#0b5fff0", "#fff", "red", "#0b5ffg", "#+b5fff", "# b5fff", "#0b5fé"]
        {
            assert_eq!(Colors::parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_text_of_every_colour_can_be_read(channels: [u8; 3]) {
            let Colors { fill, on_fill, on_light, on_dark } = Colors::parse(&Rgb(channels).to_string()).unwrap();
            prop_assert_eq!(fill, Rgb(channels));
            prop_assert!(on_fill.contrast(fill) >= 4.5);
            for (color, paper) in [(on_light, LIGHT_PAPER), (on_dark, DARK_PAPER)] {
                prop_assert!(color.contrast(paper) >= 4.5);
                prop_assert!(color.contrast(paper.mixed_with(color, TINT)) >= 4.5);
            }
        }
    }
}
