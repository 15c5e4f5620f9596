//! Settings: one table of names, defaults, ranges and meanings. They are read from the environment or the command line.
//! All invalid settings are reported at start-up, at once.

use std::ops::RangeInclusive;

mod faces;
mod relying_party;

use faces::faces;
pub use relying_party::check_page;
use relying_party::relying_party;

use crate::delivery::messages::{Wording, WordingError};
use crate::delivery::transaction_texts::TransactionTexts;
use crate::domain::contact::PhoneNumber;
use crate::domain::factor::totp::{Algorithm, Parameters};
use crate::domain::policy::{FirstEnrollment, Policy};
use crate::domain::receipt_keys::Rotation;
use crate::domain::time::LONGEST_LIFE_SECONDS;
use crate::flows::brand::{Brand, Colors};
use crate::flows::receipt::ReceiptSettings;
use crate::flows::{Countries, ReturnUrls, Settings};
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
    /// The least and the most that a number may be; `None` for a text.
    pub range: Option<(u64, u64)>,
    /// The meaning, with the unit, as the table in `docs/settings.md` has it.
    pub meaning: &'static str,
}

/// A text.
const fn text(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, range: None, meaning }
}

/// A whole number.
const fn number(
    name: &'static str,
    default: &'static str,
    range: RangeInclusive<u64>,
    meaning: &'static str,
) -> Setting {
    Setting { name, default, range: Some((*range.start(), *range.end())), meaning }
}

/// How long a code may live: ten minutes at most (SP 800-63B-4, section 3.1.3.3). It does not get new tries in that time.
const LIFE: RangeInclusive<u64> = 60..=LONGEST_LIFE_SECONDS;

