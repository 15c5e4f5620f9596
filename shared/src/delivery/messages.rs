//! The text of every message, and the check at start-up that each SMS fits one segment.

use std::fmt;

use zeroize::Zeroizing;

use super::{Channel, Language, Message, SmsEncoding};
use crate::domain::contact::{Destination, EmailAddress, PhoneNumber, is_host_name};
use crate::domain::secret::Passcode;

/// A platform that can fill in the code of an SMS by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A browser. It offers the code only on the site that the SMS names.
    Web,
    /// An Android app. The system hands it the messages that end in its hash.
    Android,
}

/// The purpose of a code. The message says it, so that a person does not give a code away for something else. It is not
/// printed, because the text of a transaction names people and amounts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// A check of the person.
    Check,
    /// The enrolment of the number or the address.
    Enrollment,
    /// The confirmation of a contact of record, before the first factor.
    Contact,
    /// The confirmation of a transaction, with the text that the person must read.
    Transaction(&'a str),
}

/// The occasion of a code.
#[derive(Clone, Copy)]
pub struct Occasion<'a> {
    /// The purpose of the code.
    pub purpose: Purpose<'a>,
    /// The platform on which the code of an SMS is typed in.
    pub platform: Option<Platform>,
    /// The language of the message.
    pub language: Language,
    /// The life of the code, in minutes.
    pub minutes: u64,
}

/// The parts of a message that an installation configures.
#[derive(Clone, Debug)]
pub struct Wording {
    pub(super) product: String,
    web_domain: Option<String>,
    android_app_hash: Option<String>,
}

/// Why a [`Wording`] was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordingError {
    /// The product's name is empty or has control characters.
    Product,
    /// The domain is not the name of a host, such as `example.com`: no scheme, port or path.
    WebDomain,
    /// The hash is not 11 characters of Base64.
    AndroidAppHash,
    /// A message would need more than one SMS.
    TooLong {
        /// The language of the message.
        language: Language,
        /// The platform that the text is for.
        platform: Option<Platform>,
        /// The encoding that the text needs.
        encoding: SmsEncoding,
        /// The length in that encoding, with the longest code and the longest life.
        length: usize,
    },
}

impl fmt::Display for WordingError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product => formatter.write_str("the product's name must not be empty or have control characters"),
            Self::WebDomain => formatter.write_str("the web domain must be a host name such as example.com"),
            Self::AndroidAppHash => formatter.write_str("the Android app's hash must be 11 characters of Base64"),
            Self::TooLong { language, platform, encoding, length } => {
                let place = match platform {
                    None => "",
                    Some(Platform::Web) => " for browsers",
                    Some(Platform::Android) => " for the Android app",
                };
                write!(
                    formatter,
                    "the SMS in {language:?}{place} needs {length} {encoding} characters, and one SMS holds {}: shorten \
                     the product's name or the web domain",
                    encoding.limit()
                )
            }
        }
    }
}

impl std::error::Error for WordingError {}

impl Wording {
    /// The most digits of a code.
    pub const MAX_CODE_DIGITS: usize = 8;
    /// The longest life of a code, in minutes.
    pub const MAX_MINUTES: u64 = 10;
    /// Characters of an app's hash in Android's SMS Retriever API.
    const APP_HASH_LENGTH: usize = 11;

    /// Checks and keeps the product's name, the domain of the site where codes are typed in, and the hash of the
    /// Android app.
    ///
    /// Every SMS must fit one segment with the longest code and the longest life. A second segment costs as much again,
    /// and not every phone finds the code in it.
    ///
    /// # Errors
    /// Any [`WordingError`].
    pub fn new(product: &str, web_domain: Option<&str>, android_app_hash: Option<&str>) -> Result<Self, WordingError> {
        let product = product.trim();
        if product.is_empty() || product.contains(char::is_control) {
            return Err(WordingError::Product);
        }
        if web_domain.is_some_and(|domain| !is_host_name(domain)) {
            return Err(WordingError::WebDomain);
        }
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        if android_app_hash.is_some_and(|hash| hash.len() != Self::APP_HASH_LENGTH || !hash.bytes().all(is_base64)) {
            return Err(WordingError::AndroidAppHash);
        }
        let wording = Self {
            product: product.to_owned(),
            web_domain: web_domain.map(str::to_ascii_lowercase),
            android_app_hash: android_app_hash.map(str::to_owned),
        };
        wording.check_lengths()?;
        Ok(wording)
    }

