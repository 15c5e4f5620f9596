//! Identifiers of users, factors and sessions, and labels. Texts from outside are checked when they are parsed.

use std::fmt;

use data_encoding::{BASE32_NOPAD, Encoding};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::error::Error;
use super::random::{self, Randomness};

/// A user id of the identity provider: `[A-Za-z0-9._~:@|+=-]{1,128}`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// The rule for a user id, worded as the end of a sentence.
    pub const RULE: &str = "must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ | + = -";

    /// Reads a user id. `None` for a text that breaks [`UserId::RULE`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~:@|+=-".contains(&byte);
        ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.to_owned()))
    }

    /// The id as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user id may be an address, so it is not printed.
impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// A factor's id: 80 random bits in 16 lower-case Base32 characters. Fixed when the enrolment begins, because the
/// sealed secret is bound to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorId(String);

impl FactorId {
    /// A new id.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(randomness: &dyn Randomness) -> Result<Self, Error> {
        Ok(Self(BASE32_NOPAD.encode(&random::bytes::<10>(randomness)?).to_ascii_lowercase()))
    }

    /// Parses an id from outside or from the store: 16 lower-case letters and digits. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plausible = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        plausible.then(|| Self(text.to_owned()))
    }

    /// The id as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a hosted session: 80 random bits in 16 lower-case Base32 characters. It is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedId(String);

impl HostedId {
    /// A new id.
    ///
    /// # Errors
    /// As [`Randomness::fill`].
    pub fn random(randomness: &dyn Randomness) -> Result<Self, Error> {
        FactorId::random(randomness).map(|FactorId(id)| Self(id))
    }

    /// Parses an id from outside. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        FactorId::parse(text).map(|FactorId(id)| Self(id))
    }

    /// The id as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A label that a person gave a factor: 1 to 64 visible characters, trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// The rule for a label, worded as the end of a sentence.
    pub const RULE: &str = "must be 1 to 64 printable characters";

    /// Reads a label. `None` for a text that breaks [`Label::RULE`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        ((1..=64).contains(&text.chars().count()) && visible(text) == text && has_a_base(text))
            .then(|| Self(text.to_owned()))
    }

    /// A label from the store. It is not checked again, because it may be older than today's rule.
    pub(crate) fn recorded(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The label as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text without characters that are invisible or change the direction of writing: control characters, line and
/// paragraph separators, format characters (category Cf, Unicode Standard, section 4.5), and blank letters. A
/// zero-width joiner or non-joiner stays between two letters of a script that uses it, and in emoji.
#[must_use]
pub fn visible(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let joins =
        |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(|character| takes_joiner(*character));
    let kept = characters.iter().enumerate().filter(|(at, character)| {
        let is_joiner = matches!(character, '\u{200c}' | '\u{200d}');
        is_visible(**character) || is_joiner && joins(at.checked_sub(1)) && joins(Some(at + 1))
    });
    kept.map(|(_, character)| character).collect()
}

fn is_visible(character: char) -> bool {
    // Hangul fillers and the empty Braille cell are blank, although their categories are letter and symbol.
    let is_blank = matches!(character, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}');
    let is_hidden = matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    !is_blank && !is_hidden
}

/// Whether a zero-width joiner or non-joiner next to this character may have a meaning. It may in Arabic and related
/// scripts, the scripts of India and South-East Asia, Mongolian, and emoji with their variation selector (blocks of the
/// Unicode Standard).
fn takes_joiner(character: char) -> bool {
    matches!(
        character,
        '\u{600}'..='\u{dff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{18af}'
            | '\u{2600}'..='\u{27bf}'
            | '\u{fb50}'..='\u{fdff}'
            | '\u{fe0f}'
            | '\u{fe70}'..='\u{fefc}'
            | '\u{1f000}'..='\u{1faff}'
    )
}

/// Whether the text has a base character: any character that is not a combining mark.
fn has_a_base(text: &str) -> bool {
    text.chars().any(|character| {
        !matches!(
            character.general_category(),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark | GeneralCategory::SpacingMark
        )
    })
}

/// A session of a user: a keyed digest, truncated to 128 bits, of its issuer, its client and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session(pub [u8; 16]);

/// Encodes and decodes tokens: URL-safe Base64 without padding.
pub(super) const TOKEN_ENCODING: Encoding = data_encoding::BASE64URL_NOPAD;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_label_or_one_with_invisible_or_bidi_characters_is_refused_t51() {
        let hidden =
            ["\u{200b}", "a\u{202e}b", "\u{feff}a", "a\u{00ad}b", "a\u{2066}b\u{2069}", "a\u{200d}b", "\u{200d}"];
        let blank = ["\u{3164}", "\u{2800}", "\u{fe0f}", "我\u{200d}的", "ы\u{200d}ы", "\u{202e}"];
        let broken = ["a\u{2028}b", "a\nb", "a\0", "", "  "];
        for text in hidden.into_iter().chain(blank).chain(broken) {
            assert_eq!(Label::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_joiner_is_allowed_between_letters_or_emoji_that_need_one_t51() {
        for text in ["می\u{200c}خواهم", "क्\u{200d}ष", "👩\u{200d}💻", "Büro", "我的手机", " trimmed "]
        {
            assert_eq!(Label::parse(text).unwrap().as_str(), text.trim());
        }
    }
}
