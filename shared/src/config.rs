//! Settings: one table of names, defaults and meanings. They are read from the environment or the command line. All
//! invalid settings are reported at start-up, at once.

use std::ops::RangeInclusive;

use crate::delivery::messages::Wording;
use crate::domain::contact::PhoneNumber;
use crate::domain::factor::totp::{Algorithm, Parameters};
use crate::domain::policy::Policy;
use crate::domain::receipt_keys::Rotation;
use crate::domain::time::LONGEST_LIFE_SECONDS;
use crate::flows::receipt::ReceiptSettings;
use crate::flows::{Countries, Settings};
#[cfg(feature = "aws")]
use crate::{
    delivery::aws::{EmailSettings, SmsSettings},
    domain::secret::KeyVersion,
    keys::kms::parse_arns,
};

/// One setting of an operator.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable. The local server's flag is the same name in lower case, with hyphens.
    pub name: &'static str,
    /// The default; empty for none.
    pub default: &'static str,
    /// The meaning, with the unit, as the table in `docs/settings.md` has it.
    pub meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, meaning }
}

/// The settings of the rules and the messages, on AWS and in the local server.
pub const SETTINGS: &[Setting] = &[
    setting("PRODUCT_NAME", "Countersign", "the name that people see in authenticator apps and messages"),
    setting("WEB_DOMAIN", "", "the site where SMS codes are typed in, for browsers to fill them in there alone"),
    setting("ANDROID_APP_HASH", "", "11 characters that let an Android app read its SMS"),
    setting("DEFAULT_COUNTRY_CODE", "+86", "the country code of phone numbers that come without one"),
    setting(
        "ALLOWED_COUNTRIES",
        "*",
        "where SMS may go: ISO 3166-1 codes, with commas; * is everywhere, none turns SMS off",
    ),
    setting("ALLOWED_ORIGINS", "", "web origins that may call from a browser, with commas; * is any"),
    setting("USER_ID_CLAIM", "sub", "the claim that names the user; one that users can edit would be a hole"),
    setting("STEP_UP_SECONDS", "600", "how long a passed check lets its session change factors"),
    setting("ENROLLMENT_SECONDS", "600", "how long an enrolment lives, and its code with it"),
    setting("GENAUTH_ENROLLMENT_SECONDS", "60", "the same in the genauth dialect"),
    setting("CHALLENGE_SECONDS", "600", "how long a challenge lives"),
    setting("PASSCODE_DIGITS", "6", "digits of a code that is sent, 6 to 8"),
    setting("FREE_ATTEMPTS", "5", "wrong codes for a factor before delays of 2, 4, 8 … seconds begin"),
    setting("MAX_DELAY_SECONDS", "900", "the longest of those delays"),
    setting("LOCK_AFTER", "100", "wrong codes in a row that lock a factor until it is reset"),
    setting("CODE_TRIES", "5", "tries at a sent code, whatever is resent, and at an enrolment"),
    setting("TRIES_RESET_SECONDS", "900", "how long after the last wrong one there are new tries"),
    setting("RESEND_SECONDS", "20", "between two messages to an enrolled factor"),
    setting("SENDS_PER_TEN_MINUTES", "5", "messages to an enrolled factor in ten minutes, answered or not"),
    setting("SENDS_PER_HOUR", "10", "the same in an hour"),
    setting("SENDS_PER_DAY", "20", "the same in a day"),
    setting("SEND_INTERVAL_SECONDS", "60", "between two messages of a user to a destination that is not enrolled"),
    setting(
        "DESTINATION_SENDS_PER_HOUR",
        "5",
        "messages to a destination that is not enrolled in an hour, over all users",
    ),
    setting("DESTINATION_SENDS_PER_DAY", "10", "the same in a day"),
    setting("MAX_FACTORS", "32", "factors of an account"),
    setting("RECOVERY_CODES", "10", "recovery codes in a set"),
    setting("PROFILE_RECOVERY_CODES", "12", "the same in the profile dialect"),
    setting("TOTP_ALGORITHM", "SHA1", "SHA1, SHA256 or SHA512, for new authenticator apps; many know SHA1 alone"),
    setting("TOTP_DIGITS", "6", "digits of an app's code, 6 to 8; many apps know 6 alone"),
    setting("RECEIPT_ISSUER", "", "the issuer of receipts: the URL of the API; without one there are no receipts"),
    setting(
        "RECEIPT_AUDIENCES",
        "countersign",
        "who takes receipts, with commas; no access token may have one of them",
    ),
    setting("RECEIPT_KEY_GENERATION", "1", "raise it when the key of receipts may be stolen: a new one signs at once"),
    setting("RECEIPT_KEY_DAYS", "90", "how long a key signs receipts before the next one does"),
];