/// The settings of the rules and the messages, on AWS and in the local server.
pub const SETTINGS: &[Setting] = &[
    text("PRODUCT_NAME", "Countersign", "the name that people see in authenticator apps and messages"),
    text("WEB_DOMAIN", "", "the site where SMS codes are typed in, for browsers to fill them in there alone"),
    text("ANDROID_APP_HASH", "", "11 characters that let an Android app read its SMS"),
    text("DEFAULT_COUNTRY_CODE", "+86", "the country code of phone numbers that come without one"),
    text(
        "ALLOWED_COUNTRIES",
        "*",
        "the countries that SMS may go to: ISO 3166-1 codes, with commas; * is every country, none turns SMS off",
    ),
    text("ALLOWED_ORIGINS", "", "web origins that may call from a browser, with commas; * is any"),
    text("USER_ID_CLAIM", "sub", "the claim that names the user; one that users can edit would be a hole"),
    text(
        "FIRST_ENROLLMENT",
        "user",
        "back-end: a user's first factor needs a hosted session with a contact of the back end's record",
    ),
    number("STEP_UP_SECONDS", "600", 1..=86_400, "how long a passed check lets its session change factors"),
    number("ENROLLMENT_SECONDS", "600", LIFE, "how long an enrolment lives, and its code with it"),
    number("GENAUTH_ENROLLMENT_SECONDS", "60", LIFE, "the same in the genauth dialect"),
    number("CHALLENGE_SECONDS", "600", LIFE, "how long a challenge lives"),
    number("PASSCODE_DIGITS", "6", 6..=8, "digits of a code that is sent"),
    number("FREE_ATTEMPTS", "5", 1..=10, "wrong codes for a factor before delays of 2, 4, 8 … seconds begin"),
    number("MAX_DELAY_SECONDS", "900", 2..=86_400, "the longest of those delays"),
    number("LOCK_AFTER", "100", 10..=1000, "wrong codes in a row that lock a factor until it is reset"),
    number("CODE_TRIES", "5", 1..=10, "tries at a sent code, whatever is resent, and at an enrolment"),
    number("TRIES_RESET_SECONDS", "900", 600..=86_400, "how long after the last wrong one there are new tries"),
    number("RESEND_SECONDS", "20", 1..=3600, "between two messages to an enrolled factor"),
    number("SENDS_PER_TEN_MINUTES", "5", 1..=100, "messages to an enrolled factor in ten minutes, answered or not"),
    number("SENDS_PER_HOUR", "10", 1..=100, "the same in an hour"),
    number("SENDS_PER_DAY", "20", 1..=100, "the same in a day"),
    number(
        "SEND_INTERVAL_SECONDS",
        "60",
        1..=3600,
        "between two messages of a user to a destination that is not enrolled",
    ),
    number(
        "DESTINATION_SENDS_PER_HOUR",
        "5",
        1..=100,
        "messages to a destination that is not enrolled in an hour, over all users",
    ),
    number("DESTINATION_SENDS_PER_DAY", "10", 1..=100, "the same in a day"),
    text("FACES", "off", "on: a face adds to a check with another factor; read docs/faces.md first"),
    number("FACE_SIMILARITY", "99", 80..=100, "the least similarity of two photos of one face, in percent"),
    number("FACE_KEEP_DAYS", "365", 1..=1080, "how long the photo of an enrolment is kept without use"),
    number(
        "FACE_DAILY_DOLLARS",
        "5",
        1..=10_000,
        "the most that comparisons of faces may cost in a day, in US dollars",
    ),
    text("PHOTO_HOSTS", "", "the hosts that photos may be fetched from, with commas; without one no link is fetched"),
    number("MAX_FACTORS", "32", 1..=32, "factors of an account"),
    number("RECOVERY_CODES", "10", 1..=20, "recovery codes in a set"),
    number("PROFILE_RECOVERY_CODES", "12", 1..=20, "the same in the profile dialect"),
    text("TOTP_ALGORITHM", "SHA1", "SHA1, SHA256 or SHA512, for new authenticator apps; many know SHA1 alone"),
    number("TOTP_DIGITS", "6", 6..=8, "digits of an app's code; many apps know 6 alone"),
    text("RECEIPT_ISSUER", "", "the issuer of receipts: the URL of the API; without one there are no receipts"),
    text(
        "RECEIPT_AUDIENCES",
        "countersign",
        "the audiences of receipts, with commas; no access token may have one of them",
    ),
    number(
        "RECEIPT_KEY_GENERATION",
        "1",
        1..=1_000_000,
        "raise it when the key of receipts may be stolen: a new one signs at once",
    ),
    number("RECEIPT_KEY_DAYS", "90", 1..=3650, "how long a key signs receipts before the next one does"),
    text(
        "RETURN_URLS",
        "",
        "the URLs to which hosted sessions return, with commas: exact origin and path; without one there are no sessions",
    ),
    text("PAGE_URL", "", "the URL of the page of hosted sessions; without one it is RECEIPT_ISSUER/page"),
    text("PAGE_COLOR", "", "the colour of the page's buttons, links and icons, as #rrggbb"),
    text("PAGE_LOGO", "", "the URL of a picture that the page shows in place of PRODUCT_NAME"),
    text(
        "RP_ID",
        "",
        "the domain that passkeys belong to: another one makes all of them useless; without one there are none",
    ),
    text(
        "RP_ORIGINS",
        "",
        "the origins of the pages that may use passkeys, with commas; without one it is https:// and RP_ID",
    ),
    text(
        "TRANSACTION_TYPES",
        "",
        "the transactions that can be confirmed, as JSON: each type with its text in each language",
    ),
    text(
        "TRANSACTION_APPS",
        "off",
        "on: an app's code confirms a transaction too, although the app does not show the transaction",
    ),
];

