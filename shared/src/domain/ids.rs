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

    /// The id of a user's contact of record, where a factor's id is meant. A random id has no `0`.
    #[must_use]
    pub fn contact_of_record() -> Self {
        Self("contact000000000".to_owned())
    }

    /// The id of all passkeys of a user together, where a factor's id is meant: any of them may answer a challenge.
    #[must_use]
    pub fn any_passkey() -> Self {
        Self("passkey000000000".to_owned())
    }

    /// The id of a user's face on its way in and enrolled, where a factor's id is meant: its comparisons are counted
    /// together.
    #[must_use]
    pub fn any_face() -> Self {
        Self("face000000000000".to_owned())
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
/// paragraph separators, format characters (category Cf, Unicode Standard, section 4.5), blank letters, and marks that
/// are not shown. A zero-width joiner or non-joiner stays between two letters of a script that uses it, and in emoji. A
/// variation selector stays after an emoji or a Mongolian letter.
#[must_use]
pub fn visible(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let is_at =
        |at: Option<usize>, test: fn(char) -> bool| at.and_then(|at| characters.get(at)).copied().is_some_and(test);
    let kept = characters.iter().enumerate().filter(|(at, character)| {
        let (before, after) = (at.checked_sub(1), Some(at + 1));
        match **character {
            '\u{200c}' | '\u{200d}' => is_at(before, takes_joiner) && is_at(after, takes_joiner),
            // The second form is that of a key cap, such as the digit 1 in a square.
            '\u{fe0f}' => is_at(before, takes_emoji_selector) || is_at(after, |next| next == '\u{20e3}'),
            '\u{180b}'..='\u{180d}' | '\u{180f}' => is_at(before, |letter| matches!(letter, '\u{1820}'..='\u{18aa}')),
            character => is_visible(character),
        }
    });
    kept.map(|(_, character)| character).collect()
}

/// Whether a person who reads the text within another one sees all of it, and sees the other one unchanged: nothing in
/// it is invisible, no mark falls on the text before it, no pile of marks covers the text around it, and no space is
/// next to another one or at an end, where HTML drops it.
#[must_use]
pub fn is_shown_whole(text: &str) -> bool {
    /// The most combining marks on one letter. Burmese has up to five.
    const MARKS: usize = 6;
    let has_side_by_side_spaces =
        text.chars().zip(text.chars().skip(1)).any(|(one, next)| one.is_whitespace() && next.is_whitespace());
    visible(text) == text
        && text.trim() == text
        && !has_side_by_side_spaces
        && !text.starts_with(is_mark)
        && text.split(|character| !is_mark(character)).all(|marks| marks.chars().count() <= MARKS)
}

fn is_visible(character: char) -> bool {
    // Hangul fillers and the empty Braille cell are blank, although their categories are letter and symbol.
    let is_blank = matches!(character, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}');
    // Marks and unassigned characters that are not shown (Default_Ignorable_Code_Point, Unicode Standard, section 5.21).
    let is_ignored = matches!(
        character,
        '\u{34f}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{2065}'
            | '\u{fe00}'..='\u{fe0e}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    let is_hidden = matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    !is_blank && !is_ignored && !is_hidden
}

/// Whether the emoji variation selector after this character may have a meaning (emoji-variation-sequences.txt of UTS
/// #51, by blocks).
fn takes_emoji_selector(character: char) -> bool {
    matches!(
        character,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
            | '\u{2190}'..='\u{21ff}'
            | '\u{2300}'..='\u{27bf}'
            | '\u{2900}'..='\u{297f}'
            | '\u{2b00}'..='\u{2bff}'
            | '\u{1f000}'..='\u{1faff}'
    )
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
    text.chars().any(|character| !is_mark(character))
}

fn is_mark(character: char) -> bool {
    matches!(
        character.general_category(),
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark | GeneralCategory::SpacingMark
    )
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
        let ignored =
            ["a\u{34f}", "a\u{fe0f}", "a\u{fe00}", "a\u{e0149}", "a\u{180b}", "a\u{fff1}", "👩\u{fe0f}\u{fe0f}"];
        let broken = ["a\u{2028}b", "a\nb", "a\0", "", "  "];
        for text in hidden.into_iter().chain(blank).chain(ignored).chain(broken) {
            assert_eq!(Label::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_shown_whole_if_nothing_of_it_is_lost_in_the_text_around_it_t34() {
        let piled = format!("a{}", "\u{36f}".repeat(7));
        for text in ["\u{301}a", "\u{20dd}", piled.as_str(), "a  b", "a \u{a0}b", " a", "a\u{200b}b", "a\u{34f}b"] {
            assert!(!is_shown_whole(text), "{text:?}");
        }
        for text in ["1\u{202f}000,00 €", "Zoe\u{308}", "ညွှန့်", "بنك", "葛西", "☎\u{fe0f} 1\u{fe0f}\u{20e3}", ""]
        {
            assert!(is_shown_whole(text), "{text:?}");
        }
    }

    #[test]
    fn a_joiner_is_allowed_between_letters_or_emoji_that_need_one_t51() {
        for text in [
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}💻",
            "❤\u{fe0f}",
            "🕵\u{fe0f}\u{200d}♂\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "ᠨ\u{180b}",
            "Büro",
            "我的手机",
            " trimmed ",
        ] {
            assert_eq!(Label::parse(text).unwrap().as_str(), text.trim());
        }
    }
}
