//! Settings: one table of names, defaults and meanings, read from the environment or the command line, and checked at
//! start-up. All that is wrong is said at once.

use std::ops::RangeInclusive;

use crate::delivery::messages::Wording;
use crate::domain::contact::PhoneNumber;
use crate::domain::policy::Policy;
use crate::domain::totp::{Algorithm, Parameters};
use crate::flows::{Countries, Settings};

/// A setting that an operator may make.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable. As a flag it is in lower case, with hyphens.
    pub name: &'static str,
    /// Its value when it is not set; empty is none.
    pub default: &'static str,
    /// What it does, with its unit.
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, meaning }
}

/// Every setting of the rules and the messages.
pub const SETTINGS: &[Setting] = &[
    setting("PRODUCT_NAME", "Countersign", "the name that people see in authenticator apps and messages"),
    setting("WEB_DOMAIN", "", "the site where SMS codes are typed in, for browsers to fill them in there alone"),
    setting("ANDROID_APP_HASH", "", "11 characters that let an Android app read its SMS"),
    setting("DEFAULT_COUNTRY_CODE", "+86", "the country code of phone numbers that come without one"),
    setting("ALLOWED_COUNTRIES", "*", "where SMS may go: ISO 3166-1 codes, with commas; * is everywhere"),
    setting("ALLOWED_ORIGINS", "", "web origins that may call from a browser, with commas; * is any"),
    setting("USER_ID_CLAIM", "sub", "the claim that names the user; one that users can edit would be a hole"),
    setting("PRESENCE_SECONDS", "600", "how long a passed check lets its session change factors"),
    setting("ENROLLMENT_SECONDS", "600", "how long an enrolment lives, and its code with it"),
    setting("GENAUTH_ENROLLMENT_SECONDS", "60", "the same in the genauth dialect"),
    setting("CHALLENGE_SECONDS", "600", "how long a challenge lives"),
    setting("PASSCODE_DIGITS", "6", "digits of a code that is sent, 6 to 8"),
    setting("FREE_ATTEMPTS", "5", "wrong codes for a factor before delays of 2, 4, 8 … seconds begin"),
    setting("MAX_DELAY_SECONDS", "900", "the longest of those delays"),
    setting("LOCK_AFTER", "100", "wrong codes in a row that lock a factor until it is reset"),
    setting("CODE_TRIES", "5", "tries at a sent code, whatever is resent, and at an enrolment"),
    setting("TRIES_RESET_SECONDS", "900", "how long after the last wrong one there are new tries"),
    setting("CODE_SENDS", "5", "codes sent to an enrolled factor while none is answered"),
    setting("SEND_INTERVAL_SECONDS", "60", "between two messages to a destination that is not enrolled"),
    setting("MAX_FACTORS", "32", "factors of an account"),
    setting("RECOVERY_CODES", "10", "recovery codes in a set"),
    setting("PROFILE_RECOVERY_CODES", "12", "the same in the profile dialect"),
    setting("TOTP_ALGORITHM", "SHA1", "SHA1, SHA256 or SHA512, for new authenticator apps; many know SHA1 alone"),
    setting("TOTP_DIGITS", "6", "digits of an app's code, 6 to 8; many apps know 6 alone"),
];