/// The settings of a deployment on AWS only.
#[cfg(feature = "aws")]
pub const DEPLOYMENT_SETTINGS: &[Setting] = &[
    text("TABLE_NAME", "", "the DynamoDB table"),
    text("KMS_KEYS", "", "the HMAC keys, as version:arn with commas; the first seals, all open"),
    text("EMAIL_FROM", "", "the sender of e-mails, verified with SES; without one, e-mail is off"),
    text("SES_CONFIGURATION_SET", "", "the configuration set of e-mails"),
    text("SMS_SENDER_ID", "", "the sender that phones show, where the country allows one"),
    text("SMS_ORIGINATION_NUMBER", "", "the number to send SMS from"),
    text("SMS_ENTITY_ID", "", "the entity that India asks for"),
    text("SMS_TEMPLATE_ID", "", "the template that India asks for"),
    text("SMS_MAX_PRICE_USD", "", "the most that one SMS may cost, in US dollars"),
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
    let policy = Policy {
        step_up_seconds: reader.number("STEP_UP_SECONDS"),
        challenge_seconds: reader.number("CHALLENGE_SECONDS"),
        passcode_digits: reader.number("PASSCODE_DIGITS"),
        first_enrollment: reader.parsed("FIRST_ENROLLMENT", "must be user or back-end", FirstEnrollment::from_name),
        free_attempts: reader.number("FREE_ATTEMPTS"),
        max_delay_seconds: reader.number("MAX_DELAY_SECONDS"),
        lock_after: reader.number("LOCK_AFTER"),
        code_tries: reader.number("CODE_TRIES"),
        tries_reset_seconds: reader.number("TRIES_RESET_SECONDS"),
        resend_seconds: reader.number("RESEND_SECONDS"),
        sends_per_ten_minutes: reader.number("SENDS_PER_TEN_MINUTES"),
        sends_per_hour: reader.number("SENDS_PER_HOUR"),
        sends_per_day: reader.number("SENDS_PER_DAY"),
        send_interval_seconds: reader.number("SEND_INTERVAL_SECONDS"),
        destination_sends_per_hour: reader.number("DESTINATION_SENDS_PER_HOUR"),
        destination_sends_per_day: reader.number("DESTINATION_SENDS_PER_DAY"),
        face_keep_days: reader.number("FACE_KEEP_DAYS"),
        max_factors: reader.number("MAX_FACTORS"),
        recovery_codes: reader.number("RECOVERY_CODES"),
        totp: Parameters {
            algorithm: reader.parsed("TOTP_ALGORITHM", "must be SHA1, SHA256 or SHA512", Algorithm::from_name),
            digits: reader.number("TOTP_DIGITS"),
        },
    };
    let enrollment_seconds = reader.number("ENROLLMENT_SECONDS");
    let genauth_enrollment_seconds = reader.number("GENAUTH_ENROLLMENT_SECONDS");
    let profile_recovery_codes = reader.number("PROFILE_RECOVERY_CODES");
    let product = reader.text("PRODUCT_NAME");
    let (web_domain, app_hash) = (reader.text("WEB_DOMAIN"), reader.text("ANDROID_APP_HASH"));
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let wording = Wording::new(&product, some(&web_domain).as_deref(), some(&app_hash).as_deref());
    let wording = wording.map_err(|error| reader.problems.push(format!("{}: {error}", names(&error)))).ok();
    let default_country_code = reader.parsed("DEFAULT_COUNTRY_CODE", "must be a country code, such as +86", |text| {
        (text.starts_with('+') && PhoneNumber::is_country_code(text)).then(|| text.to_owned())
    });
    let countries = reader.parsed("ALLOWED_COUNTRIES", "must be * or country codes such as CH,DE,GB", countries);
    let user_id_claim = reader.text("USER_ID_CLAIM");
    let allowed_origins = reader.parsed("ALLOWED_ORIGINS", "must be * or origins like https://example.com", origins);
    let receipts = receipts(&mut reader);
    let page_url =
        reader.parsed("PAGE_URL", "must be a URL without a query, such as https://api.example.com/page", |text| {
            let is_one = text.is_empty() || return_urls(text).is_some_and(|urls| urls.0.len() == 1);
            is_one.then(|| text.to_owned())
        });
    let return_urls =
        reader.parsed("RETURN_URLS", "must be https URLs with a path and without a query, with commas", return_urls);
    let brand = brand(&mut reader);
    let relying_party = relying_party(&mut reader, &product);
    let faces = faces(&mut reader);
    let transactions = transactions(&mut reader);
    let transactions_by_app = reader.parsed("TRANSACTION_APPS", "must be on or off", switch);
    if user_id_claim.is_empty() {
        reader.problems.push("USER_ID_CLAIM must not be empty".to_owned());
    }
    match wording {
        Some(wording) if reader.problems.is_empty() => {
            let settings = Settings {
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
                page_url: Some(page_url).filter(|url| !url.is_empty()),
                brand,
                return_urls,
                relying_party,
                faces,
                transactions,
                transactions_by_app,
            };
            check_page(&settings)?;
            Ok(settings)
        }
        _ => Err(ConfigError(reader.problems)),
    }
}

fn transactions(reader: &mut Reader<'_>) -> TransactionTexts {
    TransactionTexts::parse(&reader.text("TRANSACTION_TYPES")).unwrap_or_else(|error| {
        reader.problems.push(format!("TRANSACTION_TYPES {error}"));
        TransactionTexts::default()
    })
}