    fn check_lengths(&self) -> Result<(), WordingError> {
        let longest_code = "0".repeat(Self::MAX_CODE_DIGITS);
        for language in Language::ALL {
            for (purpose, platform) in
                [Purpose::Check, Purpose::Enrollment, Purpose::Contact].into_iter().flat_map(|purpose| {
                    [None, Some(Platform::Web), Some(Platform::Android)].map(|platform| (purpose, platform))
                })
            {
                let occasion = Occasion { purpose, platform, language, minutes: Self::MAX_MINUTES };
                let (encoding, length) = SmsEncoding::measure(&self.sms_text(&longest_code, &occasion));
                if length > encoding.limit() {
                    return Err(WordingError::TooLong { language, platform, encoding, length });
                }
            }
        }
        self.check_notices()
    }

    /// The message that brings a passcode. `None` if the text of a transaction does not fit one SMS: it is never cut,
    /// and a second SMS costs as much again.
    #[must_use]
    pub fn passcode(&self, to: &Destination, code: &Passcode, occasion: &Occasion<'_>) -> Option<Message> {
        match to {
            Destination::Phone(number) => self.sms(number, code.expose(), occasion),
            Destination::Email(address) => Some(self.email(address, code.expose(), occasion)),
        }
    }

    /// The SMS with a code, if it fits one segment. If the platform's domain or hash is configured, the phone can fill in
    /// the code.
    pub(super) fn sms(&self, to: &PhoneNumber, code: &str, occasion: &Occasion<'_>) -> Option<Message> {
        let text = self.sms_text(code, occasion);
        let (encoding, length) = SmsEncoding::measure(&text);
        (length <= encoding.limit()).then(|| Message {
            channel: Channel::Sms,
            to: to.e164().to_owned(),
            subject: None,
            text,
            html: None,
            code: Zeroizing::new(code.to_owned()),
        })
    }

    fn sms_text(&self, code: &str, occasion: &Occasion<'_>) -> Zeroizing<String> {
        let Occasion { purpose, platform, language, minutes } = *occasion;
        let product = &self.product;
        let life = life(language, minutes);
        let is_gsm = |text: &str| SmsEncoding::measure(text).0 == SmsEncoding::Gsm7;
        // A text that needs UCS-2 has room for 70 characters, so the words around it must be few.
        let sentence = Zeroizing::new(match (language, purpose) {
            (Language::English, Purpose::Check) if is_gsm(product) => {
                format!(
                    "{code} is your {product} code to confirm it is you. Valid for {life}. Don't share it with anyone."
                )
            }
            (Language::English, Purpose::Check) => format!("{product} check: {code}, {minutes} min. Don't share."),
            (Language::English, Purpose::Enrollment) if is_gsm(product) => {
                format!(
                    "{code} is your {product} code to add this number. Valid for {life}. Don't share it with anyone."
                )
            }
            (Language::English, Purpose::Contact) if is_gsm(product) => {
                format!("{code} is your {product} code to set up a second factor. Valid for {life}. Don't share it.")
            }
            (Language::English, Purpose::Enrollment | Purpose::Contact) => {
                format!("{product} setup: {code}, {minutes} min. Don't share.")
            }
            (Language::English, Purpose::Transaction(text)) if is_gsm(product) && is_gsm(text) => {
                format!("{product}: {text}\nCode for this alone: {code}. Valid for {life}. Don't share it with anyone.")
            }
            (Language::English, Purpose::Transaction(text)) => {
                format!("{product}: {text}\nCode {code}, {minutes} min.")
            }
            (Language::Chinese, Purpose::Check) => format!("{product}身份验证码{code}，{life}有效，勿泄露。"),
            (Language::Chinese, Purpose::Enrollment) => format!("{product}绑定验证码{code}，{life}有效，勿泄露。"),
            (Language::Chinese, Purpose::Contact) => format!("{product}设置验证码{code}，{life}有效，勿泄露。"),
            (Language::Chinese, Purpose::Transaction(text)) => {
                format!("{product}：{text}\n验证码{code}，{life}有效，勿泄露。")
            }
        });
        let ending = match (platform, &self.web_domain, &self.android_app_hash) {
            // An origin-bound one-time code: the last line, with nothing else in it
            // (https://wicg.github.io/sms-one-time-codes/).
            (Some(Platform::Web), Some(domain), _) => Zeroizing::new(format!("\n@{domain} #{code}")),
            // The SMS Retriever API finds the app by this hash.
            (Some(Platform::Android), _, Some(hash)) => Zeroizing::new(format!("\n{hash}")),
            _ => Zeroizing::default(),
        };
        Zeroizing::new([sentence.as_str(), ending.as_str()].concat())
    }