/// What is wrong with the settings, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Reads every setting by its name.
///
/// # Errors
/// [`ConfigError`] with a line for each setting that makes no sense.
pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Settings, ConfigError> {
    let mut reader = Reader { lookup: &lookup, problems: Vec::new() };
    // A code that is sent lives no longer than ten minutes (SP 800-63B-4, section 3.1.3.3), and gets no new tries.
    let life = 60..=600;
    let policy = Policy {
        presence_seconds: reader.number("PRESENCE_SECONDS", 1..=86_400),
        enrollment_seconds: reader.number("ENROLLMENT_SECONDS", life.clone()),
        genauth_enrollment_seconds: reader.number("GENAUTH_ENROLLMENT_SECONDS", life.clone()),
        challenge_seconds: reader.number("CHALLENGE_SECONDS", life),
        passcode_digits: reader.number("PASSCODE_DIGITS", 6..=8),
        free_attempts: reader.number("FREE_ATTEMPTS", 1..=10),
        max_delay_seconds: reader.number("MAX_DELAY_SECONDS", 2..=86_400),
        lock_after: reader.number("LOCK_AFTER", 10..=1000),
        code_tries: reader.number("CODE_TRIES", 1..=10),
        tries_reset_seconds: reader.number("TRIES_RESET_SECONDS", 600..=86_400),
        code_sends: reader.number("CODE_SENDS", 1..=20),
        send_interval_seconds: reader.number("SEND_INTERVAL_SECONDS", 1..=3600),
        max_factors: reader.number("MAX_FACTORS", 1..=32),
        recovery_codes: reader.number("RECOVERY_CODES", 1..=20),
        profile_recovery_codes: reader.number("PROFILE_RECOVERY_CODES", 1..=20),
        totp: Parameters {
            algorithm: reader.parsed("TOTP_ALGORITHM", "must be SHA1, SHA256 or SHA512", Algorithm::from_name),
            digits: reader.number("TOTP_DIGITS", 6..=8),
        },
    };
    let product = reader.text("PRODUCT_NAME");
    let (web_domain, app_hash) = (reader.text("WEB_DOMAIN"), reader.text("ANDROID_APP_HASH"));
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let wording = Wording::new(&product, some(&web_domain).as_deref(), some(&app_hash).as_deref());
    let wording = wording.map_err(|error| reader.problems.push(format!("messages: {error}"))).ok();
    let default_country_code = reader.parsed("DEFAULT_COUNTRY_CODE", "must be a country's, such as +86", |text| {
        (text.starts_with('+') && PhoneNumber::is_country_code(text)).then(|| text.to_owned())
    });
    let countries = reader.parsed("ALLOWED_COUNTRIES", "must be * or countries such as CH,DE,GB", countries);
    let user_id_claim = reader.text("USER_ID_CLAIM");
    let allowed_origins = list(&reader.text("ALLOWED_ORIGINS"));
    if user_id_claim.is_empty() {
        reader.problems.push("USER_ID_CLAIM must not be empty".to_owned());
    }
    match wording {
        Some(wording) if reader.problems.is_empty() => {
            Ok(Settings { policy, product, wording, default_country_code, countries, user_id_claim, allowed_origins })
        }
        _ => Err(ConfigError(reader.problems)),
    }
}

/// Reads from the environment.
///
/// # Errors
/// As [`read`].
pub fn from_environment() -> Result<Settings, ConfigError> {
    read(|name| std::env::var(name).ok())
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// What was set, else the default.
    fn text(&mut self, name: &str) -> String {
        let default = SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default);
        (self.lookup)(name).map_or_else(|| default.to_owned(), |text| text.trim().to_owned())
    }

    /// A value that `parse` understands. Where there is none, the default stands in until the problem is told.
    fn parsed<T: Default>(&mut self, name: &str, problem: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        parse(&self.text(name)).unwrap_or_else(|| {
            self.problems.push(format!("{name} {problem}"));
            T::default()
        })
    }

    fn number<N>(&mut self, name: &str, range: RangeInclusive<N>) -> N
    where
        N: Default + std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let problem = format!("must be a number from {} to {}", range.start(), range.end());
        self.parsed(name, &problem, |text| text.parse().ok().filter(|number| range.contains(number)))
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn countries(text: &str) -> Option<Countries> {
    if text == "*" {
        return Some(Countries::All);
    }
    let codes = list(text);
    (!codes.is_empty() && codes.iter().all(|code| PhoneNumber::is_country(code))).then_some(Countries::Only(codes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_policy() {
        assert_eq!(read(|_| None).unwrap().policy, Policy::default());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let set = |name: &str| match name {
            "CODE_TRIES" => Some("many".to_owned()),
            "CHALLENGE_SECONDS" => Some("601".to_owned()),
            "ALLOWED_COUNTRIES" => Some("CH,UK".to_owned()),
            "DEFAULT_COUNTRY_CODE" => Some("+999".to_owned()),
            "PRODUCT_NAME" => Some(String::new()),
            _ => None,
        };
        let ConfigError(problems) = read(set).unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert!(problems.contains(&"CODE_TRIES must be a number from 1 to 10".to_owned()));
        assert!(problems.contains(&"CHALLENGE_SECONDS must be a number from 60 to 600".to_owned()));
    }

    #[test]
    fn a_setting_is_taken() {
        let settings = read(|name| (name == "ALLOWED_COUNTRIES").then(|| "CH, DE".to_owned())).unwrap();
        assert_eq!(settings.countries, Countries::Only(vec!["CH".to_owned(), "DE".to_owned()]));
    }
}