fn brand(reader: &mut Reader<'_>) -> Brand {
    let colors = reader.parsed("PAGE_COLOR", "must be a colour as #rrggbb, such as #0b5fff", |text| match text {
        "" => Some(None),
        text => Colors::parse(text).map(Some),
    });
    let problem = "must be an https URL of a picture, without a query, such as https://example.com/logo.svg";
    let logo = reader.parsed("PAGE_LOGO", problem, |text| match text {
        "" => Some(None),
        text => logo(text).map(Some),
    });
    Brand { colors, logo }
}

/// The URL of a picture that a content security policy can name as it is (CSP Level 3, section 2.3.1): a path that ends
/// in a slash would allow all below it.
fn logo(text: &str) -> Option<String> {
    let is_of_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/:.-_~%+@".contains(&byte);
    let is_one = return_urls(text).is_some_and(|urls| urls.0 == [text]);
    (is_one && text.bytes().all(is_of_path) && !text.ends_with('/')).then(|| text.to_owned())
}

/// URLs with a host and a path. Only this machine may be reached without TLS.
fn return_urls(text: &str) -> Option<ReturnUrls> {
    let urls = list(text);
    let is_url = |url: &String| {
        let on_this_machine = ["http://127.0.0.1", "http://localhost"].iter().find_map(|prefix| {
            let rest = url.strip_prefix(prefix)?;
            if rest.starts_with([':', '/']) { url.strip_prefix("http://") } else { None }
        });
        let host_and_path = url.strip_prefix("https://").or(on_this_machine);
        let parts = host_and_path.and_then(|rest| rest.split_once('/'));
        let is_host = |host: &str| {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:".contains(&byte))
        };
        let is_path = |path: &str| path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte));
        parts.is_some_and(|(host, path)| is_host(host) && is_path(path))
    };
    urls.iter().all(is_url).then_some(ReturnUrls(urls))
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn receipts(reader: &mut Reader<'_>) -> Option<ReceiptSettings> {
    let issuer =
        reader.parsed("RECEIPT_ISSUER", "must be a URL without a query, such as https://api.example.com", |text| {
            let is_url =
                ["https://", "http://"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
            (text.is_empty() || is_url && text.chars().all(|c| c.is_ascii_graphic() && !"?#".contains(c)))
                .then(|| text.to_owned())
        });
    let audiences =
        reader.parsed("RECEIPT_AUDIENCES", "must name at least one audience, in ASCII without spaces", |text| {
            let audiences = list(text);
            let is_plain = |audience: &String| audience.chars().all(|c| c.is_ascii_graphic() && !"[]\"".contains(c));
            (!audiences.is_empty() && audiences.iter().all(is_plain)).then_some(audiences)
        });
    let generation = reader.number("RECEIPT_KEY_GENERATION");
    let after_seconds = 86_400 * reader.number::<u64>("RECEIPT_KEY_DAYS");
    (!issuer.is_empty()).then_some(ReceiptSettings {
        issuer,
        audiences,
        rotation: Rotation { generation, after_seconds },
    })
}

/// Every setting that is read in this build.
fn every_setting() -> impl Iterator<Item = &'static Setting> {
    #[cfg(feature = "aws")]
    return SETTINGS.iter().chain(DEPLOYMENT_SETTINGS);
    #[cfg(not(feature = "aws"))]
    SETTINGS.iter()
}

