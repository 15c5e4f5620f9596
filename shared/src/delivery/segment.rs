//! The length of an SMS: the encoding that a text needs, and what one segment of it holds.

use std::fmt;

/// An encoding of SMS (3GPP TS 23.038, 6.2.1 and 6.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsEncoding {
    /// The default alphabet, 7 bits a character. Characters of its extension table count as two.
    Gsm7,
    /// 16 bits a character. Characters beyond the Basic Multilingual Plane count as two.
    Ucs2,
}

impl SmsEncoding {
    /// Characters in one segment of 140 bytes.
    #[must_use]
    pub fn limit(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// The encoding that a text needs, and its length in characters of that encoding.
    #[must_use]
    pub fn measure(text: &str) -> (Self, usize) {
        let septets = text.chars().map(septets).sum::<Option<usize>>();
        septets.map_or_else(|| (Self::Ucs2, text.encode_utf16().count()), |length| (Self::Gsm7, length))
    }
}

impl fmt::Display for SmsEncoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        })
    }
}

/// The length of a character in the default alphabet: 1, or 2 if it is in the extension table. `None` if it is in
/// neither.
fn septets(character: char) -> Option<usize> {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
    const EXTENSION: &str = "\u{c}^{}\\[~]|€";
    if character.is_ascii_alphanumeric() || BASIC.contains(character) {
        Some(1)
    } else {
        EXTENSION.contains(character).then_some(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_measured_in_the_encoding_that_it_needs() {
        let table = [
            ("", SmsEncoding::Gsm7, 0),
            ("@example.com #123456\n", SmsEncoding::Gsm7, 21),
            ("Zürich, 5 £", SmsEncoding::Gsm7, 11),
            ("[1] €", SmsEncoding::Gsm7, 8),
            ("`", SmsEncoding::Ucs2, 1),
            ("Don\u{2019}t", SmsEncoding::Ucs2, 5),
            ("ç", SmsEncoding::Ucs2, 1),
            ("验证码 123456", SmsEncoding::Ucs2, 10),
            ("🔑", SmsEncoding::Ucs2, 2),
        ];
        for (text, encoding, length) in table {
            assert_eq!(SmsEncoding::measure(text), (encoding, length), "{text:?}");
        }
    }

    #[test]
    fn the_default_alphabet_has_its_127_characters() {
        let characters: Vec<char> = (0..=0xffff).filter_map(char::from_u32).collect();
        assert_eq!(characters.iter().filter(|character| septets(**character) == Some(1)).count(), 127);
        assert_eq!(characters.iter().filter(|character| septets(**character) == Some(2)).count(), 10);
    }
}
