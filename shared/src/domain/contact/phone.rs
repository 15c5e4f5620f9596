//! Phone numbers, checked against libphonenumber's data.

use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType, Region, RegionStr};

use super::ContactProblem;

/// A phone number that can receive an SMS, in E.164.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    /// `+`, the country code and the national number, 15 digits at most.
    e164: String,
    /// Length in bytes of `+` and the country code in `e164`.
    code_length: usize,
    country: Option<RegionStr>,
}

impl PhoneNumber {
    /// The longest text that is parsed, in characters: three times what the digits need.
    const MAX_TEXT: usize = 48;
    /// Digits of the shortest numbers: a country code of three digits, and the four-digit numbers of small islands.
    const MIN_DIGITS: usize = 7;
    /// Digits of the longest number (ITU-T E.164, 6.2.1).
    const MAX_DIGITS: usize = 15;
    /// The most digits that a masked number shows.
    const SHOWN_DIGITS: usize = 4;

    /// Parses a number as people write it, with spaces, dots, hyphens and parentheses. If it has no country code,
    /// `default_country_code` (`+86` or `86`) gives the country whose dialling rules apply.
    ///
    /// libphonenumber's data must know the number as mobile, or as possibly mobile. Voice over IP is refused: it proves
    /// possession of no device (NIST SP 800-63B, "Out-of-Band Authenticators").
    ///
    /// # Errors
    /// [`ContactProblem::Malformed`], [`ContactProblem::UnknownCountryCode`], [`ContactProblem::NoSuchNumber`],
    /// [`ContactProblem::NotASmsNumber`].
    pub fn parse(text: &str, default_country_code: Option<&str>) -> Result<Self, ContactProblem> {
        let dialled = dialled(text).ok_or(ContactProblem::Malformed)?;
        let default_region = if dialled.starts_with('+') {
            None
        } else {
            let code = default_country_code.ok_or(ContactProblem::UnknownCountryCode)?;
            Some(region_of_code(code).ok_or(ContactProblem::UnknownCountryCode)?)
        };
        let parsed = PHONE_NUMBER_UTIL.parse(&dialled, default_region).map_err(|_| ContactProblem::Malformed)?;
        match PHONE_NUMBER_UTIL.get_number_type(&parsed) {
            PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile => {
                Self::restore(&PHONE_NUMBER_UTIL.format(&parsed, PhoneNumberFormat::E164))
            }
            PhoneNumberType::Unknown => Err(ContactProblem::NoSuchNumber),
            _ => Err(ContactProblem::NotASmsNumber),
        }
    }

    /// Restores a number that was stored as [`PhoneNumber::e164`]. Its type is not checked again: a number that was
    /// accepted once stays valid, even if newer data say otherwise.
    ///
    /// # Errors
    /// [`ContactProblem::Malformed`] if the text is not in E.164.
    pub fn restore(e164: &str) -> Result<Self, ContactProblem> {
        let code_length = e164_code_length(e164).ok_or(ContactProblem::Malformed)?;
        let parsed = PHONE_NUMBER_UTIL.parse(e164, None).ok();
        let region = parsed.and_then(|number| PHONE_NUMBER_UTIL.get_region_for_number(&number));
        let country = region.filter(|region| *region != Region::World).map(|region| region.as_region_str());
        Ok(Self { e164: e164.to_owned(), code_length, country })
    }

    /// The whole number, as `+8613800138000`. For sending, sealing and digests only.
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The country as its ISO 3166-1 code; `None` for a number of no country (satellites, networks).
    #[must_use]
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// The country code with its plus sign, as `+86`. Several countries may share one.
    #[must_use]
    pub fn country_code(&self) -> &str {
        self.parts().0
    }

    /// The number without its country code, as `13800138000`.
    #[must_use]
    pub fn national(&self) -> &str {
        self.parts().1
    }

    /// Whether a text is a country code, as `+86` or `86`.
    #[must_use]
    pub fn is_country_code(text: &str) -> bool {
        region_of_code(text).is_some()
    }

    /// Whether a text is the ISO 3166-1 code, in capitals, of a country with phone numbers: `GB`, not `UK`.
    #[must_use]
    pub fn is_country(text: &str) -> bool {
        PHONE_NUMBER_UTIL.get_supported_regions().any(|region| &*region.as_region_str() == text)
    }

    /// The masked number without its country code, for its owner: `*******8000`. It shows the last four digits, and
    /// never more than half of all.
    #[must_use]
    pub fn masked_national(&self) -> String {
        let digits = self.national().len();
        let hidden = digits - Self::SHOWN_DIGITS.min(digits / 2);
        self.national().char_indices().map(|(position, digit)| if position < hidden { '*' } else { digit }).collect()
    }

    fn parts(&self) -> (&str, &str) {
        self.e164.split_at_checked(self.code_length).unwrap_or((&self.e164, ""))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PhoneNumber({}…)", self.country_code())
    }
}