    /// The e-mail with a code. The code opens the text. The subject has none, because a locked screen shows it.
    pub(super) fn email(&self, to: &EmailAddress, code: &str, occasion: &Occasion<'_>) -> Message {
        let Occasion { purpose, language, minutes, .. } = *occasion;
        let product = &self.product;
        let (subject, after_code) = match (language, purpose) {
            (Language::English, Purpose::Check) => {
                (format!("{product} verification code"), format!("is your {product} code to confirm it is you."))
            }
            (Language::English, Purpose::Enrollment) => {
                (format!("{product}: confirm this address"), format!("is your {product} code to add this address."))
            }
            (Language::English, Purpose::Contact) => (
                format!("{product}: set up a second factor"),
                format!("is your {product} code to set up a second factor."),
            ),
            (Language::English, Purpose::Transaction(_)) => {
                (format!("{product}: please confirm"), format!("is your {product} code for this alone:"))
            }
            (Language::Chinese, Purpose::Check) => {
                (format!("{product} 验证码"), format!("是您的 {product} 身份验证码。"))
            }
            (Language::Chinese, Purpose::Enrollment) => {
                (format!("{product} 绑定邮箱"), format!("是您的 {product} 验证码，用于绑定此邮箱。"))
            }
            (Language::Chinese, Purpose::Contact) => {
                (format!("{product} 安全设置"), format!("是您的 {product} 验证码，用于设置第二重验证。"))
            }
            (Language::Chinese, Purpose::Transaction(_)) => {
                (format!("{product} 操作确认"), format!("是您的 {product} 验证码，仅用于以下操作："))
            }
        };
        let life = life(language, minutes);
        let (advice, otherwise) = match language {
            Language::English => (
                format!("It is valid for {life}. Don't share it with anyone: nobody from {product} will ask for it."),
                match purpose {
                    Purpose::Check | Purpose::Enrollment => "If you did not ask for it, you can ignore this message.",
                    Purpose::Contact => "If you did not ask for it, somebody else may know your password: change it.",
                    Purpose::Transaction(_) => "If you did not ask for exactly this, don't use the code.",
                },
            ),
            Language::Chinese => (
                format!("{life}内有效。请勿告诉任何人，{product} 的工作人员不会向您索取。"),
                match purpose {
                    Purpose::Check | Purpose::Enrollment => "如果不是您本人的操作，请忽略本邮件。",
                    Purpose::Contact => "如果不是您本人的操作，您的密码可能已泄露，请立即修改。",
                    Purpose::Transaction(_) => "如果与您的操作不完全一致，请勿使用此验证码。",
                },
            ),
        };
        let transaction = match purpose {
            Purpose::Check | Purpose::Enrollment | Purpose::Contact => None,
            Purpose::Transaction(text) => Some(text),
        };
        let in_text = transaction.map(|text| format!("\n\n{text}")).unwrap_or_default();
        let text = format!("{code} {after_code}{in_text}\n\n{advice}\n\n{otherwise}\n");
        let in_html =
            transaction.map(|text| format!("<p><strong>{}</strong></p>\n", escaped(text))).unwrap_or_default();
        let html = format!(
            "<!doctype html>\n<html lang=\"{tag}\">\n<head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
             <body style=\"font-family: sans-serif\">\n<p><strong style=\"font-size: 1.5em\">{code}</strong> {after_code}</p>\n\
             {in_html}<p>{advice}</p>\n<p>{otherwise}</p>\n</body>\n</html>\n",
            tag = language.tag(),
            subject = escaped(&subject),
            code = escaped(code),
            after_code = escaped(&after_code),
            advice = escaped(&advice),
            otherwise = escaped(otherwise),
        );
        Message {
            channel: Channel::Email,
            to: to.as_typed().to_owned(),
            subject: Some(subject),
            text: Zeroizing::new(text),
            html: Some(Zeroizing::new(html)),
            code: Zeroizing::new(code.to_owned()),
        }
    }
}