/// The settings of a deployment on AWS only.
#[cfg(feature = "aws")]
pub const DEPLOYMENT_SETTINGS: &[Setting] = &[
    setting("TABLE_NAME", "", "the DynamoDB table"),
    setting("KMS_KEYS", "", "the HMAC keys, as version:arn with commas; the first seals, all open"),
    setting("EMAIL_FROM", "", "the sender of e-mails, verified with SES; without one, e-mail is off"),
    setting("SES_CONFIGURATION_SET", "", "the configuration set of e-mails"),
    setting("SMS_SENDER_ID", "", "the sender that phones show, where the country allows one"),
    setting("SMS_ORIGINATION_NUMBER", "", "the number to send SMS from"),
    setting("SMS_ENTITY_ID", "", "the entity that India asks for"),
    setting("SMS_TEMPLATE_ID", "", "the template that India asks for"),
    setting("SMS_MAX_PRICE_USD", "", "the most that one SMS may cost, in US dollars"),
];

/// Problems with the settings, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Reads and checks every setting. `lookup` returns the value of a name; `None` means the default.
///
/// # Errors
/// [`ConfigError`] with a line for each invalid setting.
pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Settings, ConfigError> {
    let mut reader = Reader { lookup: &lookup, problems: Vec::new() };
    // A code may live for ten minutes at most (SP 800-63B-4, section 3.1.3.3), and does not get new tries in that time.
    let life = 60..=LONGEST_LIFE_SECONDS;
    let policy = Policy {
        step_up_seconds: reader.number("STEP_UP_SECONDS", 1..=86_400),
        challenge_seconds: reader.number("CHALLENGE_SECONDS", life.clone()),
        passcode_digits: reader.number("PASSCODE_DIGITS", 6..=8),
        free_attempts: reader.number("FREE_ATTEMPTS", 1..=10),
        max_delay_seconds: reader.number("MAX_DELAY_SECONDS", 2..=86_400),
        lock_after: reader.number("LOCK_AFTER", 10..=1000),
        code_tries: reader.number("CODE_TRIES", 1..=10),
        tries_reset_seconds: reader.number("TRIES_RESET_SECONDS", 600..=86_400),
        resend_seconds: reader.number("RESEND_SECONDS", 1..=3600),
        sends_per_ten_minutes: reader.number("SENDS_PER_TEN_MINUTES", 1..=100),
        sends_per_hour: reader.number("SENDS_PER_HOUR", 1..=100),
        sends_per_day: reader.number("SENDS_PER_DAY", 1..=100),
        send_interval_seconds: reader.number("SEND_INTERVAL_SECONDS", 1..=3600),
        destination_sends_per_hour: reader.number("DESTINATION_SENDS_PER_HOUR", 1..=100),
        destination_sends_per_day: reader.number("DESTINATION_SENDS_PER_DAY", 1..=100),
        max_factors: reader.number("MAX_FACTORS", 1..=32),
        recovery_codes: reader.number("RECOVERY_CODES", 1..=20),
        totp: Parameters {
            algorithm: reader.parsed("TOTP_ALGORITHM", "must be SHA1, SHA256 or SHA512", Algorithm::from_name),
            digits: reader.number("TOTP_DIGITS", 6..=8),
        },
    };
    let enrollment_seconds = reader.number("ENROLLMENT_SECONDS", life.clone());
    let genauth_enrollment_seconds = reader.number("GENAUTH_ENROLLMENT_SECONDS", life);
    let profile_recovery_codes = reader.number("PROFILE_RECOVERY_CODES", 1..=20);
    let product = reader.text("PRODUCT_NAME");
    let (web_domain, app_hash) = (reader.text("WEB_DOMAIN"), reader.text("ANDROID_APP_HASH"));
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let wording = Wording::new(&product, some(&web_domain).as_deref(), some(&app_hash).as_deref());
    let wording = wording.map_err(|error| reader.problems.push(format!("messages: {error}"))).ok();
    let default_country_code = reader.parsed("DEFAULT_COUNTRY_CODE", "must be a country code, such as +86", |text| {
        (text.starts_with('+') && PhoneNumber::is_country_code(text)).then(|| text.to_owned())
    });
    let countries = reader.parsed("ALLOWED_COUNTRIES", "must be * or country codes such as CH,DE,GB", countries);
    let user_id_claim = reader.text("USER_ID_CLAIM");
    let allowed_origins = reader.parsed("ALLOWED_ORIGINS", "must be * or origins like https://example.com", origins);
    let receipts = receipts(&mut reader);
    if user_id_claim.is_empty() {
        reader.problems.push("USER_ID_CLAIM must not be empty".to_owned());
    }
    match wording {
        Some(wording) if reader.problems.is_empty() => Ok(Settings {
            policy,
            enrollment_seconds,
            genauth_enrollment_seconds,
            profile_recovery_codes,
            product,
            wording,
            default_country_code,
            countries,
            user_id_claim,
            allowed_origins,
            receipts,
        }),
        _ => Err(ConfigError(reader.problems)),
    }
}