/// The dialled form: ASCII digits, after a plus sign if there is one. `None` if the text has anything but digits and
/// separators: a number with letters or an extension can't receive an SMS.
fn dialled(text: &str) -> Option<String> {
    let text = text.trim();
    if text.chars().nth(PhoneNumber::MAX_TEXT).is_some() {
        return None;
    }
    let mut dialled = String::new();
    for character in text.chars() {
        match character {
            '+' | '\u{ff0b}' if dialled.is_empty() => dialled.push('+'),
            _ if is_between_digits(character) => {}
            _ => dialled.push(ascii_digit(character)?),
        }
    }
    Some(dialled)
}

/// Whether a character is a separator without meaning: a space, punctuation, or a direction mark that is copied with a
/// number from an address book.
fn is_between_digits(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{202f}' | '\u{3000}')
        || matches!(character, '.' | '/' | '(' | ')' | '\u{ff08}' | '\u{ff09}')
        || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{ff0d}')
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The length in bytes of the plus sign and the country code of a number in E.164; `None` if it is not in E.164. No
/// country code is the beginning of another.
fn e164_code_length(e164: &str) -> Option<usize> {
    let digits = e164.strip_prefix('+')?;
    let (shortest, longest) = (PhoneNumber::MIN_DIGITS, PhoneNumber::MAX_DIGITS);
    if !(shortest..=longest).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_code = |length: &usize| {
        let code = digits.get(..*length).and_then(|code| code.parse().ok());
        code.is_some_and(|code| PHONE_NUMBER_UTIL.get_region_for_country_code(code).is_some())
    };
    (1..=3).find(is_code).map(|length| 1 + length)
}

/// The ASCII form of a decimal digit of a keyboard: ASCII, Arabic-Indic, Persian or fullwidth.
fn ascii_digit(character: char) -> Option<char> {
    let value = ['0', '\u{660}', '\u{6f0}', '\u{ff10}']
        .iter()
        .find_map(|zero| u32::from(character).checked_sub(u32::from(*zero)).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

/// The main country of a country code such as `+86` or `86`.
fn region_of_code(code: &str) -> Option<Region> {
    let digits = code.trim();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let known = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let code = if known { digits.parse::<i32>().ok()? } else { return None };
    PHONE_NUMBER_UTIL.get_region_for_country_code(code).filter(|region| *region != Region::World)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn phone(text: &str, default: Option<&str>) -> PhoneNumber {
        PhoneNumber::parse(text, default).unwrap_or_else(|problem| panic!("{text}: {problem}"))
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let table = [
            ("13800138000", Some("+86"), "+8613800138000", "CN"),
            ("138 0013 8000", Some("86"), "+8613800138000", "CN"),
            (
                "\u{ff11}\u{ff13}\u{ff18}\u{ff10}\u{ff10}\u{ff11}\u{ff13}\u{ff18}\u{ff10}\u{ff10}\u{ff10}",
                Some("+86"),
                "+8613800138000",
                "CN",
            ),
            ("\u{202a}+86 138-0013-8000\u{202c}", None, "+8613800138000", "CN"),
            ("+1 (202) 555-0143", None, "+12025550143", "US"),
            ("(204) 234-5678", Some("+1"), "+12042345678", "CA"),
            ("+44 (0)7400 123456", Some("+86"), "+447400123456", "GB"),
            ("07400 123456", Some("+44"), "+447400123456", "GB"),
            ("07911 123456", Some("+44"), "+447911123456", "GG"),
            ("0151/23456789", Some("+49"), "+4915123456789", "DE"),
            ("098765 43210", Some("+91"), "+919876543210", "IN"),
            (
                "\u{660}\u{665}\u{660}\u{661}\u{662}\u{663}\u{664}\u{665}\u{666}\u{667}",
                Some("+966"),
                "+966501234567",
                "SA",
            ),
            ("+41 79 123 45 67", None, "+41791234567", "CH"),
            ("+39 312 345 6789", None, "+393123456789", "IT"),
            ("0041 79 123 45 67", Some("+44"), "+41791234567", "CH"),
            (" +41 79 123 45 67\r\n", None, "+41791234567", "CH"),
        ];
        for (text, default, e164, country) in table {
            let number = phone(text, default);
            assert_eq!(number.e164(), e164, "{text}");
            assert_eq!(number.country(), Some(country), "{text}");
            assert_eq!(format!("{}{}", number.country_code(), number.national()), e164);
            assert_eq!(PhoneNumber::restore(e164), Ok(number), "{text}");
        }
    }

    #[test]
    fn a_number_that_takes_no_sms_is_refused_as_such() {
        let table = [
            "+41 44 668 18 00", // Switzerland, fixed line
            "+86 10 8888 8888", // Beijing, fixed line
            "+44 20 7031 3000", // London, fixed line
            "+49 30 123456",    // Berlin, fixed line
            "+1 900 555 0123",  // premium rate
            "+1 800 555 0199",  // toll-free
            "+44 70 1234 5678", // a personal number, which forwards at the caller's cost
            "+44 56 1234 5678", // voice over IP
        ];
        for text in table {
            assert_eq!(PhoneNumber::parse(text, None), Err(ContactProblem::NotASmsNumber), "{text}");
        }
    }

    #[test]
    fn an_invalid_phone_number_is_refused_with_the_matching_problem() {
        let table = [
            ("", Some("+86"), ContactProblem::Malformed),
            ("+", None, ContactProblem::Malformed),
            ("call me", Some("+86"), ContactProblem::Malformed),
            ("1-800-FLOWERS", Some("+1"), ContactProblem::Malformed),
            ("+86 13800138000 ext. 5", None, ContactProblem::Malformed),
            ("+86 138\n00138000", None, ContactProblem::Malformed),
            ("+86+13800138000", None, ContactProblem::Malformed),
            ("tel:13800138000;phone-context=+86", None, ContactProblem::Malformed),
            ("+999 13800138000", None, ContactProblem::Malformed),
            ("13800138000", None, ContactProblem::UnknownCountryCode),
            ("13800138000", Some("+999"), ContactProblem::UnknownCountryCode),
            ("13800138000", Some("+883"), ContactProblem::UnknownCountryCode),
            ("13800138000", Some("China"), ContactProblem::UnknownCountryCode),
            ("13800138000", Some(""), ContactProblem::UnknownCountryCode),
            ("10000000000", Some("+86"), ContactProblem::NoSuchNumber),
            ("+1 555 555 5555", None, ContactProblem::NoSuchNumber),
            (&"1".repeat(60), Some("+86"), ContactProblem::Malformed),
        ];
        for (text, default, problem) in table {
            assert_eq!(PhoneNumber::parse(text, default), Err(problem), "{text:?}");
        }
    }

    #[test]
    fn restore_accepts_only_well_formed_e164_numbers() {
        for text in [
            "",
            "+",
            "8613800138000",
            "+86 13800138000",
            "+860138001380x",
            "+8613800138000138",
            "+86138",
            "+99913800138000",
            "++8613800138000",
        ] {
            assert_eq!(PhoneNumber::restore(text), Err(ContactProblem::Malformed), "{text:?}");
        }
        let landline = PhoneNumber::restore("+41446681800").unwrap();
        assert_eq!(landline.country(), Some("CH"), "the kind is not looked at again");
    }

    #[test]
    fn a_masked_number_shows_its_country_and_four_digits_at_most() {
        let number = phone("+8613800138000", None);
        assert_eq!(number.masked_national(), "*******8000");
        assert_eq!(format!("{number:?}"), "PhoneNumber(+86…)");
        assert_eq!(number.e164(), "+8613800138000");

        let short = phone("+298 211234", None); // the Faroe Islands: six digits
        assert_eq!(short.masked_national(), "***234");
    }

    #[test]
    fn an_example_mobile_number_of_every_country_is_accepted() {
        let mut taken = 0;
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, PhoneNumberType::Mobile);
            let Ok(example) = example else { continue };
            let e164 = PHONE_NUMBER_UTIL.format(&example, PhoneNumberFormat::E164).into_owned();
            let number = phone(&e164, None);
            assert_eq!(number.e164(), e164);
            assert_eq!(PhoneNumber::restore(&e164), Ok(number));
            taken += 1;
        }
        assert!(taken > 200, "{taken}");
    }

    #[test]
    fn a_problem_says_what_to_do_and_never_what_was_typed() {
        let problem = PhoneNumber::parse("+41 44 668 18 00", None).unwrap_err();
        assert_eq!(problem.to_string(), "can't receive codes by SMS");
        let problem = PhoneNumber::parse("13800138000", None).unwrap_err();
        assert_eq!(problem.to_string(), "needs a country code, such as +44");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".*", default in proptest::option::of(".{0,5}")) {
            let _ = PhoneNumber::parse(&text, default.as_deref());
            let _ = PhoneNumber::restore(&text);
        }

        #[test]
        fn random_digits_never_panic_and_accepted_numbers_are_masked(text in "\\+?[0-9 ()./-]{0,20}", code in "\\+?[0-9]{0,4}") {
            let _ = PhoneNumber::restore(&text);
            if let Ok(number) = PhoneNumber::parse(&text, Some(&code)) {
                let shown = number.masked_national().chars().filter(char::is_ascii_digit).count();
                prop_assert!(!number.masked_national().contains(number.national()));
                prop_assert!(number.masked_national().matches('*').count() * 2 >= number.national().len());
                prop_assert!(shown <= 4);
                prop_assert_eq!(PhoneNumber::restore(number.e164()), Ok(number));
            }
        }
    }
}