/// The life of a code in words: `1 minute`, `10 minutes`.
fn life(language: Language, minutes: u64) -> String {
    match language {
        Language::English if minutes == 1 => "1 minute".to_owned(),
        Language::English => format!("{minutes} minutes"),
        Language::Chinese => format!("{minutes}分钟"),
    }
}

/// Escapes text for HTML, in elements and in attributes.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "FA+9qCX9VSu";

    fn wording() -> Wording {
        Wording::new("Example", Some("Example.com"), Some(HASH)).unwrap()
    }

    fn sms(wording: &Wording, platform: Option<Platform>, language: Language, minutes: u64) -> Message {
        sms_for(wording, Occasion { purpose: Purpose::Check, platform, language, minutes }).unwrap()
    }

    fn sms_for(wording: &Wording, occasion: Occasion<'_>) -> Option<Message> {
        let number = PhoneNumber::parse("+86 138 0013 8000", None).unwrap();
        wording.sms(&number, "012345", &occasion)
    }

    fn email(wording: &Wording, address: &str, language: Language, minutes: u64) -> Message {
        email_for(wording, address, Occasion { purpose: Purpose::Check, platform: None, language, minutes })
    }

    fn email_for(wording: &Wording, address: &str, occasion: Occasion<'_>) -> Message {
        wording.email(&EmailAddress::parse(address).unwrap(), "012345", &occasion)
    }

    #[test]
    fn an_sms_says_what_the_code_is_for_and_how_long_it_lives() {
        let message = sms(&wording(), None, Language::English, 10);
        assert_eq!(
            message.text.as_str(),
            "012345 is your Example code to confirm it is you. Valid for 10 minutes. Don't share it with anyone."
        );
        assert_eq!((message.channel, message.to.as_str()), (Channel::Sms, "+8613800138000"));
        assert_eq!((message.subject.as_deref(), message.html.as_deref()), (None, None));
        assert_eq!(message.code.as_str(), "012345");

        let message = sms(&wording(), None, Language::English, 1);
        assert!(message.text.contains("Valid for 1 minute. "), "{}", *message.text);
        let message = sms(&wording(), None, Language::Chinese, 1);
        assert_eq!(message.text.as_str(), "Example身份验证码012345，1分钟有效，勿泄露。");
    }

    #[test]
    fn an_sms_to_a_browser_ends_in_the_origin_bound_code() {
        for language in Language::ALL {
            let message = sms(&wording(), Some(Platform::Web), language, 10);
            assert_eq!(message.text.lines().last(), Some("@example.com #012345"), "{language:?}");
            assert_eq!(message.text.lines().count(), 2);
        }
        let elsewhere = Wording::new("Example", None, Some(HASH)).unwrap();
        assert_eq!(sms(&elsewhere, Some(Platform::Web), Language::English, 10).text.lines().count(), 1);
    }

    #[test]
    fn an_sms_to_an_android_app_ends_in_its_hash() {
        for language in Language::ALL {
            let message = sms(&wording(), Some(Platform::Android), language, 10);
            assert_eq!(message.text.lines().last(), Some(HASH), "{language:?}");
        }
        let elsewhere = Wording::new("Example", Some("example.com"), None).unwrap();
        assert_eq!(sms(&elsewhere, Some(Platform::Android), Language::English, 10).text.lines().count(), 1);
    }

    #[test]
    fn a_product_with_a_chinese_name_fits_in_both_languages() {
        let wording = Wording::new("示例", Some("example.com.cn"), Some(HASH)).unwrap();
        let message = sms(&wording, Some(Platform::Web), Language::English, 10);
        assert_eq!(message.text.as_str(), "示例 check: 012345, 10 min. Don't share.\n@example.com.cn #012345");
    }

    #[test]
    fn wording_too_long_for_one_sms_is_refused_at_start_up() {
        let fits = |name: usize, domain: usize| {
            Wording::new(&"P".repeat(name), Some(&format!("{}.com", "d".repeat(domain - 4))), Some(HASH))
        };
        assert!(fits(7, 26).is_ok());
        let error = fits(7, 27).unwrap_err();
        assert_eq!(
            error,
            WordingError::TooLong {
                language: Language::Chinese,
                platform: Some(Platform::Web),
                encoding: SmsEncoding::Ucs2,
                length: 71,
            }
        );
        assert_eq!(
            error.to_string(),
            "the SMS in Chinese for browsers needs 71 UCS-2 characters, and one SMS holds 70: shorten the product's \
             name or the web domain"
        );
        let long = Wording::new(&"[".repeat(40), None, None).unwrap_err();
        let WordingError::TooLong { encoding, length, language, .. } = long else { panic!("{long:?}") };
        assert_eq!((language, encoding, length), (Language::English, SmsEncoding::Gsm7, 174), "brackets count twice");
    }

    #[test]
    fn settings_that_could_break_a_message_are_refused() {
        for product in ["", "  ", "Exam\nple", "Example\r\nBcc: a@example.com", "a\0b"] {
            assert_eq!(Wording::new(product, None, None).unwrap_err(), WordingError::Product, "{product:?}");
        }
        for domain in ["", "localhost", "https://example.com", "example.com/", "example.com:443", "a b.com", "例子.com"]
        {
            assert_eq!(Wording::new("P", Some(domain), None).unwrap_err(), WordingError::WebDomain, "{domain:?}");
        }
        for hash in ["", "FA+9qCX9VS", "FA+9qCX9VSuu", "FA+9qCX9VS=", "FA+9qCX9 Su"] {
            assert_eq!(Wording::new("P", None, Some(hash)).unwrap_err(), WordingError::AndroidAppHash, "{hash:?}");
        }
    }

    #[test]
    fn an_email_opens_with_the_code_and_its_subject_has_none() {
        let address = "Alice@example.com";
        for language in Language::ALL {
            let message = email(&wording(), address, language, 10);
            let subject = message.subject.as_deref().unwrap();
            assert!(message.text.lines().next().unwrap().starts_with("012345 "), "{}", *message.text);
            assert!(message.text.contains("10"), "{}", *message.text);
            assert!(subject.contains("Example") && !subject.contains("012345"), "{subject}");
            assert_eq!((message.channel, message.to.as_str()), (Channel::Email, "Alice@example.com"));
            let html = message.html.as_deref().unwrap();
            assert!(html.contains("<strong style=\"font-size: 1.5em\">012345</strong>"), "{html}");
            assert!(!html.contains("://") && !html.contains("src=") && !html.contains("href="), "{html}");
        }
        let message = email(&wording(), address, Language::English, 1);
        assert_eq!(
            message.text.as_str(),
            "012345 is your Example code to confirm it is you.\n\nIt is valid for 1 minute. Don't share it with anyone: nobody \
             from Example will ask for it.\n\nIf you did not ask for it, you can ignore this message.\n"
        );
    }

    #[test]
    fn a_product_name_is_escaped_in_html() {
        let wording = Wording::new("<b>R&D's \"x\"", None, None).unwrap();
        let message = email(&wording, "alice@example.com", Language::English, 10);
        let html = message.html.as_deref().unwrap();
        assert!(html.contains("&lt;b&gt;R&amp;D&#39;s &quot;x&quot;") && !html.contains("<b>"), "{html}");
        assert!(message.text.contains("<b>R&D's \"x\""));
    }

    #[test]
    fn every_message_says_what_its_code_is_for_t34() {
        let table = [
            (Language::English, Purpose::Check, "to confirm it is you", "to confirm it is you"),
            (Language::English, Purpose::Enrollment, "to add this number", "to add this address"),
            (Language::English, Purpose::Transaction("Pay 5 EUR to Zoe"), "Pay 5 EUR to Zoe", "Pay 5 EUR to Zoe"),
            (Language::Chinese, Purpose::Check, "身份验证", "身份验证"),
            (Language::Chinese, Purpose::Enrollment, "绑定", "绑定"),
            (Language::Chinese, Purpose::Transaction("向李雷付款5元"), "向李雷付款5元", "向李雷付款5元"),
        ];
        for (language, purpose, in_sms, in_email) in table {
            let occasion = Occasion { purpose, platform: Some(Platform::Web), language, minutes: 10 };
            let message = sms_for(&wording(), occasion).unwrap();
            assert!(message.text.contains(in_sms), "{}", *message.text);
            assert_eq!(message.text.lines().last(), Some("@example.com #012345"), "{}", *message.text);
            let message = email_for(&wording(), "alice@example.com", occasion);
            assert!(message.text.contains(in_email), "{}", *message.text);
            assert!(message.html.as_deref().unwrap().contains(in_email), "{:?}", message.html);
        }
    }

    #[test]
    fn a_transaction_that_does_not_fit_one_sms_is_refused_and_never_cut_t34() {
        let fits = |text: &str, language| {
            let occasion = Occasion { purpose: Purpose::Transaction(text), platform: None, language, minutes: 10 };
            let message = sms_for(&wording(), occasion);
            assert!(message.as_ref().is_none_or(|message| message.text.contains(text)));
            message.is_some()
        };
        assert!(fits(&"a".repeat(72), Language::English) && !fits(&"a".repeat(73), Language::English));
        // One letter that GSM-7 lacks leaves room for less.
        assert!(fits(&"ł".repeat(40), Language::English) && !fits(&"ł".repeat(41), Language::English));
        assert!(fits(&"李".repeat(40), Language::Chinese) && !fits(&"李".repeat(41), Language::Chinese));
    }

    #[test]
    fn the_text_of_a_transaction_is_escaped_in_html() {
        let purpose = Purpose::Transaction("Pay <b>5</b> to \"R&D\"");
        let occasion = Occasion { purpose, platform: None, language: Language::English, minutes: 10 };
        let message = email_for(&wording(), "alice@example.com", occasion);
        let html = message.html.as_deref().unwrap();
        assert!(html.contains("Pay &lt;b&gt;5&lt;/b&gt; to &quot;R&amp;D&quot;") && !html.contains("<b>"), "{html}");
        assert!(message.text.contains("Pay <b>5</b> to \"R&D\""));
    }

    #[test]
    fn the_debug_output_of_a_message_hides_its_content() {
        let shown = format!("{:?}", sms(&wording(), None, Language::English, 10));
        assert_eq!(shown, "Message { channel: Sms, .. }");
    }
}