fn receipts(reader: &mut Reader<'_>) -> Option<ReceiptSettings> {
    let issuer =
        reader.parsed("RECEIPT_ISSUER", "must be a URL without a query, such as https://api.example.com", |text| {
            let is_url =
                ["https://", "http://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
            (text.is_empty() || is_url && !text.contains(|c: char| c.is_whitespace() || "?#".contains(c)))
                .then(|| text.to_owned())
        });
    let audiences = reader.parsed("RECEIPT_AUDIENCES", "must name at least one audience, without spaces", |text| {
        let audiences = list(text);
        let is_plain = |audience: &String| !audience.contains(|c: char| c.is_whitespace() || "[]\"".contains(c));
        (!audiences.is_empty() && audiences.iter().all(is_plain)).then_some(audiences)
    });
    let generation = reader.number("RECEIPT_KEY_GENERATION", 1..=1_000_000);
    let after_seconds = 86_400 * reader.number::<u64>("RECEIPT_KEY_DAYS", 1..=3650);
    (!issuer.is_empty()).then_some(ReceiptSettings {
        issuer,
        audiences,
        rotation: Rotation { generation, after_seconds },
    })
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// The trimmed value, else the default.
    fn text(&mut self, name: &str) -> String {
        let default = SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default);
        (self.lookup)(name).map_or_else(|| default.to_owned(), |text| text.trim().to_owned())
    }

    /// A value that `parse` accepts. Otherwise notes the problem, and returns a placeholder.
    fn parsed<T: Default>(&mut self, name: &str, problem: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        parse(&self.text(name)).unwrap_or_else(|| {
            self.problems.push(format!("{name} {problem}"));
            T::default()
        })
    }

    /// A required value: an empty one is reported as missing.
    #[cfg(feature = "aws")]
    fn needed<T: Default>(&mut self, name: &str, problem: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let problem = if self.text(name).is_empty() { "is missing" } else { problem };
        self.parsed(name, problem, |text| parse(text).filter(|_| !text.is_empty()))
    }

    fn number<N>(&mut self, name: &str, range: RangeInclusive<N>) -> N
    where
        N: Default + std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let problem = format!("must be a number from {} to {}", range.start(), range.end());
        self.parsed(name, &problem, |text| text.parse().ok().filter(|number| range.contains(number)))
    }
}

/// All settings of a deployment on AWS.
#[cfg(feature = "aws")]
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The settings of the rules and the messages.
    pub settings: Settings,
    /// The name of the DynamoDB table.
    pub table: String,
    /// The ARNs of the HMAC keys, by version. The first seals.
    pub keys: Vec<(KeyVersion, String)>,
    /// The attributes of SMS.
    pub sms: SmsSettings,
    /// The sender of e-mails; `None` turns e-mail off.
    pub email: Option<EmailSettings>,
}