/// The settings that a refused wording comes from.
fn names(error: &WordingError) -> &'static str {
    match error {
        WordingError::Product => "PRODUCT_NAME",
        WordingError::WebDomain => "WEB_DOMAIN",
        WordingError::AndroidAppHash => "ANDROID_APP_HASH",
        WordingError::TooLong { .. } => "PRODUCT_NAME, WEB_DOMAIN",
    }
}

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// The row of a setting. A name without one is a problem at every start.
    fn row(&mut self, name: &str) -> Option<&'static Setting> {
        let row = every_setting().find(|setting| setting.name == name);
        if row.is_none() {
            self.problems.push(format!("{name} is not in the table of settings"));
        }
        row
    }

    /// The trimmed value, else the default.
    fn text(&mut self, name: &str) -> String {
        let default = self.row(name).map_or("", |setting| setting.default);
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

    /// A number in the range of its row.
    fn number<N: Default + TryFrom<u64>>(&mut self, name: &str) -> N {
        let Some((least, most)) = self.row(name).and_then(|setting| setting.range) else {
            self.problems.push(format!("{name} has no range"));
            return N::default();
        };
        let in_range = |text: &str| text.parse().ok().filter(|number| (least..=most).contains(number));
        let problem = format!("must be a number from {least} to {most}");
        self.parsed(name, &problem, |text| in_range(text).and_then(|number| N::try_from(number).ok()))
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
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    /// The names that a function asks for.
    fn asked(read: impl Fn(&dyn Fn(&str) -> Option<String>)) -> BTreeSet<String> {
        let asked = RefCell::new(BTreeSet::new());
        read(&|name| {
            asked.borrow_mut().insert(name.to_owned());
            None
        });
        asked.into_inner()
    }

    fn names<'a>(settings: impl Iterator<Item = &'a Setting>) -> BTreeSet<String> {
        settings.map(|setting| setting.name.to_owned()).collect()
    }

    #[test]
    fn every_row_is_read_and_every_name_that_is_read_has_a_row() {
        let of_rules = asked(|lookup| drop(read(lookup)));
        assert_eq!(of_rules, names(SETTINGS.iter()));
        #[cfg(feature = "aws")]
        assert_eq!(asked(|lookup| drop(read_deployment(lookup))), names(every_setting()));
        assert_eq!(names(every_setting()).len(), every_setting().count(), "a name is there twice");
    }

    #[test]
    fn a_name_without_a_row_is_reported() {
        let mut reader = Reader { lookup: &|_| Some("3".to_owned()), problems: Vec::new() };
        reader.text("INVENTED");
        assert_eq!(reader.problems, ["INVENTED is not in the table of settings"]);
    }

    #[test]
    fn a_number_is_taken_up_to_the_bounds_of_its_row_and_not_beyond() {
        for setting in SETTINGS {
            let Some((least, most)) = setting.range else { continue };
            let set = |number: u64| read(|name| (name == setting.name).then(|| number.to_string()));
            for right in [least, most] {
                assert!(set(right).is_ok(), "{} {right}", setting.name);
            }
            for wrong in [least - 1, most + 1, u64::MAX] {
                let problem = format!("{} must be a number from {least} to {most}", setting.name);
                assert_eq!(set(wrong).unwrap_err(), ConfigError(vec![problem]));
            }
        }
    }

    #[test]
    fn the_default_settings_give_the_default_policy() {
        assert_eq!(read(|_| None).unwrap().policy, Policy::default());
    }

    #[test]
    fn all_invalid_settings_are_reported_together() {
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
    fn an_allowed_origin_must_have_the_form_of_an_origin_header() {
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

    #[test]
    fn a_logo_is_one_url_that_a_policy_can_name() {
        let set = |url: &str| read(|name| (name == "PAGE_LOGO").then(|| url.to_owned())).map(|it| it.brand.logo);
        assert_eq!(set(""), Ok(None));
        for right in ["https://cdn.example/a/logo-2%20b.svg", "http://127.0.0.1:3000/logo.png"] {
            assert_eq!(set(right), Ok(Some(right.to_owned())));
        }
        for wrong in [
            "https://cdn.example",
            "https://cdn.example/",
            "https://cdn.example/logos/",
            "https://cdn.example/a.svg?v=2",
            "https://cdn.example/a.svg;script-src",
            "https://cdn.example/a.svg, https://cdn.example/b.svg",
            "https://cdn.example/a.svg 'unsafe-inline'",
            "https://*.example/a.svg",
            "http://cdn.example/a.svg",
            "data:image/png;base64,AAAA",
        ] {
            assert!(set(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(feature = "aws")]
    #[test]
    fn all_missing_or_invalid_deployment_settings_are_reported_together() {
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
    fn a_deployment_sends_no_message_unless_a_channel_is_configured() {
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
    fn the_allowed_countries_are_read_from_their_setting() {
        let settings = read(|name| (name == "ALLOWED_COUNTRIES").then(|| "CH, DE".to_owned())).unwrap();
        assert_eq!(settings.countries, Countries::Only(vec!["CH".to_owned(), "DE".to_owned()]));
    }
}