/// Reads and checks the settings of a deployment. SMS costs money, so no country is allowed by default.
///
/// # Errors
/// [`ConfigError`] with a line for each missing or invalid setting.
#[cfg(feature = "aws")]
pub fn read_deployment(lookup: impl Fn(&str) -> Option<String>) -> Result<Deployment, ConfigError> {
    let lookup = |name: &str| lookup(name).or_else(|| (name == "ALLOWED_COUNTRIES").then(String::new));
    let settings = read(lookup);
    let problems = settings.as_ref().err().map(|ConfigError(problems)| problems.clone()).unwrap_or_default();
    let mut reader = Reader { lookup: &lookup, problems };
    let table = reader.needed("TABLE_NAME", "must be a table's name", |name| Some(name.to_owned()));
    let keys = reader.needed(
        "KMS_KEYS",
        "must be version:arn, separated by commas; each version is a number from 1 to 255, used once",
        parse_arns,
    );
    let optional =
        |text: &str, is_right: fn(&str) -> bool| (text.is_empty() || is_right(text)).then(|| text.to_owned());
    let sms = SmsSettings {
        sender_id: reader.parsed(
            "SMS_SENDER_ID",
            "must be 1 to 11 letters, digits or hyphens, with a letter",
            |text| {
                optional(text, |id| {
                    id.len() <= 11
                        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                        && id.bytes().any(|byte| byte.is_ascii_alphabetic())
                })
            },
        ),
        origination_number: reader.parsed("SMS_ORIGINATION_NUMBER", "must be a number in E.164, or digits", |text| {
            optional(text, |number| {
                let digits = number.strip_prefix('+').unwrap_or(number);
                (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        }),
        entity_id: reader.text("SMS_ENTITY_ID"),
        template_id: reader.text("SMS_TEMPLATE_ID"),
        max_price_usd: reader.parsed("SMS_MAX_PRICE_USD", "must be a number of US dollars", |text| {
            optional(text, |price| price.parse::<f64>().is_ok_and(|price| price > 0.0 && price.is_finite()))
        }),
    };
    let from =
        reader.parsed("EMAIL_FROM", "must be an e-mail address", |text| optional(text, |from| from.contains('@')));
    let configuration_set = reader.text("SES_CONFIGURATION_SET");
    match settings {
        Ok(settings) if reader.problems.is_empty() => {
            let email = (!from.is_empty()).then_some(EmailSettings { from, configuration_set });
            Ok(Deployment { settings, table, keys, sms, email })
        }
        _ => Err(ConfigError(reader.problems)),
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Origins in the form that browsers send (RFC 6454, section 6.2). An origin in another form would never match.
fn origins(text: &str) -> Option<Vec<String>> {
    let origins = list(text);
    let is_origin = |origin: &String| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let in_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:[]".contains(&byte);
        host.is_some_and(|host| !host.is_empty() && host.bytes().all(in_host))
    };
    (origins == ["*"] || origins.iter().all(is_origin)).then_some(origins)
}

fn countries(text: &str) -> Option<Countries> {
    if text == "*" {
        return Some(Countries::All);
    }
    let codes = list(text);
    codes.iter().all(|code| PhoneNumber::is_country(code)).then_some(Countries::Only(codes))
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
    fn origins_are_written_as_browsers_write_them() {
        let set = |origins: &str| {
            read(|name| (name == "ALLOWED_ORIGINS").then(|| origins.to_owned()))
                .map(|settings| settings.allowed_origins)
        };
        assert_eq!(set(""), Ok(vec![]));
        assert_eq!(set("*"), Ok(vec!["*".to_owned()]));
        let two = ["https://example.com", "http://localhost:5173"];
        assert_eq!(set(&two.join(", ")), Ok(two.map(str::to_owned).to_vec()));
        for wrong in ["*,https://example.com", "example.com", "https://example.com/", "https://Example.com", "https://"]
        {
            assert!(set(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(feature = "aws")]
    #[test]
    fn a_deployment_says_all_that_is_missing_or_wrong() {
        let set = |name: &str| match name {
            "KMS_KEYS" => Some("arn:aws:kms:eu-central-1:123456789012:key/a".to_owned()),
            "SMS_SENDER_ID" => Some("123456".to_owned()),
            "SMS_ORIGINATION_NUMBER" => Some("our number".to_owned()),
            "SMS_MAX_PRICE_USD" => Some("cheap".to_owned()),
            "EMAIL_FROM" => Some("example.com".to_owned()),
            "CODE_TRIES" => Some("many".to_owned()),
            _ => None,
        };
        let ConfigError(problems) = read_deployment(set).unwrap_err();
        assert_eq!(problems.len(), 7, "{problems:?}");
        assert!(problems.contains(&"TABLE_NAME is missing".to_owned()));
    }

    #[cfg(feature = "aws")]
    #[test]
    fn a_deployment_sends_nothing_unless_it_is_told_to() {
        let needed = |name: &str| match name {
            "TABLE_NAME" => Some("table".to_owned()),
            "KMS_KEYS" => Some("1:key".to_owned()),
            _ => None,
        };
        let deployment = read_deployment(needed).unwrap();
        assert_eq!(deployment.settings.countries, Countries::Only(vec![]));
        assert_eq!(deployment.email, None);
        let more = |name: &str| match name {
            "ALLOWED_COUNTRIES" => Some("CH".to_owned()),
            "EMAIL_FROM" => Some("no-reply@example.com".to_owned()),
            "SMS_SENDER_ID" => Some("Example-1".to_owned()),
            "SMS_ORIGINATION_NUMBER" => Some("+41791234567".to_owned()),
            "SMS_MAX_PRICE_USD" => Some("0.25".to_owned()),
            name => needed(name),
        };
        let deployment = read_deployment(more).unwrap();
        assert_eq!(deployment.settings.countries, Countries::Only(vec!["CH".to_owned()]));
        assert_eq!(deployment.email.unwrap().from, "no-reply@example.com");
        assert_eq!(deployment.sms.max_price_usd, "0.25");
    }

    #[test]
    fn a_setting_is_taken() {
        let settings = read(|name| (name == "ALLOWED_COUNTRIES").then(|| "CH, DE".to_owned())).unwrap();
        assert_eq!(settings.countries, Countries::Only(vec!["CH".to_owned(), "DE".to_owned()]));
    }
}
